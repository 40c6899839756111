//! What is misspelt, given twice, or given in another shape is refused, never half understood.

use serde_json::json;

use crate::support::Server;

#[test]
fn a_misspelt_or_contradictory_dry_run_freezes_nothing() {
    let server = Server::start();
    let wallet = server.wallet("acme", "10");
    let path = format!("/v1/wallets/{wallet}/freeze");
    for (query, body) in
        [("?dryrun=true", ""), ("?dry_run=false&dry_run=true", ""), ("", r#"{"dry_run":true}"#)]
    {
        let refused = server.ask("POST", &format!("{path}{query}"), body);
        assert_eq!((refused.status, refused.code()), (400, "validation_error"), "{query} {body}");
    }
    assert_eq!(server.ask("POST", &format!("{path}?dry_run=true&dry_run=true"), "").status, 200);
    assert_eq!(server.ask("GET", &format!("/v1/wallets/{wallet}"), "").json["wallet_status"], "active");
}

#[test]
fn a_body_is_an_object() {
    let server = Server::start();
    server.wallet("acme", "10");
    let array = format!("[null,null,\"1\"{}]", ",null".repeat(16));
    for body in [&*array, "null", "1", "\"x\""] {
        let refused = server.ask("POST", "/v1/customers/acme/debits", body);
        assert_eq!((refused.status, refused.code()), (400, "validation_error"), "{body}");
        assert_eq!(refused.json["detail"], "the body is no JSON object", "{body}");
        let batch = server.ask("POST", "/v1/debits/batch", &format!(r#"{{"debits":[{body}]}}"#));
        assert_eq!(batch.json["results"][0]["status"], 400, "{body}: {}", batch.text);
    }
    assert_eq!(server.posted("acme"), "10");
}

#[test]
fn a_setting_that_is_null_goes_back_to_its_default() {
    let server = Server::start();
    let defaults = server.ask("GET", "/v1/settings", "").json;
    let priorities = json!({"purchased": 7, "refund": 9});
    let changed = server.ask(
        "PUT",
        "/v1/settings",
        &json!({"auto_complete": true, "payment_result": true, "default_priorities": priorities}).to_string(),
    );
    assert_eq!(changed.json["auto_complete"], true, "{}", changed.text);
    let one = server.ask("PUT", "/v1/settings", r#"{"default_priorities":{"refund":null}}"#);
    assert_eq!(one.json["default_priorities"]["refund"], defaults["default_priorities"]["refund"]);
    assert_eq!(one.json["default_priorities"]["purchased"], 7, "{}", one.text);
    let body = r#"{"auto_complete":null,"payment_result":null,"default_priorities":null}"#;
    assert_eq!(server.ask("PUT", "/v1/settings", body).json, defaults);
}

#[test]
fn a_grant_takes_its_new_amount_by_either_name() {
    let server = Server::start();
    let wallet = server.wallet("acme", "0");
    let grant = json!({"name": "n", "scope": "WALLET", "wallet_id": wallet, "credit_amount": 50,
        "currency": "usd", "cadence": "RECURRING", "period": "MONTHLY"});
    let made = server.ask("POST", "/v1/creditgrants", &grant.to_string());
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("/v1/creditgrants/{}", made.json["id"].as_str().unwrap());
    for (name, amount) in [("credit_amount", "70"), ("credits", "80")] {
        let changed = server.ask("PUT", &path, &json!({name: amount}).to_string());
        assert_eq!(changed.json["credits"], amount, "{}", changed.text);
    }
}

#[test]
fn the_key_of_a_batch_of_debits_may_stand_in_its_body() {
    let server = Server::start();
    server.wallet("acme", "10");
    let body = r#"{"idempotency_key":"k","debits":[{"customer_id":"acme","credits":"4"}]}"#;
    for replayed in [false, true] {
        let answer = server.ask("POST", "/v1/debits/batch", body);
        assert_eq!(answer.json["results"][0]["replayed"], replayed, "{}", answer.text);
    }
    assert_eq!(server.posted("acme"), "6");
}

#[test]
fn an_error_names_the_field_as_the_request_does() {
    let server = Server::start();
    let wallet = server.wallet("acme", "1");
    let late = json!({"transaction_reason": "FREE_CREDIT_GRANT", "credits_to_add": 1,
        "expiry_date_utc": "2020-01-01T00:00:00Z"});
    let path = format!("/v1/wallets/{wallet}/top-up");
    let list = "/v1/wallets/transactions/search";
    for (path, body, field) in [
        (&*path, late, "expiry_date_utc"),
        (list, json!({"start_time": "yesterday"}), "start_time"),
        (list, json!({"expiry_date_before": "never"}), "expiry_date_before"),
    ] {
        let refused = server.ask("POST", path, &body.to_string());
        assert_eq!(
            (refused.status, &refused.json["details"]["field"]),
            (400, &json!(field)),
            "{}",
            refused.text
        );
        assert!(
            refused.json["detail"].as_str().unwrap().starts_with(&format!("{field}: ")),
            "{}",
            refused.text
        );
    }
}
