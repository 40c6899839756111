//! Messages of a payment provider, on a machine whose clock is not where the engine's time is.

use std::sync::Arc;

use coffer::env::{Clock, Env};
use ring::hmac;

use crate::support::{Connection, Server};

const SECRET: &str = "whsec_of_the_test";
const TWO_HOURS_S: u64 = 7_200;
const NS_PER_S: u64 = 1_000_000_000;

/// The machine's clock after a step that the engine's time ignores.
struct Stepped(Arc<dyn Clock>);

impl Clock for Stepped {
    fn now_ns(&self) -> u64 {
        self.0.now_ns() + TWO_HOURS_S * NS_PER_S
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.monotonic_ns()
    }
}

/// What is answered to a message that is signed now, by a clock.
fn deliver(server: &Server, at_s: u64) -> (u16, String) {
    let body = r#"{"type":"charge.succeeded","data":{"object":{}}}"#;
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("{at_s}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let signature = format!("t={at_s},v1={hex}");
    let headers = [("stripe-signature", signature.as_str())];
    let answer = Connection::to(server.address).ask("POST", "/v1/connectors/stripe/webhook", &headers, body);
    (answer.status, answer.text)
}

#[test]
fn stripes_messages_are_taken_by_the_machines_clock_wherever_the_engines_time_is() {
    let os = Env::os().clock;
    let server = Server::start_paying(Arc::new(Stepped(Arc::clone(&os))), SECRET);
    let now_s = os.now_ns() / NS_PER_S;
    let taken = deliver(&server, now_s + TWO_HOURS_S);
    assert!(taken.0 == 200 && taken.1.contains("ignored"), "{taken:?}");
    let stale = deliver(&server, now_s);
    assert!(stale.0 == 400 && stale.1.contains("5 minutes"), "by the engine's time it is of now: {stale:?}");
}
