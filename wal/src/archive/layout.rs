//! The bytes of an archived segment: header block, compressed blocks, index, audit tree, fill, trailer.

use crate::batch::{COUNT_LIMIT, ChainEnd};
use crate::bytes::{array_at, put, u16_at, u32_at, u64_at};
use crate::frame::Lsn;
use crate::segment::StoreId;
use crate::storage::BLOCK_BYTES;

use super::error::ArchiveDamage;

pub(super) const FORMAT: u32 = 1;
/// Of a segment with erased records: the same layout, and batches that are not as they were written.
pub(super) const FORMAT_ERASED: u32 = 2;
pub(super) const BLOCK_HEADER_BYTES: usize = 24;
pub(super) const INDEX_ENTRY_BYTES: usize = 16;
pub(super) const TRAILER_BYTES: usize = 160;

/// Blocks are compressed once they hold this many bytes: small enough to read one record out of, large
/// enough to compress well.
pub(super) const BLOCK_RAW_BYTES_TARGET: usize = 128 << 10;

/// The most that a block can hold: one batch may be added when it is just below the target.
pub(super) const BLOCK_RAW_BYTES_LIMIT: usize =
    BLOCK_RAW_BYTES_TARGET + crate::batch::ERASED_BATCH_BYTES_LIMIT;

const HEADER_MAGIC: [u8; 8] = *b"CofrArch";
const TRAILER_MAGIC: [u8; 8] = *b"CofrArEn";
const HEADER_CHAIN_AT: usize = 56;
const HEADER_CRC_AT: usize = BLOCK_BYTES - 4;
const TRAILER_CHAIN_AT: usize = 72;
const TRAILER_CRC_AT: usize = TRAILER_BYTES - 4;

/// Whose segment it is and where the chain stood before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveHeader {
    /// The store it belongs to.
    pub store: StoreId,
    /// The shard's number.
    pub shard: u16,
    /// The number of the segment that was archived.
    pub number: u64,
    /// The owner's run that wrote the segment.
    pub epoch: u64,
    /// When the segment went live, in nanoseconds since 1970 UTC.
    pub created_ns: u64,
    /// The chain before its first batch.
    pub chain: ChainEnd,
    /// Whether records of it may be erased.
    pub erased: bool,
}

impl ArchiveHeader {
    pub(super) fn encode(&self) -> [u8; BLOCK_BYTES] {
        let mut block = [0; BLOCK_BYTES];
        put(&mut block, 0, &HEADER_MAGIC);
        let format = if self.erased { FORMAT_ERASED } else { FORMAT };
        put(&mut block, 8, &format.to_le_bytes());
        put(&mut block, 12, &self.shard.to_le_bytes());
        put(&mut block, 16, &self.store);
        put(&mut block, 32, &self.number.to_le_bytes());
        put(&mut block, 40, &self.epoch.to_le_bytes());
        put(&mut block, 48, &self.created_ns.to_le_bytes());
        put_chain(&mut block, HEADER_CHAIN_AT, &self.chain);
        let crc = crc32fast::hash(&block[..HEADER_CRC_AT]);
        put(&mut block, HEADER_CRC_AT, &crc.to_le_bytes());
        block
    }

    pub(super) fn decode(block: &[u8]) -> Result<ArchiveHeader, ArchiveDamage> {
        let sound = u32_at(block, HEADER_CRC_AT) == crc32fast::hash(&block[..HEADER_CRC_AT]);
        if !sound || block[..8] != HEADER_MAGIC {
            return Err(ArchiveDamage::Header);
        }
        let found = u32_at(block, 8);
        if found != FORMAT && found != FORMAT_ERASED {
            return Err(ArchiveDamage::Format { found, supported: FORMAT_ERASED });
        }
        let header = ArchiveHeader {
            store: array_at(block, 16),
            shard: u16_at(block, 12),
            number: u64_at(block, 32),
            epoch: u64_at(block, 40),
            created_ns: u64_at(block, 48),
            chain: chain_at(block, HEADER_CHAIN_AT),
            erased: found == FORMAT_ERASED,
        };
        if header.fits_the_format() { Ok(header) } else { Err(ArchiveDamage::Header) }
    }

    fn fits_the_format(&self) -> bool {
        (1..COUNT_LIMIT).contains(&self.number) && self.epoch < COUNT_LIMIT && self.chain.fits_the_format()
    }
}

/// What stands before a block's compressed bytes.
pub(super) struct BlockHeader {
    pub(super) compressed: u32,
    pub(super) raw: u32,
    pub(super) batches: u32,
    pub(super) first_lsn: Lsn,
}

impl BlockHeader {
    pub(super) fn encode(&self, compressed: &[u8]) -> [u8; BLOCK_HEADER_BYTES] {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        put(&mut bytes, 0, &self.compressed.to_le_bytes());
        put(&mut bytes, 4, &self.raw.to_le_bytes());
        put(&mut bytes, 8, &self.batches.to_le_bytes());
        put(&mut bytes, 16, &self.first_lsn.0.to_le_bytes());
        let crc = block_crc(&bytes, compressed);
        put(&mut bytes, 12, &crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> BlockHeader {
        BlockHeader {
            compressed: u32_at(bytes, 0),
            raw: u32_at(bytes, 4),
            batches: u32_at(bytes, 8),
            first_lsn: Lsn(u64_at(bytes, 16)),
        }
    }
}

/// The checksum that a block's header holds.
pub(super) fn block_crc_of(header: &[u8]) -> u32 {
    u32_at(header, 12)
}

/// Over the block's header but the checksum itself, and its compressed bytes.
pub(super) fn block_crc(header: &[u8], compressed: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..12]);
    hasher.update(&header[16..BLOCK_HEADER_BYTES]);
    hasher.update(compressed);
    hasher.finalize()
}

