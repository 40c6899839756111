//! Writes one snapshot from front to back, reads it back, and only then lets it have its name.

use sha2::{Digest, Sha256};

use crate::batch::Hash;
use crate::frame::Lsn;
use crate::storage::BLOCK_BYTES;
use crate::storage::stream::StreamWriter;
use crate::storage::temporary::Temporary;
use crate::zero_fill::{LentRoom, Spares};

use super::error::SnapshotError;
use super::layout::{BLOCK_BYTES_LIMIT, BlockHeader, HASH_AT, Header, HistoryMark, TRAILER_BYTES, Trailer};
use super::{SnapshotInfo, SnapshotStore, info_of};

/// A snapshot being written. Dropped before [`SnapshotWriter::finish`], it removes its unfinished file; that of a process that was
/// killed goes when the log is started again.
#[must_use = "a snapshot that is not finished does not exist"]
pub struct SnapshotWriter {
    snapshots: SnapshotStore,
    header: Header,
    stream: StreamWriter,
    temporary: Temporary,
    /// Given back after the file was removed, which is why it stands here.
    room: Option<LentRoom>,
    hasher: Sha256,
    blocks: u32,
}

impl SnapshotWriter {
    pub(super) fn begin(snapshots: SnapshotStore, header: Header) -> Result<SnapshotWriter, SnapshotError> {
        let path = snapshots.temporary_path(header.id);
        let created = Temporary::create(&snapshots.storage, path.clone());
        let (temporary, file) = created.map_err(|source| SnapshotError::io(&path, source))?;
        let encoded = header.encode();
        let room = snapshots.spares.as_ref().map(Spares::lend_room);
        let (stream, hasher) = (StreamWriter::new(file), Sha256::new());
        let mut writer = SnapshotWriter { snapshots, header, stream, temporary, room, hasher, blocks: 0 };
        writer.push(&encoded)?;
        Ok(writer)
    }

    /// The snapshot's number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.header.id
    }

    /// Bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.stream.offset()
    }

    /// Appends one block.
    ///
    /// # Errors
    /// [`SnapshotError::BlockTooLarge`], [`SnapshotError::NoRoom`] when the log needs the space that is left, or that the storage
    /// failed; the snapshot is then lost.
    pub fn block(&mut self, kind: u8, content: &[u8]) -> Result<(), SnapshotError> {
        let too_large =
            || SnapshotError::BlockTooLarge { bytes: content.len(), bytes_max: BLOCK_BYTES_LIMIT };
        if content.len() > BLOCK_BYTES_LIMIT {
            return Err(too_large());
        }
        let length = u32::try_from(content.len()).map_err(|_| too_large())?;
        self.snapshots.check_room(self.stream.unwritten() + content.len() as u64)?;
        let header = BlockHeader { kind, number: self.blocks, length };
        self.push(&header.encode(content))?;
        self.push(content)?;
        if let Some(room) = &self.room {
            room.taken(self.stream.offset());
        }
        self.blocks = self.blocks.checked_add(1).expect("a snapshot of 2^32 blocks fits no disk");
        Ok(())
    }

    /// Ends the snapshot: writes the trailer, syncs, reads everything back from the device, renames.
    /// `highest_lsn` is the newest record whose effect may be in it; `batch` the hash of the batch that holds that record
    /// ([`crate::LogReader::hash_at`]); `durable_lsn` the log's durable end now.
    ///
    /// # Errors
    /// [`SnapshotError::NotDurable`] when the log is behind the snapshot; otherwise that the storage failed
    /// or gave back other bytes than were written. No snapshot exists then.
    pub fn finish(
        mut self,
        highest_lsn: Lsn,
        batch: &Hash,
        durable_lsn: Lsn,
    ) -> Result<SnapshotInfo, SnapshotError> {
        if highest_lsn > durable_lsn {
            return Err(SnapshotError::NotDurable { highest_lsn, durable_lsn });
        }
        let trailer = self.push_end(highest_lsn, HistoryMark::of(batch))?;
        let info = info_of(&self.header, &trailer);
        let path = self.snapshots.temporary_path(info.id);
        let error = |source| SnapshotError::io(&path, source);
        let file = self.stream.finish().map_err(error)?;
        file.sync().map_err(error)?;
        drop(file);
        self.snapshots.open_path(&path)?.read_to_end()?;
        self.temporary.publish(&self.snapshots.path(info.id)).map_err(error)?;
        self.room.into_iter().for_each(LentRoom::spend);
        Ok(info)
    }

    /// Writes the fill and the trailer.
    fn push_end(&mut self, highest_lsn: Lsn, mark: HistoryMark) -> Result<Trailer, SnapshotError> {
        let blocks_end = self.stream.offset();
        let file_bytes = (blocks_end + TRAILER_BYTES as u64).next_multiple_of(BLOCK_BYTES as u64);
        let mut trailer = Trailer {
            blocks: u64::from(self.blocks),
            blocks_end,
            file_bytes,
            start_lsn: self.header.start_lsn,
            highest_lsn,
            hash: [0; 32],
            mark: Some(mark),
        };
        let fill = [0; BLOCK_BYTES];
        let fill_bytes = usize::try_from(trailer.offset() - blocks_end).expect("less than a block");
        self.push(&fill[..fill_bytes])?;
        self.hasher.update(trailer.encode_before_hash());
        trailer.hash = self.hasher.finalize_reset().into();
        self.push_unhashed(&trailer.encode())?;
        debug_assert_eq!(trailer.encode()[..HASH_AT], trailer.encode_before_hash());
        Ok(trailer)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.hasher.update(bytes);
        self.push_unhashed(bytes)
    }

    fn push_unhashed(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let pushed = self.stream.push(bytes);
        pushed.map_err(|source| SnapshotError::io(&self.snapshots.temporary_path(self.header.id), source))
    }
}

impl std::fmt::Debug for SnapshotWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SnapshotWriter({}, {} blocks)", self.header.id, self.blocks)
    }
}
