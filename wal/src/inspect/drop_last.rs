//! Gives up a damaged last batch, on an operator's word.
//!
//! A last batch whose every sector was written but whose content is wrong may have been acknowledged, so the
//! log refuses to start. Who has no copy to restore can choose to lose that batch and keep the rest. The bytes
//! are copied aside first; then every snapshot that shows more than what stays is set aside, since the log will
//! give those numbers to other records; then the witness is taken back; then the bytes are zeroed. Interrupted
//! anywhere, it can be called again.
//!
//! Refused: a sound log, damage that is not at the very end, more than one batch's worth of bytes, a log that
//! could not be read without the snapshots that would go.

use std::path::{Path, PathBuf};

use crate::batch::{BATCH_BYTES_LIMIT, BatchHeader, ChainEnd, is_unwritten};
use crate::bytes::index;
use crate::control::{Control, ControlFile};
use crate::env::Env;
use crate::error::OpenError;
use crate::frame::Lsn;
use crate::options::{control_path, lock_path, snapshots_dir};
use crate::recovery::survey;
use crate::segment::SegmentHeader;
use crate::snapshot_file::SnapshotError;
use crate::storage::{Access, AlignedBuf, BLOCK_BYTES, Storage, publish, read_exact_at, write_all_at};
use crate::walk::{SegmentWalk, WalkStep};

use super::store::{HotFile, Store};

/// What was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropReport {
    /// The segment's file.
    pub path: PathBuf,
    /// Where the dropped batch began.
    pub offset: u64,
    /// How many bytes were zeroed.
    pub bytes: u64,
    /// The first record that is lost.
    pub first_lsn: Lsn,
    /// The last record that the witness knew of: up to here records were acknowledged.
    pub witnessed_lsn: Lsn,
    /// Where the bytes were copied to; `None` when there was nothing but zeros.
    pub saved_to: Option<PathBuf>,
    /// Where the snapshots are that showed more than what stays, newest first. They are for people, and never read again.
    pub snapshots_aside: Vec<PathBuf>,
}

/// Why nothing was dropped.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    /// The log opens as it is.
    #[error("the log is sound up to LSN {end}; nothing is to be dropped")]
    Sound {
        /// Its last record.
        end: Lsn,
    },
    /// The damage is not the last batch.
    #[error("{}: the damage at offset {offset} is not the last batch: {why}; restore a copy", path.display())]
    NotLast {
        /// The file.
        path: PathBuf,
        /// Where the damage begins.
        offset: u64,
        /// What stands against it.
        why: &'static str,
    },
    /// The oldest records were removed for good, and no snapshot would stay that has their effect.
    #[error(
        "every snapshot shows the damaged batch, and records up to {removed_to} were removed from the archive: nothing could be \
         read without it; restore a copy"
    )]
    NothingToStartFrom {
        /// The last record that was removed.
        removed_to: Lsn,
    },
    /// The log cannot be read or written.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Drops the damaged last batch of the log in `dir`, a shard's directory, which nobody may have open.
///
/// # Errors
/// [`DropError`]; nothing was changed then, unless a write failed.
pub fn drop_last_batch(env: &Env, dir: &Path) -> Result<DropReport, DropError> {
    let storage = env.storage.as_ref();
    create_lock_file(storage, dir)?;
    let store = Store::open(env, dir)?;
    if let Ok(Some(survey)) = survey(storage, dir, store.control.shard) {
        return Err(DropError::Sound { end: survey.end.chain.lsn });
    }
    let tail = find_damaged_tail(&store)?;
    let beyond = snapshots_beyond(&store, tail.chain.lsn)?;
    let saved_to = save_aside(storage, dir, &tail).map_err(OpenError::io(dir))?;
    let snapshots_aside = store.snapshots.set_aside(&beyond).map_err(snapshot_error(dir))?;
    let witnessed_lsn = store.control.last.lsn;
    take_witness_back(storage, dir, &store.control, &tail.chain).map_err(OpenError::io(control_path(dir)))?;
    zero(storage, &tail).map_err(OpenError::io(&tail.path))?;
    Ok(DropReport {
        path: tail.path,
        offset: tail.offset,
        bytes: tail.content.len() as u64,
        first_lsn: tail.chain.lsn.next(),
        witnessed_lsn,
        saved_to,
        snapshots_aside,
    })
}

/// The snapshots that are not known to show nothing after `end`. Where none stays, all of the log must be there.
fn snapshots_beyond(store: &Store, end: Lsn) -> Result<Vec<String>, DropError> {
    let inspected = store.snapshots.inspect().map_err(snapshot_error(&store.dir))?;
    let (mut beyond, mut stays) = (Vec::new(), false);
    for (name, found) in inspected {
        match found {
            Ok(info) if info.highest_lsn <= end => stays = true,
            Err(error @ SnapshotError::Io { .. }) => return Err(snapshot_error(&store.dir)(error).into()),
            Ok(_) | Err(_) => beyond.push(name),
        }
    }
    match store.archive.removed().map(|removed| removed.chain.lsn) {
        Some(removed_to) if !stays && !removed_to.is_none() => {
            Err(DropError::NothingToStartFrom { removed_to })
        }
        _ => Ok(beyond),
    }
}

