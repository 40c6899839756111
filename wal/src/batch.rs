//! The batch: the unit in which the log is written, synced, checksummed, chained and replicated.
//!
//! On disk a batch starts on a 4 KiB boundary: 128 bytes of header, the records' frames, padding of `0xA5`
//! up to the next boundary (not part of the batch). Two rules make damage tell itself apart from a crash:
//! - **A written sector never looks unwritten.** When some 512 bytes would hold fewer than 8 non-zero
//!   bytes, the body is XORed with a mask that the header names.
//! - **Bytes inside a record cannot pass as a batch.** The header's checksum is seeded with the salt of its
//!   segment, which no client knows.
//!
//! The chain: a batch's hash is SHA-256(hash before it ‖ its header ‖ SHA-256 of its records). Mask, salt
//! and padding are details of a file and stand outside of it, so a replica elsewhere has the same hashes.
//! Absent on purpose: I/O. Layout: `docs/WAL_FORMAT.md`, "Batch". Tested in `tests` and by the golden files.

use sha2::{Digest, Sha256};

use crate::bytes::{array_at, index32, put, u16_at, u32_at, u64_at};
use crate::frame::{FrameError, Lsn, decode_frame, frame_length, frame_time_ns, personal_length};
use crate::mask::mask_for;
pub use crate::mask::{apply_mask, has_unwritten_sector, is_unwritten};
use crate::storage::{AlignedBuf, BLOCK_BYTES};

/// A SHA-256.
pub type Hash = [u8; 32];

/// Bytes of a batch's header.
pub const BATCH_HEADER_BYTES: usize = 128;

/// The largest batch of format 1, header included and padding not, in bytes.
pub const BATCH_BYTES_LIMIT: usize = 1 << 20;

/// The largest batch with erased records, header included: a hash is longer than what stood in a small record.
pub(crate) const ERASED_BATCH_BYTES_LIMIT: usize = 2 * BATCH_BYTES_LIMIT;

/// What fills a batch up to the next block.
pub const PADDING_BYTE: u8 = 0xA5;

/// What is counted (records, batches, epochs, segments, turns) stays below this, and so never runs over. No log gets
/// there; a header that claims it is damaged, whatever its checksum says.
pub(crate) const COUNT_LIMIT: u64 = 1 << 63;

const MAGIC: u32 = u32::from_le_bytes(*b"CBAT");

const LENGTH_AT: usize = 4;
const COUNT_AT: usize = 8;
const SHARD_AT: usize = 12;
const FIRST_LSN_AT: usize = 16;
const SEQUENCE_AT: usize = 24;
const EPOCH_AT: usize = 32;
const TIME_AT: usize = 40;
const MASK_AT: usize = 48;
const PREVIOUS_HASH_AT: usize = 56;
const BODY_HASH_AT: usize = 88;
const STORED_AT: usize = 120;
const CRC_AT: usize = 124;

/// Where a chain of batches stands: what its last batch was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainEnd {
    /// The last batch's position; 0 before the first.
    pub sequence: u64,
    /// The last record.
    pub lsn: Lsn,
    /// The last batch's hash, or the store's genesis hash.
    pub hash: Hash,
    /// The latest time of any record so far, in nanoseconds since 1970 UTC.
    pub time_ns: u64,
}

impl ChainEnd {
    /// The end of a chain without batches.
    #[must_use]
    pub fn genesis(store: &[u8; 16], shard: u16) -> ChainEnd {
        let mut hasher = Sha256::new();
        hasher.update(b"coffer log");
        hasher.update(store);
        hasher.update(shard.to_le_bytes());
        ChainEnd { sequence: 0, lsn: Lsn::NONE, hash: hasher.finalize().into(), time_ns: 0 }
    }

    /// Whether a log can have come this far.
    pub(crate) fn fits_the_format(&self) -> bool {
        self.sequence < COUNT_LIMIT && self.lsn.0 < COUNT_LIMIT
    }

