//! Coming back: newest sound snapshot, then every record after it (DESIGN §3).
//!
//! Recovery changes no file. A damaged newest snapshot costs time, not data: the one before it and more of the log give the same
//! state. A record that does not fit stops the start.

use std::sync::Arc;

use coffer_ledger::catalog::tenant::Tenant;
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_ledger::time::Timestamp;
use coffer_wal::{Lsn, Opened, Record, SnapshotInfo, Subject};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::arriving_keys::ArrivingKeys;
use super::codec::{self, kinds};
use super::customer_actor::{resting_of, wakes_at};
use super::directory::Directory;
use super::fold::fold;
use super::keys::{KeyEntry, KeyHash, Keys};
use super::open::OpenError;
use super::router::Router;
use super::slot::Resting;
use super::snapshot::{self, Load};
use super::tenant_actor;

/// Told while the engine starts, by the recovering thread.
pub trait RecoveryProgress: Send + Sync {
    /// The snapshot is being read.
    fn snapshot(&self, customers: u64, bytes_read: u64, bytes_total: u64);
    /// The log is being replayed.
    fn replay(&self, records: u64, bytes_read: u64, bytes_total: u64);
    /// A line for the operator: what was found, what was passed over.
    fn note(&self, line: &str);
}

/// No progress is shown.
impl RecoveryProgress for () {
    fn snapshot(&self, _: u64, _: u64, _: u64) {}
    fn replay(&self, _: u64, _: u64, _: u64) {}
    fn note(&self, _: &str) {}
}

/// What recovery fills. Keys are all in their table when [`recover`] returns.
pub(crate) struct Tables {
    pub(crate) router: Router,
    pub(crate) directory: Directory,
    pub(crate) keys: Keys,
    arriving: ArrivingKeys,
    /// Keys beside the name of a subscription that they ended, of records that were folded in.
    pub(crate) keys_by_name: Vec<KeyHash>,
    pub(crate) tenants: HashMap<TenantNumber, Tenant>,
    /// When each customer with something to come is due.
    pub(crate) due: Vec<(Timestamp, TenantNumber, CustomerNumber)>,
    pub(crate) records: u64,
    pub(crate) replayed_bytes: u64,
    /// The snapshot that was read, if one was.
    pub(crate) snapshot: Option<u64>,
    pub(crate) snapshot_start: Lsn,
    pub(crate) last_at: Timestamp,
}

impl Tables {
    /// Without a record yet.
    pub(crate) fn new(keys: Keys) -> Self {
        Self {
            router: Router::new(),
            directory: Directory::new(),
            keys,
            arriving: ArrivingKeys::new(),
            keys_by_name: Vec::new(),
            tenants: HashMap::new(),
            due: Vec::new(),
            records: 0,
            replayed_bytes: 0,
            snapshot: None,
            snapshot_start: Lsn::NONE,
            last_at: Timestamp(0),
        }
    }

    /// Puts the keys that are still on their way into their table.
    pub(crate) fn settle_keys(&mut self) {
        self.arriving.finish(&self.keys);
    }
}

/// Fills empty tables from the newest sound snapshot and the log after it. `make_keys` gives an empty key table.
pub(crate) fn recover(
    opened: &mut Opened,
    make_keys: &dyn Fn() -> Keys,
    progress: &Arc<dyn RecoveryProgress>,
) -> Result<Tables, OpenError> {
    let mut tables = recover_to(opened, Lsn(u64::MAX), make_keys, progress)?;
    tables.last_at = tables.last_at.max(Timestamp(opened.end().last_time_ns));
    Ok(tables)
}

/// The same as of an earlier record: what a log that ended there would have given. It still reads the log to its end.
pub(crate) fn recover_to(
    opened: &mut Opened,
    to: Lsn,
    make_keys: &dyn Fn() -> Keys,
    progress: &Arc<dyn RecoveryProgress>,
) -> Result<Tables, OpenError> {
    let mut tables = from_snapshot(opened, to, make_keys, progress)?;
    let touched = replay(opened, to, &mut tables, progress)?;
    tables.settle_keys();
    for customer in touched.into_values() {
        settle(&mut tables, &customer);
    }
    Ok(tables)
}

