//! A real server that is killed while streams are open: whoever comes back with the last id that it saw gets the rest, once, in order.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::program::{KEY, Place, Server};
use crate::sse::Sse;

const ROUNDS: u64 = 6;
const ROUNDS_LONG: u64 = 100;
const CUSTOMERS: usize = 3;

fn ask(address: &str, path: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: test\r\nx-api-key: {KEY}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    (!answer.is_empty()).then_some(answer)
}

/// A reader of one stream over many lives of the server.
#[derive(Default)]
struct Reader {
    path: String,
    last: Option<String>,
    /// Event ids, in the order in which they came.
    seen: Vec<String>,
}

impl Reader {
    fn of(path: &str) -> Self {
        Self { path: path.to_owned(), last: Some("0".to_owned()), ..Self::default() }
    }

    /// Reads until the server is gone, or until it has seen this many events in all.
    fn read(&mut self, address: &str, until: usize) {
        let Ok(mut stream) = Sse::try_open(address, KEY, &self.path, self.last.as_deref()) else { return };
        while self.seen.len() < until {
            let Some(came) = stream.next() else { break };
            self.last = Some(stream.last_id.clone());
            self.seen.push(came.data["id"].as_str().unwrap().to_owned());
        }
    }
}

#[test]
fn streams_over_kills_of_the_server_have_every_event_once_in_order() {
    let place = Place::new();
    let rounds = if std::env::var_os("COFFER_TEST_LONG").is_some() { ROUNDS_LONG } else { ROUNDS };
    let paths = ["/v1/stream", "/v1/customers/c0/stream", "/v1/stream?types=hold.*,wallet.created"];
    let mut readers: Vec<_> = paths.map(Reader::of).into();
    let answered = Mutex::new(0_u64);
    for round in 0..rounds {
        let server = Server::start(&place);
        let address = server.url.trim_start_matches("http://").to_owned();
        for customer in (0..CUSTOMERS).filter(|_| round == 0) {
            let wallet = format!(
                r#"{{"customer_id":"c{customer}","currency":"usd","initial_credits_to_load":"1000000"}}"#
            );
            assert!(ask(&address, "/v1/wallets", &wallet).unwrap().starts_with("HTTP/1.1 200"));
        }
        let killed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for reader in &mut readers {
                scope.spawn(|| {
                    while !killed.load(Ordering::Relaxed) {
                        reader.read(&address, usize::MAX);
                    }
                });
            }
            for customer in 0..CUSTOMERS {
                let (address, answered) = (&address, &answered);
                scope.spawn(move || {
                    let (debit, hold) = (
                        format!("/v1/customers/c{customer}/debits"),
                        format!("/v1/customers/c{customer}/holds"),
                    );
                    while ask(address, &debit, r#"{"credits":1}"#).is_some()
                        && ask(address, &hold, r#"{"credits":1}"#).is_some()
                    {
                        *answered.lock().unwrap() += 1;
                    }
                });
            }
            // On a busy machine too something is in each round.
            while *answered.lock().unwrap() < (round + 1) * 30 {
                std::thread::sleep(Duration::from_millis(1));
            }
            server.kill();
            killed.store(true, Ordering::Relaxed);
        });
    }
    let server = Server::start(&place);
    let address = server.url.trim_start_matches("http://").to_owned();
    for reader in &mut readers {
        // What one reader sees that was there from the beginning to the end: the truth, derived anew.
        let mut whole = Reader::of(&reader.path);
        let before = reader.seen.len();
        assert!(before > 0, "{} saw something while the server was killed", reader.path);
        let marker = r#"{"customer_id":"c0","currency":"usd","name":"last"}"#;
        assert!(ask(&address, "/v1/wallets", marker).unwrap().starts_with("HTTP/1.1 200"));
        let mut stream = Sse::open(&address, KEY, &whole.path, Some("0"));
        loop {
            let came = stream.next().unwrap();
            whole.seen.push(came.data["id"].as_str().unwrap().to_owned());
            if came.data["data"]["name"] == "last" {
                break;
            }
        }
        reader.read(&address, whole.seen.len());
        assert!(
            reader.seen == whole.seen,
            "{}: {} against {} events",
            reader.path,
            reader.seen.len(),
            whole.seen.len()
        );
    }
}
