//! Events that come again (SEMANTICS §9, §19): under the same idempotency key, under the same id, and after the rate card has changed.

use serde_json::{Value, json};

use crate::support::{Answer, Server};

const ONE: &str = "/v1/events";
const BULK: &str = "/v1/events/bulk";
const BATCH: &str = "/v1/events/batch";

/// A card of one credit a unit of this property.
fn card(property: &str) -> String {
    json!({"meter": "calls", "quantity_property": property, "tiers": [{"credits_per_unit": 1}],
        "valid_from": "2020-01-01T00:00:00Z"})
    .to_string()
}

/// A server with a customer, and the path of the card that counts its calls by this property.
fn counting_by(property: &str) -> (Server, String) {
    let server = Server::start();
    server.wallet("acme", "100");
    let made = server.ask("POST", "/v1/rate-cards", &card(property));
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("/v1/rate-cards/{}", made.json["id"].as_str().unwrap());
    (server, path)
}

fn replace(server: &Server, path: &str, property: &str) {
    let replaced = server.ask("PUT", path, &card(property));
    assert_eq!(replaced.status, 200, "{}", replaced.text);
}

fn is_replayed(answer: &Answer) -> bool {
    answer.status == 202 && answer.header("idempotency-replayed") == Some("true")
}

fn is_key_reused(answer: &Answer) -> bool {
    (answer.status, answer.code()) == (422, "idempotency_key_reused")
}

/// An event of an SDK, without an id, and with these changes.
fn call(change: &Value) -> String {
    let mut event = json!({"event_name": "calls", "external_customer_id": "acme", "source": "api",
        "properties": {"quantity": 1, "model": "x"}});
    event.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    event.to_string()
}

#[test]
fn a_key_that_comes_with_another_event_is_refused_and_nothing_is_dropped_in_silence() {
    let (server, _) = counting_by("quantity");
    let ask = |key: &str, change: Value| server.ask_keyed(key, "POST", ONE, &call(&change));
    assert_eq!(ask("k", json!({})).status, 202);
    let again = ask("k", json!({}));
    assert!(is_replayed(&again), "read at another time, it is the same: {}", again.text);
    let id = server.ask("GET", "/v1/customers/acme", "").json["id"].clone();
    let renamed = ask("k", json!({"external_customer_id": id}));
    assert!(is_replayed(&renamed), "the customer's other name: {}", renamed.text);
    for change in [
        json!({"properties": {"quantity": 50, "model": "x"}}),
        json!({"properties": {"quantity": 1, "model": "y"}}),
        json!({"properties": {"quantity": "many", "model": "x"}}),
        json!({"properties": {"model": "x"}}),
        json!({"event_name": "minutes"}),
        json!({"timestamp": "2026-01-01T00:00:00Z"}),
    ] {
        let refused = ask("k", change.clone());
        assert!(is_key_reused(&refused), "{change}: {} {}", refused.status, refused.text);
    }
    assert_eq!(server.posted("acme"), "99");
    // An event that has an id is known by that, whatever the key: the first one counts.
    let own = |quantity: u32| json!({"event_id": "e1", "properties": {"quantity": quantity}});
    assert_eq!(ask("own", own(2)).status, 202);
    assert!(is_replayed(&ask("own", own(3))) && is_replayed(&ask("another", own(4))));
    assert_eq!(server.posted("acme"), "97");
}

#[test]
fn a_time_that_was_said_is_part_of_what_a_key_stands_for() {
    let (server, _) = counting_by("quantity");
    let now = chrono::DateTime::from_timestamp_nanos(i64::try_from(server.engine().now().0).unwrap());
    let at = |seconds: u64| {
        let at = now - std::time::Duration::from_secs(seconds);
        call(&json!({"timestamp": at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)}))
    };
    assert_eq!(server.ask_keyed("k", "POST", ONE, &at(60)).status, 202);
    assert!(is_replayed(&server.ask_keyed("k", "POST", ONE, &at(60))));
    assert!(is_key_reused(&server.ask_keyed("k", "POST", ONE, &at(61))));
    assert_eq!(server.posted("acme"), "99");
}

