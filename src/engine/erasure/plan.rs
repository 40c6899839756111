//! What erasing a customer would change: read from a stopped engine's directory, which it leaves as it is.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use coffer_ledger::customer::{Customer, Identity};
use coffer_ledger::erasure;
use coffer_ledger::ids::{CustomerNumber, LogPosition, MintedCustomerId, TenantNumber};
use coffer_wal::options::{snapshots_dir, wal_dir};
use coffer_wal::storage::Storage;
use coffer_wal::{Archive, Lsn, Opened, Record, VisitError};

use super::ErasureError;
use super::choose::{self, ErasedFields, Who, instead};
use super::marker::Marker;
use crate::engine::codec;
use crate::engine::keys::Keys;
use crate::engine::open::{OpenError, log_options, seed_of};
use crate::engine::options::EngineOptions;
use crate::engine::recovery::{RecoveryProgress, Tables, recover};
use crate::env::Env;

/// What an erasure changes.
#[derive(Clone, Debug)]
pub struct ErasurePlan {
    /// The customer's tenant.
    pub tenant: TenantNumber,
    /// The customer.
    pub customer: CustomerNumber,
    /// What it answers to afterwards.
    pub name: Box<str>,
    /// Archived segments that hold records to be erased, and how many.
    pub segments: Vec<(PathBuf, u64)>,
    /// Records to be erased that are not archived yet. They are sealed first.
    pub hot_records: u64,
    /// What of all these records is personal.
    pub fields: ErasedFields,
    /// What of the state is personal, by name.
    pub state: Vec<&'static str>,
    /// Snapshots that two new ones replace.
    pub snapshots: Vec<PathBuf>,
    /// Copies of cut-short or dropped writes: they are removed, whosever they are.
    pub copies: Vec<PathBuf>,
    /// Records of other customers that name this one, also those that are erased already.
    pub mentions: Vec<LogPosition>,
    /// An erasure of this customer was begun and is not finished.
    pub unfinished: bool,
}

impl ErasurePlan {
    /// Whether there is nothing left to erase.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.segments.is_empty() && self.hot_records == 0 && self.state.is_empty() && !self.unfinished
    }

    /// Records to be erased.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.segments.iter().map(|(_, records)| records).sum::<u64>() + self.hot_records
    }

    pub(super) fn who(&self) -> Who {
        Who { tenant: self.tenant, number: self.customer }
    }
}

/// Finds the customer and everything that says something personal about it. Changes nothing. `name` is its id or external id.
///
/// # Errors
/// [`ErasureError`]: no such tenant or customer, another erasure is not finished, or the directory is in use or damaged.
pub fn plan_erasure(
    options: &EngineOptions,
    env: &Env,
    progress: &Arc<dyn RecoveryProgress>,
    (tenant, name): (&str, &str),
) -> Result<ErasurePlan, ErasureError> {
    let mut opened = coffer_wal::Log::open(log_options(options), env.for_log()).map_err(OpenError::from)?;
    let seed = seed_of(&opened);
    let make_keys = || Keys::new(seed, options.idempotency_window_h, options.keys_max);
    let tables = recover(&mut opened, &make_keys, progress)?;
    let dir = log_options(options).dir;
    let marker = Marker::new(Arc::clone(&env.storage), &dir);
    let found = find(&tables, &marker, tenant, name)?;
    let mut plan = begin(env.storage.as_ref(), &dir, &found)?;
    if taken_by_another(&tables, &plan) {
        return Err(ErasureError::NameTaken(plan.name));
    }
    scan(&mut opened, &mut plan)?;
    Ok(plan)
}

/// What is known of it before the records are looked at.
pub(super) fn begin(
    storage: &dyn Storage,
    dir: &std::path::Path,
    found: &Found,
) -> Result<ErasurePlan, ErasureError> {
    Ok(ErasurePlan {
        tenant: found.who.tenant,
        customer: found.who.number,
        name: erasure::name_of(&found.identity, found.who.number),
        segments: Vec::new(),
        hot_records: 0,
        fields: ErasedFields::default(),
        state: state_fields(found),
        snapshots: files(storage, snapshots_dir(dir), |name| name.ends_with(".snap"))?,
        copies: copies(storage, dir)?,
        mentions: Vec::new(),
        unfinished: found.unfinished,
    })
}

