//! Recharges and alerts in a statement (docs/BOOKS.md "Statement"), over the ends of months: as JSON, as CSV, and on the page to print.

use serde_json::{Value, json};

use crate::recharge_clock::{at, debit, report, to};
use crate::support::Server;

fn wallet(server: &Server, more: &Value) -> String {
    let mut body = json!({"customer_id": "acme", "currency": "usd", "conversion_rate": 1});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = server.ask("POST", "/v1/wallets", &body.to_string());
    assert_eq!(made.status, 200, "{}", made.text);
    made.json["id"].as_str().unwrap().to_owned()
}

fn text(server: &Server, month: &str, format: &str) -> String {
    let path = format!("/v1/customers/acme/statement?month={month}&format={format}");
    let answer = server.ask("GET", &path, "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.text
}

/// The wallets of a month's statement.
fn month(server: &Server, month: &str) -> Value {
    serde_json::from_str::<Value>(&text(server, month, "json")).unwrap()["wallets"].clone()
}

/// The cells of a kind of line of a month's CSV, by their columns; empty ones left out.
fn csv_lines(server: &Server, month: &str, kind: &str) -> Vec<Value> {
    let csv = text(server, month, "csv");
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let columns = lines.next().unwrap();
    let shown = lines.filter(|cells| cells[0] == kind).map(|cells| {
        assert_eq!(cells.len(), columns.len(), "{cells:?}");
        let named = columns.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
        named.map(|(column, cell)| ((*column).to_owned(), json!(cell))).collect::<serde_json::Map<_, _>>()
    });
    shown.map(Value::Object).collect()
}

const NONE: Value = Value::Array(Vec::new());

#[test]
fn a_recharge_that_waits_at_a_months_end_waits_in_its_statement_ever_after_and_fails_in_the_next() {
    let server = at("2040-03-30T00:00:00Z");
    let rule = json!({"threshold": 20, "amount": 100, "invoicing": true});
    let alerts = json!({"warning": {"threshold": 18}, "critical": {"threshold": 5}});
    let more = json!({"initial_credits_to_load": 25, "auto_topup": rule, "alert_settings": alerts});
    let id = wallet(&server, &more);
    let recharge = debit(&server, "10").expect("one begins");
    let listed = server.ask("GET", "/v1/recharges?customer_id=acme", "").json["items"][0].clone();
    let march = month(&server, "2040-03");
    let row = march[0]["lines"][1]["transaction_id"].clone();
    let waits = march[0]["recharges"][0]["transaction_id"].clone();
    let shown = server.ask("GET", &format!("/v1/transactions/{}", waits.as_str().unwrap()), "").json;
    assert_eq!(
        (&shown["transaction_status"], &shown["credit_amount"]),
        (&json!("pending"), &json!("100")),
        "{shown}"
    );
    assert_eq!(
        march[0]["recharges"],
        json!([{
            "recharge_id": recharge, "origin": "auto", "status": "pending", "credits": "100", "amount": "100", "charged": "100",
            "invoice_id": listed["invoice_id"], "transaction_id": waits, "reason": null,
            "created_at": "2040-03-30T00:00:00Z", "expires_at": "2040-04-06T00:00:00Z", "ended_at": null,
        }])
    );
    let change = &march[0]["alerts"][0];
    assert_eq!(
        march[0]["alerts"],
        json!([{
            "alert_id": change["alert_id"], "alert_type": "low_credit_balance", "previous_status": "ok", "alert_status": "warning",
            "value_at_time": "15", "runway_seconds": null, "transaction_id": row, "log_position": change["log_position"],
            "changed_at": "2040-03-30T00:00:00Z",
        }])
    );
    // All but how far into the log it saw.
    let closed = || {
        let page = text(&server, "2040-03", "html");
        let stays = |line: &&str| !line.contains("Ledger position") && !line.starts_with("<footer>");
        let page: Vec<_> = page.lines().filter(stays).map(str::to_owned).collect();
        (month(&server, "2040-03"), text(&server, "2040-03", "csv"), page)
    };
    let before = closed();

    to(&server, "2040-04-02T00:00:00Z");
    assert_eq!(debit(&server, "11"), None, "another one is in flight");
    report(&server, &recharge, "fail", &json!({"reason": "card_declined"}));
    assert!(closed() == before, "what is over does not change");
    // It neither began nor ended on the day between, and waits at its end.
    let day = "/v1/customers/acme/statement?from=2040-03-31T00:00:00Z&to=2040-04-01T00:00:00Z";
    let day = server.ask("GET", day, "").json["wallets"][0].clone();
    assert_eq!((&day["recharges"], &day["alerts"]), (&march[0]["recharges"], &NONE));
    let april = month(&server, "2040-04");
    let mut ended = march[0]["recharges"][0].clone();
    for (field, value) in
        [("status", "failed"), ("reason", "card_declined"), ("ended_at", "2040-04-02T00:00:00Z")]
    {
        ended[field] = json!(value);
    }
    assert_eq!(april[0]["recharges"], json!([ended]));
    let changes = april[0]["alerts"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(
        (&changes[0]["previous_status"], &changes[0]["alert_status"], &changes[0]["value_at_time"]),
        (&json!("warning"), &json!("in_alarm"), &json!("4"))
    );
    let may = month(&server, "2040-05");
    assert_eq!((&may[0]["recharges"], &may[0]["alerts"]), (&NONE, &NONE));

    let april_of_csv = csv_lines(&server, "2040-04", "recharge");
    assert_eq!(
        april_of_csv,
        [json!({
            "line": "recharge", "wallet_id": id, "currency": "usd", "conversion_rate": "1", "effective_at": "2040-03-30T00:00:00Z",
            "transaction_id": waits, "belongs_to": listed["invoice_id"], "id": recharge, "type": "auto", "status": "failed",
            "reason": "card_declined", "ended_at": "2040-04-02T00:00:00Z", "expires_at": "2040-04-06T00:00:00Z",
            "recharge_credits": "100", "recharge_amount": "100", "recharge_charged": "100",
        })]
    );
    assert_eq!(
        csv_lines(&server, "2040-04", "alert"),
        [json!({
            "line": "alert", "wallet_id": id, "currency": "usd", "conversion_rate": "1", "effective_at": "2040-04-02T00:00:00Z",
            "transaction_id": changes[0]["transaction_id"], "id": changes[0]["alert_id"], "type": "low_credit_balance",
            "previous_status": "warning", "status": "in_alarm", "posted": "4",
            "log_position": changes[0]["log_position"].to_string(),
        })]
    );
    let page = text(&server, "2040-04", "html");
    let invoice = listed["invoice_id"].as_str().unwrap();
    for words in ["Recharges", "Automatic top-up", &*recharge, invoice, "Failed", "Card declined", "In alarm"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("Trusted"), "{page}");
    let page = text(&server, "2040-05", "html");
    assert!(!page.contains("Recharges") && !page.contains("Alerts"), "nothing of that is in it: {page}");
}

#[test]
fn credit_that_was_there_at_once_is_trusted_until_somebody_says_what_became_of_its_payment() {
    let server = at("2040-03-30T00:00:00Z");
    let rule = json!({"threshold": 20, "amount": 100, "invoicing": false});
    wallet(&server, &json!({"initial_credits_to_load": 25, "auto_topup": rule}));
    let mut begun = Vec::new();
    for payment_result in [false, true] {
        let set = server.ask("PUT", "/v1/settings", &json!({"payment_result": payment_result}).to_string());
        assert_eq!(set.status, 200, "{}", set.text);
        begun.push(debit(&server, if payment_result { "100" } else { "10" }).expect("one begins"));
    }
    let listed = server.ask("GET", "/v1/recharges?customer_id=acme&order=asc", "").json["items"].clone();
    assert_eq!((&listed[0]["status"], &listed[1]["status"]), (&json!("completed"), &json!("pending")));
    let stand = |of: &str| -> Vec<(String, String, Value)> {
        let shown = month(&server, of)[0]["recharges"].clone();
        let one = |one: &Value| {
            let word = |field: &str| one[field].as_str().unwrap().to_owned();
            (word("recharge_id"), word("status"), one["ended_at"].clone())
        };
        shown.as_array().unwrap().iter().map(one).collect()
    };
    let trusted: Vec<_> = begun.iter().map(|id| (id.clone(), "trusted".to_owned(), Value::Null)).collect();
    assert_eq!(stand("2040-03"), trusted);
    assert!(text(&server, "2040-03", "html").contains("Trusted: the credit is there"));
    to(&server, "2040-05-02T00:00:00Z");
    begun.iter().for_each(|id| report(&server, id, "fail", &json!({})));
    assert_eq!(stand("2040-03"), trusted);
    // Nothing waits in April: its credit is there.
    assert_eq!(stand("2040-04"), []);
    let failed = |id: &String| (id.clone(), "failed".to_owned(), json!("2040-05-02T00:00:00Z"));
    assert_eq!(stand("2040-05"), begun.iter().map(failed).collect::<Vec<_>>());
}

#[test]
fn a_wallet_without_a_row_is_there_when_it_warns_and_an_alert_that_settings_change_names_no_row() {
    let server = at("2040-03-30T00:00:00Z");
    let id = wallet(&server, &json!({"alert_settings": {"critical": {"threshold": 5}}}));
    let off = json!({"alert_settings": {"alert_enabled": false}});
    let set = server.ask("PUT", &format!("/v1/wallets/{id}"), &off.to_string());
    assert_eq!(set.status, 200, "{}", set.text);
    let march = month(&server, "2040-03");
    assert_eq!((&march[0]["wallet_id"], &march[0]["lines"]), (&json!(id), &NONE));
    let changes = march[0]["alerts"].as_array().unwrap();
    assert!(!changes.is_empty(), "{march}");
    for change in changes {
        assert_eq!((&change["value_at_time"], &change["transaction_id"]), (&json!("0"), &Value::Null));
    }
    assert_eq!(month(&server, "2040-04"), NONE);
}
