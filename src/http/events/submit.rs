//! Events on their way to the engine: those of customers that are there go in envelopes, as a batch of debits does; a customer that has
//! to be made gets its first event alone.

use std::collections::BTreeMap;

use coffer_ledger::command::{Command, Event, Origin};
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use tokio::task::JoinSet;

use super::received::{Received, Unread};
use crate::engine::{Committed, Engine, Failure, Operation, Target};
use crate::http::call::Call;
use crate::http::error::ApiError;

/// Customers that are made at once for one request.
const NEW_CUSTOMERS_AT_ONCE_MAX: usize = 64;

type Outcome = Result<Committed, ApiError>;
type Place = (usize, Operation);
type Told = (usize, Result<Committed, Failure>);

/// One event.
pub(super) async fn one(call: &Call, received: Received, dry_run: bool) -> Outcome {
    if received.unclear.is_some() {
        call.check_bound(Target::NewCustomer(&received.event.customer))?;
        // Boxed: few events pay for it, and all would carry its room.
        return Box::pin(repeated(call, received)).await;
    }
    let judge = received.by_key.is_some().then(|| received.clone());
    let (name, operation) = (received.event.customer.clone(), operation(call, received.event, dry_run));
    let committed =
        call.submit(Target::NewCustomer(&name), operation.command, operation.origin, dry_run).await?;
    match judge {
        Some(received) => received.told(committed),
        None => Ok(committed),
    }
}

/// Many events, each alone, answered in their order. What could not be read is its own answer.
pub(super) async fn each(call: &Call, events: Vec<Result<Received, Unread>>, dry_run: bool) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(events.len());
    let mut known: Vec<(usize, CustomerNumber, Operation)> = Vec::new();
    let mut new: BTreeMap<Box<str>, Vec<Place>> = BTreeMap::new();
    let mut judged: Vec<(usize, Received)> = Vec::new();
    for (place, event) in events.into_iter().enumerate() {
        let admitted = event.map_err(ApiError::from).and_then(|received| {
            call.check_bound(Target::NewCustomer(&received.event.customer)).map(|()| received)
        });
        let received = match admitted {
            Ok(received) => received,
            Err(error) => {
                outcomes.push(Some(Err(error)));
                continue;
            }
        };
        outcomes.push(None);
        if received.unclear.is_some() {
            judged.push((place, received));
            continue;
        }
        if received.by_key.is_some() {
            judged.push((place, received.clone()));
        }
        let name = received.event.customer.clone();
        let operation = operation(call, received.event, dry_run);
        match call.engine().resolve(call.tenant(), Target::Customer(&name)) {
            Some(number) => known.push((place, number, operation)),
            None => new.entry(name).or_default().push((place, operation)),
        }
    }
    let told = submit_known(call.engine(), call.tenant(), known, &mut new).await;
    let made = submit_new(call.engine(), call.tenant(), new).await;
    for (place, outcome) in told.into_iter().chain(made) {
        outcomes[place] = Some(outcome.map_err(ApiError::from));
    }
    // What may only be a repeat may repeat one of these.
    for (place, received) in judged {
        outcomes[place] = match outcomes[place].take() {
            Some(Ok(committed)) => Some(received.told(committed)),
            None if received.unclear.is_some() => Some(repeated(call, received).await),
            outcome => outcome,
        };
    }
    let lost = || Err(Failure::OutcomeUnknown.into());
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect()
}

/// What became of an event that is good as a repeat only.
async fn repeated(call: &Call, received: Received) -> Outcome {
    match call.engine().recorded_event(call.tenant(), received.event.clone()).await? {
        Some(committed) => received.told(committed),
        None => {
            Err(received.unclear.unwrap_or_else(|| ApiError::internal("an event that is clear is no repeat")))
        }
    }
}

fn operation(call: &Call, event: Event, dry_run: bool) -> Operation {
    // The engine makes the key from source and id.
    let origin = Origin { by: Some(call.who.key), idempotency_key: None };
    Operation { command: Command::Event(Box::new(event)), origin, dry_run }
}

/// Events of customers that are there. One that has gone meanwhile is to be made anew.
async fn submit_known(
    engine: &Engine,
    tenant: TenantNumber,
    known: Vec<(usize, CustomerNumber, Operation)>,
    new: &mut BTreeMap<Box<str>, Vec<Place>>,
) -> Vec<Told> {
    let again: Vec<Operation> = known.iter().map(|(_, _, operation)| operation.clone()).collect();
    let (places, operations): (Vec<_>, Vec<_>) =
        known.into_iter().map(|(place, number, operation)| (place, (number, operation))).unzip();
    let answers = engine.submit_many(tenant, operations).await;
    let mut told = Vec::with_capacity(places.len());
    for ((place, answer), operation) in places.into_iter().zip(answers).zip(again) {
        match (&answer, &operation.command) {
            (Err(Failure::NotFound("customer")), Command::Event(event)) => {
                new.entry(event.customer.clone()).or_default().push((place, operation));
            }
            _ => told.push((place, answer)),
        }
    }
    told
}

/// Events of customers that are to be made, some customers at once.
async fn submit_new(engine: &Engine, tenant: TenantNumber, new: BTreeMap<Box<str>, Vec<Place>>) -> Vec<Told> {
    let (mut making, mut told) = (JoinSet::new(), Vec::new());
    for (name, events) in new {
        if making.len() >= NEW_CUSTOMERS_AT_ONCE_MAX {
            told.extend(making.join_next().await.into_iter().flatten().flatten());
        }
        making.spawn(make_customer(engine.clone(), tenant, name, events));
    }
    while let Some(made) = making.join_next().await {
        told.extend(made.into_iter().flatten());
    }
    told
}

/// One by one until one is accepted; the rest is a known customer's.
async fn make_customer(
    engine: Engine,
    tenant: TenantNumber,
    name: Box<str>,
    events: Vec<Place>,
) -> Vec<Told> {
    let (mut told, mut events) = (Vec::with_capacity(events.len()), events.into_iter());
    for (place, operation) in events.by_ref() {
        let is_dry = operation.dry_run;
        let answer = engine.submit(tenant, Target::NewCustomer(&name), operation).await;
        // What a deleted customer of this name did already makes nobody.
        let is_made = !is_dry && answer.as_ref().is_ok_and(|committed| !committed.replayed);
        told.push((place, answer));
        if is_made {
            break;
        }
    }
    let Some(number) = engine.resolve(tenant, Target::Customer(&name)) else { return told };
    let (places, operations): (Vec<_>, Vec<_>) =
        events.map(|(place, operation)| (place, (number, operation))).unzip();
    told.extend(places.into_iter().zip(engine.submit_many(tenant, operations).await));
    told
}
