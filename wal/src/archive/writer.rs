//! Writes one archived segment, reads it back, and only then lets it have its name.

use crate::audit::{SegmentRoot, TreeBuilder, leaf_of_record};
use crate::batch::{BatchError, BatchHeader, ChainEnd};
use crate::storage::stream::StreamWriter;
use crate::storage::temporary::Temporary;
use crate::storage::{Access, BLOCK_BYTES, File};
use crate::walk::WalkedBatch;

use super::Archive;
use super::block::{ContentHash, OpenBlock};
use super::error::{ArchiveDamage, ArchiveError};
use super::layout::{
    ArchiveHeader, BLOCK_RAW_BYTES_TARGET, INDEX_ENTRY_BYTES, IndexEntry, TRAILER_BYTES, Trailer,
};
use super::segment::Written;
use super::tree::AuditTree;

/// A segment being archived. Dropped before [`ArchiveWriter::finish`], it removes its unfinished file; the next attempt replaces that
/// of a process that was killed.
#[must_use = "a segment that is not finished is not archived"]
pub struct ArchiveWriter {
    archive: Archive,
    header: ArchiveHeader,
    stream: StreamWriter,
    unfinished: Temporary,
    block: OpenBlock,
    index: Vec<IndexEntry>,
    blocks: Vec<ContentHash>,
    tree: TreeBuilder,
    /// The tree that must come out, of a segment that is written again; `None` inside = it has none.
    kept: Option<Option<AuditTree>>,
    batches: u64,
    raw_bytes: u64,
    chain: ChainEnd,
}

impl ArchiveWriter {
    pub(super) fn begin(
        archive: Archive,
        header: ArchiveHeader,
        unfinished: Temporary,
        file: Box<dyn File>,
    ) -> Result<ArchiveWriter, ArchiveError> {
        let block = OpenBlock::new();
        let block =
            block.map_err(|source| ArchiveError::io(&archive.temporary_path(header.number), source))?;
        let mut writer = ArchiveWriter {
            archive,
            header,
            stream: StreamWriter::new(file),
            unfinished,
            block,
            index: Vec::new(),
            blocks: Vec::new(),
            tree: TreeBuilder::new(),
            kept: None,
            batches: 0,
            raw_bytes: 0,
            chain: header.chain,
        };
        writer.push(&header.encode())?;
        Ok(writer)
    }

    /// The segment is there already and is written again, and must have this tree again.
    pub(super) fn keeping(self, tree: Option<AuditTree>) -> ArchiveWriter {
        ArchiveWriter { kept: Some(tree), ..self }
    }

    /// Appends the next batch: its header and its frames, unmasked, whose hash the caller has verified to be the header's.
    ///
    /// # Errors
    /// When it does not follow the one before, something of it was erased and the file's header says that nothing is, or the
    /// storage failed.
    pub fn batch(&mut self, header: &BatchHeader, body: &[u8]) -> Result<(), ArchiveError> {
        if header.stored != 0 && !self.header.erased {
            return Err(self.damaged(ArchiveDamage::Batch(BatchError::HeaderFields)));
        }
        let next = self.chain.followed_by(header);
        self.chain = next.ok_or_else(|| self.damaged(ArchiveDamage::Chain))?;
        for record in (WalkedBatch { header: *header, offset: 0, frames: body }).records() {
            let record =
                record.map_err(|error| self.damaged(ArchiveDamage::Batch(BatchError::Frames(error))))?;
            self.tree.push(leaf_of_record(&record));
        }
        self.block.push(header, body);
        self.batches += 1;
        if self.block.raw_bytes() >= BLOCK_RAW_BYTES_TARGET { self.seal_block() } else { Ok(()) }
    }

    /// Ends the file: index, audit tree, trailer, sync, read back whole, rename, sync of the directory. Returns where the
    /// chain stands.
    ///
    /// # Errors
    /// When the storage failed or gave back other bytes than were written; nothing is archived then.
    pub fn finish(self) -> Result<ChainEnd, ArchiveError> {
        self.finish_resting(&mut || {})
    }

