//! Lists of ledger rows: the same rows as by their ids, every filter against a straight scan, pages without gaps while others write.

use std::collections::BTreeSet;

use coffer_ledger::ids::LogPosition;
use coffer_ledger::view::{self, RowStatus};
use serde_json::{Value, json};

use crate::every_row::busy;
use crate::support::{FIRST, Server};

/// Every row of these customers as `GET /v1/transactions/{id}` shows it, oldest first: the straight scan.
fn by_id(server: &Server, customers: &[&str]) -> Vec<Value> {
    let mut rows = Vec::new();
    for position in 1..=server.engine().stats().appended.0 {
        let Ok(stored) = server.wait_for(server.engine().record(FIRST, LogPosition(position))) else {
            continue;
        };
        if !customers.contains(&&*stored.customer.id) {
            continue;
        }
        for row in view::rows(&stored.record, stored.position) {
            let answer = server.ask("GET", &format!("/v1/transactions/{}", row.id), "");
            assert_eq!(answer.status, 200, "{}", answer.text);
            rows.push(as_written(answer.json, row.status));
        }
    }
    rows
}

/// A row that was not completed when it was written is shown as it is now by its id, and as it was then in a list. What of it is the
/// same both ways is compared, and the other in `purchases`.
fn as_written(mut row: Value, status: RowStatus) -> Value {
    let written = match status {
        RowStatus::Completed => return row,
        RowStatus::Pending => "pending",
        RowStatus::Scheduled => "scheduled",
    };
    assert_eq!(row["transaction_status"], row["current_status"], "{row:#}");
    row["transaction_status"] = json!(written);
    row["updated_at"] = row["recorded_at"].clone();
    for balance in ["credit_balance_before", "credit_balance_after"] {
        row[balance] = Value::Null;
    }
    row
}

fn items(server: &Server, method: &str, path: &str, body: &str) -> Vec<Value> {
    let answer = server.ask(method, path, body);
    assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text);
    let items = answer.json["items"].as_array().unwrap().clone();
    assert_eq!(answer.json["pagination"]["total"], items.len(), "{path} {body}");
    items
}

