//! An invoiced purchase that is paid after its credit's own end: what is over stays as it was, and the credit comes in and is gone at the
//! instant of the payment, with nothing else to ask for it (SEMANTICS §6, §8).

use serde_json::{Value, json};

use crate::recharge_clock::{at, report, to};
use crate::support::Server;

/// A wallet with 10 credits, and 100 with a bonus of 5 bought for it on 30 March; the 100 end with the month. The wallet, the recharge and
/// its row.
fn bought(server: &Server) -> [String; 3] {
    let body = r#"{"customer_id":"acme","currency":"usd","conversion_rate":1,"initial_credits_to_load":10}"#;
    let made = server.ask("POST", "/v1/wallets", body);
    assert_eq!(made.status, 200, "{}", made.text);
    let body = json!({
        "transaction_reason": "PURCHASED_CREDIT_INVOICED", "credits_to_add": "100", "expiry_date_utc": "2040-04-01T00:00:00Z",
        "bonus_credits_to_add": "5", "bonus_credits_expiry_date_utc": "2040-05-01T00:00:00Z",
    });
    let path = format!("/v1/wallets/{}/top-up", made.json["id"].as_str().unwrap());
    let bought = server.ask("POST", &path, &body.to_string());
    assert_eq!(bought.status, 200, "{}", bought.text);
    let ids = [&made.json["id"], &bought.json["recharge_id"], &bought.json["wallet_transaction"]["id"]];
    ids.map(|id| id.as_str().unwrap().to_owned())
}

/// What finance reads of a month; all but how far into the log it saw.
fn papers(server: &Server, month: &str) -> (Value, String, Value, String) {
    let read = |path: String| {
        let answer = server.ask("GET", &path, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer
    };
    let statement = |format| read(format!("/v1/customers/acme/statement?month={month}&format={format}"));
    let books = read(format!("/v1/books?month={month}")).json["units"].clone();
    let journal = read(format!("/v1/journal?month={month}&format=csv")).text;
    (statement("json").json["wallets"].clone(), statement("csv").text, books, journal)
}

#[test]
fn a_month_that_is_over_stays_as_it_was_when_credit_is_paid_after_its_end() {
    let server = at("2040-03-30T00:00:00Z");
    let [wallet, recharge, _] = bought(&server);
    to(&server, "2040-04-02T00:00:00Z");
    let march = papers(&server, "2040-03");
    assert_eq!(march.0[0]["closing"]["credits"], json!("10"), "{}", march.0);
    report(&server, &recharge, "complete", &json!({}));
    // Nobody asks for anything else, and the clock stands.
    assert!(papers(&server, "2040-03") == march, "what is over does not change");
    let april = papers(&server, "2040-04");
    let lines = april.0[0]["lines"].as_array().unwrap();
    let lines: Vec<_> = lines
        .iter()
        .map(|line| (&line["transaction_reason"], &line["effective_at"], &line["balance"]))
        .map(|(reason, at, balance)| json!([reason, at, balance]))
        .collect();
    let paid = "2040-04-02T00:00:00Z";
    assert_eq!(
        lines,
        [
            json!(["PURCHASED_CREDIT_INVOICED", paid, "110"]),
            json!(["PURCHASED_CREDIT_BONUS", paid, "115"]),
            json!(["CREDIT_EXPIRED", paid, "15"]),
        ]
    );
    let revenue = &april.2[0]["revenue"];
    assert_eq!(
        (&revenue["breakage"], &revenue["deferred_closing"]),
        (&json!("100"), &json!("0")),
        "{revenue}"
    );
    let shown = server.ask("GET", &format!("/v1/wallets/{wallet}"), "").json;
    assert_eq!(shown["credit_balance"], json!("15"), "{shown}");
}

#[test]
fn a_row_that_came_in_after_its_end_ends_as_it_came_in_and_the_one_that_waited_as_it_was_bought() {
    let server = at("2040-03-30T00:00:00Z");
    let [_, recharge, row] = bought(&server);
    to(&server, "2040-04-02T00:00:00Z");
    report(&server, &recharge, "complete", &json!({}));
    let read = |row: &str| {
        let shown = server.ask("GET", &format!("/v1/transactions/{row}"), "");
        assert_eq!(shown.status, 200, "{}", shown.text);
        shown.json
    };
    let waited = read(&row);
    let came_in = read(waited["completed_by_transaction_id"].as_str().unwrap());
    let ends = [&waited, &came_in].map(|row| row["expiry_date"].clone());
    let expected = [json!("2040-04-01T00:00:00Z"), json!("2040-04-02T00:00:00Z")];
    assert_eq!(ends, expected, "{waited:#}, {came_in:#}");
}
