//! The whole state two ways: folded from the first record, or as recovery gives it from a snapshot and the log after it.
//!
//! I6 says that both are the same, byte for byte: every customer, every tenant, every key that is within its window. So the
//! archive is enough to rebuild everything that it covers; [`from_archive`] tries it. It works on a stopped engine's directory
//! and changes nothing in it; it costs the memory of the state twice. Absent on purpose: writing anything from what was
//! rebuilt. Tested below and in `tests/drill.rs`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use coffer_ledger::amount::Credits;
use coffer_ledger::customer::Customer;
use coffer_ledger::erasure;
use coffer_ledger::ids::{CustomerNumber, LogPosition, WalletId};
use coffer_ledger::invariants;
use coffer_ledger::time::Timestamp;
use coffer_wal::{Lsn, Opened, Record, VisitError};

use super::codec;
use super::customer_actor::resting_of;
use super::erasure::{Marker, says_no_more_than_it_must};
use super::keys::{KeyEntry, Keys};
use super::open::{OpenError, log_options, seed_of};
use super::options::EngineOptions;
use super::recovery::{RecoveryProgress, Tables, Touched, recover_to, take};
use super::slot::Place;
use crate::env::Env;

/// What came of [`from_archive`].
#[derive(Clone, Debug)]
pub struct ArchiveCheck {
    /// Archived segments, each verified.
    pub segments: u64,
    /// The last record that the archive holds.
    pub archive_end: LogPosition,
    /// The last record of the log.
    pub log_end: LogPosition,
    /// Records that cannot be read to their last byte, with why, a line each; they were folded all the same. An erased one must say
    /// nothing but what follows from its public part.
    pub unreadable: Vec<String>,
    /// The last record that retention removed: there is nothing to fold from, so no state is compared, and the customers are recovery's.
    pub removed_to: Option<LogPosition>,
    /// Records whose personal part is erased.
    pub erased: u64,
    /// The customer whose erasure was begun and is not finished: it is compared without what is personal.
    pub erasing: Option<u64>,
    /// Customers of the state at the log's end, and what breaks an invariant there, a line each.
    pub customers: usize,
    /// See `customers`.
    pub violations: Vec<String>,
    /// Posted and debt of every wallet of the state at the log's end.
    pub balances: BTreeMap<WalletId, (Credits, Credits)>,
    /// The archive alone, compared at its end. `None` where no snapshot is old enough to start recovery from: recovery would
    /// read the archive itself, and comparing that with the archive shows nothing.
    pub at_archive_end: Option<Comparison>,
    /// The archive and the rest of the log after it, compared at the log's end; `None` likewise, and when there is no rest.
    pub at_log_end: Option<Comparison>,
}

/// Two states at one position.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Where.
    pub position: LogPosition,
    /// The snapshot that recovery read.
    pub snapshot: u64,
    /// Recovery replayed what comes after this record.
    pub snapshot_start: LogPosition,
    /// Customers compared.
    pub customers: usize,
    /// Tenants compared.
    pub tenants: usize,
    /// Keys compared.
    pub keys: usize,
    /// What differs, a line each.
    pub differences: Vec<String>,
}

/// Rebuilds the state of a stopped engine from its archive alone and compares it with recovery's at the archive's end. Then
/// goes on with the records that the archive does not hold yet, and compares again at the log's end. `visit` is shown each customer of the
/// state there, in no order.
///
/// # Errors
/// [`OpenError`]: the directory is in use, or something in it is damaged.
pub fn from_archive(
    options: &EngineOptions,
    env: &Env,
    progress: &Arc<dyn RecoveryProgress>,
    visit: &mut dyn FnMut(&Customer),
) -> Result<ArchiveCheck, OpenError> {
    let mut opened = coffer_wal::Log::open_to_read(log_options(options), env.for_log())?;
    let seed = seed_of(&opened);
    let make_keys = || Keys::new(seed, options.idempotency_window_h, options.keys_max);
    let marker = Marker::new(Arc::clone(&env.storage), &log_options(options).dir);
    let begun = marker.read().map_err(|source| coffer_wal::OpenError::Io { path: marker.path(), source })?;
    let erasing = begun.map(|begun| begun.who.number);
    let mut fold = Fold::new(Tables::new(make_keys()), erasing);
    if let Some(removed) = opened.archive().removed() {
        let checked = without_a_beginning(&mut opened, &mut fold, removed.chain.lsn, (&make_keys, progress))?;
        fold.touched.values().for_each(visit);
        return Ok(ArchiveCheck { erasing: erasing.map(|number| number.0), ..checked });
    }
    let replayed = opened.archive().replay(&mut |record| fold.take(&record))?;
    let (archive_end, log_end) = (replayed.end.lsn, opened.end().last_lsn);
    let compare = |opened: &mut Opened, fold: &mut Fold, at| {
        fold.tables.settle_keys();
        let recovered = recover_to(opened, at, &make_keys, progress)?;
        Ok::<_, OpenError>(recovered.snapshot.map(|snapshot| compared(fold, &recovered, snapshot, at)))
    };
    let at_archive_end = compare(&mut opened, &mut fold, archive_end)?;
    let mut at_log_end = None;
    if log_end > archive_end {
        opened.replay(archive_end.next(), &mut |_| {}, &mut |record| fold.take(&record))?;
        at_log_end = compare(&mut opened, &mut fold, log_end)?;
    }
    fold.touched.values().for_each(visit);
    Ok(ArchiveCheck {
        segments: replayed.segments,
        archive_end: LogPosition(archive_end.0),
        log_end: LogPosition(log_end.0),
        customers: fold.touched.len(),
        violations: fold.violations(),
        balances: fold.balances(),
        unreadable: fold.unreadable,
        removed_to: None,
        erased: fold.erased.positions.len() as u64,
        erasing: erasing.map(|number| number.0),
        at_archive_end,
        at_log_end,
    })
}

