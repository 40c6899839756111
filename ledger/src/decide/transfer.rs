//! Transfers: both halves (SEMANTICS §15, DESIGN decision 13).

use super::Context;
use crate::command::{Transfer, TransferIn};
use crate::customer::Customer;
use crate::fact::Effect;
use crate::ids::TransferId;
use crate::refusal::Refusal;

pub(super) fn send(_: &Customer, _: &Transfer, _: &Context<'_>) -> Result<Effect, Refusal> {
    todo!("wip: transfers")
}
pub(super) fn receive(_: &Customer, _: &TransferIn, _: &Context<'_>) -> Result<Effect, Refusal> {
    todo!("wip: transfers")
}
pub(super) fn done(_: &Customer, _: TransferId) -> Result<Effect, Refusal> {
    todo!("wip: transfers")
}
pub(super) fn back(_: &Customer, _: TransferId, _: &Context<'_>) -> Result<Effect, Refusal> {
    todo!("wip: transfers")
}
pub(super) fn forget(_: &Customer, _: TransferId) -> Result<Effect, Refusal> {
    todo!("wip: transfers")
}
