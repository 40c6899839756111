//! Streams of events: what they tell, from where, to whom, and how they end.

#![expect(clippy::disallowed_methods, reason = "patience is measured in real time, as clients do")]

use std::time::{Duration, Instant};

use coffer::feed::events::EventKind;
use coffer::feed::stream::StreamOptions;
use coffer::http::HttpOptions;
use serde_json::{Value, json};

use crate::sse::{Came, Sse};
use crate::support::Server;

pub(crate) fn open(server: &Server, path: &str, last: Option<&str>) -> Sse {
    Sse::open(&server.address.to_string(), &server.key, path, last)
}

/// The next so many.
fn take(stream: &mut Sse, count: usize) -> Vec<Came> {
    (0..count).map(|_| stream.next().expect("the stream goes on")).collect()
}

pub(crate) fn done(server: &Server, method: &str, path: &str, body: Value) -> Value {
    let answer = server.ask(method, path, &body.to_string());
    assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
    answer.json
}

/// One of everything that makes an event.
fn everything(server: &Server) {
    done(
        server,
        "POST",
        "/v1/customers",
        json!({"external_id": "acme", "name": "Acme", "email": "a@acme.example"}),
    );
    done(server, "PUT", "/v1/customers/acme", json!({"name": "Acme Inc"}));
    let wallet = done(
        server,
        "POST",
        "/v1/wallets",
        json!({"customer_id": "acme", "currency": "usd", "initial_credits_to_load": "100"}),
    );
    let id = wallet["id"].as_str().unwrap();
    done(server, "PUT", &format!("/v1/wallets/{id}"), json!({"name": "main"}));
    let debit =
        done(server, "POST", "/v1/customers/acme/debits", json!({"credits": "10", "description": "tea"}));
    done(
        server,
        "POST",
        "/v1/customers/acme/refunds",
        json!({"transaction_id": debit["transaction_id"], "credits": "4"}),
    );
    for (verb, body) in [("capture", json!({"credits": "3"})), ("release", json!({}))] {
        let hold = server.hold("acme", r#"{"credits":"5"}"#);
        done(server, "POST", &format!("/v1/customers/acme/holds/{hold}/grow"), json!({"credits": "1"}));
        done(server, "POST", &format!("/v1/customers/acme/holds/{hold}/extend"), json!({"expires_in": 900}));
        done(server, "POST", &format!("/v1/customers/acme/holds/{hold}/{verb}"), body);
    }
    let settle = json!({"invoice_id": "in_1", "currency": "usd", "lines": [{"id": "l", "amount": "2", "price_type": "USAGE"}]});
    done(server, "POST", "/v1/customers/acme/invoices/settle", settle);
    done(server, "POST", "/v1/customers/acme/invoices/in_1/void", json!({}));
    server.wallet("other", "0");
    let transfer = json!({"from_customer_id": "acme", "to_customer_id": "other", "credits": "7"});
    done(server, "POST", "/v1/transfers", transfer);
    done(
        server,
        "POST",
        "/v1/customers/acme/budgets",
        json!({"budget_id": "team", "unit": {"currency": "usd"}, "limits": [{"window": "day", "credits": "50"}]}),
    );
    done(server, "DELETE", "/v1/customers/acme/budgets/team", json!({}));
    let usage =
        json!({"event_name": "tokens", "external_customer_id": "acme", "event_id": "e1", "properties": {}});
    done(server, "POST", "/v1/events", usage);
    done(server, "POST", &format!("/v1/wallets/{id}/terminate"), json!({}));
    done(server, "DELETE", "/v1/customers/acme", json!({}));
}

/// The kinds of the events of [`everything`], in order. A hold that expires is in its own test.
const EVERYTHING: [&str; 33] = [
    "customer.created",
    "customer.updated",
    "wallet.created",
    "wallet.transaction.created",
    "wallet.updated",
    "wallet.transaction.created",
    "wallet.transaction.created",
    "hold.placed",
    "hold.grown",
    "hold.extended",
    "hold.captured",
    "wallet.transaction.created",
    "hold.placed",
    "hold.grown",
    "hold.extended",
    "hold.released",
    "invoice.settled",
    "wallet.transaction.created",
    "invoice.voided",
    "wallet.transaction.created",
    "customer.created",
    "wallet.created",
    "transfer.sent",
    "wallet.transaction.created",
    "transfer.received",
    "wallet.transaction.created",
    "transfer.completed",
    "budget.updated",
    "budget.deleted",
    "usage.recorded",
    "wallet.transaction.created",
    "wallet.terminated",
    "customer.deleted",
];

#[test]
fn every_change_is_an_event_in_log_order_and_the_same_whenever_it_is_read() {
    let server = Server::start();
    let mut live = open(&server, "/v1/stream", None);
    everything(&server);
    let wanted = EVERYTHING;
    let seen = take(&mut live, wanted.len());
    let kinds: Vec<_> = seen.iter().map(|came| &came.kind).collect();
    assert_eq!(kinds, wanted);
    let again = take(&mut open(&server, "/v1/stream", Some("0")), wanted.len());
    assert_eq!(again, seen, "an event is the same whenever it is derived");
    let mut ids: Vec<_> = seen.iter().map(|came| came.data["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted(), "ids sort in log order");
    ids.dedup();
    assert_eq!(ids.len(), wanted.len());
    for came in &seen {
        let (kind, event) = (EventKind::named(&came.kind).unwrap(), &came.data);
        assert_eq!(
            (&event["type"], &event["schema_version"]),
            (&json!(came.kind), &json!(kind.schema_version()))
        );
        assert!(event["id"].as_str().unwrap().starts_with("evt_") && event["timestamp"].is_string());
        assert!(event["log_position"].as_str().unwrap().parse::<u64>().unwrap() > 0);
        assert_eq!(event["omitted"], json!([]));
        assert!(event["data"].is_object());
        let of =
            if ["customer.created", "wallet.created"].contains(&&*came.kind) { None } else { Some("acme") };
        assert!(of.is_none_or(|_| event["external_customer_id"].is_string()), "{event}");
    }
    let row = &seen[5].data["data"];
    assert_eq!((&row["credit_balance_after"], &row["description"]), (&json!("90"), &json!("tea")));
    assert_eq!(row["slices"][0]["credits"], json!("10"));
    let sent = &seen[22].data["data"];
    assert_eq!((&sent["to_customer_id"], &sent["credits"]), (&json!("other"), &json!("7")));
    assert_eq!(seen[24].data["data"]["from_customer_id"], seen[0].data["customer_id"]);
    assert_eq!(seen[24].data["customer_id"], json!("other"));
}

#[test]
fn a_stream_goes_on_after_any_event_with_exactly_the_rest() {
    let server = Server::start();
    everything(&server);
    let wanted = EVERYTHING.len();
    let mut whole = open(&server, "/v1/stream", Some("0"));
    let mut seen = Vec::new();
    for _ in 0..wanted {
        let came = whole.next().unwrap();
        seen.push((whole.last_id.clone(), came));
    }
    for (at, (id, _)) in seen.iter().enumerate() {
        let rest = take(&mut open(&server, "/v1/stream", Some(id)), wanted - at - 1);
        let expected: Vec<Came> = seen[at + 1..].iter().map(|(_, came)| came.clone()).collect();
        assert_eq!(rest, expected, "after {id}");
    }
    // The same by the query, for who cannot send a header, and of some kinds only.
    let path = format!("/v1/stream?last_event_id={}&types=transfer.*,budget.deleted", seen[0].0);
    let kinds: Vec<_> = take(&mut open(&server, &path, None), 4).into_iter().map(|came| came.kind).collect();
    assert_eq!(kinds, ["transfer.sent", "transfer.received", "transfer.completed", "budget.deleted"]);
}

#[test]
fn a_customers_stream_begins_with_its_balance_and_has_nobody_elses_events() {
    let server = Server::start();
    server.wallet("acme", "50");
    server.wallet("other", "50");
    let mut stream = open(&server, "/v1/customers/acme/stream", None);
    let balance = stream.next().unwrap();
    assert_eq!((&*balance.kind, &balance.data["posted"]), ("balance", &json!("50")));
    let begin = stream.last_id.clone();
    let debit = json!({"credits": "1"});
    for customer in ["other", "acme", "other", "acme"] {
        done(&server, "POST", &format!("/v1/customers/{customer}/debits"), debit.clone());
    }
    let two = take(&mut stream, 2);
    let after: Vec<_> = two.iter().map(|came| came.data["data"]["credit_balance_after"].clone()).collect();
    assert_eq!(after, ["49", "48"]);
    assert!(two.iter().all(|came| came.data["customer_id"] == json!("acme")));
    assert_eq!(take(&mut open(&server, "/v1/customers/acme/stream", Some(&begin)), 2), two);
    // A key that is bound to a customer: of others nothing, whichever way it asks.
    let bound = server.new_key(&["read"], Some("acme"));
    let address = server.address.to_string();
    assert!(
        Sse::try_open(&address, &bound, "/v1/customers/other/stream", None).err().unwrap().contains(" 404 ")
    );
    assert_eq!(take(&mut Sse::open(&address, &bound, "/v1/stream", Some(&begin)), 2), two);
    let blind = server.new_key(&["debit"], None);
    assert!(Sse::try_open(&address, &blind, "/v1/stream", None).err().unwrap().contains(" 403 "));
    assert!(
        Sse::try_open(&address, &server.key, "/v1/customers/nobody/stream", None)
            .err()
            .unwrap()
            .contains(" 404 ")
    );
}

#[test]
fn another_tenants_events_are_never_seen() {
    let server = Server::start();
    let made = done(&server, "POST", "/v1/tenants", json!({"name": "second"}));
    let second = made["key"]["key"].as_str().or(made["key"].as_str()).unwrap().to_owned();
    let address = server.address.to_string();
    let mut of_second = Sse::open(&address, &second, "/v1/stream", Some("0"));
    server.wallet("acme", "1");
    let wallet = json!({"customer_id": "acme", "currency": "eur"});
    let answer = server.ask_as(&second, "POST", "/v1/wallets", &wallet.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    let two = take(&mut of_second, 2);
    assert_eq!((&*two[0].kind, &*two[1].kind), ("customer.created", "wallet.created"));
    assert_eq!(two[1].data["data"]["currency"], json!("eur"));
}

#[test]
fn what_cannot_be_streamed_is_refused_with_the_reason() {
    let options = StreamOptions {
        streams_max: 2,
        streams_per_tenant_max: 1,
        stream_resume_records_max: 2,
        ..StreamOptions::default()
    };
    let server = Server::start_with(HttpOptions { streams: options, ..HttpOptions::default() });
    let address = server.address.to_string();
    let refused =
        |path: &str, last: Option<&str>| Sse::try_open(&address, &server.key, path, last).err().unwrap();
    for (path, last, status, word) in [
        ("/v1/stream?types=wallet.creatd", None, " 400 ", "wallet.creatd"),
        ("/v1/stream?type=wallet.created", None, " 400 ", "unknown query parameter"),
        ("/v1/stream", Some("x"), " 400 ", "Last-Event-ID"),
        ("/v1/stream", Some("1000"), " 400 ", "where the log ends"),
    ] {
        let answer = refused(path, last);
        assert!(answer.contains(status) && answer.contains(word), "{answer}");
    }
    server.wallet("acme", "1");
    let answer = refused("/v1/stream", Some("1"));
    assert!(answer.contains(" 422 ") && answer.contains("stream_resume_records_max"), "{answer}");
    let first = open(&server, "/v1/stream", None);
    let answer = refused("/v1/customers/acme/stream", None);
    assert!(answer.contains(" 503 ") && answer.contains("streams_per_tenant_max"), "{answer}");
    drop(first);
    // Its place is free again once the server has seen that it left: at the next thing that it would send.
    let start = Instant::now();
    while let Err(answer) = Sse::try_open(&address, &server.key, "/v1/stream", None) {
        assert!(answer.contains(" 503 ") && start.elapsed() < Duration::from_secs(20), "{answer}");
        done(&server, "POST", "/v1/customers/acme/holds", json!({"credits": "0.001"}));
    }
}

#[test]
fn a_reader_that_is_too_slow_is_sent_away_and_gets_the_rest_when_it_comes_back() {
    let options = StreamOptions { stream_buffer_events: 4, ..StreamOptions::default() };
    let server = Server::start_with(HttpOptions { streams: options, ..HttpOptions::default() });
    server.wallet("acme", "5000");
    let mut stream = open(&server, "/v1/customers/acme/stream", None);
    assert_eq!(stream.next().unwrap().kind, "balance");
    let debits: Vec<_> = (0..1_000).map(|_| json!({"customer_id": "acme", "credits": "1"})).collect();
    done(&server, "POST", "/v1/debits/batch", json!({"debits": debits}));
    let (mut after, mut dropped) = (Vec::new(), 0);
    while after.len() < 1_000 {
        match stream.next() {
            Some(came) if came.kind == "stream.ended" => {
                assert_eq!(came.data["reason"], json!("slow_reader"));
                assert_eq!(came.data["last_event_id"], json!(stream.last_id));
                assert_eq!(stream.next(), None);
                dropped += 1;
                let last = stream.last_id.clone();
                stream = open(&server, "/v1/customers/acme/stream", Some(&last));
            }
            Some(came) => after.push(came.data["data"]["credit_balance_after"].clone()),
            None => panic!("it ended without a word"),
        }
    }
    let expected: Vec<Value> = (0..1_000).map(|spent| json!((4_999 - spent).to_string())).collect();
    assert_eq!(after, expected, "once, in order");
    assert!(dropped > 0, "a thousand at once are more than four");
    let metrics = server.ask("GET", "/metrics", "").text;
    assert!(
        metrics.contains(&format!("coffer_streams_ended_total{{reason=\"slow_reader\"}} {dropped}")),
        "{metrics}"
    );
}

#[test]
fn a_stream_ends_when_its_key_is_revoked_and_when_the_server_stops() {
    let options = StreamOptions { stream_heartbeat_s: 1, ..StreamOptions::default() };
    let mut server = Server::start_with(HttpOptions { streams: options, ..HttpOptions::default() });
    server.wallet("acme", "1");
    let address = server.address.to_string();
    let made = done(&server, "POST", "/v1/keys", json!({"name": "reader", "scopes": ["read"]}));
    let mut of_key = Sse::open(&address, made["key"].as_str().unwrap(), "/v1/stream", None);
    let mut of_admin = open(&server, "/v1/stream", None);
    done(&server, "DELETE", &format!("/v1/keys/{}", made["id"].as_str().unwrap()), json!({}));
    assert_eq!(of_key.next().unwrap().data["reason"], json!("key_revoked"));
    assert_eq!(of_key.next(), None);
    let metrics = server.ask("GET", "/metrics", "").text;
    assert!(metrics.contains("coffer_streams_ended_total{reason=\"key_revoked\"} 1"), "{metrics}");
    let start = Instant::now();
    server.stop().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "streams do not hold up a stop");
    let rest: Vec<_> = std::iter::from_fn(|| of_admin.next()).collect();
    assert_eq!(rest.last().unwrap().data["reason"], json!("server_stopping"));
}

#[test]
fn a_revoked_key_sees_nothing_more_however_much_goes_on() {
    let options = StreamOptions { stream_heartbeat_s: 3_600, ..StreamOptions::default() };
    let server = Server::start_with(HttpOptions { streams: options, ..HttpOptions::default() });
    server.wallet("acme", "10");
    let address = server.address.to_string();
    let made = done(&server, "POST", "/v1/keys", json!({"name": "reader", "scopes": ["read"]}));
    let mut stream = Sse::open(&address, made["key"].as_str().unwrap(), "/v1/stream", None);
    let debit = || done(&server, "POST", "/v1/customers/acme/debits", json!({"credits": "1"}));
    debit();
    assert_eq!(stream.next().unwrap().kind, "wallet.transaction.created");
    // Another key of the tenant may go, and nothing happens.
    let other = done(&server, "POST", "/v1/keys", json!({"name": "other", "scopes": ["read"]}));
    done(&server, "DELETE", &format!("/v1/keys/{}", other["id"].as_str().unwrap()), json!({}));
    debit();
    assert_eq!(stream.next().unwrap().kind, "wallet.transaction.created");
    done(&server, "DELETE", &format!("/v1/keys/{}", made["id"].as_str().unwrap()), json!({}));
    for _ in 0..3 {
        debit();
    }
    let end = stream.next().unwrap();
    assert_eq!((&*end.kind, &end.data["reason"]), ("stream.ended", &json!("key_revoked")));
    assert_eq!(end.data["last_event_id"], json!(stream.last_id));
    assert_eq!(stream.next(), None);
}

/// The balances after so many rows of the customer's.
pub(crate) fn balances(stream: &mut Sse, count: usize) -> Vec<Value> {
    let came = take(stream, count);
    came.into_iter()
        .map(|came| {
            assert_eq!(came.kind, "wallet.transaction.created", "{}", came.data);
            came.data["data"]["credit_balance_after"].clone()
        })
        .collect()
}

#[test]
fn a_stream_that_goes_on_alone_takes_its_time_over_what_is_old() {
    let options = StreamOptions { stream_buffer_events: 4, ..StreamOptions::default() };
    let server = Server::start_with(HttpOptions { streams: options, ..HttpOptions::default() });
    server.wallet("acme", "5000");
    let debits: Vec<_> = (0..1_000).map(|_| json!({"customer_id": "acme", "credits": "1"})).collect();
    done(&server, "POST", "/v1/debits/batch", json!({"debits": debits}));
    let mut stream = open(&server, "/v1/stream?types=wallet.transaction.created", Some("0"));
    let expected: Vec<Value> = (0..=1_000).map(|spent| json!((5_000 - spent).to_string())).collect();
    assert_eq!(balances(&mut stream, 1_001), expected);
    done(&server, "POST", "/v1/customers/acme/debits", json!({"credits": "1"}));
    assert_eq!(balances(&mut stream, 1), [json!("3999")], "and then it is there for what happens");
    let metrics = server.ask("GET", "/metrics", "").text;
    assert!(metrics.contains("coffer_streams_ended_total{reason=\"slow_reader\"} 0"), "{metrics}");
}

#[test]
fn a_stream_that_goes_on_alone_joins_what_happens_meanwhile_without_a_gap() {
    let server = Server::start();
    server.wallet("acme", "5000");
    let debit = || done(&server, "POST", "/v1/customers/acme/debits", json!({"credits": "1"}));
    let expected: Vec<Value> = (0..=300).map(|spent| json!((5_000 - spent).to_string())).collect();
    (0..100).for_each(|_| drop(debit()));
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| (0..200).for_each(|_| drop(debit())));
        // Each comes alone, and leaves.
        for _ in 0..5 {
            let mut stream = open(&server, "/v1/stream?types=wallet.transaction.created", Some("0"));
            assert_eq!(balances(&mut stream, 101), expected[..101]);
        }
        let mut stream = open(&server, "/v1/stream?types=wallet.transaction.created", Some("0"));
        assert_eq!(balances(&mut stream, 301), expected);
        writing.join().unwrap();
    });
}

