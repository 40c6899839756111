//! Holds: placed, grown, extended, captured, released, and read at each step.

use std::sync::Barrier;

use serde_json::Value;

use crate::support::Server;

#[test]
fn a_hold_is_placed_captured_in_parts_and_its_rest_comes_back() {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    let placed = server.ask(
        "POST",
        "/v1/customers/acme/holds",
        r#"{"credits":"60","expires_in":300,"feature":"chat","description":"a long answer"}"#,
    );
    assert_eq!(placed.status, 201, "{}", placed.text);
    let hold = placed.json["hold_id"].as_str().unwrap();
    assert!(hold.starts_with("hold_"), "{hold}");
    for (key, value) in [
        ("status", "open"),
        ("customer_id", "acme"),
        ("credits", "60"),
        ("captured", "0"),
        ("released", "0"),
        ("held", "60"),
        ("over_capture", "draw"),
        ("price_type", "USAGE"),
        ("feature", "chat"),
    ] {
        assert_eq!(placed.json[key], value, "{key}: {}", placed.text);
    }
    for key in ["wallet_id", "budget_id"] {
        assert_eq!(placed.json.get(key), Some(&Value::Null), "{key}: {}", placed.text);
    }
    assert_eq!(placed.json["recorded_at"], placed.json["placed_at"]);
    assert_eq!(placed.json["slices"][0]["wallet_id"], *wallet);
    assert_eq!(placed.json["slices"][0]["credits"], "60");
    assert_eq!(server.figures("acme"), ["100", "60", "40"]);
    assert_eq!(server.ask("GET", &format!("/v1/wallets/{wallet}"), "").json["held"], "60");
    let balance = server.ask("GET", "/v1/customers/acme/balance", "");
    assert_eq!(balance.json["wallets"][0]["tranches"][0]["pinned"], "60", "{}", balance.text);

    let part = server.on_hold("acme", hold, "capture", r#"{"credits":15,"final":false}"#);
    assert_eq!(part.status, 200, "{}", part.text);
    assert_eq!((&part.json["status"], &part.json["held"]), (&"open".into(), &"45".into()));
    assert_eq!((&part.json["captured_now"], &part.json["shortfall"]), (&"15".into(), &"0".into()));
    assert_eq!(server.figures("acme"), ["85", "45", "40"]);

    let last = server.on_hold("acme", hold, "capture", r#"{"credits":"30"}"#);
    assert_eq!(last.json["status"], "captured", "{}", last.text);
    for (key, value) in
        [("credits", "60"), ("captured", "45"), ("released", "15"), ("held", "0"), ("captured_now", "30")]
    {
        assert_eq!(last.json[key], value, "{key}: {}", last.text);
    }
    assert_eq!(last.json["slices"], Value::Array(Vec::new()));
    assert_eq!(server.figures("acme"), ["55", "0", "55"]);
    let read = server.ask("GET", &format!("/v1/customers/acme/holds/{hold}"), "");
    assert_eq!((read.status, &read.json["status"]), (200, &"captured".into()), "{}", read.text);
    assert_eq!(read.json["captured"], "45");
}

#[test]
fn every_row_of_a_hold_can_be_read() {
    let server = Server::start();
    server.wallet("acme", "100");
    let hold = server.hold("acme", r#"{"credits":60,"reference_type":"REQUEST","reference_id":"r1"}"#);
    let captured = server.on_hold("acme", &hold, "capture", r#"{"credits":45,"description":"used"}"#);
    let id = captured.json["transaction_id"].as_str().unwrap();
    let row = server.ask("GET", &format!("/v1/transactions/{id}"), "");
    assert_eq!(row.status, 200, "{}", row.text);
    for (key, value) in [
        ("type", "debit"),
        ("transaction_reason", "HOLD_CAPTURE"),
        ("credit_amount", "45"),
        ("amount", "45"),
        ("currency", "usd"),
        ("credit_balance_before", "100"),
        ("credit_balance_after", "55"),
        ("description", "used"),
        ("hold_id", &hold),
    ] {
        assert_eq!(row.json[key], value, "{key}: {}", row.text);
    }
    let released = server.ask("GET", &format!("/v1/transactions/{}", next_row(id)), "");
    assert_eq!(released.status, 200, "{}", released.text);
    assert_eq!(released.json["type"], "release", "{}", released.text);
    assert_eq!(released.json["transaction_reason"], "HOLD_RELEASE");
    assert_eq!(released.json["credit_amount"], "15");
    assert_eq!(released.json["credit_balance_after"], Value::Null, "a release moves no balance");
    assert_eq!(server.ask("GET", &format!("/v1/transactions/{}", next_row(&next_row(id))), "").status, 404);
}

/// The id of the row after this one in the same record: ids end with the row's number.
fn next_row(id: &str) -> String {
    let row: coffer_ledger::ids::RowId = id.parse().unwrap();
    coffer_ledger::ids::RowId(row.0 + 1).to_string()
}

#[test]
fn a_hold_is_extended_grown_and_released() {
    let server = Server::start();
    server.wallet("acme", "100");
    let placed = server.ask("POST", "/v1/customers/acme/holds", r#"{"credits":10,"expires_in":60}"#);
    let hold = placed.json["hold_id"].as_str().unwrap();
    let extended = server.on_hold("acme", hold, "extend", r#"{"expires_in":604800}"#);
    assert_eq!(extended.status, 200, "{}", extended.text);
    assert!(extended.json["expires_at"].as_str() > placed.json["expires_at"].as_str());
    assert_eq!(extended.json["placed_at"], placed.json["placed_at"]);
    let grown = server.on_hold("acme", hold, "grow", r#"{"credits":"2.5"}"#);
    assert_eq!((&grown.json["credits"], &grown.json["held"]), (&"12.5".into(), &"12.5".into()));
    assert_eq!(grown.json["expires_at"], extended.json["expires_at"]);
    assert_eq!(server.figures("acme"), ["100", "12.5", "87.5"]);
    let released = server.on_hold("acme", hold, "release", "");
    assert_eq!(released.status, 200, "{}", released.text);
    assert_eq!(released.json["status"], "released");
    assert_eq!((&released.json["released"], &released.json["held"]), (&"12.5".into(), &"0".into()));
    assert!(released.json.get("captured_now").is_none(), "{}", released.text);
    assert_eq!(server.figures("acme"), ["100", "0", "100"]);
}

#[test]
fn a_range_takes_what_there_is() {
    let server = Server::start();
    server.wallet("acme", "30");
    let placed = server.ask("POST", "/v1/customers/acme/holds", r#"{"min_credits":10,"max_credits":50}"#);
    assert_eq!((placed.status, &placed.json["credits"]), (201, &"30".into()), "{}", placed.text);
    let refused = server.ask("POST", "/v1/customers/acme/holds", r#"{"min_credits":1,"max_credits":5}"#);
    assert_eq!((refused.status, refused.code()), (402, "insufficient_credits"));
}

#[test]
fn what_a_capture_draws_beyond_its_hold_is_taken_as_the_hold_said() {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    // E18
    let held = server.hold("acme", r#"{"credits":60}"#);
    let drawing = server.hold("acme", r#"{"credits":30,"over_capture":"draw"}"#);
    let drawn = server.on_hold("acme", &drawing, "capture", r#"{"credits":50,"final":false}"#);
    assert_eq!(drawn.status, 200, "{}", drawn.text);
    assert_eq!((&drawn.json["captured_now"], &drawn.json["shortfall"]), (&"40".into(), &"10".into()));
    assert_eq!(drawn.json["status"], "captured", "an over-capture is final");
    assert_eq!(server.figures("acme"), ["60", "60", "0"]);
    let memo = next_row(drawn.json["transaction_id"].as_str().unwrap());
    let memo = server.ask("GET", &format!("/v1/transactions/{memo}"), "");
    assert_eq!((&memo.json["type"], &memo.json["credit_amount"]), (&"memo".into(), &"10".into()));
    assert_eq!(memo.json["transaction_reason"], "UNCOLLECTED");
    server.on_hold("acme", &held, "release", "");
    let limit = server.ask("PUT", &format!("/v1/wallets/{wallet}"), r#"{"overdraft_limit":"20"}"#);
    assert_eq!(limit.status, 200, "{}", limit.text);
    let overdrawing = server.hold("acme", r#"{"credits":60,"over_capture":"overdraft"}"#);
    let overdrawn = server.on_hold("acme", &overdrawing, "capture", r#"{"credits":75}"#);
    assert_eq!(overdrawn.json["captured_now"], "75", "{}", overdrawn.text);
    assert_eq!(server.figures("acme"), ["-15", "0", "5"]);
}

#[test]
fn holds_are_listed_by_status_page_by_page() {
    let server = Server::start();
    server.wallet("acme", "100");
    let ids: Vec<_> = (0..5).map(|_| server.hold("acme", r#"{"credits":1}"#)).collect();
    server.on_hold("acme", &ids[1], "capture", r#"{"credits":1}"#);
    server.on_hold("acme", &ids[3], "release", "");
    let list = |query: &str| {
        let answer = server.ask("GET", &format!("/v1/customers/acme/holds{query}"), "");
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        let items = answer.json["items"].as_array().unwrap().clone();
        let ids = items.iter().map(|hold| hold["hold_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        (ids, answer.json["pagination"].clone())
    };
    let newest_first: Vec<_> = ids.iter().rev().cloned().collect();
    assert_eq!(list("").0, newest_first);
    assert_eq!(list("?order=asc").0, ids);
    assert_eq!(list("?status=open&order=asc").0, [&*ids[0], &ids[2], &ids[4]]);
    assert_eq!(list("?status=captured").0, [&*ids[1]]);
    assert_eq!(list("?status=released").0, [&*ids[3]]);
    assert!(list("?status=expired").0.is_empty());
    let (mut walked, mut cursor) = (Vec::new(), String::new());
    loop {
        let (page, pagination) = list(&format!("?limit=2&order=asc&cursor={cursor}"));
        assert_eq!(pagination["total"], 5);
        walked.extend(page);
        match pagination["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(walked, ids);
    for query in ["?status=lost", "?limit=0", "?limit=1001", "?cursor=wallet_1"] {
        assert_eq!(server.ask("GET", &format!("/v1/customers/acme/holds{query}"), "").status, 400, "{query}");
    }
}

#[test]
fn a_dry_run_of_a_hold_changes_nothing() {
    let server = Server::start();
    server.wallet("acme", "100");
    let hold = server.hold("acme", r#"{"credits":10}"#);
    let appended = server.engine().stats().appended;
    let rehearsed = server.ask("POST", "/v1/customers/acme/holds?dry_run=true", r#"{"credits":60}"#);
    assert_eq!((rehearsed.status, &rehearsed.json["held"]), (201, &"60".into()), "{}", rehearsed.text);
    assert_eq!(rehearsed.json["hold_id"], Value::Null);
    for (verb, body) in [
        ("capture", r#"{"credits":4}"#),
        ("release", ""),
        ("extend", r#"{"expires_in":5}"#),
        ("grow", r#"{"credits":1}"#),
    ] {
        let answer = server.on_hold("acme", &hold, &format!("{verb}?dry_run=true"), body);
        assert_eq!((answer.status, &answer.json["hold_id"]), (200, &(&*hold).into()), "{}", answer.text);
        assert_eq!(answer.header("x-log-position"), None);
    }
    assert_eq!(server.engine().stats().appended, appended, "a dry run was written");
    assert_eq!(server.figures("acme"), ["100", "10", "90"]);
}

#[test]
fn a_repeated_verb_gets_the_same_bytes_also_after_a_restart() {
    let mut server = Server::start();
    server.wallet("acme", "100");
    let path = "/v1/customers/acme/holds";
    let placed =
        server.ask_keyed("place", "POST", path, r#"{"credits":"60.0","metadata":{"b":"2","a":"1"}}"#);
    let hold = placed.json["hold_id"].as_str().unwrap().to_owned();
    let mut asked =
        vec![("place", path.to_owned(), r#"{"metadata":{"a":"1","b":"2"},"credits":6e1}"#, placed)];
    for (verb, body) in
        [("grow", r#"{"credits":5}"#), ("extend", r#"{"expires_in":900}"#), ("capture", r#"{"credits":70}"#)]
    {
        let path = format!("{path}/{hold}/{verb}");
        let answer = server.ask_keyed(verb, "POST", &path, body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        asked.push((verb, path, body, answer));
    }
    let repeat = |server: &Server| {
        let appended = server.engine().stats().appended;
        for (key, path, body, first) in &asked {
            let again = server.ask_keyed(key, "POST", path, body);
            assert_eq!((again.status, &again.text), (first.status, &first.text), "{path}");
            assert_eq!(again.header("idempotency-replayed"), Some("true"), "{path}");
            assert_eq!(again.header("x-log-position"), first.header("x-log-position"), "{path}");
        }
        assert_eq!(server.engine().stats().appended, appended);
    };
    repeat(&server);
    server.restart();
    repeat(&server);
    assert_eq!(server.figures("acme"), ["30", "0", "30"]);
    let read = server.ask("GET", &format!("{path}/{hold}"), "");
    assert_eq!(read.json["status"], "captured", "{}", read.text);
    let other = server.ask_keyed("capture", "POST", &format!("{path}/{hold}/capture"), r#"{"credits":71}"#);
    assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"));
}

#[test]
fn two_hundred_racers_reserve_no_more_than_there_is() {
    let server = Server::start();
    server.wallet("acme", "70");
    let barrier = Barrier::new(200);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let race = || {
            let mut connection = server.connect();
            barrier.wait();
            let headers = [("x-api-key", server.key.as_str())];
            connection.ask("POST", "/v1/customers/acme/holds", &headers, r#"{"credits":1}"#).status
        };
        let racers: Vec<_> = (0..200).map(|_| scope.spawn(race)).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let placed = statuses.iter().filter(|status| **status == 201).count();
    let refused = statuses.iter().filter(|status| **status == 402).count();
    assert_eq!((placed, refused), (70, 130), "{statuses:?}");
    assert_eq!(server.figures("acme"), ["70", "70", "0"]);
}

#[test]
fn two_bodies_under_one_key_at_the_same_instant_have_one_effect() {
    let server = Server::start();
    server.wallet("acme", "1000");
    for round in 0..20 {
        let key = format!("key-{round}");
        let barrier = Barrier::new(2);
        let ask = |body: &'static str| {
            let (server, key, barrier) = (&server, &key, &barrier);
            move || {
                let mut connection = server.connect();
                barrier.wait();
                let headers = [("x-api-key", server.key.as_str()), ("idempotency-key", key)];
                connection.ask("POST", "/v1/customers/acme/holds", &headers, body)
            }
        };
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(ask(r#"{"credits":1}"#));
            let two = scope.spawn(ask(r#"{"credits":2}"#));
            (one.join().unwrap(), two.join().unwrap())
        });
        let mut outcomes = [(one.status, one.code()), (two.status, two.code())];
        outcomes.sort_unstable();
        assert_eq!(
            outcomes,
            [(201, "no code"), (422, "idempotency_key_reused")],
            "{} {}",
            one.text,
            two.text
        );
    }
    let open = server.ask("GET", "/v1/customers/acme/holds?status=open", "");
    assert_eq!(open.json["pagination"]["total"], 20);
}

#[test]
fn a_top_up_is_there_for_the_very_next_debit_and_hold() {
    let server = Server::start();
    let wallet = server.wallet("acme", "0");
    let mut connection = server.connect();
    let headers = [("x-api-key", server.key.as_str())];
    let credit = r#"{"transaction_reason":"PURCHASED_CREDIT_DIRECT","credits_to_add":3}"#;
    for round in 0..50 {
        let topped = connection.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), &headers, credit);
        assert_eq!(topped.status, 200, "round {round}: {}", topped.text);
        let debit = connection.ask("POST", "/v1/customers/acme/debits", &headers, r#"{"credits":1}"#);
        assert_eq!((debit.status, &debit.json["balance_after"]), (200, &"2".into()), "round {round}");
        let hold = connection.ask("POST", "/v1/customers/acme/holds", &headers, r#"{"credits":2}"#);
        assert_eq!(hold.status, 201, "round {round}: {}", hold.text);
        let id = hold.json["hold_id"].as_str().unwrap();
        assert_eq!(server.on_hold("acme", id, "capture", r#"{"credits":2}"#).status, 200);
    }
    assert_eq!(server.posted("acme"), "0");
}
