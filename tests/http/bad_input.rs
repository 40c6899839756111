//! What cannot be accepted: each its documented status and code, never a 500, never a change.

use crate::support::{Answer, Server};

/// A request, and what it must be answered.
pub(crate) struct Case {
    name: &'static str,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    status: u16,
    code: &'static str,
}

pub(crate) fn case(
    name: &'static str,
    method: &'static str,
    path: &str,
    body: &str,
    status: u16,
    code: &'static str,
) -> Case {
    Case { name, method, path: path.to_owned(), headers: Vec::new(), body: body.to_owned(), status, code }
}

fn debit(name: &'static str, body: &str, status: u16, code: &'static str) -> Case {
    case(name, "POST", "/v1/customers/acme/debits", body, status, code)
}

impl Case {
    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn ask(&self, server: &Server) -> Answer {
        let mut headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, &**value)).collect();
        if !headers.iter().any(|(name, _)| *name == "x-api-key") {
            headers.push(("x-api-key", &server.key));
        }
        headers.retain(|(_, value)| *value != "-");
        server.connect().ask(self.method, &self.path, &headers, &self.body)
    }
}

/// Asks everything, and sees that nothing but refusals came of it.
pub(crate) fn check(server: &Server, cases: &[Case]) {
    let before = server.engine().stats();
    for case in cases {
        let answer = case.ask(server);
        assert_eq!(
            (answer.status, answer.code()),
            (case.status, case.code),
            "{}: {}",
            case.name,
            answer.text
        );
        assert_eq!(answer.json["http_status_code"], case.status, "{}", case.name);
        assert_eq!(answer.json["status"], case.status, "{}", case.name);
        assert_eq!(answer.json["success"], false, "{}", case.name);
        assert_eq!(answer.json["message"], answer.json["detail"], "{}", case.name);
        assert_eq!(answer.json["error"]["message"], answer.json["message"], "{}", case.name);
        assert!(answer.json["details"].is_object(), "{}", case.name);
        assert!(answer.header("x-request-id").is_some(), "{}", case.name);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{}", case.name);
    }
    let after = server.engine().stats();
    assert_eq!(before.appended, after.appended, "something was written");
}