#[test]
fn what_happens_by_itself_is_an_event_too() {
    let server = Server::start();
    let wallet = server.wallet("acme", "10");
    let mut stream =
        open(&server, "/v1/customers/acme/stream?types=hold.expired,wallet.transaction.created", None);
    assert_eq!(stream.next().unwrap().kind, "balance");
    let soon = time_in_ms(&server, 1_500);
    let top_up =
        json!({"transaction_reason": "FREE_CREDIT_GRANT", "credits_to_add": "3", "expiry_date_utc": soon});
    done(&server, "POST", &format!("/v1/wallets/{wallet}/top-up"), top_up);
    let hold = server.hold("acme", r#"{"credits":"2","expires_in":1}"#);
    let three = take(&mut stream, 3);
    assert_eq!(three[0].data["data"]["transaction_reason"], json!("FREE_CREDIT_GRANT"));
    assert_eq!((&*three[1].kind, &three[1].data["data"]["hold_id"]), ("hold.expired", &json!(hold)));
    assert_eq!(three[1].data["data"]["held"], json!("0"));
    assert_eq!(three[2].data["data"]["transaction_reason"], json!("CREDIT_EXPIRED"));
    assert_eq!(three[2].data["data"]["effective_at"].as_str().unwrap()[..19], soon[..19]);
}

#[test]
fn what_a_debit_sets_off_is_told_after_its_own_row_of_the_same_record() {
    let server = Server::start();
    let wallet = server.wallet("acme", "25");
    let rules = json!({
        "auto_topup": {"enabled": true, "amount": "100", "threshold": "20", "invoicing": true},
        "alert_settings": {"alert_enabled": true, "critical": {"condition": "below", "threshold": "16"}},
    });
    done(&server, "PUT", &format!("/v1/wallets/{wallet}"), rules);
    let mut stream = open(&server, "/v1/customers/acme/stream", None);
    assert_eq!(stream.next().unwrap().kind, "balance");
    done(&server, "POST", "/v1/customers/acme/debits", json!({"credits": "10"}));
    let events = take(&mut stream, 4);
    let kinds: Vec<_> = events.iter().map(|came| &*came.kind).collect();
    let expected = [
        "wallet.transaction.created",
        "recharge.pending",
        "wallet.transaction.created",
        "wallet.credit_balance.dropped",
    ];
    assert_eq!(kinds, expected);
    assert!(events.iter().all(|came| came.data["log_position"] == events[0].data["log_position"]));
    let recharge = &events[1].data["data"];
    assert_eq!((&recharge["charged"], &recharge["currency"]), (&json!("100"), &json!("usd")));
    assert_eq!(events[3].data["data"]["alert_state"], json!("in_alarm"));
    let id = recharge["recharge_id"].as_str().unwrap();
    done(&server, "POST", &format!("/v1/recharges/{id}/complete"), json!({}));
    let kinds: Vec<_> = take(&mut stream, 3).into_iter().map(|came| came.kind).collect();
    assert_eq!(
        kinds,
        ["recharge.completed", "wallet.transaction.created", "wallet.credit_balance.recovered"]
    );
}

/// The server's time in so many milliseconds.
fn time_in_ms(server: &Server, ms: u64) -> String {
    let at = chrono::DateTime::from_timestamp_nanos(i64::try_from(server.engine().now().0).unwrap());
    (at + Duration::from_millis(ms)).to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
