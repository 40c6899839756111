//! Invoices paid from credit (SEMANTICS §14, E10).

use serde_json::{Value, json};

use crate::support::{Answer, Server};

const SETTLE: &str = "/v1/customers/acme/invoices/settle";

/// Wallets U (USAGE, 40), F (FIXED, 250) and A (ALL, 30), rate 1, purchased.
fn charge_type_wallets(server: &Server) -> [String; 3] {
    [("USAGE", 40), ("FIXED", 250), ("ALL", 30)].map(|(admits, credits)| {
        let body =
            json!({"customer_id": "acme", "currency": "usd", "config": {"allowed_price_types": [admits]}});
        let made = server.ask("POST", "/v1/wallets", &body.to_string());
        assert_eq!(made.status, 200, "{}", made.text);
        let id = made.json["id"].as_str().unwrap().to_owned();
        let body = json!({"transaction_reason": "PURCHASED_CREDIT_DIRECT", "credits_to_add": credits});
        assert_eq!(server.ask("POST", &format!("/v1/wallets/{id}/top-up"), &body.to_string()).status, 200);
        id
    })
}

fn invoice(id: &str) -> String {
    json!({"invoice_id": id, "currency": "usd", "lines": [
        {"id": "usage", "amount": "100", "price_type": "USAGE"},
        {"id": "fixed", "amount": 200, "price_type": "FIXED"}]})
    .to_string()
}

/// Wallet and credits of each part of a line.
fn parts(line: &Value) -> Vec<(&str, &str)> {
    let parts = line["wallets"].as_array().unwrap().iter();
    parts.map(|part| (part["wallet_id"].as_str().unwrap(), part["credits"].as_str().unwrap())).collect()
}

#[test]
fn e10_each_line_is_paid_by_the_wallets_that_admit_it() {
    let server = Server::start();
    let [usage, fixed, all] = charge_type_wallets(&server);
    let settled = server.ask("POST", SETTLE, &invoice("inv-1"));
    assert_eq!(settled.status, 200, "{}", settled.text);
    assert_eq!(settled.json["status"], "settled");
    assert_eq!((&settled.json["paid"], &settled.json["shortfall"]), (&json!("270"), &json!("30")));
    let lines = settled.json["lines"].as_array().unwrap();
    assert_eq!(parts(&lines[0]), [(&*usage, "40"), (&*all, "30")]);
    assert_eq!((&lines[0]["paid"], &lines[0]["shortfall"]), (&json!("70"), &json!("30")));
    assert_eq!(parts(&lines[1]), [(&*fixed, "200")]);
    assert_eq!(lines[1]["wallets"][0]["slices"][0]["source"], "purchased");
    assert_eq!(server.posted("acme"), "50");

    let id = lines[1]["wallets"][0]["transaction_id"].as_str().unwrap();
    let row = server.ask("GET", &format!("/v1/transactions/{id}"), "");
    assert_eq!(row.json["transaction_reason"], "INVOICE_PAYMENT", "{}", row.text);
    assert_eq!((&row.json["wallet_id"], &row.json["credit_amount"]), (&json!(fixed), &json!("200")));

    let shown = server.ask("GET", "/v1/customers/acme/invoices/inv-1", "");
    assert_eq!(shown.json, settled.json, "{}", shown.text);
}

#[test]
fn an_invoice_is_settled_once_whatever_the_key_is() {
    let server = Server::start();
    charge_type_wallets(&server);
    let first = server.ask_keyed("a", "POST", SETTLE, &invoice("inv-1"));
    for again in [
        server.ask_keyed("a", "POST", SETTLE, &invoice("inv-1")),
        server.ask_keyed("b", "POST", SETTLE, &invoice("inv-1")),
        server.ask("POST", SETTLE, &invoice("inv-1")),
    ] {
        assert_eq!((again.status, &again.text), (200, &first.text));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
    }
    let other = invoice("inv-1").replace("200", "201");
    let refused = server.ask("POST", SETTLE, &other);
    assert_eq!((refused.status, refused.code()), (409, "already_exists"), "{}", refused.text);
    assert_eq!(server.posted("acme"), "50");
}

