//! Alerts, invoiced purchases and automatic top-up over HTTP (SEMANTICS §6, §11, §12).

use serde_json::{Value, json};

use crate::support::{Answer, Server};

fn wallet(server: &Server, customer: &str, more: &Value) -> String {
    let mut body = json!({"customer_id": customer, "currency": "usd", "conversion_rate": 1});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = server.ask("POST", "/v1/wallets", &body.to_string());
    assert_eq!(made.status, 200, "{}", made.text);
    made.json["id"].as_str().unwrap().to_owned()
}

fn debit(server: &Server, customer: &str, credits: &str) -> Answer {
    let body = json!({"credits": credits}).to_string();
    server.ask("POST", &format!("/v1/customers/{customer}/debits"), &body)
}

fn top_up(server: &Server, wallet: &str, reason: &str, credits: &str) -> Value {
    let body = json!({"transaction_reason": reason, "credits_to_add": credits}).to_string();
    let topped = server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), &body);
    assert_eq!(topped.status, 200, "{}", topped.text);
    topped.json
}

fn balance(server: &Server, customer: &str) -> Value {
    server.ask("GET", &format!("/v1/customers/{customer}/balance"), "").json
}

fn recharges(server: &Server, wallet: &str) -> Value {
    server.ask("GET", &format!("/v1/recharges?wallet_id={wallet}"), "").json["items"].clone()
}

#[test]
fn the_request_that_product_people_know_by_heart_works_to_the_letter() {
    let server = Server::start();
    let body = r#"{"customer_id":"cust_ABC123","currency":"usd","conversion_rate":1,"wallet_type":"PRE_PAID",
 "auto_topup":{"amount":7954.136132619662,"enabled":true,"invoicing":true,"threshold":181.8940595834384}}"#;
    let made = server.ask("POST", "/v1/wallets", body);
    assert_eq!(made.status, 200, "{}", made.text);
    assert_eq!(
        made.json["auto_topup"],
        json!({"amount": "7954.136132619662", "enabled": true, "invoicing": true, "threshold": "181.8940595834384",
               "cooldown": null, "max_amount": null, "max_count": 24, "max_failures": 3, "target_balance": null})
    );
    let wallet = made.json["id"].as_str().unwrap();
    top_up(&server, wallet, "FREE_CREDIT_GRANT", "200");
    let debited = debit(&server, "cust_ABC123", "18.1059404165616");
    assert_eq!(debited.json["balance_after"], "181.8940595834384");
    assert_eq!(debited.json["recharge"]["credits"], "7954.136132619662", "{}", debited.text);
    assert_eq!(debited.json["recharge"]["status"], "pending");
    let recharge = &recharges(&server, wallet)[0];
    assert_eq!(
        (&recharge["charged"], &recharge["credits"]),
        (&json!("7954.14"), &json!("7954.136132619662"))
    );
    assert_eq!((&recharge["origin"], &recharge["status"]), (&json!("auto"), &json!("pending")));
    assert!(recharge["invoice_id"].as_str().unwrap().starts_with("inv_"));
    let id = recharge["recharge_id"].as_str().unwrap();
    let paid = server.ask("POST", &format!("/v1/recharges/{id}/complete"), "");
    assert_eq!((paid.status, &paid.json["status"]), (200, &json!("completed")), "{}", paid.text);
    assert_eq!(balance(&server, "cust_ABC123")["posted"], "8136.0301922031004");
}

