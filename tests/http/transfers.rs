//! Transfers (SEMANTICS §15, E17): what is one, what is none, and that retries move nothing twice.

use serde_json::{Value, json};

use crate::support::Server;

const PATH: &str = "/v1/transfers";

fn transfer(from: &str, to: &str, credits: &str) -> String {
    json!({"from_customer_id": from, "to_customer_id": to, "credits": credits}).to_string()
}

#[test]
fn e17_credit_keeps_its_source_and_scope_on_the_way() {
    let server = Server::start();
    let wallet = server.wallet("alice", "20");
    let promo = json!({"transaction_reason": "FREE_CREDIT_GRANT", "credits_to_add": 40,
        "expiry_date_utc": "2099-01-01T00:00:00Z"});
    server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), &promo.to_string());
    let received =
        json!({"customer_id": "bob", "currency": "usd", "config": {"allowed_price_types": ["ALL"]}});
    let received =
        server.ask("POST", "/v1/wallets", &received.to_string()).json["id"].as_str().unwrap().to_owned();
    let sent = server.ask("POST", PATH, &transfer("alice", "bob", "50"));
    assert_eq!(sent.status, 201, "{}", sent.text);
    assert_eq!(sent.json["status"], "completed");
    assert_eq!(
        (&sent.json["from_customer_id"], &sent.json["to_customer_id"]),
        (&json!("alice"), &json!("bob"))
    );
    assert_eq!(
        (&sent.json["from_wallet_id"], &sent.json["to_wallet_id"]),
        (&json!(wallet), &json!(received))
    );
    assert_eq!((server.posted("alice"), server.posted("bob")), ("10".to_owned(), "50".to_owned()));
    let balance = server.ask("GET", "/v1/customers/bob/balance", "").json;
    assert_eq!(balance["by_source"]["promotional"], "40", "{balance}");
    assert_eq!(balance["by_source"]["purchased"], "10", "{balance}");
    assert_eq!(balance["by_price_type"], json!({"USAGE": "50", "FIXED": "10"}), "promo pays no fixed fee");

    let id = sent.json["transfer_id"].as_str().unwrap();
    let shown = server.ask("GET", &format!("{PATH}/{id}"), "");
    assert_eq!(shown.json, sent.json, "{}", shown.text);
}

#[test]
fn one_that_is_sent_fifty_times_at_once_under_one_key_moves_once() {
    let server = Server::start();
    server.wallet("alice", "100");
    server.wallet("bob", "0");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..50)
            .map(|_| scope.spawn(|| server.ask_keyed("once", "POST", PATH, &transfer("alice", "bob", "30"))))
            .collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (201, &answers[0].text));
    }
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count(), 1);
    assert_eq!((server.posted("alice"), server.posted("bob")), ("70".to_owned(), "30".to_owned()));
    let other = server.ask_keyed("once", "POST", PATH, &transfer("alice", "bob", "31"));
    assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"));
}

#[test]
fn lists_show_what_was_sent_by_whom() {
    let server = Server::start();
    let own = server.wallet("alice", "100");
    server.wallet("bob", "100");
    let second = server.wallet("alice", "0");
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.ask("POST", PATH, &transfer("alice", "bob", "1")).json["transfer_id"].clone());
    }
    let inside = json!({"from_customer_id": "alice", "to_customer_id": "alice", "from_wallet_id": own,
        "to_wallet_id": second, "credits": 5});
    let inside = server.ask("POST", PATH, &inside.to_string());
    assert_eq!((inside.status, &inside.json["status"]), (201, &json!("completed")), "{}", inside.text);
    ids.push(inside.json["transfer_id"].clone());
    let back = server.ask("POST", PATH, &transfer("bob", "alice", "2"));
    let of = |query: &str| -> Vec<Value> {
        let listed = server.ask("GET", &format!("{PATH}{query}"), "");
        assert_eq!(listed.status, 200, "{}", listed.text);
        listed.json["items"].as_array().unwrap().iter().map(|item| item["transfer_id"].clone()).collect()
    };
    assert_eq!(of("").len(), 5);
    assert_eq!(of("?customer_id=bob"), [back.json["transfer_id"].clone()]);
    assert_eq!(of("?customer_id=alice&order=asc&status=completed"), ids);
    assert_eq!(of("?status=in_transit"), Vec::<Value>::new());
    assert_eq!(of("?status=returned"), Vec::<Value>::new());
    let first = server.ask("GET", &format!("{PATH}?customer_id=alice&order=asc&limit=3"), "");
    let cursor = first.json["pagination"]["next_cursor"].as_str().unwrap();
    assert_eq!(of(&format!("?customer_id=alice&order=asc&cursor={cursor}")), ids[3..]);
    assert_eq!(server.ask("GET", "/v1/transfers?status=lost", "").code(), "validation_error");
}

