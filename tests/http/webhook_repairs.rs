//! Webhooks when something was wrong and is put right: an endpoint that was down, has moved, or died silently, and what is erased meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::receiver::Receiver;
use crate::support::Server;
use crate::webhooks::{deliveries, done, endpoint, wait_for};

/// A switch, and a receiver that takes events while it is on, and else answers so.
fn switched(status: u16, headers: &'static str) -> (Arc<AtomicBool>, Receiver) {
    let on = Arc::new(AtomicBool::new(false));
    let is_on = Arc::clone(&on);
    let receiver = Receiver::answering(move |_, _| {
        Some(if is_on.load(Ordering::Relaxed) { (200, "") } else { (status, headers) })
    });
    (on, receiver)
}

#[test]
fn what_was_erased_is_not_posted_any_more() {
    let server = Server::start_delivering(|_| {});
    let (on, receiver) = switched(503, "retry-after: 1\r\n");
    let (id, _) = endpoint(&server, &receiver.url(), &["customer.*"]);
    let customer = json!({"external_id": "countess", "name": "Ada Lovelace", "email": "ada@example.com"});
    done(&server, "POST", "/v1/customers", customer);
    let before = receiver.wait_until("the first attempt", |posts| !posts.is_empty());
    assert!(before[0].body.contains("Lovelace"));
    done(&server, "POST", "/v1/customers/countess/erase", json!({}));
    let before = usize::try_from(receiver.count()).unwrap();
    on.store(true, Ordering::Relaxed);
    wait_for("taken", || deliveries(&server, &id, "?status=pending"), Vec::is_empty);
    let posts = receiver.wait_until("the event", |posts| posts.len() > before);
    for post in &posts[before..] {
        for personal in ["Lovelace", "countess", "example.com"] {
            assert!(!post.body.contains(personal), "{}", post.body);
        }
    }
}