#[test]
fn an_invoiced_top_up_waits_and_ends_once() {
    let server = Server::start();
    let id = wallet(&server, "acme", &json!({}));
    let topped = top_up(&server, &id, "PURCHASED_CREDIT_INVOICED", "100");
    assert_eq!(topped["wallet_transaction"]["transaction_status"], "pending", "{topped}");
    assert_eq!(topped["wallet_transaction"]["transaction_reason"], "PURCHASED_CREDIT_INVOICED");
    assert_eq!(topped["wallet_transaction"]["credits_available"], "0");
    assert_eq!(topped["wallet"]["credit_balance"], "0");
    let shown = balance(&server, "acme");
    assert_eq!((&shown["posted"], &shown["pending"]), (&json!("0"), &json!("100")));
    assert_eq!(debit(&server, "acme", "1").status, 402);

    let recharge = topped["recharge_id"].as_str().unwrap();
    let path = format!("/v1/recharges/{recharge}/complete");
    let paid = server.ask_keyed("pay-1", "POST", &path, "");
    assert_eq!((paid.status, &paid.json["origin"]), (200, &json!("top_up")), "{}", paid.text);
    let again = server.ask_keyed("pay-1", "POST", &path, "");
    assert_eq!((again.status, &again.text), (200, &paid.text));
    let twice = server.ask("POST", &path, "");
    assert_eq!((twice.status, twice.code()), (400, "invalid_operation"), "{}", twice.text);
    let shown = balance(&server, "acme");
    assert_eq!((&shown["posted"], &shown["pending"]), (&json!("100"), &json!("0")));

    for (verb, status) in [("fail", "failed"), ("cancel", "cancelled")] {
        let topped = top_up(&server, &id, "PURCHASED_CREDIT_INVOICED", "5");
        let recharge = topped["recharge_id"].as_str().unwrap();
        let ended = server.ask("POST", &format!("/v1/recharges/{recharge}/{verb}"), "{}");
        assert_eq!((ended.status, &ended.json["status"]), (200, &json!(status)), "{}", ended.text);
    }
    let failed = server.ask("GET", &format!("/v1/recharges?wallet_id={id}&status=failed"), "");
    assert_eq!(failed.json["pagination"]["total"], 1, "{}", failed.text);
    assert_eq!(failed.json["items"][0]["reason"], "payment_failed");
    assert_eq!(balance(&server, "acme")["posted"], "100");
}

