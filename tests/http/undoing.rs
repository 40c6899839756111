//! Refunds of debits, voids of credits.

use std::time::Duration;

use serde_json::Value;

use crate::bad_input::{case, check};
use crate::support::{Answer, Server};

const REFUNDS: &str = "/v1/customers/acme/refunds";

fn debit(server: &Server, body: &str) -> String {
    let debit = server.ask("POST", "/v1/customers/acme/debits", body);
    assert_eq!(debit.status, 200, "{}", debit.text);
    debit.json["transaction_id"].as_str().unwrap().to_owned()
}

/// A top-up's answer.
fn top_up(server: &Server, wallet: &str, body: &str) -> Answer {
    let topped = server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), body);
    assert_eq!(topped.status, 200, "{}", topped.text);
    topped
}

/// The id of the first row that a write made.
fn row_of(server: &Server, answer: &Answer) -> String {
    server.row_at(answer.header("x-log-position").unwrap(), false)
}

fn refund(server: &Server, transaction: &str, rest: &str) -> Answer {
    server.ask("POST", REFUNDS, &format!(r#"{{"transaction_id":"{transaction}"{rest}}}"#))
}

#[test]
fn a_refund_puts_slices_back_last_taken_first() {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    top_up(
        &server,
        &wallet,
        r#"{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":40,"expiry_date_utc":"2099-01-01T00:00:00Z"}"#,
    );
    // E7
    let taken = debit(&server, r#"{"credits":60}"#);
    let back = refund(&server, &taken, r#","credits":30,"reason":"a failed answer""#);
    assert_eq!(back.status, 200, "{}", back.text);
    for (key, value) in [
        ("debit_transaction_id", &*taken),
        ("customer_id", "acme"),
        ("credits", "30"),
        ("expired", "0"),
        ("refundable_left", "30"),
    ] {
        assert_eq!(back.json[key], value, "{key}: {}", back.text);
    }
    let slices = back.json["slices"].as_array().unwrap();
    let parts: Vec<_> = slices.iter().map(|slice| (&slice["source"], &slice["credits"])).collect();
    let expected =
        [("purchased", "20"), ("promotional", "10")].map(|(a, b)| (Value::from(a), Value::from(b)));
    assert_eq!(parts, expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
    assert_eq!(server.posted("acme"), "110");
    let row =
        server.ask("GET", &format!("/v1/transactions/{}", back.json["transaction_id"].as_str().unwrap()), "");
    for (key, value) in [
        ("type", "credit"),
        ("transaction_reason", "REFUND"),
        ("credit_amount", "30"),
        ("credit_balance_before", "80"),
        ("credit_balance_after", "110"),
        ("parent_transaction_id", &taken),
        ("description", "a failed answer"),
    ] {
        assert_eq!(row.json[key], value, "{key}: {}", row.text);
    }
    let rest = refund(&server, &taken, "");
    assert_eq!((&rest.json["credits"], &rest.json["refundable_left"]), (&"30".into(), &"0".into()));
    assert_eq!(server.posted("acme"), "140");
}

#[test]
fn more_than_is_left_of_a_debit_is_refused() {
    let server = Server::start();
    server.wallet("acme", "100");
    let taken = debit(&server, r#"{"credits":10}"#);
    let over = refund(&server, &taken, r#","credits":"10.000000000000001""#);
    assert_eq!((over.status, over.code()), (422, "over_refund"), "{}", over.text);
    assert_eq!(over.json["details"]["refundable_left"], "10");
    assert_eq!(refund(&server, &taken, r#","credits":4"#).status, 200);
    let over = refund(&server, &taken, r#","credits":7"#);
    assert_eq!((over.code(), &over.json["details"]["refundable_left"]), ("over_refund", &"6".into()));
    assert_eq!(refund(&server, &taken, "").status, 200);
    let nothing = refund(&server, &taken, "");
    assert_eq!((nothing.status, nothing.code()), (422, "over_refund"), "{}", nothing.text);
    assert_eq!(server.posted("acme"), "100");
}

#[test]
fn captures_and_manual_debits_are_refunded_too_and_credits_are_not() {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    let hold = server.hold("acme", r#"{"credits":30}"#);
    let captured = server.on_hold("acme", &hold, "capture", r#"{"credits":20}"#);
    let captured = captured.json["transaction_id"].as_str().unwrap();
    assert_eq!(refund(&server, captured, "").json["credits"], "20");
    let by_hand = server.ask("POST", &format!("/v1/wallets/{wallet}/debit"), r#"{"credits":5}"#);
    let by_hand = row_of(&server, &by_hand);
    assert_eq!(refund(&server, &by_hand, "").json["credits"], "5");
    assert_eq!(server.posted("acme"), "100");
    let credit = top_up(&server, &wallet, r#"{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":1}"#);
    let credit = row_of(&server, &credit);
    let refused = refund(&server, &credit, "");
    assert_eq!((refused.status, refused.code()), (409, "invalid_operation"), "{}", refused.text);
}

#[test]
fn a_refund_that_cannot_be_changes_nothing() {
    let server = Server::start();
    server.wallet("acme", "100");
    server.wallet("other", "100");
    let taken = debit(&server, r#"{"credits":10}"#);
    let foreign = server.ask("POST", "/v1/customers/other/debits", r#"{"credits":1}"#);
    let foreign = foreign.json["transaction_id"].as_str().unwrap();
    let of = |name, transaction: &str, rest: &str, status, code| {
        case(name, "POST", REFUNDS, &format!(r#"{{"transaction_id":"{transaction}"{rest}}}"#), status, code)
    };
    let unwritten = coffer_ledger::ids::RowId(u128::MAX >> 8).to_string();
    let cases = [
        case("no transaction", "POST", REFUNDS, "{}", 400, "validation_error"),
        of("no id", "x", "", 400, "validation_error"),
        of("a wallet's id", "wallet_01KAM3T5Q00000000100000001", "", 400, "validation_error"),
        of("another customer's", foreign, "", 404, "not_found"),
        of("no such record", &unwritten, "", 404, "not_found"),
        of("nothing", &taken, r#","credits":0"#, 422, "amount_invalid"),
        of("less", &taken, r#","credits":-1"#, 422, "amount_invalid"),
        of("NaN", &taken, r#","credits":"NaN""#, 400, "validation_error"),
        of("far too much", &taken, r#","credits":1e12"#, 422, "amount_overflow"),
        of("too fine", &taken, r#","credits":"1e-16""#, 422, "amount_precision"),
        of("no days", &taken, r#","regrant_days":0"#, 400, "validation_error"),
        of("more than a year", &taken, r#","regrant_days":367"#, 400, "validation_error"),
        of("days back", &taken, r#","regrant_days":-1"#, 400, "validation_error"),
        of("an unknown field", &taken, r#","amount":1"#, 400, "validation_error"),
        of("a long reason", &taken, &format!(r#","reason":"{}""#, "x".repeat(513)), 400, "validation_error"),
        case(
            "nobody's",
            "POST",
            "/v1/customers/nobody/refunds",
            &format!(r#"{{"transaction_id":"{taken}"}}"#),
            404,
            "not_found",
        ),
        case("a void of nothing", "POST", "/v1/transactions/x/void", "", 404, "not_found"),
        case(
            "a void of no record",
            "POST",
            &format!("/v1/transactions/{unwritten}/void"),
            "",
            404,
            "not_found",
        ),
        case(
            "a void of a debit",
            "POST",
            &format!("/v1/transactions/{taken}/void"),
            "",
            409,
            "invalid_operation",
        ),
        case(
            "a void with an amount",
            "POST",
            &format!("/v1/transactions/{taken}/void"),
            r#"{"credits":1}"#,
            400,
            "validation_error",
        ),
    ];
    check(&server, &cases);
    assert_eq!(server.posted("acme"), "90");
    let bound = server.new_key(&["debit", "read", "write"], Some("other"));
    let refused = server.ask_as(&bound, "POST", REFUNDS, &format!(r#"{{"transaction_id":"{taken}"}}"#));
    assert_eq!(refused.status, 404, "{}", refused.text);
    for scope in ["debit", "read", "admin"] {
        let key = server.new_key(&[scope], None);
        let refused = server.ask_as(&key, "POST", REFUNDS, &format!(r#"{{"transaction_id":"{taken}"}}"#));
        assert_eq!((refused.status, refused.code()), (403, "permission_denied"), "{scope}");
    }
}

#[test]
fn voiding_a_purchase_takes_back_what_is_left_of_it_and_of_its_bonus() {
    let server = Server::start();
    let wallet = server.wallet("acme", "0");
    let bought = top_up(
        &server,
        &wallet,
        r#"{"transaction_reason":"PURCHASED_CREDIT_DIRECT","credits_to_add":100,"bonus_credits_to_add":20}"#,
    );
    let credit = row_of(&server, &bought);
    debit(&server, r#"{"credits":30}"#);
    let hold = server.hold("acme", r#"{"credits":25}"#);
    let path = format!("/v1/transactions/{credit}/void");
    let appended = server.engine().stats().appended;
    let rehearsed = server.ask("POST", &format!("{path}?dry_run=true"), "");
    assert_eq!((rehearsed.status, &rehearsed.json["voided"]), (200, &"65".into()), "{}", rehearsed.text);
    assert_eq!(rehearsed.json["transaction_id"], Value::Null);
    assert_eq!(server.engine().stats().appended, appended);
    let voided = server.ask_keyed("void", "POST", &path, r#"{"reason":"charged back"}"#);
    assert_eq!(voided.status, 200, "{}", voided.text);
    for (key, value) in [("customer_id", "acme"), ("voided", "65"), ("spent", "30"), ("held", "25")] {
        assert_eq!(voided.json[key], value, "{key}: {}", voided.text);
    }
    assert_eq!(voided.json["credits"][0]["credit_transaction_id"], credit);
    assert_eq!(voided.json["credits"].as_array().unwrap().len(), 2);
    assert_eq!(server.figures("acme"), ["25", "25", "0"]);
    let row = server.ask(
        "GET",
        &format!("/v1/transactions/{}", voided.json["transaction_id"].as_str().unwrap()),
        "",
    );
    assert_eq!(row.json["transaction_reason"], "CREDIT_VOIDED", "{}", row.text);
    assert_eq!((&row.json["type"], &row.json["description"]), (&"debit".into(), &"charged back".into()));
    assert_eq!(row.json["priority"], 50, "the row knows its tranche's terms");
    let again = server.ask_keyed("void", "POST", &path, r#"{"reason":"charged back"}"#);
    assert_eq!((again.status, &again.text), (200, &voided.text));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let twice = server.ask("POST", &path, "");
    assert_eq!((twice.status, twice.code()), (409, "invalid_operation"), "{}", twice.text);
    // What the hold reserved goes when the hold lets it go.
    server.on_hold("acme", &hold, "capture", r#"{"credits":10}"#);
    assert_eq!(server.figures("acme"), ["0", "0", "0"]);
    let bound = server.new_key(&["write"], Some("acme"));
    server.wallet("other", "10");
    let foreign = server.ask("POST", "/v1/customers/other/debits", r#"{"credits":1}"#);
    let foreign = foreign.json["transaction_id"].as_str().unwrap();
    let refused = server.ask_as(&bound, "POST", &format!("/v1/transactions/{foreign}/void"), "");
    assert_eq!((refused.status, refused.code()), (404, "not_found"), "{}", refused.text);
}

#[test]
fn a_repeated_refund_gets_the_same_bytes_also_after_a_restart() {
    let mut server = Server::start();
    server.wallet("acme", "100");
    let taken = debit(&server, r#"{"credits":10}"#);
    let body = format!(r#"{{"transaction_id":"{taken}","credits":"4.0"}}"#);
    let rehearsed = server.ask_keyed("k", "POST", &format!("{REFUNDS}?dry_run=true"), &body);
    assert_eq!((rehearsed.status, &rehearsed.json["transaction_id"]), (200, &Value::Null));
    assert_eq!(server.posted("acme"), "90");
    let first = server.ask_keyed("k", "POST", REFUNDS, &body);
    assert_eq!(first.header("idempotency-replayed"), None, "{}", first.text);
    for round in 0..2 {
        let again = server.ask_keyed("k", "POST", REFUNDS, &body);
        assert_eq!((again.status, &again.text), (first.status, &first.text), "{round}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(server.posted("acme"), "94");
        server.restart();
    }
    let left = refund(&server, &taken, "");
    assert_eq!(left.json["credits"], "6", "{}", left.text);
}

#[test]
fn what_has_ended_meanwhile_is_gone_again_or_comes_as_new_credit() {
    let server = Server::start();
    let wallet = server.wallet("acme", "0");
    let ends_at = server.engine().now().plus_seconds(2);
    let ends = chrono::DateTime::from_timestamp_nanos(i64::try_from(ends_at.0).unwrap()).to_rfc3339();
    let granted = format!(
        r#"{{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":40,"expiry_date_utc":"{ends}"}}"#
    );
    let granted = top_up(&server, &wallet, &granted);
    let tranche = granted.json["wallet_transaction"]["tranche_id"].clone();
    let taken = debit(&server, r#"{"credits":40}"#);
    while server.engine().now() < ends_at {
        server.wait_for(async { tokio::time::sleep(Duration::from_millis(20)).await });
    }
    let gone = refund(&server, &taken, r#","credits":10"#);
    assert_eq!((&gone.json["credits"], &gone.json["expired"]), (&"10".into(), &"10".into()), "{}", gone.text);
    assert_eq!(gone.json["slices"][0]["tranche_id"], tranche);
    assert_eq!(server.posted("acme"), "0");
    let anew = refund(&server, &taken, r#","credits":30,"regrant_days":7"#);
    assert_eq!((&anew.json["credits"], &anew.json["expired"]), (&"30".into(), &"0".into()), "{}", anew.text);
    let slice = &anew.json["slices"][0];
    assert_ne!(slice["tranche_id"], tranche, "{}", anew.text);
    assert_eq!((&slice["source"], &slice["credits"]), (&"promotional".into(), &"30".into()));
    assert_eq!(server.posted("acme"), "30");
    let balance = server.ask("GET", "/v1/customers/acme/balance", "");
    assert_eq!(balance.json["wallets"][0]["tranches"][0]["tranche_id"], slice["tranche_id"]);
}
