//! What paid for a ledger row, and what it paid for.

use serde_json::{Value, json};

use crate::support::Server;

fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn row(server: &Server, id: &str, expand: &str) -> Value {
    let answer = server.ask("GET", &format!("/v1/transactions/{id}?expand={expand}"), "");
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

fn top_up(server: &Server, wallet: &str, credits: &str) -> String {
    let body = format!(r#"{{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":"{credits}"}}"#);
    let answer = server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), &body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    server.row_at(answer.header("x-log-position").unwrap(), false)
}

fn debit(server: &Server, credits: &str) -> String {
    let answer = server.ask("POST", "/v1/customers/acme/debits", &format!(r#"{{"credits":"{credits}"}}"#));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["transaction_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_debit_names_the_credits_that_paid_for_it_and_each_credit_its_debits() {
    let server = Server::start();
    let wallet = server.wallet("acme", "0");
    let (first, second) = (top_up(&server, &wallet, "10"), top_up(&server, &wallet, "10"));
    // The first credit is used up by the second debit: nothing of it is left in the live state.
    let debits = [debit(&server, "4"), debit(&server, "9"), debit(&server, "1")];
    let both = row(&server, &debits[1], "parents,slices");
    assert_eq!(ids(&both["paid_by"]), [&*first, &*second], "{both}");
    assert_eq!(
        (&both["parent"], &both["children"], &both["paid_for"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(ids(&row(&server, &first, "children")["paid_for"]), [&*debits[0], &*debits[1]]);
    assert_eq!(ids(&row(&server, &second, "children")["paid_for"]), [&*debits[1], &*debits[2]]);

    let body = json!({"transaction_id": debits[0], "credits": "2"});
    let refund = server.ask("POST", "/v1/customers/acme/refunds", &body.to_string());
    let refund = refund.json["transaction_id"].as_str().unwrap().to_owned();
    let refunded = row(&server, &debits[0], "children");
    assert_eq!((ids(&refunded["children"]), &refunded["paid_for"]), (vec![refund.clone()], &Value::Null));
    assert_eq!(row(&server, &refund, "parents")["parent"]["id"], json!(debits[0]));
    assert_eq!(
        ids(&row(&server, &first, "children")["paid_for"]),
        [&*debits[0], &*debits[1]],
        "a refund is no use"
    );
}

#[test]
fn without_expand_nothing_is_searched_and_what_is_unknown_is_refused() {
    let server = Server::start();
    let wallet = server.wallet("acme", "0");
    let credit = top_up(&server, &wallet, "10");
    let plain = server.ask("GET", &format!("/v1/transactions/{credit}"), "").json;
    for key in ["parent", "paid_by", "children", "paid_for"] {
        assert_eq!(plain.get(key), Some(&Value::Null), "{key}");
    }
    let refused = server.ask("GET", &format!("/v1/transactions/{credit}?expand=cousins"), "");
    assert_eq!((refused.status, &refused.json["details"]["field"]), (400, &json!("expand")));
}
