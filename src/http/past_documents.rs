//! What the front answers about the past, for the command line: the same documents without a server.

use coffer_ledger::hold::HoldStatus;
use coffer_ledger::view;
use serde::Serialize;
use serde_json::Value;

use super::balance::BalanceReply;
use super::balance_diff::{Diff, DiffReply};
use super::holds::read::matching;
use super::holds::reply::HoldReply;
use super::past;
use super::wallets::reply::public_id;
use crate::engine::{AsOf, At};

/// A position or a time, as `as_of=` takes it.
pub(crate) fn read_instant(text: &str) -> Option<At> {
    past::read("as_of", text).ok()
}

/// The body of `GET /v1/customers/{id}/balance?as_of=`.
pub(crate) fn balance(state: &AsOf) -> Value {
    let (id, balance) = (public_id(&state.customer), view::balance(&state.customer, state.now));
    document(&BalanceReply::of(&id, &balance))
}

/// The items of `GET /v1/customers/{id}/holds?status=open&as_of=`, oldest first.
pub(crate) fn open_holds(state: &AsOf) -> Value {
    let id = public_id(&state.customer);
    let open = matching(&state.customer, Some(HoldStatus::Open), state.now);
    let holds = open.iter().filter_map(|hold| state.customer.holds.get(*hold));
    document(&holds.map(|hold| HoldReply::seen(&id, hold)).collect::<Vec<_>>())
}

/// The body of `GET /v1/customers/{id}/balance/diff`; `None` if the first state is the later one.
pub(crate) fn difference(before: AsOf, after: AsOf) -> Option<Value> {
    let diff = Diff::between(before, after).ok()?;
    Some(document(&DiffReply::of(&diff)))
}

fn document(reply: &impl Serialize) -> Value {
    serde_json::to_value(reply).expect("our own types have text keys only")
}
