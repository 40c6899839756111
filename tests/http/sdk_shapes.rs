//! Shapes that billing SDKs insist on: every key present, decimals as strings, bare arrays where they want them.

use serde_json::{Value, json};

use crate::support::Server;

const WALLET: &[&str] = &[
    "alert_settings",
    "alert_state",
    "auto_topup",
    "balance",
    "config",
    "conversion_rate",
    "created_at",
    "created_by",
    "credit_balance",
    "credits_available_breakdown",
    "currency",
    "customer_id",
    "description",
    "environment_id",
    "id",
    "metadata",
    "name",
    "real_time_balance",
    "real_time_credit_balance",
    "status",
    "tenant_id",
    "topup_conversion_rate",
    "updated_at",
    "updated_by",
    "wallet_status",
    "wallet_type",
];
const BALANCE: &[&str] =
    &["balance_updated_at", "current_period_usage", "unpaid_invoices_amount", "is_cached_fallback"];
const TRANSACTION: &[&str] = &[
    "amount",
    "consumption_breakdown",
    "conversion_rate",
    "created_at",
    "created_by",
    "created_by_user",
    "credit_amount",
    "credit_balance_after",
    "credit_balance_before",
    "credits_available",
    "currency",
    "customer",
    "customer_id",
    "description",
    "environment_id",
    "expiry_date",
    "id",
    "idempotency_key",
    "metadata",
    "parent_transaction_id",
    "priority",
    "reference_id",
    "reference_type",
    "source_id",
    "source_type",
    "status",
    "tenant_id",
    "topup_conversion_rate",
    "transaction_reason",
    "transaction_status",
    "type",
    "updated_at",
    "updated_by",
    "wallet",
    "wallet_id",
];
const CUSTOMER: &[&str] = &[
    "address_city",
    "address_country",
    "address_line1",
    "address_line2",
    "address_postal_code",
    "address_state",
    "billing_currency",
    "contact",
    "contact_persons",
    "created_at",
    "created_by",
    "email",
    "environment_id",
    "external_id",
    "id",
    "integrations",
    "metadata",
    "name",
    "parent_customer",
    "parent_customer_id",
    "status",
    "tax_treatment",
    "tenant_id",
    "timezone",
    "updated_at",
    "updated_by",
];

fn has(value: &Value, keys: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    for key in keys {
        assert!(object.contains_key(*key), "{key} is missing in {value}");
    }
}

#[test]
fn a_wallet_is_made_as_the_python_sdk_asks() {
    let server = Server::start();
    let body = r#"{"currency":"usd","alert_settings":{"alert_enabled":false,"critical":{"condition":"below","threshold":"5"}},
        "auto_topup":{"amount":100.5,"cooldown":{"unit":"minute","value":10},"enabled":false,"invoicing":false,"threshold":10.0},
        "conversion_rate":"2","customer_id":"cust_1","initial_credits_to_load":"25","metadata":{"a":"b"},"wallet_type":"PRE_PAID"}"#;
    let wallet = server.ask("POST", "/v1/wallets", body);
    assert_eq!(wallet.status, 200, "{}", wallet.text);
    has(&wallet.json, WALLET);
    assert_eq!(wallet.json["credit_balance"], "25");
    assert_eq!(wallet.json["balance"], "50");
    assert_eq!(wallet.json["config"], json!({"allowed_price_types": ["USAGE"]}));
    assert_eq!(wallet.json["metadata"], json!({"a": "b"}));
    assert_eq!(wallet.json["customer_id"], "cust_1");
    assert_eq!(wallet.json["wallet_type"], "PRE_PAID");
    assert_eq!(wallet.json["conversion_rate"], "2");
    assert_eq!(wallet.json["topup_conversion_rate"], "2");

    let id = wallet.json["id"].as_str().unwrap();
    let path = format!("/v1/wallets/{id}/balance/real-time?expand=credits_available_breakdown");
    let balance = server.ask("GET", &path, "");
    has(&balance.json, WALLET);
    has(&balance.json, BALANCE);
    assert_eq!(balance.json["real_time_credit_balance"], "25");
    assert_eq!(balance.json["real_time_balance"], "50");
    assert_eq!(balance.json["credits_available_breakdown"], json!({"purchased": "0", "free": "25"}));
    assert_eq!(balance.json["is_cached_fallback"], false);
    let shown = server.ask("GET", &format!("/v1/wallets/{id}"), "");
    assert_eq!(shown.json, wallet.json, "a read shows what the write answered");
}

