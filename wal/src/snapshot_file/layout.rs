//! The bytes of a snapshot: header, blocks, zero fill, trailer.
//!
//! The trailer ends the file on a 4 KiB boundary, so that both ends can be read without the middle.

use std::path::Path;

use crate::batch::Hash;
use crate::bytes::{array_at, put, u16_at, u32_at, u64_at};
use crate::frame::Lsn;

use super::error::{Damage, SnapshotError};

/// What is written. Format 1 lacks the trailer's mark; it is read as ever.
pub(super) const FORMAT: u16 = 2;
const FORMAT_WITHOUT_MARK: u16 = 1;
/// Bytes of a batch's hash that stand in the trailer.
const MARK_BYTES: usize = 8;
pub(super) const HEADER_BYTES: usize = 64;
pub(super) const BLOCK_HEADER_BYTES: usize = 16;
pub(super) const TRAILER_BYTES: usize = 96;

/// The largest content of a block, in bytes.
pub const BLOCK_BYTES_LIMIT: usize = 16 << 20;

const ASIDE: &str = ".aside";
const HEADER_MAGIC: &[u8; 8] = b"COFFSNAP";
const TRAILER_MAGIC: &[u8; 8] = b"COFFSEND";
/// Where the hash stands in the trailer; it covers everything before itself.
pub(super) const HASH_AT: usize = 48;
const HEADER_CRC_AT: usize = 60;
const MARK_AT: usize = 80;
const TRAILER_CRC_AT: usize = 92;

/// Stands for the log up to a snapshot's highest record: the first bytes of the hash of the batch that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryMark([u8; MARK_BYTES]);

impl HistoryMark {
    /// The mark of a log that has this batch.
    #[must_use]
    pub fn of(batch: &Hash) -> HistoryMark {
        HistoryMark(array_at(batch, 0))
    }
}

pub(super) struct Header {
    pub(super) format: u16,
    pub(super) store: [u8; 16],
    pub(super) shard: u16,
    pub(super) id: u64,
    pub(super) start_lsn: Lsn,
    pub(super) created_ns: u64,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        put(&mut bytes, 0, HEADER_MAGIC);
        put(&mut bytes, 8, &self.format.to_le_bytes());
        put(&mut bytes, 10, &self.shard.to_le_bytes());
        put(&mut bytes, 16, &self.store);
        put(&mut bytes, 32, &self.id.to_le_bytes());
        put(&mut bytes, 40, &self.start_lsn.0.to_le_bytes());
        put(&mut bytes, 48, &self.created_ns.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..HEADER_CRC_AT]);
        put(&mut bytes, HEADER_CRC_AT, &crc.to_le_bytes());
        bytes
    }

    /// The checksum stands at the same place in every format, so that a damaged version number is not
    /// mistaken for a newer format.
    pub(super) fn decode(bytes: &[u8], path: &Path) -> Result<Header, SnapshotError> {
        let bytes = &bytes[..HEADER_BYTES];
        let sound = u32_at(bytes, HEADER_CRC_AT) == crc32fast::hash(&bytes[..HEADER_CRC_AT]);
        if !sound || bytes[..8] != *HEADER_MAGIC {
            return Err(SnapshotError::damaged(path, 0, Damage::Header));
        }
        let found = u16_at(bytes, 8);
        if !(FORMAT_WITHOUT_MARK..=FORMAT).contains(&found) {
            let path = path.to_path_buf();
            return Err(SnapshotError::FormatVersion { path, found, supported: FORMAT });
        }
        Ok(Header {
            format: found,
            store: array_at(bytes, 16),
            shard: u16_at(bytes, 10),
            id: u64_at(bytes, 32),
            start_lsn: Lsn(u64_at(bytes, 40)),
            created_ns: u64_at(bytes, 48),
        })
    }
}

/// What stands before a block's content. The number keeps blocks from changing places.
pub(super) struct BlockHeader {
    pub(super) kind: u8,
    pub(super) number: u32,
    pub(super) length: u32,
}

impl BlockHeader {
    pub(super) fn encode(&self, content: &[u8]) -> [u8; BLOCK_HEADER_BYTES] {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        put(&mut bytes, 0, &self.length.to_le_bytes());
        bytes[8] = self.kind;
        put(&mut bytes, 12, &self.number.to_le_bytes());
        let crc = block_crc(&bytes, content);
        put(&mut bytes, 4, &crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> BlockHeader {
        BlockHeader { kind: bytes[8], number: u32_at(bytes, 12), length: u32_at(bytes, 0) }
    }
}

/// Over the block's header but the checksum itself, and its content.
pub(super) fn block_crc(header: &[u8], content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..4]);
    hasher.update(&header[8..]);
    hasher.update(content);
    hasher.finalize()
}