fn moves(row: &Value) -> bool {
    !row["sequence"].is_null()
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[test]
fn every_row_reads_the_same_by_its_id_and_in_a_list() {
    let server = busy();
    let expected = by_id(&server, &["acme"]);
    let ledger = items(&server, "GET", "/v1/customers/acme/ledger?limit=1000&order=asc", "");
    assert!(expected.len() > 20, "{}", expected.len());
    for (row, expected) in ledger.iter().zip(&expected) {
        assert_eq!(row, expected);
    }
    assert_eq!(ids(&ledger), ids(&expected));
    let everybody: Vec<Value> = by_id(&server, &["acme", "other"]).into_iter().filter(moves).collect();
    let found = items(&server, "POST", "/v1/wallets/transactions/search", r#"{"limit":1000,"order":"asc"}"#);
    assert_eq!(found, everybody);
    let wallet = expected[0]["wallet_id"].as_str().unwrap();
    let of_wallet: Vec<Value> = everybody.into_iter().filter(|row| row["wallet_id"] == wallet).collect();
    let path = format!("/v1/wallets/{wallet}/transactions?limit=1000&order=asc");
    assert_eq!(items(&server, "GET", &path, ""), of_wallet);
}

/// A body of a search, and what of the straight scan it must find.
type Case = (Value, Box<dyn Fn(&Value) -> bool>);

#[test]
fn a_debit_says_which_credits_paid_for_it() {
    let server = busy();
    let rows = items(&server, "GET", "/v1/customers/acme/ledger?limit=1000", "");
    let made_by =
        |tranche: &Value| rows.iter().find(|row| row["type"] == "credit" && row["tranche_id"] == *tranche);
    let mut explained = 0;
    for debit in rows.iter().filter(|row| row["type"] == "debit") {
        let slices = debit["slices"].as_array().unwrap().iter();
        let expected: Vec<Value> = slices
            .filter_map(|slice| Some((made_by(&slice["tranche_id"])?, slice)))
            .map(
                |(credit, slice)| json!({"credit_transaction_id": credit["id"], "credits": slice["credits"]}),
            )
            .collect();
        explained += expected.len();
        assert_eq!(debit["consumption_breakdown"], json!(expected), "{debit}");
    }
    assert!(explained > 10, "{explained}");
    assert!(
        rows.iter().filter(|row| row["type"] == "credit").all(|row| row["consumption_breakdown"].is_null())
    );
}

fn is(field: &'static str, value: &str) -> Box<dyn Fn(&Value) -> bool> {
    let value = value.to_owned();
    Box::new(move |row| row[field] == *value)
}

fn amount(row: &Value) -> f64 {
    row["credit_amount"].as_str().unwrap().parse().unwrap()
}

fn condition(field: &str, operator: &str, value: Value) -> Value {
    json!({"filters": [{"field": field, "operator": operator, "data_type": "string", "value": value}]})
}

fn cases(rows: &[Value]) -> Vec<Case> {
    let of = |reason: &str| rows.iter().find(|row| row["transaction_reason"] == reason).unwrap();
    let middle = rows[rows.len() / 2]["created_at"].as_str().unwrap().to_owned();
    let (from, until) = (middle.clone(), middle.clone());
    let bonus = of("PURCHASED_CREDIT_BONUS");
    let wallet = bonus["wallet_id"].as_str().unwrap();
    let (hold, by) = (of("HOLD_CAPTURE")["hold_id"].clone(), bonus["created_by"].clone());
    let priority = bonus["priority"].clone();
    let (this_hold, this_key, this_priority) = (hold.clone(), by.clone(), priority.clone());
    vec![
        (json!({"type": "credit"}), is("type", "credit")),
        (
            json!({"type": "debit", "transaction_reason": "USAGE_DEBIT"}),
            is("transaction_reason", "USAGE_DEBIT"),
        ),
        (json!({"transaction_status": "scheduled"}), Box::new(|_| false)),
        (json!({"id": wallet}), is("wallet_id", wallet)),
        (json!({"wallet_ids": [wallet, "nothing"]}), is("wallet_id", wallet)),
        (json!({"customer_id": "other"}), is("customer_id", "other")),
        (json!({"reference_id": "one"}), is("reference_id", "one")),
        (json!({"priority": priority}), Box::new(move |row| row["priority"] == this_priority)),
        (json!({"created_by": by}), Box::new(move |row| row["created_by"] == this_key)),
        (json!({"start_time": middle}), Box::new(move |row| row["created_at"].as_str() >= Some(&from))),
        (json!({"end_time": middle}), Box::new(move |row| row["created_at"].as_str() <= Some(&until))),
        (
            json!({"expiry_date_before": "2090-01-01T00:00:00Z"}),
            Box::new(|row| row["expiry_date"].is_string()),
        ),
        (
            json!({"credits_available_gt": "0"}),
            Box::new(|row| row["credits_available"].as_str().is_some_and(|left| left != "0")),
        ),
        (condition("credit_amount", "gt", json!({"string": "5"})), Box::new(|row| amount(row) > 5.0)),
        (condition("credit_amount", "gte", json!({"number": 5})), Box::new(|row| amount(row) >= 5.0)),
        (condition("credit_amount", "lt", json!({"number": 5.5})), Box::new(|row| amount(row) < 5.5)),
        (condition("credit_amount", "eq", json!({"string": "10.000"})), Box::new(|row| amount(row) == 10.0)),
        (
            condition("transaction_reason", "in", json!({"array": ["REFUND", "REVERSAL"]})),
            Box::new(|row| row["transaction_reason"] == "REFUND" || row["transaction_reason"] == "REVERSAL"),
        ),
        (
            condition("transaction_reason", "not_in", json!({"array": ["REFUND", "REVERSAL"]})),
            Box::new(|row| row["transaction_reason"] != "REFUND" && row["transaction_reason"] != "REVERSAL"),
        ),
        (condition("reference_id", "contains", json!({"string": "N"})), is("reference_id", "one")),
        (
            condition("reference_id", "not_contains", json!({"string": "n"})),
            Box::new(|row| row["reference_id"] != "one"),
        ),
        (
            condition("hold_id", "eq", json!({"string": hold})),
            Box::new(move |row| row["hold_id"] == this_hold),
        ),
        (condition("created_at", "before", json!({"date": "1999-01-01T00:00:00Z"})), Box::new(|_| false)),
        (condition("currency", "eq", json!({"string": "usd"})), is("currency", "usd")),
    ]
}

#[test]
fn every_filter_finds_what_a_straight_scan_finds() {
    let server = busy();
    let rows: Vec<Value> = by_id(&server, &["acme", "other"]).into_iter().filter(moves).collect();
    let mut found_some = 0;
    for (mut body, matches) in cases(&rows) {
        body["limit"] = json!(1000);
        let found = items(&server, "POST", "/v1/wallets/transactions/search", &body.to_string());
        let expected: Vec<Value> = rows.iter().rev().filter(|row| matches(row)).cloned().collect();
        assert_eq!(ids(&found), ids(&expected), "{body}");
        found_some += usize::from(!found.is_empty());
    }
    assert!(found_some >= 18, "{found_some} of the filters found anything");
}

#[test]
fn a_ledger_is_filtered_by_its_query() {
    let server = busy();
    let rows = by_id(&server, &["acme"]);
    for (query, field, value) in [
        ("type=hold", "type", "hold"),
        ("type=memo", "type", "memo"),
        ("transaction_status=scheduled", "transaction_status", "scheduled"),
        ("transaction_reason=HOLD_RELEASE", "transaction_reason", "HOLD_RELEASE"),
        ("reference_id=two", "reference_id", "two"),
    ] {
        let found = items(&server, "GET", &format!("/v1/customers/acme/ledger?limit=1000&{query}"), "");
        let expected: Vec<Value> = rows.iter().rev().filter(|row| row[field] == value).cloned().collect();
        assert!(!expected.is_empty(), "{query}");
        assert_eq!(found, expected, "{query}");
    }
}

#[test]
fn a_list_is_sorted_as_asked() {
    let server = busy();
    let body = json!({"limit": 1000, "sort": [{"field": "credit_amount", "direction": "desc"}]});
    let found = items(&server, "POST", "/v1/wallets/transactions/search", &body.to_string());
    assert!(found.len() > 10 && found.iter().rev().map(amount).is_sorted());
    let refused = json!({"cursor": found[0]["id"], "sort": [{"field": "credit_amount"}]});
    let refused = server.ask("POST", "/v1/wallets/transactions/search", &refused.to_string());
    assert_eq!((refused.status, refused.code()), (400, "validation_error"));
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_name() {
    let server = Server::start();
    server.wallet("acme", "1");
    for (body, named) in [
        (condition("colour", "eq", json!({"string": "red"})), "colour"),
        (condition("type", "resembles", json!({"string": "debit"})), "operator"),
        (condition("type", "gt", json!({"string": "debit"})), "type"),
        (condition("credit_amount", "contains", json!({"string": "1"})), "credit_amount"),
        (condition("credit_amount", "eq", json!({"string": "much"})), "credit_amount"),
        (json!({"start_time": "yesterday"}), "start_time"),
        (json!({"limit": 1001}), "limit"),
        (json!({"sort": [{"field": "colour"}]}), "colour"),
    ] {
        let refused = server.ask("POST", "/v1/wallets/transactions/search", &body.to_string());
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
        assert!(refused.text.contains(named), "{body}: {}", refused.text);
    }
    let misspelt = server.ask("GET", "/v1/customers/acme/ledger?tpye=credit", "");
    assert_eq!((misspelt.status, misspelt.code()), (400, "validation_error"));
    for path in ["/v1/customers/nobody/ledger", "/v1/wallets/wallet_0/transactions"] {
        assert_eq!(server.ask("GET", path, "").status, 404, "{path}");
    }
    let unknown = server.ask("POST", "/v1/wallets/transactions/search", r#"{"customer_id":"nobody"}"#);
    assert_eq!(unknown.status, 404, "{}", unknown.text);
}

#[test]
fn pages_have_no_gap_and_no_double_while_others_write() {
    let server = Server::start();
    server.wallet("acme", "100000");
    for _ in 0..60 {
        assert_eq!(server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":1}"#).status, 200);
    }
    let before = ids_of(&items(&server, "GET", "/v1/customers/acme/ledger?limit=1000", ""));
    let mut seen = Vec::new();
    let mut path = "/v1/customers/acme/ledger?limit=7".to_owned();
    loop {
        // Between any two pages somebody writes, and what was written is in the store before the next page is read.
        let written = server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":1}"#);
        let position = written.header("x-log-position").unwrap().to_owned();
        let headers = [("x-api-key", &*server.key), ("x-min-log-position", &*position)];
        let page = server.connect().ask("GET", &path, &headers, "");
        assert_eq!(page.status, 200, "{}", page.text);
        seen.extend(ids_of(page.json["items"].as_array().unwrap()));
        let Some(next) = page.json["pagination"]["next_cursor"].as_str() else { break };
        path = format!("/v1/customers/acme/ledger?limit=7&cursor={next}");
    }
    let once: BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!(once.len(), seen.len());
    assert_eq!(seen[seen.len() - before.len()..], before);
}

fn ids_of(rows: &[Value]) -> Vec<String> {
    ids(rows).into_iter().map(str::to_owned).collect()
}
