//! The thread that says what is to be paid: first what is pending already, then what begins and ends in the log.

use std::sync::Arc;
use std::time::Duration;

use coffer_ledger::fact::{Due, Effect, Facts};
use coffer_ledger::recharge::{Recharge, RechargeStatus};
use coffer_wal::Record;
use tokio::runtime::Handle;

use super::desk::Desk;
use crate::engine::codec;
use crate::feed::events::{scan, whose};
use crate::feed::tail::FeedError;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// After how long a log that could not be read is read again.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// Records between two looks at whether to stop.
const RECORDS_PER_TURN: u64 = 1_000;
/// The first version of the codec that knows recharges: records of an older one have none, and are not decoded.
const VERSION_WITH_RECHARGES: u8 = 3;

/// Starts it.
///
/// # Errors
/// What the machine says when it has no thread to give.
pub(super) fn start(desk: &Arc<Desk>) -> std::io::Result<()> {
    let (runtime, following) = (Handle::current(), Arc::clone(desk));
    // Registered before anything can be removed from the archive.
    let follower = desk.engine.follow();
    let log = desk.engine.log_reader();
    let mut at = log.durable_lsn().0;
    follower.is_at(at);
    desk.engine.spawn_later("payments", move || {
        while !pending(&following, &runtime) && following.rest(TRY_EVERY) {}
        following.follows(true);
        while following.rest(LOOK_EVERY) {
            let to = log.durable_lsn().0.min(at.saturating_add(RECORDS_PER_TURN));
            match scan(&log, (at, to), &mut |record| take(&following, &runtime, record)) {
                Ok(()) => {
                    at = to.max(at);
                    follower.is_at(at);
                    following.follows(true);
                }
                Err(error) => {
                    tracing::error!(%error, "payments cannot follow the log; it is read again");
                    following.follows(false);
                    following.rest(TRY_EVERY);
                }
            }
        }
        following.follows(false);
    })
}

/// What was pending when the server started; whether that could be seen.
fn pending(desk: &Arc<Desk>, runtime: &Handle) -> bool {
    let found = runtime.block_on(desk.engine.scan(desk.tenant, |customer, _| {
        let open = customer.recharges.iter().filter(|recharge| recharge.status == RechargeStatus::Pending);
        let open: Vec<_> = open.map(|recharge| recharge.id).collect();
        (!open.is_empty()).then_some(open)
    }));
    match found {
        Ok(found) => {
            found.into_iter().flatten().for_each(|id| desk.open(id, false, runtime));
            true
        }
        Err(error) => {
            tracing::error!(%error, "pending recharges cannot be listed; it is tried again");
            false
        }
    }
}

fn take(desk: &Arc<Desk>, runtime: &Handle, record: &Record<'_>) -> Result<(), FeedError> {
    let of_tenant = matches!(whose(record), Some((tenant, Some(_))) if tenant == desk.tenant);
    if !of_tenant || record.header.version < VERSION_WITH_RECHARGES {
        return Ok(());
    }
    let position = record.lsn.0;
    let decoded = codec::decode_record(record.header.version, record.public, record.personal)
        .map_err(|error| FeedError::Record { position, error })?;
    begun(&decoded.facts, &mut |recharge| {
        if recharge.status == RechargeStatus::Pending {
            desk.open(recharge.id, true, runtime);
        }
    });
    ended(&decoded.facts, &mut |recharge| desk.wake(recharge.id));
    Ok(())
}

/// Every recharge that a record begins.
fn begun(facts: &Facts, each: &mut dyn FnMut(&Recharge)) {
    facts.set_off.iter().flat_map(|set_off| set_off.begun()).for_each(&mut *each);
    effects(&facts.effect, &mut |effect| {
        if let Effect::Recharged { recharge, .. } = effect {
            each(recharge);
        }
    });
}

/// Every recharge that a record ends.
fn ended(facts: &Facts, each: &mut dyn FnMut(&Recharge)) {
    for due in &facts.due {
        if let Due::RechargeExpired(end) = due {
            each(&end.recharge);
        }
    }
    facts.set_off.iter().flat_map(|set_off| &set_off.ended).for_each(|end| each(&end.recharge));
    effects(&facts.effect, &mut |effect| {
        if let Effect::RechargeEnded(end) = effect {
            each(&end.recharge);
        }
    });
}

fn effects(effect: &Effect, each: &mut dyn FnMut(&Effect)) {
    if let Effect::Atomic(effects) = effect {
        effects.iter().for_each(each);
    } else {
        each(effect);
    }
}