    /// The same, with a chance to rest after each block that was read back.
    pub(crate) fn finish_resting(mut self, rest: &mut dyn FnMut()) -> Result<ChainEnd, ArchiveError> {
        if self.block.raw_bytes() > 0 {
            self.seal_block()?;
        }
        let (tree, trailer) = self.push_end()?;
        let ArchiveWriter { archive, header, stream, unfinished, index, blocks, kept, chain, .. } = self;
        let temporary = archive.temporary_path(header.number);
        let error = |source| ArchiveError::io(&temporary, source);
        let file = stream.finish().map_err(error)?;
        file.sync().map_err(error)?;
        drop(file);
        let segment = archive.open_path(&temporary, header.number, Access::ReadDirect)?;
        match kept {
            None => segment.verify_written(&Written { index, blocks, tree, trailer }, rest)?,
            // Its batches are other than before: they are looked at one by one.
            Some(_) => segment.verify()?,
        }
        unfinished.publish(&archive.path(header.number)).map_err(error)?;
        archive.add(header.number);
        Ok(chain)
    }

    fn seal_block(&mut self) -> Result<(), ArchiveError> {
        let first_lsn = self.block.first_lsn();
        self.index.push(IndexEntry { first_lsn, offset: self.stream.offset() });
        self.raw_bytes += self.block.raw_bytes() as u64;
        let (sealed, hash) = self.block.seal().map_err(|source| self.io(source))?;
        self.blocks.push(hash);
        self.push(&sealed)
    }

    /// Writes index, audit tree, fill and trailer.
    fn push_end(&mut self) -> Result<(Option<AuditTree>, Trailer), ArchiveError> {
        let index_at = self.stream.offset();
        let index: Vec<u8> = self.index.iter().flat_map(IndexEntry::encode).collect();
        self.push(&index)?;
        let index_bytes = (self.index.len() * INDEX_ENTRY_BYTES) as u64;
        let audit_tree = self.audit_tree()?;
        let tree = audit_tree.as_ref().map(AuditTree::encode).unwrap_or_default();
        self.push(&tree)?;
        let tree_at = index_at + index_bytes;
        let end = tree_at + tree.len() as u64 + TRAILER_BYTES as u64;
        let trailer = Trailer {
            blocks: self.index.len() as u64,
            batches: self.batches,
            raw_bytes: self.raw_bytes,
            index_at,
            index_bytes,
            index_crc: crc32fast::hash(&index),
            tree_at: if tree.is_empty() { 0 } else { tree_at },
            tree_bytes: tree.len() as u64,
            tree_crc: crc32fast::hash(&tree),
            file_bytes: end.next_multiple_of(BLOCK_BYTES as u64),
            chain: self.chain,
        };
        let fill = usize::try_from(trailer.file_bytes - end).expect("less than a block");
        self.push(&[0; BLOCK_BYTES][..fill])?;
        self.push(&trailer.encode())?;
        Ok((audit_tree, trailer))
    }

    fn audit_tree(&mut self) -> Result<Option<AuditTree>, ArchiveError> {
        let (number, first, last) = (self.header.number, self.header.chain.lsn.next(), self.chain.lsn);
        let before = match &self.kept {
            None => self.archive.root_before(number)?,
            Some(None) => return Ok(None),
            Some(Some(kept)) => kept.before,
        };
        let tree = std::mem::take(&mut self.tree);
        let tree = AuditTree::new(tree, before, |root| SegmentRoot { number, first, last, root });
        match &self.kept {
            Some(Some(kept)) if *kept != tree => Err(self.damaged(ArchiveDamage::Tree)),
            Some(_) | None => Ok(Some(tree)),
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        let pushed = self.stream.push(bytes);
        pushed.map_err(|source| self.io(source))
    }

    fn io(&self, source: std::io::Error) -> ArchiveError {
        ArchiveError::io(&self.archive.temporary_path(self.header.number), source)
    }

    fn damaged(&self, damage: ArchiveDamage) -> ArchiveError {
        let path = self.archive.temporary_path(self.header.number);
        ArchiveError::damaged(&path, self.stream.offset(), damage)
    }
}

impl std::fmt::Debug for ArchiveWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ArchiveWriter(segment {}, {} batches)", self.header.number, self.batches)
    }
}
