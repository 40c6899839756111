//! The OpenAPI document: generated from the handlers and their types; what all routes share is added from the table of routes.

use axum::http::Method;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, Ref, Required, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi as Describe};

use super::error::{Code, ErrorBody};
use super::routes::{Access, RouteInfo};
use super::{
    alerts, balance, balance_diff, batch, books, budgets, connectors, customers, debits, erase, events,
    exports, grants, history, holds, invoices, keys, ops, rate_cards, recharges, refunds, refusals, settings,
    statement, stream, subscriptions, tenants, test_clock, transactions, transfers, voids, wallets, webhooks,
};

/// Everything that the handlers say about themselves.
#[derive(Describe)]
#[openapi(
    info(
        title = "Coffer",
        description = "An actor-based, in-memory wallet engine for prepaid credits. Decimals are strings (accepted as numbers too), times \
                       are RFC 3339 in UTC, every key of a reply is present. A write with an `Idempotency-Key` is done once, however \
                       often it is sent: a repeat is answered with the same bytes and `Idempotency-Replayed: true`."
    ),
    paths(
        debits::create,
        batch::debits::create,
        batch::mixed::create,
        holds::place::create,
        holds::read::list,
        holds::read::get,
        holds::capture::capture,
        holds::capture::release,
        holds::change::extend,
        holds::change::grow,
        refunds::create,
        voids::create,
        balance::get,
        balance_diff::get,
        wallets::create::create,
        wallets::list::list,
        wallets::list::search,
        wallets::get::get,
        wallets::update::update,
        wallets::get::real_time,
        wallets::top_up::create,
        wallets::debit::create,
        wallets::life::freeze,
        wallets::life::unfreeze,
        recharges::resume,
        connectors::stripe,
        recharges::list::list,
        recharges::complete,
        recharges::fail,
        recharges::cancel,
        alerts::search,
        wallets::life::terminate,
        wallets::list::of_customer,
        wallets::list::by_lookup,
        customers::create,
        customers::update_by_query,
        customers::search,
        customers::get_external,
        customers::get,
        customers::update,
        customers::delete,
        refusals::get,
        refusals::list,
        transactions::get,
        transactions::proof,
        history::list::of_wallet,
        history::list::search,
        history::list::ledger,
        exports::get,
        stream::of_customer,
        stream::of_tenant,
        statement::get,
        books::books,
        books::journal,
        invoices::settle,
        invoices::get,
        invoices::void,
        transfers::create,
        transfers::list::list,
        transfers::get,
        budgets::list,
        budgets::create,
        budgets::get,
        budgets::replace,
        budgets::delete,
        budgets::reset,
        grants::write::create,
        grants::write::create_alias,
        grants::read::get,
        grants::write::update,
        grants::write::delete,
        grants::read::of_plan,
        grants::read::of_addon,
        grants::read::of_subscription,
        grants::read::of_customer,
        subscriptions::create,
        subscriptions::get,
        subscriptions::delete,
        rate_cards::list,
        rate_cards::create,
        rate_cards::get,
        rate_cards::replace,
        rate_cards::delete,
        events::sdk::create,
        events::sdk::bulk,
        events::batch::create,
        webhooks::list,
        webhooks::create,
        webhooks::get,
        webhooks::update,
        webhooks::delete,
        webhooks::rotate,
        webhooks::deliveries,
        webhooks::resend,
        webhooks::replay,
        settings::get,
        settings::update,
        keys::list,
        keys::create,
        keys::revoke,
        erase::create,
        tenants::list,
        tenants::create,
        test_clock::get,
        test_clock::post,
        test_clock::put,
        ops::index,
        ops::healthz,
        ops::readyz,
        ops::metrics,
        ops::openapi,
        ops::docs,
    ),
    components(schemas(ErrorBody)),
    modifiers(&Shared),
    tags(
        (name = "Debits", description = "Using credit: the metering half."),
        (name = "Holds", description = "Reserving credit for work whose price is not known yet."),
        (name = "Wallets", description = "Wallets and credit in: the billing half, as billing SDKs speak it."),
        (name = "Recharges", description = "Purchases whose payment is somewhere else: invoiced top-ups and automatic ones."),
        (name = "Customers", description = "Customers, as far as wallets need them."),
        (name = "Credit grants", description = "Credit that comes by itself: plans, what they grant, and who is enrolled."),
        (name = "Transactions", description = "Ledger rows."),
        (name = "Books", description = "Statements, books and the journal."),
        (name = "Refusals", description = "Why requests were refused: the last refusals of each customer, until a restart."),
        (name = "Invoices", description = "Paying invoices from credit: for charges that were not debited when they happened."),
        (name = "Transfers", description = "Credit that moves between wallets."),
        (name = "Budgets", description = "A tree of caps above a customer's credit."),
        (name = "Rate cards", description = "What usage costs."),
        (name = "Events", description = "Usage that happened, priced and debited at once."),
        (name = "Streams", description = "What happens, as server-sent events."),
        (name = "Webhooks", description = "Events posted to your endpoints, signed as the Standard Webhooks specification says."),
        (name = "Administration", description = "Settings, keys, tenants and their test clocks."),
        (name = "Operations", description = "Health, figures, documentation."),
    )
)]
struct Described;

