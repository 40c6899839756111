//! Usage events (SEMANTICS §19): priced, debited at once, once.

use serde_json::{Value, json};

use crate::support::{Answer, Server};

const ONE: &str = "/v1/events";
const BULK: &str = "/v1/events/bulk";
const BATCH: &str = "/v1/events/batch";

/// A card of two credits a token, and one of ten a call.
fn cards(server: &Server) -> String {
    let tokens = json!({"meter": "tokens", "quantity_property": "count", "tiers": [{"credits_per_unit": 2}]});
    let made = server.ask("POST", "/v1/rate-cards", &tokens.to_string());
    assert_eq!(made.status, 201, "{}", made.text);
    let calls = json!({"meter": "calls", "tiers": [{"credits_per_unit": 10}]});
    assert_eq!(server.ask("POST", "/v1/rate-cards", &calls.to_string()).status, 201);
    made.json["id"].as_str().unwrap().to_owned()
}

fn typed(server: &Server, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut all = vec![("x-api-key", &*server.key)];
    all.extend(headers);
    server.connect().ask("POST", BATCH, &all, body)
}

#[test]
fn an_sdks_event_is_priced_and_debited_before_it_is_answered() {
    let server = Server::start();
    cards(&server);
    server.wallet("acme", "100");
    let event = json!({"event_name": "tokens", "external_customer_id": "acme", "event_id": "e1", "source": "api",
        "timestamp": null, "properties": {"count": "3", "model": "x"}, "something": "else"});
    let taken = server.ask("POST", ONE, &event.to_string());
    assert_eq!(taken.status, 202, "{}", taken.text);
    assert_eq!(taken.json, json!({"message": "Event accepted for processing", "event_id": "e1"}));
    assert_eq!(server.posted("acme"), "94");
    let again = server.ask("POST", ONE, &event.to_string().replace("\"3\"", "\"4\""));
    assert_eq!((again.status, &again.text), (202, &taken.text), "the first one counts");
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(server.posted("acme"), "94");
    for other in [event.to_string().replace("\"api\"", "\"app\""), event.to_string().replace("e1", "e2")] {
        assert_eq!(server.ask("POST", ONE, &other).header("idempotency-replayed"), None);
    }
    assert_eq!(server.posted("acme"), "82", "another source and another id are other events");
}

#[test]
fn an_event_without_an_id_gets_one_and_a_key_makes_it_repeatable() {
    let server = Server::start();
    cards(&server);
    server.wallet("acme", "100");
    let event = r#"{"event_name":"calls","external_customer_id":"acme"}"#;
    let (one, two) = (server.ask("POST", ONE, event), server.ask("POST", ONE, event));
    assert!(one.json["event_id"].as_str().unwrap().starts_with("evt_"), "{}", one.text);
    assert_ne!(one.json["event_id"], two.json["event_id"]);
    assert_eq!(server.posted("acme"), "80");
    let (one, two) = (server.ask_keyed("k", "POST", ONE, event), server.ask_keyed("k", "POST", ONE, event));
    assert_eq!(one.text, two.text);
    assert_eq!(two.header("idempotency-replayed"), Some("true"));
    assert_eq!(server.posted("acme"), "70");
}

#[test]
fn one_event_that_is_sent_fifty_times_at_once_is_debited_once() {
    let server = Server::start();
    cards(&server);
    server.wallet("acme", "100");
    let event = r#"{"event_name":"calls","external_customer_id":"acme","event_id":"e","source":"s"}"#;
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..50).map(|_| scope.spawn(|| server.ask("POST", ONE, event))).collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 202 && answer.text == answers[0].text));
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count(), 1);
    assert_eq!(server.posted("acme"), "90");
}

