//! Nothing crosses tenants, and a key does what its scopes say.

use crate::support::Server;

const SETTLE: &str =
    r#"{"invoice_id":"i","currency":"usd","lines":[{"id":"l","amount":1,"price_type":"USAGE"}]}"#;

#[test]
fn another_tenant_sees_nothing_and_changes_nothing() {
    let server = Server::start();
    let wallet = server.wallet("acme", "10");
    let debit = server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":1}"#);
    let row = debit.json["transaction_id"].as_str().unwrap().to_owned();
    let made = server.ask("POST", "/v1/tenants", r#"{"name":"rival"}"#);
    assert_eq!(made.status, 201, "{}", made.text);
    let rival = made.json["key"]["key"].as_str().unwrap().to_owned();
    for (method, path, body) in [
        ("GET", format!("/v1/wallets/{wallet}"), ""),
        ("GET", format!("/v1/wallets/{wallet}/balance/real-time"), ""),
        ("PUT", format!("/v1/wallets/{wallet}"), r#"{"name":"mine"}"#),
        (
            "POST",
            format!("/v1/wallets/{wallet}/top-up"),
            r#"{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":1}"#,
        ),
        ("POST", format!("/v1/wallets/{wallet}/debit"), r#"{"credits":1}"#),
        ("POST", format!("/v1/wallets/{wallet}/freeze"), ""),
        ("POST", format!("/v1/wallets/{wallet}/terminate"), ""),
        ("GET", format!("/v1/transactions/{row}"), ""),
        ("GET", format!("/v1/transactions/{row}/proof"), ""),
        ("GET", "/v1/customers/acme".to_owned(), ""),
        ("GET", "/v1/customers/acme/balance".to_owned(), ""),
        ("GET", "/v1/customers/acme/wallets".to_owned(), ""),
        ("POST", "/v1/customers/acme/debits".to_owned(), r#"{"credits":1}"#),
        ("GET", "/v1/customers/acme/budgets".to_owned(), ""),
        ("POST", "/v1/customers/acme/budgets".to_owned(), r#"{"unit":{"currency":"usd"}}"#),
        ("POST", "/v1/customers/acme/budgets/b/reset".to_owned(), ""),
        ("DELETE", "/v1/customers/acme/budgets/b".to_owned(), ""),
        ("POST", "/v1/customers/acme/invoices/settle".to_owned(), SETTLE),
        ("GET", "/v1/customers/acme/invoices/i".to_owned(), ""),
        ("POST", "/v1/customers/acme/invoices/i/void".to_owned(), ""),
    ] {
        let answer = server.ask_as(&rival, method, &path, body);
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{method} {path}: {}", answer.text);
    }
    let own = format!(r#"{{"credits":1,"wallet_id":"{wallet}"}}"#);
    assert_eq!(
        server.ask_as(&rival, "POST", "/v1/wallets", r#"{"customer_id":"acme","currency":"usd"}"#).status,
        200
    );
    let foreign = server.ask_as(&rival, "POST", "/v1/customers/acme/debits", &own);
    assert_eq!((foreign.status, foreign.code()), (404, "not_found"), "{}", foreign.text);
    let listed = server.ask_as(&rival, "POST", "/v1/wallets/search", "{}");
    assert_eq!(listed.json["pagination"]["total"], 1, "{}", listed.text);
    assert_eq!(server.ask_as(&rival, "GET", "/v1/tenants", "").status, 403);
    assert_eq!(server.posted("acme"), "9");
}

#[test]
fn a_key_does_what_its_scopes_say() {
    let server = Server::start();
    let wallet = server.wallet("acme", "10");
    let top_up = format!("/v1/wallets/{wallet}/top-up");
    let show = format!("/v1/wallets/{wallet}");
    let requests = [
        ("POST", "/v1/customers/acme/debits", r#"{"credits":1}"#, &["debit"][..]),
        ("POST", "/v1/debits/batch", r#"{"debits":[{"customer_id":"acme","credits":1}]}"#, &["debit"]),
        ("GET", "/v1/customers/acme/balance", "", &["debit", "read"]),
        ("GET", &*show, "", &["read"]),
        ("GET", "/metrics", "", &["read"]),
        ("POST", &*top_up, r#"{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":1}"#, &["write"]),
        ("POST", "/v1/customers/acme/invoices/settle", SETTLE, &["write"]),
        ("GET", "/v1/customers/acme/budgets", "", &["read"]),
        ("GET", "/v1/transfers", "", &["read"]),
        ("GET", "/v1/rate-cards", "", &["read"]),
        ("GET", "/v1/test-clock", "", &["admin"]),
        ("GET", "/v1/keys", "", &["admin"]),
        ("PUT", "/v1/settings", "{}", &["admin"]),
    ];
    for scope in ["debit", "read", "write", "admin"] {
        let key = server.new_key(&[scope], None);
        for (method, path, body, permitted) in &requests {
            let answer = server.ask_as(&key, method, path, body);
            let expected = if permitted.contains(&scope) { 200 } else { 403 };
            assert_eq!(answer.status, expected, "{scope}: {method} {path}: {}", answer.text);
        }
    }
}

#[test]
fn a_key_that_is_bound_to_a_customer_sees_nobody_else() {
    let server = Server::start();
    let own = server.wallet("own", "10");
    let other = server.wallet("other", "10");
    let key = server.new_key(&["debit", "read", "write", "admin"], Some("own"));
    let ask = |method: &str, path: &str, body: &str| server.ask_as(&key, method, path, body);
    assert_eq!(ask("POST", "/v1/customers/own/debits", r#"{"credits":1}"#).status, 200);
    assert_eq!(ask("GET", &format!("/v1/wallets/{own}"), "").status, 200);
    let top_up = r#"{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":1}"#;
    for (method, path, body) in [
        ("POST", "/v1/customers/other/debits", r#"{"credits":1}"#),
        ("GET", "/v1/customers/other/balance", ""),
        ("GET", "/v1/customers/other", ""),
        ("GET", &*format!("/v1/wallets/{other}"), ""),
        ("POST", &*format!("/v1/wallets/{other}/top-up"), top_up),
        ("POST", "/v1/wallets", r#"{"customer_id":"other","currency":"usd"}"#),
        ("POST", "/v1/wallets", r#"{"customer_id":"brand-new","currency":"usd"}"#),
        ("POST", "/v1/customers", r#"{"external_id":"brand-new"}"#),
        ("GET", "/v1/customers/other/budgets", ""),
        ("POST", "/v1/customers/other/invoices/settle", SETTLE),
        ("POST", "/v1/transfers", r#"{"from_customer_id":"other","to_customer_id":"own","credits":1}"#),
    ] {
        let answer = ask(method, path, body);
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    let batch = ask(
        "POST",
        "/v1/debits/batch",
        r#"{"debits":[{"customer_id":"own","credits":1},{"customer_id":"other","credits":1}]}"#,
    );
    assert_eq!(batch.json["results"][0]["status"], 200);
    assert_eq!(batch.json["results"][1]["status"], 404);
    assert_eq!(ask("GET", "/v1/wallets", "").json["pagination"]["total"], 1);
    assert_eq!(ask("POST", "/v1/customers/search", "{}").json["pagination"]["total"], 1);
    assert_eq!(ask("GET", "/v1/keys", "").status, 403, "a bound key administers nothing");
    assert_eq!(server.posted("other"), "10");
}

#[test]
fn a_revoked_key_never_works_again() {
    let server = Server::start();
    server.wallet("acme", "10");
    let made = server.ask("POST", "/v1/keys", r#"{"name":"x","scopes":["debit"]}"#);
    let (id, key) = (made.json["id"].as_str().unwrap(), made.json["key"].as_str().unwrap());
    let debit = || server.ask_as(key, "POST", "/v1/customers/acme/debits", r#"{"credits":1}"#);
    assert_eq!(debit().status, 200);
    let revoked = server.ask("DELETE", &format!("/v1/keys/{id}"), "");
    assert_eq!(revoked.status, 200, "{}", revoked.text);
    assert!(revoked.json["revoked_at"].is_string());
    let refused = debit();
    assert_eq!((refused.status, refused.code()), (401, "unauthorized"));
    assert_eq!(server.posted("acme"), "9");
    let again = server.ask("DELETE", &format!("/v1/keys/{id}"), "");
    assert_eq!((again.status, again.code()), (409, "invalid_operation"));
    let listed = server.ask("GET", "/v1/keys", "");
    assert!(
        listed.json["items"].as_array().unwrap().iter().all(|key| key["key"].is_null()),
        "{}",
        listed.text
    );
}

#[test]
fn a_bearer_token_is_a_key_too() {
    let server = Server::start();
    let bearer = format!("Bearer {}", server.key);
    let answer = server.connect().ask("GET", "/v1/settings", &[("authorization", &bearer)], "");
    assert_eq!(answer.status, 200, "{}", answer.text);
}
