//! The door: name → customer, key → hash, permit → message, answer.

use std::collections::HashMap;
use std::sync::Arc;

use coffer_ledger::command::{Command, Event};
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use tokio::sync::oneshot;

use super::core::{Core, customer_subject};
use super::counters::Counters;
use super::gate::{Answer, Group, GroupShare, Outcome};
use super::looking_up;
use super::message::{Found, Keyed, Message};
use super::operation::{Committed, Failure, Operation, Target, TenantCommitted, TenantOperation};
use super::permits::Door;
use super::replayer;
use super::router::{IfVacant, SendError};
use super::tenant_actor::{self, TenantMessage, TenantOutcome};

/// Operations of a batch that are in flight at once; a larger batch goes in waves, so that it cannot starve the rest.
const WAVE_OPERATIONS_MAX: usize = 2_048;
/// Operations of one customer in one message (DESIGN decision 6).
const ENVELOPE_OPERATIONS_MAX: usize = 256;

/// One operation.
pub(crate) async fn one(
    core: &Arc<Core>,
    tenant: TenantNumber,
    target: Target<'_>,
    operation: Box<Operation>,
) -> Result<Committed, Failure> {
    core.admit()?;
    let looked_up = match looking_up::needs(&operation.command) {
        false => None,
        // Boxed: few operations pay for it, and all would carry its room.
        true => {
            let (number, _) = locate(core, tenant, target)?;
            Box::pin(looking_up::look_up(core, tenant, number, &operation.command)).await
        }
    };
    let target = addressee(core, tenant, target, &operation);
    let (reply, waiting) = oneshot::channel();
    let mut letter = Some((operation, reply, looked_up));
    let number = loop {
        let (number, if_vacant) = locate(core, tenant, target)?;
        let build = |permit| {
            let (operation, reply, looked_up) = letter.take().expect("a letter is built once");
            Message::One { keyed: keyed(core, tenant, number, operation, looked_up), reply, permit }
        };
        match core.router.send_write(core, (tenant, number), if_vacant, 1, build) {
            Ok(()) => break number,
            Err(SendError::Renumbered) => {}
            Err(SendError::Failed(failure)) => return Err(counted(core, failure)),
        }
    };
    let answer = waiting.await.map_err(|_| Failure::OutcomeUnknown)?;
    open_answer(core, (tenant, number), answer).await
}

/// One operation of the engine's own: it has room of its own, so that what customers ask for cannot keep it out.
pub(crate) async fn internal(
    core: &Arc<Core>,
    tenant: TenantNumber,
    number: CustomerNumber,
    operation: Operation,
) -> Result<Committed, Failure> {
    core.admit()?;
    let (reply, waiting) = oneshot::channel();
    let mut letter = Some((Box::new(operation), reply));
    let build = |permit| {
        let (operation, reply) = letter.take().expect("a letter is built once");
        Message::One { keyed: keyed(core, tenant, number, operation, None), reply, permit }
    };
    match core.router.send_internal(core, (tenant, number), &core.internal, build) {
        Ok(()) => {}
        Err(SendError::Failed(failure)) => return Err(failure),
        Err(SendError::Renumbered) => return Err(Failure::NotFound("customer")),
    }
    let answer = waiting.await.map_err(|_| Failure::OutcomeUnknown)?;
    open_answer(core, (tenant, number), answer).await
}

/// Many operations.
pub(crate) async fn many(
    core: &Arc<Core>,
    tenant: TenantNumber,
    operations: Vec<(CustomerNumber, Operation)>,
) -> Vec<Result<Committed, Failure>> {
    let mut results = Vec::with_capacity(operations.len());
    let mut operations = operations.into_iter();
    loop {
        let wave: Vec<_> = operations.by_ref().take(WAVE_OPERATIONS_MAX).collect();
        if wave.is_empty() {
            return results;
        }
        let numbers: Vec<_> = wave.iter().map(|(number, _)| *number).collect();
        let answers = send_wave(core, tenant, wave).await;
        for (number, answer) in numbers.into_iter().zip(answers) {
            results.push(open_answer(core, (tenant, number), answer).await);
        }
    }
}

