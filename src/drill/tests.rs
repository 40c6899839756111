//! The drill's own checks find what is wrong: each is given an operation that was lost, doubled or changed.

use serde_json::{Value, json};

use super::books::Book;
use super::confirm::{looked_up, one_effect, replayed};
use super::findings::Findings;
use super::load::{Answer, Look};
use super::testing::{START_NS, account, again, answer, debit_body, debited, done, reply};
use crate::demo::api::BalanceReply;

/// Lost, doubled, changed.
fn counts(findings: &Findings) -> (u64, u64, u64) {
    (findings.lost, findings.doubled, findings.changed)
}

fn entered(answers: &[Answer], looks: &[Look]) -> (Book, Findings) {
    let (mut book, mut findings) = (Book::new(account(), START_NS), Findings::default());
    let answers: Vec<&Answer> = answers.iter().collect();
    book.enter(&answers, &looks.iter().collect::<Vec<_>>(), &mut findings);
    (book, findings)
}

fn look(second: u32, posted: &str) -> Look {
    let body = json!({ "posted": posted, "held": "0", "available": posted, "wallets": [] });
    let Answer { sent_ns, received_ns, reply, .. } = answer(1, 1, second, reply(200, &body, false));
    Look { customer: 0, sent_ns, received_ns, reply }
}

fn balance(posted: &str) -> BalanceReply {
    let tranche = json!({
        "tranche_id": "t0", "source": "purchased", "original": "10", "remaining": posted, "priority": 50,
        "expires_at": null,
    });
    let wallet = json!({ "id": "w", "posted": posted, "tranches": [tranche] });
    let shown = json!({ "posted": posted, "held": "0", "available": posted, "wallets": [wallet] });
    serde_json::from_value(shown).unwrap()
}

#[test]
fn what_is_right_is_found_right_in_whatever_order_it_was_received() {
    let (book, mut findings) = entered(&[debited(2, 3, 8), debited(1, 2, 10)], &[look(3, "5"), look(2, "8")]);
    book.compare(&balance("5"), START_NS, START_NS + 9_000_000_000, &mut findings);
    assert_eq!((counts(&findings), findings.lines.as_slice()), ((0, 0, 0), &[][..]));
}

#[test]
fn a_debit_that_a_later_one_does_not_know_is_found() {
    let (_, findings) = entered(&[debited(1, 2, 10), debited(2, 3, 10)], &[]);
    assert_eq!(counts(&findings), (0, 0, 1));
}

#[test]
fn an_effect_that_nobody_was_told_of_is_found_by_the_next_debit() {
    let (_, findings) = entered(&[debited(1, 2, 10), debited(2, 3, 6)], &[]);
    assert_eq!(counts(&findings), (0, 0, 1));
}

#[test]
fn a_balance_that_lacks_or_repeats_an_acknowledged_debit_is_found() {
    for (posted, found) in [("8", (0, 0, 0)), ("10", (1, 0, 0)), ("6", (0, 1, 0))] {
        let (book, mut findings) = entered(&[debited(1, 2, 10)], &[]);
        book.compare(&balance(posted), START_NS, START_NS + 9_000_000_000, &mut findings);
        assert_eq!(counts(&findings), found, "{posted}: {findings:?}");
    }
}

#[test]
fn a_changed_figure_of_a_reply_is_found() {
    for (pointer, wrong) in [
        ("/credits", json!("3")),
        ("/balance_after", json!("7")),
        ("/available", json!("9")),
        ("/customer_id", json!("b")),
        ("/slices/0/tranche_id", json!("u")),
        ("/recorded_at", json!("2027-01-15T07:59:59Z")),
    ] {
        let mut body = debit_body(1, 2, 10, 1);
        *body.pointer_mut(pointer).unwrap() = wrong;
        let (_, findings) = entered(&[answer(1, 2, 1, reply(200, &body, false))], &[]);
        assert_eq!(counts(&findings), (0, 0, 1), "{pointer}");
    }
}

