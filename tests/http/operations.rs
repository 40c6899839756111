//! Health, figures, documentation, settings.

use crate::support::Server;

#[test]
fn health_and_documentation_need_no_key() {
    let server = Server::start();
    let open = |path: &str| server.connect().ask("GET", path, &[], "");
    assert_eq!(open("/healthz").json["status"], "ok");
    assert_eq!(open("/readyz").json["status"], "ready");
    assert_eq!(open("/").json["docs"], "/docs");
    let document = open("/openapi.json");
    assert_eq!(document.header("content-type"), Some("application/json"));
    assert!(document.json["paths"]["/v1/customers/{id}/debits"]["post"].is_object());
    let page = open("/docs");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text.contains("/v1/debits/batch"));
    assert_eq!(open("/metrics").status, 401);
}

#[test]
fn readiness_ends_with_admission_and_health_does_not() {
    let server = Server::start();
    server.wallet("acme", "10");
    server.engine().stop_admitting();
    let ready = server.ask("GET", "/readyz", "");
    assert_eq!((ready.status, ready.json["status"].as_str()), (503, Some("not ready")));
    assert_eq!(server.ask("GET", "/healthz", "").status, 200);
    let refused = server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":1}"#);
    assert_eq!((refused.status, refused.code()), (503, "read_only"), "{}", refused.text);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.posted("acme"), "10", "reads go on");
}

#[test]
fn metrics_count_what_happened() {
    let server = Server::start();
    server.wallet("acme", "10");
    server.ask_keyed("k", "POST", "/v1/customers/acme/debits", r#"{"credits":1}"#);
    server.ask_keyed("k", "POST", "/v1/customers/acme/debits", r#"{"credits":1}"#);
    server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":100}"#);
    let metrics = server.ask("GET", "/metrics", "");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "coffer_debits_total 1",
        "coffer_replays_total 1",
        "coffer_refusals_total{code=\"insufficient_credits\"} 1",
        "coffer_http_requests_total{class=\"debit\",status=\"200\"} 2",
        "coffer_http_requests_total{class=\"debit\",status=\"402\"} 1",
        "coffer_customers 1",
        "coffer_ready 1",
        "# TYPE coffer_log_batch_records histogram",
        "# HELP coffer_debits_total Debits accepted; replays are not counted.",
    ] {
        assert!(metrics.text.contains(line), "{line} is missing in\n{}", metrics.text);
    }
}

#[test]
fn operators_see_the_same_figures_without_a_key_and_nothing_else() {
    let server = Server::start();
    server.wallet("acme", "10");
    let mut operator = server.connect_as_operator();
    let metrics = operator.ask("GET", "/metrics", &[], "");
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.text.contains("coffer_http_requests_total{class=\"wallet_write\",status=\"200\"} 2"),
        "{}",
        metrics.text
    );
    assert_eq!(operator.ask("GET", "/readyz", &[], "").status, 200);
    assert_eq!(operator.ask("GET", "/v1/wallets", &[("x-api-key", &*server.key)], "").status, 404);
}

#[test]
fn settings_change_what_is_given_and_take_effect() {
    let server = Server::start();
    let first = server.ask("GET", "/v1/settings", "");
    assert_eq!(first.json["default_priorities"]["plan_included"], 10, "{}", first.text);
    assert_eq!(first.json["default_currency"], serde_json::Value::Null);
    let body =
        r#"{"default_currency":"EUR","time_zone":"Asia/Singapore","default_priorities":{"promotional":5}}"#;
    let changed = server.ask("PUT", "/v1/settings", body);
    assert_eq!(changed.status, 200, "{}", changed.text);
    let kept = server.ask("PUT", "/v1/settings", r#"{"time_zone":null}"#);
    assert_eq!(kept.json["default_currency"], "eur");
    assert_eq!(kept.json["time_zone"], serde_json::Value::Null);
    assert_eq!(kept.json["default_priorities"]["promotional"], 5);
    assert_eq!(kept.json["default_priorities"]["purchased"], 50);
    let wallet = server.ask("POST", "/v1/wallets", r#"{"customer_id":"acme"}"#);
    assert_eq!(wallet.json["currency"], "eur", "{}", wallet.text);
}

#[test]
fn a_connection_serves_many_requests() {
    let server = Server::start();
    server.wallet("acme", "10");
    let mut connection = server.connect();
    for number in 0..100 {
        let headers = [("x-api-key", &*server.key)];
        let answer = connection.ask("POST", "/v1/customers/acme/debits", &headers, r#"{"credits":"0.1"}"#);
        assert_eq!(answer.status, 200, "{number}: {}", answer.text);
    }
    assert_eq!(server.posted("acme"), "0");
}
