//! Removes the oldest archived segments for good, and remembers where the archive begins from then on.
//!
//! What was removed is told apart from what was lost by one small file, `removed`, that is written before the first file goes:
//! up to which segment they are gone, and where the chain of batches and the chain of roots stood there. Cut short, some of the
//! segments that it names are still there; the next removal takes them. Absent on purpose: which segments may go (the engine's
//! business, which knows snapshots, keys and histories). Tested in `tests/removed.rs` beside this.

use std::path::PathBuf;

use crate::batch::{ChainEnd, Hash};
use crate::bytes::{array_at, put, u16_at, u32_at, u64_at};
use crate::storage::{Access, publish, read_exact_at, write_all_at};

use super::layout::{chain_at, put_chain};
use super::{Archive, ArchiveDamage, ArchiveError};

const MAGIC: [u8; 8] = *b"CofrGone";
const FORMAT: u32 = 1;
const BYTES: usize = 140;
const CHAIN_AT: usize = 40;
const HAS_ROOT_AT: usize = 96;
const ROOT_AT: usize = 104;
const CRC_AT: usize = 136;

/// Where the archive begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The newest segment that was removed; all before it are, too.
    pub segment: u64,
    /// The chain of batches after it.
    pub chain: ChainEnd,
    /// The chained root after it; `None` when it had no tree.
    pub root: Option<Hash>,
}

impl Archive {
    /// What was removed from the front, if anything was.
    #[must_use]
    pub fn removed(&self) -> Option<Removed> {
        *self.removed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Removes the archived segments up to this one, oldest first; returns their numbers. The newest one stays whatever is asked: the
    /// next one's tree follows it.
    ///
    /// # Errors
    /// When the last of them cannot be read, or the storage failed; what is left is then still a whole archive without a gap.
    pub fn remove_through(&self, segment: u64) -> Result<Vec<u64>, ArchiveError> {
        let numbers = self.numbers();
        let newest = numbers.last().copied().unwrap_or(0);
        let gone: Vec<u64> =
            numbers.into_iter().filter(|number| *number <= segment && *number < newest).collect();
        let Some(last) = gone.last() else { return Ok(gone) };
        if self.removed().is_none_or(|removed| removed.segment < *last) {
            self.remember(*last)?;
        }
        for number in &gone {
            let path = self.path(*number);
            self.lock_catalog().remove(*number);
            self.storage.remove(&path).map_err(|source| ArchiveError::io(&path, source))?;
            self.make_names_durable()?;
        }
        Ok(gone)
    }

    fn remember(&self, number: u64) -> Result<(), ArchiveError> {
        let segment = self.segment(number)?;
        let root = segment.tree()?.map(|tree| tree.chained);
        let removed = Removed { segment: number, chain: segment.chain_after(), root };
        let path = self.removed_path();
        let written = self.write_removed(&removed, &path);
        written.map_err(|source| ArchiveError::io(&path, source))?;
        *self.removed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(removed);
        Ok(())
    }

    fn write_removed(&self, removed: &Removed, path: &std::path::Path) -> std::io::Result<()> {
        let temporary = path.with_extension("tmp");
        if self.storage.exists(&temporary)? {
            self.storage.remove(&temporary)?;
        }
        let file = self.storage.open(&temporary, Access::CreateNew)?;
        write_all_at(file.as_ref(), &self.encode(removed), 0)?;
        publish(self.storage.as_ref(), file.as_ref(), &temporary, path)
    }

    /// Reads what [`Archive::remember`] wrote.
    pub(super) fn read_removed(&self) -> Result<Option<Removed>, ArchiveError> {
        let path = self.removed_path();
        let io = |source| ArchiveError::io(&path, source);
        if !self.storage.exists(&path).map_err(io)? {
            return Ok(None);
        }
        let file = self.storage.open(&path, Access::Read).map_err(io)?;
        let mut bytes = [0; BYTES];
        let whole = file.bytes().map_err(io)? == BYTES as u64;
        if whole {
            read_exact_at(file.as_ref(), &mut bytes, 0).map_err(io)?;
        }
        let removed = self.decode(&bytes).filter(|_| whole);
        removed.map(Some).ok_or_else(|| ArchiveError::damaged(&path, 0, ArchiveDamage::Removed))
    }

    /// The file that says where the archive begins.
    #[must_use]
    pub fn removed_path(&self) -> PathBuf {
        self.dir.join("removed")
    }

    fn encode(&self, removed: &Removed) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &FORMAT.to_le_bytes());
        put(&mut bytes, 12, &self.shard.to_le_bytes());
        put(&mut bytes, 16, &self.store);
        put(&mut bytes, 32, &removed.segment.to_le_bytes());
        put_chain(&mut bytes, CHAIN_AT, &removed.chain);
        if let Some(root) = &removed.root {
            put(&mut bytes, HAS_ROOT_AT, &[1]);
            put(&mut bytes, ROOT_AT, root);
        }
        let crc = crc32fast::hash(&bytes[..CRC_AT]);
        put(&mut bytes, CRC_AT, &crc.to_le_bytes());
        bytes
    }

    fn decode(&self, bytes: &[u8; BYTES]) -> Option<Removed> {
        let sound = u32_at(bytes, CRC_AT) == crc32fast::hash(&bytes[..CRC_AT])
            && bytes[..8] == MAGIC
            && u32_at(bytes, 8) == FORMAT
            && u16_at(bytes, 12) == self.shard
            && bytes[16..32] == self.store;
        let root = (bytes[HAS_ROOT_AT] == 1).then(|| array_at(bytes, ROOT_AT));
        sound.then(|| Removed { segment: u64_at(bytes, 32), chain: chain_at(bytes, CHAIN_AT), root })
    }
}
