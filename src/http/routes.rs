//! Every route: its method and path, the scope that it asks for, the half of the API that it belongs to, how large its body may be.
//!
//! A route cannot be written without a scope; a test holds this table against the OpenAPI document.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::{Bytes, HttpBody};
use axum::extract::{RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::routing::{MethodFilter, on};

use super::App;
use super::auth::{self, KeyMemo, Scope};
use super::body;
use super::call::{Call, Params};
use super::error::{ApiError, Code};
use super::metrics::Class;
use super::reply::Reply;

/// What stands between a request and its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// What the key must permit.
    pub(crate) scope: Scope,
    /// What it is counted as.
    class: Class,
    /// Whether 409 and 422 answer 400 (API §1).
    billing: bool,
    /// Whether the body may be as large as a batch's.
    batch: bool,
    /// Whether something can change.
    writes: bool,
    /// Whether it reads the history.
    history: bool,
    /// Whether it makes an export.
    export: bool,
}

impl Access {
    /// A route of ours.
    pub(crate) const fn ours(scope: Scope, class: Class) -> Self {
        Self { scope, class, billing: false, batch: false, writes: true, history: false, export: false }
    }

    /// A route that billing SDKs speak.
    pub(crate) const fn billing(scope: Scope, class: Class) -> Self {
        Self { scope, class, billing: true, batch: false, writes: true, history: false, export: false }
    }

    /// The same with a batch's body.
    pub(crate) const fn batch(mut self) -> Self {
        self.batch = true;
        self
    }

    /// Whether something can change: what documentation says of keys and dry runs holds.
    pub(crate) const fn is_write(self) -> bool {
        self.writes
    }

    /// The same without an effect.
    pub(crate) const fn read_only(mut self) -> Self {
        self.writes = false;
        self
    }

    /// A read of the history.
    pub(crate) const fn of_history(mut self) -> Self {
        self.history = true;
        self.read_only()
    }

    /// An export.
    pub(crate) const fn of_export(mut self) -> Self {
        self.export = true;
        self.read_only()
    }

    /// Whether it reads the history: what documentation says of positions in the log holds.
    pub(crate) const fn reads_history(self) -> bool {
        self.history
    }

    /// The status that a code has here.
    pub(crate) fn status_of(self, code: Code) -> StatusCode {
        ApiError::new(code, "").on_billing_half(self.billing).status()
    }

    /// Whether documentation names the code for this route, which may take a body.
    pub(crate) const fn can_fail_with(self, code: Code, takes_body: bool) -> bool {
        match code {
            Code::RequestTimeout | Code::PayloadTooLarge | Code::UnsupportedMediaType => takes_body,
            Code::ValidationError
            | Code::Unauthorized
            | Code::PermissionDenied
            | Code::NotFound
            | Code::RecordGone
            | Code::Quarantined
            | Code::OutcomeUnknown => true,
            Code::HistoryBehind | Code::HistoryUnavailable => self.history,
            Code::LimitReached | Code::Overloaded => self.writes || self.export,
            Code::InsufficientCredits
            | Code::AlreadyExists
            | Code::InvalidOperation
            | Code::WalletFrozen
            | Code::WalletClosed
            | Code::AmountInvalid
            | Code::AmountPrecision
            | Code::AmountOverflow
            | Code::UnitRequired
            | Code::UnitMismatch
            | Code::HoldClosed
            | Code::HoldExpired
            | Code::OverCapture
            | Code::OverRefund
            | Code::EventTime
            | Code::BudgetExceeded
            | Code::IdempotencyKeyReused
            | Code::ReadOnly => self.writes,
            // Of few routes, which say so themselves.
            Code::ProofNotReady | Code::WebhooksUnavailable => false,
            Code::MethodNotAllowed | Code::UriTooLong | Code::HeadersTooLarge | Code::Internal => false,
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct RouteInfo {
    /// The method.
    pub(crate) method: Method,
    /// The path, parameters in braces.
    pub(crate) path: &'static str,
    /// `None` = open to everybody.
    pub(crate) access: Option<Access>,
}

/// The table while it is written, and the router that it makes.
pub(crate) struct Routes {
    router: Router<Arc<App>>,
    table: Vec<RouteInfo>,
}

impl Routes {
    /// No route yet.
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), table: Vec::new() }
    }

    /// A route that asks for a key.
    pub(crate) fn on<H, F>(mut self, method: Method, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        let filter = filter(&method);
        let serve = move |State(app): State<Arc<App>>, request: Request| async move {
            serve(&app, access, Found::ByRouter, request, handler).await
        };
        self.router = self.router.route(path, on(filter, serve));
        self.table.push(RouteInfo { method, path, access: Some(access) });
        self
    }

