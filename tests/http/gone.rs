//! A key that comes again when what it was about has gone (SEMANTICS §9): a deletion frees a name, not the keys used under it.

use serde_json::json;

use crate::support::{Answer, Server};

fn delete(server: &Server, customer: &str, wallet: &str) {
    let closed = server.ask("POST", &format!("/v1/wallets/{wallet}/terminate"), r#"{"remainder":"forfeit"}"#);
    assert_eq!(closed.status, 200, "{}", closed.text);
    let deleted = server.ask("DELETE", &format!("/v1/customers/{customer}"), "");
    assert!(matches!(deleted.status, 200 | 204), "{}", deleted.text);
}

fn assert_replays(again: &Answer, first: &Answer) {
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{}", again.text);
}

#[test]
fn a_transfer_is_answered_again_when_its_receiver_is_deleted() {
    let server = Server::start();
    server.wallet("alice", "100");
    let received = server.wallet("bob", "0");
    let body = json!({"from_customer_id": "alice", "to_customer_id": "bob", "credits": "30"}).to_string();
    let first = server.ask_keyed("once", "POST", "/v1/transfers", &body);
    assert_eq!(first.status, 201, "{}", first.text);
    delete(&server, "bob", &received);
    assert_replays(&server.ask_keyed("once", "POST", "/v1/transfers", &body), &first);
    let fresh = server.ask_keyed("another", "POST", "/v1/transfers", &body);
    assert_eq!((fresh.status, fresh.code()), (404, "not_found"), "{}", fresh.text);
    let other = server.ask_keyed("once", "POST", "/v1/transfers", &body.replace("30", "31"));
    assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"), "{}", other.text);
    assert_eq!(server.posted("alice"), "70");
}

#[test]
fn what_made_a_customer_makes_no_second_one_when_it_is_deleted() {
    let mut server = Server::start();
    let wallet = r#"{"customer_id":"acme","currency":"usd","initial_credits_to_load":"50"}"#;
    let event = r#"{"events":[{"customer_id":"fresh","meter":"calls","event_id":"1"}]}"#;
    let made = server.ask_keyed("K1", "POST", "/v1/wallets", wallet);
    assert_eq!(made.status, 200, "{}", made.text);
    let told = server.ask("POST", "/v1/events/batch", event);
    let told = &told.json["results"][0];
    assert_eq!((&told["status"], &told["duplicate"]), (&json!(202), &json!(false)), "{told}");
    delete(&server, "acme", made.json["id"].as_str().unwrap());
    let deleted = server.ask("DELETE", "/v1/customers/fresh", "");
    assert_eq!(deleted.status, 204, "{}", deleted.text);
    for restarted in [false, true] {
        if restarted {
            server.restart();
        }
        assert_replays(&server.ask_keyed("K1", "POST", "/v1/wallets", wallet), &made);
        let again = server.ask("POST", "/v1/events/batch", event);
        assert_eq!(again.json["results"][0]["duplicate"], true, "{}", again.text);
        for gone in ["acme", "fresh"] {
            assert_eq!(server.ask("GET", &format!("/v1/customers/{gone}/balance"), "").status, 404, "{gone}");
        }
    }
    let taken = server.ask_keyed("K2", "POST", "/v1/wallets", wallet);
    assert_eq!((taken.status, taken.header("idempotency-replayed")), (200, None), "{}", taken.text);
    for restarted in [false, true] {
        if restarted {
            server.restart();
        }
        assert_replays(&server.ask_keyed("K1", "POST", "/v1/wallets", wallet), &made);
        assert_replays(&server.ask_keyed("K2", "POST", "/v1/wallets", wallet), &taken);
        assert_eq!(server.posted("acme"), "50");
    }
}

#[test]
fn an_item_of_a_batch_is_answered_again_when_its_customer_is_deleted() {
    let server = Server::start();
    let wallet = server.wallet("acme", "10");
    let body = r#"{"debits":[{"customer_id":"acme","credits":"4"}]}"#;
    let first = server.ask_keyed("k", "POST", "/v1/debits/batch", body);
    assert_eq!(first.json["results"][0]["status"], 200, "{}", first.text);
    delete(&server, "acme", &wallet);
    let again = server.ask_keyed("k", "POST", "/v1/debits/batch", body);
    assert_eq!(again.json["results"][0]["replayed"], true, "{}", again.text);
    assert_eq!(again.json["results"][0]["transaction_id"], first.json["results"][0]["transaction_id"]);
    let fresh = server.ask_keyed("other", "POST", "/v1/debits/batch", body);
    assert_eq!(fresh.json["results"][0]["status"], 404, "{}", fresh.text);
}
