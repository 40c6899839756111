//! Statements, books and the journal over HTTP: they balance, agree with each other, and say what they cannot do.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use coffer_ledger::amount::Credits;
use serde_json::{Value, json};

use crate::every_row::busy;
use crate::support::Server;

const EVER: &str = "from=2020-01-01T00:00:00Z&to=2200-01-01T00:00:00Z";
const INS: [&str; 4] = ["issued", "arrived", "returned", "regranted"];
const OUTS: [&str; 7] = ["spent", "repaid", "expired", "voided", "forfeited", "paid_out", "sent"];

fn amount(value: &Value) -> Credits {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no decimal"));
    match text.strip_prefix('-') {
        Some(text) => -Credits::parse_json(text).unwrap(),
        None => Credits::parse_json(text).unwrap(),
    }
}

fn ok(server: &Server, path: &str) -> Value {
    let answer = server.ask("GET", path, "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    assert!(answer.header("x-log-position").is_some(), "{path}");
    answer.json
}

/// The items of a list, or the list itself.
fn ok_body(server: &Server, path: &str) -> Vec<Value> {
    let answer = server.ask("GET", path, "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    let list = answer.json.as_array().or_else(|| answer.json["items"].as_array());
    list.unwrap_or_else(|| panic!("{path}: {}", answer.text)).clone()
}

/// A body that is streamed: asked for by HTTP/1.0, it ends with the connection.
fn streamed(server: &Server, path: &str) -> (String, String) {
    let mut stream = std::net::TcpStream::connect(server.address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nx-api-key: {}\r\n\r\n", server.key).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{answer}");
    (head.to_lowercase(), body.to_owned())
}

#[test]
fn books_balance_in_credits_and_in_money_for_every_source() {
    let server = busy();
    let books = ok(&server, &format!("/v1/books?{EVER}"));
    let units = books["units"].as_array().unwrap();
    assert_eq!((units.len(), &units[0]["currency"]), (1, &json!("usd")));
    let unit = &units[0];
    let mut closing = Credits::ZERO;
    for source in unit["sources"].as_array().unwrap() {
        for what in ["credits", "paid"] {
            let sum = |kinds: &[&str]| kinds.iter().map(|kind| amount(&source[kind][what])).sum::<Credits>();
            let expected = amount(&source["opening"][what]) + sum(&INS) - sum(&OUTS);
            assert_eq!(amount(&source["closing"][what]), expected, "{source}");
        }
        closing += amount(&source["closing"]["credits"]);
    }
    let posted: Credits = ["acme", "other"]
        .iter()
        .flat_map(|customer| ok_body(&server, &format!("/v1/customers/{customer}/wallets")))
        .map(|wallet| amount(&wallet["credit_balance"]))
        .sum();
    assert_eq!(closing - amount(&unit["debt"]["closing"]), posted);
    assert_eq!(unit["in_transit"]["closing"], json!({"credits": "0", "paid": "0"}));
    let total = |field: &str| -> Credits {
        unit["accounts"].as_array().unwrap().iter().map(|account| amount(&account[field])).sum()
    };
    assert_eq!((total("debits"), total("closing")), (total("credits"), Credits::ZERO));
    assert!(amount(&unit["revenue"]["earned"]).is_positive());
    let csv = server.ask("GET", &format!("/v1/books?{EVER}&format=csv"), "");
    assert!(
        csv.text.starts_with("currency,price_unit,conversion_rate,section,name,figure,credits,money\r\n")
    );
    assert!(csv.text.contains("usd,,1,source,purchased,closing,"), "{}", csv.text);
}

#[test]
fn the_journal_of_a_period_adds_up_to_its_books() {
    let server = busy();
    let books = ok(&server, &format!("/v1/books?{EVER}"));
    let (head, body) = streamed(&server, &format!("/v1/journal?{EVER}"));
    assert!(head.contains("application/jsonl") && head.contains("x-log-position"), "{head}");
    let mut entries: BTreeMap<String, Credits> = BTreeMap::new();
    let mut accounts: BTreeMap<u64, (Credits, Credits)> = BTreeMap::new();
    for line in body.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (debit, credit) = (amount(&line["debit"]), amount(&line["credit"]));
        *entries.entry(line["entry_id"].as_str().unwrap().to_owned()).or_default() += debit - credit;
        let account = accounts.entry(line["account"].as_u64().unwrap()).or_default();
        *account = (account.0 + debit, account.1 + credit);
    }
    assert!(entries.len() > 10 && entries.values().all(|balance| balance.is_zero()), "{entries:?}");
    let of_books = books["units"][0]["accounts"].as_array().unwrap().iter().map(|account| {
        let number = account["account"].as_u64().unwrap();
        (number, (amount(&account["debits"]), amount(&account["credits"])))
    });
    assert_eq!(accounts, of_books.collect());
    let (_, csv) = streamed(&server, &format!("/v1/journal?{EVER}&format=csv"));
    assert_eq!(csv.lines().count(), body.lines().count() + 1);
    assert!(csv.starts_with("entry_id,line,account,"), "{csv}");
}

#[test]
fn a_period_that_is_over_has_its_own_books_and_scheduled_credit_is_in_none() {
    let server = busy();
    let past = ok(&server, "/v1/books?month=2020-02&time_zone=Asia/Kathmandu");
    assert_eq!(past["from"], "2020-01-31T18:15:00Z");
    assert_eq!(past["units"], json!([]));
    let wallet = server.wallet("later", "0");
    let scheduled = r#"{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":77,"effective_date":"2099-01-01T00:00:00Z"}"#;
    let before = ok(&server, &format!("/v1/books?{EVER}"))["units"].clone();
    assert_eq!(server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), scheduled).status, 200);
    assert_eq!(ok(&server, &format!("/v1/books?{EVER}"))["units"], before);
    assert_eq!(ok(&server, &format!("/v1/books?{EVER}&currency=EUR"))["units"], json!([]));
    let next = ok(&server, "/v1/books?from=2100-01-01T00:00:00Z&to=2200-01-01T00:00:00Z");
    let [source, of_now] = [&next["units"][0]["sources"][0], &before[0]["sources"][0]];
    assert_eq!((&source["opening"], &source["closing"]), (&of_now["closing"], &of_now["closing"]));
    assert_eq!(source["details"], json!([]));
}