#[test]
fn what_cannot_be_sent_is_refused_and_nothing_moves() {
    let server = Server::start();
    let wallet = server.wallet("alice", "10");
    let closed = server.wallet("bob", "0");
    server.ask("POST", &format!("/v1/wallets/{closed}/terminate"), "");
    let frozen = server.wallet("eve", "0");
    assert_eq!(server.ask("POST", &format!("/v1/wallets/{frozen}/freeze"), "").status, 200);
    let euros = json!({"customer_id": "carl", "currency": "eur"}).to_string();
    let euros = server.ask("POST", "/v1/wallets", &euros).json["id"].as_str().unwrap().to_owned();
    server.wallet("dora", "0");
    let to_wallet = |to: &str, wallet: &str| {
        json!({"from_customer_id": "alice", "to_customer_id": to, "to_wallet_id": wallet, "credits": 1})
            .to_string()
    };
    for (body, status, code) in [
        (transfer("alice", "dora", "11"), 402, "insufficient_credits"),
        (transfer("alice", "dora", "0"), 422, "amount_invalid"),
        (transfer("alice", "dora", "-1"), 422, "amount_invalid"),
        (transfer("alice", "dora", "NaN"), 400, "validation_error"),
        (transfer("alice", "dora", "1e12"), 422, "amount_overflow"),
        (transfer("alice", "dora", "1e-16"), 422, "amount_precision"),
        (transfer("nobody", "dora", "1"), 404, "not_found"),
        (transfer("alice", "nobody", "1"), 404, "not_found"),
        (to_wallet("bob", &closed), 409, "wallet_closed"),
        (transfer("alice", "bob", "1"), 409, "wallet_closed"),
        (transfer("alice", "eve", "1"), 409, "wallet_frozen"),
        (to_wallet("carl", &euros), 422, "unit_mismatch"),
        (to_wallet("dora", &euros), 404, "not_found"),
        (to_wallet("alice", &wallet), 402, "insufficient_credits"),
        (
            to_wallet("alice", &wallet)
                .replace("credits", &format!(r#"from_wallet_id":"{wallet}","credits"#)),
            400,
            "validation_error",
        ),
        (to_wallet("dora", "wallet_x"), 400, "validation_error"),
        (transfer("alice", "dora", "1").replace("credits", "amount"), 400, "validation_error"),
    ] {
        let answer = server.ask("POST", PATH, &body);
        assert_eq!((answer.status, answer.code()), (status, code), "{body}: {}", answer.text);
    }
    for id in ["xfer_00000000000000000000000000", "nothing", &wallet.replace("wallet_", "xfer_")] {
        assert_eq!(server.ask("GET", &format!("{PATH}/{id}"), "").status, 404, "{id}");
    }
    let rehearsed = server.ask("POST", &format!("{PATH}?dry_run=true"), &transfer("alice", "dora", "4"));
    assert_eq!((rehearsed.status, &rehearsed.json["transfer_id"]), (201, &Value::Null), "{}", rehearsed.text);
    assert_eq!((server.posted("alice"), server.posted("dora")), ("10".to_owned(), "0".to_owned()));
}

#[test]
fn a_key_that_is_bound_to_a_customer_sends_from_nobody_else_and_another_tenant_sees_nothing() {
    let server = Server::start();
    server.wallet("alice", "10");
    server.wallet("bob", "10");
    let bound = server.new_key(&["read", "write"], Some("bob"));
    let sent = server.ask("POST", PATH, &transfer("alice", "bob", "1"));
    let id = sent.json["transfer_id"].as_str().unwrap();
    assert_eq!(server.ask_as(&bound, "POST", PATH, &transfer("alice", "bob", "1")).status, 404);
    assert_eq!(server.ask_as(&bound, "POST", PATH, &transfer("bob", "alice", "1")).status, 201);
    assert_eq!(server.ask_as(&bound, "GET", &format!("{PATH}/{id}"), "").status, 404);
    assert_eq!(server.ask_as(&bound, "GET", PATH, "").json["pagination"]["total"], 1);
    assert_eq!(server.ask_as(&bound, "GET", &format!("{PATH}?customer_id=alice"), "").status, 404);
    let made = server.ask("POST", "/v1/tenants", r#"{"name":"rival"}"#);
    let rival = made.json["key"]["key"].as_str().unwrap();
    assert_eq!(server.ask_as(rival, "GET", &format!("{PATH}/{id}"), "").status, 404);
    assert_eq!(server.ask_as(rival, "GET", PATH, "").json["pagination"]["total"], 0);
    assert_eq!(server.ask_as(rival, "POST", PATH, &transfer("alice", "bob", "1")).status, 404);
    let reader = server.new_key(&["debit", "read"], None);
    assert_eq!(server.ask_as(&reader, "POST", PATH, &transfer("alice", "bob", "1")).status, 403);
    assert_eq!((server.posted("alice"), server.posted("bob")), ("10".to_owned(), "10".to_owned()));
}
