//! What became of an event that was recorded before, without asking its customer anything: for one that cannot be decided any more,
//! because the rate card of the day reads no quantity out of it (SEMANTICS §19).

use std::sync::Arc;

use coffer_ledger::command::{Command, Event, Origin};
use coffer_ledger::ids::TenantNumber;

use super::core::{Core, customer_subject};
use super::counters::Counters;
use super::gate::SameBy;
use super::operation::{Committed, Failure, Operation, Target};
use super::{replayer, submit};

/// The first outcome of the event that has this one's customer, source and id; `None` = none is known within the window of keys.
pub(crate) async fn event(
    core: &Arc<Core>,
    tenant: TenantNumber,
    event: Event,
) -> Result<Option<Committed>, Failure> {
    core.admit()?;
    let (name, key) = (event.customer.clone(), submit::event_key(&event));
    let origin = Origin { by: None, idempotency_key: Some(key.clone()) };
    let asked = Operation { command: Command::Event(Box::new(event)), origin, dry_run: false };
    let addressee = submit::addressee(core, tenant, Target::NewCustomer(&name), &asked);
    let named = || core.directory.find_even_deleted(tenant, &name);
    let number = if let Target::Number(former) = addressee { Some(former) } else { named() };
    let Some(number) = number else { return Ok(None) };
    let hash = core.keys.hash(customer_subject(tenant, number), &key);
    let Some(position) = core.keys.find(hash, core.time.now()) else { return Ok(None) };
    Counters::count(&core.counters.replays);
    replayer::replay(core, (tenant, number), asked, (position, SameBy::Event)).await.map(Some)
}
