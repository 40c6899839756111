//! A row that was not completed when it was written says how far it is when it is read by its id (SEMANTICS §6), and no sum counts its
//! credit twice.

use coffer::engine::Target;
use coffer_ledger::ids::RechargeId;
use serde_json::{Value, json};

use crate::support::{FIRST, Server};

/// A purchase by invoice: its row, and the recharge.
fn buy(server: &Server, wallet: &str, more: &Value) -> (String, String) {
    let mut body = json!({"transaction_reason": "PURCHASED_CREDIT_INVOICED", "credits_to_add": "100"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let bought = server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), &body.to_string());
    assert_eq!(bought.status, 200, "{}", bought.text);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&bought.json["wallet_transaction"]["id"]), text(&bought.json["recharge_id"]))
}

fn end(server: &Server, recharge: &str, verb: &str) {
    let ended = server.ask("POST", &format!("/v1/recharges/{recharge}/{verb}"), "{}");
    assert_eq!(ended.status, 200, "{}", ended.text);
}

fn row(server: &Server, id: &str) -> Value {
    let found = server.ask("GET", &format!("/v1/transactions/{id}"), "");
    assert_eq!(found.status, 200, "{}", found.text);
    assert_eq!(found.json["current_status"], found.json["transaction_status"], "{}", found.text);
    found.json
}

fn status(server: &Server, id: &str) -> String {
    row(server, id)["transaction_status"].as_str().unwrap().to_owned()
}

/// All rows, as lists show them.
fn ledger(server: &Server) -> Vec<Value> {
    let listed = server.ask("GET", "/v1/customers/acme/ledger?limit=1000&order=asc", "");
    assert_eq!(listed.status, 200, "{}", listed.text);
    listed.json["items"].as_array().unwrap().clone()
}

/// Of an amount with few digits, thousandths.
fn thousandths(amount: &Value) -> i64 {
    let text = amount.as_str().unwrap();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<3}").parse().unwrap()
}

/// What the customer got, by two rules that must agree with the balance of one who spent nothing.
fn sums_agree(server: &Server) {
    let rows = ledger(server);
    let sum = |wanted: fn(&&Value) -> bool| {
        let credits = rows.iter().filter(|row| row["type"] == "credit").filter(wanted);
        credits.map(|row| thousandths(&row["credit_amount"])).sum::<i64>()
    };
    let posted = server.ask("GET", "/v1/customers/acme/balance", "").json["posted"].clone();
    let posted = thousandths(&posted);
    assert_eq!(sum(|row| row["transaction_status"] == "completed"), posted, "{rows:#?}");
    assert_eq!(sum(|row| !row["sequence"].is_null()), posted, "{rows:#?}");
    // As each is read by its id.
    let by_id = rows.iter().map(|row| {
        let found = server.ask("GET", &format!("/v1/transactions/{}", row["id"].as_str().unwrap()), "");
        found.json
    });
    let counted = by_id.filter(|row| row["type"] == "credit" && !row["sequence"].is_null());
    assert_eq!(counted.map(|row| thousandths(&row["credit_amount"])).sum::<i64>(), posted);
}

fn in_list<'a>(rows: &'a [Value], id: &str) -> &'a Value {
    rows.iter().find(|row| row["id"] == id).unwrap_or_else(|| panic!("{id} is not listed"))
}

#[test]
fn whoever_polls_a_purchase_sees_how_it_ends_also_after_a_restart_and_without_a_history() {
    let mut server = Server::start();
    let wallet = server.wallet("acme", "7");
    let bonus = json!({"bonus_credits_to_add": "5.5"});
    let (paid, recharge) = buy(&server, &wallet, &bonus);
    let rows = ledger(&server);
    let bonus = rows.iter().find(|row| row["parent_transaction_id"] == paid.as_str()).unwrap();
    let bonus = bonus["id"].as_str().unwrap().to_owned();
    assert_eq!((status(&server, &paid), status(&server, &bonus)), ("pending".into(), "pending".into()));
    assert_eq!(row(&server, &paid)["completed_by_transaction_id"], Value::Null);
    let (failed, of_failed) = buy(&server, &wallet, &json!({}));
    let (cancelled, of_cancelled) = buy(&server, &wallet, &json!({}));
    let (pending, _) = buy(&server, &wallet, &json!({}));
    end(&server, &recharge, "complete");
    end(&server, &of_failed, "fail");
    end(&server, &of_cancelled, "cancel");
    sums_agree(&server);

    let rows = ledger(&server);
    let completing = |begun: &str| {
        let found = rows.iter().find(|row| row["completes_transaction_id"] == begun).unwrap();
        (found["id"].clone(), found["credit_balance_before"].clone(), found["credit_balance_after"].clone())
    };
    for (id, now) in
        [(&paid, "completed"), (&failed, "failed"), (&cancelled, "cancelled"), (&pending, "pending")]
    {
        let listed = in_list(&rows, id);
        assert_eq!(listed["transaction_status"], "pending", "a list shows it as it was written");
        assert_eq!(listed["current_status"], now, "{listed:#}");
    }
    let look = |server: &Server| {
        let shown = row(server, &paid);
        let found = (
            shown["completed_by_transaction_id"].clone(),
            shown["credit_balance_before"].clone(),
            shown["credit_balance_after"].clone(),
        );
        assert_eq!((found, &shown["transaction_status"]), (completing(&paid), &json!("completed")));
        let shown = row(server, &bonus);
        assert_eq!(shown["completed_by_transaction_id"], completing(&bonus).0);
        assert_eq!(shown["credit_balance_after"], "112.5", "{shown:#}");
        assert_eq!(shown["credits_available"], "5.5");
        let others = [&failed, &cancelled, &pending].map(|id| row(server, id));
        let states = others.each_ref().map(|row| row["transaction_status"].as_str().unwrap());
        assert_eq!(states, ["failed", "cancelled", "pending"]);
        for other in &others {
            assert!(
                other["completed_by_transaction_id"].is_null() && other["credit_balance_after"].is_null()
            );
        }
    };
    look(&server);
    server.restart();
    look(&server);
    server.go_on_without_history();
    look(&server);
}