#[test]
fn a_debit_that_cannot_be_understood_changes_nothing() {
    let server = Server::start();
    let wallet = server.wallet("acme", "10");
    let long = |bytes: usize| "x".repeat(bytes);
    let cases = [
        debit("no JSON", "{", 400, "validation_error"),
        debit("no body", "", 400, "validation_error"),
        debit("a list", "[]", 400, "validation_error"),
        debit("not UTF-8 escape", r#"{"credits":"1","feature":"\ud800"}"#, 400, "validation_error"),
        debit("trailing text", r#"{"credits":"1"} x"#, 400, "validation_error"),
        debit("a boolean", r#"{"credits":true}"#, 400, "validation_error"),
        debit("an object", r#"{"credits":{}}"#, 400, "validation_error"),
        debit("words", r#"{"credits":"ten"}"#, 400, "validation_error"),
        debit("a plus", r#"{"credits":"+1"}"#, 400, "validation_error"),
        debit("underscores", r#"{"credits":"1_000"}"#, 400, "validation_error"),
        debit("a bare fraction", r#"{"credits":".5"}"#, 400, "validation_error"),
        debit("a comma", r#"{"credits":"1,5"}"#, 400, "validation_error"),
        debit("NaN", r#"{"credits":"NaN"}"#, 400, "validation_error"),
        debit("a space", r#"{"credits":" 1"}"#, 400, "validation_error"),
        debit("65 bytes", &format!(r#"{{"credits":"1.{}"}}"#, "0".repeat(63)), 400, "validation_error"),
        debit("16 fractional digits", r#"{"credits":"0.0000000000000001"}"#, 422, "amount_precision"),
        debit("13 integer digits", r#"{"credits":1000000000000}"#, 422, "amount_overflow"),
        debit("a large exponent", r#"{"credits":1e400}"#, 422, "amount_overflow"),
        debit("nothing", r#"{"credits":0}"#, 422, "amount_invalid"),
        debit("less than nothing", r#"{"credits":"-1"}"#, 422, "amount_invalid"),
        debit("no amount", "{}", 400, "validation_error"),
        debit("two amounts", r#"{"credits":1,"amount":1,"currency":"usd"}"#, 400, "validation_error"),
        debit("an unknown field", r#"{"credits":1,"credist":1}"#, 400, "validation_error"),
        debit("a field twice", r#"{"credits":1,"credits":2}"#, 400, "validation_error"),
        debit("a customer beside the path", r#"{"credits":1,"customer_id":"acme"}"#, 400, "validation_error"),
        debit("an item's verb", r#"{"credits":1,"op":"debit"}"#, 400, "validation_error"),
        debit("a meter without a quantity", r#"{"meter":"tokens"}"#, 400, "validation_error"),
        debit("a quantity without a meter", r#"{"credits":1,"quantity":1}"#, 400, "validation_error"),
        debit("a meter and an amount", r#"{"credits":1,"meter":"t","quantity":1}"#, 400, "validation_error"),
        debit("a meter without a card", r#"{"meter":"tokens","quantity":1}"#, 400, "validation_error"),
        debit("nothing of a meter", r#"{"meter":"tokens","quantity":0}"#, 422, "amount_invalid"),
        debit("less of a meter", r#"{"meter":"tokens","quantity":-1}"#, 422, "amount_invalid"),
        debit("NaN of a meter", r#"{"meter":"tokens","quantity":"NaN"}"#, 400, "validation_error"),
        debit("too much of a meter", r#"{"meter":"tokens","quantity":1e12}"#, 422, "amount_overflow"),
        debit("no budget of that name", r#"{"credits":1,"budget_id":"bud_1"}"#, 404, "not_found"),
        debit("a budget without a name", r#"{"credits":1,"budget_id":""}"#, 400, "validation_error"),
        debit("no currency", r#"{"amount":1,"currency":"usdt"}"#, 400, "validation_error"),
        debit("no price type", r#"{"credits":1,"price_type":"usage"}"#, 400, "validation_error"),
        debit(
            "a feature too long",
            &format!(r#"{{"credits":1,"feature":"{}"}}"#, long(65)),
            400,
            "validation_error",
        ),
        debit(
            "a reference too long",
            &format!(r#"{{"credits":1,"reference_id":"{}"}}"#, long(129)),
            400,
            "validation_error",
        ),
        debit(
            "a description too long",
            &format!(r#"{{"credits":1,"description":"{}"}}"#, long(513)),
            400,
            "validation_error",
        ),
        debit("metadata of numbers", r#"{"credits":1,"metadata":{"a":1}}"#, 400, "validation_error"),
        debit("an empty key", r#"{"credits":1,"idempotency_key":""}"#, 400, "validation_error"),
        debit(
            "a long key",
            &format!(r#"{{"credits":1,"idempotency_key":"{}"}}"#, long(256)),
            400,
            "validation_error",
        ),
        debit("two keys", r#"{"credits":1,"idempotency_key":"b"}"#, 400, "validation_error")
            .header("idempotency-key", "a"),
        debit("half a quoted key", r#"{"credits":1}"#, 400, "validation_error")
            .header("idempotency-key", "\"a"),
        debit("no wallet's id", r#"{"credits":1,"wallet_id":"wallet_1"}"#, 400, "validation_error"),
        debit(
            "another currency",
            &format!(r#"{{"credits":1,"wallet_id":"{wallet}","currency":"eur"}}"#),
            422,
            "unit_mismatch",
        ),
        debit("too much", r#"{"credits":"10.000000000000001"}"#, 402, "insufficient_credits"),
        debit("a text", "credits=1", 415, "unsupported_media_type").header("content-type", "text/plain"),
        debit(
            "too large",
            &format!(r#"{{"credits":1,"description":"{}"}}"#, long(70_000)),
            413,
            "payload_too_large",
        ),
    ];
    check(&server, &cases);
    assert_eq!(server.posted("acme"), "10");
}

#[test]
fn paths_queries_and_keys_are_checked_before_anything_else() {
    let server = Server::start();
    server.wallet("acme", "10");
    let one = r#"{"credits":1}"#;
    let name = |name: &str| format!("/v1/customers/{name}/debits");
    let cases = [
        case("an unknown customer", "POST", &name("nobody"), one, 404, "not_found"),
        case("a name of 129 bytes", "POST", &name(&"x".repeat(129)), one, 400, "validation_error"),
        case("a name with a control character", "POST", &name("a%07"), one, 400, "validation_error"),
        case("a name that is not UTF-8", "POST", &name("%ff"), one, 400, "validation_error"),
        case("a misspelt dry run", "POST", &(name("acme") + "?dryrun=true"), one, 400, "validation_error"),
        case("half a dry run", "POST", &(name("acme") + "?dry_run=yes"), one, 400, "validation_error"),
        case("an unknown path", "POST", "/v1/nothing", one, 404, "not_found"),
        case("an unknown path without a version", "GET", "/wallets", "", 404, "not_found"),
        case("a wrong method", "GET", &name("acme"), "", 405, "method_not_allowed"),
        case("no key", "POST", &name("acme"), one, 401, "unauthorized").header("x-api-key", "-"),
        case("an unknown key", "POST", &name("acme"), one, 401, "unauthorized")
            .header("x-api-key", "ck_unknown"),
        case("no key and no JSON", "POST", &name("acme"), "{", 401, "unauthorized").header("x-api-key", "-"),
        case("a long URL", "GET", &format!("/healthz?{}", "x".repeat(9_000)), "", 414, "uri_too_long"),
        case("large headers", "GET", "/healthz", "", 431, "headers_too_large")
            .header("x-large", &"x".repeat(33_000)),
        case("no wallet", "GET", "/v1/wallets/wallet_1", "", 404, "not_found"),
        case("nobody's wallet", "GET", "/v1/wallets/wallet_00000000000000000000000000", "", 404, "not_found"),
        case("nobody's row", "GET", "/v1/transactions/wtxn_00000000000000000000000000", "", 404, "not_found"),
        case(
            "the future",
            "GET",
            "/v1/customers/acme/balance?as_of=2200-01-01T00:00:00Z",
            "",
            400,
            "validation_error",
        ),
        case("two lookups", "GET", "/v1/customers/wallets?id=a&lookup_key=b", "", 400, "validation_error"),
        case("no lookup", "GET", "/v1/customers/wallets", "", 400, "validation_error"),
        case("a page of none", "GET", "/v1/wallets?limit=0", "", 400, "validation_error"),
        case("a page too long", "GET", "/v1/wallets?limit=1001", "", 400, "validation_error"),
        case("a page of words", "GET", "/v1/wallets?limit=ten", "", 400, "validation_error"),
        case("a foreign cursor", "GET", "/v1/wallets?cursor=abc", "", 400, "validation_error"),
    ];
    check(&server, &cases);
    let wrong_method = server.ask("PATCH", "/v1/wallets", "{}");
    assert_eq!(wrong_method.status, 405);
    let allowed = wrong_method.header("allow").unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
}

#[test]
fn a_write_that_needs_no_body_refuses_a_field_that_it_does_not_know_and_takes_its_key_from_there() {
    let server = Server::start();
    server.wallet("acme", "10");
    let made = |path: &str, body: &str| {
        let made = server.ask("POST", path, body);
        assert!(made.status < 300, "{path}: {}", made.text);
        made.json
    };
    made("/v1/customers/acme/budgets", r#"{"budget_id":"b","unit":{"currency":"usd"}}"#);
    let lines = r#"[{"id":"l","amount":1,"price_type":"USAGE"}]"#;
    let invoice = format!(r#"{{"invoice_id":"i","currency":"usd","lines":{lines}}}"#);
    made("/v1/customers/acme/invoices/settle", &invoice);
    let card = &made("/v1/rate-cards", r#"{"meter":"m","tiers":[{"credits_per_unit":1}]}"#)["id"];
    let key = &made("/v1/keys", r#"{"name":"k","scopes":["read"]}"#)["id"];
    for (method, path) in [
        ("POST", "/v1/customers/acme/invoices/i/void".to_owned()),
        ("POST", "/v1/customers/acme/budgets/b/reset".to_owned()),
        ("DELETE", "/v1/customers/acme/budgets/b".to_owned()),
        ("DELETE", format!("/v1/rate-cards/{}", card.as_str().unwrap())),
        ("DELETE", format!("/v1/keys/{}", key.as_str().unwrap())),
    ] {
        let refused = server.ask(method, &path, r#"{"dry_run":true}"#);
        assert_eq!((refused.status, refused.code()), (400, "validation_error"), "{path}: {}", refused.text);
        assert!(refused.text.contains("dry_run"), "{path}: {}", refused.text);
        let body = format!(r#"{{"idempotency_key":"{method} {path}"}}"#);
        let (one, two) = (server.ask(method, &path, &body), server.ask(method, &path, &body));
        assert!(one.status < 300 && two.status == one.status, "{path}: {} {}", one.text, two.text);
        assert_eq!((&two.text, two.header("idempotency-replayed")), (&one.text, Some("true")), "{path}");
    }
}

#[test]
fn the_billing_half_answers_400_where_billing_sdks_expect_it() {
    let server = Server::start();
    let wallet = server.wallet("acme", "10");
    let top_up = format!("/v1/wallets/{wallet}/top-up");
    let free = |fields: &str| format!(r#"{{"transaction_reason":"FREE_CREDIT_GRANT",{fields}}}"#);
    let post = |name, path: &str, body: &str, status, code| case(name, "POST", path, body, status, code);
    let cases = [
        post(
            "precision",
            &top_up,
            &free(r#""credits_to_add":"0.0000000000000001""#),
            400,
            "amount_precision",
        ),
        post("nothing", &top_up, &free(r#""credits_to_add":0"#), 400, "amount_invalid"),
        post("no amount", &top_up, r#"{"transaction_reason":"FREE_CREDIT_GRANT"}"#, 400, "validation_error"),
        post("no reason", &top_up, r#"{"credits_to_add":1}"#, 400, "validation_error"),
        post(
            "no such reason",
            &top_up,
            r#"{"transaction_reason":"GIFT","credits_to_add":1}"#,
            400,
            "validation_error",
        ),
        post(
            "a checkout",
            &top_up,
            r#"{"transaction_reason":"PURCHASED_CREDIT_INVOICED","credits_to_add":1,"checkout":{}}"#,
            400,
            "validation_error",
        ),
        post(
            "a bonus alone",
            &top_up,
            r#"{"transaction_reason":"PURCHASED_CREDIT_BONUS","credits_to_add":1}"#,
            400,
            "validation_error",
        ),
        post(
            "a bonus on a gift",
            &top_up,
            &free(r#""credits_to_add":1,"bonus_credits_to_add":1"#),
            400,
            "validation_error",
        ),
        post(
            "an end in the past",
            &top_up,
            &free(r#""credits_to_add":1,"expiry_date_utc":"2020-01-01T00:00:00Z""#),
            400,
            "validation_error",
        ),
        post(
            "no time",
            &top_up,
            &free(r#""credits_to_add":1,"expiry_date_utc":"tomorrow""#),
            400,
            "validation_error",
        ),
        post("a checkout", &top_up, &free(r#""credits_to_add":1,"checkout":{}"#), 400, "validation_error"),
        post(
            "coupons",
            &top_up,
            &free(r#""credits_to_add":1,"coupons":[{"coupon_code":"x"}]"#),
            400,
            "validation_error",
        ),
        post("no customer", "/v1/wallets", r#"{"currency":"usd"}"#, 400, "validation_error"),
        post("no currency", "/v1/wallets", r#"{"customer_id":"a"}"#, 400, "validation_error"),
        post(
            "a reserved name",
            "/v1/wallets",
            r#"{"customer_id":"search","currency":"usd"}"#,
            400,
            "validation_error",
        ),
        post(
            "a negative rate",
            "/v1/wallets",
            r#"{"customer_id":"a","currency":"usd","conversion_rate":-1}"#,
            400,
            "amount_invalid",
        ),
        post(
            "auto top-up",
            "/v1/wallets",
            r#"{"customer_id":"a","currency":"usd","auto_topup":{"enabled":true}}"#,
            400,
            "validation_error",
        ),
        post(
            "alerts",
            "/v1/wallets",
            r#"{"customer_id":"a","currency":"usd","alert_settings":{"alert_enabled":true}}"#,
            400,
            "validation_error",
        ),
        post(
            "a manual overdraft",
            &format!("/v1/wallets/{wallet}/debit"),
            r#"{"credits":"10.1"}"#,
            402,
            "insufficient_credits",
        ),
        post(
            "another reason",
            &format!("/v1/wallets/{wallet}/debit"),
            r#"{"credits":1,"transaction_reason":"X"}"#,
            400,
            "validation_error",
        ),
        post("not frozen", &format!("/v1/wallets/{wallet}/unfreeze"), "", 400, "invalid_operation"),
        post(
            "no remainder",
            &format!("/v1/wallets/{wallet}/terminate"),
            r#"{"remainder":"keep"}"#,
            400,
            "validation_error",
        ),
        post("no external id", "/v1/customers", r#"{"name":"x"}"#, 400, "validation_error"),
        post(
            "no time zone",
            "/v1/customers",
            r#"{"external_id":"b","timezone":"Mars/Olympus"}"#,
            400,
            "validation_error",
        ),
        post("a name in use", "/v1/customers", r#"{"external_id":"acme"}"#, 409, "already_exists"),
        case("wallets are open", "DELETE", "/v1/customers/acme", "", 400, "invalid_operation"),
        case(
            "a setting of another kind",
            "PUT",
            "/v1/settings",
            r#"{"auto_complete":"yes"}"#,
            400,
            "validation_error",
        ),
        case("an unknown setting", "PUT", "/v1/settings", r#"{"colour":"red"}"#, 400, "validation_error"),
        case("no scope", "POST", "/v1/keys", r#"{"name":"x","scopes":[]}"#, 400, "validation_error"),
        case(
            "an unknown scope",
            "POST",
            "/v1/keys",
            r#"{"name":"x","scopes":["root"]}"#,
            400,
            "validation_error",
        ),
        case(
            "a key for nobody",
            "POST",
            "/v1/keys",
            r#"{"name":"x","scopes":["read"],"customer_id":"nobody"}"#,
            404,
            "not_found",
        ),
        case("nobody's key", "DELETE", "/v1/keys/key_00000000000000000000000000", "", 404, "not_found"),
        case("a tenant twice", "POST", "/v1/tenants", r#"{"name":"default"}"#, 409, "already_exists"),
    ];
    check(&server, &cases);
    let unknown =
        server.ask("POST", &top_up, &free(r#""credits_to_add":1,"force_sync_invoice":true,"new_in_sdk":{}"#));
    assert_eq!(unknown.status, 200, "unknown fields of SDKs are ignored: {}", unknown.text);
}

#[test]
fn frozen_and_closed_wallets_refuse_by_their_own_codes() {
    let server = Server::start();
    let wallet = server.wallet("acme", "10");
    let act = |verb: &str| server.ask("POST", &format!("/v1/wallets/{wallet}/{verb}"), "");
    let named = format!(r#"{{"credits":1,"wallet_id":"{wallet}"}}"#);
    assert_eq!(act("freeze").json["wallet_status"], "frozen");
    check(
        &server,
        &[
            debit("a frozen wallet, named", &named, 409, "wallet_frozen"),
            debit("a frozen wallet, not named", r#"{"credits":1}"#, 402, "insufficient_credits"),
            case(
                "by hand",
                "POST",
                &format!("/v1/wallets/{wallet}/debit"),
                r#"{"credits":1}"#,
                400,
                "wallet_frozen",
            ),
            case("twice", "POST", &format!("/v1/wallets/{wallet}/freeze"), "", 400, "invalid_operation"),
        ],
    );
    assert_eq!(act("unfreeze").json["wallet_status"], "active");
    let closed = act("terminate");
    assert_eq!(closed.json["wallet_status"], "closed", "{}", closed.text);
    assert_eq!(closed.json["forfeited"], "10");
    check(&server, &[debit("a closed wallet", &named, 409, "wallet_closed")]);
}

#[test]
fn a_402_says_what_was_asked_and_what_there_is() {
    let server = Server::start();
    server.wallet("acme", "10");
    let refused = server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":"12.5"}"#);
    assert_eq!(
        refused.json["details"],
        serde_json::json!({"required": "12.5", "available": "10", "shortfall": "2.5"})
    );
    assert_eq!(refused.json["type"], "urn:coffer:error:insufficient_credits");
}

#[test]
fn an_error_names_its_field() {
    let server = Server::start();
    server.wallet("acme", "10");
    for (body, field) in [
        (r#"{"credits":1,"credist":1}"#, "credist"),
        (r#"{"credits":1,"partial":"yes"}"#, "partial"),
        (r#"{"credits":1,"metadata":{"a":1}}"#, "metadata.a"),
        (r#"{"credits":"x"}"#, "credits"),
        (r#"{"credits":1,"feature":7}"#, "feature"),
    ] {
        let refused = server.ask("POST", "/v1/customers/acme/debits", body);
        assert_eq!(refused.json["details"]["field"], field, "{}", refused.text);
    }
}

#[test]
fn an_error_is_a_problem_for_who_asks_for_problems() {
    let server = Server::start();
    let kind = |accept: &str| {
        let headers = [("x-api-key", &*server.key), ("accept", accept)];
        let answer = server.connect().ask("GET", "/v1/wallets/nothing", &headers, "");
        (answer.header("content-type").unwrap().to_owned(), answer.json["type"].as_str().unwrap().to_owned())
    };
    assert_eq!(kind("application/problem+json").0, "application/problem+json");
    assert_eq!(kind("application/problem+json, application/json").0, "application/problem+json");
    assert_eq!(kind("application/json, application/problem+json").0, "application/json");
    assert_eq!(kind("*/*"), ("application/json".to_owned(), "urn:coffer:error:not_found".to_owned()));
}
