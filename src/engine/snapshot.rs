//! Snapshots that stop nobody (DESIGN §3): fuzzy, each customer as of its own last record.
//!
//! A snapshot starts at the durable end S0. Resting customers are copied, active ones encode themselves at their next turn.
//! It counts when everything that it shows is durable. Recovery reads it and replays from S0 + 1, skipping for each customer
//! what its image already has. Keys are copied after all customers, so that no key of a record up to S0 can be missed.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};

use coffer_ledger::catalog::tenant::Tenant;
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_wal::{Lsn, ReadError, SnapshotError, SnapshotInfo, SnapshotStore, SnapshotWriter};

use super::codec::{self, DecodeError};
use super::core::Core;
use super::host::Host;
use super::keys::{KeyEntry, KeyHash};
use super::message::{Image, Message};
use super::operation::Failure;
use super::router::{Router, SendError};
use super::slot::{Place, Resting};
use super::tenant_actor::TenantMessage;

/// Kinds of blocks.
const META: u8 = 0;
const TENANTS: u8 = 1;
const CUSTOMERS: u8 = 2;
const KEYS: u8 = 3;

/// A block is written when it has grown to this.
const BLOCK_BYTES: usize = 1 << 20;
const KEY_BYTES: usize = 28;
const ENTRY_HEADER_BYTES: usize = 24;

/// What a snapshot holds.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotReport {
    /// Its number; a newer one has a higher.
    pub id: u64,
    /// Replay starts after this record.
    pub start: LogPosition,
    /// The newest record whose effect may be in it.
    pub highest: LogPosition,
    /// Customers in it.
    pub customers: u64,
    /// Idempotency keys in it.
    pub keys: u64,
    /// Length of the file.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Why a snapshot was not taken or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFailure {
    /// The file.
    #[error(transparent)]
    File(#[from] SnapshotError),
    /// The log, which must say which record is the newest in it.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// Its content is not what this version writes.
    #[error("the snapshot's content cannot be read: {0}")]
    Content(String),
    /// The log halted meanwhile.
    #[error("the log halted")]
    Halted,
}

impl From<DecodeError> for SnapshotFailure {
    fn from(error: DecodeError) -> Self {
        Self::Content(error.to_string())
    }
}

/// Takes a snapshot. Blocks its thread; the engine goes on.
pub(crate) fn take(core: &Arc<Core>) -> Result<SnapshotReport, SnapshotFailure> {
    let started_ns = core.env.clock.monotonic_ns();
    let start = core.journal.durable_lsn();
    let mut blocks = Blocks::new(core.snapshots.create(start)?);
    blocks.write(META, &core.directory.next_number().0.to_le_bytes())?;
    write_tenants(core, &mut blocks)?;
    for shard in 0..core.router.shard_count() {
        write_shard(core, shard, &mut blocks)?;
    }
    blocks.flush(CUSTOMERS)?;
    write_keys(core, &mut blocks)?;
    let Blocks { writer, customers, keys, .. } = blocks;
    let highest = core.journal.appended_lsn();
    core.journal.wait_durable(highest).map_err(|_| SnapshotFailure::Halted)?;
    let batch = core.reader.hash_at(highest)?;
    let info = writer.finish(highest, &batch, core.journal.durable_lsn())?;
    if let Some(log) = &*core.log.lock().expect("nothing panics while it is held") {
        log.purge().map_err(|error| SnapshotFailure::Content(error.to_string()))?;
    }
    core.snapshot_start.store(info.start_lsn.0, Ordering::Release);
    let seconds = std::time::Duration::from_nanos(core.env.clock.monotonic_ns() - started_ns).as_secs_f64();
    Ok(report(&info, customers, keys, seconds))
}

fn report(info: &SnapshotInfo, customers: u64, keys: u64, seconds: f64) -> SnapshotReport {
    let (start, highest) = (LogPosition(info.start_lsn.0), LogPosition(info.highest_lsn.0));
    SnapshotReport { id: info.id, start, highest, customers, keys, bytes: info.bytes, seconds }
}

/// Gathers entries into blocks.
struct Blocks {
    writer: SnapshotWriter,
    buffer: Vec<u8>,
    customers: u64,
    keys: u64,
}

impl Blocks {
    const fn new(writer: SnapshotWriter) -> Self {
        Self { writer, buffer: Vec::new(), customers: 0, keys: 0 }
    }

    fn write(&mut self, kind: u8, content: &[u8]) -> Result<(), SnapshotFailure> {
        Ok(self.writer.block(kind, content)?)
    }

