//! A subscription of which its maker's name is known, ended more than once (SEMANTICS §9, §13): the name is free again, the key is not.

use std::sync::Barrier;

use serde_json::json;

use crate::support::{Answer, Server};

fn enrol(server: &Server, name: &str, customer: &str) {
    let body = json!({"id": name, "customer_id": customer, "plan_id": "starter"}).to_string();
    let made = server.ask("POST", "/v1/subscriptions", &body);
    assert_eq!(made.status, 201, "{}", made.text);
}

fn assert_replays(again: &Answer, first: &Answer) {
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{}", again.text);
}

#[test]
fn the_end_of_a_subscription_is_answered_again_when_its_name_is_free_and_when_it_is_anothers() {
    let mut server = Server::start();
    let path = "/v1/subscriptions/sub_1";
    enrol(&server, "sub_1", "acme");
    let first = server.ask_keyed("k", "DELETE", path, "");
    assert_eq!((first.status, &first.json["status"]), (200, &json!("cancelled")), "{}", first.text);
    let check = |server: &Server| {
        assert_replays(&server.ask_keyed("k", "DELETE", path, ""), &first);
        assert_replays(&server.ask("DELETE", path, r#"{"idempotency_key":"k"}"#), &first);
        let other = server.ask_keyed("k", "DELETE", &format!("{path}?void_remaining=true"), "");
        assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"), "{}", other.text);
    };
    check(&server);
    for key in ["other", "\"other\""] {
        let gone = server.ask_keyed(key, "DELETE", path, "");
        assert_eq!((gone.status, gone.code()), (404, "not_found"), "{}", gone.text);
    }
    server.restart();
    check(&server);
    server.wait_for(server.engine().take_snapshot()).unwrap();
    server.restart();
    check(&server);
    enrol(&server, "sub_1", "bolt");
    for restarted in [false, true] {
        if restarted {
            server.restart();
        }
        check(&server);
        assert_eq!(server.ask("GET", path, "").json["customer_id"], "bolt", "it stays");
    }
    let bound = server.new_key(&["write"], Some("bolt"));
    let headers = [("x-api-key", &*bound), ("idempotency-key", "k")];
    let hidden = server.connect().ask("DELETE", path, &headers, "");
    assert_eq!((hidden.status, hidden.code()), (404, "not_found"), "{}", hidden.text);
    let second = server.ask_keyed("k2", "DELETE", path, "");
    assert_eq!((second.status, &second.json["customer_id"]), (200, &json!("bolt")), "{}", second.text);
    check(&server);
    assert_replays(&server.ask_keyed("k2", "DELETE", path, ""), &second);
}

#[test]
fn a_subscription_that_is_ended_twice_at_once_is_ended_once_and_both_are_told_the_same() {
    let server = Server::start();
    let begin = Barrier::new(4);
    for round in 0..20 {
        let (name, key) = (format!("sub-{round}"), format!("k{round}"));
        enrol(&server, &name, "acme");
        let path = format!("/v1/subscriptions/{name}");
        let answers: Vec<_> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        begin.wait();
                        server.ask_keyed(&key, "DELETE", &path, "")
                    })
                })
                .collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        let replays = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_some()).count();
        assert_eq!(replays, 3, "{answers:?}");
        assert!(answers.iter().all(|answer| (answer.status, &answer.text) == (200, &answers[0].text)));
    }
}
