//! The archive: sealed segments, dense and for ever.
//!
//! An archived segment holds the same batches as the hot one without mask, salt and padding, compressed in
//! blocks of whole batches, with an index from record numbers to blocks and the audit tree of its records.
//! Nothing of the chain is lost: each batch keeps its header, so hashes can be computed again from the file
//! alone. A file gets its name only when its chain came out right and it was read back from the device as it was written.
//!
//! Absent on purpose: deciding what is removed or erased, and when to seal (that is [`crate::sealer`]). Layout: `docs/WAL_FORMAT.md`, "Archive". Tested in `tests` and in `wal/tests/`.

mod block;
mod catalog;
mod erase;
mod error;
mod layout;
mod removed;
mod replay;
mod segment;
#[cfg(test)]
mod tests;
mod tree;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::env::Env;
use crate::segment::StoreId;
use crate::storage::temporary::Temporary;
use crate::storage::{Access, Storage};
use catalog::Catalog;
pub use erase::EraseError;
pub use error::{ArchiveDamage, ArchiveError};
pub use layout::ArchiveHeader;
pub use removed::Removed;
pub use replay::ArchiveReplay;
pub(crate) use replay::open_error;
pub use segment::ArchivedSegment;
pub use tree::{AuditTree, Provable, RecordProof};
pub use writer::ArchiveWriter;

/// The archived segments of one shard.
#[derive(Clone)]
pub struct Archive {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    store: StoreId,
    shard: u16,
    catalog: Arc<Mutex<Catalog>>,
    removed: Arc<Mutex<Option<Removed>>>,
}

impl Archive {
    /// The archive in `dir`, which is made by the first [`Archive::create`]. `store` and `shard` say whose
    /// segments they must be.
    ///
    /// # Errors
    /// When the directory cannot be read, or what says where the archive begins is damaged.
    pub fn open(env: &Env, dir: PathBuf, store: StoreId, shard: u16) -> Result<Archive, ArchiveError> {
        let storage = Arc::clone(&env.storage);
        let error = |source| ArchiveError::io(&dir, source);
        let exists = storage.exists(&dir).map_err(error)?;
        let entries = if exists { storage.list(&dir).map_err(error)? } else { Vec::new() };
        let numbers = entries.iter().filter_map(|entry| layout::number_of(&entry.name)).collect();
        let catalog = Arc::new(Mutex::new(Catalog::new(numbers)));
        let archive = Archive { storage, dir, store, shard, catalog, removed: Arc::default() };
        let removed = archive.read_removed()?;
        *archive.removed.lock().unwrap_or_else(PoisonError::into_inner) = removed;
        Ok(archive)
    }

    /// The numbers of the archived segments, ascending.
    #[must_use]
    pub fn numbers(&self) -> Vec<u64> {
        self.lock_catalog().numbers().to_vec()
    }

    /// How many segments are archived.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock_catalog().numbers().len()
    }

    /// Whether a segment is archived.
    #[must_use]
    pub fn holds(&self, number: u64) -> bool {
        self.lock_catalog().numbers().binary_search(&number).is_ok()
    }

    /// Bytes of all archived segments' files.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn bytes(&self) -> Result<u64, ArchiveError> {
        if self.numbers().is_empty() {
            return Ok(0);
        }
        let entries = self.storage.list(&self.dir).map_err(|source| ArchiveError::io(&self.dir, source))?;
        let archived = entries.iter().filter(|entry| layout::number_of(&entry.name).is_some());
        Ok(archived.map(|entry| entry.bytes).sum())
    }

    /// Opens an archived segment to look up records: through the page cache, with the index in memory.
    ///
    /// # Errors
    /// When it cannot be read, is damaged in header, index or trailer, or belongs to someone else.
    pub fn segment(&self, number: u64) -> Result<ArchivedSegment, ArchiveError> {
        self.open_path(&self.path(number), number, Access::Read)
    }

    /// Reads a whole archived segment past the page cache and checks every byte and the chain.
    ///
    /// # Errors
    /// The first damage found, or that the storage failed.
    pub fn verify(&self, number: u64) -> Result<(), ArchiveError> {
        self.open_path(&self.path(number), number, Access::ReadDirect)?.verify()
    }

    /// Begins to archive a segment, over any earlier attempt that was not finished.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(&self, header: ArchiveHeader) -> Result<ArchiveWriter, ArchiveError> {
        assert_eq!(
            (header.store, header.shard),
            (self.store, self.shard),
            "segments go to their own archive"
        );
        self.storage.create_dir_all(&self.dir).map_err(|source| ArchiveError::io(&self.dir, source))?;
        let temporary = self.temporary_path(header.number);
        let error = |source| ArchiveError::io(&temporary, source);
        if self.storage.exists(&temporary).map_err(error)? {
            self.storage.remove(&temporary).map_err(error)?;
        }
        let (unfinished, file) = Temporary::create(&self.storage, temporary.clone()).map_err(error)?;
        ArchiveWriter::begin(self.clone(), header, unfinished, file)
    }

    fn open_path(&self, path: &Path, number: u64, access: Access) -> Result<ArchivedSegment, ArchiveError> {
        let file = self.storage.open(path, access).map_err(|source| ArchiveError::io(path, source))?;
        let segment = ArchivedSegment::open(file, path.to_path_buf())?;
        let header = segment.header();
        if (header.store, header.shard) != (self.store, self.shard) {
            return Err(ArchiveError::damaged(path, 0, ArchiveDamage::WrongStore));
        }
        if header.number != number {
            return Err(ArchiveError::damaged(path, 0, ArchiveDamage::WrongName));
        }
        Ok(segment)
    }

    /// Syncs the directory: a process that was killed may have left a name that is seen and not durable.
    pub(crate) fn make_names_durable(&self) -> Result<(), ArchiveError> {
        self.storage.sync_dir(&self.dir).map_err(|source| ArchiveError::io(&self.dir, source))
    }

    /// Says that a segment was archived.
    fn add(&self, number: u64) {
        let mut catalog = self.lock_catalog();
        catalog.close(number);
        catalog.add(number);
    }

    fn lock_catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of an archived segment.
    #[must_use]
    pub fn path(&self, number: u64) -> PathBuf {
        self.dir.join(layout::file_name(number))
    }

    fn temporary_path(&self, number: u64) -> PathBuf {
        self.dir.join(layout::temporary_name(number))
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Archive({})", self.dir.display())
    }
}
