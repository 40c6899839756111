//! Snapshot files: what a shard's state was, in checksummed blocks, so that replay can start late.
//!
//! A snapshot is fuzzy: its writer copies state while the log runs on. `start_lsn` is the durable end of
//! the log when it began, so replay starts after it; `highest_lsn` is the newest record whose effect may be
//! in it. It gets its final name only when all of it was read back from the device, and never before
//! `highest_lsn` is durable, since a snapshot must not know more than the log.
//!
//! Record numbers are given again when the end of a log is given up, so a number proves nothing. The trailer has a mark of the
//! batch that holds `highest_lsn`; a store that belongs to an opened log leaves out what shows other records than the log has.
//!
//! A snapshot can wait, the log cannot: none is begun that would take the room of the log's missing spare segments, one that comes
//! to it on its way is given up, and one that is given up leaves nothing behind.
//!
//! What the blocks mean is the caller's business: each is a kind and bytes. Several snapshots are kept, so
//! that a damaged one costs time and nothing else: the caller falls back to an older one and replays more.
//!
//! Absent on purpose: compression, choosing when to snapshot, deciding what a block holds.
//! Layout: `docs/WAL_FORMAT.md`, "Snapshot". Tested in `tests` and in `wal/tests/`.

mod error;
mod layout;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::env::{Clock, Env};
use crate::frame::Lsn;
use crate::reader::LogReader;
use crate::storage::{Access, AlignedBuf, BLOCK_BYTES, DirEntry, Storage, read_exact_at};
use crate::zero_fill::Spares;
pub use error::{Damage, SnapshotError};
pub use layout::{BLOCK_BYTES_LIMIT as SNAPSHOT_BLOCK_BYTES_LIMIT, HistoryMark};
use layout::{Header, TRAILER_BYTES, Trailer};
pub use reader::{SnapshotBlock, SnapshotReader};
pub use writer::SnapshotWriter;

/// How many snapshots are kept.
pub const SNAPSHOTS_KEPT: usize = 2;

/// What is known about a snapshot without reading its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Its number within the shard; a newer snapshot has a higher one.
    pub id: u64,
    /// Replay starts at the record after this one.
    pub start_lsn: Lsn,
    /// The newest record whose effect may be in it.
    pub highest_lsn: Lsn,
    /// Stands for the log up to `highest_lsn`; `None` in format 1.
    pub mark: Option<HistoryMark>,
    /// When it was begun, in nanoseconds since 1970 UTC.
    pub created_ns: u64,
    /// The file's length in bytes.
    pub bytes: u64,
    /// How many blocks it has.
    pub blocks: u64,
}

/// The snapshots of one shard.
#[derive(Clone)]
pub struct SnapshotStore {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    store: [u8; 16],
    shard: u16,
    log: Option<LogReader>,
    spares: Option<Arc<Spares>>,
}

impl SnapshotStore {
    /// The snapshots in `dir`, which is made by the first [`SnapshotStore::create`]. `store` and `shard`
    /// say whose they must be.
    #[must_use]
    pub fn new(env: &Env, dir: PathBuf, store: [u8; 16], shard: u16) -> SnapshotStore {
        let (storage, clock) = (Arc::clone(&env.storage), Arc::clone(&env.clock));
        SnapshotStore { storage, clock, dir, store, shard, log: None, spares: None }
    }

    /// From now on, only what shows records of this log.
    #[must_use]
    pub(crate) fn of_log(self, log: LogReader) -> SnapshotStore {
        SnapshotStore { log: Some(log), ..self }
    }

    /// From now on leaves these spares their room on the file system.
    #[must_use]
    pub(crate) fn beside(self, spares: Arc<Spares>) -> SnapshotStore {
        SnapshotStore { spares: Some(spares), ..self }
    }

