//! Webhooks: what is posted and how it is signed, in which order, and what becomes of an endpoint that does not take it.

#![expect(clippy::disallowed_methods, reason = "patience is measured in real time, as receivers do")]

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use crate::receiver::{Post, Receiver};
use crate::sse::Sse;
use crate::support::Server;

pub(crate) fn done(server: &Server, method: &str, path: &str, body: Value) -> Value {
    let answer = server.ask(method, path, &body.to_string());
    assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
    answer.json
}

/// A new endpoint for these types; its id and secret.
pub(crate) fn endpoint(server: &Server, url: &str, events: &[&str]) -> (String, String) {
    let made = done(server, "POST", "/v1/webhook-endpoints", json!({"url": url, "events": events}));
    (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
}

pub(crate) fn debit(server: &Server, customer: &str) {
    done(server, "POST", &format!("/v1/customers/{customer}/debits"), json!({"credits": "1"}));
}

/// The first so many that came.
pub(crate) fn first_of(receiver: &Receiver, count: usize) -> Vec<Post> {
    receiver.wait_until(&format!("{count} posts"), |posts| posts.len() >= count)
}

pub(crate) fn header<'a>(post: &'a Post, name: &str) -> &'a str {
    let is_it = |line: &&str| line.split_once(':').is_some_and(|(given, _)| given.eq_ignore_ascii_case(name));
    let found = post.head.lines().find(is_it).unwrap_or_else(|| panic!("{name} in {}", post.head));
    found.split_once(':').unwrap().1.trim()
}

pub(crate) fn deliveries(server: &Server, id: &str, query: &str) -> Vec<Value> {
    let found = done(server, "GET", &format!("/v1/webhook-endpoints/{id}/deliveries{query}"), json!({}));
    found["items"].as_array().unwrap().clone()
}

