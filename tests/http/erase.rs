//! Erasing a customer over HTTP: who may, what is said, and what is left of it.

use serde_json::{Value, json};

use crate::support::Server;

const PERSONAL: [&str; 4] = ["ada@example.com", "Lovelace", "for Ada", "ada-1"];

/// A customer with personal data, a wallet, credit, and three debits.
fn used(server: &Server) {
    let customer =
        json!({"external_id": "ada@example.com", "name": "Ada Lovelace", "email": "ada@example.com"});
    assert_eq!(server.ask("POST", "/v1/customers", &customer.to_string()).status, 201);
    let wallet = server.wallet("ada@example.com", "100");
    let update = json!({"name": "Lovelace's wallet"});
    assert_eq!(server.ask("PUT", &format!("/v1/wallets/{wallet}"), &update.to_string()).status, 200);
    for credits in 1..=3 {
        let body = json!({"credits": credits, "description": "for Ada"}).to_string();
        let debit = server.ask_keyed(
            &format!("ada-{credits}"),
            "POST",
            "/v1/customers/ada@example.com/debits",
            &body,
        );
        assert_eq!(debit.status, 200, "{}", debit.text);
    }
}

fn erase(server: &Server, name: &str, query: &str) -> crate::support::Answer {
    server.ask("POST", &format!("/v1/customers/{name}/erase{query}"), "")
}

#[test]
fn a_dry_run_says_what_would_go_and_erasing_says_what_went() {
    let server = Server::start();
    used(&server);
    server.wallet("bob", "10");
    let refused =
        server.ask_keyed("ada-9", "POST", "/v1/customers/ada@example.com/debits", r#"{"credits":"1000"}"#);
    assert_eq!(refused.status, 402);
    let dry = erase(&server, "ada@example.com", "?dry_run=true");
    assert_eq!((dry.status, &dry.json["outcome"]), (200, &json!("dry_run")), "{}", dry.text);
    assert_eq!(dry.json["state"], json!(["external_id", "name", "email", "wallet names"]));
    assert_eq!(
        server.ask("GET", "/v1/customers/ada@example.com", "").status,
        200,
        "a dry run changes nothing"
    );
    let balance = server.ask("GET", "/v1/customers/ada@example.com/balance", "").json["posted"].clone();

    let erased = erase(&server, "ada@example.com", "");
    assert_eq!((erased.status, &erased.json["outcome"]), (200, &json!("erased")), "{}", erased.text);
    for name in ["customer_id", "fields", "state", "history_rows"] {
        assert_eq!(erased.json[name], dry.json[name], "{name}");
    }
    let total = |records: &Value| records["archived"].as_u64().unwrap() + records["hot"].as_u64().unwrap();
    assert_eq!(total(&erased.json["records"]), total(&dry.json["records"]), "{}", erased.text);
    assert!(
        erased.json["history_rows"].as_u64().unwrap() >= 3 && erased.json["snapshots"].as_u64().unwrap() >= 2
    );

    let id = erased.json["customer_id"].as_str().unwrap();
    assert_eq!(server.ask("GET", "/v1/customers/ada@example.com", "").status, 404, "the old name is free");
    let customer = server.ask("GET", &format!("/v1/customers/{id}"), "");
    assert_eq!((customer.status, &customer.json["name"]), (200, &Value::Null), "{}", customer.text);
    let after = server.ask("GET", &format!("/v1/customers/{id}/balance"), "");
    assert_eq!(after.json["posted"], balance);
    let ledger = server.ask("GET", &format!("/v1/customers/{id}/ledger"), "");
    assert_eq!(ledger.status, 200);
    let refusals = server.ask("GET", &format!("/v1/customers/{id}/refusals"), "");
    assert_eq!(refusals.json["items"], json!([]), "what was refused is let go of, too");
    for answer in [&customer, &after, &ledger, &refusals] {
        for text in PERSONAL {
            assert!(!answer.text.contains(text), "{text:?} is shown: {}", answer.text);
        }
    }
    let body = json!({"credits": 1, "description": "again"}).to_string();
    assert_eq!(
        server.ask("POST", &format!("/v1/customers/{id}/debits"), &body).status,
        200,
        "it stays usable"
    );
    let replayed =
        server.ask_keyed("ada-1", "POST", &format!("/v1/customers/{id}/debits"), r#"{"credits":1}"#);
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"), "{}", replayed.text);
}

#[test]
fn repeating_it_finds_nothing_and_the_old_name_is_nobodys() {
    let server = Server::start();
    used(&server);
    let erased = erase(&server, "ada@example.com", "");
    let id = erased.json["customer_id"].as_str().unwrap().to_owned();
    let again = server.ask("POST", &format!("/v1/customers/{id}/erase"), "{}");
    assert_eq!((again.status, &again.json["outcome"]), (200, &json!("nothing_left")), "{}", again.text);
    assert_eq!(again.json["records"], json!({"archived": 0, "hot": 0}));
    assert_eq!(erase(&server, "ada@example.com", "").status, 404);
    assert_eq!(
        server.ask("POST", "/v1/wallets", r#"{"customer_id":"ada@example.com","currency":"usd"}"#).status,
        200
    );
    assert_ne!(
        server.ask("GET", "/v1/customers/ada@example.com", "").json["id"],
        json!(id),
        "a new customer"
    );
}

#[test]
fn bad_requests_are_refused_and_change_nothing() {
    let server = Server::start();
    used(&server);
    let path = "/v1/customers/ada@example.com/erase";
    assert_eq!(erase(&server, "nobody", "").status, 404);
    assert_eq!(erase(&server, "ada@example.com", "?dryrun=true").status, 400);
    assert_eq!(server.ask("POST", path, r#"{"sure":true}"#).status, 400);
    assert_eq!(server.ask("POST", path, "[").status, 400);
    assert_eq!(server.ask("GET", path, "").status, 405);
    assert_eq!(server.ask_as("nobody's key", "POST", path, "").status, 401);
    let key = json!({"name": "writer", "scopes": ["debit", "read", "write"]}).to_string();
    let made = server.ask("POST", "/v1/keys", &key);
    let writer = made.json["key"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
    assert_eq!(server.ask_as(&writer, "POST", path, "").status, 403);
    assert_eq!(server.ask("GET", "/v1/customers/ada@example.com", "").json["name"], json!("Ada Lovelace"));
}

#[test]
fn a_deleted_customer_with_a_closed_wallet_is_erased_too() {
    let mut server = Server::start();
    used(&server);
    let wallets = server.ask("GET", "/v1/customers/ada@example.com/wallets", "").json.clone();
    let wallet = wallets[0]["id"].as_str().unwrap_or_else(|| panic!("{wallets}")).to_owned();
    assert_eq!(server.ask("POST", &format!("/v1/wallets/{wallet}/terminate"), "").status, 200);
    assert_eq!(server.ask("DELETE", "/v1/customers/ada@example.com", "").status, 204);
    let erased = erase(&server, "ada@example.com", "");
    assert_eq!((erased.status, &erased.json["outcome"]), (200, &json!("erased")), "{}", erased.text);
    server.restart();
    let id = erased.json["customer_id"].as_str().unwrap();
    let again = erase(&server, id, "");
    assert_eq!((again.status, &again.json["outcome"]), (200, &json!("nothing_left")), "{}", again.text);
    assert_eq!(erase(&server, "ada@example.com", "").status, 404);
}
