//! That the expectation is right where the rules are sharp, and that the comparison finds whatever is not as it should be.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{Call, Move};
use super::check::Customer;
use super::expect::{Book, Refusal, Status, Taken};
use super::report::Tally;
use super::work::{Asked, Known, Placed};
use crate::demo::decimal::Amount;
use crate::demo::findings::Findings;
use crate::demo::line::Outcome;
use crate::demo::setup::Account;
use crate::demo::testing::{self, START_NS, outcome, reply, top_up};
use crate::demo::trace::Request;

const SECOND_NS: u64 = 1_000_000_000;
/// Row 4 asks for exactly its estimate, and draws.
const DRAWS: usize = 4;
const OVERDRAWS: usize = 1;
const REJECTS: usize = 5;
/// Row 7's client vanishes; its hold lives for three seconds.
const VANISHES: usize = 7;

/// A call of 1,000 prompt tokens: its estimate is 0.2983 credits.
fn call(row: usize) -> Call {
    Call(Request { row, at_us: 0, context_tokens: 1_000, generated_tokens: 1 })
}

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

fn capture(credits: &str) -> Move {
    Move::Capture { credits: amount(credits), last: true }
}

/// 0.2 promotional credits that end after ten seconds (`t0`), and purchased ones (`t1`).
fn account(purchased: u64) -> Account {
    let promotional = top_up("FREE_CREDIT_GRANT", 200, Some(START_NS + 10 * SECOND_NS));
    testing::account(vec![top_up("PURCHASED_CREDIT_DIRECT", purchased, None), promotional])
}

fn book(purchased: u64, overdraft: &str) -> Book {
    Book::new(&account(purchased), amount(overdraft))
}

/// Posted, held, available.
fn figures(book: &Book, at_ns: u64) -> [String; 3] {
    let standing = book.standing(at_ns);
    [standing.posted[0], standing.held, standing.available].map(|amount| amount.to_string())
}

#[test]
fn what_ends_while_it_is_pinned_pays_and_does_not_come_back() {
    let mut book = book(2_000, "0");
    book.act(call(DRAWS), Move::Place, START_NS).unwrap();
    assert_eq!(figures(&book, START_NS), ["2.2", "0.2983", "1.9017"]);
    let ended_ns = START_NS + 10 * SECOND_NS;
    assert_eq!(figures(&book, ended_ns), ["2.2", "0.2983", "1.9017"], "all of it was pinned");
    let taken = book.act(call(DRAWS), capture("0.15"), ended_ns).unwrap().unwrap();
    assert_eq!(taken.captured_now, amount("0.15"));
    assert_eq!((book.outlived, book.lapsed), (amount("0.15"), amount("0.05")));
    assert_eq!(figures(&book, ended_ns), ["2", "0", "2"]);
}

#[test]
fn a_capture_beyond_its_hold_leaves_other_holds_whole() {
    let mut book = book(700, "0");
    book.act(call(DRAWS), Move::Place, START_NS).unwrap();
    book.act(call(REJECTS), Move::Place, START_NS).unwrap();
    let taken = book.act(call(DRAWS), capture("0.75"), START_NS).unwrap();
    let expected =
        Taken { captured_now: amount("0.6017"), drawn: amount("0.3034"), shortfall: amount("0.1483") };
    assert_eq!(taken, Some(expected));
    assert_eq!(figures(&book, START_NS), ["0.2983", "0.2983", "0"]);
    assert_eq!(book.uncollected, amount("0.1483"));
}

#[test]
fn only_overdraft_lets_a_capture_overdraw() {
    let mut book = book(300, "0.5");
    book.act(call(OVERDRAWS), Move::Place, START_NS).unwrap();
    book.act(call(OVERDRAWS), capture("0.9"), START_NS).unwrap();
    assert_eq!(figures(&book, START_NS), ["-0.4", "0", "0.1"]);
}

#[test]
fn more_than_a_hold_that_rejects_is_refused_and_changes_nothing() {
    let mut book = book(2_000, "0");
    book.act(call(REJECTS), Move::Place, START_NS).unwrap();
    let refusal = Refusal::OverCapture { held: amount("0.2983"), asked: amount("0.3") };
    assert_eq!(book.act(call(REJECTS), capture("0.3"), START_NS), Err(refusal));
    assert_eq!(book.hold(REJECTS).unwrap().status, Status::Open);
}

