//! Erasing while the engine serves: the same parts as on a stopped directory, in an order that lets everybody else go on.
//!
//! 1. The marker says that it was begun. 2. The tenant's keys, then the customer, write down that everything personal in their
//!    states goes ([`erasure::clearing`]): from these records on the live state is erased, whatever is recovered. The marker
//!    remembers them: what was recorded up to there goes, what comes later stays.
//! 3. The live segment ends, and everything up to those records is archived. 4. Archived segments are written again, one by one; who
//!    reads one meanwhile has the old file or the new one, which prove the same. 5. Snapshots that began later replace all
//!    older ones, and with them the hot segments go. 6. Copies of cut-short writes are removed. 7. Whoever keeps copies of records is
//!    next. 8. The marker is removed: [`Erasure::finish`].
//!
//! Wherever it ends, the next start finds the marker, and [`Engine::unfinished_erasure`](crate::engine::Engine::unfinished_erasure)
//! goes on: before the marker names the records, from 2; after that, from 3. Each step does nothing where it was done.
//! Absent on purpose: waiting for requests on their way. One that is decided after the customer's record says
//! what it says, and another erasure takes it. Tested in `tests/erasure/live.rs` and `tests/cli/erase_live.rs`.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use coffer_ledger::customer::Identity;
use coffer_ledger::erasure;
use coffer_ledger::ids::{CustomerNumber, LogPosition, MintedCustomerId, TenantNumber};
use coffer_wal::{Lsn, Record, VisitError};
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::choose::{self, Who};
use super::marker::{Begun, Cut, Marker};
use super::plan::{self, Found};
use super::{ErasedFields, ErasureError, ErasurePlan, ErasureStep};
use crate::engine::codec::kinds;
use crate::engine::core::Core;
use crate::engine::housekeeping;
use crate::engine::message::Message;
use crate::engine::open::log_options;
use crate::engine::operation::Failure;
use crate::engine::read::read;
use crate::engine::router::SendError;
use crate::engine::snapshot::SnapshotFailure;
use crate::engine::tenant_actor::TenantMessage;

/// How long sealing may take without one more segment being archived.
const SEALING_PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long retention is waited for.
const RETENTION_PATIENCE: Duration = Duration::from_secs(2);

/// An erasure that was begun on an engine that serves. While it is kept, nobody else changes the archive.
pub struct Erasure {
    core: Arc<Core>,
    marker: Marker,
    who: Who,
    cut: Cut,
    /// What the customer answers to.
    name: Box<str>,
    _alone: OwnedMutexGuard<()>,
}

/// What an erasure changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Records in segments that were archived before.
    pub archived: u64,
    /// Records that were not archived before.
    pub hot: u64,
    /// What of all these records was personal.
    pub fields: ErasedFields,
    /// Snapshots that were made anew.
    pub snapshots: u64,
    /// Records of other customers that name this one, also those that were erased already.
    pub mentions: Vec<LogPosition>,
}

/// Finds the customer and everything that says something personal about it. Changes nothing.
pub(crate) async fn plan(
    core: &Arc<Core>,
    tenant: TenantNumber,
    name: &str,
) -> Result<ErasurePlan, ErasureError> {
    let _alone = alone(core).await?;
    let (_, begun) = marker(core).await?;
    let found = find(core, begun.as_ref(), tenant, name).await?;
    let dir = log_options(&core.options).dir;
    let mut plan = plan::begin(core.env.storage.as_ref(), &dir, &found)?;
    if core.directory.find_even_deleted(tenant, &plan.name).is_some_and(|owner| owner != plan.customer) {
        return Err(ErasureError::NameTaken(plan.name));
    }
    let scanning = Arc::clone(core);
    let scanned = core.runtime.spawn_blocking(move || {
        let mut mentions = HashSet::new();
        let archived_end = plan::scan_archive(&scanning.archive, &mut plan, &mut mentions)?;
        let mut records = 0;
        scanning.reader.scan(archived_end.next(), scanning.reader.durable_lsn(), &mut |record| {
            records += u64::from(plan::note(&record, &mut plan, &mut mentions)?);
            Ok(())
        })?;
        plan.hot_records = records;
        plan.mentions = sorted(mentions);
        Ok(plan)
    });
    scanned.await.map_err(|_| ErasureError::Panicked)?
}

/// Begins: when this resolves, the live state is erased for good.
pub(crate) async fn begin(
    core: &Arc<Core>,
    tenant: TenantNumber,
    name: &str,
) -> Result<Erasure, ErasureError> {
    core.admit()?;
    let alone = alone(core).await?;
    let (marker, begun) = marker(core).await?;
    let found = find(core, begun.as_ref(), tenant, name).await?;
    let begun = begun.unwrap_or_else(|| Begun::new(found.who, name));
    claim(core, found.who, &found.identity)?;
    go_on(core, alone, marker, begun, &found.identity).await
}