#[test]
fn a_purchase_that_the_state_has_forgotten_is_known_to_the_history() {
    let mut server = Server::start();
    let wallet = server.wallet("acme", "0");
    let (paid, of_paid) = buy(&server, &wallet, &json!({}));
    let (failed, of_failed) = buy(&server, &wallet, &json!({}));
    end(&server, &of_paid, "complete");
    end(&server, &of_failed, "fail");
    let completing = row(&server, &paid)["completed_by_transaction_id"].clone();
    for _ in 0..coffer_ledger::recharge::ENDED_KEPT_MAX {
        let (_, recharge) = buy(&server, &wallet, &json!({}));
        end(&server, &recharge, "cancel");
    }
    let (forgotten, first): (RechargeId, _) = (of_paid.parse().unwrap(), Target::Customer("acme"));
    let known =
        server.engine().read(FIRST, first, move |customer, _| customer.recharges.get(forgotten).is_some());
    assert!(!server.wait_for(known).unwrap().value, "this test is about what is forgotten");
    let shown = row(&server, &paid);
    assert_eq!(shown["transaction_status"], "completed", "its credit is there");
    assert_eq!(
        (&shown["completed_by_transaction_id"], &shown["credit_balance_after"]),
        (&completing, &json!("100"))
    );
    let spent = server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":100}"#);
    assert_eq!(spent.status, 200, "{}", spent.text);
    let shown = row(&server, &paid);
    assert_eq!(shown["transaction_status"], "completed");
    assert_eq!(
        (&shown["completed_by_transaction_id"], &shown["credit_balance_after"]),
        (&completing, &json!("100"))
    );
    assert_eq!(status(&server, &failed), "failed");
    server.go_on_without_history();
    let shown = server.ask("GET", &format!("/v1/transactions/{paid}"), "").json;
    assert_eq!(
        (&shown["transaction_status"], &shown["current_status"]),
        (&json!("pending"), &Value::Null),
        "nobody knows"
    );
}

#[test]
fn credit_that_starts_later_says_whether_it_has_started() {
    let mut server = Server::start();
    let made = server.ask("POST", "/v1/tenants", r#"{"name":"tests","test_mode":true}"#);
    server.key = made.json["key"]["key"].as_str().unwrap().to_owned();
    let to = |server: &Server, day: &str| {
        let moved =
            server.ask("POST", "/v1/test-clock", &json!({"now": format!("{day}T00:00:00Z")}).to_string());
        assert_eq!(moved.status, 200, "{}", moved.text);
    };
    to(&server, "2040-01-01");
    let wallet = server.wallet("acme", "0");
    let later = |server: &Server, day: &str| {
        let body = json!({"transaction_reason": "FREE_CREDIT_GRANT", "credits_to_add": "10", "effective_date": format!("{day}T00:00:00Z")});
        let topped = server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), &body.to_string());
        assert_eq!(topped.status, 200, "{}", topped.text);
        topped.json["wallet_transaction"]["id"].as_str().unwrap().to_owned()
    };
    let (first, second, third) =
        (later(&server, "2040-02-01"), later(&server, "2040-03-01"), later(&server, "2040-04-01"));
    // Bought now, paid before it counts.
    let (bought, recharge) = buy(&server, &wallet, &json!({"effective_date": "2040-02-15T00:00:00Z"}));
    assert_eq!(status(&server, &bought), "pending");
    end(&server, &recharge, "complete");
    assert_eq!((status(&server, &first), status(&server, &bought)), ("scheduled".into(), "scheduled".into()));
    let voided = server.ask("POST", &format!("/v1/transactions/{second}/void"), "{}");
    assert_eq!(voided.status, 200, "{}", voided.text);
    assert_eq!(status(&server, &second), "cancelled");

    to(&server, "2040-02-20");
    assert_eq!(status(&server, &first), "completed", "whether its row is written or not");
    assert_eq!(server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":110}"#).status, 200);
    to(&server, "2040-03-20");
    let look = |server: &Server| {
        let rows = ledger(server);
        let started = rows.iter().find(|row| row["completes_transaction_id"] == first.as_str()).unwrap();
        let shown = row(server, &first);
        assert_eq!(
            (&shown["completed_by_transaction_id"], &shown["credit_balance_after"]),
            (&started["id"], &json!("10"))
        );
        let shown = row(server, &bought);
        assert_eq!(shown["transaction_status"], "completed", "{shown:#}");
        assert_eq!(shown["credit_balance_after"], "110", "the balance of its start: {shown:#}");
        // The row of its payment did not move the balance either.
        let paid = rows
            .iter()
            .find(|row| row["completes_transaction_id"] == bought.as_str() && row["sequence"].is_null());
        let shown_paid = row(server, paid.unwrap()["id"].as_str().unwrap());
        assert_eq!(shown_paid["completed_by_transaction_id"], shown["completed_by_transaction_id"]);
        assert_eq!(
            (status(server, &second), status(server, &third)),
            ("cancelled".into(), "scheduled".into())
        );
    };
    look(&server);
    server.restart();
    look(&server);
}
