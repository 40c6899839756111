//! Reads one snapshot from front to back and checks every byte on the way.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::bytes::{index, index32, u32_at};
use crate::storage::File;
use crate::storage::stream::StreamReader;

use super::SnapshotInfo;
use super::error::{Damage, SnapshotError};
use super::layout::{
    BLOCK_BYTES_LIMIT, BLOCK_HEADER_BYTES, BlockHeader, HEADER_BYTES, TRAILER_BYTES, Trailer, block_crc,
};

/// One block of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotBlock {
    /// What its writer called it.
    pub kind: u8,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The blocks of a snapshot in order, each verified by its own checksum. The hash over the whole is known
/// only at the end: what was built from the blocks counts when the iterator ended without an error.
pub struct SnapshotReader {
    stream: StreamReader,
    path: PathBuf,
    info: SnapshotInfo,
    trailer: Trailer,
    hasher: Sha256,
    blocks: u32,
    ended: bool,
}

impl SnapshotReader {
    pub(super) fn begin(
        file: Box<dyn File>,
        path: PathBuf,
        info: SnapshotInfo,
        trailer: Trailer,
    ) -> Result<SnapshotReader, SnapshotError> {
        let (stream, hasher) = (StreamReader::new(file), Sha256::new());
        let mut reader = SnapshotReader { stream, path, info, trailer, hasher, blocks: 0, ended: false };
        reader.read_hashed(&mut Vec::new(), HEADER_BYTES)?;
        Ok(reader)
    }

    /// What the snapshot says about itself.
    #[must_use]
    pub fn info(&self) -> &SnapshotInfo {
        &self.info
    }

    /// Bytes read so far, for progress.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.stream.offset()
    }

    /// Reads what is left and checks all of it.
    ///
    /// # Errors
    /// The first damage, or that the storage failed.
    pub fn read_to_end(mut self) -> Result<(), SnapshotError> {
        while self.next_block()?.is_some() {}
        Ok(())
    }

    /// The next block, or `None` after the last, when the whole was found sound.
    ///
    /// # Errors
    /// The first damage, or that the storage failed. Nothing read before may then be used.
    pub fn next_block(&mut self) -> Result<Option<SnapshotBlock>, SnapshotError> {
        if self.ended {
            return Ok(None);
        }
        let start = self.stream.offset();
        if start == self.trailer.blocks_end {
            self.ended = true;
            self.check_end()?;
            return Ok(None);
        }
        let mut header_bytes = Vec::with_capacity(BLOCK_HEADER_BYTES);
        self.read_hashed(&mut header_bytes, BLOCK_HEADER_BYTES)?;
        let header = BlockHeader::decode(&header_bytes);
        let length = index32(header.length);
        let end = start + (BLOCK_HEADER_BYTES + length) as u64;
        if length > BLOCK_BYTES_LIMIT || end > self.trailer.blocks_end || header.number != self.blocks {
            return Err(self.damaged(start, Damage::Block));
        }
        let mut bytes = Vec::with_capacity(length);
        self.read_hashed(&mut bytes, length)?;
        if u32_at(&header_bytes, 4) != block_crc(&header_bytes, &bytes) {
            return Err(self.damaged(start, Damage::Block));
        }
        self.blocks += 1;
        Ok(Some(SnapshotBlock { kind: header.kind, bytes }))
    }

    /// After the last block: the fill, the hash, the trailer once more, the number of blocks.
    fn check_end(&mut self) -> Result<(), SnapshotError> {
        let fill_start = self.trailer.blocks_end;
        let mut fill = Vec::new();
        self.read_hashed(&mut fill, index(self.trailer.offset() - fill_start))?;
        if fill.iter().any(|byte| *byte != 0) {
            return Err(self.damaged(fill_start, Damage::Fill));
        }
        self.hasher.update(self.trailer.encode_before_hash());
        if <[u8; 32]>::from(self.hasher.finalize_reset()) != self.trailer.hash {
            return Err(self.damaged(0, Damage::Hash));
        }
        let mut trailer = Vec::new();
        self.read_hashed(&mut trailer, TRAILER_BYTES)?;
        if trailer != self.trailer.encode() || u64::from(self.blocks) != self.trailer.blocks {
            return Err(self.damaged(self.trailer.offset(), Damage::Trailer));
        }
        Ok(())
    }

    fn read_hashed(&mut self, out: &mut Vec<u8>, bytes: usize) -> Result<(), SnapshotError> {
        let from = out.len();
        let taken = self.stream.read_onto(out, bytes);
        taken.map_err(|source| SnapshotError::io(&self.path, source))?;
        self.hasher.update(&out[from..]);
        Ok(())
    }

    fn damaged(&mut self, offset: u64, damage: Damage) -> SnapshotError {
        self.ended = true;
        SnapshotError::damaged(&self.path, offset, damage)
    }
}

impl Iterator for SnapshotReader {
    type Item = Result<SnapshotBlock, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_block().transpose()
    }
}

impl std::fmt::Debug for SnapshotReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SnapshotReader({}, {} blocks read)", self.path.display(), self.blocks)
    }
}