#[test]
fn a_read_that_showed_what_is_not_there_any_more_is_found() {
    let (_, findings) = entered(&[debited(1, 2, 10)], &[look(5, "3")]);
    assert_eq!(counts(&findings), (0, 0, 1));
    let (_, findings) = entered(&[debited(1, 2, 10)], &[look(5, "10")]);
    assert_eq!(counts(&findings), (0, 0, 1), "it was true once, before this read was sent");
}

#[test]
fn a_refusal_of_what_could_be_paid_and_a_false_reason_are_found() {
    let refused = |available: &str, shortfall: &str| {
        let details = json!({ "required": "20", "available": available, "shortfall": shortfall });
        let body = json!({ "code": "insufficient_credits", "details": details });
        let (_, findings) = entered(&[answer(1, 20, 1, reply(402, &body, false))], &[]);
        counts(&findings)
    };
    assert_eq!(refused("10", "10"), (0, 0, 0));
    assert_eq!(refused("9", "11"), (0, 0, 1));
    assert_eq!(refused("10", "9"), (0, 0, 1));
    assert_eq!(refused("20", "0"), (0, 0, 1));
}

#[test]
fn an_answer_that_is_none_of_the_drills_outcomes_is_found() {
    let (_, findings) = entered(&[answer(1, 1, 1, reply(500, &json!({}), false))], &[]);
    assert_eq!(counts(&findings), (0, 0, 1));
}

#[test]
fn a_key_that_is_not_known_any_more_is_lost_and_other_bytes_are_a_change() {
    let asked_again = |status, body: &Value, is_replay| {
        let mut findings = Findings::default();
        replayed(&done(1), &reply(status, body, is_replay), &mut findings);
        counts(&findings)
    };
    let right = debit_body(1, 1, 10, 1);
    assert_eq!(asked_again(200, &right, true), (0, 0, 0));
    assert_eq!(asked_again(200, &right, false), (1, 0, 0), "done anew");
    assert_eq!(asked_again(402, &json!({}), false), (1, 0, 0));
    assert_eq!(asked_again(200, &debit_body(1, 1, 9, 1), true), (0, 0, 1));
}

#[test]
fn a_row_that_is_gone_or_shows_something_else_is_found() {
    let row = |id: &str, key: &str| json!({ "id": id, "customer_id": "a", "credit_amount": "1", "idempotency_key": key });
    let shown = |status, body: &Value| {
        let mut findings = Findings::default();
        looked_up(&done(1), "a", &reply(status, body, false), &mut findings);
        counts(&findings)
    };
    assert_eq!(shown(200, &row("x1", "drill/1/1/1")), (0, 0, 0));
    assert_eq!(shown(404, &json!({})), (1, 0, 0));
    assert_eq!(shown(200, &row("x2", "drill/1/1/1")), (0, 0, 1));
    assert_eq!(shown(200, &row("x1", "drill/1/1/2")), (0, 0, 1));
}

#[test]
fn a_second_effect_under_one_key_is_found() {
    let with = |other, later| {
        let mut answer = debited(1, 1, 10);
        answer.again.push(again(other, later));
        let mut findings = Findings::default();
        one_effect(&answer, &mut findings);
        counts(&findings)
    };
    let right = debit_body(1, 1, 10, 1);
    assert_eq!(with(reply(200, &right, true), true), (0, 0, 0));
    assert_eq!(with(reply(200, &right, true), false), (0, 0, 0));
    assert_eq!(with(reply(402, &json!({}), false), false), (0, 0, 0), "decided before there was credit");
    assert_eq!(with(reply(200, &debit_body(2, 1, 9, 2), true), true), (0, 1, 0));
    assert_eq!(with(reply(200, &right, false), false), (0, 1, 0), "two answers that are the first");
    assert_eq!(with(reply(402, &json!({}), false), true), (1, 0, 0));
    assert_eq!(with(reply(200, &debit_body(1, 1, 9, 1), true), true), (0, 0, 1));
}
