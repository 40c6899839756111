//! Who sees what of the history, and how fresh it is.

use crate::support::Server;

#[test]
fn a_write_is_in_the_history_that_is_asked_for_its_position() {
    let server = Server::start();
    server.wallet("acme", "1000");
    for _ in 0..50 {
        let debit = server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":1}"#);
        let position = debit.header("x-log-position").unwrap().to_owned();
        let headers = [("x-api-key", &*server.key), ("x-min-log-position", &*position)];
        let ledger = server.connect().ask("GET", "/v1/customers/acme/ledger?limit=1", &headers, "");
        assert_eq!(ledger.json["items"][0]["id"], debit.json["transaction_id"], "{}", ledger.text);
        let shown: u64 = ledger.header("x-log-position").unwrap().parse().unwrap();
        assert!(shown >= position.parse().unwrap());
    }
}

#[test]
fn without_a_position_a_customers_history_has_its_last_write() {
    let server = Server::start();
    server.wallet("acme", "1000");
    for _ in 0..20 {
        let debit = server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":1}"#);
        let ledger = server.ask("GET", "/v1/customers/acme/ledger?limit=1", "");
        assert_eq!(ledger.json["items"][0]["id"], debit.json["transaction_id"], "{}", ledger.text);
    }
}

#[test]
fn a_position_that_does_not_come_is_503_with_retry_after() {
    let server = Server::start();
    server.wallet("acme", "1");
    let headers = [("x-api-key", &*server.key), ("x-min-log-position", "999999")];
    let behind = server.connect().ask("GET", "/v1/customers/acme/ledger", &headers, "");
    assert_eq!((behind.status, behind.code()), (503, "history_behind"), "{}", behind.text);
    assert_eq!(behind.header("retry-after"), Some("1"));
    assert!(behind.json["details"]["log_position"].is_string(), "{}", behind.text);
    let headers = [("x-api-key", &*server.key), ("x-min-log-position", "soon")];
    let wrong = server.connect().ask("GET", "/v1/customers/acme/ledger", &headers, "");
    assert_eq!((wrong.status, wrong.code()), (400, "validation_error"), "{}", wrong.text);
}

#[test]
fn a_key_that_is_bound_to_a_customer_finds_only_its_rows() {
    let server = Server::start();
    let (mine, other) = (server.wallet("acme", "10"), server.wallet("other", "20"));
    let bound = server.new_key(&["read"], Some("acme"));
    let found = server.ask_as(&bound, "POST", "/v1/wallets/transactions/search", "{}");
    assert_eq!(found.json["pagination"]["total"], 1, "{}", found.text);
    assert_eq!(found.json["items"][0]["wallet_id"], *mine, "{}", found.text);
    assert_eq!(server.ask_as(&bound, "GET", "/v1/customers/acme/ledger", "").status, 200);
    for (method, path, body) in [
        ("GET", "/v1/customers/other/ledger".to_owned(), ""),
        ("GET", format!("/v1/wallets/{other}/transactions"), ""),
        ("POST", "/v1/wallets/transactions/search".to_owned(), r#"{"customer_id":"other"}"#),
    ] {
        let hidden = server.ask_as(&bound, method, &path, body);
        assert_eq!(hidden.status, 404, "{path}: {}", hidden.text);
    }
    let filtered = format!(r#"{{"wallet_ids":["{other}"]}}"#);
    let filtered = server.ask_as(&bound, "POST", "/v1/wallets/transactions/search", &filtered);
    assert_eq!(filtered.json["pagination"]["total"], 0, "{}", filtered.text);
}

#[test]
fn tenants_do_not_find_each_others_rows() {
    let server = Server::start();
    let wallet = server.wallet("acme", "10");
    let made = server.ask("POST", "/v1/tenants", r#"{"name":"second"}"#);
    assert_eq!(made.status, 201, "{}", made.text);
    let second = made.json["key"].as_str().or(made.json["key"]["key"].as_str()).unwrap().to_owned();
    let found = server.ask_as(&second, "POST", "/v1/wallets/transactions/search", "{}");
    assert_eq!((found.status, &found.json["pagination"]["total"]), (200, &0.into()), "{}", found.text);
    for path in ["/v1/customers/acme/ledger".to_owned(), format!("/v1/wallets/{wallet}/transactions")] {
        assert_eq!(server.ask_as(&second, "GET", &path, "").status, 404, "{path}");
    }
    let filtered = format!(r#"{{"id":"{wallet}"}}"#);
    let filtered = server.ask_as(&second, "POST", "/v1/wallets/transactions/search", &filtered);
    assert_eq!(filtered.json["pagination"]["total"], 0, "{}", filtered.text);
}

#[test]
fn the_history_is_the_same_after_a_restart_and_its_lag_is_shown() {
    let mut server = Server::start();
    server.wallet("acme", "10");
    server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":1}"#);
    let before = server.ask("GET", "/v1/customers/acme/ledger", "");
    server.restart();
    let after = server.ask("GET", "/v1/customers/acme/ledger", "");
    assert_eq!(after.json, before.json);
    let ready = server.connect().ask("GET", "/readyz", &[], "");
    assert_eq!(ready.json["history"]["state"], "following", "{}", ready.text);
    assert!(
        ready.json["history"]["lag_records"].is_u64() && ready.json["history"]["lag_seconds"].is_number()
    );
    let metrics = server.ask("GET", "/metrics", "").text;
    for name in ["coffer_history_lag_records", "coffer_history_lag_seconds", "coffer_history_position"] {
        assert!(metrics.lines().any(|line| line.starts_with(name)), "{name}");
    }
}