/// Asks until the answer is what is waited for.
pub(crate) fn wait_for<T: std::fmt::Debug>(what: &str, ask: impl Fn() -> T, is_it: impl Fn(&T) -> bool) -> T {
    let start = Instant::now();
    loop {
        let answer = ask();
        if is_it(&answer) {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{what}: {answer:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn signature(secret: &str, post: &Post) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signed =
        format!("{}.{}.{}", header(post, "webhook-id"), header(post, "webhook-timestamp"), post.body);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

pub(crate) fn after_of(posts: &[Post], customer: &str) -> Vec<String> {
    let of = posts.iter().map(Post::json).filter(|event| event["customer_id"] == customer);
    of.map(|event| event["data"]["credit_balance_after"].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn events_are_posted_signed_in_order_to_who_asked_for_them() {
    let server = Server::start_delivering(|_| {});
    let (all, rows) = (Receiver::taking(), Receiver::taking());
    server.wallet("before", "1");
    let (id, secret) = endpoint(&server, &all.url(), &[]);
    endpoint(&server, &rows.url(), &["wallet.transaction.*"]);
    for customer in ["acme", "other"] {
        server.wallet(customer, "50");
    }
    for _ in 0..5 {
        debit(&server, "acme");
        debit(&server, "other");
    }
    let posts = first_of(&all, 16);
    assert!(posts.iter().all(|post| post.json()["customer_id"] != "before"), "from its making on");
    let first = &posts[0];
    let event = first.json();
    assert!(first.head.starts_with("POST /hook?of=test HTTP/1.1"), "{}", first.head);
    assert_eq!(header(first, "content-type"), "application/json");
    assert_eq!(header(first, "webhook-id"), event["id"]);
    for post in &posts {
        assert_eq!(header(post, "webhook-signature"), signature(&secret, post));
        assert!(post.body.len() < 20_000);
    }
    let of_acme: Vec<_> =
        posts.iter().map(Post::json).filter(|event| event["customer_id"] == "acme").collect();
    let types: Vec<_> = of_acme.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        types[..4],
        ["customer.created", "wallet.created", "wallet.transaction.created", "wallet.transaction.created"]
    );
    let posts = first_of(&rows, 12);
    for customer in ["acme", "other"] {
        assert_eq!(after_of(&posts, customer), ["50", "49", "48", "47", "46", "45"]);
    }
    // The same events as a stream tells, byte for byte.
    let mut stream = Sse::open(&server.address.to_string(), &server.key, "/v1/stream", Some("0"));
    let told: Vec<_> = std::iter::from_fn(|| stream.next()).take(19).map(|came| came.data).collect();
    assert!(all.wait_until("all of them", |_| true).iter().all(|post| told.contains(&post.json())));
    let shown = wait_for(
        "the endpoint is level",
        || done(&server, "GET", &format!("/v1/webhook-endpoints/{id}"), json!({})),
        |shown| shown["delivery"]["pending"] == 0 && shown["delivery"]["lag_records"] == 0,
    );
    assert_eq!((&shown["status"], &shown["secret"]), (&json!("enabled"), &json!(null)));
    let metrics = server.ask("GET", "/metrics", "").text;
    assert!(metrics.contains("coffer_webhook_deliveries_total{outcome=\"delivered\"} 28"), "{metrics}");
}

#[test]
fn one_event_that_is_refused_holds_up_only_its_own_customer() {
    let server = Server::start_delivering(|options| options.wait_scale = 1);
    // acme's first row is refused three times.
    let receiver = Receiver::answering(|_, post| {
        let event = post.json();
        let is_first = event["customer_id"] == "acme" && event["data"]["credit_balance_after"] == "49";
        static REFUSED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let refuse = is_first && REFUSED.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 3;
        Some((if refuse { 500 } else { 204 }, ""))
    });
    server.wallet("acme", "50");
    server.wallet("other", "50");
    let (id, _) = endpoint(&server, &receiver.url(), &["wallet.transaction.created"]);
    for _ in 0..3 {
        debit(&server, "acme");
    }
    for _ in 0..10 {
        debit(&server, "other");
    }
    let posts = receiver.wait_until("other's are all there", |posts| after_of(posts, "other").len() == 10);
    assert_eq!(after_of(&posts, "other").last().unwrap(), "40");
    assert!(after_of(&posts, "acme").iter().all(|after| after == "49"), "acme's wait for the first");
    let posts = receiver.wait_until("acme's are all there", |posts| after_of(posts, "acme").len() == 6);
    assert_eq!(after_of(&posts, "acme"), ["49", "49", "49", "49", "48", "47"]);
    let ids: Vec<_> = posts
        .iter()
        .filter(|post| after_of(std::slice::from_ref(post), "acme") == ["49"])
        .map(Post::id)
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "an event keeps its id over attempts");
    let times: Vec<_> = posts.iter().filter(|post| post.id() == ids[0]).map(|post| post.at).collect();
    let waits: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits.iter().zip([5, 300, 1_800]) {
        assert!(*wait >= Duration::from_millis(least), "{waits:?}");
    }
    let all = wait_for("settled", || deliveries(&server, &id, "?status=delivered"), |all| all.len() == 13);
    let first = all.last().unwrap();
    assert_eq!(
        (&first["attempts"], &first["response_status"], &first["event_id"]),
        (&json!(4), &json!(204), &json!(ids[0]))
    );
}

#[test]
fn an_endpoint_that_hangs_delays_nobody_else_and_redirects_are_not_followed() {
    let server = Server::start_delivering(|options| options.timeout_s = 1);
    let (hanging, well) = (Receiver::answering(|_, _| None), Receiver::taking());
    let elsewhere = Receiver::taking();
    let location: &'static str = Box::leak(format!("location: {}\r\n", elsewhere.url()).into_boxed_str());
    let redirecting = Receiver::answering(move |_, _| Some((307, location)));
    let (hung, _) = endpoint(&server, &hanging.url(), &[]);
    let (redirected, _) = endpoint(&server, &redirecting.url(), &[]);
    endpoint(&server, &well.url(), &[]);
    server.wallet("acme", "50");
    first_of(&hanging, 1);
    let start = Instant::now();
    for _ in 0..20 {
        debit(&server, "acme");
    }
    first_of(&well, 23);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let of_hung = wait_for(
        "timed out",
        || deliveries(&server, &hung, ""),
        |all| all.last().unwrap()["attempts"].as_u64() > Some(0),
    );
    let first = of_hung.last().unwrap();
    assert!(first["error"].as_str().unwrap().contains("no answer in 1 s"), "{first}");
    assert_eq!((&first["status"], &first["response_status"]), (&json!("pending"), &json!(null)));
    let of_redirected = wait_for(
        "refused",
        || deliveries(&server, &redirected, ""),
        |all| all.last().unwrap()["attempts"].as_u64() > Some(0),
    );
    assert!(of_redirected.last().unwrap()["error"].as_str().unwrap().contains("redirects are not followed"));
    assert_eq!(elsewhere.count(), 0);
    let shown = done(&server, "GET", &format!("/v1/webhook-endpoints/{hung}"), json!({}));
    assert!(
        shown["delivery"]["failures"].as_u64() > Some(0) && shown["delivery"]["failing_since"].is_string()
    );
}

#[test]
fn an_endpoint_that_is_gone_or_fails_for_long_is_disabled_with_an_event_and_goes_on_when_enabled() {
    let server = Server::start_delivering(|options| options.disable_after = Duration::from_millis(300));
    let mut stream = Sse::open(&server.address.to_string(), &server.key, "/v1/stream?types=webhook.*", None);
    let watching = Receiver::taking();
    endpoint(&server, &watching.url(), &["webhook.*"]);
    let gone = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_gone = std::sync::Arc::clone(&gone);
    let receiver = Receiver::answering(move |_, _| {
        Some((if is_gone.load(std::sync::atomic::Ordering::Relaxed) { 410 } else { 200 }, ""))
    });
    let (id, _) = endpoint(&server, &receiver.url(), &["wallet.transaction.created"]);
    server.wallet("acme", "50");
    let came = stream.next().unwrap();
    assert_eq!((&*came.kind, &came.data["data"]["reason"]), ("webhook.endpoint.disabled", &json!("gone")));
    assert_eq!((&came.data["data"]["endpoint_id"], &came.data["customer_id"]), (&json!(id), &json!(null)));
    assert_eq!(first_of(&watching, 1)[0].json(), came.data);
    let shown = done(&server, "GET", &format!("/v1/webhook-endpoints/{id}"), json!({}));
    assert_eq!((&shown["status"], &shown["disabled_reason"]), (&json!("disabled"), &json!("gone")));
    debit(&server, "acme");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(receiver.count(), 1, "nothing more is sent");
    gone.store(false, std::sync::atomic::Ordering::Relaxed);
    done(&server, "PUT", &format!("/v1/webhook-endpoints/{id}"), json!({"enabled": true}));
    let posts = first_of(&receiver, 3);
    assert_eq!(after_of(&posts, "acme"), ["50", "50", "49"], "nothing of the time between is lost");
    // And one that only ever fails.
    let failing = Receiver::answering(|_, _| Some((500, "")));
    let (id, _) = endpoint(&server, &failing.url(), &["wallet.updated"]);
    let wallets = done(&server, "GET", "/v1/customers/acme/wallets", json!({}));
    let wallet = wallets[0]["id"].as_str().unwrap().to_owned();
    done(&server, "PUT", &format!("/v1/wallets/{wallet}"), json!({"name": "one"}));
    let came = stream.next().unwrap();
    assert_eq!(
        (&came.data["data"]["reason"], &came.data["data"]["endpoint_id"]),
        (&json!("failing"), &json!(id))
    );
}

#[test]
fn an_endpoint_that_is_busy_is_left_alone_until_it_says_and_then_gets_everything() {
    let server = Server::start_delivering(|_| {});
    let receiver =
        Receiver::answering(
            |number, _| {
                if number == 0 { Some((503, "retry-after: 1\r\n")) } else { Some((200, "")) }
            },
        );
    let (id, _) = endpoint(&server, &receiver.url(), &["wallet.transaction.created"]);
    server.wallet("a", "5");
    let path = format!("/v1/webhook-endpoints/{id}");
    let show = || done(&server, "GET", &path, json!({}));
    wait_for("it is left alone", show, |shown| shown["delivery"]["paused_until"].is_string());
    server.wallet("b", "5");
    server.wallet("c", "5");
    let posts = first_of(&receiver, 4);
    assert!(posts[1].at - posts[0].at >= Duration::from_secs(1), "all wait, the other customers' too");
    assert!(posts[3].at - posts[1].at < Duration::from_secs(2), "and then none waits for a schedule");
}

#[test]
fn private_addresses_are_refused_after_the_name_is_resolved() {
    let server = Server::start_delivering(|options| options.allow_private_addresses = false);
    let receiver = Receiver::taking();
    let refused = server.ask("POST", "/v1/webhook-endpoints", &json!({"url": receiver.url()}).to_string());
    assert_eq!(refused.status, 400, "{}", refused.text);
    // A name says nothing of its address.
    let (id, _) = endpoint(&server, &format!("http://localhost:{}/", receiver.address.port()), &[]);
    server.wallet("acme", "5");
    let all = wait_for(
        "refused",
        || deliveries(&server, &id, ""),
        |all| all.last().is_some_and(|first| first["attempts"].as_u64() > Some(1)),
    );
    assert!(all.last().unwrap()["error"].as_str().unwrap().contains("is not sent to"), "{all:?}");
    assert_eq!(receiver.count(), 0);
    let metrics = server.ask("GET", "/metrics", "").text;
    assert!(!metrics.contains("coffer_webhook_deliveries_total{outcome=\"address_refused\"} 0"), "{metrics}");
}

#[test]
fn a_secret_is_shown_once_and_both_sign_while_it_is_exchanged() {
    let server = Server::start_delivering(|_| {});
    let receiver = Receiver::taking();
    let body = json!({"url": receiver.url(), "events": ["wallet.created"]}).to_string();
    let made = server.ask_keyed("k1", "POST", "/v1/webhook-endpoints", &body);
    let (id, old) = (made.json["id"].as_str().unwrap(), made.json["secret"].as_str().unwrap());
    let again = server.ask_keyed("k1", "POST", "/v1/webhook-endpoints", &body);
    assert_eq!((&again.json["id"], &again.json["secret"]), (&json!(id), &json!(null)));
    let rotated =
        done(&server, "POST", &format!("/v1/webhook-endpoints/{id}/rotate-secret"), json!({"overlap_s": 2}));
    let new = rotated["secret"].as_str().unwrap();
    assert!(new != old && rotated["previous_secret_until"].is_string());
    server.wallet("acme", "0");
    let both = &first_of(&receiver, 1)[0];
    assert_eq!(
        header(both, "webhook-signature"),
        format!("{} {}", signature(new, both), signature(old, both))
    );
    std::thread::sleep(Duration::from_millis(2_100));
    server.wallet("other", "0");
    let one = &first_of(&receiver, 2)[1];
    assert_eq!(header(one, "webhook-signature"), signature(new, one));
    let listed = server.ask("GET", "/v1/webhook-endpoints", "").text;
    let dry = server.ask("POST", "/v1/webhook-endpoints?dry_run=true", &body);
    assert_eq!((&dry.json["id"], &dry.json["secret"]), (&json!(null), &json!(null)));
    assert!(!listed.contains(new) && !listed.contains(old) && !listed.contains("whsec_"));
}

#[test]
fn a_replay_sends_everything_after_a_place_again_and_a_resend_one() {
    let server = Server::start_delivering(|_| {});
    let receiver = Receiver::taking();
    server.wallet("acme", "50");
    let place = server.engine().stats().durable.0.to_string();
    debit(&server, "acme");
    let (id, _) = endpoint(&server, &receiver.url(), &["wallet.transaction.created"]);
    debit(&server, "acme");
    debit(&server, "acme");
    assert_eq!(after_of(&first_of(&receiver, 2), "acme"), ["48", "47"]);
    let path = format!("/v1/webhook-endpoints/{id}");
    done(&server, "POST", &format!("{path}/replay"), json!({"after": place}));
    assert_eq!(
        after_of(&first_of(&receiver, 5)[2..], "acme"),
        ["49", "48", "47"],
        "what was before it was made, too"
    );
    let newest = deliveries(&server, &id, "?limit=1")[0].clone();
    done(&server, "POST", &format!("{path}/deliveries/{}/resend", newest["id"].as_str().unwrap()), json!({}));
    assert_eq!(json!(first_of(&receiver, 6)[5].id()), newest["event_id"]);
    wait_for("over", || deliveries(&server, &id, "?status=pending"), Vec::is_empty);
    assert_eq!(deliveries(&server, &id, "?limit=1")[0]["resent"], json!(true));
    // Pages of two make the whole.
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let query = format!("{path}/deliveries?limit=2{cursor}");
        let page = done(&server, "GET", &query, json!({}));
        pages.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["pagination"]["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(pages, deliveries(&server, &id, ""));
    for (method, path, body, status) in [
        ("POST", format!("{path}/replay"), json!({"after": "99999"}), 400),
        ("POST", format!("{path}/replay"), json!({"after": "yesterday"}), 400),
        ("POST", format!("{path}/deliveries/99999/resend"), json!({}), 404),
        ("GET", format!("{path}/deliveries?status=lost"), json!({}), 400),
        ("POST", "/v1/webhook-endpoints".to_owned(), json!({"url": "ftp://x.example"}), 400),
        (
            "POST",
            "/v1/webhook-endpoints".to_owned(),
            json!({"url": receiver.url(), "events": ["nothing.*"]}),
            400,
        ),
        ("POST", format!("{path}/rotate-secret"), json!({"overlap_s": 999_999}), 400),
        ("GET", "/v1/webhook-endpoints/we_1".to_owned(), json!({}), 404),
    ] {
        assert_eq!(server.ask(method, &path, &body.to_string()).status, status, "{method} {path} {body}");
    }
    done(&server, "POST", &format!("{path}/replay"), json!({"after": "now"}));
    debit(&server, "acme");
    assert_eq!(after_of(&first_of(&receiver, 7)[6..], "acme"), ["46"]);
    assert_eq!(server.ask("DELETE", &path, "").status, 204);
    debit(&server, "acme");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(receiver.count(), 7, "a removed endpoint gets nothing");
}

#[test]
fn endpoints_are_the_tenants_own_and_limited() {
    let server = Server::start_delivering(|_| {});
    let receiver = Receiver::taking();
    let (id, _) = endpoint(&server, &receiver.url(), &[]);
    let made = done(&server, "POST", "/v1/tenants", json!({"name": "second"}));
    let second = made["key"]["key"].as_str().or(made["key"].as_str()).unwrap().to_owned();
    for path in [format!("/v1/webhook-endpoints/{id}"), format!("/v1/webhook-endpoints/{id}/deliveries")] {
        assert_eq!(server.ask_as(&second, "GET", &path, "").status, 404, "{path}");
    }
    let wallet = json!({"customer_id": "theirs", "currency": "usd"}).to_string();
    assert_eq!(server.ask_as(&second, "POST", "/v1/wallets", &wallet).status, 200);
    server.wallet("ours", "0");
    let posts = first_of(&receiver, 2);
    assert!(posts.iter().all(|post| post.json()["customer_id"] == "ours"));
    for _ in 1..16 {
        endpoint(&server, &receiver.url(), &["hold.*"]);
    }
    let full = server.ask("POST", "/v1/webhook-endpoints", &json!({"url": receiver.url()}).to_string());
    assert_eq!((full.status, &full.json["details"]["limit"]), (422, &json!("webhook_endpoints_max")));
}
