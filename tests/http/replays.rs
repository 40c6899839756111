//! A key that comes again (SEMANTICS §9), and rehearsals.

use crate::support::Server;

#[test]
fn a_repeated_key_gets_the_same_bytes_and_no_second_effect() {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    let top_up =
        r#"{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":"5","metadata":{"b":"2","a":"1"}}"#;
    for (path, body) in [
        ("/v1/customers/acme/debits".to_owned(), r#"{"credits":"1.50","metadata":{"b":"2","a":"1"}}"#),
        (format!("/v1/wallets/{wallet}/top-up"), top_up),
        (format!("/v1/wallets/{wallet}/debit"), r#"{"credits":1}"#),
        ("/v1/wallets".to_owned(), r#"{"customer_id":"acme","currency":"eur","initial_credits_to_load":3}"#),
        ("/v1/customers".to_owned(), r#"{"external_id":"fresh","name":"Fresh"}"#),
        (
            "/v1/customers/acme/budgets".to_owned(),
            r#"{"unit":{"currency":"usd"},"limits":[{"window":"day","credits":9}]}"#,
        ),
        ("/v1/rate-cards".to_owned(), r#"{"meter":"m","tiers":[{"credits_per_unit":1}]}"#),
        (format!("/v1/wallets/{wallet}/freeze"), "{}"),
        (format!("/v1/wallets/{wallet}/terminate"), r#"{"remainder":"refund"}"#),
    ] {
        let key = format!("key of {path}");
        let first = server.ask_keyed(&key, "POST", &path, body);
        assert!(matches!(first.status, 200 | 201), "{path}: {}", first.text);
        assert_eq!(first.header("idempotency-replayed"), None, "{path}");
        let appended = server.engine().stats().appended;
        let second = server.ask_keyed(&format!("\"{key}\""), "POST", &path, body);
        assert_eq!((second.status, &second.text), (first.status, &first.text), "{path}");
        assert_eq!(second.header("idempotency-replayed"), Some("true"), "{path}");
        assert_eq!(second.header("x-log-position"), first.header("x-log-position"), "{path}");
        assert_eq!(server.engine().stats().appended, appended, "{path}");
    }
}

#[test]
fn equal_requests_in_other_words_are_the_same_request() {
    let server = Server::start();
    server.wallet("acme", "100");
    let path = "/v1/customers/acme/debits";
    let first = server.ask_keyed("k", "POST", path, r#"{"credits":"1.50","metadata":{"b":"2","a":"1"}}"#);
    for body in [
        r#"{"credits":1.5,"metadata":{"a":"1","b":"2"}}"#,
        r#"{"partial":false,"price_type":"USAGE","metadata":{"a":"1","b":"2"},"credits":15e-1}"#,
        r#"{"credits":"1.5","idempotency_key":"k","metadata":{"a":"1","b":"2"}}"#,
    ] {
        let again = server.ask_keyed("k", "POST", path, body);
        assert_eq!(again.text, first.text, "{body}");
    }
    assert_eq!(server.posted("acme"), "98.5");
}

#[test]
fn a_key_for_another_request_is_refused() {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    let path = "/v1/customers/acme/debits";
    assert_eq!(server.ask_keyed("k", "POST", path, r#"{"credits":1}"#).status, 200);
    let other = server.ask_keyed("k", "POST", path, r#"{"credits":2}"#);
    assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"));
    let other = server.ask_keyed("k", "POST", &format!("/v1/wallets/{wallet}/debit"), r#"{"credits":1}"#);
    assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"), "also on the billing half");
    assert_eq!(server.posted("acme"), "99");
}

#[test]
fn a_refused_request_is_decided_afresh() {
    let server = Server::start();
    let wallet = server.wallet("acme", "1");
    let path = "/v1/customers/acme/debits";
    assert_eq!(server.ask_keyed("k", "POST", path, r#"{"credits":2}"#).status, 402);
    let more = r#"{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":5}"#;
    assert_eq!(server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), more).status, 200);
    assert_eq!(server.ask_keyed("k", "POST", path, r#"{"credits":2}"#).status, 200);
}

#[test]
fn a_dry_run_answers_and_changes_nothing() {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    let appended = server.engine().stats().appended;
    let path = "/v1/customers/acme/debits";
    let rehearsed = server.ask_keyed("k", "POST", &format!("{path}?dry_run=true"), r#"{"credits":30}"#);
    assert_eq!(rehearsed.status, 200, "{}", rehearsed.text);
    assert_eq!(rehearsed.json["balance_after"], "70");
    assert_eq!(rehearsed.json["transaction_id"], serde_json::Value::Null);
    assert_eq!(rehearsed.header("x-log-position"), None);
    let refused = server.ask("POST", &format!("{path}?dry_run=true"), r#"{"credits":101}"#);
    assert_eq!(refused.status, 402);
    let free = r#"{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":5}"#;
    let topped = server.ask("POST", &format!("/v1/wallets/{wallet}/top-up?dry_run=true"), free);
    assert_eq!(
        (topped.status, topped.json["wallet"]["credit_balance"].as_str()),
        (200, Some("105")),
        "{}",
        topped.text
    );
    let made = server.ask("POST", "/v1/wallets?dry_run=true", r#"{"customer_id":"new","currency":"usd"}"#);
    assert_eq!(made.status, 200, "{}", made.text);
    assert_eq!(server.ask("GET", "/v1/customers/new/balance", "").status, 404);
    let batch = server.ask(
        "POST",
        "/v1/debits/batch?dry_run=true",
        r#"{"debits":[{"customer_id":"acme","credits":1}]}"#,
    );
    assert_eq!(batch.json["results"][0]["balance_after"], "99", "{}", batch.text);
    for (method, path, body) in [
        ("PUT", "/v1/settings?dry_run=true", r#"{"default_currency":"eur"}"#),
        ("POST", "/v1/keys?dry_run=true", r#"{"name":"x","scopes":["read"]}"#),
        ("POST", "/v1/tenants?dry_run=true", r#"{"name":"x"}"#),
    ] {
        let answer = server.ask(method, path, body);
        assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.text);
    }
    assert_eq!(server.engine().stats().appended, appended, "a dry run was written");
    let real = server.ask_keyed("k", "POST", path, r#"{"credits":30}"#);
    assert_eq!(real.header("idempotency-replayed"), None, "a dry run stored its key");
    assert_eq!(server.posted("acme"), "70");
}

#[test]
fn initial_credits_without_a_key_are_not_minted_twice() {
    let server = Server::start();
    let body = r#"{"customer_id":"acme","currency":"usd","initial_credits_to_load":"25"}"#;
    assert_eq!(server.ask("POST", "/v1/wallets", body).status, 200);
    let again = server.ask("POST", "/v1/wallets", body);
    assert_eq!((again.status, again.code()), (409, "already_exists"));
    assert_eq!(server.posted("acme"), "25");
}

#[test]
fn a_secret_is_shown_once_even_to_a_repeated_request() {
    let server = Server::start();
    let body = r#"{"name":"x","scopes":["read"]}"#;
    let first = server.ask_keyed("k", "POST", "/v1/keys", body);
    let second = server.ask_keyed("k", "POST", "/v1/keys", body);
    assert_eq!(first.json["id"], second.json["id"], "{}", second.text);
    assert!(first.json["key"].as_str().unwrap().starts_with("ck_"));
    assert_eq!(second.json["key"], serde_json::Value::Null);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
}