    /// The end after one more batch, or `None` when `header` does not follow.
    #[must_use]
    pub fn followed_by(&self, header: &BatchHeader) -> Option<ChainEnd> {
        let follows = header.sequence == self.sequence + 1
            && header.first_lsn == self.lsn.next()
            && header.previous_hash == self.hash
            && header.time_ns >= self.time_ns;
        follows.then(|| ChainEnd {
            sequence: header.sequence,
            lsn: header.last_lsn(),
            hash: header.hash(),
            time_ns: header.time_ns,
        })
    }
}

/// A batch's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Bytes of header and records, without padding.
    pub length: u32,
    /// Records, at least one.
    pub count: u32,
    /// The shard that wrote it.
    pub shard: u16,
    /// The first record's number.
    pub first_lsn: Lsn,
    /// Position in the chain, dense, from 1.
    pub sequence: u64,
    /// The run of the owner that wrote it.
    pub epoch: u64,
    /// The latest time of any record up to here, in nanoseconds since 1970 UTC.
    pub time_ns: u64,
    /// What the body is XORed with on disk, repeated; 0 for nothing.
    pub mask: u64,
    /// The hash of the batch before.
    pub previous_hash: Hash,
    /// SHA-256 of the unmasked records, as they were written.
    pub body_hash: Hash,
    /// Only in an archive, where records of the batch were erased: bytes of header and records as they stand there now. 0 = as
    /// they were written; then `length` says it, and `body_hash` is theirs. No part of the hash.
    pub stored: u32,
}

/// Why bytes are not a valid batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// No magic number: not a batch header at all.
    #[error("no batch header")]
    NoHeader,
    /// The header's checksum does not match.
    #[error("the batch header's checksum does not match")]
    HeaderChecksum,
    /// The checksum holds, but the fields are outside what format 1 allows.
    #[error("the batch header's fields are outside what format 1 allows")]
    HeaderFields,
    /// The records do not have the hash that the header says.
    #[error("the records do not match the hash in the batch header")]
    BodyHash,
    /// The bytes after the batch are not the padding.
    #[error("the padding after the batch is damaged")]
    Padding,
    /// The header and the body fit, but the body is not `count` whole frames.
    #[error("the batch's records are not whole frames: {0}")]
    Frames(FrameError),
    /// The body holds another number of records than the header says.
    #[error("the batch holds another number of records than its header says")]
    Count,
    /// The batch is sound, but not the one that comes next here.
    #[error("the batch does not follow the one before it")]
    Chain,
    /// The batch was written by another shard or in another epoch than its segment.
    #[error("the batch belongs to another owner than its segment")]
    Owner,
    /// The batch claims more bytes than its segment has left.
    #[error("the batch runs past the end of its segment")]
    PastTheEnd,
}

impl BatchHeader {
    /// The last record's number.
    #[must_use]
    pub fn last_lsn(&self) -> Lsn {
        Lsn(self.first_lsn.0 + u64::from(self.count) - 1)
    }

    /// Bytes that the batch takes on disk, padding included.
    #[must_use]
    pub fn extent_bytes(&self) -> usize {
        index32(self.length).next_multiple_of(BLOCK_BYTES)
    }

