//! Webhooks when something was wrong and is put right: an endpoint that was down, has moved, or died silently, and what is erased meanwhile.

#![expect(clippy::disallowed_methods, reason = "receivers are slow in real time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use coffer::env::{Clock, Env};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::support::Server;
use crate::webhooks::{deliveries, done, endpoint, first_of, header, signature, wait_for};

const HOUR_S: u64 = 3_600;

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

/// A receiver that answers so, and only after a while.
fn slow(status: u16) -> Receiver {
    Receiver::answering(move |_, _| {
        std::thread::sleep(Duration::from_millis(500));
        Some((status, ""))
    })
}

fn customer(server: &Server, name: &str) {
    done(server, "POST", "/v1/customers", json!({"external_id": name}));
}

fn change(server: &Server, id: &str, body: Value) {
    done(server, "PUT", &format!("/v1/webhook-endpoints/{id}"), body);
}

fn show(server: &Server, id: &str) -> Value {
    done(server, "GET", &format!("/v1/webhook-endpoints/{id}"), json!({}))
}

fn wait_until_over(server: &Server, id: &str) {
    wait_for("over", || deliveries(server, id, "?status=pending"), Vec::is_empty);
}

#[test]
fn after_a_change_of_url_nothing_more_goes_to_the_old_one() {
    let server = Server::start_delivering(|_| {});
    let (old, new) = (slow(200), Receiver::taking());
    let (id, _) = endpoint(&server, &old.url(), &["customer.*"]);
    customer(&server, "first");
    first_of(&old, 1);
    // An attempt is under way, and its connection comes back.
    change(&server, &id, json!({"url": new.url()}));
    wait_until_over(&server, &id);
    for number in 0..5 {
        customer(&server, &format!("c{number}"));
        wait_until_over(&server, &id);
    }
    assert_eq!((first_of(&new, 5).len(), old.count()), (5, 1));
}

#[test]
fn what_another_url_answers_concerns_nobody() {
    let server = Server::start_delivering(|_| {});
    let (old, new) = (slow(410), Receiver::taking());
    let (id, _) = endpoint(&server, &old.url(), &["customer.*"]);
    customer(&server, "first");
    first_of(&old, 1);
    change(&server, &id, json!({"url": new.url()}));
    first_of(&new, 1);
    wait_until_over(&server, &id);
    let shown = show(&server, &id);
    assert_eq!((&shown["status"], &shown["delivery"]["failures"]), (&json!("enabled"), &json!(0)));
    assert_eq!(deliveries(&server, &id, "")[0]["attempts"], json!(1), "the new one's");
}

#[test]
fn an_endpoint_that_is_changed_begins_afresh() {
    // A schedule that no test waits for.
    let server = Server::start_delivering(|options| options.wait_scale = 1_000_000);
    let (_, old) = switched(503, "retry-after: 86400\r\n");
    let new = Receiver::taking();
    let (id, _) = endpoint(&server, &old.url(), &["customer.*"]);
    customer(&server, "moved");
    let paused = |id: &str| {
        let is_paused = |shown: &Value| shown["delivery"]["paused_until"].is_string();
        wait_for("left alone", || show(&server, id), is_paused);
    };
    paused(&id);
    change(&server, &id, json!({"url": new.url()}));
    wait_until_over(&server, &id);
    assert_eq!(show(&server, &id)["delivery"]["paused_until"], json!(null));
    // The same URL, and the event is refused, not the endpoint.
    let (on, refusing) = switched(500, "");
    let (id, _) = endpoint(&server, &refusing.url(), &["customer.*"]);
    customer(&server, "refused");
    wait_for(
        "refused",
        || deliveries(&server, &id, ""),
        |all| all.first().is_some_and(|one| one["response_status"] == 500),
    );
    on.store(true, Ordering::Relaxed);
    change(&server, &id, json!({"enabled": true}));
    wait_until_over(&server, &id);
    assert_eq!(deliveries(&server, &id, "")[0]["status"], json!("delivered"));
    // Off and on, before anybody looks.
    let (on, busy) = switched(503, "retry-after: 86400\r\n");
    let (id, _) = endpoint(&server, &busy.url(), &["customer.*"]);
    customer(&server, "busy");
    paused(&id);
    on.store(true, Ordering::Relaxed);
    change(&server, &id, json!({"enabled": false}));
    change(&server, &id, json!({"enabled": true}));
    wait_until_over(&server, &id);
}