/// What was begun and not finished, if anything was.
pub(crate) async fn unfinished(core: &Arc<Core>) -> Result<Option<Erasure>, ErasureError> {
    core.admit()?;
    let alone = alone(core).await?;
    let (marker, begun) = marker(core).await?;
    let Some(begun) = begun else { return Ok(None) };
    let Who { tenant, number } = begun.who;
    let seen = read(core, (tenant, number), |customer, _| customer.identity.clone()).await?;
    let identity = seen.value.ok_or_else(|| ErasureError::NoCustomer(number.0.to_string().into()))?;
    claim(core, begun.who, &identity)?;
    go_on(core, alone, marker, begun, &identity).await.map(Some)
}

async fn go_on(
    core: &Arc<Core>,
    alone: OwnedMutexGuard<()>,
    marker: Marker,
    begun: Begun,
    identity: &Identity,
) -> Result<Erasure, ErasureError> {
    let who = begun.who;
    let cut = match begun.cut {
        Some(cut) => cut,
        None => {
            write(core, &marker, &begun).await?;
            let tenant = clear_keys(core, who).await?;
            let customer = clear(core, who).await?;
            let cut = Cut { tenant: Lsn(tenant.0), customer: Lsn(customer.0) };
            write(core, &marker, &Begun { cut: Some(cut), ..begun }).await?;
            cut
        }
    };
    let name = erasure::name_of(identity, who.number);
    Ok(Erasure { core: Arc::clone(core), marker, who, cut, name, _alone: alone })
}

/// Nobody else changes the archive, or erases. Retention is done in a moment; another erasure is not.
async fn alone(core: &Core) -> Result<OwnedMutexGuard<()>, ErasureError> {
    let waiting = Arc::clone(&core.archive_changing).lock_owned();
    tokio::time::timeout(RETENTION_PATIENCE, waiting).await.map_err(|_| ErasureError::Busy)
}

async fn marker(core: &Arc<Core>) -> Result<(Marker, Option<Begun>), ErasureError> {
    let marker = Marker::new(Arc::clone(&core.env.storage), &log_options(&core.options).dir);
    let reading = core.runtime.spawn_blocking(move || {
        let begun = marker.read();
        (marker, begun)
    });
    let (marker, begun) = reading.await.map_err(|_| ErasureError::Panicked)?;
    let begun = begun.map_err(|source| ErasureError::Io { path: marker.path(), source })?;
    Ok((marker, begun))
}

async fn write(core: &Arc<Core>, marker: &Marker, begun: &Begun) -> Result<(), ErasureError> {
    let (marker, begun) = (marker.clone(), begun.clone());
    let writing = core.runtime.spawn_blocking(move || {
        marker.write(&begun).map_err(|source| ErasureError::Io { path: marker.path(), source })
    });
    writing.await.map_err(|_| ErasureError::Panicked)?
}

/// The customer of this name, deleted or not, or the one that was called so when its erasure was begun.
async fn find(
    core: &Arc<Core>,
    begun: Option<&Begun>,
    tenant: TenantNumber,
    name: &str,
) -> Result<Found, ErasureError> {
    let called = begun.filter(|begun| begun.was_called(tenant, name)).map(|begun| begun.who.number);
    let numbers = [
        called,
        core.directory.find(tenant, name),
        core.directory.find_even_deleted(tenant, name),
        name.parse::<MintedCustomerId>().ok().map(|id| id.0.customer()),
    ];
    for number in numbers.into_iter().flatten() {
        let seen = read(core, (tenant, number), |customer, _| customer.clone()).await;
        let customer = match seen {
            Ok(seen) => seen.value,
            Err(Failure::NotFound(_)) => continue,
            Err(failure) => return Err(failure.into()),
        };
        let who = Who { tenant, number };
        let Some(found) = plan::matching(who, customer, (name, called), has_named_keys(core, who)) else {
            continue;
        };
        return match begun {
            Some(begun) if begun.who != who => Err(unfinished_other(core, begun.who).await),
            begun => Ok(Found { unfinished: begun.is_some(), ..found }),
        };
    }
    Err(ErasureError::NoCustomer(name.into()))
}

async fn unfinished_other(core: &Arc<Core>, who: Who) -> ErasureError {
    let seen = read(core, (who.tenant, who.number), |customer, _| customer.identity.clone()).await;
    let identity = seen.ok().and_then(|seen| seen.value);
    let name =
        identity.map_or_else(|| who.number.0.to_string().into(), |it| erasure::name_of(&it, who.number));
    let tenant = core.views.get(who.tenant).map(|view| view.name.clone()).unwrap_or_default();
    ErasureError::Unfinished { tenant, name }
}