    /// The batch's hash in the chain.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let bytes = self.encode(0);
        let mut hasher = Sha256::new();
        hasher.update(self.previous_hash);
        hasher.update(&bytes[..MASK_AT]);
        hasher.update(self.body_hash);
        hasher.finalize().into()
    }

    /// The header as it stands in a segment with this salt.
    #[must_use]
    pub fn encode(&self, salt: u64) -> [u8; BATCH_HEADER_BYTES] {
        let mut bytes = [0; BATCH_HEADER_BYTES];
        put(&mut bytes, 0, &MAGIC.to_le_bytes());
        put(&mut bytes, LENGTH_AT, &self.length.to_le_bytes());
        put(&mut bytes, COUNT_AT, &self.count.to_le_bytes());
        put(&mut bytes, SHARD_AT, &self.shard.to_le_bytes());
        put(&mut bytes, FIRST_LSN_AT, &self.first_lsn.0.to_le_bytes());
        put(&mut bytes, SEQUENCE_AT, &self.sequence.to_le_bytes());
        put(&mut bytes, EPOCH_AT, &self.epoch.to_le_bytes());
        put(&mut bytes, TIME_AT, &self.time_ns.to_le_bytes());
        put(&mut bytes, MASK_AT, &self.mask.to_le_bytes());
        put(&mut bytes, PREVIOUS_HASH_AT, &self.previous_hash);
        put(&mut bytes, BODY_HASH_AT, &self.body_hash);
        put(&mut bytes, STORED_AT, &self.stored.to_le_bytes());
        let crc = header_crc(&bytes, salt);
        put(&mut bytes, CRC_AT, &crc.to_le_bytes());
        bytes
    }

    /// Bytes of header and records where they stand, without padding.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        index32(if self.stored == 0 { self.length } else { self.stored })
    }

    /// Reads the header that `bytes` begin with, of a batch as it was written.
    ///
    /// # Errors
    /// [`BatchError`] when there is no valid header for a segment with this salt.
    pub fn decode(bytes: &[u8], salt: u64) -> Result<BatchHeader, BatchError> {
        let header = BatchHeader::decode_archived(bytes, salt)?;
        if header.stored == 0 { Ok(header) } else { Err(BatchError::HeaderFields) }
    }

    /// As [`BatchHeader::decode`], also of a batch with erased records.
    ///
    /// # Errors
    /// [`BatchError`] when there is no valid header for a segment with this salt.
    pub fn decode_archived(bytes: &[u8], salt: u64) -> Result<BatchHeader, BatchError> {
        let bytes = bytes.get(..BATCH_HEADER_BYTES).ok_or(BatchError::NoHeader)?;
        if u32_at(bytes, 0) != MAGIC {
            return Err(BatchError::NoHeader);
        }
        if u32_at(bytes, CRC_AT) != header_crc(bytes, salt) {
            return Err(BatchError::HeaderChecksum);
        }
        let header = BatchHeader {
            length: u32_at(bytes, LENGTH_AT),
            count: u32_at(bytes, COUNT_AT),
            shard: u16_at(bytes, SHARD_AT),
            first_lsn: Lsn(u64_at(bytes, FIRST_LSN_AT)),
            sequence: u64_at(bytes, SEQUENCE_AT),
            epoch: u64_at(bytes, EPOCH_AT),
            time_ns: u64_at(bytes, TIME_AT),
            mask: u64_at(bytes, MASK_AT),
            previous_hash: array_at(bytes, PREVIOUS_HASH_AT),
            body_hash: array_at(bytes, BODY_HASH_AT),
            stored: u32_at(bytes, STORED_AT),
        };
        let reserved_clear = u16_at(bytes, SHARD_AT + 2) == 0;
        if header.fits_the_format() && reserved_clear { Ok(header) } else { Err(BatchError::HeaderFields) }
    }

    fn fits_the_format(&self) -> bool {
        let length = index32(self.length);
        (BATCH_HEADER_BYTES + 1..=BATCH_BYTES_LIMIT).contains(&length)
            && (self.stored == 0
                || (BATCH_HEADER_BYTES + 1..=ERASED_BATCH_BYTES_LIMIT).contains(&index32(self.stored)))
            && self.count > 0
            && self.first_lsn > Lsn::NONE
            && self.sequence > 0
            && self.sequence < COUNT_LIMIT
            && self.first_lsn.0 < COUNT_LIMIT - u64::from(self.count)
    }
}

fn header_crc(bytes: &[u8], salt: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&bytes[..CRC_AT]);
    hasher.finalize()
}

/// Who writes a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchOwner {
    /// The shard's number.
    pub shard: u16,
    /// The owner's run.
    pub epoch: u64,
    /// The salt of the segment that the batch goes to.
    pub salt: u64,
}

