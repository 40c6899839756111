//! Holds and transfers that are over: how they ended, from the state as long as it remembers, else from the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use coffer_ledger::customer::{ClosedAs, Customer};
use coffer_ledger::expiry;
use coffer_ledger::fact::{Due, Effect, Facts};
use coffer_ledger::hold::{Hold, HoldStatus};
use coffer_ledger::ids::{CustomerNumber, HoldId, LogPosition, TenantNumber, ThingId, TransferId};
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;

use super::core::Core;
use super::operation::{Committed, Failure, Seen};
use super::read::read;
use super::replayer;

/// How long a transfer's answer waits for its end.
const TRANSFER_PATIENCE: Duration = Duration::from_secs(5);
/// How often a transfer is looked at whose driver is not known.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Records of a customer that are read back in search of something that its state has forgotten.
const WALK_RECORDS_MAX: usize = 10_000;

/// A hold, open or closed, as its last record left it.
///
/// # Errors
/// [`Failure::NotFound`]; [`Failure::RecordGone`] if it ended too long ago to be found.
pub(crate) async fn hold(
    core: &Arc<Core>,
    of: (TenantNumber, CustomerNumber),
    id: HoldId,
) -> Result<Seen<Box<Hold>>, Failure> {
    let seen = read(core, of, move |customer, now| look_for(customer, id, now)).await?;
    let found = |hold| Ok(Seen { value: Box::new(hold), position: seen.position });
    let at = match seen.value {
        Place::Known(hold) => return found(*hold),
        Place::Unknown => return Err(Failure::NotFound("hold")),
        Place::Closed(at) => at,
        Place::Forgotten(last) => {
            let closes = |record: &Record| hold_in(&record.facts, id).is_some();
            walk_back(core, of, last, (id.0, "hold"), closes).await?.ok_or(Failure::RecordGone)?
        }
    };
    let stored = replayer::stored(core, of.0, at).await?;
    let hold = hold_in(&stored.record.facts, id).ok_or(Failure::NotFound("hold"))?;
    found(hold.clone())
}

enum Place {
    Known(Box<Hold>),
    Closed(LogPosition),
    /// It may have been, once: the log would know. With the customer's last record.
    Forgotten(LogPosition),
    Unknown,
}

/// A hold whose deadline has passed, but whose end is not written yet, is over: it is shown as it will be written.
fn look_for(customer: &Customer, id: HoldId, now: Timestamp) -> Place {
    if let Some(hold) = customer.holds.get(id) {
        let ended = (hold.expires_at <= now).then(|| expiry::due(customer, now, usize::MAX));
        let ended = ended.iter().flatten().find_map(|due| match due {
            Due::HoldExpired(end) if end.hold.id == id => Some(end.hold.clone()),
            Due::HoldExpired(_)
            | Due::Expired { .. }
            | Due::Started { .. }
            | Due::RechargeExpired(_)
            | Due::RolledOver(_)
            | Due::Granted(_) => None,
        });
        return Place::Known(Box::new(ended.unwrap_or_else(|| hold.clone())));
    }
    match customer.closed(id.0) {
        Some(closed) => Place::Closed(closed.position),
        // Another customer's is looked for in nobody's log.
        None if id.0.customer() == customer.number && id.0.counter() < customer.counter => {
            Place::Forgotten(customer.last_position)
        }
        None => Place::Unknown,
    }
}

/// The hold as these facts closed it.
fn hold_in(facts: &Facts, id: HoldId) -> Option<&Hold> {
    let due = facts.due.iter().find_map(|due| match due {
        Due::HoldExpired(end) => Some(&end.hold).filter(|hold| hold.id == id && !end.is_part()),
        Due::Expired { .. }
        | Due::Started { .. }
        | Due::RechargeExpired(_)
        | Due::RolledOver(_)
        | Due::Granted(_) => None,
    });
    due.or_else(|| closed_by(&facts.effect, id))
}

fn closed_by(effect: &Effect, id: HoldId) -> Option<&Hold> {
    let is_it = |hold: &&Hold| hold.id == id && hold.status != HoldStatus::Open;
    match effect {
        Effect::Held(step) => Some(&step.hold).filter(is_it),
        Effect::WalletClosed { released, .. } => released.iter().map(|end| &end.hold).find(is_it),
        Effect::Atomic(effects) => effects.iter().find_map(|effect| closed_by(effect, id)),
        _ => None,
    }
}

