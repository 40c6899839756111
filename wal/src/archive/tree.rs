//! The audit tree as it stands in an archived segment, and the proof of one record that it gives.
//!
//! Only every 256th part of the tree is stored; what lies below is hashed anew from the records, which are there anyway.

use crate::audit::{self, GROUP_LEAVES, SegmentRoot, TreeBuilder};
use crate::batch::Hash;
use crate::bytes::{array_at, index, u32_at, u64_at};
use crate::error::ReadError;
use crate::frame::{Lsn, RecordBuf};

use super::error::{ArchiveDamage, ArchiveError};
use super::{Archive, ArchivedSegment};

const MAGIC: [u8; 8] = *b"CofrTree";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 120;
const HASH_BYTES: usize = 32;

/// The tree of an archived segment, and its place in the chain of roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditTree {
    /// How many records it covers.
    pub leaves: u64,
    /// The chained root before the segment.
    pub before: Hash,
    /// The tree's root.
    pub root: Hash,
    /// The chained root after the segment.
    pub chained: Hash,
    /// The roots of each [`GROUP_LEAVES`] leaves.
    pub groups: Vec<Hash>,
}

/// What shows that a record is in an archived segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordProof {
    /// The record.
    pub record: RecordBuf,
    /// Its segment and the tree's root.
    pub segment: SegmentRoot,
    /// The neighbours on the way from its leaf to the root, lowest first.
    pub path: Vec<Hash>,
    /// The chained root before the segment.
    pub before: Hash,
}

impl AuditTree {
    pub(super) fn new(
        builder: TreeBuilder,
        before: Hash,
        segment: impl Fn(Hash) -> SegmentRoot,
    ) -> AuditTree {
        let leaves = builder.leaves();
        let (root, groups) = builder.finish();
        AuditTree { leaves, before, root, chained: segment(root).chained_to(&before), groups }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let group = u32::try_from(GROUP_LEAVES).expect("a small constant");
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.groups.len() * HASH_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&group.to_le_bytes());
        bytes.extend_from_slice(&self.leaves.to_le_bytes());
        for hash in [&self.before, &self.root, &self.chained].into_iter().chain(&self.groups) {
            bytes.extend_from_slice(hash);
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<AuditTree> {
        let sound = bytes.len() >= HEADER_BYTES
            && bytes[..8] == MAGIC
            && u32_at(bytes, 8) == FORMAT
            && u64::from(u32_at(bytes, 12)) == GROUP_LEAVES;
        if !sound {
            return None;
        }
        let leaves = u64_at(bytes, 16);
        let (groups, rest) = bytes[HEADER_BYTES..].as_chunks::<HASH_BYTES>();
        let fits = rest.is_empty() && groups.len() as u64 == leaves.div_ceil(GROUP_LEAVES);
        let hash = |at| array_at(bytes, at);
        fits.then(|| AuditTree {
            leaves,
            before: hash(24),
            root: hash(56),
            chained: hash(88),
            groups: groups.to_vec(),
        })
    }
}

impl ArchivedSegment {
    /// The segment as the chain of roots sees it, under this root.
    pub(super) fn rooted(&self, root: Hash) -> SegmentRoot {
        let (first, last) = (self.chain_before().lsn.next(), self.chain_after().lsn);
        SegmentRoot { number: self.number(), first, last, root }
    }

    /// Shows that a record which it holds is in it; `None` when it has no tree.
    fn prove(&self, lsn: Lsn) -> Result<Option<RecordProof>, ReadError> {
        let Some(tree) = self.tree().map_err(|error| error.at_record(lsn))? else { return Ok(None) };
        let segment = self.rooted(tree.root);
        let at = lsn.0 - segment.first.0;
        let from = segment.first.plus(at - at % GROUP_LEAVES);
        let to = from.plus(GROUP_LEAVES - 1).min(segment.last);
        let (mut leaves, mut found) = (Vec::new(), None);
        self.scan(from, to, &mut |record| {
            leaves.push(audit::leaf_of_record(&record));
            if record.lsn == lsn {
                found = Some(record.to_owned());
            }
            Ok(())
        })?;
        let record = found.ok_or_else(|| self.lacks(lsn))?;
        let group = index(at / GROUP_LEAVES);
        if tree.groups.get(group) != Some(&audit::tree_of(&leaves))
            || audit::tree_of(&tree.groups) != tree.root
        {
            return Err(self.tree_damaged().at_record(lsn));
        }
        let mut path = audit::path_to(&leaves, index(at % GROUP_LEAVES));
        path.extend(audit::path_to(&tree.groups, group));
        Ok(Some(RecordProof { record, segment, path, before: tree.before }))
    }

    /// Whether the tree is the one that was computed from the records.
    pub(super) fn verify_tree(&self, computed: TreeBuilder) -> Result<(), ArchiveError> {
        let Some(tree) = self.tree()? else { return Ok(()) };
        if AuditTree::new(computed, tree.before, |root| self.rooted(root)) == tree {
            return Ok(());
        }
        Err(self.tree_damaged())
    }
}

/// Whether a record can be proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provable {
    /// It can.
    Proven(Box<RecordProof>),
    /// Its segment is not archived yet.
    NotArchived,
    /// Its segment was archived by a version that made no trees.
    NoTree,
}

impl Archive {
    /// Shows that a record is in the archive.
    ///
    /// # Errors
    /// [`ReadError`] when the segment that has it, or its tree, is damaged or cannot be read, or was removed for good.
    pub fn prove(&self, lsn: Lsn) -> Result<Provable, ReadError> {
        let holding = self.holding(lsn).map_err(|error| error.at_record(lsn))?;
        let Some(segment) = holding else {
            return match self.removed() {
                Some(removed) if lsn <= removed.chain.lsn => {
                    Err(ReadError::Gone { lsn, first: removed.chain.lsn.next() })
                }
                Some(_) | None => Ok(Provable::NotArchived),
            };
        };
        Ok(segment.prove(lsn)?.map_or(Provable::NoTree, |proof| Provable::Proven(Box::new(proof))))
    }

    /// The segment's root and the chained one after it; `None` when it has no tree.
    ///
    /// # Errors
    /// When the segment cannot be read or its tree is damaged.
    pub fn chained_root(&self, number: u64) -> Result<Option<(SegmentRoot, Hash)>, ArchiveError> {
        let segment = self.segment(number)?;
        Ok(segment.tree()?.map(|tree| (segment.rooted(tree.root), tree.chained)))
    }

    /// The chained root that a segment's must follow: of the one before, and the genesis of the store where that has no tree.
    pub(super) fn root_before(&self, number: u64) -> Result<Hash, ArchiveError> {
        let before = number.saturating_sub(1);
        let chained = match self.removed() {
            Some(removed) if removed.segment == before => removed.root,
            Some(_) | None if self.holds(before) => self.chained_root(before)?.map(|(_, chained)| chained),
            Some(_) | None => None,
        };
        Ok(chained.unwrap_or_else(|| audit::genesis_root(&self.store, self.shard)))
    }

    /// Whether the segment's tree follows that of the one before it; `None` when it has no tree.
    ///
    /// # Errors
    /// When one of the two cannot be read, or the tree follows another root.
    pub fn verify_chained_root(&self, number: u64) -> Result<Option<(SegmentRoot, Hash)>, ArchiveError> {
        let segment = self.segment(number)?;
        let Some(tree) = segment.tree()? else { return Ok(None) };
        if self.root_before(number)? == tree.before {
            return Ok(Some((segment.rooted(tree.root), tree.chained)));
        }
        Err(segment.tree_error(ArchiveDamage::RootChain))
    }
}