/// The document.
pub(super) fn document() -> OpenApi {
    Described::openapi()
}

/// The document as it is sent.
pub(super) fn json(document: &OpenApi) -> String {
    document.to_json().expect("the document has string keys")
}

/// What routes share: keys and scopes, path parameters, headers of writes, errors.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "api_key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-api-key"))),
        );
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let (_, table) = super::api();
        for route in &table {
            let path = described_path(route);
            if let Some(operation) =
                document.paths.paths.get_mut(&path).and_then(|item| slot(item, &route.method))
            {
                complete(operation, route);
            }
        }
    }
}

/// The path as the document has it: a wildcard is a parameter like any other.
pub(super) fn described_path(route: &RouteInfo) -> String {
    route.path.replace("{*", "{")
}

/// The operation of a method.
pub(super) fn slot<'a>(item: &'a mut PathItem, method: &Method) -> Option<&'a mut Operation> {
    let slot = match method.as_str() {
        "GET" => &mut item.get,
        "POST" => &mut item.post,
        "PUT" => &mut item.put,
        "DELETE" => &mut item.delete,
        _ => return None,
    };
    slot.as_mut()
}

fn complete(operation: &mut Operation, route: &RouteInfo) {
    operation.operation_id = Some(operation_id(route));
    let parameters = operation.parameters.get_or_insert_default();
    for name in parameter_names(route.path) {
        parameters.push(path_parameter(name));
    }
    let Some(access) = route.access else { return };
    if access.is_write() {
        parameters.push(idempotency_key());
        parameters.push(dry_run());
    }
    if access.reads_history() {
        parameters.push(min_log_position());
    }
    operation.security = Some(vec![
        SecurityRequirement::new::<_, [&str; 0], &str>("api_key", []),
        SecurityRequirement::new::<_, [&str; 0], &str>("bearer", []),
    ]);
    let needs = format!("Needs a key with the scope {}.", access.scope.as_str());
    operation.description = Some(match operation.description.take().filter(|text| !text.is_empty()) {
        Some(text) => format!("{text}\n\n{needs}"),
        None => needs,
    });
    for (status, codes) in errors(access, &route.method) {
        operation.responses.responses.insert(status.to_string(), error_response(&codes).into());
    }
}

/// `post_wallets_id_top_up`
fn operation_id(route: &RouteInfo) -> String {
    let words =
        route.path.trim_start_matches("/v1").split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    format!("{}_{}", route.method.as_str().to_lowercase(), words.join("_"))
}

fn parameter_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.trim_start_matches('*'))
}

fn path_parameter(name: &str) -> Parameter {
    let description = match name {
        "kind" => "transactions, slices, moves, journal or focus.",
        "external_id" => "The customer's external id; it may hold slashes.",
        "invoice_id" => "The invoice's id in your system.",
        "budget_id" => "The budget's name.",
        "hold_id" => "The hold's id.",
        "request_id" => "The `X-Request-Id` of the answer that refused.",
        _ => "The thing's id. A customer's id may be its external id.",
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(of_type(Type::String)))
        .build()
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("1 to 255 bytes, bare or quoted. A repeat within 24 hours is answered as the first, and has no second effect."))
        .schema(Some(of_type(Type::String)))
        .build()
}

