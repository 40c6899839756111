//! Times in query strings with the plus sign of their offset as everybody types it: it comes as a space.

use crate::support::{Answer, Server};

fn get(server: &Server, path: &str) -> Answer {
    server.ask("GET", path, "")
}

#[test]
fn an_offset_whose_plus_was_not_escaped_is_read_wherever_a_query_has_a_time() {
    let server = Server::start();
    let wallet = server.wallet("acme", "5");
    let rows = |path: &str, query: &str| {
        let answer = get(&server, &format!("{path}?{query}"));
        assert_eq!(answer.status, 200, "{path}?{query}: {}", answer.text);
        answer.json["items"].as_array().unwrap().len()
    };
    for list in ["/v1/customers/acme/ledger".to_owned(), format!("/v1/wallets/{wallet}/transactions")] {
        for plus in ["+", "%2B", "%20"] {
            let early = format!("2020-01-01T00:00:00{plus}02:00");
            assert_eq!(rows(&list, &format!("start_time={early}")), 1);
            assert_eq!(rows(&list, &format!("end_time={early}")), 0);
            assert_eq!(rows(&list, &format!("expiry_date_before={early}")), 0);
        }
    }
    let period = "from=2020-01-01T00:00:00+02:00&to=2200-01-01T00:00:00.000+05:30";
    for path in ["/v1/customers/acme/statement", "/v1/books", "/v1/journal"] {
        let answer = get(&server, &format!("{path}?{period}"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
    let export = get(&server, "/v1/exports/transactions?from=2020-01-01T00:00:00+02:00");
    assert_eq!(export.status, 200, "{}", export.text);
    let escaped = get(&server, "/v1/customers/acme/balance?as_of=2020-01-01T00:00:00%2B02:00");
    let typed = get(&server, "/v1/customers/acme/balance?as_of=2020-01-01T00:00:00+02:00");
    assert_eq!((typed.status, typed.code()), (escaped.status, escaped.code()), "{}", typed.text);
    assert_eq!(typed.code(), "not_found", "{}", typed.text);
}

#[test]
fn a_space_anywhere_else_makes_no_time() {
    let server = Server::start();
    server.wallet("acme", "5");
    for text in
        ["2020-01-01T00:00:00+0200", "2020-01-01T00:00:00+2:00", "2020-01-01T00:00+02:00", "yesterday+02:00"]
    {
        let answer = get(&server, &format!("/v1/customers/acme/ledger?start_time={text}"));
        assert_eq!((answer.status, answer.code()), (400, "validation_error"), "{text}: {}", answer.text);
    }
}