/// One customer's part of a wave.
struct Envelope {
    number: CustomerNumber,
    items: Vec<u32>,
    operations: Vec<Keyed>,
}

async fn send_wave(
    core: &Arc<Core>,
    tenant: TenantNumber,
    wave: Vec<(CustomerNumber, Operation)>,
) -> Vec<Answer> {
    let len = wave.len();
    if let Err(failure) = core.admit() {
        return wave.iter().map(|_| Err(failure.clone())).collect();
    }
    let wave = look_up_each(core, tenant, wave).await;
    let envelopes = sort_into_envelopes(core, tenant, wave);
    let (group, ready) = Group::new(len, envelopes.len());
    for envelope in envelopes {
        send_envelope(core, tenant, envelope, &group);
    }
    let answers = ready.await.unwrap_or_default();
    let mut answers: Vec<_> =
        answers.into_iter().map(|answer| answer.unwrap_or(Err(Failure::OutcomeUnknown))).collect();
    answers.resize_with(len, || Err(Failure::OutcomeUnknown));
    answers
}

/// An operation of a wave, by its place in it, and what was looked up for it.
type Item = (u32, CustomerNumber, Box<Operation>, Option<Found>);

/// Looks up what each operation needs.
async fn look_up_each(
    core: &Arc<Core>,
    tenant: TenantNumber,
    wave: Vec<(CustomerNumber, Operation)>,
) -> Vec<Item> {
    let mut items = Vec::with_capacity(wave.len());
    for (item, (number, operation)) in (0_u32..).zip(wave) {
        let looked_up = match looking_up::needs(&operation.command) {
            false => None,
            true => looking_up::look_up(core, tenant, number, &operation.command).await,
        };
        items.push((item, number, Box::new(operation), looked_up));
    }
    items
}

fn sort_into_envelopes(core: &Core, tenant: TenantNumber, wave: Vec<Item>) -> Vec<Envelope> {
    let mut envelopes: Vec<Envelope> = Vec::new();
    let mut open: HashMap<CustomerNumber, usize> = HashMap::new();
    for (item, number, operation, looked_up) in wave {
        let at = open.get(&number).copied().filter(|at| envelopes[*at].items.len() < ENVELOPE_OPERATIONS_MAX);
        let at = at.unwrap_or_else(|| {
            envelopes.push(Envelope { number, items: Vec::new(), operations: Vec::new() });
            open.insert(number, envelopes.len() - 1);
            envelopes.len() - 1
        });
        envelopes[at].items.push(item);
        envelopes[at].operations.push(keyed(core, tenant, number, operation, looked_up));
    }
    envelopes
}

fn send_envelope(core: &Arc<Core>, tenant: TenantNumber, envelope: Envelope, group: &Arc<Group>) {
    let Envelope { number, items, operations } = envelope;
    let writes = u32::try_from(items.len()).expect("at most ENVELOPE_OPERATIONS_MAX");
    let mut letter = Some((operations, GroupShare::new(Arc::clone(group), items)));
    let build = |permit| {
        let (items, share) = letter.take().expect("a letter is built once");
        Message::Envelope { items, share, permit }
    };
    let sent = core.router.send_write(core, (tenant, number), IfVacant::Refuse, writes, build);
    let failure = match sent {
        Ok(()) => return,
        Err(SendError::Failed(failure)) => counted(core, failure),
        Err(SendError::Renumbered) => Failure::NotFound("customer"),
    };
    if let Some((operations, share)) = letter {
        share.answer(operations.iter().map(|_| Err(failure.clone())));
    }
}