/// Removes the copies that people may look at.
pub(super) fn remove_copies(storage: &dyn Storage, dir: &std::path::Path) -> Result<(), ErasureError> {
    for path in copies(storage, dir)? {
        let parent = path.parent().unwrap_or(dir);
        let removed = storage.remove(&path).and_then(|()| storage.sync_dir(parent));
        removed.map_err(|source| ErasureError::Io { path: path.clone(), source })?;
    }
    Ok(())
}

/// The copies that people may look at: of writes that a crash cut short, of batches that an operator gave up, and snapshots that
/// showed what the log does not hold.
pub(super) fn copies(storage: &dyn Storage, dir: &std::path::Path) -> Result<Vec<PathBuf>, ErasureError> {
    let mut found = files(storage, wal_dir(dir), |name| name.ends_with(".torn"))?;
    found.extend(files(storage, dir.to_owned(), |name| name.starts_with("dropped-"))?);
    found.extend(files(storage, snapshots_dir(dir), |name| name.ends_with(".snap.aside"))?);
    Ok(found)
}

fn files(
    storage: &dyn Storage,
    dir: PathBuf,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<PathBuf>, ErasureError> {
    let io = |source| ErasureError::Io { path: dir.clone(), source };
    if !storage.exists(&dir).map_err(io)? {
        return Ok(Vec::new());
    }
    let entries = storage.list(&dir).map_err(io)?;
    Ok(entries.iter().filter(|entry| wanted(&entry.name)).map(|entry| dir.join(&entry.name)).collect())
}

/// A customer that was found.
pub(super) struct Found {
    pub(super) who: Who,
    pub(super) identity: Identity,
    pub(super) customer: Customer,
    pub(super) has_named_keys: bool,
    pub(super) unfinished: bool,
}

/// Whether this is the customer of the name: by its external id, by the id that it has or would get, or because it was called so
/// when its erasure was begun.
pub(super) fn matching(
    who: Who,
    customer: Customer,
    (name, called): (&str, Option<CustomerNumber>),
    has_named_keys: bool,
) -> Option<Found> {
    let identity = customer.identity.clone()?;
    // An id that is made of the number alone is a name of this customer only if it is made of its time, too.
    let by_id = *name == *erasure::name_of(&identity, who.number);
    let by_name = *name == *identity.external_id || called == Some(who.number);
    (by_id || by_name).then_some(Found { who, identity, customer, has_named_keys, unfinished: false })
}

fn find(tables: &Tables, marker: &Marker, tenant: &str, name: &str) -> Result<Found, ErasureError> {
    let begun = marker.read().map_err(|source| ErasureError::Io { path: marker.path(), source })?;
    let known = tables.tenants.values().find(|known| known.name.as_deref() == Some(tenant));
    let tenant = known.map(|known| known.number).ok_or_else(|| ErasureError::NoTenant {
        name: tenant.into(),
        known: tables.tenants.values().filter_map(|known| known.name.clone()).collect(),
    })?;
    let called = begun.as_ref().filter(|begun| begun.was_called(tenant, name)).map(|begun| begun.who.number);
    let numbers = [
        called,
        tables.directory.find(tenant, name),
        tables.directory.find_even_deleted(tenant, name),
        name.parse::<MintedCustomerId>().ok().map(|id| id.0.customer()),
    ];
    for number in numbers.into_iter().flatten() {
        let who = Who { tenant, number };
        let Some(customer) = state_of(tables, who)? else { continue };
        let tenant = tables.tenants.get(&who.tenant);
        let has_named_keys =
            tenant.is_some_and(|it| it.keys.iter().any(|key| erasure::names_key(key, number)));
        let Some(found) = matching(who, customer, (name, called), has_named_keys) else { continue };
        return match &begun {
            Some(begun) if begun.who != who => Err(unfinished(tables, begun.who)),
            begun => Ok(Found { unfinished: begun.is_some(), ..found }),
        };
    }
    Err(ErasureError::NoCustomer(name.into()))
}

/// Another customer's erasure comes first; its name may be gone, so it is called by its id.
fn unfinished(tables: &Tables, who: Who) -> ErasureError {
    let customer = state_of(tables, who).ok().flatten();
    let identity = customer.and_then(|customer| customer.identity);
    let name =
        identity.map_or_else(|| who.number.0.to_string().into(), |it| erasure::name_of(&it, who.number));
    let tenant = tables.tenants.get(&who.tenant).and_then(|tenant| tenant.name.clone()).unwrap_or_default();
    ErasureError::Unfinished { tenant, name }
}

pub(super) fn state_of(tables: &Tables, who: Who) -> Result<Option<Customer>, ErasureError> {
    let Some(resting) = tables.router.resting(who.tenant, who.number) else { return Ok(None) };
    let decoded = codec::decode_customer(&resting.bytes);
    decoded.map(Some).map_err(|error| ErasureError::Unreadable(error.to_string()))
}

/// Nobody but the customer may have the name that it will get.
fn taken_by_another(tables: &Tables, plan: &ErasurePlan) -> bool {
    let owner = tables.directory.find_even_deleted(plan.tenant, &plan.name);
    owner.is_some_and(|owner| owner != plan.customer)
}

fn state_fields(found: &Found) -> Vec<&'static str> {
    let (identity, profile) = (&found.identity, &found.identity.profile);
    let heads = || found.customer.wallets.iter().map(|wallet| &wallet.head);
    let erased = erasure::of_customer(&found.customer);
    let renamed = heads().zip(&erased.wallets).any(|(head, erased)| head.name != erased.head.name);
    let all = [
        ("external_id", *identity.external_id != *erasure::name_of(identity, found.who.number)),
        ("name", profile.name.is_some()),
        ("email", profile.email.is_some()),
        ("contact", profile.contact.is_some()),
        ("address", profile.address.iter().any(Option::is_some)),
        ("timezone", profile.timezone.is_some()),
        ("metadata", !profile.metadata.is_empty()),
        ("wallet names", renamed),
        ("wallet descriptions", heads().any(|head| head.description.is_some())),
        ("wallet metadata", heads().any(|head| !head.metadata.is_empty())),
        ("names and metadata of its grants", found.customer.grants != erased.grants),
        ("names of its API keys", found.has_named_keys),
    ];
    all.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
}

