//! The HTTP front: one API, `/v1`, JSON (docs: `/docs` of a running server).
//!
//! A request passes `connection` (limits of heads, timeouts) → `routes` (the table: scope, half, body size; a single debit comes there
//! by `direct`) → `auth` → `body` → a handler, which parses, asks the [`Engine`], and renders. Handlers are grouped as the API is: `debits`, `holds`,
//! `batch`, `refunds`, `voids`, `balance`, `past`, `invoices`, `transfers`, `budgets`, `rate_cards` on the metering half; `wallets`, `customers`,
//! `transactions`, `history`, `statement`, `books`, `events` on the billing half; `stream` for who listens; `refusals`, `settings`, `keys`, `tenants`, `test_clock`, `ops` beside them.
//!
//! Replies to writes are rendered from [`crate::engine::Committed`] alone, so that a replay is the same bytes.
//!
//! Deliberately absent: middleware and tracing per request on the hot path (DESIGN decision 20), rate limits, TLS. Tested in
//! tests/http_*.rs.

mod alerts;
mod auth;
mod balance;
mod balance_diff;
mod batch;
mod body;
mod books;
mod budgets;
mod call;
mod charge;
mod connection;
mod connectors;
mod customers;
mod debits;
mod direct;
mod docs;
mod done;
mod erase;
mod error;
mod events;
mod exports;
mod fields;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod grants;
mod history;
mod holds;
mod idempotency;
mod invoices;
mod json;
mod keys;
mod metrics;
mod openapi;
mod ops;
mod options;
mod page;
mod past;
pub(crate) mod past_documents;
mod period;
mod query;
mod rate_cards;
mod recharges;
mod refunds;
mod refusals;
mod reply;
mod routes;
mod secret;
mod server;
mod settings;
mod statement;
mod stream;
mod subscriptions;
mod tenants;
mod test_clock;
mod transactions;
mod transfers;
mod voids;
mod waiting;
mod wallets;
mod webhooks;
pub(crate) use crate::wire;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::Method;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub(crate) use keys::is_key_name;
pub use options::HttpOptions;
pub use secret::Secret;
pub use server::ServeError;
pub use waiting::serve_while_starting;

use crate::engine::Engine;
use crate::feed::Eraser;
use crate::feed::history::History;
use crate::feed::payments::Payments;
use crate::feed::stream::Streams;
use crate::feed::webhooks::Webhooks;
use crate::rfc3339;
use auth::Scope;
use connection::RequestIds;
use metrics::{Class, Metrics};
use refusals::Refusals;
use routes::{Access, RouteInfo, Routes};

/// What all requests share.
pub(crate) struct App {
    engine: Engine,
    options: HttpOptions,
    body_timeout: Duration,
    request_ids: RequestIds,
    metrics: Metrics,
    refusals: Arc<Refusals>,
    /// Erases customers.
    eraser: Eraser,
    /// Where ledger rows are searched; `None` = this server keeps none.
    history: Option<History>,
    /// Who pays recharges; `None` = somebody else does.
    payments: Option<Payments>,
    /// Who delivers webhooks; `None` = this server does not.
    webhooks: Option<Webhooks>,
    /// The OpenAPI document, as it is sent.
    openapi: Bytes,
    /// The same as a page to read.
    docs: Bytes,
    /// Room for exports.
    exports: Arc<Semaphore>,
    /// Who listens to what happens.
    streams: Streams,
    /// Set when the server was asked to stop: readiness ends first.
    draining: AtomicBool,
}

impl App {
    fn new(engine: Engine, options: HttpOptions, feeds: Feeds) -> Self {
        let mut start = [0; 8];
        engine.random(&mut start);
        let document = openapi::document();
        let refusals =
            Arc::new(Refusals::new(options.refusals_kept_per_customer, options.refusals_bytes_max));
        let kept = Arc::clone(&refusals);
        Self {
            openapi: openapi::json(&document).into(),
            docs: docs::page(&document).into(),
            eraser: Eraser::new(engine.clone(), feeds.history.clone())
                .telling(move |customer| kept.forget(customer)),
            refusals,
            payments: feeds.payments,
            history: feeds.history,
            webhooks: feeds.webhooks,
            body_timeout: Duration::from_secs(options.body_timeout_s),
            request_ids: RequestIds::new(start),
            metrics: Metrics::default(),
            exports: Arc::new(Semaphore::new(options.exports_max)),
            streams: Streams::new(engine.clone(), options.streams.clone()),
            options,
            engine,
            draining: AtomicBool::new(false),
        }
    }