    /// The snapshots whose first and last bytes are sound and that show nothing but what the log holds, newest first, where the
    /// store is that of an opened log. Another one is reported as a warning and left out; [`SnapshotStore::inspect`] names it.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(&self) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        let mut usable = Vec::new();
        for (name, found) in self.inspect()? {
            match found {
                Ok(info) => usable.push(info),
                Err(error) => tracing::warn!(snapshot = name, %error, "leaving out a snapshot"),
            }
        }
        Ok(usable)
    }

    /// Every snapshot file, newest first, with what its first and last bytes say or what is wrong with them.
    ///
    /// # Errors
    /// When the directory cannot be read.
    #[expect(clippy::type_complexity, reason = "a list of names with their outcomes")]
    pub fn inspect(&self) -> Result<Vec<(String, Result<SnapshotInfo, SnapshotError>)>, SnapshotError> {
        let mut found = Vec::new();
        for name in self.names()?.into_iter().rev() {
            if let Some(id) = layout::id_of(&name) {
                let info = self.info(id);
                found.push((name, info));
            }
        }
        Ok(found)
    }

    /// Begins a snapshot of the state at or after `start_lsn`, which must be durable.
    ///
    /// # Errors
    /// [`SnapshotError::NoRoom`] when one as large as the newest would leave too little for the log's missing spare segments;
    /// otherwise that the file cannot be made.
    pub fn create(&self, start_lsn: Lsn) -> Result<SnapshotWriter, SnapshotError> {
        let error = |source| SnapshotError::io(&self.dir, source);
        self.storage.create_dir_all(&self.dir).map_err(error)?;
        let entries = self.entries()?;
        self.check_room(newest_bytes(&entries))?;
        let newest = entries.iter().filter_map(|entry| layout::id_of_any(&entry.name)).max();
        let id = newest.unwrap_or(0) + 1;
        let (format, created_ns) = (layout::FORMAT, self.clock.now_ns());
        let header = Header { format, store: self.store, shard: self.shard, id, start_lsn, created_ns };
        SnapshotWriter::begin(self.clone(), header)
    }

    /// Opens a snapshot to read its blocks in order.
    ///
    /// # Errors
    /// When the file cannot be opened or its first or last bytes are not sound.
    pub fn open(&self, info: &SnapshotInfo) -> Result<SnapshotReader, SnapshotError> {
        self.open_path(&self.path(info.id))
    }

    /// Reads a whole snapshot and checks every byte of it.
    ///
    /// # Errors
    /// The first damage found, or that the file cannot be read.
    pub fn verify(&self, info: &SnapshotInfo) -> Result<(), SnapshotError> {
        self.open(info)?.read_to_end()
    }

    /// The log before this record may go, as far as snapshots are concerned: the oldest snapshot that is kept
    /// starts there. [`Lsn::NONE`] while fewer than [`SNAPSHOTS_KEPT`] are sound.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn purge_floor(&self) -> Result<Lsn, SnapshotError> {
        let kept = self.list()?;
        Ok(kept.get(SNAPSHOTS_KEPT - 1).map_or(Lsn::NONE, |older| older.start_lsn))
    }

    /// Removes all sound snapshots but the newest [`SNAPSHOTS_KEPT`], and what was begun and never finished.
    /// Damaged ones are left for whoever wants to look at them. Call it when no snapshot is being written.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn prune(&self) -> Result<(), SnapshotError> {
        if !self.names()?.is_empty() {
            // A process that was killed may have left a name that is seen and not durable; what is removed
            // below, and the log that is purged after it, count on the newer ones.
            self.storage.sync_dir(&self.dir).map_err(|source| SnapshotError::io(&self.dir, source))?;
        }
        let old = self.list()?.into_iter().skip(SNAPSHOTS_KEPT).map(|info| layout::file_name(info.id));
        self.remove(old.chain(self.unfinished()?))
    }

    /// Removes what was begun and never finished. Call it when no snapshot is being written.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub(crate) fn remove_unfinished(&self) -> Result<(), SnapshotError> {
        self.remove(self.unfinished()?)
    }

    /// Removes every snapshot that is not among these, damaged and unfinished ones too. Call it when no snapshot is being written.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn keep_only(&self, ids: &[u64]) -> Result<(), SnapshotError> {
        let stays = |name: &str| layout::id_of(name).is_some_and(|id| ids.contains(&id));
        let ours = |name: &str| layout::id_of_any(name).is_some();
        self.remove(self.names()?.into_iter().filter(|name| ours(name) && !stays(name)))
    }

    /// Gives these files names under which no snapshot is looked for, durably; nothing of them is lost. Returns where they are.
    ///
    /// # Errors
    /// When a file cannot be renamed; some may have been.
    pub(crate) fn set_aside(&self, names: &[String]) -> Result<Vec<PathBuf>, SnapshotError> {
        let aside: Vec<_> = names.iter().map(|name| self.dir.join(layout::aside_name(name))).collect();
        for (name, aside) in names.iter().zip(&aside) {
            let path = self.dir.join(name);
            self.storage.rename(&path, aside).map_err(|source| SnapshotError::io(&path, source))?;
        }
        if !aside.is_empty() {
            self.storage.sync_dir(&self.dir).map_err(|source| SnapshotError::io(&self.dir, source))?;
        }
        Ok(aside)
    }

    /// The length of the newest snapshot's file in bytes; 0 without one.
    pub(crate) fn newest_bytes(&self) -> Result<u64, SnapshotError> {
        Ok(newest_bytes(&self.entries()?))
    }

    /// Whether these bytes can be written and the log's missing spare segments still be made. Where those cannot be made anyway, only the
    /// bytes count: a snapshot alone lets old segments go.
    fn check_room(&self, bytes: u64) -> Result<(), SnapshotError> {
        let missing = self.spares.as_ref().map_or(0, |spares| spares.missing_bytes());
        let free = self.storage.free_bytes(&self.dir);
        let free_bytes = free.map_err(|source| SnapshotError::io(&self.dir, source))?;
        let needed_bytes = if free_bytes < missing { bytes } else { bytes + missing };
        if needed_bytes > free_bytes {
            return Err(SnapshotError::NoRoom { dir: self.dir.clone(), needed_bytes, free_bytes });
        }
        Ok(())
    }

    fn unfinished(&self) -> Result<impl Iterator<Item = String> + use<>, SnapshotError> {
        Ok(self.names()?.into_iter().filter(|name| layout::is_temporary(name)))
    }

    /// Removes these files, durably.
    fn remove(&self, names: impl IntoIterator<Item = String>) -> Result<(), SnapshotError> {
        let mut removed = false;
        for name in names {
            let path = self.dir.join(name);
            self.storage.remove(&path).map_err(|source| SnapshotError::io(&path, source))?;
            removed = true;
        }
        if !removed {
            return Ok(());
        }
        self.storage.sync_dir(&self.dir).map_err(|source| SnapshotError::io(&self.dir, source))
    }

    fn names(&self) -> Result<Vec<String>, SnapshotError> {
        Ok(self.entries()?.into_iter().map(|entry| entry.name).collect())
    }

    fn entries(&self) -> Result<Vec<DirEntry>, SnapshotError> {
        let error = |source| SnapshotError::io(&self.dir, source);
        if !self.storage.exists(&self.dir).map_err(error)? {
            return Ok(Vec::new());
        }
        self.storage.list(&self.dir).map_err(error)
    }

    fn path(&self, id: u64) -> PathBuf {
        self.dir.join(layout::file_name(id))
    }

    fn temporary_path(&self, id: u64) -> PathBuf {
        self.dir.join(layout::temporary_name(id))
    }

    fn info(&self, id: u64) -> Result<SnapshotInfo, SnapshotError> {
        let path = self.path(id);
        let (header, trailer) = self.read_ends(&path)?;
        if header.id != id {
            return Err(SnapshotError::damaged(&path, 0, Damage::WrongName));
        }
        let info = info_of(&header, &trailer);
        self.check_history(&path, &info)?;
        Ok(info)
    }

    /// The log must have the very record that is the newest in the snapshot. What it has and cannot read speaks against nothing.
    fn check_history(&self, path: &Path, info: &SnapshotInfo) -> Result<(), SnapshotError> {
        let Some(log) = &self.log else { return Ok(()) };
        let (end, highest_lsn) = (log.durable_lsn(), info.highest_lsn);
        if highest_lsn > end {
            return Err(SnapshotError::BeyondLog { path: path.to_path_buf(), highest_lsn, end });
        }
        match (info.mark, log.hash_at(highest_lsn)) {
            (Some(mark), Ok(batch)) if mark != HistoryMark::of(&batch) => {
                Err(SnapshotError::OtherHistory { path: path.to_path_buf(), highest_lsn })
            }
            _ => Ok(()),
        }
    }

    fn open_path(&self, path: &Path) -> Result<SnapshotReader, SnapshotError> {
        let (header, trailer) = self.read_ends(path)?;
        let file = self.storage.open(path, Access::ReadDirect);
        let file = file.map_err(|source| SnapshotError::io(path, source))?;
        SnapshotReader::begin(file, path.to_path_buf(), info_of(&header, &trailer), trailer)
    }

    /// Reads and checks header and trailer, and that they belong to each other and to this shard.
    fn read_ends(&self, path: &Path) -> Result<(Header, Trailer), SnapshotError> {
        let error = |source| SnapshotError::io(path, source);
        let file = self.storage.open(path, Access::ReadDirect).map_err(error)?;
        let bytes = file.bytes().map_err(error)?;
        if bytes < BLOCK_BYTES as u64 || !bytes.is_multiple_of(BLOCK_BYTES as u64) {
            return Err(SnapshotError::damaged(path, 0, Damage::Length));
        }
        let mut block = AlignedBuf::zeroed(BLOCK_BYTES);
        read_exact_at(file.as_ref(), &mut block, 0).map_err(error)?;
        let header = Header::decode(&block, path)?;
        if (header.store, header.shard) != (self.store, self.shard) {
            return Err(SnapshotError::WrongStore { path: path.to_path_buf() });
        }
        read_exact_at(file.as_ref(), &mut block, bytes - BLOCK_BYTES as u64).map_err(error)?;
        let trailer = Trailer::decode(&block[BLOCK_BYTES - TRAILER_BYTES..], header.format, bytes, path)?;
        if trailer.start_lsn != header.start_lsn {
            return Err(SnapshotError::damaged(path, trailer.offset(), Damage::Trailer));
        }
        Ok((header, trailer))
    }
}

impl std::fmt::Debug for SnapshotStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SnapshotStore({})", self.dir.display())
    }
}

/// The length of the newest snapshot's file, and so about that of the next one, in bytes; 0 without one.
fn newest_bytes(entries: &[DirEntry]) -> u64 {
    let newest = entries.iter().rfind(|entry| layout::id_of(&entry.name).is_some());
    newest.map_or(0, |entry| entry.bytes)
}

fn info_of(header: &Header, trailer: &Trailer) -> SnapshotInfo {
    SnapshotInfo {
        id: header.id,
        start_lsn: header.start_lsn,
        highest_lsn: trailer.highest_lsn,
        mark: trailer.mark,
        created_ns: header.created_ns,
        bytes: trailer.file_bytes,
        blocks: trailer.blocks,
    }
}