#[test]
fn usage_that_happened_is_taken_as_far_as_there_is_credit_and_unknown_customers_are_made() {
    let server = Server::start();
    cards(&server);
    server.wallet("acme", "15");
    let batch = json!({"events": [
        {"meter": "calls", "customer_id": "acme", "event_id": "1"},
        {"meter": "calls", "customer_id": "acme", "event_id": "2"},
        {"meter": "calls", "customer_id": "acme", "event_id": "1"},
        {"meter": "unpriced", "customer_id": "acme", "event_id": "3"},
        {"meter": "calls", "customer_id": "brand new", "event_id": "1"}]});
    let answer = server.ask("POST", BATCH, &batch.to_string());
    assert_eq!(answer.status, 202, "{}", answer.text);
    let results = answer.json["results"].as_array().unwrap();
    let told = |index: usize| {
        let result = &results[index];
        [&result["status"], &result["credits"], &result["uncollected"], &result["duplicate"]]
            .map(Value::to_string)
    };
    assert_eq!(told(0), ["202", "\"10\"", "\"0\"", "false"]);
    assert_eq!(told(1), ["202", "\"5\"", "\"5\"", "false"]);
    assert_eq!(told(2), ["202", "\"10\"", "\"0\"", "true"]);
    assert_eq!(results[2]["transaction_id"], results[0]["transaction_id"]);
    assert_eq!(told(3), ["202", "\"0\"", "\"0\"", "false"]);
    assert_eq!((&results[3]["transaction_id"], &results[3]["rate_card"]), (&Value::Null, &Value::Null));
    assert_eq!(told(4), ["202", "\"0\"", "\"10\"", "false"]);
    assert_eq!(results[4]["customer_id"], "brand new");
    assert_eq!(server.ask("GET", "/v1/customers/brand%20new", "").status, 200);
    assert_eq!(server.posted("acme"), "0");
    let row = results[0]["transaction_id"].as_str().unwrap();
    let row = server.ask("GET", &format!("/v1/transactions/{row}"), "");
    assert_eq!(row.json["transaction_reason"], "USAGE_DEBIT", "{}", row.text);
    assert_eq!(row.json["rate_card"]["version"], 1, "{}", row.text);
}