/// Where a block begins and which record is its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexEntry {
    pub(super) first_lsn: Lsn,
    pub(super) offset: u64,
}

impl IndexEntry {
    pub(super) fn encode(&self) -> [u8; INDEX_ENTRY_BYTES] {
        let mut bytes = [0; INDEX_ENTRY_BYTES];
        put(&mut bytes, 0, &self.first_lsn.0.to_le_bytes());
        put(&mut bytes, 8, &self.offset.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> IndexEntry {
        IndexEntry { first_lsn: Lsn(u64_at(bytes, 0)), offset: u64_at(bytes, 8) }
    }
}

/// What ends the file: where the parts are, and where the chain stands after the last batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) blocks: u64,
    pub(super) batches: u64,
    pub(super) raw_bytes: u64,
    /// Where the blocks end and the index begins.
    pub(super) index_at: u64,
    pub(super) index_bytes: u64,
    pub(super) index_crc: u32,
    /// The place of the audit tree, right behind the index; all three are 0 where there is none.
    pub(super) tree_at: u64,
    pub(super) tree_bytes: u64,
    pub(super) tree_crc: u32,
    pub(super) file_bytes: u64,
    pub(super) chain: ChainEnd,
}

impl Trailer {
    pub(super) fn encode(&self) -> [u8; TRAILER_BYTES] {
        let mut bytes = [0; TRAILER_BYTES];
        put(&mut bytes, 0, &TRAILER_MAGIC);
        put(&mut bytes, 8, &self.blocks.to_le_bytes());
        put(&mut bytes, 16, &self.batches.to_le_bytes());
        put(&mut bytes, 24, &self.index_at.to_le_bytes());
        put(&mut bytes, 32, &self.index_bytes.to_le_bytes());
        put(&mut bytes, 40, &self.index_crc.to_le_bytes());
        put(&mut bytes, 44, &self.tree_crc.to_le_bytes());
        put(&mut bytes, 48, &self.tree_at.to_le_bytes());
        put(&mut bytes, 56, &self.tree_bytes.to_le_bytes());
        put(&mut bytes, 64, &self.file_bytes.to_le_bytes());
        put_chain(&mut bytes, TRAILER_CHAIN_AT, &self.chain);
        put(&mut bytes, 128, &self.raw_bytes.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..TRAILER_CRC_AT]);
        put(&mut bytes, TRAILER_CRC_AT, &crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8], file_bytes: u64) -> Result<Trailer, ArchiveDamage> {
        let trailer = Trailer {
            blocks: u64_at(bytes, 8),
            batches: u64_at(bytes, 16),
            raw_bytes: u64_at(bytes, 128),
            index_at: u64_at(bytes, 24),
            index_bytes: u64_at(bytes, 32),
            index_crc: u32_at(bytes, 40),
            tree_at: u64_at(bytes, 48),
            tree_bytes: u64_at(bytes, 56),
            tree_crc: u32_at(bytes, 44),
            file_bytes: u64_at(bytes, 64),
            chain: chain_at(bytes, TRAILER_CHAIN_AT),
        };
        let sound = u32_at(bytes, TRAILER_CRC_AT) == crc32fast::hash(&bytes[..TRAILER_CRC_AT])
            && bytes[..8] == TRAILER_MAGIC
            && trailer.file_bytes == file_bytes
            && trailer.parts_fit()
            && trailer.chain.fits_the_format();
        if sound { Ok(trailer) } else { Err(ArchiveDamage::Trailer) }
    }

    /// Where the trailer begins.
    pub(super) fn offset(&self) -> u64 {
        self.file_bytes - TRAILER_BYTES as u64
    }

    /// Where index and tree end and the zero fill begins.
    pub(super) fn fill_at(&self) -> u64 {
        if self.tree_bytes > 0 { self.tree_at + self.tree_bytes } else { self.index_at + self.index_bytes }
    }

    fn parts_fit(&self) -> bool {
        let index_end = self.index_at.checked_add(self.index_bytes);
        let expected_index = self.blocks.checked_mul(INDEX_ENTRY_BYTES as u64);
        let tree_end = self.tree_at.checked_add(self.tree_bytes);
        let no_tree = (self.tree_at, self.tree_bytes, self.tree_crc) == (0, 0, 0);
        let tree_fits =
            no_tree || (Some(self.tree_at) == index_end && tree_end.is_some_and(|end| end <= self.offset()));
        self.index_at >= BLOCK_BYTES as u64
            && index_end.is_some_and(|end| end <= self.offset())
            && expected_index == Some(self.index_bytes)
            && tree_fits
    }
}

pub(super) fn put_chain(bytes: &mut [u8], at: usize, chain: &ChainEnd) {
    put(bytes, at, &chain.sequence.to_le_bytes());
    put(bytes, at + 8, &chain.lsn.0.to_le_bytes());
    put(bytes, at + 16, &chain.time_ns.to_le_bytes());
    put(bytes, at + 24, &chain.hash);
}

pub(super) fn chain_at(bytes: &[u8], at: usize) -> ChainEnd {
    ChainEnd {
        sequence: u64_at(bytes, at),
        lsn: Lsn(u64_at(bytes, at + 8)),
        time_ns: u64_at(bytes, at + 16),
        hash: array_at(bytes, at + 24),
    }
}

pub(super) fn file_name(number: u64) -> String {
    format!("{number:016x}.arc")
}

pub(super) fn temporary_name(number: u64) -> String {
    format!("{number:016x}.arc.tmp")
}

pub(super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".arc")?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (file_name(number) == name).then_some(number)
}