    /// Whether requests are welcome.
    fn ready(&self) -> bool {
        self.engine.ready() && !self.draining.load(Ordering::Relaxed)
    }
}

/// What follows the log beside the engine, as far as it is there.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    /// Where ledger rows are searched.
    pub history: Option<History>,
    /// Who delivers webhooks.
    pub webhooks: Option<Webhooks>,
    /// Who pays recharges.
    pub payments: Option<Payments>,
}

/// The front of one engine. Its listeners share their counters: one for everybody, and if wanted one for operators.
#[derive(Clone)]
pub struct HttpServer(Arc<App>);

impl HttpServer {
    /// A front that does not listen yet.
    #[must_use]
    pub fn new(engine: Engine, options: HttpOptions) -> Self {
        Self::with_feeds(engine, options, Feeds::default())
    }

    /// The same, with a history to search ledger rows in.
    #[must_use]
    pub fn with_history(engine: Engine, options: HttpOptions, history: History) -> Self {
        Self::with_feeds(engine, options, Feeds { history: Some(history), ..Feeds::default() })
    }

    /// The same, with whatever of these is there.
    #[must_use]
    pub fn with_feeds(engine: Engine, options: HttpOptions, feeds: Feeds) -> Self {
        Self(Arc::new(App::new(engine, options, feeds)))
    }

    /// Goes on in the background with an erasure that was begun and not finished, if there is one.
    pub fn go_on_erasing(&self) {
        self.0.eraser.go_on();
    }

    /// Serves the whole API on `listener` until `shutdown` resolves; requests in flight are finished then.
    ///
    /// # Errors
    /// [`ServeError`]: the listener broke, or requests did not finish in `drain_timeout_s`.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let (routes, _) = api();
        server::run(Arc::clone(&self.0), routes.with_state(Arc::clone(&self.0)), listener, shutdown).await
    }

    /// Serves health, readiness and figures without a key, for a listener that only operators reach.
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub async fn serve_ops(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let (routes, _) = operators(Routes::new()).open("/metrics", ops::open_metrics).finish();
        server::run(Arc::clone(&self.0), routes.with_state(Arc::clone(&self.0)), listener, shutdown).await
    }
}

impl std::fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpServer").field("options", &self.0.options).finish_non_exhaustive()
    }
}

/// Serves the whole API of a new [`HttpServer`].
///
/// # Errors
/// As [`HttpServer::serve`].
pub async fn serve(
    engine: Engine,
    options: HttpOptions,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    HttpServer::new(engine, options).serve(listener, shutdown).await
}

/// Every route of the API.
fn api() -> (Router<Arc<App>>, Vec<RouteInfo>) {
    let metrics = Access::ours(Scope::Read, Class::Ops).read_only();
    granting(admin(usage(between(streams(finance(customers(wallets(undoing(holds(metering(
        operators(Routes::new()),
    )))))))))))
    .signed("/v1/connectors/stripe/webhook", connectors::stripe)
    .on(Method::GET, "/metrics", metrics, ops::metrics)
    .open("/", ops::index)
    .open("/openapi.json", ops::openapi)
    .open("/docs", ops::docs)
    .finish()
}

fn operators(routes: Routes) -> Routes {
    routes.open("/healthz", ops::healthz).open("/readyz", ops::readyz)
}

/// Single debits, whichever way they come.
const DEBIT: Access = Access::ours(Scope::Debit, Class::Debit);

fn metering(routes: Routes) -> Routes {
    let batch = Access::ours(Scope::Debit, Class::Batch).batch();
    let balance = Access::ours(Scope::DebitOrRead, Class::Balance).read_only();
    routes
        .on(Method::POST, "/v1/customers/{id}/debits", DEBIT, debits::create)
        .on(Method::POST, "/v1/debits/batch", batch, batch::debits::create)
        .on(Method::POST, "/v1/batch", batch, batch::mixed::create)
        .on(Method::GET, "/v1/customers/{id}/balance", balance, balance::get)
        .on(Method::GET, "/v1/customers/{id}/balance/diff", balance, balance_diff::get)
}