#[test]
fn cloud_events_come_in_each_of_their_modes() {
    let server = Server::start();
    let card = cards(&server);
    server.wallet("acme", "100");
    let event = |id: &str, data: Value| {
        json!({"specversion": "1.0", "type": "tokens", "source": "/gateway", "id": id, "subject": "acme",
            "datacontenttype": "application/json", "traceparent": "00-x", "data": data})
    };
    let structured = [("content-type", "application/cloudevents+json; charset=UTF-8")];
    let one =
        typed(&server, &structured, &event("a", json!({"properties": {"count": 1}, "more": 1})).to_string());
    assert_eq!(one.status, 202, "{}", one.text);
    assert_eq!(one.json["results"][0]["credits"], "2", "{}", one.text);
    assert_eq!(one.json["results"][0]["rate_card"], json!({"rate_card_id": card, "version": 1}));

    let batched = [("content-type", "application/cloudevents-batch+json")];
    let many = json!([event("b", json!({"count": "2", "model": "x"})), event("a", json!({"count": 1})),
        {"specversion": "0.3", "id": "c"}, event("d", json!({"meter": "calls", "customer_id": "acme", "quantity": 2}))]);
    let many = typed(&server, &batched, &many.to_string());
    let results = many.json["results"].as_array().unwrap();
    let credits: Vec<_> = results.iter().map(|result| result["credits"].as_str()).collect();
    assert_eq!(credits, [Some("4"), Some("2"), None, Some("20")], "{}", many.text);
    assert_eq!((&results[1]["duplicate"], &results[2]["status"]), (&json!(true), &json!(400)));

    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-type", "tokens"),
        ("ce-source", "/gateway"),
        ("ce-id", "e%20e"),
        ("ce-subject", "acme"),
        ("ce-time", "2020-01-01T00:00:00Z"),
    ];
    let old = typed(&server, &binary, r#"{"count":5}"#);
    assert_eq!(
        (old.status, old.code()),
        (422, "event_time"),
        "a single one is answered by its error: {}",
        old.text
    );
    let binary = typed(&server, &binary[..6], r#"{"count":5}"#);
    assert_eq!(binary.json["results"][0]["event_id"], "e e", "{}", binary.text);
    assert_eq!(server.posted("acme"), "64");

    let missing = typed(&server, &structured, &event("", json!({"count": 1})).to_string());
    assert_eq!((missing.status, &missing.json["details"]["field"]), (400, &json!("id")));
    let other = typed(&server, &[("content-type", "text/plain")], "x");
    assert_eq!((other.status, other.code()), (415, "unsupported_media_type"));
}

#[test]
fn a_batch_may_say_who_pays_and_budgets_count_without_refusing() {
    let server = Server::start();
    cards(&server);
    let wallet = server.wallet("acme", "100");
    let second = server.wallet("acme", "100");
    let budget = json!({"budget_id": "b", "unit": {"currency": "usd"}, "limits": [{"window": "lifetime", "credits": 15}]});
    assert_eq!(server.ask("POST", "/v1/customers/acme/budgets", &budget.to_string()).status, 201);
    let batch = json!({"events": [
        {"meter": "calls", "customer_id": "acme", "budget_id": "b", "wallet_id": second},
        {"meter": "calls", "customer_id": "acme", "properties": {"budget_id": "b", "wallet_id": second}},
        {"meter": "calls", "customer_id": "acme", "wallet_id": "wallet_x"},
        {"meter": "calls", "customer_id": "acme", "currency": "eur", "wallet_id": second}]});
    let answer = server.ask("POST", BATCH, &batch.to_string());
    let statuses: Vec<_> =
        answer.json["results"].as_array().unwrap().iter().map(|one| one["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(202), Some(202), Some(400), Some(422)], "{}", answer.text);
    let used = server.ask("GET", "/v1/customers/acme/budgets/b", "").json;
    assert_eq!((&used["limits"][0]["used"], &used["limits"][0]["left"]), (&json!("20"), &json!("0")));
    let posted =
        |id: &str| server.ask("GET", &format!("/v1/wallets/{id}"), "").json["credit_balance"].clone();
    assert_eq!((posted(&wallet), posted(&second)), (json!("100"), json!("80")));
    let sdk =
        json!({"event_name": "calls", "external_customer_id": "acme", "properties": {"wallet_id": second}});
    assert_eq!(server.ask("POST", ONE, &sdk.to_string()).status, 202);
    assert_eq!(
        (posted(&wallet), posted(&second)),
        (json!("90"), json!("80")),
        "an SDK's properties choose no wallet"
    );
}

#[test]
fn a_bulk_counts_what_it_took_and_what_it_refused() {
    let server = Server::start();
    cards(&server);
    server.wallet("acme", "1000");
    let mut events: Vec<_> = (0..300)
        .map(|index| json!({"event_name": "calls", "external_customer_id": format!("c{}", index % 150), "event_id": index.to_string()}))
        .collect();
    events.push(json!({"event_name": "calls", "external_customer_id": "acme", "event_id": "x"}));
    events.push(json!({"event_name": "calls"}));
    events.push(
        json!({"event_name": "calls", "external_customer_id": "acme", "timestamp": "2001-01-01T00:00:00Z"}),
    );
    let answer = server.ask("POST", BULK, &json!({"events": events}).to_string());
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!(
        (&answer.json["accepted"], &answer.json["rejected"]),
        (&json!("301"), &json!("2")),
        "{}",
        answer.text
    );
    assert!(
        answer.json["first_rejection"].as_str().unwrap().starts_with("events[301]: customer_id"),
        "{}",
        answer.text
    );
    assert!(answer.json.as_object().unwrap().values().all(Value::is_string), "the SDK's map holds strings");
    assert_eq!(server.ask("POST", "/v1/customers/search", "{}").json["pagination"]["total"], 151);
    assert_eq!(server.posted("acme"), "990");
    let again = server.ask("POST", BULK, &json!({"events": events}).to_string());
    assert_eq!(again.json["accepted"], "301", "duplicates are accepted");
    assert_eq!(server.posted("acme"), "990");
    let none = server.ask("POST", BULK, r#"{"events":[{"event_name":"calls"}]}"#);
    assert_eq!((none.status, none.code()), (400, "validation_error"));
    assert_eq!(server.ask("POST", BULK, r#"{"events":[]}"#).status, 400);
}

#[test]
fn what_is_no_event_is_refused() {
    let server = Server::start();
    cards(&server);
    server.wallet("acme", "100");
    let future = "2099-01-01T00:00:00Z";
    for (change, status, code) in [
        (json!({"meter": null}), 400, "validation_error"),
        (json!({"meter": ""}), 400, "validation_error"),
        (json!({"meter": "x".repeat(65)}), 400, "validation_error"),
        (json!({"customer_id": null}), 400, "validation_error"),
        (json!({"customer_id": "search"}), 400, "validation_error"),
        (json!({"source": "x".repeat(101)}), 400, "validation_error"),
        (json!({"event_id": "x".repeat(129)}), 400, "validation_error"),
        (json!({"timestamp": "yesterday"}), 400, "validation_error"),
        (json!({"timestamp": future}), 422, "event_time"),
        (json!({"timestamp": "2020-01-01T00:00:00Z"}), 422, "event_time"),
        (json!({"quantity": 0}), 422, "amount_invalid"),
        (json!({"quantity": "-1"}), 422, "amount_invalid"),
        (json!({"quantity": "NaN"}), 400, "validation_error"),
        (json!({"quantity": {"a": 1}}), 400, "validation_error"),
        (json!({"quantity": "1e12"}), 422, "amount_overflow"),
        (json!({"quantity": "999999999999"}), 422, "amount_overflow"),
        (json!({"quantity": "1e-16"}), 422, "amount_precision"),
        (json!({"properties": {"quantity": "many"}}), 400, "validation_error"),
        (json!({"meter": "tokens"}), 400, "validation_error"),
        (
            json!({"properties": (0..21).map(|i| (format!("p{i}"), json!(i))).collect::<serde_json::Map<_, _>>()}),
            400,
            "validation_error",
        ),
        (json!({"properties": {"a": "x".repeat(513)}}), 400, "validation_error"),
        (json!({"properties": []}), 400, "validation_error"),
        (json!({"colour": "red"}), 400, "validation_error"),
    ] {
        let mut event = json!({"meter": "calls", "customer_id": "acme"});
        event.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = server.ask("POST", BATCH, &json!({"events": [event]}).to_string());
        let result = &answer.json["results"][0];
        assert_eq!(
            (&result["status"], &result["code"]),
            (&json!(status), &json!(code)),
            "{change}: {}",
            answer.text
        );
    }
    let late =
        json!({"event_name": "calls", "external_customer_id": "acme", "timestamp": future}).to_string();
    let late = server.ask("POST", ONE, &late);
    assert_eq!((late.status, late.code()), (400, "event_time"), "on the billing half");
    assert_eq!(server.ask("POST", &format!("{BATCH}?dry=1"), r#"{"events":[]}"#).status, 400);
    let rehearsed = json!({"events": [{"meter": "calls", "customer_id": "acme"}, {"meter": "calls", "customer_id": "new"}]});
    let rehearsed = server.ask("POST", &format!("{BATCH}?dry_run=true"), &rehearsed.to_string());
    assert_eq!(rehearsed.json["results"][0]["credits"], "10", "{}", rehearsed.text);
    assert_eq!(rehearsed.json["results"][0]["transaction_id"], Value::Null);
    assert_eq!(server.ask("GET", "/v1/customers/new", "").status, 404);
    assert_eq!(server.posted("acme"), "100");
}

#[test]
fn a_key_that_is_bound_to_a_customer_reports_nobody_elses_usage() {
    let server = Server::start();
    cards(&server);
    server.wallet("own", "100");
    server.wallet("other", "100");
    let key = server.new_key(&["debit"], Some("own"));
    let of = |customer: &str| json!({"event_name": "calls", "external_customer_id": customer}).to_string();
    assert_eq!(server.ask_as(&key, "POST", ONE, &of("own")).status, 202);
    assert_eq!(server.ask_as(&key, "POST", ONE, &of("other")).status, 404);
    assert_eq!(server.ask_as(&key, "POST", ONE, &of("brand-new")).status, 404);
    let bulk = format!(r#"{{"events":[{},{}]}}"#, of("own"), of("other"));
    let bulk = server.ask_as(&key, "POST", BULK, &bulk);
    assert_eq!((&bulk.json["accepted"], &bulk.json["rejected"]), (&json!("1"), &json!("1")), "{}", bulk.text);
    assert_eq!((server.posted("own"), server.posted("other")), ("80".to_owned(), "100".to_owned()));
    let reader = server.new_key(&["read", "write", "admin"], None);
    assert_eq!(server.ask_as(&reader, "POST", ONE, &of("own")).status, 403);
}