#[test]
fn a_top_up_answers_row_bonus_and_wallet() {
    let server = Server::start();
    let wallet = server.wallet("acme", "0");
    let body = r#"{"transaction_reason":"PURCHASED_CREDIT_DIRECT","amount":"10","bonus_credits_to_add":2,"idempotency_key":"k",
        "expiry_date_utc":"2099-01-01T00:00:00Z","priority":1,"metadata":{"x":"y"},"description":"paid"}"#;
    let answer = server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    has(&answer.json, &["wallet_transaction", "invoice_id", "wallet", "checkout_session"]);
    let row = &answer.json["wallet_transaction"];
    has(row, TRANSACTION);
    assert_eq!(row["type"], "credit");
    assert_eq!(row["transaction_reason"], "PURCHASED_CREDIT_DIRECT");
    assert_eq!(row["transaction_status"], "completed");
    assert_eq!(row["credit_amount"], "10");
    assert_eq!(row["amount"], "10");
    assert_eq!(row["credits_available"], "10");
    assert_eq!(row["credit_balance_before"], "0");
    assert_eq!(row["credit_balance_after"], "10");
    assert_eq!(row["expiry_date"], "2099-01-01T00:00:00Z");
    assert_eq!(row["priority"], 1);
    assert_eq!(row["idempotency_key"], "k");
    assert_eq!(row["currency"], "usd");
    let bonus = &answer.json["bonus_transaction"];
    assert_eq!(bonus["transaction_reason"], "PURCHASED_CREDIT_BONUS", "{bonus}");
    assert_eq!(bonus["parent_transaction_id"], row["id"]);
    has(&answer.json["wallet"], WALLET);
    assert_eq!(answer.json["wallet"]["credit_balance"], "12");

    let id = row["id"].as_str().unwrap();
    let debit = server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":3}"#);
    assert_eq!(debit.status, 200, "{}", debit.text);
    let read = server.ask("GET", &format!("/v1/transactions/{id}"), "");
    has(&read.json, TRANSACTION);
    assert_eq!(read.json["metadata"], json!({"x": "y"}));
    let left = &read.json["credits_available"];
    assert!(*left == "7" || *left == "9", "what is left now: {left}");
}