#[test]
fn what_somebody_asks_for_is_sent_at_once_or_refused() {
    let server = Server::start_delivering(|options| options.wait_scale = 1_000_000);
    let (on, receiver) = switched(503, "retry-after: 86400\r\n");
    let (id, _) = endpoint(&server, &receiver.url(), &["customer.*"]);
    let path = format!("/v1/webhook-endpoints/{id}");
    let place = server.engine().stats().durable.0.to_string();
    let resend = || {
        let newest = deliveries(&server, &id, "?limit=1")[0]["id"].as_str().unwrap().to_owned();
        server.ask("POST", &format!("{path}/deliveries/{newest}/resend"), "")
    };
    for (name, replays) in [("resent", false), ("replayed", true)] {
        on.store(false, Ordering::Relaxed);
        customer(&server, name);
        let is_paused = |shown: &Value| shown["delivery"]["paused_until"].is_string();
        wait_for("left alone", || show(&server, &id), is_paused);
        on.store(true, Ordering::Relaxed);
        if replays {
            done(&server, "POST", &format!("{path}/replay"), json!({"after": place}));
        } else {
            assert_eq!(resend().status, 202);
        }
        wait_until_over(&server, &id);
    }
    change(&server, &id, json!({"enabled": false}));
    let refused = resend();
    assert_eq!((refused.status, &refused.json["code"]), (409, &json!("invalid_operation")));
    assert_eq!(deliveries(&server, &id, "?status=pending"), Vec::<Value>::new());
}

#[test]
fn an_outage_uses_up_no_events_schedule_and_its_end_is_noticed_soon() {
    // Attempts after 5 ms, 0.3 s, 1.8 s, 7.2 s; pauses of 1, 2, 4 … 300 ms.
    let server = Server::start_delivering(|options| options.wait_scale = 1);
    let (on, receiver) = switched(503, "");
    let (id, _) = endpoint(&server, &receiver.url(), &["customer.*"]);
    customer(&server, "only");
    // More than the event's schedule has, and nothing else is pending that would ask.
    receiver.wait_until("asked again and again", |posts| posts.len() >= 14);
    let pending = deliveries(&server, &id, "?status=pending");
    assert_eq!(pending.len(), 1, "it is not given up");
    on.store(true, Ordering::Relaxed);
    let since = Instant::now();
    wait_until_over(&server, &id);
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
    let all = deliveries(&server, &id, "");
    assert_eq!(all[0]["status"], json!("delivered"));
    assert!(all[0]["attempts"].as_u64().unwrap() < 9, "{all:?}");
    assert_eq!(show(&server, &id)["delivery"]["failures"], json!(0));
}

#[test]
fn a_connection_that_died_silently_costs_no_attempt() {
    let server = Server::start_delivering(|options| options.timeout_s = 1);
    // The second post comes over the first one's connection, and nobody hears it.
    let receiver = Receiver::answering(|number, _| (number != 1).then_some((200, "")));
    let (id, _) = endpoint(&server, &receiver.url(), &["customer.*"]);
    customer(&server, "first");
    wait_for("taken", || deliveries(&server, &id, "?status=delivered"), |all| all.len() == 1);
    customer(&server, "second");
    let all = wait_for("both", || deliveries(&server, &id, "?status=delivered"), |all| all.len() == 2);
    assert_eq!((&all[0]["attempts"], receiver.count()), (&json!(1), 3));
    let metrics = server.ask("GET", "/metrics", "").text;
    assert!(metrics.contains("coffer_webhook_deliveries_total{outcome=\"no_answer\"} 0"), "{metrics}");
}

