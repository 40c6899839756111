//! Taking back what is unspent of a credit (SEMANTICS §6).

use super::Context;
use crate::customer::Customer;
use crate::fact::Effect;
use crate::refusal::Refusal;
use crate::command::VoidCredit;

pub(super) fn void(_: &Customer, _: &VoidCredit, _: &Context<'_>) -> Result<Effect, Refusal> { todo!("wip: voids") }
