//! A real server, killed with SIGKILL while a transfer stands between two named steps: sent, arrived, told. Started again it goes on from
//! there: exactly once, nothing on the way, nothing remembered (SEMANTICS §15, DESIGN decision 13).
//!
//! Power cuts at every change of the disk: tests/engine/transfers.rs.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]
#![allow(dead_code, reason = "each test binary uses its own part of what they share")]
#![allow(clippy::disallowed_methods, reason = "a test of a program looks at its files from outside")]

#[path = "http/support.rs"]
mod http;
#[path = "cli/program.rs"]
mod program;

use std::sync::Arc;
use std::time::{Duration, Instant};

use coffer::engine::{Engine, EngineOptions};
use coffer::env::Env;
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::TenantNumber;
use http::{Answer, Connection};
use program::{KEY, Place, Server, program};
use serde_json::{Value, json};

/// A step that is not reached by then is not reached.
const PATIENCE: Duration = Duration::from_secs(30);
const TRANSFERS: &str = "/v1/transfers";

/// A server that stops dead at a step, if one is named.
fn start(place: &Place, paused_at: Option<&str>) -> Server {
    let mut command = program();
    command.arg("serve").arg("--data-dir").arg(place.data()).env("COFFER_BOOTSTRAP_KEY", KEY);
    match paused_at {
        Some(step) => command.env("FAILPOINTS", format!("intents::{step}=pause")),
        None => command.env_remove("FAILPOINTS"),
    };
    Server::spawn(&mut command)
}

fn connect(server: &Server) -> Connection {
    Connection::to(server.url.strip_prefix("http://").unwrap().parse().unwrap())
}

fn ask(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    connect(server).ask(method, path, &[("x-api-key", KEY)], &body)
}

fn wallet(server: &Server, customer: &str, credits: u32) -> String {
    let body = json!({"customer_id": customer, "currency": "usd", "initial_credits_to_load": credits});
    let made = ask(server, "POST", "/v1/wallets", &body);
    assert_eq!(made.status, 200, "{}", made.text);
    made.json["id"].as_str().unwrap().to_owned()
}

fn posted(server: &Server, customer: &str) -> String {
    let balance = ask(server, "GET", &format!("/v1/customers/{customer}/balance"), &Value::Null);
    balance.json["posted"].as_str().unwrap_or("none").to_owned()
}

/// Ids of transfers of this status.
fn transfers(server: &Server, status: &str) -> usize {
    let listed = ask(server, "GET", &format!("{TRANSFERS}?status={status}"), &Value::Null);
    assert_eq!(listed.status, 200, "{}", listed.text);
    listed.json["items"].as_array().unwrap().len()
}

const BODY: &str = r#"{"from_customer_id":"alice","to_customer_id":"bob","credits":30}"#;

/// Asks for the transfer and waits for no answer.
fn send(server: &Server) -> Connection {
    let mut connection = connect(server);
    let request = format!(
        "POST {TRANSFERS} HTTP/1.1\r\nhost: t\r\nx-api-key: {KEY}\r\nidempotency-key: once\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    connection.send(request.as_bytes());
    connection
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until the transfer stands at the step, as far as one can see from outside.
fn wait_for(server: &Server, step: &str) {
    match step {
        "sent" => wait_until("sent", || transfers(server, "in_transit") == 1),
        "arrived" => {
            wait_until("arrived", || posted(server, "bob") == "30" && transfers(server, "in_transit") == 1)
        }
        "told" => {
            wait_until("told", || transfers(server, "in_transit") == 0 && transfers(server, "completed") == 1)
        }
        other => panic!("no step {other}"),
    }
}

/// Starts the server once more, asks again under the same key, and looks into the state behind it.
fn check_once(place: &Place, status: &str, alice: &str, bob: &str) {
    let server = start(place, None);
    wait_until("its end", || transfers(&server, status) == 1);
    let headers = [("x-api-key", KEY), ("idempotency-key", "once")];
    let again = connect(&server).ask("POST", TRANSFERS, &headers, BODY);
    assert_eq!((again.status, &again.json["status"]), (201, &json!(status)), "{}", again.text);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!((posted(&server, "alice"), posted(&server, "bob")), (alice.to_owned(), bob.to_owned()));
    assert_eq!(transfers(&server, "in_transit"), 0);
    assert!(server.stop().success());
    for customer in states(place) {
        coffer_ledger::invariants::check_all(&customer).unwrap();
        assert!(customer.transfers_out.is_empty(), "{customer:?}");
        assert!(customer.transfers_in.is_empty(), "the receiver has forgotten it: {customer:?}");
    }
}

/// Every customer of the stopped server's directory, once nothing is left to be done.
fn states(place: &Place) -> Vec<Customer> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let options = EngineOptions { segment_bytes: 2 << 20, ..EngineOptions::new(place.data()) };
    runtime.block_on(async {
        let engine = Engine::open(options, Env::os(), Arc::new(())).await.unwrap();
        let begun = Instant::now();
        loop {
            let all = engine.scan(TenantNumber(1), |customer, _| Some(customer.clone())).await.unwrap();
            let is_over = all.iter().all(|one| one.transfers_out.is_empty() && one.transfers_in.is_empty());
            if is_over || begun.elapsed() > PATIENCE {
                engine.shutdown().await.unwrap();
                return all;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
}

fn begin(place: &Place, paused_at: &str) -> Server {
    let server = start(place, Some(paused_at));
    wallet(&server, "alice", 100);
    wallet(&server, "bob", 0);
    server
}

#[test]
fn a_server_killed_between_any_two_steps_moves_it_once() {
    for step in ["sent", "arrived", "told"] {
        let place = Place::new();
        let server = begin(&place, step);
        let asking = send(&server);
        wait_for(&server, step);
        server.kill();
        drop(asking);
        check_once(&place, "completed", "70", "30");
    }
}

#[test]
fn a_server_killed_at_each_step_of_the_same_transfer_moves_it_once() {
    let place = Place::new();
    let server = begin(&place, "sent");
    let asking = send(&server);
    wait_for(&server, "sent");
    server.kill();
    drop(asking);
    for step in ["sent", "arrived", "arrived", "told"] {
        let server = start(&place, Some(step));
        wait_for(&server, step);
        server.kill();
    }
    check_once(&place, "completed", "70", "30");
}

#[test]
fn what_the_receiver_cannot_take_any_more_comes_back_once() {
    for steps in [&[][..], &["told"], &["arrived", "told"]] {
        let place = Place::new();
        let server = start(&place, Some("sent"));
        wallet(&server, "alice", 100);
        let closing = wallet(&server, "bob", 0);
        let asking = send(&server);
        wait_for(&server, "sent");
        let closed = ask(&server, "POST", &format!("/v1/wallets/{closing}/terminate"), &Value::Null);
        assert_eq!(closed.status, 200, "{}", closed.text);
        server.kill();
        drop(asking);
        for step in steps {
            let server = start(&place, Some(step));
            if *step == "told" {
                wait_until("returned", || transfers(&server, "returned") == 1);
            }
            server.kill();
        }
        // A closed wallet counts in no unit.
        check_once(&place, "returned", "100", "none");
    }
}