fn holds(routes: Routes) -> Routes {
    let write = Access::ours(Scope::Debit, Class::Hold);
    let read = Access::ours(Scope::DebitOrRead, Class::Hold).read_only();
    routes
        .on(Method::POST, "/v1/customers/{id}/holds", write, holds::place::create)
        .on(Method::GET, "/v1/customers/{id}/holds", read, holds::read::list)
        .on(Method::GET, "/v1/customers/{id}/holds/{hold_id}", read, holds::read::get)
        .on(Method::POST, "/v1/customers/{id}/holds/{hold_id}/capture", write, holds::capture::capture)
        .on(Method::POST, "/v1/customers/{id}/holds/{hold_id}/release", write, holds::capture::release)
        .on(Method::POST, "/v1/customers/{id}/holds/{hold_id}/extend", write, holds::change::extend)
        .on(Method::POST, "/v1/customers/{id}/holds/{hold_id}/grow", write, holds::change::grow)
}

/// What undoes: credit back to whom it was taken from, credit back from whom it was given to.
fn undoing(routes: Routes) -> Routes {
    let write = Access::ours(Scope::Write, Class::Refund);
    routes.on(Method::POST, "/v1/customers/{id}/refunds", write, refunds::create).on(
        Method::POST,
        "/v1/transactions/{id}/void",
        write,
        voids::create,
    )
}

fn wallets(routes: Routes) -> Routes {
    let read = Access::billing(Scope::Read, Class::WalletRead).read_only();
    let write = Access::billing(Scope::Write, Class::WalletWrite);
    routes
        .on(Method::POST, "/v1/wallets", write, wallets::create::create)
        .on(Method::GET, "/v1/wallets", read, wallets::list::list)
        .on(Method::POST, "/v1/wallets/search", read, wallets::list::search)
        .on(Method::POST, "/v1/wallets/transactions/search", read.of_history(), history::list::search)
        .on(Method::GET, "/v1/wallets/{id}/transactions", read.of_history(), history::list::of_wallet)
        .on(Method::GET, "/v1/wallets/{id}", read, wallets::get::get)
        .on(Method::GET, "/v1/wallets/{id}/balance/real-time", read, wallets::get::real_time)
        .on(Method::PUT, "/v1/wallets/{id}", write, wallets::update::update)
        .on(Method::POST, "/v1/wallets/{id}/top-up", write, wallets::top_up::create)
        .on(Method::POST, "/v1/wallets/{id}/debit", write, wallets::debit::create)
        .on(Method::POST, "/v1/wallets/{id}/freeze", write, wallets::life::freeze)
        .on(Method::POST, "/v1/wallets/{id}/unfreeze", write, wallets::life::unfreeze)
        .on(Method::POST, "/v1/wallets/{id}/auto-topup/resume", write, recharges::resume)
        .on(Method::GET, "/v1/recharges", read, recharges::list::list)
        .on(Method::POST, "/v1/recharges/{id}/complete", write, recharges::complete)
        .on(Method::POST, "/v1/recharges/{id}/fail", write, recharges::fail)
        .on(Method::POST, "/v1/recharges/{id}/cancel", write, recharges::cancel)
        .on(Method::POST, "/v1/alerts/search", read, alerts::search)
        .on(Method::POST, "/v1/wallets/{id}/terminate", write, wallets::life::terminate)
}

