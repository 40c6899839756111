//! Holds: placed, grown, extended, captured, released (SEMANTICS §5).

use super::Context;
use crate::customer::Customer;
use crate::fact::Effect;
use crate::refusal::Refusal;
use crate::amount::Credits;
use crate::command::{Capture, PlaceHold};
use crate::ids::HoldId;

pub(super) fn place(_: &Customer, _: &PlaceHold, _: &Context<'_>) -> Result<Effect, Refusal> { todo!("wip: holds") }
pub(super) fn capture(_: &Customer, _: &Capture, _: &Context<'_>) -> Result<Effect, Refusal> { todo!("wip: holds") }
pub(super) fn release(_: &Customer, _: HoldId, _: &Context<'_>) -> Result<Effect, Refusal> { todo!("wip: holds") }
pub(super) fn extend(_: &Customer, _: HoldId, _: u32, _: &Context<'_>) -> Result<Effect, Refusal> { todo!("wip: holds") }
pub(super) fn grow(_: &Customer, _: HoldId, _: Credits, _: &Context<'_>) -> Result<Effect, Refusal> { todo!("wip: holds") }
