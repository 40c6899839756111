//! Exports over HTTP: what they cover, for whom, how many at a time, and that one that was cut short is seen to be.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use coffer::http::HttpOptions;
use serde_json::{Value, json};

use crate::support::Server;

const PATIENCE: Duration = Duration::from_secs(30);
/// Whoever is sent away more often than this has found a place that is never free again.
const TRIES_MAX: u32 = 1_000_000;

/// A response that is read to its end.
struct Export {
    head: String,
    body: Vec<u8>,
    /// Whether its last chunk came.
    complete: bool,
}

impl Export {
    fn status(&self) -> u16 {
        self.head[9..12].parse().unwrap()
    }

    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("{name} in {}", self.head)).split_once(": ").unwrap().1
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        assert!(self.complete && self.status() == 200, "{}\n{}", self.head, self.text());
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn begin(server: &Server, key: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "GET /v1/exports/{path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn finish(mut stream: TcpStream) -> Export {
    let mut bytes = Vec::new();
    // A body without an end: the connection is reset or just closed.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let rest = &bytes[end + 4..];
    if !head.to_lowercase().contains("transfer-encoding: chunked") {
        return Export { head, body: rest.to_vec(), complete: true };
    }
    let (body, complete) = of_chunks(rest);
    Export { head, body, complete }
}

fn of_chunks(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        let chunk = &rest[end + 2..];
        if length == 0 {
            return (body, chunk == b"\r\n");
        }
        if chunk.len() < length + 2 {
            break;
        }
        body.extend_from_slice(&chunk[..length]);
        rest = &chunk[length + 2..];
    }
    (body, false)
}

fn export(server: &Server, key: &str, path: &str) -> Export {
    finish(begin(server, key, path))
}

/// So many debits of `acme` in one request.
fn debits(server: &Server, count: usize) {
    let debit = json!({"customer_id": "acme", "credits": "0.001", "description": "a description that takes its place"});
    let body = json!({ "debits": vec![debit; count] });
    assert_eq!(server.ask("POST", "/v1/debits/batch", &body.to_string()).status, 200);
}