/// One operation of a tenant.
pub(crate) async fn tenant(
    core: &Arc<Core>,
    number: TenantNumber,
    operation: TenantOperation,
) -> Result<TenantCommitted, Failure> {
    core.admit()?;
    let seat = core.tenants.read().expect("no tenant operation panics").get(&number).cloned();
    let seat = seat.ok_or(Failure::NotFound("tenant"))?;
    let door = Door::new(Arc::clone(&core.in_flight), Arc::clone(&seat.in_flight), core.permit_limits);
    let permit = door.admit(1).ok_or(Failure::Overloaded);
    let permit = permit.map_err(|failure| counted(core, failure))?;
    let key =
        operation.origin.idempotency_key.as_deref().map(|key| tenant_actor::key_hash(core, number, key));
    let (reply, waiting) = oneshot::channel();
    let message = TenantMessage::Operation { operation: Box::new(operation), key, reply, permit };
    seat.mailbox.send_message(message).map_err(|_| Failure::Quarantined)?;
    match waiting.await.map_err(|_| Failure::OutcomeUnknown)?? {
        TenantOutcome::Committed(committed) => Ok(committed),
        TenantOutcome::Replay { position, asked } => replayer::replay_tenant(core, *asked, position).await,
    }
}

/// The number of a customer that exists or has a seat.
pub(crate) fn find(core: &Core, tenant: TenantNumber, target: Target<'_>) -> Option<CustomerNumber> {
    let number = match target {
        Target::Customer(name) | Target::NewCustomer(name) => core.directory.find(tenant, name)?,
        Target::Wallet(id) => id.0.customer(),
        Target::Number(number) => number,
    };
    core.router.is_seated(tenant, number).then_some(number)
}

fn locate<'a>(
    core: &Core,
    tenant: TenantNumber,
    target: Target<'a>,
) -> Result<(CustomerNumber, IfVacant<'a>), Failure> {
    let number = match target {
        Target::NewCustomer(name) => {
            return Ok((core.directory.find_or_number(tenant, name), IfVacant::Seat(name)));
        }
        // A deleted customer answers for itself: with the outcome of a repeated key, else that it is not found.
        Target::Customer(name) => {
            core.directory.find_even_deleted(tenant, name).ok_or(Failure::NotFound("customer"))?
        }
        Target::Wallet(id) => id.0.customer(),
        Target::Number(number) => number,
    };
    Ok((number, IfVacant::Refuse))
}

fn keyed(
    core: &Core,
    tenant: TenantNumber,
    number: CustomerNumber,
    mut operation: Box<Operation>,
    looked_up: Option<Found>,
) -> Keyed {
    let subject = customer_subject(tenant, number);
    if let Command::Event(event) = &operation.command {
        operation.origin.idempotency_key = Some(event_key(event));
    }
    // A dry run looks a key up as the real request would, and stores none.
    let key = operation.origin.idempotency_key.as_deref().map(|key| core.keys.hash(subject, key));
    Keyed { operation, key, looked_up }
}

/// To whom a request goes that may make its customer: to who had the name before and did this already, else to whom it names. A
/// deletion frees the name, not the keys of what was done under it.
pub(super) fn addressee<'a>(
    core: &Core,
    tenant: TenantNumber,
    target: Target<'a>,
    operation: &Operation,
) -> Target<'a> {
    let Target::NewCustomer(name) = target else { return target };
    let event = match &operation.command {
        Command::Event(event) => Some(event_key(event)),
        _ => None,
    };
    let Some(key) = event.as_deref().or(operation.origin.idempotency_key.as_deref()) else { return target };
    let now = core.time.now();
    let has_done_it = |number: &CustomerNumber| {
        core.keys.find(core.keys.hash(customer_subject(tenant, *number), key), now).is_some()
    };
    let former = core.directory.former_owners(tenant, name);
    former.into_iter().flatten().find(has_done_it).map_or(target, Target::Number)
}

/// An event's key is its source and id (SEMANTICS §19). The length keeps the two apart.
pub(super) fn event_key(event: &Event) -> Box<str> {
    format!("event/{}/{}/{}", event.source.len(), event.source, event.id).into()
}

async fn open_answer(
    core: &Arc<Core>,
    to: (TenantNumber, CustomerNumber),
    answer: Answer,
) -> Result<Committed, Failure> {
    match answer? {
        Outcome::Committed(committed) => Ok(committed),
        // Boxed: few answers are replays, and each submission would carry its room.
        Outcome::Replay { position, asked, by } => {
            Box::pin(replayer::replay(core, to, *asked, (position, by))).await
        }
    }
}

fn counted(core: &Core, failure: Failure) -> Failure {
    if failure == Failure::Overloaded {
        Counters::count(&core.counters.overloaded);
    }
    failure
}