#[test]
fn wallets_are_listed_searched_and_paged() {
    let server = Server::start();
    let ids: Vec<_> = (0..5).map(|number| server.wallet(&format!("c{number}"), "1")).collect();
    for (method, path, body) in
        [("GET", "/v1/wallets", ""), ("POST", "/v1/wallets/search", "{}"), ("POST", "/v1/wallets/search", "")]
    {
        let listed = server.ask(method, path, body);
        assert_eq!(listed.status, 200, "{}", listed.text);
        has(&listed.json["pagination"], &["total", "limit", "offset", "next_cursor"]);
        let shown: Vec<_> = listed.json["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap())
            .collect();
        let newest_first: Vec<_> = ids.iter().rev().map(|id| &**id).collect();
        assert_eq!(shown, newest_first);
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.ask("GET", &format!("/v1/wallets?limit=2&order=asc&cursor={cursor}"), "");
        seen.extend(
            page.json["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page.json["pagination"]["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, ids);
    let frozen = server.ask("POST", &format!("/v1/wallets/{}/freeze", ids[2]), "");
    assert_eq!(frozen.status, 200);
    let filter = format!(
        r#"{{"status":"frozen","wallet_ids":["{}","{}"],"limit":5,"expand":"credits_available_breakdown"}}"#,
        ids[2], ids[3]
    );
    let found = server.ask("POST", "/v1/wallets/search", &filter);
    assert_eq!(found.json["pagination"]["total"], 1, "{}", found.text);
    assert_eq!(found.json["items"][0]["credits_available_breakdown"]["purchased"], "1");
    assert_eq!(
        server.ask("POST", "/v1/wallets/search", r#"{"alert_enabled":true}"#).json["pagination"]["total"],
        0
    );
}

#[test]
fn a_customers_wallets_are_a_bare_array() {
    let server = Server::start();
    server.wallet("acme", "1");
    for path in [
        "/v1/customers/acme/wallets",
        "/v1/customers/wallets?lookup_key=acme&include_real_time_balance=true&from_cache=false&-=30",
        "/v1/customers/wallets?id=acme",
    ] {
        let wallets = server.ask("GET", path, "");
        assert_eq!(wallets.status, 200, "{path}: {}", wallets.text);
        let wallets = wallets.json.as_array().unwrap();
        assert_eq!(wallets.len(), 1);
        has(&wallets[0], WALLET);
    }
    let shown = server.ask("GET", "/v1/customers/wallets?id=acme&include_real_time_balance=true", "");
    has(&shown.json[0], BALANCE);
    assert_eq!(shown.json[0]["real_time_balance"], "1");
}

#[test]
fn customers_are_made_found_changed_and_deleted() {
    let server = Server::start();
    let made = server.ask(
        "POST",
        "/v1/customers",
        r#"{"external_id":"ext/1 2","name":"One","email":"a@b.c","metadata":{"k":"v"}}"#,
    );
    assert_eq!(made.status, 201, "{}", made.text);
    has(&made.json, CUSTOMER);
    let id = made.json["id"].as_str().unwrap();
    assert!(id.starts_with("cust_"));
    for path in [
        format!("/v1/customers/{id}"),
        "/v1/customers/external/ext/1%202".to_owned(),
        "/v1/customers/external/ext%2F1%202".to_owned(),
        "/v1/customers/ext%2F1%202".to_owned(),
    ] {
        let found = server.ask("GET", &path, "");
        assert_eq!((found.status, &found.json["id"]), (200, &made.json["id"]), "{path}: {}", found.text);
    }
    let changed = server.ask("PUT", &format!("/v1/customers?id={id}"), r#"{"name":"nn"}"#);
    assert_eq!((changed.status, changed.json["name"].as_str()), (200, Some("nn")), "{}", changed.text);
    assert_eq!(changed.json["email"], "a@b.c", "what is not given stays");
    let changed = server.ask(
        "PUT",
        "/v1/customers?external_customer_id=ext%2F1%202",
        r#"{"timezone":"Asia/Singapore"}"#,
    );
    assert_eq!(changed.json["timezone"], "Asia/Singapore", "{}", changed.text);
    let wallet = server.ask(
        "POST",
        "/v1/wallets",
        &format!(r#"{{"customer_id":"{id}","external_customer_id":"ext/1 2","currency":"usd"}}"#),
    );
    assert_eq!(wallet.json["customer_id"], *id, "{}", wallet.text);
    let found = server.ask("POST", "/v1/customers/search", r#"{"external_id":"ext/1 2","limit":5}"#);
    assert_eq!(found.json["items"][0]["id"], *id, "{}", found.text);
    assert_eq!(server.ask("DELETE", &format!("/v1/customers/{id}"), "").status, 400, "a wallet is open");
    let wallet = wallet.json["id"].as_str().unwrap();
    let closed = server.ask("POST", &format!("/v1/wallets/{wallet}/terminate"), "");
    assert_eq!(
        (closed.status, closed.json["message"].as_str()),
        (200, Some("wallet terminated successfully"))
    );
    has(&closed.json, WALLET);
    let deleted = server.ask("DELETE", &format!("/v1/customers/{id}"), "");
    assert_eq!((deleted.status, &*deleted.text), (204, ""));
    assert_eq!(server.ask("GET", &format!("/v1/customers/{id}"), "").status, 404);
}

#[test]
fn what_an_update_does_not_name_stays() {
    let server = Server::start();
    let wallet = server.wallet("acme", "1");
    let path = format!("/v1/wallets/{wallet}");
    let body = r#"{"auto_topup":{"enabled":false},"config":{"allowed_price_types":["ALL"]},"name":"n","metadata":{"a":"b"}}"#;
    let changed = server.ask("PUT", &path, body);
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(changed.json["config"], json!({"allowed_price_types": ["ALL"]}));
    let again = server.ask("PUT", &path, r#"{"description":"d","name":""}"#);
    assert_eq!((again.json["name"].as_str(), again.json["description"].as_str()), (Some("n"), Some("d")));
    assert_eq!(again.json["metadata"], json!({"a": "b"}));
}