#[test]
fn a_vanished_clients_credit_is_back_at_its_deadline() {
    let mut book = book(2_000, "0");
    book.act(call(VANISHES), Move::Place, START_NS).unwrap();
    assert_eq!(figures(&book, START_NS + 3 * SECOND_NS - 1), ["2.2", "0.2983", "1.9017"]);
    assert_eq!(figures(&book, START_NS + 3 * SECOND_NS), ["2.2", "0", "2.2"]);
    assert_eq!(book.act(call(VANISHES), capture("0.1"), START_NS + 3 * SECOND_NS), Err(Refusal::Expired));
}

/// What the server should say of row 4's hold when it was placed.
fn placed() -> Value {
    let slice = |tranche: &str, credits: &str, source: &str, expires_at: Option<&str>| {
        json!({
            "tranche_id": tranche, "wallet_id": "w", "credits": credits, "source": source, "expires_at": expires_at,
        })
    };
    json!({
        "hold_id": "h", "customer_id": "a", "status": "open", "credits": "0.2983", "captured": "0", "released": "0",
        "held": "0.2983", "expires_at": "2027-01-15T08:10:00.000001Z", "over_capture": "draw",
        "slices": [
            slice("t0", "0.2", "promotional", Some("2027-01-15T08:00:10Z")),
            slice("t1", "0.0983", "purchased", None),
        ],
        "recorded_at": "2027-01-15T08:00:00.000001Z",
    })
}

/// And when it was settled for 0.25.
fn settled() -> Value {
    let mut body = placed();
    for (name, value) in [
        ("status", json!("captured")),
        ("captured", json!("0.25")),
        ("released", json!("0.0483")),
        ("held", json!("0")),
        ("slices", json!([])),
        ("recorded_at", json!("2027-01-15T08:00:01.000001Z")),
        ("transaction_id", json!("x")),
        ("captured_now", json!("0.25")),
        ("shortfall", json!("0")),
    ] {
        body[name] = value;
    }
    body
}

fn said(row: usize, what: Move, second: u64, status: u16, body: &Value) -> Outcome<Asked> {
    let request = Asked { call: call(row), what };
    outcome(request, START_NS + second * SECOND_NS, reply(status, body, false))
}

/// The differences found in what was said of a customer whose holds are all called `h`.
fn differences(outcomes: &[Outcome<Asked>]) -> Vec<String> {
    let account = account(2_000);
    let known: Placed = BTreeMap::from([DRAWS, REJECTS, VANISHES].map(|row| (row, Known::called("h"))));
    let (mut tally, mut findings) = (Tally::default(), Findings::default());
    Customer::new(&account, &known, Amount::ZERO).go_through(outcomes, &mut tally, &mut findings);
    findings.differences
}

#[test]
fn a_call_as_it_should_be_has_no_differences() {
    let place = said(DRAWS, Move::Place, 0, 201, &placed());
    let settle = said(DRAWS, capture("0.25"), 1, 200, &settled());
    assert_eq!(differences(&[place, settle]), Vec::<String>::new());
}

#[test]
fn a_difference_in_any_figure_of_a_hold_is_found() {
    for (pointer, wrong) in [
        ("/hold_id", json!("i")),
        ("/customer_id", json!("b")),
        ("/status", json!("captured")),
        ("/credits", json!("0.2984")),
        ("/captured", json!("0.1")),
        ("/released", json!("0.1")),
        ("/held", json!("0.29830")),
        ("/expires_at", json!("2027-01-15T08:10:00.000002Z")),
        ("/over_capture", json!("reject")),
        ("/recorded_at", json!("2027-01-15T07:59:59Z")),
        ("/slices", json!([])),
        ("/slices/0/tranche_id", json!("t1")),
        ("/slices/0/tranche_id", json!(null)),
        ("/slices/0/wallet_id", json!("v")),
        ("/slices/1/credits", json!("0.0982")),
        ("/slices/1/source", json!("overdraft")),
        ("/slices/0/expires_at", json!(null)),
        ("/transaction_id", json!("x")),
    ] {
        let mut body = placed();
        body["transaction_id"] = Value::Null;
        *body.pointer_mut(pointer).unwrap() = wrong;
        assert_eq!(differences(&[said(DRAWS, Move::Place, 0, 201, &body)]).len(), 1, "{pointer}");
    }
}