/// What can be said when the first records were removed: each record that is left is read, and the state is recovery's.
fn without_a_beginning(
    opened: &mut Opened,
    fold: &mut Fold,
    removed_to: Lsn,
    (make_keys, progress): (&dyn Fn() -> Keys, &Arc<dyn RecoveryProgress>),
) -> Result<ArchiveCheck, OpenError> {
    let replayed = opened.archive().replay(&mut |record| fold.look(&record))?;
    let (archive_end, log_end) = (replayed.end.lsn, opened.end().last_lsn);
    if log_end > archive_end {
        opened.replay(archive_end.next(), &mut |_| {}, &mut |record| fold.look(&record))?;
    }
    let recovered = Whole::resting(&recover_to(opened, log_end, make_keys, progress)?, Timestamp(0));
    for (number, bytes) in &recovered.customers {
        match codec::decode_customer(bytes) {
            Ok(customer) => {
                fold.touched.insert(CustomerNumber(*number), customer);
            }
            Err(error) => fold.unreadable.push(format!("customer {number}: {error}")),
        }
    }
    Ok(ArchiveCheck {
        segments: replayed.segments,
        archive_end: LogPosition(archive_end.0),
        log_end: LogPosition(log_end.0),
        customers: fold.touched.len(),
        violations: fold.violations(),
        balances: fold.balances(),
        unreadable: std::mem::take(&mut fold.unreadable),
        removed_to: Some(LogPosition(removed_to.0)),
        erased: fold.erased.positions.len() as u64,
        erasing: None,
        at_archive_end: None,
        at_log_end: None,
    })
}

/// A state that grows from the first record on. Its customers are all among those touched.
struct Fold {
    tables: Tables,
    touched: Touched,
    unreadable: Vec<String>,
    erased: Erased,
}

/// What is erased. A customer of which anything is, or is about to be, is compared without everything personal: a part of the
/// directory may still have what another part has no more, until the erasure is finished.
#[derive(Default)]
struct Erased {
    positions: HashSet<LogPosition>,
    customers: HashSet<CustomerNumber>,
}

impl Fold {
    fn new(tables: Tables, erasing: Option<CustomerNumber>) -> Self {
        let erased = Erased { positions: HashSet::new(), customers: erasing.into_iter().collect() };
        Self { tables, touched: Touched::new(), unreadable: Vec::new(), erased }
    }

    /// Reads a record to its last byte, and folds nothing.
    #[expect(clippy::unnecessary_wraps, reason = "it is what a visit gives")]
    fn look(&mut self, record: &Record<'_>) -> Result<(), VisitError> {
        if let Err(error) = read_whole(record) {
            self.unreadable.push(format!("record {}: {error}", record.lsn));
        }
        if record.erased.is_some() {
            self.note_erased(record);
        }
        Ok(())
    }

    fn take(&mut self, record: &Record<'_>) -> Result<(), VisitError> {
        self.look(record)?;
        take(record, &mut self.tables, &mut self.touched).map_err(Into::into)
    }
}

impl Fold {
    fn balances(&self) -> BTreeMap<WalletId, (Credits, Credits)> {
        let wallets = self.touched.values().flat_map(|customer| &customer.wallets);
        wallets.map(|wallet| (wallet.head.id, (wallet.head.posted, wallet.head.debt))).collect()
    }

