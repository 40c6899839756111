//! Answers for tests of the checks: one customer, one wallet, 10 credits.

use serde_json::{Value, json};

use super::load::{Again, Answer};
use super::operation::{Done, Key, Operation, What, sha256};
use crate::cli::client::Reply;
use crate::demo::decimal::Amount;
use crate::demo::setup::Account;
use crate::demo::testing::{self, top_up};

pub(super) use crate::demo::testing::{START_NS, reply};

const SECOND_NS: u64 = 1_000_000_000;

pub(super) fn account() -> Account {
    testing::account(vec![top_up("PURCHASED_CREDIT_DIRECT", 10_000, None)])
}

pub(super) fn operation(count: u32, credits: u64) -> Operation {
    let what = What::Debit { credits: Amount::thousandths(credits * 1_000), partial: false };
    Operation { key: Key { round: 1, writer: 1, count }, customer: 0, what }
}

/// The operation of this number, done.
pub(super) fn done(count: u32) -> Done {
    let body = debit_body(count, 1, 10, count);
    Done {
        operation: operation(count, 1),
        transaction_id: format!("x{count}").into(),
        body_sha256: sha256(body.to_string().as_bytes()),
    }
}

/// The body of a debit's reply: row `x<row>`, recorded so many seconds after the start.
pub(super) fn debit_body(row: u32, credits: u64, before: u64, second: u32) -> Value {
    let (credits, before, after) = (credits.to_string(), before.to_string(), (before - credits).to_string());
    json!({
        "transaction_id": format!("x{row}"), "customer_id": "a", "credits": credits, "shortfall": "0",
        "available": after, "balance_before": before, "balance_after": after,
        "recorded_at": format!("2027-01-15T08:00:{second:02}Z"),
        "slices": [{ "tranche_id": "t0", "wallet_id": "w", "credits": credits, "source": "purchased", "expires_at": null }],
        "rows": [{ "wallet_id": "w", "credits": credits, "balance_before": before, "balance_after": after }],
    })
}

/// An answer to operation `count`, sent and received around `second`.
pub(super) fn answer(count: u32, credits: u64, second: u32, reply: Reply) -> Answer {
    let at_ns = START_NS + u64::from(second) * SECOND_NS;
    Answer {
        operation: operation(count, credits),
        sent_ns: at_ns - 1_000_000,
        received_ns: at_ns + 1_000_000,
        unanswered: 0,
        reply,
        again: Vec::new(),
    }
}

/// A debit that was accepted as operation and row `count`, in second `count`.
pub(super) fn debited(count: u32, credits: u64, before: u64) -> Answer {
    answer(count, credits, count, reply(200, &debit_body(count, credits, before, count), false))
}

pub(super) fn again(reply: Reply, later: bool) -> Again {
    Again { reply, later }
}