#[test]
fn the_end_of_a_period_that_is_no_quarter_of_an_hour_is_named() {
    let server = busy();
    for (query, field) in [
        ("from=2026-01-01T00:00:00Z&to=2027-01-01T00:10:00Z", "to"),
        ("from=2026-01-01T00:10:00Z&to=2027-01-01T00:00:00Z", "from"),
        ("from=2026-01-01T00:00:00Z&to=2025-01-01T00:00:00Z", "from"),
        ("month=1971-06&time_zone=Africa/Monrovia", "month"),
    ] {
        let refused = server.ask("GET", &format!("/v1/books?{query}"), "");
        assert_eq!((refused.status, &refused.json["details"]["field"]), (400, &json!(field)), "{query}");
    }
}

#[test]
fn a_statement_runs_from_its_opening_to_its_closing_and_shows_what_is_left() {
    let server = busy();
    let statement = ok(&server, &format!("/v1/customers/acme/statement?{EVER}"));
    assert_eq!((&statement["tenant"], &statement["external_id"]), (&json!("default"), &json!("acme")));
    for wallet in statement["wallets"].as_array().unwrap() {
        let mut balance = amount(&wallet["opening"]["credits"]);
        for line in wallet["lines"].as_array().unwrap() {
            balance += amount(&line["credits_in"]) - amount(&line["credits_out"]);
            assert_eq!(amount(&line["balance"]), balance, "{line}");
        }
        assert_eq!(amount(&wallet["closing"]["credits"]), balance);
        let left: Credits =
            wallet["tranches"].as_array().unwrap().iter().map(|tranche| amount(&tranche["remaining"])).sum();
        assert_eq!(left - amount(&wallet["debt"]), balance);
    }
    let lines: usize = statement["wallets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|wallet| wallet["lines"].as_array().unwrap().len())
        .sum();
    let ledger = ok(&server, "/v1/customers/acme/ledger?limit=1000");
    let moving = ledger["items"].as_array().unwrap().iter().filter(|row| !row["sequence"].is_null()).count();
    assert_eq!(lines, moving);
    let csv = server.ask("GET", &format!("/v1/customers/acme/statement?{EVER}&format=csv"), "");
    assert_eq!(csv.text.lines().count(), 1 + lines + 2 * statement["wallets"].as_array().unwrap().len());
}

#[test]
fn a_printed_statement_is_one_page_without_anything_from_outside_and_escapes_what_was_written() {
    let server = Server::start();
    let wallet = server.wallet("acme", "12345.5");
    let nasty = json!({"credits": 1, "description": "<script>alert(1)</script>", "reference_type": "a\"b", "reference_id": "&"});
    assert_eq!(server.ask("POST", "/v1/customers/acme/debits", &nasty.to_string()).status, 200);
    let path = format!("/v1/customers/acme/statement?{EVER}&format=html&time_zone=Europe/Berlin");
    let page = server.ask("GET", &path, "");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    for there in
        [&*wallet, "&lt;script&gt;", "a&quot;b &amp;", "12\u{202f}345.5", "Europe/Berlin", "@media print"]
    {
        assert!(page.text.contains(there), "{there}: {}", page.text);
    }
    for absent in ["<script", "http://", "https://", "src=", "@import", "url("] {
        assert!(!page.text.contains(absent), "{absent}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused_and_a_customers_key_reads_its_own_statement_only() {
    let server = Server::start();
    server.wallet("acme", "10");
    server.wallet("other", "10");
    for query in [
        "",
        "from=2026-01-01T00:00:00Z",
        "from=2026-01-01T00:00:01Z&to=2026-02-01T00:00:00Z",
        "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=yesterday&to=2026-01-01T00:00:00Z",
        "month=2026-13",
        "month=2026-01&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z",
        "month=2026-01&time_zone=Mars/Olympus",
        "month=2026-01&format=pdf",
        "month=2026-01&colour=red",
    ] {
        for path in ["/v1/books", "/v1/journal"] {
            let refused = server.ask("GET", &format!("{path}?{query}"), "");
            assert_eq!((refused.status, refused.code()), (400, "validation_error"), "{path}?{query}");
        }
    }
    // A statement may begin at any second.
    let any = "from=2026-01-01T00:00:01Z&to=2026-02-01T00:00:00Z";
    ok(&server, &format!("/v1/customers/acme/statement?{any}"));
    assert_eq!(server.ask("GET", &format!("/v1/customers/nobody/statement?{any}"), "").status, 404);
    let bound = server.new_key(&["read"], Some("acme"));
    let ask = |path: String| server.ask_as(&bound, "GET", &path, "").status;
    assert_eq!(ask(format!("/v1/customers/acme/statement?{EVER}")), 200);
    assert_eq!(ask(format!("/v1/customers/other/statement?{EVER}")), 404);
    assert_eq!((ask(format!("/v1/books?{EVER}")), ask(format!("/v1/journal?{EVER}"))), (403, 403));
    let debit_only = server.new_key(&["debit"], None);
    assert_eq!(server.ask_as(&debit_only, "GET", &format!("/v1/books?{EVER}"), "").status, 403);
}
