//! Batches of every metering verb: each alone, or all of one customer's or none.

use serde_json::{Value, json};

use crate::support::{Answer, Server};

const PATH: &str = "/v1/batch";

fn results(answer: &Answer) -> &Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["results"].as_array().unwrap()
}

fn statuses(answer: &Answer) -> Vec<u64> {
    results(answer).iter().map(|result| result["status"].as_u64().unwrap()).collect()
}

/// A server where acme has 100, a debit of 10 that can be refunded, and two open holds of 20; with their ids.
fn prepared() -> (Server, String, [String; 2]) {
    let server = Server::start();
    server.wallet("acme", "150");
    server.wallet("other", "5");
    let debit = server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":10}"#);
    let debit = debit.json["transaction_id"].as_str().unwrap().to_owned();
    let holds = [(), ()].map(|()| server.hold("acme", r#"{"credits":20}"#));
    (server, debit, holds)
}

/// One of each verb.
fn one_of_each(debit: &str, holds: &[String; 2]) -> Value {
    json!([
        {"op": "debit", "customer_id": "acme", "credits": 1},
        {"op": "hold", "customer_id": "acme", "credits": 2, "expires_in": 300},
        {"op": "capture", "customer_id": "acme", "hold_id": holds[0], "credits": 15},
        {"op": "release", "customer_id": "acme", "hold_id": holds[1]},
        {"op": "refund", "customer_id": "acme", "transaction_id": debit, "credits": 4},
    ])
}

#[test]
fn every_verb_of_a_batch_has_its_own_outcome_in_order() {
    let (server, debit, holds) = prepared();
    let mut operations = one_of_each(&debit, &holds);
    let more = json!([
        {"op": "debit", "customer_id": "other", "credits": 6},
        {"op": "capture", "customer_id": "acme", "hold_id": holds[1], "credits": 1},
        {"op": "capture", "customer_id": "other", "hold_id": holds[0], "credits": 1},
        {"op": "hold", "customer_id": "nobody", "credits": 1},
        {"op": "refund", "customer_id": "other", "transaction_id": debit},
        {"op": "extend", "customer_id": "acme", "hold_id": holds[0]},
        {"customer_id": "acme", "credits": 1},
        {"op": "release", "customer_id": "acme"},
        {"op": "hold", "customer_id": "acme", "credits": 1, "final": true},
        {"op": "hold", "customer_id": "acme", "credits": -1},
        7,
        {"op": "debit", "customer_id": "other", "credits": 5, "idempotency_key": "own"},
    ]);
    operations.as_array_mut().unwrap().extend(more.as_array().unwrap().iter().cloned());
    let body = json!({ "operations": operations }).to_string();
    let answer = server.ask_keyed("batch", "POST", PATH, &body);
    let expected = [200, 201, 200, 200, 200, 402, 409, 404, 404, 404, 400, 400, 400, 400, 422, 400, 200];
    assert_eq!(statuses(&answer), expected, "{}", answer.text);
    let results = results(&answer);
    assert_eq!(results[0]["balance_after"], "139");
    assert_eq!((&results[1]["hold_status"], &results[1]["held"]), (&"open".into(), &"2".into()));
    assert_eq!((&results[2]["hold_status"], &results[2]["captured_now"]), (&"captured".into(), &"15".into()));
    assert_eq!((&results[3]["hold_status"], &results[3]["released"]), (&"released".into(), &"20".into()));
    assert_eq!((&results[4]["credits"], &results[4]["refundable_left"]), (&"4".into(), &"6".into()));
    assert_eq!(results[6]["code"], "hold_closed");
    assert_eq!(server.figures("acme"), ["128", "2", "126"]);

    let again = server.ask_keyed("batch", "POST", PATH, &body);
    assert_eq!(statuses(&again), expected, "{}", again.text);
    for (index, (first, second)) in results.iter().zip(again.json["results"].as_array().unwrap()).enumerate()
    {
        let succeeded = first["status"].as_u64().unwrap() < 300;
        assert_eq!(second["replayed"], succeeded, "{index}");
        assert_eq!(first["transaction_id"], second["transaction_id"], "{index}");
    }
    assert_eq!(server.figures("acme"), ["128", "2", "126"]);
    let alone = server.ask_keyed("batch/0", "POST", "/v1/customers/acme/debits", r#"{"credits":1}"#);
    assert_eq!(alone.header("idempotency-replayed"), Some("true"), "an item borrows the batch's key");
    let own = server.ask_keyed("own", "POST", "/v1/customers/other/debits", r#"{"credits":5}"#);
    assert_eq!(own.header("idempotency-replayed"), Some("true"), "{}", own.text);
}

#[test]
fn an_atomic_batch_is_one_record_and_its_replay_the_same_bytes_also_after_a_restart() {
    let (mut server, debit, holds) = prepared();
    let body = json!({ "operations": one_of_each(&debit, &holds), "atomic": true }).to_string();
    let appended = server.engine().stats().appended;
    let rehearsed = server.ask_keyed("k", "POST", &format!("{PATH}?dry_run=true"), &body);
    assert_eq!(statuses(&rehearsed), [200, 201, 200, 200, 200], "{}", rehearsed.text);
    assert!(results(&rehearsed)[..1].iter().all(|result| result["transaction_id"].is_null()));
    assert_eq!(server.engine().stats().appended, appended);
    let first = server.ask_keyed("k", "POST", PATH, &body);
    assert_eq!(statuses(&first), [200, 201, 200, 200, 200], "{}", first.text);
    assert_eq!(server.engine().stats().appended.0, appended.0 + 1);
    assert_eq!(server.figures("acme"), ["128", "2", "126"]);
    // Every row can be read under the id that its item says.
    for (index, reason) in [(0, "USAGE_DEBIT"), (2, "HOLD_CAPTURE"), (4, "REFUND")] {
        let id = results(&first)[index]["transaction_id"].as_str().unwrap();
        let row = server.ask("GET", &format!("/v1/transactions/{id}"), "");
        assert_eq!((row.status, &row.json["transaction_reason"]), (200, &reason.into()), "{}", row.text);
    }
    let placed = results(&first)[1]["hold_id"].as_str().unwrap().to_owned();
    for round in 0..2 {
        let again = server.ask_keyed("k", "POST", PATH, &body);
        assert_eq!((again.status, &again.text), (200, &first.text), "{round}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(server.figures("acme"), ["128", "2", "126"]);
        server.restart();
    }
    assert_eq!(server.on_hold("acme", &placed, "capture", r#"{"credits":2}"#).status, 200);
    for hold in &holds {
        let read = server.ask("GET", &format!("/v1/customers/acme/holds/{hold}"), "");
        assert_ne!(read.json["status"], "open", "{}", read.text);
    }
    // A debit inside the batch is refunded like any other.
    let taken = results(&first)[0]["transaction_id"].as_str().unwrap();
    let body = format!(r#"{{"transaction_id":"{taken}"}}"#);
    assert_eq!(server.ask("POST", "/v1/customers/acme/refunds", &body).json["credits"], "1");
}

#[test]
fn an_atomic_batch_happens_whole_or_not_at_all() {
    let (server, debit, holds) = prepared();
    let cases = [
        (json!({"op": "debit", "customer_id": "acme", "credits": 1000}), 402, "insufficient_credits"),
        (
            json!({"op": "capture", "customer_id": "acme", "hold_id": holds[1], "credits": 1}),
            409,
            "hold_closed",
        ),
        (
            json!({"op": "refund", "customer_id": "acme", "transaction_id": debit, "credits": 7}),
            422,
            "over_refund",
        ),
        (json!({"op": "debit", "customer_id": "acme", "credits": 0}), 422, "amount_invalid"),
        (json!({"op": "debit", "customer_id": "acme", "credits": "NaN"}), 400, "validation_error"),
        (json!({"op": "debit", "customer_id": "other", "credits": 1}), 400, "validation_error"),
        (json!({"op": "debit", "customer_id": "nobody", "credits": 1}), 404, "not_found"),
        (
            json!({"op": "debit", "customer_id": "acme", "credits": 1, "idempotency_key": "x"}),
            400,
            "validation_error",
        ),
        (
            json!({"op": "refund", "customer_id": "acme", "transaction_id": "wtxn_7ZZZZZZZZZZZZZZZZZZZZZZZZZ"}),
            404,
            "not_found",
        ),
        (json!({"op": "refund", "customer_id": "acme", "transaction_id": holds[0]}), 400, "validation_error"),
        (
            json!({"op": "grow", "customer_id": "acme", "hold_id": holds[0], "credits": 1}),
            400,
            "validation_error",
        ),
        (json!(7), 400, "validation_error"),
    ];
    let before = server.figures("acme");
    let appended = server.engine().stats().appended;
    for (item, status, code) in cases {
        let mut operations = one_of_each(&debit, &holds);
        operations.as_array_mut().unwrap().push(item.clone());
        let body = json!({ "operations": operations, "atomic": true }).to_string();
        let answer = server.ask_keyed("k", "POST", PATH, &body);
        assert_eq!((answer.status, answer.code()), (status, code), "{item}: {}", answer.text);
        assert_eq!(answer.json["details"]["index"], "5", "{item}: {}", answer.text);
    }
    assert_eq!((server.figures("acme"), server.engine().stats().appended), (before, appended));
    let many: Vec<_> =
        (0..1_001).map(|_| json!({"op": "debit", "customer_id": "acme", "credits": "0.001"})).collect();
    let body = json!({ "operations": many, "atomic": true }).to_string();
    let answer = server.ask("POST", PATH, &body);
    assert_eq!((answer.status, answer.code()), (422, "limit_reached"), "{}", answer.text);
    assert_eq!(answer.json["details"]["limit"], "atomic_items_max");
    for body in [r#"{"operations":[]}"#, r#"{"operations":[],"atomic":true}"#, r#"{"debits":[]}"#, "{}"] {
        assert_eq!(server.ask("POST", PATH, body).code(), "validation_error", "{body}");
    }
}

#[test]
fn items_of_an_atomic_batch_build_on_each_other() {
    let server = Server::start();
    server.wallet("acme", "10");
    let of = |credits: &[u32]| {
        let operations: Vec<_> = credits
            .iter()
            .map(|credits| json!({"op": "hold", "customer_id": "acme", "credits": credits}))
            .collect();
        server.ask("POST", PATH, &json!({ "operations": operations, "atomic": true }).to_string())
    };
    let refused = of(&[4, 4, 4]);
    assert_eq!((refused.status, refused.code()), (402, "insufficient_credits"), "{}", refused.text);
    assert_eq!(
        (&refused.json["details"]["index"], &refused.json["details"]["available"]),
        (&"2".into(), &"2".into())
    );
    assert_eq!(statuses(&of(&[4, 6])), [201, 201]);
    assert_eq!(server.figures("acme"), ["10", "10", "0"]);
}

#[test]
fn who_may_only_use_credit_gives_itself_none_back() {
    let (server, debit, holds) = prepared();
    let key = server.new_key(&["debit"], Some("acme"));
    for atomic in [false, true] {
        let body = json!({ "operations": [one_of_each(&debit, &holds)[4]], "atomic": atomic }).to_string();
        let answer = server.ask_as(&key, "POST", PATH, &body);
        let refused = if atomic { &answer.json } else { &answer.json["results"][0] };
        assert_eq!(
            (&refused["status"], &refused["code"]),
            (&403.into(), &"permission_denied".into()),
            "{}",
            answer.text
        );
    }
    let body = json!({ "operations": [{"op": "debit", "customer_id": "other", "credits": 1}] }).to_string();
    assert_eq!(statuses(&server.ask_as(&key, "POST", PATH, &body)), [404]);
    let reader = server.new_key(&["read", "write"], None);
    assert_eq!(server.ask_as(&reader, "POST", PATH, &body).status, 403);
}
