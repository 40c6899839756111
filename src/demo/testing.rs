//! A customer, and answers, for tests of the comparison.

use serde_json::Value;

use super::caller::Ask;
use super::decimal::Amount;
use super::expect::Customer;
use super::line::Outcome;
use super::plan::{CustomerPlan, TopUp};
use super::setup::Account;
use crate::cli::client::Reply;

/// When the tests play: 2027-01-15T08:00:00Z.
pub(crate) const START_NS: u64 = 1_800_000_000_000_000_000;

/// A top-up without anything special.
pub(crate) fn top_up(reason: &'static str, thousandths: u64, expires_ns: Option<u64>) -> TopUp {
    TopUp { reason, credits: Amount::thousandths(thousandths), expires_ns, priority: None, bonus: None }
}

/// Customer `a` with one wallet `w`; its tranches are `t0`, `t1` … in burn order.
pub(crate) fn account(top_ups: Vec<TopUp>) -> Account {
    let plan = CustomerPlan { name: "a".to_owned(), wallets: vec![top_ups] };
    let expected = Customer::new(&plan);
    let tranche_ids = (0..expected.tranches.len()).map(|place| format!("t{place}")).collect();
    Account { name: plan.name.clone(), plan, expected, wallet_ids: vec!["w".to_owned()], tranche_ids }
}

/// An answer.
pub(crate) fn reply(status: u16, body: &Value, replayed: bool) -> Reply {
    Reply { status, replayed, body: body.to_string().into() }
}

/// What became of a request that was sent at this instant.
pub(crate) fn outcome<R>(request: R, sent_ns: u64, reply: Reply) -> Outcome<R> {
    let ask = Ask { path: "/".to_owned(), key: "row-1".to_owned(), body: "{}".into() };
    Outcome { request, ask, sent_ns, received_ns: sent_ns + 5_000, unanswered: 0, reply, again: None }
}