/// How a transfer stands, and the record that sent it. `None` = on its way.
///
/// # Errors
/// [`Failure::NotFound`]; [`Failure::RecordGone`] if it ended too long ago to be found.
pub(crate) async fn transfer(
    core: &Arc<Core>,
    tenant: TenantNumber,
    id: TransferId,
) -> Result<(LogPosition, Option<ClosedAs>), Failure> {
    let of = (tenant, id.0.customer());
    let look = move |customer: &Customer, _| {
        if let Some(out) = customer.transfers_out.get(&id) {
            return Ok((out.position, None));
        }
        match customer.closed(id.0) {
            Some(closed) => Ok((closed.position, Some(closed.how))),
            None if id.0.counter() < customer.counter => Err(Some(customer.last_position)),
            None => Err(None),
        }
    };
    let last = match read(core, of, look).await?.value {
        Ok(stands) => return Ok(stands),
        Err(last) => last.ok_or(Failure::NotFound("transfer"))?,
    };
    let ends = |record: &Record| end_of(&record.facts.effect, id).is_some();
    let ended = walk_back(core, of, last, (id.0, "transfer"), ends).await?.ok_or(Failure::RecordGone)?;
    let how = end_of(&replayer::stored(core, tenant, ended).await?.record.facts.effect, id);
    let sends = |record: &Record| is_sent_by(&record.facts.effect, id);
    let sent = walk_back(core, of, ended, (id.0, "transfer"), sends).await?.ok_or(Failure::RecordGone)?;
    Ok((sent, how))
}

fn is_sent_by(effect: &Effect, id: TransferId) -> bool {
    matches!(effect, Effect::TransferSent(sent) if sent.out.id == id)
}

fn end_of(effect: &Effect, id: TransferId) -> Option<ClosedAs> {
    match effect {
        Effect::TransferDone(transfer) if *transfer == id => Some(ClosedAs::Completed),
        Effect::TransferReturned { transfer, .. } if *transfer == id => Some(ClosedAs::Returned),
        Effect::TransferSent(sent) if sent.out.id == id && sent.arrived.is_some() => {
            Some(ClosedAs::Completed)
        }
        _ => None,
    }
}

/// How an accepted transfer ended; waits for that.
///
/// # Errors
/// [`Failure::InTransit`] if it takes too long: it goes on by itself.
pub(crate) async fn end_of_transfer(
    core: &Arc<Core>,
    tenant: TenantNumber,
    committed: &Committed,
) -> Result<ClosedAs, Failure> {
    let Effect::TransferSent(sent) = &committed.record.facts.effect else { return Err(Failure::Internal) };
    if sent.arrived.is_some() || committed.position.0 == 0 {
        return Ok(ClosedAs::Completed);
    }
    let id = sent.out.id;
    let waiting = async {
        loop {
            if let Some(mut driven) = core.intents.watch(id) {
                let told = driven.wait_for(Option::is_some).await.ok().and_then(|told| *told);
                if let Some(how) = told {
                    return Ok(how);
                }
            }
            if let (_, Some(how)) = transfer(core, tenant, id).await? {
                return Ok(how);
            }
            // Nobody will drive it on: the next start does.
            if core.journal.halted().is_some() {
                return Err(Failure::Halted);
            }
            if core.closing.load(Ordering::Acquire) && !core.intents.is_driven(id) {
                return Err(Failure::InTransit(id));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(TRANSFER_PATIENCE, waiting).await.unwrap_or(Err(Failure::InTransit(id)))
}

/// The latest record of a customer that closed a thing, among its last ones. If none is since the thing was made, there is no such
/// thing.
async fn walk_back(
    core: &Arc<Core>,
    of: (TenantNumber, CustomerNumber),
    from: LogPosition,
    (thing, what): (ThingId, &'static str),
    is_it: impl Fn(&Record) -> bool,
) -> Result<Option<LogPosition>, Failure> {
    let mut at = from;
    for _ in 0..WALK_RECORDS_MAX {
        if at.0 == 0 {
            return Err(Failure::NotFound(what));
        }
        let (record, previous) = replayer::stored_with_previous(core, of.0, at).await?;
        if is_it(&record) {
            return Ok(Some(at));
        }
        if record.facts.at.ms() < thing.ms() {
            return Err(Failure::NotFound(what));
        }
        at = previous;
    }
    Ok(None)
}
