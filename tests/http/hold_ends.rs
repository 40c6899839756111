//! Holds that end without being asked: at their deadline, or with their wallet.

#![expect(clippy::disallowed_methods, reason = "deadlines are waited for in real time, as clients do")]

use std::time::{Duration, Instant};

use coffer_ledger::customer::CLOSED_KEPT_MAX;

use crate::support::{Answer, Server};

/// Asks until the answer is so; a second's deadline needs little more than a second.
fn until(patience: Duration, mut ask: impl FnMut() -> Answer, is_so: impl Fn(&Answer) -> bool) -> Answer {
    let began = Instant::now();
    loop {
        let answer = ask();
        if is_so(&answer) {
            return answer;
        }
        assert!(began.elapsed() < patience, "still not so after {patience:?}: {}", answer.text);
        std::thread::sleep(Duration::from_millis(20));
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_client_that_vanishes_after_placing_a_hold_gets_its_credit_back_at_the_deadline() {
    let server = Server::start();
    server.wallet("acme", "100");
    {
        let mut connection = server.connect();
        let body = r#"{"credits":60,"expires_in":1}"#;
        let request = format!(
            "POST /v1/customers/acme/holds HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            server.key,
            body.len()
        );
        connection.send(request.as_bytes());
        // The answer says that the hold stands; nobody will ever read it again.
        assert_eq!(connection.answer().unwrap().status, 201);
    }
    let holds = || server.ask("GET", "/v1/customers/acme/holds", "");
    let placed = holds();
    let hold = placed.json["items"][0]["hold_id"].as_str().unwrap().to_owned();
    assert_eq!(server.figures("acme"), ["100", "60", "40"]);

    let path = format!("/v1/customers/acme/holds/{hold}");
    let ended = until(PATIENCE, || server.ask("GET", &path, ""), |answer| answer.json["status"] == "expired");
    assert_eq!((&ended.json["released"], &ended.json["held"]), (&"60".into(), &"0".into()), "{}", ended.text);
    assert_eq!(server.figures("acme"), ["100", "0", "100"], "with the sweeper or without it");

    let position = until(
        PATIENCE,
        || server.ask("GET", &path, ""),
        |answer| answer.header("x-log-position") != placed.header("x-log-position"),
    );
    let row = server.row_at(position.header("x-log-position").unwrap(), true);
    let row = server.ask("GET", &format!("/v1/transactions/{row}"), "");
    assert_eq!(row.json["type"], "release", "{}", row.text);
    assert_eq!(row.json["transaction_reason"], "HOLD_RELEASE");
    assert_eq!((&row.json["credit_amount"], &row.json["hold_id"]), (&"60".into(), &(&*hold).into()));
    assert_eq!(row.json["effective_at"], ended.json["expires_at"], "the deadline counts, not the sweeper");
    assert_eq!(row.json["created_by"], serde_json::Value::Null);
    assert_eq!(
        server.ask("GET", "/v1/customers/acme/holds?status=expired", "").json["pagination"]["total"],
        1
    );
}

#[test]
fn after_its_deadline_a_hold_answers_410_to_everything_and_it_is_counted() {
    let server = Server::start();
    server.wallet("acme", "10");
    let hold = server.hold("acme", r#"{"credits":10,"expires_in":1}"#);
    let capture = || server.on_hold("acme", &hold, "capture?dry_run=true", r#"{"credits":1}"#);
    until(PATIENCE, capture, |answer| answer.status == 410);
    for (verb, body) in [
        ("capture", r#"{"credits":1}"#),
        ("release", ""),
        ("extend", r#"{"expires_in":600}"#),
        ("grow", r#"{"credits":1}"#),
    ] {
        let late = server.on_hold("acme", &hold, verb, body);
        assert_eq!((late.status, late.code()), (410, "hold_expired"), "{verb}: {}", late.text);
        assert_eq!(late.json["details"]["hold_id"], *hold);
        assert!(late.json["detail"].as_str().unwrap().contains("debit the usage"), "{}", late.text);
    }
    assert_eq!(server.figures("acme"), ["10", "0", "10"]);
    let metrics = server.ask("GET", "/metrics", "");
    let counted =
        metrics.text.lines().find(|line| line.contains(r#"coffer_refusals_total{code="hold_expired"}"#));
    assert!(counted.is_some_and(|line| !line.ends_with(" 0")), "{}", metrics.text);
    let requests = metrics.text.lines().find(|line| line.contains(r#"class="hold",status="410""#));
    assert!(requests.is_some(), "{}", metrics.text);
}

#[test]
fn a_wallet_closes_over_open_holds_only_by_force() {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    let hold = server.hold("acme", r#"{"credits":60}"#);
    let terminate = format!("/v1/wallets/{wallet}/terminate");
    let refused = server.ask("POST", &terminate, "{}");
    assert_eq!((refused.status, refused.code()), (400, "invalid_operation"), "{}", refused.text);
    let closed = server.ask_keyed("close", "POST", &terminate, r#"{"force":true,"remainder":"refund"}"#);
    assert_eq!(closed.status, 200, "{}", closed.text);
    assert_eq!((&closed.json["held"], &closed.json["credit_balance"]), (&"0".into(), &"0".into()));
    assert_eq!(closed.json["forfeited"], "100", "{}", closed.text);
    let again = server.ask_keyed("close", "POST", &terminate, r#"{"force":true,"remainder":"refund"}"#);
    assert_eq!(again.text, closed.text);
    let read = server.ask("GET", &format!("/v1/customers/acme/holds/{hold}"), "");
    assert_eq!((&read.json["status"], &read.json["released"]), (&"released".into(), &"60".into()));
    let late = server.on_hold("acme", &hold, "capture", r#"{"credits":1}"#);
    assert_eq!((late.status, late.code()), (409, "hold_closed"), "{}", late.text);
}

#[test]
fn a_hold_that_its_customer_has_forgotten_is_found_in_the_log() {
    let server = Server::start();
    server.wallet("acme", "100");
    let first = server.hold("acme", r#"{"credits":7}"#);
    assert_eq!(server.on_hold("acme", &first, "capture", r#"{"credits":4}"#).status, 200);
    let batch = |operations: Vec<serde_json::Value>| {
        let answer =
            server.ask("POST", "/v1/batch", &serde_json::json!({ "operations": operations }).to_string());
        let results = answer.json["results"].as_array().unwrap().clone();
        assert!(results.iter().all(|result| result["status"].as_u64().unwrap() < 300), "{}", answer.text);
        results
    };
    let place = serde_json::json!({"op": "hold", "customer_id": "acme", "credits": "0.01"});
    let placed = batch(vec![place; CLOSED_KEPT_MAX]);
    let release = |hold: &serde_json::Value| serde_json::json!({"op": "release", "customer_id": "acme", "hold_id": hold["hold_id"]});
    batch(placed.iter().map(release).collect());
    let list = server.ask("GET", "/v1/customers/acme/holds?order=asc&limit=1", "");
    assert_eq!(list.json["pagination"]["total"], CLOSED_KEPT_MAX, "{}", list.text);
    assert_eq!(list.json["items"][0]["hold_id"], placed[0]["hold_id"]);
    let read = server.ask("GET", &format!("/v1/customers/acme/holds/{first}"), "");
    assert_eq!((read.status, &read.json["status"]), (200, &"captured".into()), "{}", read.text);
    assert_eq!((&read.json["captured"], &read.json["released"]), (&"4".into(), &"3".into()));
    let late = server.on_hold("acme", &first, "capture", r#"{"credits":1}"#);
    assert_eq!((late.status, late.code()), (409, "hold_closed"), "{}", late.text);
    // The wallet's and the tranche's counters were never a hold's.
    let id: coffer_ledger::ids::HoldId = first.parse().unwrap();
    let never = coffer_ledger::ids::HoldId(coffer_ledger::ids::ThingId(id.0.0 - 1));
    assert_eq!(server.ask("GET", &format!("/v1/customers/acme/holds/{never}"), "").status, 404);
}
