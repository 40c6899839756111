//! Debits and holds by meter, and what budgets make of them.

use coffer::engine::{Operation, Target, TenantOperation};
use coffer_ledger::amount::{Credits, Rate, Usage};
use coffer_ledger::budget::Window;
use coffer_ledger::catalog::rate_card::Tier;
use coffer_ledger::catalog::tenant::{RateCardAsked, TenantCommand, TenantEffect};
use coffer_ledger::command::{Command, Origin, SetBudget};
use coffer_ledger::unit::Currency;
use serde_json::Value;

use crate::support::{FIRST, Server};

/// The first 1,000 tokens of a model cost 0.001 each, more of them 0.0005; its id.
fn card(server: &Server, model: &str) -> String {
    let card = RateCardAsked {
        meter: "tokens".into(),
        quantity_property: None,
        valid_from: None,
        valid_to: None,
        filters: vec![("model".into(), model.into())],
        tiers: vec![
            Tier {
                up_to: Some(Usage::parse_json("1000").unwrap()),
                credits_per_unit: Rate::parse_json("0.001").unwrap(),
            },
            Tier { up_to: None, credits_per_unit: Rate::parse_json("0.0005").unwrap() },
        ],
        minimum: Credits::ZERO,
    };
    let operation = TenantOperation::new(TenantCommand::SetRateCard { id: None, card }, Origin::default());
    let made = server.wait_for(server.engine().submit_tenant(FIRST, operation)).unwrap();
    let TenantEffect::RateCardSet(card) = &made.record.facts.effect else { panic!("no card was made") };
    card.id.to_string()
}

/// A budget of `acme` in usd with one cap.
fn budget(server: &Server, id: &str, parent: Option<&str>, window: Window, credits: &str) {
    let command = Command::SetBudget(SetBudget {
        id: Some(id.into()),
        create: true,
        parent: parent.map(Into::into),
        currency: Currency::parse("usd").unwrap(),
        price_unit: None,
        limits: vec![(window, Credits::parse_json(credits).unwrap())],
    });
    let made = server.engine().submit(FIRST, Target::Customer("acme"), Operation::new(command));
    server.wait_for(made).unwrap();
}

#[test]
fn usage_is_priced_by_the_card_that_the_reply_names() {
    let server = Server::start();
    server.wallet("acme", "10");
    let id = card(&server, "large");
    let path = "/v1/customers/acme/debits";
    let body = r#"{"meter":"tokens","quantity":1500,"properties":{"model":"large"}}"#;
    let debit = server.ask_keyed("k", "POST", path, body);
    assert_eq!((debit.status, &debit.json["credits"]), (200, &"1.25".into()), "{}", debit.text);
    assert_eq!(debit.json["rate_card"]["rate_card_id"], id);
    assert_eq!(debit.json["rate_card"]["version"], 1);
    let again = server.ask_keyed("k", "POST", path, body);
    assert_eq!((again.status, &again.text), (200, &debit.text));
    let plain = server.ask("POST", path, r#"{"credits":1}"#);
    assert_eq!(plain.json.get("rate_card"), Some(&Value::Null), "{}", plain.text);
    let unpriced =
        server.ask("POST", path, r#"{"meter":"tokens","quantity":1,"properties":{"model":"small"}}"#);
    assert_eq!((unpriced.status, unpriced.code()), (400, "validation_error"));
    assert_eq!(unpriced.json["details"]["field"], "meter");
    let hold = server.ask("POST", "/v1/customers/acme/holds", body);
    assert_eq!((hold.status, &hold.json["credits"]), (201, &"1.25".into()), "{}", hold.text);
    assert_eq!(hold.json["rate_card"]["version"], 1, "{}", hold.text);
    let batch = format!(r#"{{"operations":[{{"op":"debit","customer_id":"acme",{}]}}"#, &body[1..]);
    let batch = server.ask("POST", "/v1/batch", &batch);
    assert_eq!(batch.json["results"][0]["rate_card"]["rate_card_id"], id, "{}", batch.text);
    assert_eq!(server.figures("acme"), ["6.5", "1.25", "5.25"]);
}

#[test]
fn a_budget_refuses_what_is_about_to_happen_and_gets_back_what_did_not() {
    let server = Server::start();
    server.wallet("acme", "100");
    budget(&server, "team", None, Window::Lifetime, "10");
    budget(&server, "agent", Some("team"), Window::Day, "8");
    let debit = |credits: &str| {
        let body = format!(r#"{{"credits":{credits},"budget_id":"agent"}}"#);
        server.ask("POST", "/v1/customers/acme/debits", &body)
    };
    let taken = debit("5");
    assert_eq!(taken.status, 200, "{}", taken.text);
    let refused = debit("4");
    assert_eq!((refused.status, refused.code()), (429, "budget_exceeded"), "{}", refused.text);
    for (key, value) in [("budget_id", "agent"), ("window", "day"), ("limit", "8"), ("used", "5")] {
        assert_eq!(refused.json["details"][key], value, "{key}: {}", refused.text);
    }
    assert!(refused.json["details"]["resets_at"].is_string());
    let hold = server.ask("POST", "/v1/customers/acme/holds", r#"{"credits":3,"budget_id":"agent"}"#);
    assert_eq!((hold.status, &hold.json["budget_id"]), (201, &"agent".into()), "{}", hold.text);
    let hold = hold.json["hold_id"].as_str().unwrap();
    let grown = server.on_hold("acme", hold, "grow", r#"{"credits":1}"#);
    assert_eq!((grown.status, grown.code()), (429, "budget_exceeded"), "{}", grown.text);
    let over = server.ask("POST", "/v1/customers/acme/holds", r#"{"credits":1,"budget_id":"agent"}"#);
    assert_eq!(over.status, 429, "{}", over.text);
    assert_eq!(server.on_hold("acme", hold, "capture", r#"{"credits":1}"#).status, 200);
    let refund = format!(r#"{{"transaction_id":{},"credits":4}}"#, taken.json["transaction_id"]);
    assert_eq!(server.ask("POST", "/v1/customers/acme/refunds", &refund).status, 200);
    // 5 + 1 − 4 are used: 6 of the agent's 8 are free again.
    assert_eq!((debit("7").status, debit("6").status), (429, 200));
    let metrics = server.ask("GET", "/metrics", "");
    assert!(metrics.text.contains(r#"class="debit",status="429""#), "{}", metrics.text);
    assert_eq!(server.posted("acme"), "92");
}