fn snapshot_error(dir: &Path) -> impl Fn(SnapshotError) -> OpenError {
    let path = snapshots_dir(dir);
    move |error| OpenError::io(&path)(std::io::Error::other(error))
}

/// Looking at a store takes its lock only when the file is there; changing it needs the lock in any case.
fn create_lock_file(storage: &dyn Storage, dir: &Path) -> Result<(), OpenError> {
    let path = lock_path(dir);
    match storage.lock(&path).map_err(OpenError::io(&path))? {
        Some(_) => Ok(()),
        None => Err(OpenError::Locked { path }),
    }
}

/// What stands after the last sound batch of the log.
struct DamagedTail {
    path: PathBuf,
    segment: u64,
    offset: u64,
    chain: ChainEnd,
    /// From `offset` to the last block that is not zero.
    content: AlignedBuf,
}

fn find_damaged_tail(store: &Store) -> Result<DamagedTail, DropError> {
    let Some((file, header, _)) = store.live().pop() else {
        let path = store.dir.clone();
        return Err(DropError::NotLast { path, offset: 0, why: "no segment has a sound header" });
    };
    let open = store.env.storage.open(&file.path, Access::ReadDirect).map_err(OpenError::io(&file.path))?;
    let mut walk = SegmentWalk::new(open.as_ref(), header, file.bytes);
    while let WalkStep::Batch(_) = walk.step().map_err(OpenError::io(&file.path))? {}
    let (offset, chain) = (walk.offset(), walk.chain());
    let mut content = AlignedBuf::zeroed(index(file.bytes - offset));
    read_exact_at(open.as_ref(), &mut content, offset).map_err(OpenError::io(&file.path))?;
    let written = content.chunks(BLOCK_BYTES).rposition(|block| !is_unwritten(block));
    content.truncate(written.map_or(0, |last| (last + 1) * BLOCK_BYTES));
    check_is_one_batch(store, file, &header, offset, &chain, &content)?;
    Ok(DamagedTail { path: file.path.clone(), segment: file.number, offset, chain, content })
}

/// Only what one write can have left may be dropped, and only when the witness lost one batch at most.
fn check_is_one_batch(
    store: &Store,
    file: &HotFile,
    header: &SegmentHeader,
    offset: u64,
    chain: &ChainEnd,
    content: &[u8],
) -> Result<(), DropError> {
    let later = |block: &[u8]| BatchHeader::decode(block, header.salt).is_ok();
    let refuse = |why| Err(DropError::NotLast { path: file.path.clone(), offset, why });
    if store.hot.iter().any(|other| other.number > file.number && !is_spare(other)) {
        return refuse("a later segment was written");
    }
    if content.chunks(BLOCK_BYTES).skip(1).any(later) {
        return refuse("a sound batch stands after it");
    }
    if content.len() > BATCH_BYTES_LIMIT {
        return refuse("more bytes stand there than one batch has");
    }
    if store.control.last.sequence > chain.sequence + 1 {
        return refuse("the control file knows of more than one batch after it");
    }
    Ok(())
}

fn is_spare(file: &HotFile) -> bool {
    file.header == Err(crate::segment::SegmentHeaderError::Unwritten)
}

fn save_aside(storage: &dyn Storage, dir: &Path, tail: &DamagedTail) -> std::io::Result<Option<PathBuf>> {
    if tail.content.is_empty() {
        return Ok(None);
    }
    let name = format!("dropped-{:016x}-{}", tail.segment, tail.offset);
    let (path, temporary) = (dir.join(&name), dir.join(format!("{name}.tmp")));
    if storage.exists(&temporary)? {
        storage.remove(&temporary)?;
    }
    let file = storage.open(&temporary, Access::CreateNew)?;
    write_all_at(file.as_ref(), &tail.content, 0)?;
    publish(storage, file.as_ref(), &temporary, &path)?;
    Ok(Some(path))
}

fn take_witness_back(
    storage: &dyn Storage,
    dir: &Path,
    control: &Control,
    chain: &ChainEnd,
) -> std::io::Result<()> {
    let last = if control.last.sequence > chain.sequence { *chain } else { control.last };
    let mut control = Control { last, clean: false, ..control.clone() };
    let mut file = ControlFile::open(storage, &control_path(dir), Access::WriteDirectSync)?;
    file.write_both(&mut control)
}

fn zero(storage: &dyn Storage, tail: &DamagedTail) -> std::io::Result<()> {
    if tail.content.is_empty() {
        return Ok(());
    }
    let file = storage.open(&tail.path, Access::WriteDirectSync)?;
    write_all_at(file.as_ref(), &AlignedBuf::zeroed(tail.content.len()), tail.offset)
}
