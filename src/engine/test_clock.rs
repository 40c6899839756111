//! The clock of a tenant in test mode (SEMANTICS §10).
//!
//! It stands still until it is moved, and moves forward only. The log goes on in real time: a record's frame says when it was
//! written, its facts say the tenant's time. So one tenant's year of tests forgets no other tenant's idempotency key.

use std::sync::Arc;

use coffer_ledger::ids::{CustomerNumber, TenantNumber};

use super::core::Core;
use super::message::Message;
use super::operation::Failure;
use super::read::read;
use super::slot::Place;

/// Does for every customer of the tenant what its clock has made due. Resolves when all of it is durable.
pub(crate) async fn catch_up(core: &Arc<Core>, tenant: TenantNumber) -> Result<(), Failure> {
    let now = core.now_of(tenant);
    for shard in 0..core.router.shard_count() {
        let mut due: Vec<CustomerNumber> = Vec::new();
        core.router.for_each_in_shard(shard, |number, slot| match &slot.place {
            Place::Resting(resting) if slot.tenant == tenant && resting.next_due <= now => due.push(number),
            Place::Active(_) | Place::Leaving(_) if slot.tenant == tenant => due.push(number),
            Place::Vacant | Place::Resting(_) | Place::Active(_) | Place::Leaving(_) | Place::Quarantined => {
            }
        });
        for number in due {
            tick(core, tenant, number).await?;
        }
    }
    Ok(())
}

async fn tick(core: &Arc<Core>, tenant: TenantNumber, number: CustomerNumber) -> Result<(), Failure> {
    // A customer that is gone or quarantined has nothing to do.
    drop(core.router.send(core, (tenant, number), Message::Tick(None)));
    // Behind the tick in the same mailbox: answered when what the tick wrote is durable.
    match read(core, (tenant, number), |_, _| ()).await {
        Ok(_) | Err(Failure::NotFound(_) | Failure::Quarantined) => Ok(()),
        Err(failure) => Err(failure),
    }
}
