//! Events on their way to the engine: those of customers that are there go in envelopes, as a batch of debits does; a customer that has
//! to be made gets its first event alone.

use std::collections::BTreeMap;

use coffer_ledger::command::{Command, Event, Origin};
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use tokio::task::JoinSet;

use crate::engine::{Committed, Engine, Failure, Operation, Target};
use crate::http::call::Call;
use crate::http::error::ApiError;

/// Customers that are made at once for one request.
const NEW_CUSTOMERS_AT_ONCE_MAX: usize = 64;

type Outcome = Result<Committed, ApiError>;
type Place = (usize, Operation);
type Told = (usize, Result<Committed, Failure>);

/// One event.
pub(super) async fn one(call: &Call, event: Event, dry_run: bool) -> Outcome {
    let (name, operation) = (event.customer.clone(), operation(call, event, dry_run));
    call.submit(Target::NewCustomer(&name), operation.command, operation.origin, dry_run).await
}

/// Many events, each alone, answered in their order. What could not be read is its own answer.
pub(super) async fn each(call: &Call, events: Vec<Result<Event, ApiError>>, dry_run: bool) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(events.len());
    let mut known: Vec<(usize, CustomerNumber, Operation)> = Vec::new();
    let mut new: BTreeMap<Box<str>, Vec<Place>> = BTreeMap::new();
    for (place, event) in events.into_iter().enumerate() {
        let admitted = event.and_then(|event| {
            let number = call.engine().resolve(call.tenant(), Target::Customer(&event.customer));
            call.check_bound(Target::NewCustomer(&event.customer)).map(|()| (event, number))
        });
        match admitted {
            Ok((event, Some(number))) => known.push((place, number, operation(call, event, dry_run))),
            Ok((event, None)) => {
                let name = event.customer.clone();
                new.entry(name).or_default().push((place, operation(call, event, dry_run)));
            }
            Err(error) => {
                outcomes.push(Some(Err(error)));
                continue;
            }
        }
        outcomes.push(None);
    }
    let told = submit_known(call.engine(), call.tenant(), known, &mut new).await;
    let made = submit_new(call.engine(), call.tenant(), new).await;
    for (place, outcome) in told.into_iter().chain(made) {
        outcomes[place] = Some(outcome.map_err(ApiError::from));
    }
    let lost = || Err(Failure::OutcomeUnknown.into());
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect()
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
