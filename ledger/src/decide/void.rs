//! Taking back what is unspent of a credit (SEMANTICS §6).

use super::Context;
use crate::command::VoidCredit;
use crate::customer::Customer;
use crate::fact::Effect;
use crate::refusal::Refusal;

pub(super) fn void(_: &Customer, _: &VoidCredit, _: &Context<'_>) -> Result<Effect, Refusal> {
    todo!("wip: voids")
}
