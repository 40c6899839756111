//! A block of an archived segment: whole batches, one after another, compressed together.

use std::ops::Range;

use xxhash_rust::xxh3::{Xxh3, xxh3_128};
use zstd::bulk::Compressor;

use crate::batch::{BATCH_HEADER_BYTES, BatchError, BatchHeader, check_erased_body, open_batch_body};
use crate::bytes::index32;
use crate::frame::Lsn;
use crate::walk::WalkedBatch;

use super::error::ArchiveDamage;
use super::layout::{BLOCK_RAW_BYTES_LIMIT, BlockHeader, block_crc, block_crc_of};

/// Faster than it shrinks: an archive is written by a thread that shares two cores with the log.
const ZSTD_LEVEL: i32 = 1;

/// In an archive no salt seeds a header's checksum: the block's own says where the batch belongs.
const NO_SALT: u64 = 0;

/// Batches on their way into a block.
pub(super) struct OpenBlock {
    raw: Vec<u8>,
    batches: u32,
    first_lsn: Lsn,
    /// Of what was pushed, and not of `raw`: what goes wrong between the two is found when the block is read back.
    content: Xxh3,
    compressor: Compressor<'static>,
}

impl OpenBlock {
    pub(super) fn new() -> std::io::Result<OpenBlock> {
        let compressor = Compressor::new(ZSTD_LEVEL)?;
        Ok(OpenBlock { raw: Vec::new(), batches: 0, first_lsn: Lsn::NONE, content: Xxh3::new(), compressor })
    }

    pub(super) fn raw_bytes(&self) -> usize {
        self.raw.len()
    }

    /// The first record in it; [`Lsn::NONE`] while it is empty.
    pub(super) fn first_lsn(&self) -> Lsn {
        self.first_lsn
    }

    pub(super) fn push(&mut self, header: &BatchHeader, body: &[u8]) {
        let header = BatchHeader { mask: 0, ..*header };
        assert_eq!(header.stored_bytes(), BATCH_HEADER_BYTES + body.len(), "the body is whole");
        if self.batches == 0 {
            self.first_lsn = header.first_lsn;
        }
        let header = header.encode(NO_SALT);
        for part in [&header[..], body] {
            self.content.update(part);
            self.raw.extend_from_slice(part);
        }
        self.batches += 1;
    }

    /// The block as it stands in the file, header first, and the hash of what it holds. Empties it.
    pub(super) fn seal(&mut self) -> std::io::Result<(Vec<u8>, ContentHash)> {
        let compressed = self.compressor.compress(&self.raw)?;
        let length = |bytes: usize| u32::try_from(bytes).expect("blocks are far below 4 GiB");
        let header = BlockHeader {
            compressed: length(compressed.len()),
            raw: length(self.raw.len()),
            batches: self.batches,
            first_lsn: self.first_lsn,
        };
        let mut sealed = header.encode(&compressed).to_vec();
        sealed.extend_from_slice(&compressed);
        let hash = self.content.digest128();
        self.content.reset();
        self.raw.clear();
        (self.batches, self.first_lsn) = (0, Lsn::NONE);
        Ok((sealed, hash))
    }
}

/// Tells a block's batches from any others, as long as nobody forges them. It stands in no file.
pub(super) type ContentHash = u128;

/// Unpacks a block whose checksum is right; returns the hash of what it holds, which is not looked at.
pub(super) fn unpacked_hash(header_bytes: &[u8], compressed: &[u8]) -> Result<ContentHash, ArchiveDamage> {
    Ok(xxh3_128(&unpack(header_bytes, compressed)?))
}

fn unpack(header_bytes: &[u8], compressed: &[u8]) -> Result<Vec<u8>, ArchiveDamage> {
    let raw_bytes = index32(BlockHeader::decode(header_bytes).raw);
    if block_crc_of(header_bytes) != block_crc(header_bytes, compressed) || raw_bytes > BLOCK_RAW_BYTES_LIMIT
    {
        return Err(ArchiveDamage::Block);
    }
    let raw = zstd::bulk::decompress(compressed, raw_bytes).map_err(|_| ArchiveDamage::Block)?;
    if raw.len() == raw_bytes { Ok(raw) } else { Err(ArchiveDamage::Block) }
}

/// A block that was unpacked and whose batches were verified one by one.
pub(super) struct Block {
    raw: Vec<u8>,
    batches: Vec<(BatchHeader, Range<usize>)>,
    offset: u64,
}

impl Block {
    /// Unpacks and verifies the block at `offset`: its header, and the compressed bytes that follow it.
    pub(super) fn open(header_bytes: &[u8], compressed: &[u8], offset: u64) -> Result<Block, ArchiveDamage> {
        let header = BlockHeader::decode(header_bytes);
        let mut raw = unpack(header_bytes, compressed)?;
        let batches = open_batches(&mut raw).map_err(ArchiveDamage::Batch)?;
        let first_lsn = batches.first().map(|(batch, _)| batch.first_lsn);
        let as_said = batches.len() == index32(header.batches) && first_lsn == Some(header.first_lsn);
        if as_said { Ok(Block { raw, batches, offset }) } else { Err(ArchiveDamage::Block) }
    }

    /// The batches in order; their offset is that of the block in the file.
    pub(super) fn batches(&self) -> impl Iterator<Item = WalkedBatch<'_>> {
        self.batches.iter().map(|(header, body)| WalkedBatch {
            header: *header,
            offset: self.offset,
            frames: &self.raw[body.clone()],
        })
    }

    pub(super) fn raw_bytes(&self) -> usize {
        self.raw.len()
    }
}

fn open_batches(raw: &mut [u8]) -> Result<Vec<(BatchHeader, Range<usize>)>, BatchError> {
    let mut batches = Vec::new();
    let mut start = 0;
    while start < raw.len() {
        let header = BatchHeader::decode_archived(&raw[start..], NO_SALT)?;
        let end = start + header.stored_bytes();
        let batch = raw.get_mut(start..end).ok_or(BatchError::HeaderFields)?;
        if header.mask != 0 {
            return Err(BatchError::HeaderFields);
        }
        if header.stored == 0 {
            open_batch_body(&header, batch)?;
        } else {
            check_erased_body(&header, &batch[BATCH_HEADER_BYTES..])?;
        }
        batches.push((header, start + BATCH_HEADER_BYTES..end));
        start = end;
    }
    Ok(batches)
}
