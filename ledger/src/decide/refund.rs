//! Refunds of debits (SEMANTICS §7).

use super::Context;
use crate::command::Refund;
use crate::customer::Customer;
use crate::fact::Effect;
use crate::refusal::Refusal;

pub(super) fn refund(_: &Customer, _: &Refund, _: &Context<'_>) -> Result<Effect, Refusal> {
    todo!("wip: refunds")
}
