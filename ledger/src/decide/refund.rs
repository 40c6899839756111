//! Refunds of debits (SEMANTICS §7).

use super::Context;
use crate::customer::Customer;
use crate::fact::Effect;
use crate::refusal::Refusal;
use crate::command::Refund;

pub(super) fn refund(_: &Customer, _: &Refund, _: &Context<'_>) -> Result<Effect, Refusal> { todo!("wip: refunds") }