#[test]
fn each_event_of_a_batch_under_a_key_is_compared_with_what_stood_in_its_place() {
    let (server, _) = counting_by("quantity");
    let ours = |quantity: u32| {
        json!({"events": [{"meter": "calls", "customer_id": "acme", "quantity": 1},
            {"meter": "calls", "customer_id": "acme", "quantity": quantity},
            {"meter": "calls", "customer_id": "new", "quantity": quantity}]})
        .to_string()
    };
    let statuses = |answer: &Answer| -> Vec<u64> {
        let results = answer.json["results"].as_array().unwrap_or_else(|| panic!("{}", answer.text));
        results.iter().map(|one| one["status"].as_u64().unwrap()).collect()
    };
    let first = server.ask_keyed("b", "POST", BATCH, &ours(2));
    assert_eq!(statuses(&first), [202, 202, 202], "{}", first.text);
    let again = server.ask_keyed("b", "POST", BATCH, &ours(2));
    assert!(again.json["results"].as_array().unwrap().iter().all(|one| one["duplicate"] == json!(true)));
    let other = server.ask_keyed("b", "POST", BATCH, &ours(3));
    assert_eq!(statuses(&other), [202, 422, 422], "{}", other.text);
    assert_eq!(other.json["results"][1]["code"], "idempotency_key_reused");
    let bulk = |quantity: u32| {
        let events: Vec<Value> = [json!({}), json!({"properties": {"quantity": quantity}})]
            .iter()
            .map(|change| serde_json::from_str(&call(change)).unwrap())
            .collect();
        server.ask_keyed("c", "POST", BULK, &json!({ "events": events }).to_string())
    };
    assert_eq!(bulk(2).json["accepted"], "2");
    let other = bulk(4);
    assert_eq!(
        (&other.json["accepted"], &other.json["rejected"]),
        (&json!("1"), &json!("1")),
        "{}",
        other.text
    );
    assert!(other.json["first_rejection"].as_str().unwrap().starts_with("events[1]: "), "{}", other.text);
    assert_eq!(server.posted("acme"), "94");
}

#[test]
fn a_repeat_is_known_whatever_the_rate_card_of_the_day_counts() {
    let (server, path) = counting_by("tokens");
    let event = |id: &str| call(&json!({"event_id": id, "properties": {"tokens": 3}}));
    let keyed = |tokens: u32| call(&json!({"properties": {"tokens": tokens, "units": 7}}));
    let bare = |tokens: u32| call(&json!({"properties": {"tokens": tokens}}));
    let batch = |ids: [&str; 2]| {
        let of = |id: &str| {
            json!({"meter": "calls", "customer_id": "acme", "source": "api", "event_id": id,
            "properties": {"tokens": 3}})
        };
        server.ask("POST", BATCH, &json!({"events": [of(ids[0]), of(ids[1])]}).to_string())
    };
    assert_eq!(server.ask("POST", ONE, &event("e1")).status, 202);
    assert_eq!(server.ask_keyed("k", "POST", ONE, &keyed(2)).status, 202);
    assert_eq!(server.ask_keyed("bare", "POST", ONE, &bare(1)).status, 202);
    assert_eq!(server.posted("acme"), "94");
    replace(&server, &path, "units");
    let again = server.ask("POST", ONE, &event("e1"));
    assert!(is_replayed(&again), "{} {}", again.status, again.text);
    let new = server.ask("POST", ONE, &event("e2"));
    assert_eq!(
        (new.status, &new.json["details"]["field"]),
        (400, &json!("properties.units")),
        "{}",
        new.text
    );
    let results = batch(["e1", "e2"]).json["results"].clone();
    let told = |one: usize| (&results[one]["event_id"], &results[one]["status"], &results[one]["duplicate"]);
    assert_eq!(told(0), (&json!("e1"), &json!(202), &json!(true)), "{results}");
    assert_eq!(results[0]["credits"], "3", "what became of it then");
    assert_eq!(told(1), (&json!("e2"), &json!(400), &json!(false)), "{results}");
    let bulk = json!({"events": [serde_json::from_str::<Value>(&event("e1")).unwrap()]});
    assert_eq!(server.ask("POST", BULK, &bulk.to_string()).json["accepted"], "1");
    // Under a key the same request is the same, although today's card reads another quantity out of it, or none.
    for (key, same, other) in [("k", keyed(2), keyed(4)), ("bare", bare(1), bare(4))] {
        let again = server.ask_keyed(key, "POST", ONE, &same);
        assert!(is_replayed(&again), "{key}: {} {}", again.status, again.text);
        let refused = server.ask_keyed(key, "POST", ONE, &other);
        assert!(is_key_reused(&refused), "{key}: {} {}", refused.status, refused.text);
    }
    assert_eq!(server.ask_keyed("unknown", "POST", ONE, &bare(1)).status, 400);
    assert_eq!(server.posted("acme"), "94");
    let bound = server.new_key(&["debit"], Some("acme"));
    server.wallet("other", "1");
    let others = event("e1").replace("acme", "other");
    assert_eq!(
        server.ask_as(&bound, "POST", ONE, &others).status,
        404,
        "a bound key learns nothing of others"
    );
}