fn from_snapshot(
    opened: &Opened,
    to: Lsn,
    make_keys: &dyn Fn() -> Keys,
    progress: &Arc<dyn RecoveryProgress>,
) -> Result<Tables, OpenError> {
    for (name, found) in opened.snapshots().inspect()? {
        let info = match found {
            Ok(info) => info,
            Err(error) if error.is_foreign() => {
                progress.note(&format!("{name} is passed over: {error}"));
                continue;
            }
            Err(error) => {
                tracing::warn!(snapshot = name, %error, "leaving out a snapshot");
                continue;
            }
        };
        let end = to.min(opened.end().last_lsn);
        if info.highest_lsn > end {
            let id = info.id;
            progress.note(&format!(
                "snapshot {id} is passed over: it shows more than is wanted, which ends at {end}"
            ));
            continue;
        }
        let mut loading = Loading { tables: Tables::new(make_keys()), info: &info, progress, customers: 0 };
        match snapshot::load(opened.snapshots(), &info, &mut loading) {
            Ok(()) => {
                let mut tables = loading.tables;
                (tables.snapshot, tables.snapshot_start) = (Some(info.id), info.start_lsn);
                return Ok(tables);
            }
            Err(error) => progress.note(&format!("snapshot {} is passed over: {error}", info.id)),
        }
    }
    Ok(Tables::new(make_keys()))
}

/// Enters a snapshot's content into the tables.
struct Loading<'a> {
    tables: Tables,
    info: &'a SnapshotInfo,
    progress: &'a Arc<dyn RecoveryProgress>,
    customers: u64,
}

impl Load for Loading<'_> {
    fn next_number(&mut self, next: CustomerNumber) {
        self.tables.directory.number_is_taken(CustomerNumber(next.0.saturating_sub(1)));
    }

    fn tenant(&mut self, tenant: Tenant) {
        self.tables.last_at = self.tables.last_at.max(tenant.last_at);
        self.tables.tenants.insert(tenant.number, tenant);
    }

    fn customer(&mut self, customer: Customer, bytes: &[u8]) {
        self.customers += 1;
        self.tables.directory.note(&customer);
        let next_due = wakes_at(&customer);
        if next_due < Timestamp::MAX {
            self.tables.due.push((next_due, customer.tenant, customer.number));
        }
        let resting = Resting { bytes: bytes.into(), position: customer.last_position, next_due };
        self.tables.router.lay_to_rest(customer.tenant, customer.number, resting);
    }

    fn key(&mut self, hash: KeyHash, entry: KeyEntry) {
        let at = Timestamp(u64::from(entry.recorded_s) * 1_000_000_000);
        let Tables { arriving, keys, .. } = &mut self.tables;
        arriving.push(keys, hash, entry.position, at);
    }

    fn progress(&mut self, bytes_read: u64) {
        self.progress.snapshot(self.customers, bytes_read, self.info.bytes);
    }
}

/// The customers that records were folded into.
pub(crate) type Touched = HashMap<CustomerNumber, Customer>;

fn replay(
    opened: &mut Opened,
    to: Lsn,
    tables: &mut Tables,
    progress: &Arc<dyn RecoveryProgress>,
) -> Result<Touched, OpenError> {
    let mut touched = Touched::new();
    let from = tables.snapshot_start.next();
    let mut show =
        |seen: &coffer_wal::ReplayProgress| progress.replay(seen.records, seen.bytes_read, seen.bytes_total);
    let summary = opened.replay(from, &mut show, &mut |record| {
        if record.lsn > to {
            return Ok(());
        }
        take(&record, tables, &mut touched).map_err(Into::into)
    })?;
    (tables.records, tables.replayed_bytes) = (summary.records, summary.bytes);
    Ok(touched)
}

