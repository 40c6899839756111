//! The files of checkpoints: one for each signed segment, `checkpoints/<number>.chk` in the shard's directory.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffer_wal::options::checkpoints_dir;
use coffer_wal::storage::{Access, Storage, publish, read_exact_at, write_all_at};

use super::checkpoint::{CHECKPOINT_BYTES, Checkpoint, CheckpointError};

/// Checkpoints of one shard.
#[derive(Clone)]
pub struct CheckpointStore {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
}

impl CheckpointStore {
    /// Those of the shard in `shard_dir`. Nothing is made or read yet.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, shard_dir: &Path) -> Self {
        Self { storage, dir: checkpoints_dir(shard_dir) }
    }

    /// The file of a segment's checkpoint.
    #[must_use]
    pub fn path(&self, segment: u64) -> PathBuf {
        self.dir.join(format!("{segment:016x}.chk"))
    }

    /// The segments that have one, ascending.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn segments(&self) -> io::Result<Vec<u64>> {
        if !self.storage.exists(&self.dir)? {
            return Ok(Vec::new());
        }
        let mut segments: Vec<u64> =
            self.storage.list(&self.dir)?.iter().filter_map(|entry| segment_of(&entry.name)).collect();
        segments.sort_unstable();
        Ok(segments)
    }

    /// A segment's checkpoint, its signature checked; `None` when it has none.
    ///
    /// # Errors
    /// When the file cannot be read; inside, when what it holds is none.
    pub fn read(&self, segment: u64) -> io::Result<Option<Result<Checkpoint, CheckpointError>>> {
        Ok(self.bytes(segment)?.map(|bytes| Checkpoint::open(&bytes)))
    }

    /// The same as bytes, unread; those of a file of another length are none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn bytes(&self, segment: u64) -> io::Result<Option<Vec<u8>>> {
        let path = self.path(segment);
        if !self.storage.exists(&path)? {
            return Ok(None);
        }
        let file = self.storage.open(&path, Access::Read)?;
        if file.bytes()? != CHECKPOINT_BYTES as u64 {
            return Ok(Some(Vec::new()));
        }
        let mut bytes = vec![0; CHECKPOINT_BYTES];
        read_exact_at(file.as_ref(), &mut bytes, 0)?;
        Ok(Some(bytes))
    }

    /// Removes the checkpoints of the segments before this one.
    ///
    /// # Errors
    /// When the storage failed; what is left is harmless.
    pub fn remove_before(&self, segment: u64) -> io::Result<()> {
        let old: Vec<u64> = self.segments()?.into_iter().filter(|number| *number < segment).collect();
        for number in &old {
            self.storage.remove(&self.path(*number))?;
        }
        if old.is_empty() { Ok(()) } else { self.storage.sync_dir(&self.dir) }
    }

    /// Keeps a signed checkpoint, durably: whole under its name, or not at all.
    ///
    /// # Errors
    /// When the storage failed; a leftover is replaced by the next attempt.
    pub fn write(&self, segment: u64, bytes: &[u8; CHECKPOINT_BYTES]) -> io::Result<()> {
        self.storage.create_dir_all(&self.dir)?;
        let path = self.path(segment);
        let temporary = path.with_extension("chk.tmp");
        if self.storage.exists(&temporary)? {
            self.storage.remove(&temporary)?;
        }
        let file = self.storage.open(&temporary, Access::CreateNew)?;
        write_all_at(file.as_ref(), bytes, 0)?;
        publish(self.storage.as_ref(), file.as_ref(), &temporary, &path)
    }
}

fn segment_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".chk")?;
    let segment = u64::from_str_radix(digits, 16).ok()?;
    (format!("{segment:016x}") == digits).then_some(segment)
}

impl std::fmt::Debug for CheckpointStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CheckpointStore({})", self.dir.display())
    }
}