#[test]
fn a_card_that_counts_quantity_takes_it_from_the_events_own_field() {
    let (server, _) = counting_by("quantity");
    let ours = |event: Value| {
        let mut whole = json!({"meter": "calls", "customer_id": "acme"});
        whole.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
        server.ask("POST", BATCH, &json!({ "events": [whole] }).to_string()).json["results"][0].clone()
    };
    assert_eq!(ours(json!({"quantity": 3}))["credits"], "3");
    assert_eq!(
        ours(json!({"quantity": 3, "properties": {"quantity": 4}}))["credits"],
        "4",
        "the card says property"
    );
    let missing = ours(json!({"event_id": "none"}));
    assert_eq!((&missing["status"], &missing["event_id"]), (&json!(400), &json!("none")), "{missing}");
    let cloud = json!({"specversion": "1.0", "type": "calls", "source": "/gateway", "id": "c1", "subject": "acme",
        "data": {"quantity": 3}});
    let headers = [("x-api-key", &*server.key), ("content-type", "application/cloudevents+json")];
    let taken = server.connect().ask("POST", BATCH, &headers, &cloud.to_string());
    assert_eq!(taken.json["results"][0]["credits"], "3", "{}", taken.text);
    assert_eq!(server.posted("acme"), "90");
}

#[test]
fn an_event_that_is_refused_is_called_by_the_id_that_it_has() {
    let (server, _) = counting_by("tokens");
    let ours = json!({"events": [
        {"meter": "calls", "customer_id": "acme", "event_id": "a", "timestamp": "yesterday"},
        {"meter": "calls", "event_id": "b"},
        {"meter": "calls", "customer_id": "acme", "event_id": "c"},
        {"meter": "calls", "customer_id": "acme", "event_id": "d".repeat(129)},
        {"meter": "calls", "customer_id": "acme", "event_id": 5}]});
    let cloud = json!([{"specversion": "0.3", "id": "a"},
        {"specversion": "1.0", "id": "b", "source": "/s", "type": "calls", "data_base64": "eA=="},
        {"specversion": "1.0", "id": "c", "source": "/s", "type": "calls", "subject": "acme", "data": {}},
        {"specversion": "1.0", "source": "/s", "type": "calls", "subject": "acme", "data": {}}, 5]);
    let batched = [("x-api-key", &*server.key), ("content-type", "application/cloudevents-batch+json")];
    let plain = [("x-api-key", &*server.key), ("content-type", "application/json")];
    for (headers, body) in [(plain, ours), (batched, cloud)] {
        let answer = server.connect().ask("POST", BATCH, &headers, &body.to_string());
        let results = answer.json["results"].as_array().unwrap_or_else(|| panic!("{}", answer.text));
        let told: Vec<_> =
            results.iter().map(|one| (one["status"].clone(), one["event_id"].clone())).collect();
        let wanted =
            [json!("a"), json!("b"), json!("c"), Value::Null, Value::Null].map(|id| (json!(400), id));
        assert_eq!(told, wanted, "{}", answer.text);
    }
}