#[test]
fn an_event_is_taken_by_the_status_however_slow_the_rest_of_the_answer_is() {
    let server = Server::start_delivering(|options| options.timeout_s = 1);
    // Pieces are announced, and none comes.
    let receiver = Receiver::answering(|_, _| Some((200, "transfer-encoding: chunked\r\n")));
    let (id, _) = endpoint(&server, &receiver.url(), &["customer.*"]);
    customer(&server, "first");
    let all = wait_for(
        "tried",
        || deliveries(&server, &id, ""),
        |all| all.first().is_some_and(|one| one["attempts"] != 0),
    );
    assert_eq!((&all[0]["status"], &all[0]["response_status"]), (&json!("delivered"), &json!(200)));
}

/// A clock that is an hour behind.
struct Behind(Arc<dyn Clock>);

impl Clock for Behind {
    fn now_ns(&self) -> u64 {
        self.0.now_ns() - HOUR_S * 1_000_000_000
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.monotonic_ns()
    }
}

#[test]
fn posts_are_signed_at_the_machines_time_and_waits_end_where_it_is_behind_the_log() {
    let mut server = Server::start();
    customer(&server, "before");
    let clock = Arc::new(Behind(Env::os().clock));
    let wall_s = || clock.now_ns() / 1_000_000_000;
    server.restart_delivering(&Env { clock: clock.clone(), ..Env::os() });
    let receiver = Receiver::answering(|number, _| Some((if number < 3 { 503 } else { 200 }, "")));
    let (id, secret) = endpoint(&server, &receiver.url(), &["customer.*"]);
    customer(&server, "after");
    let posts = first_of(&receiver, 4);
    wait_until_over(&server, &id);
    for post in &posts {
        let signed_at: u64 = header(post, "webhook-timestamp").parse().unwrap();
        assert!(wall_s().abs_diff(signed_at) < 60, "{signed_at}");
        assert_eq!(header(post, "webhook-signature"), signature(&secret, post));
    }
}

#[test]
fn a_second_exchange_of_secrets_takes_no_overlap_away() {
    let server = Server::start_delivering(|_| {});
    let (id, _) = endpoint(&server, &Receiver::taking().url(), &[]);
    let path = format!("/v1/webhook-endpoints/{id}/rotate-secret");
    let first = done(&server, "POST", &path, json!({"overlap_s": 1}));
    let again = server.ask("POST", &path, "{}");
    assert_eq!((again.status, &again.json["code"]), (409, &json!("invalid_operation")), "{}", again.text);
    assert_eq!(show(&server, &id)["previous_secret_until"], first["previous_secret_until"]);
    // Who gives the overlap up may, and who waits for its end.
    let none = done(&server, "POST", &path, json!({"overlap_s": 0}));
    assert_eq!(none["previous_secret_until"], json!(null));
    done(&server, "POST", &path, json!({"overlap_s": 1}));
    std::thread::sleep(Duration::from_millis(1_100));
    done(&server, "POST", &path, json!({}));
}

#[test]
fn what_fails_together_is_one_failure() {
    let server = Server::start_delivering(|options| options.wait_scale = 1_000_000);
    let receiver = slow(503);
    let place = server.engine().stats().durable.0.to_string();
    for number in 0..8 {
        customer(&server, &format!("c{number}"));
    }
    let (id, _) = endpoint(&server, &receiver.url(), &["customer.*"]);
    done(&server, "POST", &format!("/v1/webhook-endpoints/{id}/replay"), json!({"after": place}));
    let all = wait_for(
        "all were refused",
        || deliveries(&server, &id, ""),
        |all| all.len() == 8 && all.iter().all(|one| one["response_status"] == 503),
    );
    assert!(all.iter().all(|one| one["attempts"] == 1), "{all:?}");
    assert_eq!(show(&server, &id)["delivery"]["failures"], json!(1));
}
