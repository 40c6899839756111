//! Looking at customers. A reply to a read leaves when what it shows is durable (SEMANTICS §4, I10).

use std::borrow::Cow;
use std::sync::Arc;

use coffer_ledger::customer::Customer;
use coffer_ledger::decide::{Context, followed_up};
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use coffer_ledger::time::Timestamp;
use tokio::sync::oneshot;

use super::codec;
use super::core::Core;
use super::message::Message;
use super::operation::{Failure, Seen};
use super::router::{Peek, SendError};
use super::slot::{Place, Resting};

/// Shows one customer's state as of now to `look`. A resting customer is not woken.
pub(crate) async fn read<T, F>(
    core: &Arc<Core>,
    of: (TenantNumber, CustomerNumber),
    look: F,
) -> Result<Seen<T>, Failure>
where
    T: Send + 'static,
    F: FnOnce(&Customer, Timestamp) -> T + Send + 'static,
{
    match core.router.peek(of.0, of.1)? {
        Peek::Resting(resting) => {
            let customer = decode(&resting)?;
            let now = core.now_of(of.0).max(customer.last_at);
            let value = look(&followed(core, exists(&customer)?, now), now);
            Ok(Seen { value, position: resting.position })
        }
        Peek::Busy => ask(core, of, look).await,
    }
}

async fn ask<T, F>(core: &Arc<Core>, of: (TenantNumber, CustomerNumber), look: F) -> Result<Seen<T>, Failure>
where
    T: Send + 'static,
    F: FnOnce(&Customer, Timestamp) -> T + Send + 'static,
{
    let (tell, told) = oneshot::channel();
    let shared = Arc::clone(core);
    let reader = Box::new(move |shown: Result<(&Customer, Timestamp), Failure>| -> super::gate::Then {
        let seen = shown.and_then(|(customer, now)| {
            let value = look(&followed(&shared, exists(customer)?, now), now);
            Ok(Seen { value, position: customer.last_position })
        });
        Box::new(move |durable| drop(tell.send(durable.map_err(|_| Failure::Halted).and(seen))))
    });
    match core.router.send(core, of, Message::Read(reader)) {
        Ok(()) => told.await.map_err(|_| Failure::OutcomeUnknown)?,
        Err(SendError::Failed(failure)) => Err(failure),
        Err(SendError::Renumbered) => Err(Failure::NotFound("customer")),
    }
}

/// Shows every customer of a tenant to `look`, in order of their numbers, and collects what it gives.
pub(crate) async fn scan<T, F>(core: &Arc<Core>, tenant: TenantNumber, look: F) -> Result<Vec<T>, Failure>
where
    T: Send + 'static,
    F: Fn(&Customer, Timestamp) -> Option<T> + Send + Sync + 'static,
{
    let look = Arc::new(look);
    let mut found = Vec::new();
    for shard in 0..core.router.shard_count() {
        let mut busy = Vec::new();
        core.router.for_each_in_shard(shard, |number, slot| match &slot.place {
            Place::Resting(resting) if slot.tenant == tenant => found.push((number, Err(resting.clone()))),
            Place::Active(_) | Place::Leaving(_) if slot.tenant == tenant => busy.push(number),
            Place::Vacant | Place::Resting(_) | Place::Active(_) | Place::Leaving(_) | Place::Quarantined => {
            }
        });
        for number in busy {
            let look = Arc::clone(&look);
            match ask(core, (tenant, number), move |customer, now| look(customer, now)).await {
                Ok(seen) => found.push((number, Ok(seen.value))),
                Err(Failure::NotFound(_) | Failure::Quarantined) => {}
                Err(failure) => return Err(failure),
            }
        }
    }
    let now = core.now_of(tenant);
    let shared = Arc::clone(core);
    let decoding = core.runtime.spawn_blocking(move || decode_all(&shared, found, now, look.as_ref()));
    decoding.await.map_err(|_| Failure::Internal)?
}

type Found<T> = (CustomerNumber, Result<Option<T>, Resting>);

fn decode_all<T>(
    core: &Core,
    mut found: Vec<Found<T>>,
    now: Timestamp,
    look: &dyn Fn(&Customer, Timestamp) -> Option<T>,
) -> Result<Vec<T>, Failure> {
    found.sort_by_key(|(number, _)| *number);
    let mut seen = Vec::new();
    for (_, one) in found {
        seen.extend(match one {
            Ok(value) => value,
            Err(resting) => {
                let customer = decode(&resting)?;
                let now = now.max(customer.last_at);
                look(&followed(core, &customer, now), now)
            }
        });
    }
    Ok(seen)
}

/// The customer as it is once it follows what has changed about its plans: nobody sees a period under a rule that is gone.
fn followed<'a>(core: &Core, customer: &'a Customer, now: Timestamp) -> Cow<'a, Customer> {
    if customer.grants.subscriptions.is_empty() {
        return Cow::Borrowed(customer);
    }
    let Some(view) = core.views.get(customer.tenant) else { return Cow::Borrowed(customer) };
    let (settings, cards, limits) = (&view.settings, view.rate_cards.as_slice(), &core.options.limits);
    let context =
        Context { now, settings, cards, plans: view.plans(), limits, keyed: false, looked_up: None };
    followed_up(customer, &context).map_or(Cow::Borrowed(customer), Cow::Owned)
}

/// A seat that was given to a name and got no record yet is nobody.
fn exists(customer: &Customer) -> Result<&Customer, Failure> {
    if customer.identity.is_some() { Ok(customer) } else { Err(Failure::NotFound("customer")) }
}

fn decode(resting: &Resting) -> Result<Customer, Failure> {
    codec::decode_customer(&resting.bytes).map_err(|error| {
        tracing::error!(position = resting.position.0, %error, "a resting customer cannot be read");
        Failure::Internal
    })
}
