//! Many debits in one request: in order, each alone.

use coffer::http::HttpOptions;

use crate::support::Server;

const PATH: &str = "/v1/debits/batch";

#[test]
fn every_debit_of_a_batch_has_its_own_outcome_in_order() {
    let server = Server::start();
    server.wallet("a", "10");
    server.wallet("b", "1");
    let body = r#"{"debits":[
        {"customer_id":"a","credits":4,"idempotency_key":"first"},
        {"customer_id":"b","credits":2},
        {"customer_id":"nobody","credits":1},
        {"customer_id":"a","credits":0},
        {"credits":1},
        {"customer_id":"a","credits":1,"colour":"red"},
        7,
        {"customer_id":"a","credits":"5"},
        {"customer_id":"a","credits":"5"},
        {"customer_id":"a","credits":4,"idempotency_key":"first"}]}"#;
    let answer = server.ask_keyed("batch", "POST", PATH, body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let results = answer.json["results"].as_array().unwrap();
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 402, 404, 422, 400, 400, 400, 200, 402, 200], "{}", answer.text);
    assert_eq!(results[0]["balance_after"], "6");
    assert_eq!(results[1]["code"], "insufficient_credits");
    assert_eq!(results[5]["details"]["field"], "colour");
    assert_eq!(results[7]["balance_after"], "1");
    assert_eq!(results[9]["replayed"], true, "the same key in the same batch");
    assert_eq!(results[9]["transaction_id"], results[0]["transaction_id"]);
    assert!(answer.header("x-log-position").is_some());

    let again = server.ask_keyed("batch", "POST", PATH, body);
    let again = again.json["results"].as_array().unwrap();
    assert_eq!(again[7]["replayed"], true, "an item without a key borrows the request's");
    assert_eq!(again[7]["transaction_id"], results[7]["transaction_id"]);
    assert_eq!((server.posted("a"), server.posted("b")), ("1".to_owned(), "1".to_owned()));
}

#[test]
fn a_batch_has_its_limits() {
    let options = HttpOptions { batch_items_max: 3, batch_body_bytes_max: 1_000, ..HttpOptions::default() };
    let server = Server::start_with(options);
    server.wallet("a", "10");
    let of = |count: usize| {
        let items: Vec<_> = (0..count).map(|_| r#"{"customer_id":"a","credits":1}"#).collect();
        server.ask("POST", PATH, &format!(r#"{{"debits":[{}]}}"#, items.join(",")))
    };
    assert_eq!((of(0).status, of(4).status, of(3).status), (400, 400, 200));
    let large = of(100);
    assert_eq!((large.status, large.code()), (413, "payload_too_large"));
    assert_eq!(server.ask("POST", PATH, r#"{"debits":[{"#).code(), "validation_error");
    assert_eq!(server.ask("POST", PATH, r#"{"debts":[]}"#).json["details"]["field"], "debts");
    assert_eq!(server.posted("a"), "7");
}

#[test]
fn a_large_batch_over_many_customers_adds_up() {
    let server = Server::start();
    for customer in 0..20 {
        server.wallet(&format!("c{customer}"), "100");
    }
    let items: Vec<_> =
        (0..2_000).map(|index| format!(r#"{{"customer_id":"c{}","credits":"0.5"}}"#, index % 20)).collect();
    let answer = server.ask("POST", PATH, &format!(r#"{{"debits":[{}]}}"#, items.join(",")));
    let results = answer.json["results"].as_array().unwrap();
    assert_eq!(results.len(), 2_000);
    assert!(results.iter().all(|result| result["status"] == 200));
    for customer in 0..20 {
        assert_eq!(server.posted(&format!("c{customer}")), "50");
    }
}
