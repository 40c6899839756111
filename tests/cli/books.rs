//! Books, journal and statement of a stopped server.

use std::io::{Read, Write};

use crate::program::{KEY, Place, Server, program};

const EVER: [&str; 4] = ["--from", "2020-01-01T00:00:00Z", "--to", "2200-01-01T00:00:00Z"];

fn post(server: &Server, path: &str, body: &str) {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: test\r\nx-api-key: {KEY}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
}

/// A directory with a customer who was given 100 and has used 1.5.
fn used() -> Place {
    let place = Place::new();
    let server = Server::start_without_history(&place);
    post(
        &server,
        "/v1/wallets",
        r#"{"customer_id":"acme","currency":"usd","conversion_rate":"0.5","initial_credits_to_load":"100"}"#,
    );
    post(&server, "/v1/customers/acme/debits", r#"{"credits":"1.5"}"#);
    assert!(server.stop().success());
    place
}

fn with<'a>(command: &'a [&'a str], more: &'a [&'a str]) -> Vec<&'a str> {
    [command, &EVER, more].concat()
}

#[test]
fn books_of_a_stopped_server_are_made_from_its_log_though_it_keeps_no_history() {
    let place = used();
    assert!(!place.data().join("history.db").exists());
    let books = place.run(&with(&["books"], &["--json"])).ok().json();
    let unit = &books["units"][0];
    assert_eq!(unit["sources"][0]["closing"]["credits"], "98.5");
    assert_eq!(unit["revenue"]["promotional_expense"], "0.75");
    let table = place.run(&with(&["books"], &[])).ok().out;
    assert!(table.contains("usd, 0.5 per credit") && table.contains("98.5"), "{table}");
    let csv = place.run(&with(&["books"], &["--csv"])).ok().out;
    assert!(csv.contains("usd,,0.5,source,promotional,spent,1.5,0\r\n"), "{csv}");
    // A damaged history is made anew.
    std::fs::write(place.data().join("history.db"), [0; 100]).unwrap();
    let refused = place.run(&with(&["books"], &["--json"]));
    assert_eq!(refused.code, 74, "what is no history is left alone: {refused:?}");
    std::fs::remove_file(place.data().join("history.db")).unwrap();
    assert_eq!(place.run(&with(&["books"], &["--json"])).ok().json(), books);
}

#[test]
fn a_journal_and_a_statement_go_where_they_are_told() {
    let place = used();
    let out = place.dir.path().join("journal.csv");
    place.run(&with(&["journal"], &["--format", "csv", "--out", out.to_str().unwrap()])).ok();
    let journal = std::fs::read_to_string(&out).unwrap();
    assert_eq!(journal.lines().count(), 3, "{journal}");
    assert!(journal.contains("Promotional expense,0.75,0,usd"), "{journal}");
    let statement = place.run(&with(&["statement", "acme"], &[])).ok().json();
    assert_eq!(statement["wallets"][0]["closing"]["credits"], "98.5");
    let page = place.run(&with(&["statement", "acme"], &["--format", "html"])).ok().out;
    assert!(page.starts_with("<!doctype html>"), "{page}");
    let unknown = place.run(&with(&["statement", "nobody"], &[]));
    assert_eq!(unknown.code, 1, "{unknown:?}");
}

#[test]
fn a_stopped_servers_statement_has_its_recharges_and_alerts_though_it_keeps_no_history() {
    let place = Place::new();
    let server = Server::start_without_history(&place);
    post(
        &server,
        "/v1/wallets",
        r#"{"customer_id":"acme","currency":"usd","conversion_rate":1,"initial_credits_to_load":"100",
            "alert_settings":{"warning":{"threshold":30}},"auto_topup":{"threshold":20,"amount":50,"invoicing":true}}"#,
    );
    post(&server, "/v1/customers/acme/debits", r#"{"credits":"81.5"}"#);
    assert!(server.stop().success());
    assert!(!place.data().join("history.db").exists());
    let statement = place.run(&with(&["statement", "acme"], &[])).ok().json();
    let wallet = &statement["wallets"][0];
    let (recharge, alert) = (&wallet["recharges"][0], &wallet["alerts"][0]);
    assert_eq!((&recharge["status"], &recharge["credits"]), (&"pending".into(), &"50".into()), "{wallet}");
    assert_eq!((&alert["alert_status"], &alert["value_at_time"]), (&"warning".into(), &"18.5".into()));
    assert_eq!(alert["transaction_id"], wallet["lines"][1]["transaction_id"]);
    let csv = place.run(&with(&["statement", "acme"], &["--format", "csv"])).ok().out;
    let kinds: Vec<_> = csv.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(kinds, ["line", "opening", "row", "row", "closing", "recharge", "alert"], "{csv}");
}

#[test]
fn periods_that_are_none_and_tenants_that_are_not_there_are_said() {
    let place = used();
    let odd = ["books", "--from", "2026-01-01T00:00:01Z", "--to", "2026-02-01T00:00:00Z"];
    assert_eq!(place.run(&odd).code, 2);
    assert_eq!(place.run(&["books"]).code, 2);
    assert_eq!(place.run(&["books", "--month", "2026-1"]).code, 2);
    let tenant = place.run(&["books", "--month", "2026-01", "--tenant", "nobody"]);
    assert!(tenant.code == 1 && tenant.line().contains("default"), "{tenant:?}");
    place.run(&["books", "--month", "2026-01", "--time-zone", "Europe/Berlin", "--json"]).ok();
    let running = Server::spawn(
        program().arg("serve").env("COFFER_BOOTSTRAP_KEY", KEY).arg("--data-dir").arg(place.data()),
    );
    let busy = place.run(&["books", "--month", "2026-01"]);
    assert!(busy.code == 75 && busy.line().contains("GET /v1/books"), "{busy:?}");
    assert!(running.stop().success());
}
