//! Makes checksums right in bytes that a fuzzer changed, so that it gets to what stands behind them.
//!
//! Offsets are those of `docs/WAL_FORMAT.md`, written down here a second time on purpose: the readers under test cannot vouch for
//! them. Only checksums and hashes change; every other field stays whatever the input says.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::batch::{Hash, apply_mask};
use crate::bytes::{array_at, index, index32, put, u32_at, u64_at};
use crate::storage::BLOCK_BYTES;

use super::pack::{PackedFile, Place};

/// Mends all files of a store: segments in the order of their numbers, for their hashes are a chain.
pub(super) fn mend_store(files: &mut [PackedFile]) {
    files.sort_by_key(|file| (file.place != Place::Segment, file.number));
    let mut chain = Chain::default();
    for PackedFile { place, bytes, .. } in files {
        match place {
            Place::Control => mend_control(bytes, &chain),
            Place::Segment => mend_segment(bytes, &mut chain),
            Place::Archive => mend_archive(bytes),
            Place::Snapshot => mend_snapshot(bytes),
        }
    }
}

/// Hashes of batches by their sequence, and the last one.
#[derive(Default)]
struct Chain {
    known: BTreeMap<u64, Hash>,
    last: Option<Hash>,
}

/// Puts the CRC of everything from `from` to `at` at `at`.
fn put_crc_behind(bytes: &mut [u8], from: usize, at: usize) {
    let crc = crc32fast::hash(&bytes[from..at]);
    put(bytes, at, &crc.to_le_bytes());
}

/// Puts the CRC of what `covered` names at `at`.
fn put_crc(bytes: &mut [u8], at: usize, covered: &[std::ops::Range<usize>]) {
    let mut hasher = crc32fast::Hasher::new();
    covered.iter().for_each(|range| hasher.update(&bytes[range.clone()]));
    put(bytes, at, &hasher.finalize().to_le_bytes());
}

/// A frame that fills the bytes.
pub(super) fn mend_frame(bytes: &mut [u8]) {
    let length = bytes.len();
    if let (48.., Ok(claimed)) = (length, u32::try_from(length)) {
        put(bytes, 0, &claimed.to_le_bytes());
        put_crc(bytes, 4, &[0..4, 8..length]);
    }
}

/// A batch of the length that its header says, if it is there. Gives its hash.
pub(super) fn mend_batch(bytes: &mut [u8], salt: u64) -> Option<Hash> {
    let length = bytes.first_chunk::<128>().map(|header| index32(u32_at(header, 4)))?;
    let mut body = bytes.get(128..length)?.to_vec();
    apply_mask(&mut body, u64_at(bytes, 48));
    let body_hash = Sha256::digest(&body);
    put(bytes, 88, &body_hash);
    let mut crc = crc32fast::Hasher::new();
    crc.update(&salt.to_le_bytes());
    crc.update(&bytes[..124]);
    put(bytes, 124, &crc.finalize().to_le_bytes());
    let hash = Sha256::new().chain_update(&bytes[56..88]).chain_update(&bytes[..48]).chain_update(body_hash);
    Some(hash.finalize().into())
}

fn mend_segment(bytes: &mut [u8], chain: &mut Chain) {
    if bytes.len() < BLOCK_BYTES || !bytes.starts_with(b"CofrSegm") {
        return;
    }
    if let Some(hash) = chain.last {
        put(bytes, 104, &hash);
    }
    mend_segment_header(bytes);
    let (salt, mut hash): (u64, Hash) = (u64_at(bytes, 48), array_at(bytes, 104));
    let mut at = BLOCK_BYTES;
    while let Some(batch) =
        bytes.get_mut(at..).filter(|batch| batch.starts_with(b"CBAT") && batch.len() >= 128)
    {
        put(batch, 56, &hash);
        let Some(mended) = mend_batch(batch, salt) else { break };
        hash = mended;
        chain.known.insert(u64_at(batch, 24), hash);
        at += index32(u32_at(batch, 4)).next_multiple_of(BLOCK_BYTES).max(BLOCK_BYTES);
    }
    chain.last = Some(hash);
}

/// The header block of a segment.
pub(super) fn mend_segment_header(bytes: &mut [u8]) {
    if bytes.len() >= BLOCK_BYTES {
        put_crc_behind(bytes, 0, 136);
    }
}

fn mend_control(bytes: &mut [u8], chain: &Chain) {
    for slot in bytes.chunks_exact_mut(BLOCK_BYTES) {
        if let Some(hash) = chain.known.get(&u64_at(slot, 56)) {
            put(slot, 80, hash);
        }
    }
    mend_control_slots(bytes);
}

/// The slots of a control file.
pub(super) fn mend_control_slots(bytes: &mut [u8]) {
    for slot in bytes.chunks_exact_mut(BLOCK_BYTES) {
        put_crc_behind(slot, 0, 176);
    }
}

/// An archived segment: header, trailer, index, and the blocks that the index names.
pub(super) fn mend_archive(bytes: &mut [u8]) {
    let length = bytes.len();
    if length < 2 * BLOCK_BYTES {
        return;
    }
    put_crc_behind(bytes, 0, BLOCK_BYTES - 4);
    let trailer = length - 160;
    put(bytes, trailer + 64, &(length as u64).to_le_bytes());
    let (index_at, index_bytes) = (u64_at(bytes, trailer + 24), u64_at(bytes, trailer + 32));
    let index_end = index_at.checked_add(index_bytes).filter(|end| *end <= trailer as u64);
    if let Some(end) = index_end {
        let range = index(index_at)..index(end);
        let offsets = bytes[range.clone()].chunks_exact(16).map(|entry| u64_at(entry, 8)).collect::<Vec<_>>();
        offsets.into_iter().for_each(|offset| mend_archive_block(bytes, offset));
        put_crc(bytes, trailer + 40, &[range]);
    }
    put_crc_behind(bytes, trailer, trailer + 156);
}

fn mend_archive_block(bytes: &mut [u8], offset: u64) {
    let Some(block) = usize::try_from(offset).ok().and_then(|at| bytes.get_mut(at..)) else { return };
    if block.len() < 24 {
        return;
    }
    let end = 24 + index32(u32_at(block, 0));
    if end <= block.len() {
        put_crc(block, 12, &[0..12, 16..end]);
    }
}

/// A snapshot: header, blocks one behind the other, hash, trailer.
pub(super) fn mend_snapshot(bytes: &mut [u8]) {
    let length = bytes.len();
    if length < BLOCK_BYTES {
        return;
    }
    put_crc_behind(bytes, 0, 60);
    let trailer = length - 96;
    put(bytes, trailer + 24, &(length as u64).to_le_bytes());
    let end = usize::try_from(u64_at(bytes, trailer + 16)).unwrap_or(trailer).min(trailer);
    let mut at = 64;
    while let Some(content) =
        bytes.get(at..end).filter(|block| block.len() >= 16).map(|block| u32_at(block, 0))
    {
        let block_end = at + 16 + index32(content);
        if block_end > end {
            break;
        }
        put_crc(bytes, at + 4, &[at..at + 4, at + 8..block_end]);
        at = block_end;
    }
    let hash = Sha256::digest(&bytes[..trailer + 48]);
    put(bytes, trailer + 48, &hash);
    put_crc_behind(bytes, trailer, trailer + 92);
}
