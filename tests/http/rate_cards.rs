//! Rate cards (SEMANTICS §19).

use serde_json::{Value, json};

use crate::support::Server;

const PATH: &str = "/v1/rate-cards";

fn card(meter: &str, tiers: &Value) -> Value {
    json!({"meter": meter, "tiers": tiers})
}

#[test]
fn a_card_is_made_replaced_listed_and_removed_and_rows_name_its_version() {
    let server = Server::start();
    server.wallet("acme", "100");
    let tiers = json!([{"up_to": 10, "credits_per_unit": "0.5"}, {"credits_per_unit": "0.25"}]);
    let made = server.ask("POST", PATH, &card("tokens", &tiers).to_string());
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!((&made.json["version"], &made.json["minimum"]), (&json!(1), &json!("0")));
    assert_eq!(
        made.json["tiers"],
        json!([{"up_to": "10", "credits_per_unit": "0.5"}, {"up_to": null, "credits_per_unit": "0.25"}])
    );
    let id = made.json["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("rc_"));
    assert_eq!(server.ask("GET", &format!("{PATH}/{id}"), "").json, made.json);
    let usage = r#"{"meter":"tokens","quantity":12}"#;
    let debit = server.ask("POST", "/v1/customers/acme/debits", usage);
    assert_eq!((debit.status, &debit.json["credits"]), (200, &json!("5.5")), "{}", debit.text);

    let mut replacement = card("tokens", &json!([{"credits_per_unit": 1}]));
    replacement["minimum"] = json!(20);
    let replaced = server.ask("PUT", &format!("{PATH}/{id}"), &replacement.to_string());
    assert_eq!((replaced.status, &replaced.json["version"]), (200, &json!(2)), "{}", replaced.text);
    let debit = server.ask("POST", "/v1/customers/acme/debits", usage);
    assert_eq!(debit.json["credits"], "20", "the minimum: {}", debit.text);
    let priced_by = json!({"rate_card_id": id, "version": 2});
    assert_eq!(debit.json["rate_card"], priced_by, "{}", debit.text);
    let row = debit.json["transaction_id"].as_str().unwrap();
    let row = server.ask("GET", &format!("/v1/transactions/{row}"), "");
    assert_eq!(row.json["rate_card"], priced_by, "{}", row.text);

    let other = server.ask("POST", PATH, &card("minutes", &json!([{"credits_per_unit": 3}])).to_string());
    assert_eq!(server.ask("GET", PATH, "").json["items"], json!([other.json, replaced.json]), "newest first");
    assert_eq!(server.ask("GET", &format!("{PATH}?meter=minutes"), "").json["pagination"]["total"], 1);
    assert_eq!(server.ask("DELETE", &format!("{PATH}/{id}"), "").status, 204);
    assert_eq!(server.ask("GET", &format!("{PATH}/{id}"), "").status, 404);
    assert_eq!(server.ask("DELETE", &format!("{PATH}/{id}"), "").status, 404);
}

#[test]
fn what_is_no_card_is_refused() {
    let server = Server::start();
    let one = json!([{"credits_per_unit": 1}]);
    let with = |name: &str, value: Value| {
        let mut body = card("m", &one);
        body[name] = value;
        body
    };
    for (body, status, code) in [
        (card("", &one), 400, "validation_error"),
        (card(&"x".repeat(65), &one), 400, "validation_error"),
        (card("m", &json!([])), 400, "validation_error"),
        (card("m", &json!([{"credits_per_unit": -1}])), 422, "amount_invalid"),
        (card("m", &json!([{"credits_per_unit": "NaN"}])), 400, "validation_error"),
        (card("m", &json!([{"credits_per_unit": 1}, {"credits_per_unit": 2}])), 400, "validation_error"),
        (
            card("m", &json!([{"up_to": 5, "credits_per_unit": 1}, {"up_to": 5, "credits_per_unit": 2}])),
            400,
            "validation_error",
        ),
        (with("minimum", json!(-1)), 422, "amount_invalid"),
        (with("minimum", json!("1e12")), 422, "amount_overflow"),
        (with("valid_from", json!("tomorrow")), 400, "validation_error"),
        (with("valid_to", json!("2001-01-01T00:00:00Z")), 400, "validation_error"),
        (with("filters", json!({"": "x"})), 400, "validation_error"),
        (with("filters", json!({"a": 1})), 400, "validation_error"),
        (with("quantity_property", json!("")), 400, "validation_error"),
        (with("colour", json!("red")), 400, "validation_error"),
    ] {
        let answer = server.ask("POST", PATH, &body.to_string());
        assert_eq!((answer.status, answer.code()), (status, code), "{body}: {}", answer.text);
    }
    let unknown =
        server.ask("PUT", &format!("{PATH}/rc_00000000000000000000000000"), &card("m", &one).to_string());
    assert_eq!((unknown.status, unknown.code()), (404, "not_found"));
    let rehearsed = server.ask("POST", &format!("{PATH}?dry_run=true"), &card("m", &one).to_string());
    assert_eq!((rehearsed.status, &rehearsed.json["id"]), (201, &Value::Null), "{}", rehearsed.text);
    assert_eq!(server.ask("GET", PATH, "").json["pagination"]["total"], 0);
}

#[test]
fn a_repeated_key_makes_one_card_and_tenants_have_their_own() {
    let server = Server::start();
    let body = card("m", &json!([{"credits_per_unit": 1}])).to_string();
    let first = server.ask_keyed("k", "POST", PATH, &body);
    let second = server.ask_keyed("k", "POST", PATH, &body);
    assert_eq!((second.status, &second.text), (201, &first.text));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(server.ask("GET", PATH, "").json["pagination"]["total"], 1);
    let made = server.ask("POST", "/v1/tenants", r#"{"name":"rival"}"#);
    let rival = made.json["key"]["key"].as_str().unwrap();
    assert_eq!(server.ask_as(rival, "GET", PATH, "").json["pagination"]["total"], 0);
    let id = first.json["id"].as_str().unwrap();
    for (method, body) in [("GET", ""), ("PUT", &*body), ("DELETE", "")] {
        assert_eq!(server.ask_as(rival, method, &format!("{PATH}/{id}"), body).status, 404, "{method}");
    }
}