/// Counts in the archive; its last record.
pub(super) fn scan_archive(
    archive: &Archive,
    plan: &mut ErasurePlan,
    mentions: &mut HashSet<LogPosition>,
) -> Result<Lsn, ErasureError> {
    let mut archived_end = Lsn::NONE;
    for number in archive.numbers() {
        let segment = archive.segment(number)?;
        archived_end = segment.chain_after().lsn;
        let mut records = 0;
        segment.scan(Lsn::FIRST, archived_end, &mut |record| {
            records += u64::from(note(&record, plan, mentions)?);
            Ok(())
        })?;
        if records > 0 {
            plan.segments.push((archive.path(number), records));
        }
    }
    Ok(archived_end)
}

fn scan(opened: &mut Opened, plan: &mut ErasurePlan) -> Result<(), ErasureError> {
    let archive = opened.archive().clone();
    let mut mentions = HashSet::new();
    let archived_end = scan_archive(&archive, plan, &mut mentions)?;
    if opened.end().last_lsn > archived_end {
        let mut records = 0;
        let replayed = opened.replay(archived_end.next(), &mut |_| {}, &mut |record| {
            records += u64::from(note(&record, plan, &mut mentions)?);
            Ok(())
        });
        replayed.map_err(OpenError::from)?;
        plan.hot_records = records;
    }
    plan.mentions = mentions.into_iter().collect();
    plan.mentions.sort_unstable();
    Ok(())
}

/// Counts what of a record is personal; tells whether anything is.
pub(super) fn note(
    record: &Record<'_>,
    plan: &mut ErasurePlan,
    mentions: &mut HashSet<LogPosition>,
) -> Result<bool, VisitError> {
    if choose::mentions(record, plan.customer)? {
        mentions.insert(LogPosition(record.lsn.0));
    }
    let Some((_, fields)) = instead(record, plan.who())? else { return Ok(false) };
    plan.fields.add(fields);
    Ok(true)
}
