//! What holds automatic top-up back, over HTTP on a tenant's own clock (SEMANTICS §11): back-off, suspension, payments that nobody reports,
//! months. Every reason can be read from the wallet and is an event.

use serde_json::{Value, json};

use crate::sse::Sse;
use crate::support::Server;

/// A server whose key is that of a tenant in test mode, at this instant.
pub(crate) fn at(instant: &str) -> Server {
    let mut server = Server::start();
    let made = server.ask("POST", "/v1/tenants", r#"{"name":"tests","test_mode":true}"#);
    server.key = made.json["key"]["key"].as_str().unwrap().to_owned();
    to(&server, instant);
    server
}

pub(crate) fn to(server: &Server, instant: &str) {
    let moved = server.ask("POST", "/v1/test-clock", &json!({"now": instant}).to_string());
    assert_eq!(moved.status, 200, "{}", moved.text);
}

fn wallet(server: &Server, rule: &Value) -> String {
    let body =
        json!({"customer_id": "acme", "currency": "usd", "initial_credits_to_load": 25, "auto_topup": rule});
    let made = server.ask("POST", "/v1/wallets", &body.to_string());
    assert_eq!(made.status, 200, "{}", made.text);
    made.json["id"].as_str().unwrap().to_owned()
}

/// The recharge that a debit set off.
pub(crate) fn debit(server: &Server, credits: &str) -> Option<String> {
    let body = json!({"credits": credits}).to_string();
    let taken = server.ask("POST", "/v1/customers/acme/debits", &body);
    assert_eq!(taken.status, 200, "{}", taken.text);
    taken.json["recharge"]["recharge_id"].as_str().map(ToOwned::to_owned)
}

pub(crate) fn report(server: &Server, recharge: &str, verb: &str, body: &Value) {
    let path = format!("/v1/recharges/{recharge}/{verb}");
    let told = server.ask("POST", &path, &body.to_string());
    assert_eq!(told.status, 200, "{}", told.text);
}

/// Reason and end of what holds the wallet's recharges back.
fn held_back(server: &Server, wallet: &str) -> (Value, Value) {
    let shown = server.ask("GET", &format!("/v1/wallets/{wallet}"), "").json;
    let held = &shown["auto_topup_state"]["held_back"];
    (held["reason"].clone(), held["until"].clone())
}

/// Events of recharges from the first on: type, reason, until.
fn events(server: &Server, count: usize) -> Vec<(String, Value, Value)> {
    let path = "/v1/stream?types=recharge.*,wallet.auto_topup.resumed";
    let mut stream = Sse::open(&server.address.to_string(), &server.key, path, Some("0"));
    let of = |stream: &mut Sse| {
        let came = stream.next().expect("the stream goes on");
        let data = &came.data["data"];
        (came.kind, data["reason"].clone(), data["until"].clone())
    };
    (0..count).map(|_| of(&mut stream)).collect()
}

fn event(kind: &str, reason: Value, until: Value) -> (String, Value, Value) {
    (kind.to_owned(), reason, until)
}

#[test]
fn declined_payments_wait_an_hour_then_two_then_four_and_suspend_until_resumed() {
    let server = at("2040-03-01T00:00:00Z");
    let rule = json!({"threshold": 20, "amount": 100, "invoicing": true, "max_failures": 4});
    let wallet = wallet(&server, &rule);
    let mut recharge = debit(&server, "10").expect("one begins");
    let declined = json!({"reason": "card_declined"});
    let hours = [("00", "01"), ("01", "03"), ("03", "07")];
    let mut told = Vec::new();
    for (from, until) in hours {
        report(&server, &recharge, "fail", &declined);
        assert_eq!(debit(&server, "0.5"), None);
        let at = json!(format!("2040-03-01T{until}:00:00Z"));
        assert_eq!(held_back(&server, &wallet), (json!("backing_off"), at.clone()));
        let state = server.ask("GET", &format!("/v1/wallets/{wallet}"), "").json["auto_topup_state"].clone();
        assert_eq!((&state["next_attempt_at"], &state["suspended"]), (&at, &json!(false)), "{state}");
        if from != "00" {
            to(&server, &format!("2040-03-01T{from}:30:00Z"));
            assert_eq!(debit(&server, "0.1"), None, "half an hour is not enough");
        }
        to(&server, &format!("2040-03-01T{:02}:59:59Z", until.parse::<u32>().unwrap() - 1));
        assert_eq!(debit(&server, "0.1"), None, "to the second");
        to(&server, at.as_str().unwrap());
        recharge = debit(&server, "0.5").expect("the wait is over");
        told.extend([
            event("recharge.pending", Value::Null, Value::Null),
            event("recharge.failed", json!("card_declined"), Value::Null),
            event("recharge.held_back", json!("backing_off"), at),
        ]);
    }
    report(&server, &recharge, "fail", &declined);
    to(&server, "2040-03-20T00:00:00Z");
    assert_eq!(debit(&server, "0.5"), None);
    assert_eq!(held_back(&server, &wallet), (json!("suspended"), Value::Null));
    let state = server.ask("GET", &format!("/v1/wallets/{wallet}"), "").json["auto_topup_state"].clone();
    assert_eq!((&state["suspended"], &state["failures"]), (&json!(true), &json!(4)), "{state}");
    let resumed = server.ask("POST", &format!("/v1/wallets/{wallet}/auto-topup/resume"), "");
    assert_eq!(resumed.status, 200, "{}", resumed.text);
    let recharge = debit(&server, "0.5").expect("it goes on");
    report(&server, &recharge, "complete", &json!({}));
    told.extend([
        event("recharge.pending", Value::Null, Value::Null),
        event("recharge.failed", json!("card_declined"), Value::Null),
        event("recharge.held_back", json!("suspended"), Value::Null),
        event("wallet.auto_topup.resumed", Value::Null, Value::Null),
        event("recharge.pending", Value::Null, Value::Null),
        event("recharge.completed", Value::Null, Value::Null),
    ]);
    assert_eq!(events(&server, told.len()), told);
}

#[test]
fn a_payment_that_nobody_reports_fails_after_a_week_and_counts_as_failed() {
    let server = at("2040-03-01T00:00:00Z");
    let wallet = wallet(&server, &json!({"threshold": 20, "amount": 100, "invoicing": true}));
    let recharge = debit(&server, "10").expect("one begins");
    to(&server, "2040-03-07T23:59:59Z");
    assert_eq!(debit(&server, "1"), None);
    assert_eq!(
        held_back(&server, &wallet).0,
        Value::Null,
        "with what is pending the threshold is not reached"
    );
    to(&server, "2040-03-08T00:00:00Z");
    // What is due is written first; then this debit needs a recharge, an hour too early.
    assert_eq!(debit(&server, "1"), None);
    assert_eq!(held_back(&server, &wallet), (json!("backing_off"), json!("2040-03-08T01:00:00Z")));
    let listed = server.ask("GET", "/v1/recharges?customer_id=acme&status=failed", "").json;
    let found = &listed["items"][0];
    assert_eq!((&found["recharge_id"], &found["reason"]), (&json!(recharge), &json!("expired")), "{listed}");
    assert_eq!(found["next_attempt_at"], "2040-03-08T01:00:00Z");
    let late = server.ask("POST", &format!("/v1/recharges/{recharge}/complete"), "");
    assert_eq!((late.status, late.code()), (400, "invalid_operation"), "{}", late.text);
    let told = [
        event("recharge.pending", Value::Null, Value::Null),
        event("recharge.failed", json!("expired"), Value::Null),
        event("recharge.held_back", json!("backing_off"), json!("2040-03-08T01:00:00Z")),
    ];
    assert_eq!(events(&server, 3), told);
}

#[test]
fn money_of_a_month_is_that_of_the_customers_calendar() {
    let server = at("2040-03-15T00:00:00Z");
    let body = r#"{"external_id":"acme","timezone":"Asia/Singapore"}"#;
    assert_eq!(server.ask("POST", "/v1/customers", body).status, 201);
    let rule = json!({"threshold": 20, "amount": 100, "invoicing": false, "max_amount": "150"});
    let wallet = wallet(&server, &rule);
    debit(&server, "10").expect("the first of the month");
    assert_eq!(debit(&server, "100"), None);
    // Midnight of 1 April in Singapore.
    let until = json!("2040-03-31T16:00:00Z");
    assert_eq!(held_back(&server, &wallet), (json!("max_amount"), until.clone()));
    to(&server, "2040-03-31T15:59:59Z");
    assert_eq!(debit(&server, "1"), None);
    to(&server, "2040-03-31T16:00:00Z");
    debit(&server, "1").expect("April, there");
    let told = [
        event("recharge.pending", Value::Null, Value::Null),
        event("recharge.held_back", json!("max_amount"), until),
        event("recharge.pending", Value::Null, Value::Null),
    ];
    assert_eq!(events(&server, 3), told);
}

#[test]
fn a_wallets_events_have_its_rules_as_the_api_shows_them() {
    let server = Server::start();
    let made = server.ask("POST", "/v1/wallets", r#"{"customer_id":"acme","currency":"usd"}"#);
    let id = made.json["id"].as_str().unwrap();
    let settings = [
        json!({"auto_topup": {"threshold": "20.5", "amount": 100, "invoicing": true}}),
        json!({"auto_topup": {"target_balance": 300, "cooldown": {"value": 2, "unit": "hour"}, "max_amount": "900.25", "max_count": 3}}),
        json!({"alert_settings": {"critical": {"threshold": 5}, "info": {"threshold": "50.5"}, "runway_below": 3600}}),
        json!({"alert_settings": {"alert_threshold_type": "percentage", "warning": {"threshold": 10, "condition": "above"}}}),
        json!({"auto_topup": {"enabled": false}, "alert_settings": {"alert_enabled": false}}),
    ];
    let mut shown = vec![made.json.clone()];
    for body in &settings {
        let set = server.ask("PUT", &format!("/v1/wallets/{id}"), &body.to_string());
        assert_eq!(set.status, 200, "{body}: {}", set.text);
        shown.push(server.ask("GET", &format!("/v1/wallets/{id}"), "").json);
    }
    let path = "/v1/stream?types=wallet.created,wallet.updated";
    let mut stream = Sse::open(&server.address.to_string(), &server.key, path, Some("0"));
    for expected in &shown {
        let came = stream.next().expect("the stream goes on").data["data"].clone();
        for field in ["auto_topup", "alert_settings"] {
            assert!(came.get(field).is_some(), "{came:#}");
            assert_eq!(came[field], expected[field], "{field}");
        }
    }
    assert!(shown[0]["auto_topup"].is_null() && shown[5]["alert_settings"]["alert_enabled"] == false);
}

#[test]
fn recharges_are_listed_by_wallet_or_customer_in_pages() {
    let server = Server::start();
    let wallets = [server.wallet("acme", "1"), server.wallet("acme", "2")];
    let foreign = server.wallet("other", "3");
    let mut ids = Vec::new();
    for (round, wallet) in wallets.iter().cycle().take(5).enumerate() {
        let body = json!({"transaction_reason": "PURCHASED_CREDIT_INVOICED", "credits_to_add": 1 + round});
        let bought = server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), &body.to_string());
        ids.push(bought.json["recharge_id"].clone());
    }
    report(&server, ids[1].as_str().unwrap(), "cancel", &json!({}));
    let list = |query: &str| server.ask("GET", &format!("/v1/recharges?{query}"), "");
    let found = |query: &str| {
        let answer = list(query);
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        let items = answer.json["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["recharge_id"].clone()).collect::<Vec<_>>()
    };
    let newest: Vec<Value> = ids.iter().rev().cloned().collect();
    assert_eq!(found("customer_id=acme"), newest);
    assert_eq!(found("customer_id=acme&order=asc"), ids);
    assert_eq!(found(&format!("wallet_id={}", wallets[1])), [ids[3].clone(), ids[1].clone()]);
    assert_eq!(
        found(&format!("customer_id=acme&wallet_id={}", wallets[1])),
        [ids[3].clone(), ids[1].clone()]
    );
    assert_eq!(found("customer_id=acme&status=cancelled"), [ids[1].clone()]);
    assert_eq!(found("customer_id=other"), [Value::Null; 0]);
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("customer_id=acme&limit=2&cursor={cursor}"));
        pages.extend(page.json["items"].as_array().unwrap().iter().map(|item| item["recharge_id"].clone()));
        assert_eq!(page.json["pagination"]["total"], 5);
        match page.json["pagination"]["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(pages, newest);
    // Whoever pays sees all that is to be paid, and needs no customer for it.
    let body = json!({"transaction_reason": "PURCHASED_CREDIT_INVOICED", "credits_to_add": 9});
    let bought = server.ask("POST", &format!("/v1/wallets/{foreign}/top-up"), &body.to_string());
    let others = bought.json["recharge_id"].clone();
    let mut unpaid = newest.clone();
    unpaid.remove(3);
    unpaid.insert(0, others.clone());
    assert_eq!(found("status=pending"), unpaid);
    assert_eq!(found("status=pending&limit=2&offset=1"), unpaid[1..3]);
    assert_eq!(list("status=completed").json["details"]["field"], "wallet_id");

    let foreign = list(&format!("customer_id=acme&wallet_id={foreign}"));
    assert_eq!((foreign.status, foreign.code()), (404, "not_found"), "{}", foreign.text);
    for (query, status) in [("", 400), ("customer_id=nobody", 404), ("customer_id=acme&cursor=x", 400)] {
        assert_eq!(list(query).status, status, "{query}");
    }
    let bound = server.new_key(&["read"], Some("other"));
    assert_eq!(server.ask_as(&bound, "GET", "/v1/recharges?customer_id=acme", "").status, 404);
    for query in ["", "?status=pending"] {
        let own = server.ask_as(&bound, "GET", &format!("/v1/recharges{query}"), "").json;
        assert_eq!(own["items"].as_array().unwrap().len(), 1, "{own}");
        assert_eq!(own["items"][0]["recharge_id"], others);
    }
}