    /// A route that is open to everybody.
    pub(crate) fn open<H, F>(mut self, path: &'static str, handler: H) -> Self
    where
        H: Fn(Arc<App>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response> + Send + 'static,
    {
        let serve = move |State(app): State<Arc<App>>| async move {
            let response = handler(Arc::clone(&app)).await;
            app.metrics.count(Class::Ops, response.status());
            response
        };
        self.router = self.router.route(path, on(MethodFilter::GET, serve));
        self.table.push(RouteInfo { method: Method::GET, path, access: None });
        self
    }

    /// A route for messages that are signed, which shows no key. Only its bytes say whether they are whose they say they are.
    pub(crate) fn signed<H, F>(mut self, path: &'static str, handler: H) -> Self
    where
        H: Fn(Arc<App>, HeaderMap, Bytes) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        let serve = move |State(app): State<Arc<App>>, request: Request| async move {
            let (head, body) = request.into_parts();
            let body = body::read(body, app.options.body_bytes_max, app.body_timeout).await;
            let outcome = match body {
                Ok(body) => handler(Arc::clone(&app), head.headers, body).await,
                Err(error) => Err(error),
            };
            let response = outcome.map_or_else(ApiError::into_response, Reply::into_response);
            app.metrics.count(Class::Admin, response.status());
            response
        };
        self.router = self.router.route(path, on(MethodFilter::POST, serve));
        self.table.push(RouteInfo { method: Method::POST, path, access: None });
        self
    }

    /// The router, and the table that it was made from.
    pub(crate) fn finish(self) -> (Router<Arc<App>>, Vec<RouteInfo>) {
        let router = self.router.fallback(unknown_path).method_not_allowed_fallback(unknown_method);
        (router, self.table)
    }
}

fn filter(method: &Method) -> MethodFilter {
    MethodFilter::try_from(method.clone()).expect("the table holds GET, POST, PUT and DELETE")
}

async fn unknown_path(State(app): State<Arc<App>>) -> Response {
    let error = ApiError::new(Code::NotFound, "no such path");
    app.metrics.count(Class::Other, error.status());
    error.into_response()
}

async fn unknown_method(State(app): State<Arc<App>>) -> Response {
    let error = ApiError::new(Code::MethodNotAllowed, "the path does not know this method");
    app.metrics.count(Class::Other, error.status());
    error.into_response()
}

/// How a request came to its handler.
pub(super) enum Found<'a> {
    /// By axum's router, which knows its parameters.
    ByRouter,
    /// Past it (`direct`): its only parameter, and the key that its connection showed last.
    Directly(Params, &'a KeyMemo),
}

/// A request with a key, from its head to its response.
pub(super) async fn serve<B, H, F>(
    app: &Arc<App>,
    access: Access,
    found: Found<'_>,
    request: Request<B>,
    handler: H,
) -> Response
where
    B: HttpBody<Data = Bytes> + Unpin,
    H: Fn(Call) -> F,
    F: Future<Output = Result<Reply, ApiError>>,
{
    let outcome = match admit(Arc::clone(app), access, found, request).await {
        Ok(call) => handler(call).await,
        Err(error) => Err(error),
    };
    let response = match outcome {
        Ok(reply) => reply.into_response(),
        Err(error) => error.on_billing_half(access.billing).into_response(),
    };
    app.metrics.count(access.class, response.status());
    response
}

/// The door: authorisation before anything of the request is looked at, then its type, then its body.
async fn admit<B>(
    app: Arc<App>,
    access: Access,
    found: Found<'_>,
    request: Request<B>,
) -> Result<Call, ApiError>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let (mut head, body) = request.into_parts();
    let (params, memo) = match found {
        Found::ByRouter => (None, None),
        Found::Directly(params, memo) => (Some(params), Some(memo)),
    };
    let who = auth::authorize(&app.engine, memo, &head.headers, access.scope)?;
    let params = match params {
        Some(params) => params,
        None => Params::Routed(routed_params(&mut head).await?),
    };
    let bytes_max = if access.batch { app.options.batch_body_bytes_max } else { app.options.body_bytes_max };
    let body = body::read(body, bytes_max, app.body_timeout).await?;
    if !body.is_empty() {
        body::check_content_type(&head.headers)?;
    }
    Ok(Call { app, who, params, head, body })
}

async fn routed_params(head: &mut Parts) -> Result<RawPathParams, ApiError> {
    use axum::extract::FromRequestParts;
    RawPathParams::from_request_parts(head, &())
        .await
        .map_err(|_| ApiError::new(Code::ValidationError, "the path is not UTF-8"))
}