#[test]
fn a_recharge_is_nobodys_in_another_tenant_and_to_a_key_of_another_customer() {
    let server = Server::start();
    let id = wallet(&server, "acme", &json!({}));
    wallet(&server, "other", &json!({}));
    let topped = top_up(&server, &id, "PURCHASED_CREDIT_INVOICED", "100");
    let path = format!("/v1/recharges/{}/complete", topped["recharge_id"].as_str().unwrap());
    let bound = server.new_key(&["write"], Some("other"));
    let refused = server.ask_as(&bound, "POST", &path, "");
    assert_eq!((refused.status, refused.code()), (404, "not_found"), "{}", refused.text);
    let tenant = server.ask("POST", "/v1/tenants", r#"{"name":"second"}"#);
    let foreign = tenant.json["key"]["key"].as_str().unwrap();
    let refused = server.ask_as(foreign, "POST", &path, "");
    assert_eq!((refused.status, refused.code()), (404, "not_found"), "{}", refused.text);
    let nobodys = server.ask("POST", "/v1/recharges/rchg_00000000000000000000000000/complete", "");
    assert_eq!((nobodys.status, nobodys.code()), (404, "not_found"));
    assert_eq!(server.ask("POST", "/v1/recharges/x/fail", "").status, 404);
}

#[test]
fn a_debit_shows_its_alert_and_the_changes_are_found() {
    let server = Server::start();
    let alerts = json!({"info": {"threshold": 50}, "warning": {"threshold": "20", "condition": "below"}, "critical": {"threshold": 5}});
    let id = wallet(&server, "acme", &json!({"alert_settings": alerts, "initial_credits_to_load": "100"}));
    assert_eq!(debit(&server, "acme", "10").json["alert_state"], "ok");
    let debited = debit(&server, "acme", "75");
    assert_eq!((&debited.json["alert_state"], &debited.json["recharge"]), (&json!("warning"), &Value::Null));
    assert_eq!(debit(&server, "acme", "1").json["alert_state"], "warning");
    let shown = server.ask("GET", &format!("/v1/wallets/{id}"), "").json;
    assert_eq!(
        (&shown["alert_state"], &shown["alert_settings"]["alert_enabled"]),
        (&json!("warning"), &json!(true))
    );
    assert_eq!(balance(&server, "acme")["wallets"][0]["alert_state"], "warning");
    let topped = top_up(&server, &id, "FREE_CREDIT_GRANT", "100");
    assert_eq!(topped["wallet"]["alert_state"], "ok");

    let search = |body: Value| server.ask("POST", "/v1/alerts/search", &body.to_string()).json;
    let found = search(json!({"entity_id": id, "order": "asc"}));
    let states: Vec<_> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["alert_status"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["warning", "ok"], "{found}");
    assert_eq!(found["items"][0]["alert_info"]["value_at_time"], "15");
    assert_eq!(search(json!({"customer_id": "acme", "alert_status": "warning"}))["pagination"]["total"], 1);
    assert_eq!(search(json!({}))["pagination"]["total"], 2);
    assert_eq!(search(json!({"entity_id": "wallet_x"}))["pagination"]["total"], 0);
    assert_eq!(search(json!({"alert_type": "low_ongoing_balance"}))["pagination"]["total"], 0);
    let unclear = server.ask("GET", "/v1/wallets?alert_enabled=True", "");
    assert_eq!((unclear.status, &unclear.json["details"]["field"]), (400, &json!("alert_enabled")));
    let listed = server.ask("POST", "/v1/wallets/search", r#"{"alert_enabled":true}"#);
    assert_eq!(listed.json["pagination"]["total"], 1);
}

#[test]
fn a_refused_debit_names_the_recharge_that_it_began() {
    let server = Server::start();
    let rule = json!({"threshold": 20, "amount": 100, "invoicing": true});
    let id = wallet(&server, "acme", &json!({"auto_topup": rule, "initial_credits_to_load": 45}));
    let refused = debit(&server, "acme", "50");
    assert_eq!((refused.status, refused.code()), (402, "insufficient_credits"), "{}", refused.text);
    let begun = recharges(&server, &id)[0].clone();
    assert_eq!(refused.json["details"]["recharge_id"], begun["recharge_id"]);
    assert_eq!(debit(&server, "acme", "50").json["details"].get("recharge_id"), None, "one is in flight");
    let path = format!("/v1/recharges/{}/complete", begun["recharge_id"].as_str().unwrap());
    assert_eq!(server.ask("POST", &path, "").status, 200);
    assert_eq!(debit(&server, "acme", "50").json["balance_after"], "95");
}

#[test]
fn a_direct_recharge_is_one_record_with_its_debit_and_its_reply_replays() {
    let server = Server::start();
    let rule = json!({"threshold": 20, "amount": 100, "invoicing": false});
    wallet(&server, "acme", &json!({"auto_topup": rule, "initial_credits_to_load": 45}));
    let path = "/v1/customers/acme/debits";
    let first = server.ask_keyed("d1", "POST", path, r#"{"credits":50}"#);
    assert_eq!(first.json["balance_after"], "95", "{}", first.text);
    assert_eq!(first.json["recharge"]["status"], "completed");
    let again = server.ask_keyed("d1", "POST", path, r#"{"credits":50}"#);
    assert_eq!(again.text, first.text);
    let transaction = first.json["transaction_id"].as_str().unwrap();
    let row = server.ask("GET", &format!("/v1/transactions/{transaction}"), "");
    assert_eq!((row.status, &row.json["type"]), (200, &json!("debit")), "{}", row.text);
    let tranche = &balance(&server, "acme")["wallets"][0]["tranches"];
    let bought = tranche.as_array().unwrap().iter().find(|one| one["source"] == "purchased").unwrap();
    let credit =
        server.ask("GET", &format!("/v1/transactions/{}", bought["transaction_id"].as_str().unwrap()), "");
    assert_eq!(credit.json["transaction_reason"], "PURCHASED_CREDIT_DIRECT", "{}", credit.text);
    let refund = json!({"transaction_id": transaction}).to_string();
    let refunded = server.ask("POST", "/v1/customers/acme/refunds", &refund);
    assert_eq!((refunded.status, &refunded.json["credits"]), (200, &json!("50")), "{}", refunded.text);
}

#[test]
fn what_holds_a_recharge_back_can_be_read_and_resumed() {
    let server = Server::start();
    let rule = json!({"threshold": 20, "amount": 100, "invoicing": true, "max_failures": 1, "cooldown": {"value": 1, "unit": "minute"}});
    let id = wallet(&server, "acme", &json!({"auto_topup": rule, "initial_credits_to_load": 25}));
    let begun = debit(&server, "acme", "10");
    let path = format!("/v1/recharges/{}/fail", begun.json["recharge"]["recharge_id"].as_str().unwrap());
    assert_eq!(server.ask("POST", &path, "").status, 200);
    assert_eq!(debit(&server, "acme", "1").json["recharge"], Value::Null);
    let shown = server.ask("GET", &format!("/v1/wallets/{id}"), "").json;
    let state = &shown["auto_topup_state"];
    assert_eq!((&state["suspended"], &state["failures"]), (&json!(true), &json!(1)), "{shown}");
    assert_eq!(state["held_back"]["reason"], "suspended");
    assert!(recharges(&server, &id)[0]["next_attempt_at"].is_string());
    let resume = format!("/v1/wallets/{id}/auto-topup/resume");
    assert_eq!(server.ask("POST", &resume, "").status, 200);
    let twice = server.ask("POST", &resume, "");
    assert_eq!((twice.status, twice.code()), (400, "invalid_operation"));
    assert_eq!(debit(&server, "acme", "1").json["recharge"], Value::Null, "the cooldown holds");
    let shown = server.ask("GET", &format!("/v1/wallets/{id}"), "").json;
    assert_eq!(shown["auto_topup_state"]["held_back"]["reason"], "cooldown");
    let off = server.ask("PUT", &format!("/v1/wallets/{id}"), r#"{"auto_topup":{"cooldown":{"value":0}}}"#);
    assert_eq!(off.json["auto_topup"]["cooldown"], Value::Null, "{}", off.text);
    assert_eq!(debit(&server, "acme", "1").json["recharge"]["status"], "pending");
}

#[test]
fn a_tenants_settings_decide_whether_credit_is_trusted() {
    let server = Server::start();
    let set = server.ask("PUT", "/v1/settings", r#"{"auto_complete":true,"payment_result":true}"#);
    assert_eq!((set.status, &set.json["auto_complete"]), (200, &json!(true)), "{}", set.text);
    let id = wallet(&server, "acme", &json!({}));
    let topped = top_up(&server, &id, "PURCHASED_CREDIT_INVOICED", "100");
    assert_eq!(topped["wallet"]["credit_balance"], "100", "{topped}");
    assert_eq!(debit(&server, "acme", "30").status, 200);
    let recharge = topped["recharge_id"].as_str().unwrap();
    assert_eq!(recharges(&server, &id)[0]["status"], "pending");
    let failed = server.ask("POST", &format!("/v1/recharges/{recharge}/fail"), "");
    assert_eq!((failed.status, &failed.json["status"]), (200, &json!("failed")), "{}", failed.text);
    let shown = balance(&server, "acme");
    assert_eq!((&shown["posted"], &shown["debt"]), (&json!("-30"), &json!("30")));
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    let server = Server::start();
    let refused = |more: Value| {
        let mut body = json!({"customer_id": "acme", "currency": "usd"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = server.ask("POST", "/v1/wallets", &body.to_string());
        (answer.status, answer.json["details"]["field"].as_str().unwrap_or_default().to_owned())
    };
    let bad = |field: &str| (400, field.to_owned());
    assert_eq!(refused(json!({"auto_topup": {"enabled": true}})), bad("auto_topup.threshold"));
    assert_eq!(refused(json!({"auto_topup": {"threshold": 1, "amount": 2}})), bad("auto_topup.invoicing"));
    let rule = json!({"threshold": 10, "amount": 5, "invoicing": false, "target_balance": 10});
    assert_eq!(refused(json!({"auto_topup": rule})), bad("auto_topup.target_balance"));
    let rule = json!({"threshold": 10, "amount": 5, "invoicing": false, "max_count": 0});
    assert_eq!(refused(json!({"auto_topup": rule})), bad("auto_topup.max_count"));
    assert_eq!(refused(json!({"alert_settings": {"alert_enabled": true}})), bad("alert_settings"));
    let levels = json!({"critical": {"threshold": 5}, "warning": {"threshold": 1}});
    assert_eq!(refused(json!({"alert_settings": levels})), bad("alert_settings"));
    let mixed = json!({"critical": {"threshold": 5, "condition": "above"}, "warning": {"threshold": 1}});
    assert_eq!(refused(json!({"alert_settings": mixed})), bad("alert_settings"));
    assert_eq!(refused(json!({"auto_topup": {"threshold": 1, "amount": 0, "invoicing": true}})).0, 400);
    assert_eq!(
        refused(json!({"auto_topup": {"enabled": false}, "alert_settings": {"alert_enabled": false}})).0,
        200
    );
}
