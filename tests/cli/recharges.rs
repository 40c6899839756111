//! What a debit sets off is in its own record, on a real server's disk; and what the tools make of such a log.

use serde_json::{Value, json};

use crate::audit::ask;
use crate::program::{Place, Server, ended, program};

/// A server that stopped after recharges that were direct, pending, paid, refused and failed; the customer's balance at the end.
fn used(place: &Place) -> Value {
    let server = Server::start(place);
    let post = |path: &str, body: &Value| {
        let (status, reply) = ask(&server, "POST", path, &body.to_string());
        assert!(status < 300, "{path}: {status} {reply}");
        reply
    };
    let rule = json!({"threshold": 20, "amount": 100, "invoicing": true});
    let alerts = json!({"warning": {"threshold": 40}, "critical": {"threshold": 5}});
    let wallet = post(
        "/wallets",
        &json!({"customer_id": "acme", "currency": "usd", "initial_credits_to_load": 50, "auto_topup": rule, "alert_settings": alerts}),
    );
    let wallet = wallet["id"].as_str().unwrap();
    let debit = |credits: &str| post("/customers/acme/debits", &json!({"credits": credits}));
    let begun = debit("30.000000000000001")["recharge"]["recharge_id"].clone();
    post(&format!("/recharges/{}/complete", begun.as_str().unwrap()), &json!({}));
    let direct = json!({"auto_topup": {"invoicing": false}});
    let (status, reply) = ask(&server, "PUT", &format!("/wallets/{wallet}"), &direct.to_string());
    assert_eq!(status, 200, "{reply}");
    debit("100");
    // More than there is, and one amount lets it pass.
    debit("150");
    let spent = post(
        &format!("/wallets/{wallet}/top-up"),
        &json!({"credits_to_add": "7", "transaction_reason": "PURCHASED_CREDIT_INVOICED"}),
    );
    post(&format!("/recharges/{}/fail", spent["recharge_id"].as_str().unwrap()), &json!({}));
    // One whose credit is there before its payment, spent in part, and then never paid: what was spent is debt.
    let (status, reply) = ask(&server, "PUT", "/settings", r#"{"payment_result":true}"#);
    assert_eq!(status, 200, "{reply}");
    let trusted = debit("60")["recharge"]["recharge_id"].clone();
    debit("100");
    post(&format!("/recharges/{}/fail", trusted.as_str().unwrap()), &json!({"reason": "card_declined"}));
    let balance = ask(&server, "GET", "/customers/acme/balance", "").1;
    assert!(server.stop().success());
    balance
}

#[test]
fn a_debits_record_holds_the_alert_and_the_recharge_that_it_set_off() {
    let place = Place::new();
    used(&place);
    let dump = place.run(&["wal", "dump", "--json"]).ok().out;
    let records: Vec<Value> = dump.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let debits: Vec<&Value> = records.iter().filter(|record| record["command"] == "debit").collect();
    assert_eq!(debits.len(), 5);
    let began = |set_off: &Value| set_off["recharges"].as_array().unwrap().len();
    let first = &debits[0]["set_off"];
    let recharge = &first["recharges"][0];
    assert_eq!(
        (&recharge["status"], &recharge["origin"], began(first)),
        (&json!("pending"), &json!("auto"), 1)
    );
    let alert = &first["alerts"][0];
    assert_eq!((&alert["from"], &alert["to"]), (&json!("ok"), &json!("warning")));
    assert_eq!((&alert["posted"], &first["alert_state"]), (&json!("19.999999999999999"), &json!("warning")));
    // The direct one is there in the debit's own record, so no alert changed.
    let second = &debits[1]["set_off"];
    assert_eq!((&second["recharges"][0]["status"], began(second)), (&json!("completed"), 1));
    assert_eq!((&second["alerts"], &second["alert_state"]), (&json!([]), &json!("ok")));
    // Without it the debit would have been refused.
    let third = &debits[2]["set_off"];
    assert_eq!((&third["recharge_before"]["status"], began(third)), (&json!("completed"), 0));
    let (fourth, fifth) = (&debits[3]["set_off"], &debits[4]["set_off"]);
    assert_eq!((&fourth["recharges"][0]["status"], began(fourth)), (&json!("pending"), 1));
    assert_eq!((&fifth["held_back"][0]["reason"], began(fifth)), (&json!("in_flight"), 0));
    let failed = &records.iter().rfind(|record| record["command"] == "fail_recharge").unwrap()["set_off"];
    assert_eq!(failed["held_back"][0]["reason"], "backing_off");
    assert_eq!(
        (&failed["alerts"][0]["from"], &failed["alerts"][0]["to"]),
        (&json!("warning"), &json!("in_alarm"))
    );
    // Nobody else's record began one of a rule.
    let others = records.iter().filter(|record| record["command"] != "debit" && !record["set_off"].is_null());
    for other in others {
        assert!(other["set_off"]["recharge_before"].is_null() && began(&other["set_off"]) == 0, "{other:#}");
    }
}

#[test]
fn a_log_with_recharges_is_decided_again_looked_back_at_and_booked() {
    let place = Place::new();
    let balance = used(&place);
    let posted = "-90.000000000000001";
    assert_eq!((&balance["posted"], &balance["debt"]), (&json!(posted), &json!(&posted[1..])), "{balance:#}");
    let again = place.run(&["replay", "--json"]).ok().json();
    assert_eq!((&again["differing"], again["records"].as_u64() > Some(6)), (&json!(0), true), "{again}");
    let now = place.run(&["as-of", "acme", "--at", &last_record(&place), "--json"]).ok().json();
    assert_eq!(now["balance"]["posted"], posted);
    assert_eq!(now["balance"]["pending"], "0");
    let ever = ["--from", "2020-01-01T00:00:00Z", "--to", "2200-01-01T00:00:00Z", "--json"];
    let books = place.run(&[&["books"], &ever[..]].concat()).ok().json();
    let unit = &books["units"][0];
    assert_eq!(unit["debt"]["closing"], posted[1..], "{books:#}");
    assert_eq!(unit["revenue"]["deferred_closing"], "0", "{books:#}");
    let sources = unit["sources"].as_array().unwrap();
    assert!(sources.iter().all(|source| source["closing"]["credits"] == "0"), "{books:#}");
    // What was bought and never paid came in by its record, and what failed before it was paid is in no figure.
    let purchased = sources.iter().find(|source| source["source"] == "purchased").unwrap();
    assert_eq!(
        (&purchased["issued"]["paid"], &purchased["voided"]["paid"]),
        (&json!("400"), &json!("9.999999999999999"))
    );
    let account = |number: u64| {
        let found = unit["accounts"].as_array().unwrap().iter().find(|one| one["account"] == number).unwrap();
        found["closing"].clone()
    };
    assert_eq!((account(1_000), account(2_100)), (json!("400"), json!("-9.999999999999999")));
    let with_history = |args: &[&str]| {
        let mut command = program();
        command.args(args).arg("--data-dir").arg(place.data()).env("COFFER_HISTORY_ENABLED", "true");
        ended(&mut command).ok()
    };
    with_history(&["history", "rebuild"]);
    with_history(&["history", "verify"]);
}

fn last_record(place: &Place) -> String {
    place.run(&["wal", "stat", "--json"]).ok().json()["last_record"].to_string()
}
