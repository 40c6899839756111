//! A refused request can be explained by its id, as long as it is kept.

use coffer::http::HttpOptions;
use serde_json::{Value, json};

use crate::support::{Answer, Server};

fn refused(server: &Server, credits: &str, key: &str) -> Answer {
    let body = format!(r#"{{"credits":"{credits}"}}"#);
    let answer = server.ask_keyed(key, "POST", "/v1/customers/acme/debits", &body);
    assert_eq!(answer.status, 402, "{}", answer.text);
    answer
}

fn explain(server: &Server, request: &str) -> Answer {
    server.ask("GET", &format!("/v1/refusals/{request}"), "")
}

fn id(answer: &Answer) -> String {
    answer.header("x-request-id").unwrap().to_owned()
}

#[test]
fn a_refusal_is_explained_by_its_request_and_the_balance_it_saw_can_be_asked_for() {
    let server = Server::start();
    server.wallet("acme", "10");
    let position =
        server.ask("GET", "/v1/customers/acme/balance", "").header("x-log-position").unwrap().to_owned();
    let answer = refused(&server, "12", "key-1");
    server.wallet("acme", "100");
    let explained = explain(&server, &id(&answer));
    assert_eq!(explained.status, 200, "{}", explained.text);
    let refusal = &explained.json["refusals"][0];
    for (name, value) in [
        ("request_id", json!(id(&answer))),
        ("operation", json!("debit")),
        ("item", Value::Null),
        ("dry_run", json!(false)),
        ("status", json!(402)),
        ("code", json!("insufficient_credits")),
        ("details", answer.json["details"].clone()),
        ("idempotency_key", json!("key-1")),
        ("log_position", json!(position)),
    ] {
        assert_eq!(refusal[name], value, "{name}: {}", explained.text);
    }
    let then = server.ask("GET", &format!("/v1/customers/acme/balance?as_of={position}"), "");
    assert_eq!(then.json["available"], answer.json["details"]["available"]);
}

#[test]
fn the_last_refusals_of_a_customer_are_listed_newest_first_and_older_ones_are_said_to_be_gone() {
    let server = Server::start_with(HttpOptions { refusals_kept_per_customer: 3, ..HttpOptions::default() });
    server.wallet("acme", "1");
    let ids: Vec<_> = (0..5).map(|number| id(&refused(&server, "2", &format!("k{number}")))).collect();
    let list = server.ask("GET", "/v1/customers/acme/refusals", "");
    let listed: Vec<_> =
        list.json["items"].as_array().unwrap().iter().map(|item| item["request_id"].clone()).collect();
    assert_eq!(listed, [json!(ids[4]), json!(ids[3]), json!(ids[2])], "{}", list.text);
    let gone = explain(&server, &ids[0]);
    assert_eq!((gone.status, &gone.json["details"]["refusals_kept_per_customer"]), (404, &json!("3")));
    for other in ["req_0000000000000000-0000000000000000", "nonsense"] {
        assert_eq!(explain(&server, other).status, 404, "{other}");
    }
}

#[test]
fn a_restart_forgets_refusals() {
    let mut server = Server::start();
    server.wallet("acme", "1");
    let request = id(&refused(&server, "2", "k"));
    assert_eq!(explain(&server, &request).status, 200);
    server.restart();
    assert_eq!(explain(&server, &request).status, 404);
}

#[test]
fn each_refused_item_of_a_batch_is_explained_with_what_it_was_decided_on() {
    let server = Server::start();
    server.wallet("acme", "10");
    server.wallet("other", "1");
    let body = json!({"operations": [
        {"op": "debit", "customer_id": "acme", "credits": "6"},
        {"op": "debit", "customer_id": "acme", "credits": "6"},
        {"op": "hold", "customer_id": "other", "credits": "2"},
        {"op": "debit", "customer_id": "acme", "credits": "4"},
        {"op": "debit", "customer_id": "nobody", "credits": "4"},
    ], "idempotency_key": "batch"});
    let answer = server.ask("POST", "/v1/batch", &body.to_string());
    let statuses: Vec<_> =
        answer.json["results"].as_array().unwrap().iter().map(|item| item["status"].clone()).collect();
    assert_eq!(statuses, [json!(200), json!(402), json!(402), json!(200), json!(404)], "{}", answer.text);
    let explained = explain(&server, &id(&answer)).json;
    let refusals = explained["refusals"].as_array().unwrap();
    let told: Vec<_> = refusals
        .iter()
        .map(|refusal| {
            [&refusal["item"], &refusal["operation"], &refusal["idempotency_key"]].map(Clone::clone)
        })
        .collect();
    assert_eq!(
        told,
        [[json!(1), json!("debit"), json!("batch/1")], [json!(2), json!("hold"), json!("batch/2")]],
        "{explained}"
    );
    assert_eq!((&refusals[0]["status"], &refusals[0]["details"]["available"]), (&json!(402), &json!("4")));
    // The second debit was decided on the first, which went into the log with it.
    let saw = refusals[0]["log_position"].as_str().unwrap();
    let then = server.ask("GET", &format!("/v1/customers/acme/balance?as_of={saw}"), "");
    assert_eq!(then.json["available"], "4", "{explained}");
}

#[test]
fn only_those_who_may_see_the_customer_see_its_refusals() {
    let server = Server::start();
    server.wallet("acme", "1");
    server.wallet("other", "1");
    let request = id(&refused(&server, "2", "k"));
    let path = format!("/v1/refusals/{request}");
    let own = server.new_key(&["read"], Some("acme"));
    let others = server.new_key(&["read"], Some("other"));
    let writer = server.new_key(&["write"], None);
    assert_eq!(server.ask_as(&own, "GET", &path, "").status, 200);
    assert_eq!(server.ask_as(&others, "GET", &path, "").status, 404);
    assert_eq!(server.ask_as(&others, "GET", "/v1/customers/acme/refusals", "").status, 404);
    assert_eq!(server.ask_as(&writer, "GET", &path, "").status, 403);
    let tenant = server.ask("POST", "/v1/tenants", r#"{"name":"second"}"#);
    let stranger = tenant.json["key"]["key"].as_str().unwrap();
    assert_eq!(server.ask_as(stranger, "GET", &path, "").status, 404);
}

#[test]
fn what_succeeds_is_not_kept_nor_is_a_request_that_cannot_be_read() {
    let server = Server::start();
    server.wallet("acme", "10");
    server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":"1"}"#);
    server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":"one"}"#);
    server.ask("POST", "/v1/customers/nobody/debits", r#"{"credits":"1"}"#);
    assert_eq!(server.ask("GET", "/v1/customers/acme/refusals", "").json["items"], json!([]));
    let dry = server.ask("POST", "/v1/customers/acme/debits?dry_run=true", r#"{"credits":"11"}"#);
    assert_eq!(dry.status, 402);
    let list = server.ask("GET", "/v1/customers/acme/refusals", "").json;
    assert_eq!((&list["items"][0]["dry_run"], &list["items"][1]), (&json!(true), &Value::Null), "{list}");
}
