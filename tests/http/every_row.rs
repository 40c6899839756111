//! Whatever became a ledger row can be asked for under its id, in one shape.

use std::collections::{BTreeMap, BTreeSet};

use coffer::engine::{Operation, Target};
use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::command::{Command, InvoiceLine, Memo, Settle, Transfer};
use coffer_ledger::ids::LogPosition;
use coffer_ledger::unit::{Currency, PriceType};
use coffer_ledger::view;
use serde_json::Value;

use crate::support::{Answer, FIRST, Server};

/// Does what is not asked over HTTP here.
fn submit(server: &Server, customer: &str, command: Command) {
    let done = server.engine().submit(FIRST, Target::Customer(customer), Operation::new(command));
    server.wait_for(done).unwrap();
}

fn ok(answer: Answer) -> Answer {
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
    answer
}

/// A server on which every kind of row was written, but for those that need time to pass.
pub(crate) fn busy() -> Server {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    server.wallet("other", "1");
    let bonus =
        r#"{"transaction_reason":"PURCHASED_CREDIT_DIRECT","credits_to_add":50,"bonus_credits_to_add":5}"#;
    let bought = ok(server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), bonus));
    ok(server.ask("POST", &format!("/v1/wallets/{wallet}/debit"), r#"{"credits":1}"#));
    let taken = ok(server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":10,"metadata":{"a":"b"}}"#));
    let refund = format!(r#"{{"transaction_id":{}}}"#, taken.json["transaction_id"]);
    ok(server.ask("POST", "/v1/customers/acme/refunds", &refund));
    let hold = server.hold("acme", r#"{"credits":20}"#);
    ok(server.on_hold("acme", &hold, "capture", r#"{"credits":5,"final":false}"#));
    ok(server.on_hold("acme", &hold, "grow", r#"{"credits":5}"#));
    ok(server.on_hold("acme", &hold, "capture", r#"{"credits":10000}"#));
    // All is gone: what the uncollected rest should have been paid from comes back.
    ok(server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), bonus));
    let line = InvoiceLine {
        id: "l1".into(),
        amount: Money::parse_json("3").unwrap(),
        price_type: PriceType::Usage,
        feature: None,
    };
    let currency = Currency::parse("usd").unwrap();
    submit(&server, "acme", Command::Settle(Settle { invoice: "i1".into(), currency, lines: vec![line] }));
    submit(&server, "acme", Command::VoidInvoice { invoice: "i1".into() });
    submit(
        &server,
        "acme",
        Command::Transfer(Transfer {
            to_customer: "other".into(),
            from_wallet: None,
            to_wallet: None,
            credits: Credits::parse_json("2").unwrap(),
            memo: Memo::default(),
        }),
    );
    let batch = r#"{"operations":[{"op":"debit","customer_id":"acme","credits":1,"reference_id":"one"},
        {"op":"hold","customer_id":"acme","credits":2,"reference_id":"two"}],"atomic":true}"#;
    ok(server.ask("POST", "/v1/batch", batch));
    let scheduled = r#"{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":1,"effective_date":"2099-01-01T00:00:00Z"}"#;
    ok(server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), scheduled));
    let again = ok(server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), bonus));
    for bought in [again, bought] {
        let id = bought.json["wallet_transaction"]["id"].as_str().unwrap();
        server.ask("POST", &format!("/v1/transactions/{id}/void"), "");
    }
    let limit = r#"{"overdraft_limit":"20"}"#;
    ok(server.ask("PUT", &format!("/v1/wallets/{wallet}"), limit));
    ok(server.ask("POST", &format!("/v1/wallets/{wallet}/terminate"), r#"{"force":true}"#));
    server
}

#[test]
fn every_row_of_every_record_is_found_under_its_id_in_one_shape() {
    let server = busy();
    let mut keys: Option<BTreeSet<String>> = None;
    let mut reasons: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for position in 1..=server.engine().stats().appended.0 {
        let Ok(stored) = server.wait_for(server.engine().record(FIRST, LogPosition(position))) else {
            continue;
        };
        for row in view::rows(&stored.record, stored.position) {
            let answer = ok(server.ask("GET", &format!("/v1/transactions/{}", row.id), ""));
            assert_eq!(answer.json["id"], row.id.to_string());
            assert_eq!(answer.json["customer_id"], *stored.customer.id, "{}", answer.text);
            assert_eq!(answer.json["credit_amount"], row.credits.to_string(), "{}", answer.text);
            let moves = matches!(answer.json["type"].as_str(), Some("credit" | "debit"))
                && answer.json["transaction_status"] == "completed";
            assert_eq!(answer.json["credit_balance_after"].is_string(), moves, "{}", answer.text);
            if answer.json["tranche_id"].is_string() {
                assert!(answer.json["priority"].is_u64(), "the terms of its tranche: {}", answer.text);
            }
            let shape: BTreeSet<String> = answer.json.as_object().unwrap().keys().cloned().collect();
            assert_eq!(&shape, keys.get_or_insert_with(|| shape.clone()), "{}", answer.text);
            let text = |key: &str| answer.json[key].as_str().unwrap().to_owned();
            reasons.entry(text("type")).or_default().insert(text("transaction_reason"));
            check_references(&text("transaction_reason"), &answer.json);
        }
    }
    let of = |row_type: &str| reasons[row_type].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(
        of("credit"),
        [
            "FREE_CREDIT_GRANT",
            "PURCHASED_CREDIT_BONUS",
            "PURCHASED_CREDIT_DIRECT",
            "REFUND",
            "REVERSAL",
            "TRANSFER_IN"
        ]
    );
    assert_eq!(
        of("debit"),
        [
            "CREDIT_VOIDED",
            "HOLD_CAPTURE",
            "INVOICE_PAYMENT",
            "MANUAL_BALANCE_DEBIT",
            "TRANSFER_OUT",
            "USAGE_DEBIT",
            "WALLET_TERMINATION"
        ]
    );
    assert_eq!(of("hold"), ["HOLD"]);
    assert_eq!(of("release"), ["HOLD_RELEASE"]);
    assert_eq!(of("memo"), ["UNCOLLECTED"]);
}

/// A row says what it belongs to, and nothing else.
fn check_references(reason: &str, row: &Value) {
    let of_hold = matches!(reason, "HOLD" | "HOLD_CAPTURE" | "HOLD_RELEASE" | "UNCOLLECTED");
    assert_eq!(row["hold_id"].is_string(), of_hold, "{row}");
    assert_eq!(row["transfer_id"].is_string(), reason.starts_with("TRANSFER_"), "{row}");
    let of_invoice = matches!(reason, "INVOICE_PAYMENT" | "REVERSAL");
    let source = if of_invoice { ("INVOICE".into(), "i1".into()) } else { (Value::Null, Value::Null) };
    assert_eq!((&row["source_type"], &row["source_id"]), (&source.0, &source.1), "{row}");
}