/// Why a record stops the start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error(transparent)]
    Fold(#[from] super::fold::FoldError),
    #[error("record {0} cannot be read: {1}")]
    Decode(u64, codec::DecodeError),
    #[error("record {0} is about a subject of kind {1}, which this version does not know")]
    Subject(u64, u8),
    #[error("customer {0} rests in bytes that cannot be read: {1}")]
    Resting(u64, codec::DecodeError),
}

/// Folds one record into the tables, and its customer into those touched.
pub(crate) fn take(
    record: &Record<'_>,
    tables: &mut Tables,
    touched: &mut Touched,
) -> Result<(), ReplayError> {
    let subject = record.header.subject;
    let at = Timestamp(record.header.time_ns);
    tables.last_at = tables.last_at.max(at);
    let (key, ended) = match subject.kind {
        kinds::CUSTOMER => take_customer(record, tables, touched)?,
        kinds::TENANT => (take_tenant(record, tables)?, None),
        kind => return Err(ReplayError::Subject(record.lsn.0, kind)),
    };
    if let Some(key) = key {
        let keys = &tables.keys;
        let by_name = ended.map(|name| keys.hash_by_subscription(TenantNumber(subject.tenant), &name, key));
        tables.keys_by_name.extend(by_name);
        for hash in std::iter::once(keys.hash(subject, key)).chain(by_name) {
            tables.arriving.push(keys, hash, LogPosition(record.lsn.0), at);
        }
    }
    Ok(())
}

/// The key that it was asked under, and the name of a subscription that it ended.
type Asked<'a> = (Option<&'a str>, Option<Box<str>>);

fn take_customer<'a>(
    record: &Record<'a>,
    tables: &Tables,
    touched: &mut Touched,
) -> Result<Asked<'a>, ReplayError> {
    let Subject { tenant, number, .. } = record.header.subject;
    let (tenant, number) = (TenantNumber(tenant), CustomerNumber(number));
    let customer = match touched.entry(number) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(unknown) => unknown.insert(fetch(tables, tenant, number)?),
    };
    let was = customer.identity.as_ref().map(|identity| identity.deleted);
    let folded = fold(customer, record)?;
    // Names follow the log's order: one that was deleted or erased may be another customer's a record later.
    if let Some(name) = &folded.was_called {
        tables.directory.forget(tenant, name, number);
    }
    if folded.was_called.is_some() || was != customer.identity.as_ref().map(|identity| identity.deleted) {
        tables.directory.note(customer);
    }
    Ok((folded.key, folded.ended))
}

/// A customer as recovery left it. What it rests in is taken out.
pub(crate) fn fetch(
    tables: &Tables,
    tenant: TenantNumber,
    number: CustomerNumber,
) -> Result<Customer, ReplayError> {
    let Some(resting) = tables.router.take_resting(number) else { return Ok(Customer::new(tenant, number)) };
    codec::decode_customer(&resting.bytes).map_err(|error| ReplayError::Resting(number.0, error))
}

fn take_tenant<'a>(record: &Record<'a>, tables: &mut Tables) -> Result<Option<&'a str>, ReplayError> {
    let number = TenantNumber(record.header.subject.tenant);
    let decoded = codec::decode_tenant_for_replay(record.header.version, record.public, record.personal);
    let decoded = decoded.map_err(|error| ReplayError::Decode(record.lsn.0, error))?;
    let tenant = tables.tenants.entry(number).or_insert_with(|| Tenant::new(number));
    tenant_actor::fold(tenant, &decoded.facts, LogPosition(record.lsn.0));
    Ok(decoded.idempotency_key)
}

/// Lays a replayed customer to rest.
fn settle(tables: &mut Tables, customer: &Customer) {
    let resting = resting_of(customer);
    if resting.next_due < Timestamp::MAX {
        tables.due.push((resting.next_due, customer.tenant, customer.number));
    }
    tables.directory.number_is_taken(customer.number);
    tables.directory.enrolments.note(customer);
    tables.router.lay_to_rest(customer.tenant, customer.number, resting);
}