#[test]
fn an_export_is_the_ledger_as_it_is_and_says_which_records_it_covers() {
    let server = Server::start();
    server.wallet("acme", "100");
    debits(&server, 50);
    let whole = export(&server, &server.key, "transactions");
    let lines = whole.lines();
    assert_eq!(lines.len(), 51, "a purchase and fifty debits");
    let last: u64 = whole.header("x-log-to").parse().unwrap();
    assert_eq!(whole.header("x-log-from"), "1");
    assert_eq!(lines.last().unwrap()["log_position"], last);
    assert!(whole.header("content-disposition").contains(&format!("transactions-1-{last}.jsonl")));
    let shown = server.ask("GET", &format!("/v1/transactions/{}", lines[7]["id"].as_str().unwrap()), "");
    for name in ["credit_amount", "credit_balance_after", "transaction_reason", "description", "recorded_at"]
    {
        assert_eq!(lines[7][name], shown.json[name], "{name}");
    }
    // What came later comes with the next one, which begins where this one ended.
    debits(&server, 5);
    let next = export(&server, &server.key, &format!("transactions?from={}", last + 1));
    assert_eq!(next.lines().len(), 5);
    let again = export(&server, &server.key, &format!("transactions?to={last}"));
    assert!(again.body == whole.body);
    let csv = export(&server, &server.key, &format!("transactions?format=csv&to={last}"));
    assert_eq!(
        (csv.header("content-type"), csv.text().lines().count()),
        ("text/csv; charset=utf-8; header=present", 52)
    );
    let parquet = export(&server, &server.key, &format!("slices?format=parquet&to={last}"));
    assert!(parquet.complete && parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    let focus = export(&server, &server.key, "focus").lines();
    assert_eq!((focus.len(), &focus[0]["ChargeCategory"]), (56, &json!("Purchase")));
}

#[test]
fn a_key_sees_its_own_tenant_and_customer_only() {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    server.wallet("other", "100");
    debits(&server, 3);
    let bound = server.new_key(&["read"], Some("other"));
    let own = export(&server, &bound, "transactions").lines();
    assert!(own.len() == 1 && own[0]["customer_id"] == "other", "{own:?}");
    assert_eq!(export(&server, &bound, "transactions?customer_id=acme").status(), 404);
    assert_eq!(export(&server, &bound, &format!("transactions?wallet_id={wallet}")).status(), 404);
    let of_one = export(&server, &server.key, "transactions?customer_id=acme").lines();
    assert!(of_one.len() == 4 && of_one.iter().all(|line| line["customer_id"] == "acme"));
    let of_wallet = export(&server, &server.key, &format!("slices?wallet_id={wallet}")).lines();
    assert_eq!(of_wallet.len(), 3);
    let made = server.ask("POST", "/v1/tenants", r#"{"name":"second"}"#);
    let stranger = made.json["key"]["key"].as_str().unwrap().to_owned();
    assert_eq!(export(&server, &stranger, "transactions").lines().len(), 0);
    let debit_only = server.new_key(&["debit"], None);
    assert_eq!(export(&server, &debit_only, "transactions").status(), 403);
}

#[test]
fn what_there_is_not_is_refused_by_name() {
    let server = Server::start_with(HttpOptions { export_parquet_records_max: 2, ..HttpOptions::default() });
    server.wallet("acme", "100");
    for (path, status, says) in [
        ("books", 404, "export not found"),
        ("transactions?format=xml", 400, "csv, jsonl or parquet"),
        ("transactions?fromm=1", 400, "unknown query parameter"),
        ("transactions?from=yesterday", 400, "a log position, or a time"),
        ("transactions?to=1000000", 400, "the log ends at record"),
        ("transactions?from=0", 400, "record 0 is not kept"),
        (
            "transactions?from=2027-02-01T00:00:00Z&to=2027-01-01T00:00:00Z",
            400,
            "it would end before it begins",
        ),
        ("transactions?customer_id=nobody", 404, "customer not found"),
        ("transactions?wallet_id=nothing", 404, "wallet not found"),
        ("transactions?format=parquet", 422, "coffer export"),
    ] {
        let refused = export(&server, &server.key, path);
        assert!(refused.status() == status && refused.text().contains(says), "{path}: {}", refused.text());
    }
    let small = export(&server, &server.key, "transactions?format=parquet&to=2");
    assert_eq!(small.status(), 200);
}

#[test]
fn more_than_may_be_at_a_time_are_sent_away_and_a_reader_that_stops_reading_is_cut_off_visibly() {
    let options = HttpOptions { exports_max: 1, idle_timeout_s: 1, ..HttpOptions::default() };
    let server = Server::start_with(options);
    server.wallet("acme", "1000");
    for _ in 0..3 {
        debits(&server, 10_000);
    }
    let unread = begin(&server, &server.key, "transactions");
    // It has answered, and so it has the place.
    unread.peek(&mut [0]).unwrap();
    let mut sent_away = 0;
    let whole = loop {
        let next = export(&server, &server.key, "transactions");
        match next.status() {
            503 => {
                assert!(
                    next.header("retry-after").parse::<u64>().unwrap() >= 1
                        && next.text().contains("exports_max")
                );
                sent_away += 1;
            }
            _ => break next,
        }
        assert!(sent_away < TRIES_MAX, "the place of a reader that does not read was never free again");
        std::thread::yield_now();
    };
    assert_eq!(whole.lines().len(), 30_001);
    assert!(sent_away > 0, "the second one was not sent away");
    let cut = finish(unread);
    assert!(!cut.complete && cut.body.len() < whole.body.len(), "it was cut off, and looks whole");
    assert!(whole.body.starts_with(&cut.body), "what came before was right");
}
