//! Requests that say only what changes, beside others and again (SEMANTICS §9): a repeat is the same request whatever happened since, two at
//! once lose nothing of each other, and what is left out is the tenant's when it is decided.

use std::sync::Barrier;

use coffer::engine::{Operation, Target, TenantOperation};
use coffer_ledger::catalog::tenant::{Settings, TenantCommand};
use coffer_ledger::command::{Command, CreateWallet, Origin};
use coffer_ledger::customer::Profile;
use coffer_ledger::unit::Currency;
use serde_json::{Value, json};

use crate::support::{Answer, FIRST, Server};

/// What is put in a round.
type Change = fn(usize) -> Value;

fn assert_replays(again: &Answer, first: &Answer) {
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{}", again.text);
}

fn assert_reused(answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (422, "idempotency_key_reused"), "{}", answer.text);
}

fn put(server: &Server, path: &str, body: Value) -> Answer {
    let answer = server.ask("PUT", path, &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

#[test]
fn a_change_of_a_customer_is_answered_again_after_another_one() {
    let mut server = Server::start();
    let made = server.ask("POST", "/v1/customers", r#"{"external_id":"acme","contact":"Ada"}"#);
    assert_eq!(made.status, 201, "{}", made.text);
    let (path, body) =
        ("/v1/customers/acme", r#"{"name":"Acme","address_city":"Paris","metadata":{"a":"1"}}"#);
    let first = server.ask_keyed("k", "PUT", path, body);
    assert_eq!((first.status, &first.json["contact"]), (200, &json!("Ada")), "{}", first.text);
    let other = json!({"email": "a@acme.test", "address_city": "Rome", "metadata": {"b": "2"}});
    put(&server, path, other);
    for restarted in [false, true] {
        if restarted {
            server.restart();
        }
        assert_replays(&server.ask_keyed("k", "PUT", path, body), &first);
        assert_replays(&server.ask_keyed("k", "PUT", "/v1/customers?id=acme", body), &first);
        assert_reused(&server.ask_keyed("k", "PUT", path, &body.replace("Paris", "Rome")));
        assert_reused(&server.ask_keyed("k", "PUT", path, r#"{"name":"Acme"}"#));
    }
    let shown = server.ask("GET", path, "").json;
    let fields = ["name", "email", "contact", "address_city"].map(|field| shown[field].clone());
    assert_eq!(fields, ["Acme", "a@acme.test", "Ada", "Rome"].map(Value::from));
    assert_eq!(shown["metadata"], json!({"b": "2"}));
    assert_eq!(server.ask("DELETE", path, "").status, 204);
    assert_replays(&server.ask_keyed("k", "PUT", path, body), &first);
    let gone = server.ask("PUT", path, body);
    assert_eq!((gone.status, gone.code()), (404, "not_found"), "{}", gone.text);
}

#[test]
fn a_change_of_settings_is_answered_again_after_another_one() {
    let mut server = Server::start();
    let (path, body) = ("/v1/settings", r#"{"time_zone":"Asia/Tokyo","default_priorities":{"refund":3}}"#);
    let first = server.ask_keyed("k", "PUT", path, body);
    assert_eq!((first.status, &first.json["time_zone"]), (200, &json!("Asia/Tokyo")), "{}", first.text);
    let others = json!({"auto_complete": true, "time_zone": null, "default_priorities": {"purchased": 9}});
    put(&server, path, others);
    for restarted in [false, true] {
        if restarted {
            server.restart();
        }
        assert_replays(&server.ask_keyed("k", "PUT", path, body), &first);
        assert_reused(&server.ask_keyed("k", "PUT", path, r#"{"time_zone":"Asia/Tokyo"}"#));
    }
    let shown = server.ask("GET", path, "").json;
    assert_eq!((&shown["time_zone"], &shown["auto_complete"]), (&Value::Null, &json!(true)));
    let priorities = &shown["default_priorities"];
    assert_eq!((&priorities["refund"], &priorities["purchased"]), (&json!(3), &json!(9)));
    let tried = server.ask("PUT", "/v1/settings?dry_run=true", r#"{"default_priorities":null}"#).json;
    assert_eq!((&tried["default_priorities"]["refund"], &tried["auto_complete"]), (&json!(50), &json!(true)));
    assert_eq!(server.ask("GET", path, "").json, shown);
}

#[test]
fn a_wallet_in_the_tenants_currency_is_answered_again_after_that_changed() {
    let mut server = Server::start();
    let body = r#"{"customer_id":"acme","initial_credits_to_load":5}"#;
    let early = server.ask_keyed("k", "POST", "/v1/wallets", body);
    assert_eq!((early.status, early.code()), (400, "validation_error"), "{}", early.text);
    assert!(
        early.text.contains("currency: missing, and the tenant has no default_currency"),
        "{}",
        early.text
    );
    assert_eq!(server.ask("GET", "/v1/customers/acme", "").status, 404, "nobody is made");
    put(&server, "/v1/settings", json!({"default_currency": "eur"}));
    let first = server.ask_keyed("k", "POST", "/v1/wallets", body);
    assert_eq!((first.status, &first.json["currency"]), (200, &json!("eur")), "{}", first.text);
    for default in [json!("usd"), Value::Null] {
        put(&server, "/v1/settings", json!({"default_currency": default}));
        assert_replays(&server.ask_keyed("k", "POST", "/v1/wallets", body), &first);
    }
    server.restart();
    assert_replays(&server.ask_keyed("k", "POST", "/v1/wallets", body), &first);
    assert_reused(&server.ask_keyed("k", "POST", "/v1/wallets", &body.replace('5', "6")));
    assert_eq!(server.posted("acme"), "5");
}

/// What builds before version 4 of the codec wrote down: what a request came to.
#[test]
fn a_request_that_was_written_down_whole_is_answered_again() {
    let server = Server::start();
    let submit = |target: &'static str, command| {
        let operation = Operation::new(command).with_key("k");
        server.wait_for(server.engine().submit(FIRST, Target::NewCustomer(target), operation)).unwrap();
    };
    put(&server, "/v1/settings", json!({"default_currency": "eur"}));
    submit("acme", Command::CreateWallet(CreateWallet::new("acme", Currency(*b"eur"))));
    let [name, email] = ["Bolt", "b@bolt.test"].map(|text| Some(text.into()));
    let made = server.ask("POST", "/v1/customers", r#"{"external_id":"bolt"}"#);
    assert_eq!(made.status, 201, "{}", made.text);
    submit("bolt", Command::UpdateCustomer { profile: Profile { name, email, ..Profile::default() } });
    let settings = Settings { time_zone: Some("Asia/Tokyo".into()), ..Settings::default() };
    let origin = Origin { by: None, idempotency_key: Some("k".into()) };
    let set = TenantOperation::new(TenantCommand::SetSettings(settings), origin);
    server.wait_for(server.engine().submit_tenant(FIRST, set)).unwrap();
    put(&server, "/v1/settings", json!({"default_currency": "eur"}));
    for (method, path, same, other) in [
        ("PUT", "/v1/customers/bolt", r#"{"name":"Bolt"}"#, r#"{"name":"Nut"}"#),
        ("PUT", "/v1/settings", r#"{"time_zone":"Asia/Tokyo"}"#, r#"{"time_zone":"Asia/Seoul"}"#),
        ("POST", "/v1/wallets", r#"{"customer_id":"acme"}"#, r#"{"customer_id":"acme","priority":7}"#),
    ] {
        let again = server.ask_keyed("k", method, path, same);
        assert_eq!(
            (again.status, again.header("idempotency-replayed")),
            (200, Some("true")),
            "{}",
            again.text
        );
        assert_reused(&server.ask_keyed("k", method, path, other));
    }
    // What is left out is what it was then, and saying so is the same request.
    put(&server, "/v1/settings", json!({"default_currency": "usd"}));
    let ask = |key, body: &str| server.ask_keyed(key, "POST", "/v1/wallets", body);
    for same in [r#"{"customer_id":"acme"}"#, r#"{"customer_id":"acme","currency":"eur"}"#] {
        assert_eq!(ask("k", same).header("idempotency-replayed"), Some("true"), "{same}");
    }
    assert_reused(&ask("k", r#"{"customer_id":"acme","currency":"usd"}"#));
    let first = ask("l", r#"{"customer_id":"nut"}"#);
    put(&server, "/v1/settings", json!({"default_currency": "eur"}));
    for same in [r#"{"customer_id":"nut"}"#, r#"{"customer_id":"nut","currency":"usd"}"#] {
        assert_replays(&ask("l", same), &first);
    }
    assert_reused(&ask("l", r#"{"customer_id":"nut","currency":"eur"}"#));
}

#[test]
fn two_changes_at_once_lose_nothing_of_each_other() {
    const ROUNDS: usize = 60;
    const ZONES: [&str; 2] = ["Asia/Tokyo", "Asia/Seoul"];
    let server = Server::start();
    assert_eq!(server.ask("POST", "/v1/customers", r#"{"external_id":"acme"}"#).status, 201);
    let changes: [(&str, Change); 4] = [
        ("/v1/customers/acme", |round| json!({"name": format!("name {round}")})),
        ("/v1/customers/acme", |round| json!({"address_city": format!("city {round}")})),
        ("/v1/settings", |round| json!({"time_zone": ZONES[round % 2]})),
        ("/v1/settings", |round| json!({"default_priorities": {"refund": round}})),
    ];
    let (begin, end) = (Barrier::new(changes.len() + 1), Barrier::new(changes.len() + 1));
    let mut lost = Vec::new();
    std::thread::scope(|scope| {
        for (path, change) in changes {
            let (server, begin, end) = (&server, &begin, &end);
            scope.spawn(move || {
                let mut connection = server.connect();
                for round in 0..ROUNDS {
                    begin.wait();
                    let body = change(round).to_string();
                    connection.ask("PUT", path, &[("x-api-key", &server.key)], &body);
                    end.wait();
                }
            });
        }
        for round in 0..ROUNDS {
            begin.wait();
            end.wait();
            let customer = server.ask("GET", "/v1/customers/acme", "").json;
            let settings = server.ask("GET", "/v1/settings", "").json;
            let refund = settings["default_priorities"]["refund"].clone();
            let found = [&customer["name"], &customer["address_city"], &settings["time_zone"], &refund];
            let city = json!(format!("city {round}"));
            if found != [&json!(format!("name {round}")), &city, &json!(ZONES[round % 2]), &json!(round)] {
                lost.push(round);
            }
        }
    });
    assert!(lost.is_empty(), "rounds {lost:?} lost a change");
}
