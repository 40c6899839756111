//! What proves the log to outsiders: a Merkle tree over each archived segment's records, and the chain of the trees' roots.
//!
//! A leaf is made of two hashes, of a record's public and of its personal part, so that the personal part can be replaced by its
//! hash and every proof stays whole. The tree has the shape of RFC 6962: what has no neighbour moves up as it is, nothing
//! is doubled. Whoever knows a chained root knows every record up to it; who signs the roots is not the log's business.
//! Layout: `docs/WAL_FORMAT.md`, "Audit tree". Absent on purpose: signatures, files, erasing. Tested in `tests` beside this.

#[cfg(test)]
mod tests;
mod tree;

use sha2::{Digest, Sha256};

pub use tree::{GROUP_LEAVES, TreeBuilder, path_to, root_by_path, tree_of};

use crate::batch::Hash;
use crate::bytes::put;
use crate::frame::{Lsn, Record};
use crate::segment::StoreId;

/// What is hashed before a leaf's parts, so that no leaf is ever a node.
const LEAF: [u8; 1] = [0];
/// What is hashed before a node's children.
const NODE: [u8; 1] = [1];

/// Bytes of the identity that stands before a record's public part in its hash.
const IDENTITY_BYTES: usize = 44;

/// SHA-256 of nothing: the personal part of most records.
const OF_NOTHING: Hash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// The hash of a record's public part, with its number and what its frame says of it.
#[must_use]
pub fn public_hash(record: &Record<'_>) -> Hash {
    let header = &record.header;
    let mut identity = [0; IDENTITY_BYTES];
    put(&mut identity, 0, &record.lsn.0.to_le_bytes());
    put(&mut identity, 8, &header.record_type.to_le_bytes());
    put(&mut identity, 10, &[header.version, header.flags, header.subject.kind]);
    put(&mut identity, 16, &header.subject.tenant.to_le_bytes());
    put(&mut identity, 20, &header.subject.number.to_le_bytes());
    put(&mut identity, 28, &header.time_ns.to_le_bytes());
    put(&mut identity, 36, &header.previous.0.to_le_bytes());
    Sha256::new().chain_update(identity).chain_update(record.public).finalize().into()
}

/// The hash of a record's personal part; of nothing where it has none.
#[must_use]
pub fn personal_hash(personal: &[u8]) -> Hash {
    if personal.is_empty() { OF_NOTHING } else { Sha256::digest(personal).into() }
}

/// A leaf, from the hashes of its record's two parts.
#[must_use]
pub fn leaf_of(public: &Hash, personal: &Hash) -> Hash {
    Sha256::new().chain_update(LEAF).chain_update(public).chain_update(personal).finalize().into()
}

/// The leaf of a record; of an erased one by the hash that stands for its personal part.
#[must_use]
pub fn leaf_of_record(record: &Record<'_>) -> Hash {
    let personal = record.erased.copied().unwrap_or_else(|| personal_hash(record.personal));
    leaf_of(&public_hash(record), &personal)
}

fn node_of(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update(NODE).chain_update(left).chain_update(right).finalize().into()
}

/// What the first chained root follows.
#[must_use]
pub fn genesis_root(store: &StoreId, shard: u16) -> Hash {
    Sha256::new()
        .chain_update(b"coffer audit")
        .chain_update(store)
        .chain_update(shard.to_le_bytes())
        .finalize()
        .into()
}

/// A segment as the chain of roots sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRoot {
    /// The segment's number.
    pub number: u64,
    /// Its first record; in a segment without records the one that would be.
    pub first: Lsn,
    /// Its last record.
    pub last: Lsn,
    /// The root of its tree.
    pub root: Hash,
}

impl SegmentRoot {
    /// The chained root after this segment.
    #[must_use]
    pub fn chained_to(&self, before: &Hash) -> Hash {
        Sha256::new()
            .chain_update(before)
            .chain_update(self.number.to_le_bytes())
            .chain_update(self.first.0.to_le_bytes())
            .chain_update(self.last.0.to_le_bytes())
            .chain_update(self.root)
            .finalize()
            .into()
    }

    /// How many records it has; `None` when first and last do not fit each other.
    #[must_use]
    pub fn records(&self) -> Option<u64> {
        self.last.0.checked_add(1)?.checked_sub(self.first.0)
    }
}