pub(super) struct Trailer {
    pub(super) blocks: u64,
    /// Where the last block ends and the zero fill begins.
    pub(super) blocks_end: u64,
    pub(super) file_bytes: u64,
    pub(super) start_lsn: Lsn,
    pub(super) highest_lsn: Lsn,
    pub(super) hash: [u8; 32],
    /// `None` in format 1.
    pub(super) mark: Option<HistoryMark>,
}

impl Trailer {
    /// The part that the hash covers.
    pub(super) fn encode_before_hash(&self) -> [u8; HASH_AT] {
        let mut bytes = [0; HASH_AT];
        put(&mut bytes, 0, TRAILER_MAGIC);
        put(&mut bytes, 8, &self.blocks.to_le_bytes());
        put(&mut bytes, 16, &self.blocks_end.to_le_bytes());
        put(&mut bytes, 24, &self.file_bytes.to_le_bytes());
        put(&mut bytes, 32, &self.start_lsn.0.to_le_bytes());
        put(&mut bytes, 40, &self.highest_lsn.0.to_le_bytes());
        bytes
    }

    pub(super) fn encode(&self) -> [u8; TRAILER_BYTES] {
        let mut bytes = [0; TRAILER_BYTES];
        put(&mut bytes, 0, &self.encode_before_hash());
        put(&mut bytes, HASH_AT, &self.hash);
        if let Some(HistoryMark(mark)) = &self.mark {
            put(&mut bytes, MARK_AT, mark);
        }
        let crc = crc32fast::hash(&bytes[..TRAILER_CRC_AT]);
        put(&mut bytes, TRAILER_CRC_AT, &crc.to_le_bytes());
        bytes
    }

    /// `format` is the header's.
    pub(super) fn decode(
        bytes: &[u8],
        format: u16,
        file_bytes: u64,
        path: &Path,
    ) -> Result<Trailer, SnapshotError> {
        let trailer = Trailer {
            blocks: u64_at(bytes, 8),
            blocks_end: u64_at(bytes, 16),
            file_bytes: u64_at(bytes, 24),
            start_lsn: Lsn(u64_at(bytes, 32)),
            highest_lsn: Lsn(u64_at(bytes, 40)),
            hash: array_at(bytes, HASH_AT),
            mark: (format > FORMAT_WITHOUT_MARK).then(|| HistoryMark(array_at(bytes, MARK_AT))),
        };
        let start = file_bytes - TRAILER_BYTES as u64;
        let sound = u32_at(bytes, TRAILER_CRC_AT) == crc32fast::hash(&bytes[..TRAILER_CRC_AT])
            && bytes[..8] == *TRAILER_MAGIC
            && trailer.file_bytes == file_bytes
            && (HEADER_BYTES as u64..=start).contains(&trailer.blocks_end);
        if sound { Ok(trailer) } else { Err(SnapshotError::damaged(path, start, Damage::Trailer)) }
    }

    /// Where the trailer begins.
    pub(super) fn offset(&self) -> u64 {
        self.file_bytes - TRAILER_BYTES as u64
    }
}

pub(super) fn file_name(id: u64) -> String {
    format!("{id:016x}.snap")
}

pub(super) fn temporary_name(id: u64) -> String {
    format!("{id:016x}.snap.tmp")
}

pub(super) fn is_temporary(name: &str) -> bool {
    name.strip_suffix(".tmp").is_some_and(|name| id_of(name).is_some())
}

/// The number of a finished snapshot's file name.
pub(super) fn id_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".snap")?;
    let id = u64::from_str_radix(digits, 16).ok()?;
    (file_name(id) == name).then_some(id)
}

/// The name of a finished snapshot that must never be used again, from the one it had.
pub(super) fn aside_name(name: &str) -> String {
    format!("{name}{ASIDE}")
}

/// The number of a file name, finished or not, in use or set aside.
pub(super) fn id_of_any(name: &str) -> Option<u64> {
    id_of(name.strip_suffix(".tmp").or_else(|| name.strip_suffix(ASIDE)).unwrap_or(name))
}
