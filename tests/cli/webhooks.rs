//! A real server that is killed while it delivers webhooks: every event comes at least once, and each customer's in order.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::program::{KEY, Place, Server, program};
use crate::receiver::Receiver;
use crate::sse::Sse;

const ROUNDS: u64 = 6;
const ROUNDS_LONG: u64 = 100;
const CUSTOMERS: usize = 4;
/// So many debits are ahead of what was delivered: there is something to deliver at every kill, and a slow machine comes to an end.
const AHEAD: u64 = 200;

fn start(place: &Place) -> Server {
    let mut command = program();
    command.arg("serve").env("COFFER_BOOTSTRAP_KEY", KEY).arg("--data-dir").arg(place.data());
    command.env("COFFER_WEBHOOK_ALLOW_HTTP", "true").env("COFFER_WEBHOOK_ALLOW_PRIVATE_ADDRESSES", "true");
    Server::spawn(&mut command)
}

fn ask(address: &str, method: &str, path: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: test\r\nx-api-key: {KEY}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    (!answer.is_empty()).then_some(answer)
}

#[test]
fn webhooks_over_kills_of_the_server_come_at_least_once_and_in_order_per_customer() {
    let place = Place::new();
    let rounds = if std::env::var_os("COFFER_TEST_LONG").is_some() { ROUNDS_LONG } else { ROUNDS };
    let receiver = Receiver::taking();
    let answered = Mutex::new(0_u64);
    // Delivered while the server was killed: else nothing would be shown.
    let caught = AtomicU64::new(0);
    for round in 0..rounds {
        let server = start(&place);
        let address = server.url.trim_start_matches("http://").to_owned();
        if round == 0 {
            let endpoint = format!(r#"{{"url":"{}"}}"#, receiver.url());
            let made = ask(&address, "POST", "/v1/webhook-endpoints", &endpoint).unwrap();
            assert!(made.starts_with("HTTP/1.1 201"), "{made}");
            for customer in 0..CUSTOMERS {
                let wallet = format!(
                    r#"{{"customer_id":"c{customer}","currency":"usd","initial_credits_to_load":"1000000"}}"#
                );
                assert!(ask(&address, "POST", "/v1/wallets", &wallet).unwrap().starts_with("HTTP/1.1 200"));
            }
        }
        std::thread::scope(|scope| {
            for customer in 0..CUSTOMERS {
                let (address, answered, receiver) = (&address, &answered, &receiver);
                scope.spawn(move || {
                    let debit = format!("/v1/customers/c{customer}/debits");
                    while ask(address, "POST", &debit, r#"{"credits":1}"#).is_some() {
                        *answered.lock().unwrap() += 1;
                        let ahead = |answered: u64| answered.saturating_sub(receiver.count());
                        let pause = if ahead(*answered.lock().unwrap()) > AHEAD { 50 } else { 2 };
                        std::thread::sleep(Duration::from_millis(pause));
                    }
                });
            }
            let before = receiver.count();
            while *answered.lock().unwrap() < (round + 1) * 40 || receiver.count() < before + 20 {
                std::thread::sleep(Duration::from_millis(1));
            }
            server.kill();
            caught.fetch_add(receiver.count() - before, Ordering::Relaxed);
        });
    }
    let server = start(&place);
    let address = server.url.trim_start_matches("http://").to_owned();
    let last = r#"{"customer_id":"c0","currency":"usd","name":"last"}"#;
    assert!(ask(&address, "POST", "/v1/wallets", last).unwrap().starts_with("HTTP/1.1 200"));
    // The truth: every event, derived anew.
    let mut stream = Sse::open(&address, KEY, "/v1/stream", Some("0"));
    let mut all: HashMap<String, Vec<String>> = HashMap::new();
    let mut count = 0;
    loop {
        let event = stream.next().unwrap().data;
        let of = all.entry(event["customer_id"].to_string()).or_default();
        of.push(event["id"].as_str().unwrap().to_owned());
        count += 1;
        if event["data"]["name"] == "last" {
            break;
        }
    }
    let posts = receiver.wait_until("every event", |posts| {
        posts.iter().map(|post| post.id()).collect::<HashSet<_>>().len() >= count
    });
    assert!(caught.load(Ordering::Relaxed) > 0);
    assert!(posts.iter().all(|post| post.head.to_lowercase().contains("\r\nwebhook-signature: v1,")));
    assert!(posts.is_sorted_by_key(|post| post.at));
    let mut came: HashMap<String, Vec<String>> = HashMap::new();
    for post in &posts {
        let event = post.json();
        let of = came.entry(event["customer_id"].to_string()).or_default();
        let id = event["id"].as_str().unwrap().to_owned();
        // A repeat is of what was not known to be taken: nothing newer has come before it.
        match of.iter().position(|known| *known == id) {
            Some(at) => assert!(at + 1 == of.len(), "{id} comes again after a newer one"),
            None => of.push(id),
        }
    }
    assert!(came == all, "{} posts, {count} events", posts.len());
    println!(
        "{count} events, {} posts, {} of them while the server was to be killed",
        posts.len(),
        caught.load(Ordering::Relaxed)
    );
}
