//! A single debit comes past axum's router or, where its customer's name has an escape, through it: the same either way.

use crate::support::{Answer, Connection, Server};

fn debit(connection: &mut Connection, key: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = [&[("x-api-key", key)], headers].concat();
    connection.ask("POST", path, &headers, body)
}

/// The same name, plain and with an escape.
const PLAIN: &str = "/v1/customers/acme/debits";
const ESCAPED: &str = "/v1/customers/a%63me/debits";

#[test]
fn a_debit_and_its_refusals_are_the_same_both_ways() {
    let server = Server::start();
    server.wallet("acme", "10");
    let mut connection = server.connect();
    let key = server.key.as_str();
    let bodies = [
        r#"{"credits":"1","partial":true}"#,
        r#"{"credits":99}"#,
        r#"{"credits":-1}"#,
        r#"{"credits":1,"x":1}"#,
        "{",
        "",
    ];
    for (round, body) in bodies.into_iter().enumerate() {
        let name = format!("key-{round}");
        let keyed = [("idempotency-key", name.as_str())];
        let first = debit(&mut connection, key, PLAIN, &keyed, body);
        let second = debit(&mut connection, key, ESCAPED, &keyed, body);
        assert_eq!((first.status, &first.text), (second.status, &second.text), "{body}");
        let replayed = (round == 0).then_some("true");
        assert_eq!(second.header("idempotency-replayed"), replayed, "{body}");
    }
    for (query, status) in [("?dry_run=true", 200), ("?dry-run=true", 400), ("?", 200)] {
        for way in [PLAIN, ESCAPED] {
            let answer = debit(&mut connection, key, &format!("{way}{query}"), &[], r#"{"credits":1}"#);
            assert_eq!(answer.status, status, "{way}{query}: {}", answer.text);
        }
    }
    for (plain, escaped, status) in [
        ("/v1/customers/nobody/debits", "/v1/customers/nobod%79/debits", 404),
        ("/v1/customers/wallets/debits", "/v1/customers/wallet%73/debits", 404),
        ("/v1/customers/./debits", "/v1/customers/%2e/debits", 404),
        ("/v1/customers//debits", "/v1/customers//debits", 400),
        // A path of its own, for GET.
        ("/v1/customers/external/debits", "/v1/customers/external/%64ebits", 405),
    ] {
        for way in [plain, escaped] {
            let answer = debit(&mut connection, key, way, &[], r#"{"credits":1}"#);
            assert_eq!(answer.status, status, "{way}: {}", answer.text);
        }
    }
}

#[test]
fn a_connection_may_change_its_key_and_a_revoked_one_ends_at_once() {
    let server = Server::start();
    server.wallet("acme", "10");
    let other = server.new_key(&["debit"], None);
    let reader = server.new_key(&["read"], None);
    let mut connection = server.connect();
    let body = r#"{"credits":1}"#;
    let shown = [&server.key, &other, &server.key, &reader, &other];
    let statuses = shown.map(|key| debit(&mut connection, key, PLAIN, &[], body).status);
    assert_eq!(statuses, [200, 200, 200, 403, 200]);
    let keys = server.ask("GET", "/v1/keys", "").json;
    let debit_only = |key: &&serde_json::Value| key["scopes"] == serde_json::json!(["debit"]);
    let id =
        keys["items"].as_array().unwrap().iter().find(debit_only).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(server.ask("DELETE", &format!("/v1/keys/{id}"), "").status, 200);
    assert_eq!(debit(&mut connection, &other, PLAIN, &[], body).status, 401);
    assert_eq!(debit(&mut connection, &server.key, PLAIN, &[], body).status, 200);
}