#[test]
fn a_voided_invoice_gives_back_all_and_its_id_stays_used() {
    let server = Server::start();
    charge_type_wallets(&server);
    assert_eq!(server.ask("POST", SETTLE, &invoice("inv/1")).status, 200);
    let void = |key: &str| server.ask_keyed(key, "POST", "/v1/customers/acme/invoices/inv%2F1/void", "");
    let voided = void("v");
    assert_eq!(voided.status, 200, "{}", voided.text);
    assert_eq!((&voided.json["status"], &voided.json["credits"]), (&json!("voided"), &json!("270")));
    assert_eq!(voided.json["slices"].as_array().unwrap().len(), 3);
    assert_eq!(server.posted("acme"), "320");
    let again = void("v");
    assert_eq!((again.status, &again.text), (200, &voided.text));
    let refused = void("w");
    assert_eq!((refused.status, refused.code()), (409, "invalid_operation"), "{}", refused.text);
    let shown = server.ask("GET", "/v1/customers/acme/invoices/inv%2F1", "");
    assert_eq!(shown.json["status"], "voided", "{}", shown.text);
    assert!(shown.json["voided_at"].is_string());
    let settled = server.ask("POST", SETTLE, &invoice("inv/1"));
    assert_eq!(settled.header("idempotency-replayed"), Some("true"), "{}", settled.text);
    assert_eq!(server.posted("acme"), "320", "settled again is not paid again");
}

#[test]
fn what_cannot_be_settled_is_refused() {
    let server = Server::start();
    server.wallet("acme", "10");
    let of = |lines: Value| json!({"invoice_id": "i", "currency": "usd", "lines": lines}).to_string();
    let line = |amount: Value| of(json!([{"id": "l", "amount": amount, "price_type": "USAGE"}]));
    let refused = |answer: Answer| (answer.status, answer.code().to_owned());
    for (body, status, code) in [
        (of(json!([])), 400, "validation_error"),
        (line(json!("0")), 422, "amount_invalid"),
        (line(json!("-1")), 422, "amount_invalid"),
        (line(json!("NaN")), 400, "validation_error"),
        (line(json!("1000000000000")), 422, "amount_overflow"),
        (line(json!("0.0000000000000001")), 422, "amount_precision"),
        (line(json!("0.001")), 400, "validation_error"),
        (of(json!([{"id": "", "amount": 1, "price_type": "USAGE"}])), 400, "validation_error"),
        (of(json!([{"id": "l", "amount": 1, "price_type": "ALL"}])), 400, "validation_error"),
        (of(json!([{"id": "l", "amount": 1}])), 400, "validation_error"),
        (line(json!("1")).replace("\"i\"", "\"settle\""), 400, "validation_error"),
        (line(json!("1")).replace("usd", "dollar"), 400, "validation_error"),
        (line(json!("1")).replace("lines", "rows"), 400, "validation_error"),
    ] {
        assert_eq!(refused(server.ask("POST", SETTLE, &body)), (status, code.to_owned()), "{body}");
    }
    let twice = of(
        json!([{"id": "l", "amount": 1, "price_type": "USAGE"}, {"id": "l", "amount": 1, "price_type": "USAGE"}]),
    );
    assert_eq!(server.ask("POST", SETTLE, &twice).status, 400);
    for (method, path) in [
        ("GET", "/v1/customers/acme/invoices/none"),
        ("POST", "/v1/customers/acme/invoices/none/void"),
        ("POST", "/v1/customers/nobody/invoices/settle"),
    ] {
        let body = if path.ends_with("settle") { line(json!("1")) } else { String::new() };
        assert_eq!(refused(server.ask(method, path, &body)), (404, "not_found".to_owned()), "{path}");
    }
    let rehearsed = server.ask("POST", &format!("{SETTLE}?dry_run=true"), &line(json!("4")));
    assert_eq!(rehearsed.status, 200, "{}", rehearsed.text);
    assert_eq!(rehearsed.json["lines"][0]["wallets"][0]["transaction_id"], Value::Null);
    assert_eq!(server.ask("GET", "/v1/customers/acme/invoices/i", "").status, 404);
    assert_eq!(server.posted("acme"), "10");
}