fn has_named_keys(core: &Core, who: Who) -> bool {
    let keys = core.views.get(who.tenant).map(|view| view.keys.clone()).unwrap_or_default();
    keys.iter().any(|key| erasure::names_key(key, who.number))
}

/// Nobody but the customer may have the name that it will get.
fn claim(core: &Core, who: Who, identity: &Identity) -> Result<(), ErasureError> {
    let name = erasure::name_of(identity, who.number);
    if core.directory.claim(who.tenant, &name, who.number, identity.deleted) {
        return Ok(());
    }
    Err(ErasureError::NameTaken(name))
}

/// Erases the names of the customer's API keys. The tenant's last record, durable.
async fn clear_keys(core: &Arc<Core>, who: Who) -> Result<LogPosition, ErasureError> {
    let seats = core.tenant_seats();
    let seat = seats.into_iter().find(|(tenant, _)| *tenant == who.tenant);
    let (_, seat) = seat.ok_or(Failure::NotFound("tenant"))?;
    let (reply, told) = oneshot::channel();
    let asked = seat.mailbox.send_message(TenantMessage::Erase(who.number, reply));
    asked.map_err(|_| Failure::Quarantined)?;
    Ok(told.await.map_err(|_| Failure::OutcomeUnknown)??)
}

/// Erases the live state. The customer's last record then, durable.
async fn clear(core: &Arc<Core>, who: Who) -> Result<LogPosition, ErasureError> {
    let (reply, told) = oneshot::channel();
    let sent = core.router.send(core, (who.tenant, who.number), Message::Erase(reply));
    match sent {
        Ok(()) => Ok(told.await.map_err(|_| Failure::OutcomeUnknown)??),
        Err(SendError::Failed(failure)) => Err(failure.into()),
        Err(SendError::Renumbered) => Err(Failure::NotFound("customer").into()),
    }
}

impl Cut {
    /// The last record that is erased.
    fn end(self) -> Lsn {
        self.tenant.max(self.customer)
    }

    /// Whether a record is before the one that cleared its subject's state. Others' records are erased up to the customer's.
    fn has(self, record: &Record<'_>) -> bool {
        let is_of_tenant = record.header.subject.kind == kinds::TENANT;
        record.lsn <= if is_of_tenant { self.tenant } else { self.customer }
    }
}

impl Erasure {
    /// The customer.
    #[must_use]
    pub const fn customer(&self) -> (TenantNumber, CustomerNumber) {
        (self.who.tenant, self.who.number)
    }

    /// What the customer answers to from now on.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The customer's last record that is erased. What follows the log must have it before it is erased there.
    #[must_use]
    pub const fn through(&self) -> LogPosition {
        LogPosition(self.cut.customer.0)
    }

    /// Erases in archive, hot log and snapshots.
    ///
    /// # Errors
    /// [`ErasureError`]; it goes on from here when it is begun again, or at the next start.
    pub async fn run(&self, told: &mut (dyn FnMut(ErasureStep) + Send)) -> Result<Erased, ErasureError> {
        told(ErasureStep::Begun);
        let before = self.core.archive.numbers().last().copied().unwrap_or(0);
        let sealed_to = self.seal().await?;
        told(ErasureStep::Sealed);
        let (mut erased, mut mentions) = (Erased::default(), HashSet::new());
        for segment in self.core.archive.numbers() {
            self.goes_on()?;
            let rewritten = self.rewrite(segment).await?;
            if rewritten.records > 0 {
                told(ErasureStep::Rewritten { segment, records: rewritten.records });
            }
            *(if segment <= before { &mut erased.archived } else { &mut erased.hot }) += rewritten.records;
            erased.fields.add(rewritten.fields);
            mentions.extend(rewritten.mentions);
        }
        while self.snapshots_since(sealed_to)?.len() < coffer_wal::snapshot_file::SNAPSHOTS_KEPT {
            self.goes_on()?;
            housekeeping::take_snapshot(&self.core).await?;
            erased.snapshots += 1;
            told(ErasureStep::Snapshot);
        }
        self.remove_what_is_left(sealed_to).await?;
        // What was derived meanwhile may still have been of a record that was not rewritten.
        self.core.counters.erasures.fetch_add(1, Ordering::Release);
        told(ErasureStep::Removed);
        erased.mentions = sorted(mentions);
        Ok(erased)
    }