#[test]
fn a_difference_in_what_a_capture_took_is_found() {
    for (name, wrong) in [
        ("captured_now", json!("0.2983")),
        ("captured_now", json!(null)),
        ("shortfall", json!("0.01")),
        ("transaction_id", json!(null)),
        ("released", json!("0")),
        ("status", json!("open")),
    ] {
        let mut body = settled();
        body[name] = wrong;
        let place = said(DRAWS, Move::Place, 0, 201, &placed());
        assert_eq!(differences(&[place, said(DRAWS, capture("0.25"), 1, 200, &body)]).len(), 1, "{name}");
    }
}

#[test]
fn a_capture_that_is_accepted_after_the_deadline_is_found() {
    let mut place = placed();
    place["expires_at"] = json!("2027-01-15T08:00:03.000001Z");
    let mut late = settled();
    late["recorded_at"] = json!("2027-01-15T08:00:04Z");
    let found = differences(&[
        said(VANISHES, Move::Place, 0, 201, &place),
        said(VANISHES, capture("0.25"), 4, 200, &late),
    ]);
    assert!(matches!(found.as_slice(), [only] if only.contains("should have been refused")), "{found:?}");
}

#[test]
fn a_refusal_that_is_none_or_another_is_found() {
    let place = said(DRAWS, Move::Place, 0, 201, &placed());
    let expired = json!({ "code": "hold_expired", "details": { "hold_id": "h" } });
    let found = differences(&[place, said(DRAWS, capture("0.25"), 1, 410, &expired)]);
    assert!(matches!(found.as_slice(), [only] if only.contains("should have been accepted")), "{found:?}");

    let mut place = placed();
    place["over_capture"] = json!("reject");
    for (details, wrong) in [
        (json!({ "held": "0.2983", "credits": "0.3" }), 0),
        (json!({ "held": "0.2983", "credits": "0.31" }), 1),
        (json!({ "hold_id": "h" }), 1),
    ] {
        let refusal = json!({ "code": "over_capture", "details": details });
        let place = said(REJECTS, Move::Place, 0, 201, &place);
        assert_eq!(differences(&[place, said(REJECTS, capture("0.3"), 1, 422, &refusal)]).len(), wrong);
    }
}

#[test]
fn between_sending_and_answer_both_sides_of_a_deadline_are_right() {
    let mut place = placed();
    place["expires_at"] = json!("2027-01-15T08:00:03.000001Z");
    let expired = json!({ "code": "hold_expired", "details": { "hold_id": "h" } });
    for (second, wrong) in [(2, 1), (3, 0), (4, 0)] {
        let place = said(VANISHES, Move::Place, 0, 201, &place);
        let late = said(VANISHES, capture("0.1"), second, 410, &expired);
        assert_eq!(differences(&[place, late]).len(), wrong, "second {second}");
    }
}

#[test]
fn credit_that_did_not_come_back_is_found() {
    let account = account(2_000);
    let mut book = Book::new(&account, Amount::ZERO);
    book.act(call(VANISHES), Move::Place, START_NS).unwrap();
    let standing = book.standing(START_NS + 3 * SECOND_NS);
    let shown = |held: &str, available: &str| {
        let tranche = |id: &str, remaining: &str| {
            json!({
                "tranche_id": id, "source": "purchased", "original": remaining, "remaining": remaining, "priority": 50,
                "expires_at": null,
            })
        };
        let wallet =
            json!({ "id": "w", "posted": "2.2", "tranches": [tranche("t0", "0.2"), tranche("t1", "2")] });
        let balance = json!({ "posted": "2.2", "held": held, "available": available, "wallets": [wallet] });
        serde_json::from_value(balance).unwrap()
    };
    assert_eq!(standing.compare(&account, &shown("0", "2.2")), Ok(()));
    assert!(standing.compare(&account, &shown("0.2983", "1.9017")).is_err());
}
