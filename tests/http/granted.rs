//! What was granted, afterwards: taken back by its row, in statements and in the books.

use serde_json::{Value, json};

use crate::grants::{Tenant, monthly, rows_of};
use crate::support::Server;

#[test]
fn what_a_period_granted_is_taken_back_by_its_row_as_far_as_it_is_left() {
    let server = Server::start();
    let tenant = Tenant::new(&server);
    tenant.grant(monthly("starter", 100));
    tenant.enrol(json!({"id": "sub_1", "customer_id": "acme", "plan_id": "starter"}));
    tenant.move_to("2031-02-28T00:00:00Z");
    // January's 100 are spent first, and 30 of February's, 20 of which a hold reserves.
    tenant.ask("POST", "/v1/customers/acme/debits", json!({"credits": 110}));
    tenant.ask("POST", "/v1/customers/acme/holds", json!({"credits": 20}));
    let wallets = tenant.ask("GET", "/v1/customers/acme/wallets", Value::Null);
    let rows = rows_of(&tenant, wallets.json[0]["id"].as_str().unwrap());
    let grants: Vec<_> =
        rows.iter().filter(|row| row["transaction_reason"] == "SUBSCRIPTION_CREDIT_GRANT").collect();
    let paths: Vec<_> =
        grants.iter().map(|row| format!("/v1/transactions/{}/void", row["id"].as_str().unwrap())).collect();
    let [at_once, by_itself] = paths.as_slice() else { panic!("{rows:?}") };
    // Spent to the last: nothing is left to take back.
    let refused = tenant.ask("POST", at_once, Value::Null);
    assert_eq!((refused.status, refused.code()), (409, "invalid_operation"), "{}", refused.text);
    let tried = tenant.ask("POST", &format!("{by_itself}?dry_run=true"), Value::Null);
    assert_eq!((tried.status, &tried.json["voided"]), (200, &json!("70")), "{}", tried.text);
    assert_eq!(tenant.posted("acme"), "90");
    let voided = tenant.ask("POST", by_itself, json!({"reason": "granted by mistake"}));
    for (key, value) in [("voided", "70"), ("spent", "10"), ("held", "20")] {
        assert_eq!(voided.json[key], value, "{key}: {}", voided.text);
    }
    assert_eq!(voided.json["credits"][0]["credit_transaction_id"], grants[1]["id"]);
    assert_eq!(tenant.posted("acme"), "20", "what the hold reserves");
    let twice = tenant.ask("POST", by_itself, Value::Null);
    assert_eq!((twice.status, twice.code()), (409, "invalid_operation"), "{}", twice.text);
    tenant.move_to("2031-03-31T00:00:00Z");
    assert_eq!(tenant.posted("acme"), "100", "the next period comes; what the hold gave back is gone");
}

#[test]
fn statements_and_books_tell_what_was_granted_what_went_on_and_what_ended() {
    let server = Server::start();
    let tenant = Tenant::new(&server);
    let mut plan = monthly("starter", 100);
    plan["expiration_type"] = json!("BILLING_CYCLE");
    plan["rollover"] = json!({"share": "0.5", "cap": "30"});
    let id = tenant.grant(plan);
    tenant.enrol(json!({"id": "sub_1", "customer_id": "acme", "plan_id": "starter"}));
    tenant.ask("POST", "/v1/customers/acme/debits", json!({"credits": 20}));
    // 80 are left: 30 go on, 50 end, and the next 100 come.
    tenant.move_to("2031-02-28T00:00:00Z");
    assert_eq!(tenant.posted("acme"), "130");
    let wallets = tenant.ask("GET", "/v1/customers/acme/wallets", Value::Null);
    rows_of(&tenant, wallets.json[0]["id"].as_str().unwrap());

    let ever = "from=2030-01-01T00:00:00Z&to=2032-01-01T00:00:00Z";
    let statement = tenant.ask("GET", &format!("/v1/customers/acme/statement?{ever}"), Value::Null);
    let lines =
        statement.json["wallets"][0]["lines"].as_array().unwrap_or_else(|| panic!("{}", statement.text));
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line["transaction_reason"].as_str().unwrap(), line["belongs_to"].as_str()))
        .collect();
    let wanted = [
        ("SUBSCRIPTION_CREDIT_GRANT", Some(&*id)),
        ("USAGE_DEBIT", None),
        ("ROLLOVER", Some(&*id)),
        ("ROLLOVER", Some(&*id)),
        ("CREDIT_EXPIRED", None),
        ("SUBSCRIPTION_CREDIT_GRANT", Some(&*id)),
    ];
    assert_eq!(told, wanted, "{}", statement.text);
    assert_eq!(lines.last().unwrap()["balance"], "130");
    let csv = tenant.ask("GET", &format!("/v1/customers/acme/statement?{ever}&format=csv"), Value::Null).text;
    let html =
        tenant.ask("GET", &format!("/v1/customers/acme/statement?{ever}&format=html"), Value::Null).text;
    assert_eq!(csv.matches("ROLLOVER").count(), 2, "{csv}");
    for words in ["Subscription credit grant", "Rollover", "Credit expired", "Plan included", &*id] {
        assert!(html.contains(words), "{words}: {html}");
    }

    let books = tenant.ask("GET", &format!("/v1/books?{ever}"), Value::Null);
    let sources = books.json["units"][0]["sources"].as_array().unwrap_or_else(|| panic!("{}", books.text));
    let of = |source: &str| {
        let found =
            sources.iter().find(|of| of["source"] == source).unwrap_or_else(|| panic!("{}", books.text));
        ["issued", "rolled_in", "spent", "expired", "rolled_out", "closing"]
            .map(|kind| found[kind]["credits"].clone())
    };
    assert_eq!(of("plan_included"), ["200", "0", "20", "50", "30", "100"].map(|credits| json!(credits)));
    assert_eq!(of("rollover"), ["0", "30", "0", "0", "0", "30"].map(|credits| json!(credits)));
    // Nobody paid for it: what it was used for is promotional expense, and what ended is no revenue.
    let revenue = &books.json["units"][0]["revenue"];
    assert_eq!((&revenue["breakage"], &revenue["promotional_expense"]), (&json!("0"), &json!("20")));
}
