//! Invoices: settled once per id, voided (SEMANTICS §14).

use super::Context;
use crate::command::Settle;
use crate::customer::Customer;
use crate::fact::Effect;
use crate::refusal::Refusal;

pub(super) fn settle(_: &Customer, _: &Settle, _: &Context<'_>) -> Result<Effect, Refusal> {
    todo!("wip: invoices")
}
pub(super) fn void(_: &Customer, _: &str, _: &Context<'_>) -> Result<Effect, Refusal> {
    todo!("wip: invoices")
}