    /// Adds one entry: tenant, number, position, length, bytes.
    fn entry(
        &mut self,
        kind: u8,
        id: (TenantNumber, CustomerNumber),
        image: &Image,
    ) -> Result<(), SnapshotFailure> {
        let len = u32::try_from(image.bytes.len())
            .map_err(|_| SnapshotFailure::Content("a state over 4 GiB".into()))?;
        self.buffer.extend_from_slice(&id.0.0.to_le_bytes());
        self.buffer.extend_from_slice(&id.1.0.to_le_bytes());
        self.buffer.extend_from_slice(&image.position.0.to_le_bytes());
        self.buffer.extend_from_slice(&len.to_le_bytes());
        self.buffer.extend_from_slice(&image.bytes);
        if self.buffer.len() >= BLOCK_BYTES { self.flush(kind) } else { Ok(()) }
    }

    fn flush(&mut self, kind: u8) -> Result<(), SnapshotFailure> {
        if !self.buffer.is_empty() {
            self.writer.block(kind, &self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

fn write_tenants(core: &Core, blocks: &mut Blocks) -> Result<(), SnapshotFailure> {
    for (number, seat) in core.tenant_seats() {
        let (give, take) = mpsc::channel();
        drop(seat.mailbox.send_message(TenantMessage::Image(give)));
        let image = take.recv().map_err(|_| SnapshotFailure::Halted)?;
        blocks.entry(TENANTS, (number, CustomerNumber(0)), &image)?;
    }
    blocks.flush(TENANTS)
}

/// What a shard gives at once, and whom to ask.
pub(crate) struct Gathered {
    pub(crate) resting: Vec<(TenantNumber, CustomerNumber, Resting)>,
    pub(crate) busy: Vec<(TenantNumber, CustomerNumber)>,
}

/// Looks at every slot of a shard once.
pub(crate) fn gather<H: Host>(router: &Router<H>, shard: usize) -> Gathered {
    let mut gathered = Gathered { resting: Vec::new(), busy: Vec::new() };
    router.for_each_in_shard(shard, |number, slot| match &slot.place {
        Place::Resting(resting) => gathered.resting.push((slot.tenant, number, resting.clone())),
        Place::Active(_) | Place::Leaving(_) | Place::Quarantined => {
            gathered.busy.push((slot.tenant, number))
        }
        Place::Vacant => {}
    });
    gathered
}

fn write_shard(core: &Arc<Core>, shard: usize, blocks: &mut Blocks) -> Result<(), SnapshotFailure> {
    let gathered = gather(&core.router, shard);
    for (tenant, number, resting) in gathered.resting {
        let image = Image { bytes: resting.bytes.into_vec(), position: resting.position };
        blocks.entry(CUSTOMERS, (tenant, number), &image)?;
        blocks.customers += 1;
    }
    // All of the shard at once: each answers at its next turn, and under load that is a while.
    let asked: Vec<_> = gathered.busy.into_iter().map(|of| (of, ask(core, of))).collect();
    for ((tenant, number), asked) in asked {
        let image = hear(core, (tenant, number), asked)?;
        if let Some(image) = image.filter(|image| image.position.0 > 0) {
            blocks.entry(CUSTOMERS, (tenant, number), &image)?;
            blocks.customers += 1;
        }
    }
    Ok(())
}

/// Where an active customer's image will come from.
type Asked = Result<mpsc::Receiver<Image>, SendError>;

fn ask(core: &Arc<Core>, of: (TenantNumber, CustomerNumber)) -> Asked {
    let (give, take) = mpsc::channel();
    core.router.send(core, of, Message::Image(give)).map(|()| take)
}

/// One active customer's image; a quarantined one's is folded from the log, which is right by definition.
fn hear(
    core: &Arc<Core>,
    (tenant, number): (TenantNumber, CustomerNumber),
    asked: Asked,
) -> Result<Option<Image>, SnapshotFailure> {
    match asked {
        Ok(take) => {
            if let Ok(image) = take.recv() {
                return Ok(Some(image));
            }
        }
        // A seat that nobody took.
        Err(SendError::Failed(Failure::NotFound(_))) => return Ok(None),
        Err(SendError::Failed(_) | SendError::Renumbered) => {}
    }
    let rebuilt = core.runtime.block_on(super::rebuild::rebuild(core, tenant, number));
    let customer =
        rebuilt.map_err(|error| SnapshotFailure::Content(format!("customer {}: {error}", number.0)))?;
    let mut bytes = Vec::new();
    codec::encode_customer(&customer, &mut bytes);
    Ok(Some(Image { bytes, position: customer.last_position }))
}

fn write_keys(core: &Core, blocks: &mut Blocks) -> Result<(), SnapshotFailure> {
    for shard in 0.. {
        let Some(entries) = core.keys.copy_shard(shard) else { break };
        for (KeyHash(hash), entry) in entries {
            blocks.buffer.extend_from_slice(&hash.to_le_bytes());
            blocks.buffer.extend_from_slice(&entry.position.0.to_le_bytes());
            blocks.buffer.extend_from_slice(&entry.recorded_s.to_le_bytes());
            blocks.keys += 1;
        }
        if blocks.buffer.len() >= BLOCK_BYTES {
            blocks.flush(KEYS)?;
        }
    }
    blocks.flush(KEYS)
}

/// What recovery makes of a snapshot, entry by entry.
pub(crate) trait Load {
    /// No customer may get this number or a smaller one.
    fn next_number(&mut self, next: CustomerNumber);
    /// A tenant.
    fn tenant(&mut self, tenant: Tenant);
    /// A customer, decoded, and the bytes that it was decoded from.
    fn customer(&mut self, customer: Customer, bytes: &[u8]);
    /// A key.
    fn key(&mut self, hash: KeyHash, entry: KeyEntry);
    /// So many bytes of the file have been read.
    fn progress(&mut self, bytes_read: u64);
}

/// Reads a whole snapshot. What was loaded counts only if this returns without an error.
pub(crate) fn load(
    store: &SnapshotStore,
    info: &SnapshotInfo,
    into: &mut dyn Load,
) -> Result<(), SnapshotFailure> {
    let mut reader = store.open(info)?;
    while let Some(block) = reader.next_block()? {
        match block.kind {
            META => into.next_number(CustomerNumber(u64_at(&block.bytes, 0)?)),
            TENANTS => each_entry(&block.bytes, |_, _, bytes| {
                into.tenant(codec::decode_tenant(bytes)?);
                Ok(())
            })?,
            CUSTOMERS => each_entry(&block.bytes, |_, _, bytes| {
                into.customer(codec::decode_customer(bytes)?, bytes);
                Ok(())
            })?,
            KEYS => each_key(&block.bytes, into)?,
            kind => return Err(SnapshotFailure::Content(format!("unknown block kind {kind}"))),
        }
        into.progress(reader.bytes_read());
    }
    Ok(())
}

/// One customer from the newest readable snapshot, and the position that replay starts after.
pub(crate) fn find_customer(
    store: &SnapshotStore,
    tenant: TenantNumber,
    number: CustomerNumber,
) -> Result<(Customer, Lsn), SnapshotFailure> {
    for info in store.list()? {
        match find_in(store, &info, tenant, number) {
            Ok(found) => return Ok((found.unwrap_or_else(|| Customer::new(tenant, number)), info.start_lsn)),
            Err(error) => {
                tracing::warn!(snapshot = info.id, %error, "a snapshot cannot be read; trying the one before")
            }
        }
    }
    Ok((Customer::new(tenant, number), Lsn::NONE))
}

/// One customer from this snapshot, once all of it was found sound.
pub(crate) fn find_in(
    store: &SnapshotStore,
    info: &SnapshotInfo,
    tenant: TenantNumber,
    number: CustomerNumber,
) -> Result<Option<Customer>, SnapshotFailure> {
    let mut found = None;
    let mut reader = store.open(info)?;
    while let Some(block) = reader.next_block()? {
        if block.kind == CUSTOMERS {
            each_entry(&block.bytes, |of, at, bytes| {
                if (of, at) == (tenant, number) {
                    found = Some(codec::decode_customer(bytes)?);
                }
                Ok(())
            })?;
        }
    }
    Ok(found)
}

fn each_entry(
    mut block: &[u8],
    mut visit: impl FnMut(TenantNumber, CustomerNumber, &[u8]) -> Result<(), SnapshotFailure>,
) -> Result<(), SnapshotFailure> {
    while !block.is_empty() {
        let (tenant, number) = (u32_at(block, 0)?, u64_at(block, 4)?);
        let len = usize::try_from(u32_at(block, 20)?).expect("u32 fits usize");
        let bytes = block.get(ENTRY_HEADER_BYTES..ENTRY_HEADER_BYTES + len).ok_or_else(cut_short)?;
        visit(TenantNumber(tenant), CustomerNumber(number), bytes)?;
        block = &block[ENTRY_HEADER_BYTES + len..];
    }
    Ok(())
}

fn each_key(block: &[u8], into: &mut dyn Load) -> Result<(), SnapshotFailure> {
    for entry in block.chunks(KEY_BYTES) {
        let hash = u128::from(u64_at(entry, 0)?) | u128::from(u64_at(entry, 8)?) << 64;
        let (position, recorded_s) = (LogPosition(u64_at(entry, 16)?), u32_at(entry, 24)?);
        into.key(KeyHash(hash), KeyEntry { position, recorded_s });
    }
    Ok(())
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, SnapshotFailure> {
    let bytes = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).ok_or_else(cut_short)?;
    Ok(u64::from_le_bytes(bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, SnapshotFailure> {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).ok_or_else(cut_short)?;
    Ok(u32::from_le_bytes(bytes))
}

fn cut_short() -> SnapshotFailure {
    SnapshotFailure::Content("a block ends inside an entry".into())
}
