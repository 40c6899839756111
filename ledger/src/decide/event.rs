//! Usage events: priced and debited at once (SEMANTICS §19).

use super::Context;
use crate::command::Event;
use crate::customer::Customer;
use crate::fact::Effect;
use crate::refusal::Refusal;

pub(super) fn record(_: &Customer, _: &Event, _: &Context<'_>) -> Result<Effect, Refusal> {
    todo!("wip: events")
}
