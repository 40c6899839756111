//! Keys that are bound to a customer, and what is all customers' (API §1 "Auth").

use serde_json::json;

use crate::support::{Answer, Server};

fn assert_forbidden(answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (403, "permission_denied"), "{}", answer.text);
}

#[test]
fn a_customers_key_changes_no_rate_card_and_no_plan() {
    let server = Server::start();
    server.wallet("acme", "10");
    let key = server.new_key(&["debit", "read", "write"], Some("acme"));
    let card = json!({"meter": "m", "tiers": [{"credits_per_unit": 0}]}).to_string();
    let made = server.ask("POST", "/v1/rate-cards", &card.replace('0', "1"));
    let path = format!("/v1/rate-cards/{}", made.json["id"].as_str().unwrap());
    let plan = json!({"name": "n", "scope": "PLAN", "plan_id": "p", "credits": 1, "currency": "usd",
        "cadence": "RECURRING", "period": "MONTHLY"});
    for (method, path, body) in [
        ("POST", "/v1/rate-cards", &*card),
        ("PUT", &*path, &card),
        ("DELETE", &path, ""),
        ("POST", "/v1/creditgrants", &plan.to_string()),
    ] {
        assert_forbidden(&server.ask_as(&key, method, path, body));
    }
    let shown = server.ask("GET", &path, "");
    assert_eq!(shown.json, made.json, "{}", shown.text);
}

#[test]
fn the_figures_of_all_tenants_are_for_unbound_keys_of_the_first() {
    let server = Server::start();
    server.wallet("acme", "10");
    assert_eq!(server.ask_as(&server.new_key(&["read"], None), "GET", "/metrics", "").status, 200);
    assert_forbidden(&server.ask_as(&server.new_key(&["read"], Some("acme")), "GET", "/metrics", ""));
    let other = server.ask("POST", "/v1/tenants", r#"{"name":"other"}"#);
    assert_eq!(other.status, 201, "{}", other.text);
    let key = other.json["key"]["key"].as_str().or(other.json["key"].as_str()).unwrap();
    assert_forbidden(&server.ask_as(key, "GET", "/metrics", ""));
}