    fn note_erased(&mut self, record: &Record<'_>) {
        if !says_no_more_than_it_must(record).unwrap_or(true) {
            let line = "it is erased, and says more than follows from its public part";
            self.unreadable.push(format!("record {}: {line}", record.lsn));
        }
        self.erased.positions.insert(LogPosition(record.lsn.0));
        let subject = record.header.subject;
        if subject.kind == codec::kinds::CUSTOMER {
            self.erased.customers.insert(CustomerNumber(subject.number));
        }
    }

    fn violations(&self) -> Vec<String> {
        let mut broken: Vec<_> = self
            .touched
            .values()
            .filter_map(|customer| {
                let violation = invariants::check_all(customer).err()?;
                Some((customer.number.0, format!("customer {}: {violation}", customer.number.0)))
            })
            .collect();
        broken.sort();
        broken.into_iter().map(|(_, line)| line).collect()
    }
}

/// Reads what a replay passes over, too.
fn read_whole(record: &Record<'_>) -> Result<(), codec::DecodeError> {
    let Record { header, public, personal, .. } = record;
    match codec::kinds::kind_of(header)? {
        codec::kinds::Kind::Customer => codec::decode_record(header.version, public, personal).map(drop),
        codec::kinds::Kind::Tenant => codec::decode_tenant_record(header.version, public, personal).map(drop),
    }
}

/// A state as bytes, by whose they are.
#[derive(Default)]
struct Whole {
    customers: BTreeMap<u64, Box<[u8]>>,
    tenants: BTreeMap<u32, Box<[u8]>>,
    keys: BTreeMap<u128, KeyEntry>,
}

fn compared(fold: &Fold, recovered: &Tables, snapshot: u64, at: Lsn) -> Comparison {
    let last_at = fold.tables.last_at.max(recovered.last_at);
    // Snapshots of builds that did not enter them have none of these, and whether they are there changes no state.
    let by_name: HashSet<u128> = fold.tables.keys_by_name.iter().map(|hash| hash.0).collect();
    let rebuilt =
        Whole::of(&fold.tables, &fold.touched, last_at).without(&fold.erased).without_keys(&by_name);
    let recovery = Whole::resting(recovered, last_at).without(&fold.erased).without_keys(&by_name);
    Comparison {
        position: LogPosition(at.0),
        snapshot,
        snapshot_start: LogPosition(recovered.snapshot_start.0),
        customers: rebuilt.customers.len(),
        tenants: rebuilt.tenants.len(),
        keys: rebuilt.keys.len(),
        differences: rebuilt.differences(&recovery),
    }
}

impl Whole {
    fn of(tables: &Tables, touched: &Touched, last_at: Timestamp) -> Self {
        let customers = touched.values().map(|customer| (customer.number.0, resting_of(customer).bytes));
        Self { customers: customers.collect(), ..Self::without_customers(tables, last_at) }
    }

    fn resting(tables: &Tables, last_at: Timestamp) -> Self {
        let mut whole = Self::without_customers(tables, last_at);
        for shard in 0..tables.router.shard_count() {
            tables.router.for_each_in_shard(shard, |number, slot| {
                if let Place::Resting(resting) = &slot.place {
                    whole.customers.insert(number.0, resting.bytes.clone());
                }
            });
        }
        whole
    }

    fn without_customers(tables: &Tables, last_at: Timestamp) -> Self {
        let mut whole = Self::default();
        for (number, tenant) in &tables.tenants {
            let mut bytes = Vec::new();
            codec::encode_tenant(tenant, &mut bytes);
            whole.tenants.insert(number.0, bytes.into());
        }
        // When a key is forgotten is nobody's business; both forget up to the same instant here.
        tables.keys.sweep_all(last_at);
        for shard in 0.. {
            let Some(entries) = tables.keys.copy_shard(shard) else { break };
            whole.keys.extend(entries.into_iter().map(|(hash, entry)| (hash.0, entry)));
        }
        whole
    }

    /// Without what is erased, or may be in one part of the directory and not in another. Keys that lead to erased records are in no
    /// record any more, only in snapshots.
    fn without(mut self, erased: &Erased) -> Self {
        self.keys.retain(|_, entry| !erased.positions.contains(&entry.position));
        for number in &erased.customers {
            let state = self.customers.get(&number.0).map(|bytes| codec::decode_customer(bytes));
            // What cannot be read stays as it is, and differs.
            if let Some(Ok(customer)) = state {
                self.customers.insert(number.0, resting_of(&erasure::of_customer(&customer)).bytes);
            }
        }
        for bytes in self.tenants.values_mut() {
            let Ok(tenant) = codec::decode_tenant(bytes) else { continue };
            let erased =
                erased.customers.iter().fold(tenant, |tenant, number| erasure::of_tenant(&tenant, *number));
            let mut encoded = Vec::new();
            codec::encode_tenant(&erased, &mut encoded);
            *bytes = encoded.into();
        }
        self
    }

