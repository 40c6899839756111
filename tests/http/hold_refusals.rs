//! What holds cannot do: each its documented status and code, never a change.

use crate::bad_input::{Case, case, check};
use crate::support::Server;

/// What is no amount anywhere.
const BAD_AMOUNTS: [(&str, u16, &str); 9] = [
    ("0", 422, "amount_invalid"),
    ("-1", 422, "amount_invalid"),
    ("\"-0.000000000000001\"", 422, "amount_invalid"),
    ("\"NaN\"", 400, "validation_error"),
    ("\"1_0\"", 400, "validation_error"),
    ("true", 400, "validation_error"),
    ("1e12", 422, "amount_overflow"),
    ("1e400", 422, "amount_overflow"),
    ("\"0.0000000000000001\"", 422, "amount_precision"),
];

#[test]
fn no_amount_is_accepted_by_none_of_the_verbs() {
    let server = Server::start();
    server.wallet("acme", "100");
    let hold = server.hold("acme", r#"{"credits":10}"#);
    let path = "/v1/customers/acme/holds";
    let cases: Vec<Case> = BAD_AMOUNTS
        .into_iter()
        .flat_map(|(amount, status, code)| {
            let of = |name, path: &str, body: String| case(name, "POST", path, &body, status, code);
            [
                of("place", path, format!(r#"{{"credits":{amount}}}"#)),
                of("least", path, format!(r#"{{"min_credits":{amount},"max_credits":5}}"#)),
                of("most", path, format!(r#"{{"max_credits":{amount},"min_credits":1}}"#)),
                of("usage", path, format!(r#"{{"meter":"tokens","quantity":{amount}}}"#)),
                of("capture", &format!("{path}/{hold}/capture"), format!(r#"{{"credits":{amount}}}"#)),
                of("grow", &format!("{path}/{hold}/grow"), format!(r#"{{"credits":{amount}}}"#)),
            ]
        })
        .collect();
    check(&server, &cases);
    assert_eq!(server.figures("acme"), ["100", "10", "90"]);
}

#[test]
fn a_hold_that_cannot_be_understood_changes_nothing() {
    let server = Server::start();
    server.wallet("acme", "100");
    let hold = server.hold("acme", r#"{"credits":10}"#);
    let path = "/v1/customers/acme/holds";
    let place = |name, body, status, code| case(name, "POST", path, body, status, code);
    let verb = |name, verb: &str, body, status, code| {
        case(name, "POST", &format!("{path}/{hold}/{verb}"), body, status, code)
    };
    let cases = [
        place("no amount", "{}", 400, "validation_error"),
        place("no body", "", 400, "validation_error"),
        place("two amounts", r#"{"credits":1,"meter":"t","quantity":1}"#, 400, "validation_error"),
        place("half a range", r#"{"min_credits":1}"#, 400, "validation_error"),
        place("the other half", r#"{"max_credits":1}"#, 400, "validation_error"),
        place("a range upside down", r#"{"min_credits":2,"max_credits":1}"#, 400, "validation_error"),
        place(
            "an amount and a range",
            r#"{"credits":1,"min_credits":1,"max_credits":2}"#,
            400,
            "validation_error",
        ),
        place("money", r#"{"amount":1,"currency":"usd"}"#, 400, "validation_error"),
        place("partial", r#"{"credits":1,"partial":true}"#, 400, "validation_error"),
        place("an item's verb", r#"{"credits":1,"op":"hold"}"#, 400, "validation_error"),
        place("an item's customer", r#"{"credits":1,"customer_id":"acme"}"#, 400, "validation_error"),
        place("a meter without a card", r#"{"meter":"tokens","quantity":1}"#, 400, "validation_error"),
        place("no time at all", r#"{"credits":1,"expires_in":0}"#, 400, "validation_error"),
        place("too long", r#"{"credits":1,"expires_in":604801}"#, 400, "validation_error"),
        place("back in time", r#"{"credits":1,"expires_in":-1}"#, 400, "validation_error"),
        place("half a second", r#"{"credits":1,"expires_in":0.5}"#, 400, "validation_error"),
        place("another policy", r#"{"credits":1,"over_capture":"ignore"}"#, 400, "validation_error"),
        place("a budget that is not", r#"{"credits":1,"budget_id":"none"}"#, 404, "not_found"),
        place("another currency", r#"{"credits":1,"currency":"eur"}"#, 402, "insufficient_credits"),
        place("too much", r#"{"credits":"90.000000000000001"}"#, 402, "insufficient_credits"),
        case("nobody", "POST", "/v1/customers/nobody/holds", r#"{"credits":1}"#, 404, "not_found"),
        case(
            "a misspelt dry run",
            "POST",
            &format!("{path}?dryrun=true"),
            r#"{"credits":1}"#,
            400,
            "validation_error",
        ),
        verb("a capture of nothing said", "capture", "{}", 400, "validation_error"),
        verb("an unknown field", "capture", r#"{"credits":1,"last":true}"#, 400, "validation_error"),
        verb("a hold beside the path", "capture", r#"{"credits":1,"hold_id":"x"}"#, 400, "validation_error"),
        verb("an extension by nothing said", "extend", "{}", 400, "validation_error"),
        verb("an extension by nothing", "extend", r#"{"expires_in":0}"#, 400, "validation_error"),
        verb("an extension beyond a week", "extend", r#"{"expires_in":604801}"#, 400, "validation_error"),
        verb("growth beyond what there is", "grow", r#"{"credits":91}"#, 402, "insufficient_credits"),
        verb("an unknown verb", "cancel", "", 404, "not_found"),
    ];
    check(&server, &cases);
    assert_eq!(server.figures("acme"), ["100", "10", "90"]);
}

#[test]
fn a_hold_that_says_reject_is_untouched_by_a_capture_of_more() {
    let server = Server::start();
    server.wallet("acme", "100");
    let hold = server.hold("acme", r#"{"credits":10,"over_capture":"reject"}"#);
    let over = server.on_hold("acme", &hold, "capture", r#"{"credits":"10.000000000000001"}"#);
    assert_eq!((over.status, over.code()), (422, "over_capture"), "{}", over.text);
    assert_eq!(over.json["details"]["held"], "10");
    assert_eq!(over.json["details"]["credits"], "10.000000000000001");
    assert_eq!(server.figures("acme"), ["100", "10", "90"]);
    assert_eq!(server.on_hold("acme", &hold, "capture", r#"{"credits":10}"#).status, 200);
}

#[test]
fn a_closed_hold_answers_409_to_every_verb() {
    let server = Server::start();
    server.wallet("acme", "100");
    for (end, body) in [("capture", r#"{"credits":1}"#), ("release", "")] {
        let hold = server.hold("acme", r#"{"credits":10}"#);
        assert_eq!(server.on_hold("acme", &hold, end, body).status, 200);
        for (verb, body) in [
            ("capture", r#"{"credits":1}"#),
            ("release", ""),
            ("extend", r#"{"expires_in":600}"#),
            ("grow", r#"{"credits":1}"#),
        ] {
            let late = server.on_hold("acme", &hold, verb, body);
            assert_eq!((late.status, late.code()), (409, "hold_closed"), "{end}, {verb}: {}", late.text);
            assert_eq!(late.json["details"]["hold_id"], *hold);
        }
    }
}

#[test]
fn a_hold_of_another_customer_is_not_found() {
    let server = Server::start();
    server.wallet("acme", "100");
    server.wallet("other", "100");
    let foreign = server.hold("other", r#"{"credits":10}"#);
    // A counter that acme is far beyond, and acme's own number with a counter that it never gave to a hold.
    for _ in 0..3 {
        server.hold("acme", r#"{"credits":1}"#);
    }
    let mut other = foreign.clone();
    other.replace_range(other.len() - 1.., "1");
    for hold in [&*foreign, &other, "hold_1", "wallet_01KAM3T5Q00000000100000001", "x"] {
        let read = server.ask("GET", &format!("/v1/customers/acme/holds/{hold}"), "");
        assert_eq!((read.status, read.code()), (404, "not_found"), "{hold}: {}", read.text);
        for (verb, body) in [
            ("capture", r#"{"credits":1}"#),
            ("release", ""),
            ("extend", r#"{"expires_in":600}"#),
            ("grow", r#"{"credits":1}"#),
        ] {
            let answer = server.on_hold("acme", hold, verb, body);
            assert_eq!((answer.status, answer.code()), (404, "not_found"), "{hold}, {verb}: {}", answer.text);
        }
    }
    assert_eq!(server.figures("other"), ["100", "10", "90"]);
    assert_eq!(server.ask("GET", "/v1/customers/nobody/holds", "").status, 404);
    assert_eq!(server.ask("GET", &format!("/v1/customers/nobody/holds/{foreign}"), "").status, 404);
}

#[test]
fn a_key_for_one_customer_or_without_the_scope_reaches_no_hold() {
    let server = Server::start();
    server.wallet("own", "100");
    server.wallet("other", "100");
    let foreign = server.hold("other", r#"{"credits":10}"#);
    let bound = server.new_key(&["debit", "read", "write"], Some("own"));
    let path = format!("/v1/customers/other/holds/{foreign}");
    assert_eq!(server.ask_as(&bound, "GET", &path, "").status, 404);
    assert_eq!(server.ask_as(&bound, "GET", "/v1/customers/other/holds", "").status, 404);
    assert_eq!(server.ask_as(&bound, "POST", &format!("{path}/release"), "").status, 404);
    assert_eq!(server.ask_as(&bound, "POST", "/v1/customers/other/holds", r#"{"credits":1}"#).status, 404);
    for (scope, place, read) in
        [("debit", 201, 200), ("read", 403, 200), ("write", 403, 403), ("admin", 403, 403)]
    {
        let key = server.new_key(&[scope], None);
        let placed = server.ask_as(&key, "POST", "/v1/customers/own/holds", r#"{"credits":1}"#);
        assert_eq!(placed.status, place, "{scope}: {}", placed.text);
        assert_eq!(server.ask_as(&key, "GET", "/v1/customers/own/holds", "").status, read, "{scope}");
    }
}

#[test]
fn a_frozen_wallet_lets_go_what_is_reserved_and_reserves_nothing() {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    let hold = server.hold("acme", r#"{"credits":10}"#);
    assert_eq!(server.ask("POST", &format!("/v1/wallets/{wallet}/freeze"), "").status, 200);
    let body = format!(r#"{{"credits":1,"wallet_id":"{wallet}"}}"#);
    let refused = server.ask("POST", "/v1/customers/acme/holds", &body);
    assert_eq!((refused.status, refused.code()), (409, "wallet_frozen"), "{}", refused.text);
    let captured = server.on_hold("acme", &hold, "capture", r#"{"credits":25}"#);
    assert_eq!(captured.status, 200, "{}", captured.text);
    assert_eq!((&captured.json["captured_now"], &captured.json["shortfall"]), (&"10".into(), &"15".into()));
    assert_eq!(server.posted("acme"), "90");
}