fn customers(routes: Routes) -> Routes {
    let read = Access::billing(Scope::Read, Class::Customer).read_only();
    let prove = Access::ours(Scope::Read, Class::Customer).read_only();
    let write = Access::billing(Scope::Write, Class::Customer);
    let ledger = Access::ours(Scope::Read, Class::Customer).of_history();
    let export = Access::ours(Scope::Read, Class::Export).of_export();
    let explain = Access::ours(Scope::Read, Class::Customer).read_only();
    routes
        .on(Method::POST, "/v1/customers", write, customers::create)
        .on(Method::PUT, "/v1/customers", write, customers::update_by_query)
        .on(Method::POST, "/v1/customers/search", read, customers::search)
        .on(Method::GET, "/v1/customers/wallets", read, wallets::list::by_lookup)
        .on(Method::GET, "/v1/customers/external/{*external_id}", read, customers::get_external)
        .on(Method::GET, "/v1/customers/{id}", read, customers::get)
        .on(Method::PUT, "/v1/customers/{id}", write, customers::update)
        .on(Method::DELETE, "/v1/customers/{id}", write, customers::delete)
        .on(Method::GET, "/v1/customers/{id}/wallets", read, wallets::list::of_customer)
        .on(Method::GET, "/v1/customers/{id}/ledger", ledger, history::list::ledger)
        .on(Method::GET, "/v1/customers/{id}/refusals", explain, refusals::list)
        .on(Method::GET, "/v1/refusals/{request_id}", explain, refusals::get)
        .on(Method::GET, "/v1/transactions/{id}", read, transactions::get)
        .on(Method::GET, "/v1/transactions/{id}/proof", prove, transactions::proof)
        .on(Method::GET, "/v1/exports/{kind}", export, exports::get)
}

/// Rules that mint credit, and who is enrolled in them.
fn granting(routes: Routes) -> Routes {
    let read = Access::billing(Scope::Read, Class::Grant).read_only();
    let write = Access::billing(Scope::Write, Class::Grant);
    let (show, enrol) =
        (Access::ours(Scope::Read, Class::Grant).read_only(), Access::ours(Scope::Write, Class::Grant));
    routes
        .on(Method::POST, "/v1/creditgrants", write, grants::write::create)
        .on(Method::POST, "/v1/credit-grants", write, grants::write::create_alias)
        .on(Method::GET, "/v1/creditgrants/{id}", read, grants::read::get)
        .on(Method::PUT, "/v1/creditgrants/{id}", write, grants::write::update)
        .on(Method::DELETE, "/v1/creditgrants/{id}", write, grants::write::delete)
        .on(Method::GET, "/v1/plans/{id}/creditgrants", read, grants::read::of_plan)
        .on(Method::GET, "/v1/addons/{id}/creditgrants", read, grants::read::of_addon)
        .on(Method::GET, "/v1/subscriptions/{id}/grants/upcoming", read, grants::read::of_subscription)
        .on(Method::GET, "/v1/customers/{id}/grants/upcoming", read, grants::read::of_customer)
        .on(Method::POST, "/v1/subscriptions", enrol, subscriptions::create)
        .on(Method::GET, "/v1/subscriptions/{id}", show, subscriptions::get)
        .on(Method::DELETE, "/v1/subscriptions/{id}", enrol, subscriptions::delete)
}

/// What happens, while it happens.
fn streams(routes: Routes) -> Routes {
    let stream = Access::ours(Scope::Read, Class::Stream).of_export();
    routes.on(Method::GET, "/v1/customers/{id}/stream", stream, stream::of_customer).on(
        Method::GET,
        "/v1/stream",
        stream,
        stream::of_tenant,
    )
}

/// What finance people read.
fn finance(routes: Routes) -> Routes {
    let books = Access::ours(Scope::Read, Class::Export).of_history();
    routes
        .on(Method::GET, "/v1/customers/{id}/statement", books.of_export(), statement::get)
        .on(Method::GET, "/v1/books", books, books::books)
        .on(Method::GET, "/v1/journal", books.of_export(), books::journal)
}

/// What moves between wallets, and between a wallet and an invoice.
fn between(routes: Routes) -> Routes {
    let invoice = Access::ours(Scope::Write, Class::Invoice);
    let show_invoice = Access::ours(Scope::Read, Class::Invoice).read_only();
    let transfer = Access::ours(Scope::Write, Class::Transfer);
    let show_transfer = Access::ours(Scope::Read, Class::Transfer).read_only();
    routes
        .on(Method::POST, "/v1/customers/{id}/invoices/settle", invoice, invoices::settle)
        .on(Method::GET, "/v1/customers/{id}/invoices/{invoice_id}", show_invoice, invoices::get)
        .on(Method::POST, "/v1/customers/{id}/invoices/{invoice_id}/void", invoice, invoices::void)
        .on(Method::POST, "/v1/transfers", transfer, transfers::create)
        .on(Method::GET, "/v1/transfers", show_transfer, transfers::list::list)
        .on(Method::GET, "/v1/transfers/{id}", show_transfer, transfers::get)
}