    fn without_keys(mut self, hashes: &HashSet<u128>) -> Self {
        self.keys.retain(|hash, _| !hashes.contains(hash));
        self
    }

    /// Everything in which a rebuilt state is not the recovered one.
    fn differences(&self, recovered: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        each_difference(&self.customers, &recovered.customers, |number, rebuilt, recovered| {
            differences.push(format!(
                "customer {number}: {}",
                apart(rebuilt.map(Box::as_ref), recovered.map(Box::as_ref))
            ));
        });
        each_difference(&self.tenants, &recovered.tenants, |number, rebuilt, recovered| {
            differences.push(format!(
                "tenant {number}: {}",
                apart(rebuilt.map(Box::as_ref), recovered.map(Box::as_ref))
            ));
        });
        each_difference(&self.keys, &recovered.keys, |hash, rebuilt, recovered| {
            let place = |entry: Option<&KeyEntry>| {
                entry.map_or("nothing".to_owned(), |entry| format!("record {}", entry.position.0))
            };
            let (rebuilt, recovered) = (place(rebuilt), place(recovered));
            differences.push(format!(
                "key {hash:032x}: leads to {rebuilt} when rebuilt, to {recovered} when recovered"
            ));
        });
        differences
    }
}

/// Calls `found` for each key whose values are not the same in both.
fn each_difference<K: Ord, V: PartialEq>(
    left: &BTreeMap<K, V>,
    right: &BTreeMap<K, V>,
    mut found: impl FnMut(&K, Option<&V>, Option<&V>),
) {
    for (key, value) in left {
        let other = right.get(key);
        if other != Some(value) {
            found(key, Some(value), other);
        }
    }
    for (key, value) in right.iter().filter(|(key, _)| !left.contains_key(key)) {
        found(key, None, Some(value));
    }
}

fn apart(rebuilt: Option<&[u8]>, recovered: Option<&[u8]>) -> String {
    match (rebuilt, recovered) {
        (Some(rebuilt), Some(recovered)) => {
            let same = rebuilt.iter().zip(recovered.iter()).take_while(|(left, right)| left == right).count();
            let (rebuilt, recovered) = (rebuilt.len(), recovered.len());
            format!("{rebuilt} bytes when rebuilt and {recovered} when recovered differ from byte {same} on")
        }
        (Some(_), None) => "rebuilt, and recovery does not know it".to_owned(),
        (None, _) => "recovered, and the archive does not know it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut Whole);

    fn whole() -> Whole {
        let bytes = |byte: u8| Box::from([byte; 4]);
        let entry = KeyEntry { position: LogPosition(7), recorded_s: 3 };
        Whole {
            customers: [(1, bytes(1)), (2, bytes(2))].into(),
            tenants: [(1, bytes(9))].into(),
            keys: [(5, entry)].into(),
        }
    }

    #[test]
    fn the_same_state_has_no_differences() {
        assert_eq!(whole().differences(&whole()), Vec::<String>::new());
    }

    #[test]
    fn whatever_is_missing_added_or_changed_is_named() {
        let changes: [(&str, Change); 6] = [
            ("customer 2: 4 bytes when rebuilt and 4 when recovered differ from byte 3 on", |whole| {
                whole.customers.insert(2, Box::from([2, 2, 2, 0]));
            }),
            ("customer 1: rebuilt, and recovery does not know it", |whole| drop(whole.customers.remove(&1))),
            ("customer 3: recovered, and the archive does not know it", |whole| {
                whole.customers.insert(3, Box::default());
            }),
            ("tenant 1: rebuilt, and recovery does not know it", |whole| whole.tenants.clear()),
            ("leads to record 7 when rebuilt, to nothing when recovered", |whole| whole.keys.clear()),
            ("leads to record 7 when rebuilt, to record 8 when recovered", |whole| {
                whole.keys.insert(5, KeyEntry { position: LogPosition(8), recorded_s: 3 });
            }),
        ];
        for (expected, change) in changes {
            let mut other = whole();
            change(&mut other);
            let differences = whole().differences(&other);
            assert!(differences.len() == 1 && differences[0].contains(expected), "{differences:?}");
        }
    }
}