    /// Says that it is done. What keeps copies of the records outside of the log must be erased by now.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub async fn finish(self) -> Result<(), ErasureError> {
        let marker = self.marker.clone();
        let removing = self.core.runtime.spawn_blocking(move || {
            marker.remove().map_err(|source| ErasureError::Io { path: marker.path(), source })
        });
        removing.await.map_err(|_| ErasureError::Panicked)?
    }

    fn goes_on(&self) -> Result<(), ErasureError> {
        if self.core.closing.load(Ordering::Acquire) {
            return Err(Failure::ReadOnly("the engine is shutting down").into());
        }
        if self.core.journal.halted().is_some() { Err(Failure::Halted.into()) } else { Ok(()) }
    }

    /// Waits until everything that is erased is archived. The last record of the segment that holds the last of it.
    async fn seal(&self) -> Result<Lsn, ErasureError> {
        let (mut waited, mut archived) = (Duration::ZERO, self.core.archive.count());
        let mut asked = false;
        loop {
            if let Some(end) = self.archived_with(self.cut.end()).await? {
                return Ok(end);
            }
            self.goes_on()?;
            if !std::mem::replace(&mut asked, true) {
                self.core.journal.rotate();
            }
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.core.archive.count();
            waited = if now > archived { Duration::ZERO } else { waited + LOOK_EVERY };
            archived = now;
            if waited > SEALING_PATIENCE {
                return Err(ErasureError::NotSealed);
            }
        }
    }

    /// The last record of the archived segment that holds this record, or of one after it; none while it is not archived.
    async fn archived_with(&self, record: Lsn) -> Result<Option<Lsn>, ErasureError> {
        let Some(newest) = self.core.archive.numbers().last().copied() else { return Ok(None) };
        let archive = self.core.archive.clone();
        let looking =
            self.core.runtime.spawn_blocking(move || archive.segment(newest).map(|it| it.chain_after().lsn));
        let end = looking.await.map_err(|_| ErasureError::Panicked)??;
        Ok((end >= record).then_some(end))
    }

    async fn rewrite(&self, segment: u64) -> Result<Rewritten, ErasureError> {
        let (archive, who, cut) = (self.core.archive.clone(), self.who, self.cut);
        let rewriting = self.core.runtime.spawn_blocking(move || rewrite(&archive, segment, who, cut));
        rewriting.await.map_err(|_| ErasureError::Panicked)?
    }

    /// Snapshots that began when nothing was there to be erased, and that need none of the hot segments with it.
    fn snapshots_since(&self, sealed_to: Lsn) -> Result<Vec<u64>, ErasureError> {
        let kept = self.core.snapshots.list().map_err(SnapshotFailure::from)?;
        Ok(kept.iter().filter(|info| info.start_lsn >= sealed_to).map(|info| info.id).collect())
    }

    async fn remove_what_is_left(&self, sealed_to: Lsn) -> Result<(), ErasureError> {
        let _none_is_written = self.core.snapshotting.lock().await;
        let kept = self.snapshots_since(sealed_to)?;
        self.core.snapshots.keep_only(&kept).map_err(SnapshotFailure::from)?;
        let log = self.core.log.lock().expect("nothing panics while it is held");
        let log = log.as_ref().ok_or(Failure::Halted)?;
        log.purge().map_err(|error| SnapshotFailure::Content(error.to_string()))?;
        if log.hot_log().sealed().iter().any(|segment| segment.header.first_lsn() <= self.cut.end()) {
            return Err(ErasureError::Hot);
        }
        plan::remove_copies(self.core.env.storage.as_ref(), &log_options(&self.core.options).dir)
    }
}

impl std::fmt::Debug for Erasure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Erasure").field("who", &self.who).field("cut", &self.cut).finish_non_exhaustive()
    }
}

/// What was erased of one segment.
#[derive(Default)]
struct Rewritten {
    records: u64,
    fields: ErasedFields,
    mentions: HashSet<LogPosition>,
}

fn rewrite(
    archive: &coffer_wal::Archive,
    segment: u64,
    who: Who,
    cut: Cut,
) -> Result<Rewritten, ErasureError> {
    let mut rewritten = Rewritten::default();
    if archive.segment(segment)?.chain_before().lsn >= cut.end() {
        return Ok(rewritten);
    }
    // Every record is looked at, and those that are erased a second time, when they are written: only the first counts.
    let mut looked_to = Lsn::NONE;
    let mut choose = |record: &Record<'_>| -> Result<Option<Vec<u8>>, VisitError> {
        if !cut.has(record) {
            return Ok(None);
        }
        let is_first = record.lsn > looked_to;
        looked_to = looked_to.max(record.lsn);
        if is_first && choose::mentions(record, who.number)? {
            rewritten.mentions.insert(LogPosition(record.lsn.0));
        }
        let Some((instead, fields)) = choose::instead(record, who)? else { return Ok(None) };
        if is_first {
            rewritten.fields.add(fields);
        }
        Ok(Some(instead))
    };
    let records = archive.erase(segment, &mut choose)?;
    Ok(Rewritten { records, ..rewritten })
}

fn sorted(mentions: HashSet<LogPosition>) -> Vec<LogPosition> {
    let mut mentions: Vec<_> = mentions.into_iter().collect();
    mentions.sort_unstable();
    mentions
}
