//! Streams that go on from an older place: what one costs the others, and how old a place is.

use coffer::feed::stream::StreamOptions;
use coffer::http::HttpOptions;
use serde_json::{Value, json};

use crate::event_stream::{balances, done, open};
use crate::sse::Sse;
use crate::support::Server;

#[test]
fn readers_that_stand_still_over_what_is_old_keep_no_other_from_going_on() {
    let options =
        StreamOptions { stream_buffer_events: 16, stream_resumes_max: 1, ..StreamOptions::default() };
    let server = Server::start_with(HttpOptions { streams: options, ..HttpOptions::default() });
    server.wallet("acme", "10000");
    server.wallet("other", "5");
    // More than sockets hold.
    let debit = json!({"customer_id": "acme", "credits": "1", "description": "x".repeat(500)});
    for _ in 0..8 {
        done(&server, "POST", "/v1/debits/batch", json!({"debits": vec![&debit; 1_000]}));
    }
    let path = "/v1/stream?types=wallet.transaction.created";
    let mut still: Vec<_> = (0..2).map(|_| open(&server, path, Some("0"))).collect();
    let mut other = open(&server, "/v1/customers/other/stream?types=wallet.transaction.created", Some("0"));
    assert_eq!(balances(&mut other, 1), [json!("5")], "while they have read nothing");
    done(&server, "POST", "/v1/customers/other/debits", json!({"credits": "1"}));
    assert_eq!(balances(&mut other, 1), [json!("4")]);
    let expected: Vec<Value> = (0..=8_000).map(|spent| json!((10_000 - spent).to_string())).collect();
    for stream in &mut still {
        let mut all = balances(stream, 8_003);
        assert_eq!((all.remove(1), all.pop()), (json!("5"), Some(json!("4"))));
        assert_eq!(all, expected, "each once, in order, however late");
    }
}

#[test]
fn a_stream_that_was_quiet_for_long_goes_on_from_where_it_was_all_the_time() {
    let options =
        StreamOptions { stream_heartbeat_s: 1, stream_resume_records_max: 20, ..StreamOptions::default() };
    let server = Server::start_with(HttpOptions { streams: options, ..HttpOptions::default() });
    server.wallet("quiet", "5");
    server.wallet("acme", "5000");
    let debit = |name: &str| {
        let path = format!("/v1/customers/{name}/debits");
        server.ask("POST", &path, r#"{"credits":"1"}"#).header("x-log-position").unwrap().to_owned()
    };
    let mut stream = open(&server, "/v1/customers/quiet/stream", None);
    assert_eq!(stream.next().unwrap().kind, "balance");
    let begun = stream.last_id.clone();
    let positions: Vec<_> = (0..100).map(|_| debit("acme")).collect();
    let last = &positions[99];
    while stream.last_id != *last {
        assert_eq!(stream.part(), Some(None), "there is nothing to tell");
    }
    let refused = Sse::try_open(&server.address.to_string(), &server.key, "/v1/stream", Some(&begun));
    assert!(refused.err().unwrap().contains("limit_reached"), "that is too long ago");
    let mut again = open(&server, "/v1/customers/quiet/stream", Some(last));
    debit("quiet");
    for stream in [&mut stream, &mut again] {
        assert_eq!(balances(stream, 1), [json!("4")], "nothing is between");
    }
}