fn min_log_position() -> Parameter {
    ParameterBuilder::new()
        .name("X-Min-Log-Position")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The X-Log-Position of a write: the answer has seen it, or is 503 history_behind. Without it the answer waits up to a second for the last write, and says in X-Log-Position what it has seen."))
        .schema(Some(of_type(Type::String)))
        .build()
}

fn dry_run() -> Parameter {
    ParameterBuilder::new()
        .name("dry_run")
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some("true: answer what would happen, and change nothing."))
        .schema(Some(of_type(Type::Boolean)))
        .build()
}

fn of_type(kind: Type) -> Object {
    ObjectBuilder::new().schema_type(SchemaType::new(kind)).build()
}

/// The statuses that a route can fail with, and their codes.
fn errors(access: Access, method: &Method) -> Vec<(u16, Vec<&'static str>)> {
    let mut errors: Vec<(u16, Vec<&'static str>)> = Vec::new();
    // A search is a read with a body.
    let takes_body = access.is_write() || method == Method::POST;
    for code in Code::ALL.iter().copied().filter(|code| access.can_fail_with(*code, takes_body)) {
        let status = access.status_of(code).as_u16();
        match errors.iter_mut().find(|(known, _)| *known == status) {
            Some((_, codes)) => codes.push(code.as_str()),
            None => errors.push((status, vec![code.as_str()])),
        }
    }
    errors
}

fn error_response(codes: &[&str]) -> Response {
    let error = || ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
    ResponseBuilder::new()
        .description(codes.join(", "))
        .content("application/json", error())
        .content("application/problem+json", error())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_with_its_scope_and_every_description_is_a_route() {
        let mut document = document();
        let (_, table) = super::super::api();
        for route in &table {
            let path = described_path(route);
            let item =
                document.paths.paths.get_mut(&path).unwrap_or_else(|| panic!("{path} is not described"));
            let operation = slot(item, &route.method)
                .unwrap_or_else(|| panic!("{} {path} is not described", route.method));
            assert_eq!(operation.security.is_some(), route.access.is_some(), "{} {path}", route.method);
            assert!(operation.summary.is_some(), "{} {path} has no summary", route.method);
        }
        let described: usize = document
            .paths
            .paths
            .values()
            .map(|item| [&item.get, &item.post, &item.put, &item.delete].into_iter().flatten().count())
            .sum();
        assert_eq!(described, table.len(), "a description without a route");
    }

    #[test]
    fn what_takes_a_body_can_be_too_large_or_of_another_type() {
        let mut document = document();
        let (_, table) = super::super::api();
        for route in table.iter().filter(|route| route.access.is_some()) {
            let item = document.paths.paths.get_mut(&described_path(route)).unwrap();
            let described = slot(item, &route.method);
            let operation = described.as_ref().unwrap();
            let said = ["413", "415"].map(|status| operation.responses.responses.contains_key(status));
            let reads = route.method == Method::GET;
            assert_eq!(said, [!reads; 2], "{} {}", route.method, route.path);
        }
    }

    #[test]
    fn only_what_leaks_nothing_is_open_without_a_key() {
        let (_, table) = super::super::api();
        let open: Vec<_> =
            table.iter().filter(|route| route.access.is_none()).map(|route| route.path).collect();
        // The connector's is for messages that are signed.
        let signed = "/v1/connectors/stripe/webhook";
        assert_eq!(open, ["/healthz", "/readyz", signed, "/", "/openapi.json", "/docs"]);
    }

    #[test]
    fn every_reference_has_its_schema() {
        let document = document();
        let text = json(&document);
        let schemas = &document.components.as_ref().unwrap().schemas;
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name} is referred to and not described");
        }
    }

    #[test]
    fn operation_ids_are_unique() {
        let (_, table) = super::super::api();
        let mut ids: Vec<_> = table.iter().map(operation_id).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "{ids:?}");
    }
}
