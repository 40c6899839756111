//! Invoices: settled once per id, voided (SEMANTICS §14).

use super::Context;
use crate::customer::Customer;
use crate::fact::Effect;
use crate::refusal::Refusal;
use crate::command::Settle;

pub(super) fn settle(_: &Customer, _: &Settle, _: &Context<'_>) -> Result<Effect, Refusal> { todo!("wip: invoices") }
pub(super) fn void(_: &Customer, _: &str, _: &Context<'_>) -> Result<Effect, Refusal> { todo!("wip: invoices") }