/// Starts a batch in an empty buffer: the records' frames are appended after this.
pub fn begin_batch(buf: &mut AlignedBuf) {
    buf.clear();
    buf.resize(BATCH_HEADER_BYTES, 0);
}

/// Finishes a batch in place: hash, padding, mask, header. Returns the header; `buf` is then what goes to
/// disk, whole.
///
/// # Errors
/// [`BatchError`] when the body is not `count` whole frames or does not fit the format: a bug of whoever
/// appended it.
pub fn seal_batch(
    buf: &mut AlignedBuf,
    count: u32,
    chain: &ChainEnd,
    owner: BatchOwner,
) -> Result<BatchHeader, BatchError> {
    let length = buf.len();
    let latest_ns = check_frames(&buf[BATCH_HEADER_BYTES..], count)?;
    let mut header = BatchHeader {
        length: u32::try_from(length).map_err(|_| BatchError::HeaderFields)?,
        count,
        shard: owner.shard,
        first_lsn: chain.lsn.next(),
        sequence: chain.sequence + 1,
        epoch: owner.epoch,
        time_ns: latest_ns.max(chain.time_ns),
        mask: 0,
        previous_hash: chain.hash,
        body_hash: Sha256::digest(&buf[BATCH_HEADER_BYTES..]).into(),
        stored: 0,
    };
    if !header.fits_the_format() {
        return Err(BatchError::HeaderFields);
    }
    buf.pad_to_multiple(BLOCK_BYTES, PADDING_BYTE);
    header.mask = mask_for(buf, length);
    apply_mask(&mut buf[BATCH_HEADER_BYTES..length], header.mask);
    put(buf, 0, &header.encode(owner.salt));
    Ok(header)
}

/// Verifies the padding and the body of a batch whose header has been read, and takes the mask off in place.
/// `extent` is the whole of the batch's blocks. Returns the frames.
///
/// # Errors
/// [`BatchError`] for damage of any kind.
pub fn open_batch_body<'a>(header: &BatchHeader, extent: &'a mut [u8]) -> Result<&'a [u8], BatchError> {
    let length = index32(header.length);
    if extent[length..].iter().any(|byte| *byte != PADDING_BYTE) {
        return Err(BatchError::Padding);
    }
    let body = &mut extent[BATCH_HEADER_BYTES..length];
    apply_mask(body, header.mask);
    if Hash::from(Sha256::digest(&*body)) != header.body_hash {
        return Err(BatchError::BodyHash);
    }
    check_frames(body, header.count)?;
    Ok(body)
}

/// Verifies the records of a batch with erased ones: each by its own checksum, as the hash of the batch is of what was there
/// before. What stands for the hash is the audit tree, which knows every record by its two parts' hashes.
///
/// # Errors
/// [`BatchError`] for damage of any kind, also when no record in it is erased.
pub(crate) fn check_erased_body(header: &BatchHeader, mut body: &[u8]) -> Result<(), BatchError> {
    check_frames(body, header.count)?;
    let mut erased = false;
    while !body.is_empty() {
        let (record, rest) = decode_frame(body, header.first_lsn).map_err(BatchError::Frames)?;
        erased |= record.erased.is_some();
        body = rest;
    }
    if erased { Ok(()) } else { Err(BatchError::BodyHash) }
}

/// Checks that `body` is exactly `count` frames that can be read, and returns the latest of their times.
fn check_frames(mut body: &[u8], count: u32) -> Result<u64, BatchError> {
    let (mut frames, mut latest_ns) = (0u32, 0);
    while !body.is_empty() {
        let (frame, rest) = body.split_at(frame_length(body).map_err(BatchError::Frames)?);
        personal_length(frame).map_err(BatchError::Frames)?;
        latest_ns = latest_ns.max(frame_time_ns(frame));
        body = rest;
        frames += 1;
    }
    if frames == count { Ok(latest_ns) } else { Err(BatchError::Count) }
}

#[cfg(test)]
mod tests;
