//! A segment file: its name and its header.
//!
//! A segment is a file of zeros until it goes live with one write of its header, a block of 4 KiB whose
//! fields stand in its first sector; the rest is `0xA5`, verified. Batches follow. A segment is written in
//! one epoch only and never again after the log was opened anew; where it ends, its successor says.
//! Absent on purpose: I/O. Layout: `docs/WAL_FORMAT.md`, "Segment". Tested below and by the golden files.

use crate::batch::{COUNT_LIMIT, ChainEnd, Hash, PADDING_BYTE};
use crate::bytes::{array_at, put, u16_at, u32_at, u64_at};
use crate::frame::Lsn;
use crate::storage::BLOCK_BYTES;

/// Bytes of a segment's header, and so the offset of its first batch.
pub const SEGMENT_HEADER_BYTES: u64 = BLOCK_BYTES as u64;

/// The format of the log that this code writes and reads.
pub const FORMAT_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"CofrSegm";

const FORMAT_AT: usize = 8;
const SHARD_AT: usize = 12;
const STORE_AT: usize = 16;
const NUMBER_AT: usize = 32;
const EPOCH_AT: usize = 40;
const SALT_AT: usize = 48;
const BYTES_AT: usize = 56;
const CREATED_AT: usize = 64;
const PREVIOUS_END_AT: usize = 72;
const PREVIOUS_SEQUENCE_AT: usize = 80;
const PREVIOUS_LSN_AT: usize = 88;
const PREVIOUS_TIME_AT: usize = 96;
const PREVIOUS_HASH_AT: usize = 104;
const CRC_AT: usize = 136;
const FIELDS_BYTES: usize = 140;

/// Identifies a store: random bytes chosen when it was made.
pub type StoreId = [u8; 16];

/// A segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The shard's number.
    pub shard: u16,
    /// The store it belongs to.
    pub store: StoreId,
    /// The segment's number, dense, from 1.
    pub number: u64,
    /// The run of the owner that writes it.
    pub epoch: u64,
    /// Random; seeds the checksum of every batch header in here.
    pub salt: u64,
    /// The file's length in bytes.
    pub bytes: u64,
    /// When it went live, in nanoseconds since 1970 UTC.
    pub created_ns: u64,
    /// Where the batches of the segment before end, as an offset in its file; 0 in the first segment.
    pub previous_end: u64,
    /// The chain up to here: the last batch of the segments before.
    pub chain: ChainEnd,
}

/// Why bytes are not a valid segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentHeaderError {
    /// All bytes are zero: the segment never went live.
    #[error("the segment never went live")]
    Unwritten,
    /// No magic number.
    #[error("no segment header")]
    NoHeader,
    /// The checksum does not match.
    #[error("the segment header's checksum does not match")]
    Checksum,
    /// Written by another version of the format.
    #[error("the segment has format {found}, this program reads format {FORMAT_VERSION}")]
    Format {
        /// What the header says.
        found: u32,
    },
    /// The bytes after the fields are not the padding.
    #[error("the padding of the segment header is damaged")]
    Padding,
    /// The checksum holds, but the fields are outside what format 1 allows.
    #[error("the segment header's fields are outside what format 1 allows")]
    Fields,
}

impl SegmentHeader {
    /// The first record that this segment may hold.
    #[must_use]
    pub fn first_lsn(&self) -> Lsn {
        self.chain.lsn.next()
    }

    /// The whole block as it stands on disk.
    #[must_use]
    pub fn encode(&self) -> [u8; BLOCK_BYTES] {
        let mut block = [PADDING_BYTE; BLOCK_BYTES];
        block[..FIELDS_BYTES].fill(0);
        put(&mut block, 0, &MAGIC);
        put(&mut block, FORMAT_AT, &FORMAT_VERSION.to_le_bytes());
        put(&mut block, SHARD_AT, &self.shard.to_le_bytes());
        put(&mut block, STORE_AT, &self.store);
        put(&mut block, NUMBER_AT, &self.number.to_le_bytes());
        put(&mut block, EPOCH_AT, &self.epoch.to_le_bytes());
        put(&mut block, SALT_AT, &self.salt.to_le_bytes());
        put(&mut block, BYTES_AT, &self.bytes.to_le_bytes());
        put(&mut block, CREATED_AT, &self.created_ns.to_le_bytes());
        put(&mut block, PREVIOUS_END_AT, &self.previous_end.to_le_bytes());
        put(&mut block, PREVIOUS_SEQUENCE_AT, &self.chain.sequence.to_le_bytes());
        put(&mut block, PREVIOUS_LSN_AT, &self.chain.lsn.0.to_le_bytes());
        put(&mut block, PREVIOUS_TIME_AT, &self.chain.time_ns.to_le_bytes());
        put(&mut block, PREVIOUS_HASH_AT, &self.chain.hash);
        let crc = crc32fast::hash(&block[..CRC_AT]);
        put(&mut block, CRC_AT, &crc.to_le_bytes());
        block
    }