/// What usage costs, how much of it may be, and that it happened.
fn usage(routes: Routes) -> Routes {
    let budget = Access::ours(Scope::Write, Class::Budget);
    let show_budget = Access::ours(Scope::Read, Class::Budget).read_only();
    let card = Access::ours(Scope::Write, Class::Admin);
    let show_card = Access::ours(Scope::Read, Class::Admin).read_only();
    let event = Access::billing(Scope::Debit, Class::Event);
    let events = Access::ours(Scope::Debit, Class::Event).batch();
    routes
        .on(Method::GET, "/v1/customers/{id}/budgets", show_budget, budgets::list)
        .on(Method::POST, "/v1/customers/{id}/budgets", budget, budgets::create)
        .on(Method::GET, "/v1/customers/{id}/budgets/{budget_id}", show_budget, budgets::get)
        .on(Method::PUT, "/v1/customers/{id}/budgets/{budget_id}", budget, budgets::replace)
        .on(Method::DELETE, "/v1/customers/{id}/budgets/{budget_id}", budget, budgets::delete)
        .on(Method::POST, "/v1/customers/{id}/budgets/{budget_id}/reset", budget, budgets::reset)
        .on(Method::GET, "/v1/rate-cards", show_card, rate_cards::list)
        .on(Method::POST, "/v1/rate-cards", card, rate_cards::create)
        .on(Method::GET, "/v1/rate-cards/{id}", show_card, rate_cards::get)
        .on(Method::PUT, "/v1/rate-cards/{id}", card, rate_cards::replace)
        .on(Method::DELETE, "/v1/rate-cards/{id}", card, rate_cards::delete)
        .on(Method::POST, "/v1/events", event, events::sdk::create)
        .on(Method::POST, "/v1/events/bulk", event.batch(), events::sdk::bulk)
        .on(Method::POST, "/v1/events/batch", events, events::batch::create)
}

fn admin(routes: Routes) -> Routes {
    let admin = Access::ours(Scope::Admin, Class::Admin);
    let show = admin.read_only();
    routes
        .on(Method::GET, "/v1/webhook-endpoints", show, webhooks::list)
        .on(Method::POST, "/v1/webhook-endpoints", admin, webhooks::create)
        .on(Method::GET, "/v1/webhook-endpoints/{id}", show, webhooks::get)
        .on(Method::PUT, "/v1/webhook-endpoints/{id}", admin, webhooks::update)
        .on(Method::DELETE, "/v1/webhook-endpoints/{id}", admin, webhooks::delete)
        .on(Method::POST, "/v1/webhook-endpoints/{id}/rotate-secret", admin, webhooks::rotate)
        .on(Method::GET, "/v1/webhook-endpoints/{id}/deliveries", show, webhooks::deliveries)
        .on(
            Method::POST,
            "/v1/webhook-endpoints/{id}/deliveries/{delivery_id}/resend",
            show,
            webhooks::resend,
        )
        .on(Method::POST, "/v1/webhook-endpoints/{id}/replay", show, webhooks::replay)
        .on(Method::GET, "/v1/settings", show, settings::get)
        .on(Method::PUT, "/v1/settings", admin, settings::update)
        .on(Method::GET, "/v1/keys", show, keys::list)
        .on(Method::POST, "/v1/keys", admin, keys::create)
        .on(Method::DELETE, "/v1/keys/{id}", admin, keys::revoke)
        .on(Method::POST, "/v1/customers/{id}/erase", admin, erase::create)
        .on(Method::GET, "/v1/tenants", show, tenants::list)
        .on(Method::POST, "/v1/tenants", admin, tenants::create)
        .on(Method::GET, "/v1/test-clock", show, test_clock::get)
        .on(Method::POST, "/v1/test-clock", admin, test_clock::post)
        .on(Method::PUT, "/v1/test-clock", admin, test_clock::put)
}
