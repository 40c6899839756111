//! What the README shows, and what billing SDKs do.

use serde_json::json;

use crate::support::Server;

#[test]
fn a_wallet_is_made_topped_up_debited_and_shown() {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    let debit = server.ask_keyed(
        "call-1",
        "POST",
        "/v1/customers/acme/debits",
        r#"{"credits":"30.5","feature":"chat"}"#,
    );
    assert_eq!(debit.status, 200, "{}", debit.text);
    assert_eq!(debit.json["customer_id"], "acme");
    assert_eq!(debit.json["credits"], "30.5");
    assert_eq!(debit.json["amount"], "30.5");
    assert_eq!(debit.json["currency"], "usd");
    assert_eq!(debit.json["shortfall"], "0");
    assert_eq!(debit.json["balance_before"], "100");
    assert_eq!(debit.json["balance_after"], "69.5");
    assert_eq!(debit.json["available"], "69.5");
    assert_eq!(debit.json["slices"][0]["wallet_id"], json!(wallet));
    assert_eq!(debit.json["slices"][0]["source"], "purchased");
    assert_eq!(debit.json["slices"][0]["cost_basis"], "1");
    assert_eq!(debit.json["rows"][0]["transaction_id"], debit.json["transaction_id"]);
    assert_eq!(debit.json["recharge"], json!(null));
    assert!(debit.header("x-log-position").is_some());
    assert!(debit.header("x-request-id").is_some());

    let balance = server.ask("GET", "/v1/customers/acme/balance", "");
    assert_eq!(balance.json["posted"], "69.5", "{}", balance.text);
    assert_eq!(balance.json["by_source"]["purchased"], "69.5");
    assert_eq!(balance.json["wallets"][0]["tranches"][0]["remaining"], "69.5");

    let id = debit.json["transaction_id"].as_str().unwrap();
    let row = server.ask("GET", &format!("/v1/transactions/{id}"), "");
    assert_eq!(row.status, 200, "{}", row.text);
    assert_eq!(row.json["transaction_reason"], "USAGE_DEBIT");
    assert_eq!(row.json["credit_balance_after"], "69.5");
}