    /// Reads a header block.
    ///
    /// # Errors
    /// [`SegmentHeaderError`] when it is not one.
    ///
    /// # Panics
    /// When `block` is shorter than a block.
    pub fn decode(block: &[u8]) -> Result<SegmentHeader, SegmentHeaderError> {
        let block = &block[..BLOCK_BYTES];
        if crate::batch::is_unwritten(block) {
            return Err(SegmentHeaderError::Unwritten);
        }
        if block[..FORMAT_AT] != MAGIC {
            return Err(SegmentHeaderError::NoHeader);
        }
        if u32_at(block, CRC_AT) != crc32fast::hash(&block[..CRC_AT]) {
            return Err(SegmentHeaderError::Checksum);
        }
        let found = u32_at(block, FORMAT_AT);
        if found != FORMAT_VERSION {
            return Err(SegmentHeaderError::Format { found });
        }
        if block[FIELDS_BYTES..].iter().any(|byte| *byte != PADDING_BYTE) {
            return Err(SegmentHeaderError::Padding);
        }
        let header = decode_fields(block);
        if header.fits_the_format() { Ok(header) } else { Err(SegmentHeaderError::Fields) }
    }

    fn fits_the_format(&self) -> bool {
        (1..COUNT_LIMIT).contains(&self.number) && self.epoch < COUNT_LIMIT && self.chain.fits_the_format()
    }
}

fn decode_fields(block: &[u8]) -> SegmentHeader {
    let hash: Hash = array_at(block, PREVIOUS_HASH_AT);
    SegmentHeader {
        shard: u16_at(block, SHARD_AT),
        store: array_at(block, STORE_AT),
        number: u64_at(block, NUMBER_AT),
        epoch: u64_at(block, EPOCH_AT),
        salt: u64_at(block, SALT_AT),
        bytes: u64_at(block, BYTES_AT),
        created_ns: u64_at(block, CREATED_AT),
        previous_end: u64_at(block, PREVIOUS_END_AT),
        chain: ChainEnd {
            sequence: u64_at(block, PREVIOUS_SEQUENCE_AT),
            lsn: Lsn(u64_at(block, PREVIOUS_LSN_AT)),
            hash,
            time_ns: u64_at(block, PREVIOUS_TIME_AT),
        },
    }
}

/// The file name of a segment.
#[must_use]
pub fn segment_name(number: u64) -> String {
    format!("{number:016x}.seg")
}

/// The number in a segment's file name, if it is one.
#[must_use]
pub fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (segment_name(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            shard: 7,
            store: [9; 16],
            number: 0x1F,
            epoch: 12,
            salt: 0xABCD_EF01_2345_6789,
            bytes: 64 << 20,
            created_ns: 1_763_750_000_000_000_000,
            previous_end: 40_960,
            chain: ChainEnd { sequence: 77, lsn: Lsn(900), hash: [4; 32], time_ns: 5 },
        }
    }

    #[test]
    fn a_sound_header_with_numbers_that_no_log_reaches_is_refused() {
        let chain = header().chain;
        for impossible in [
            SegmentHeader { number: 0, ..header() },
            SegmentHeader { number: u64::MAX, ..header() },
            SegmentHeader { epoch: COUNT_LIMIT, ..header() },
            SegmentHeader { chain: ChainEnd { sequence: u64::MAX, ..chain }, ..header() },
            SegmentHeader { chain: ChainEnd { lsn: Lsn(u64::MAX), ..chain }, ..header() },
        ] {
            assert_eq!(SegmentHeader::decode(&impossible.encode()), Err(SegmentHeaderError::Fields));
        }
    }

    #[test]
    fn a_header_gives_back_what_was_put_in() {
        assert_eq!(SegmentHeader::decode(&header().encode()), Ok(header()));
        assert_eq!(header().first_lsn(), Lsn(901));
    }

    #[test]
    fn any_flipped_bit_of_a_header_block_is_found() {
        let block = header().encode();
        for bit in 0..BLOCK_BYTES * 8 {
            let mut damaged = block;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn zeros_mean_that_the_segment_never_went_live() {
        assert_eq!(SegmentHeader::decode(&[0; BLOCK_BYTES]), Err(SegmentHeaderError::Unwritten));
    }

    #[test]
    fn another_format_is_named() {
        let mut block = header().encode();
        put(&mut block, FORMAT_AT, &2u32.to_le_bytes());
        let crc = crc32fast::hash(&block[..CRC_AT]);
        put(&mut block, CRC_AT, &crc.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&block), Err(SegmentHeaderError::Format { found: 2 }));
    }

    #[test]
    fn only_the_exact_form_of_a_name_is_a_segment() {
        assert_eq!(segment_name(0x1F), "000000000000001f.seg");
        assert_eq!(segment_number("000000000000001f.seg"), Some(0x1F));
        for other in ["000000000000001F.seg", "1f.seg", "000000000000001f.seg.tmp", "x.seg", ""] {
            assert_eq!(segment_number(other), None, "{other}");
        }
    }
}
