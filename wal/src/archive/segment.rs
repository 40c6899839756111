//! One archived segment, open for looking up records and for reading through.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::audit::{TreeBuilder, leaf_of_record};
use crate::batch::{BatchError, ChainEnd};
use crate::bytes::{index, index32};
use crate::error::{ReadError, VisitError};
use crate::frame::{Lsn, Record};
use crate::storage::{AlignedBuf, BLOCK_BYTES, File, read_exact_at};
use crate::walk::WalkedBatch;

use super::block::{Block, ContentHash, unpacked_hash};
use super::error::{ArchiveDamage, ArchiveError};
use super::layout::{
    ArchiveHeader, BLOCK_HEADER_BYTES, BLOCK_RAW_BYTES_LIMIT, BlockHeader, INDEX_ENTRY_BYTES, IndexEntry,
    TRAILER_BYTES, Trailer,
};
use super::tree::AuditTree;

/// An archived segment. Lookups from several threads share it; the block that was unpacked last is kept.
pub struct ArchivedSegment {
    file: Box<dyn File>,
    path: PathBuf,
    header: ArchiveHeader,
    trailer: Trailer,
    index: Vec<IndexEntry>,
    latest: Mutex<Option<(usize, Arc<Block>)>>,
}

/// What was written to a file that is about to be an archived segment.
pub(super) struct Written {
    pub(super) index: Vec<IndexEntry>,
    /// What each block holds.
    pub(super) blocks: Vec<ContentHash>,
    pub(super) tree: Option<AuditTree>,
    pub(super) trailer: Trailer,
}

impl ArchivedSegment {
    pub(super) fn open(file: Box<dyn File>, path: PathBuf) -> Result<ArchivedSegment, ArchiveError> {
        let bytes = file.bytes().map_err(|source| ArchiveError::io(&path, source))?;
        if bytes < 2 * BLOCK_BYTES as u64 || !bytes.is_multiple_of(BLOCK_BYTES as u64) {
            return Err(ArchiveError::damaged(&path, 0, ArchiveDamage::Length));
        }
        let header_block = read_range(file.as_ref(), &path, 0, BLOCK_BYTES)?;
        let header = ArchiveHeader::decode(&header_block);
        let header = header.map_err(|damage| ArchiveError::damaged(&path, 0, damage))?;
        let trailer_at = bytes - TRAILER_BYTES as u64;
        let trailer_bytes = read_range(file.as_ref(), &path, trailer_at, TRAILER_BYTES)?;
        let trailer = Trailer::decode(&trailer_bytes, bytes);
        let trailer = trailer.map_err(|damage| ArchiveError::damaged(&path, trailer_at, damage))?;
        let index_bytes = read_range(file.as_ref(), &path, trailer.index_at, index(trailer.index_bytes))?;
        if crc32fast::hash(&index_bytes) != trailer.index_crc {
            return Err(ArchiveError::damaged(&path, trailer.index_at, ArchiveDamage::Index));
        }
        let index = index_bytes.chunks(INDEX_ENTRY_BYTES).map(IndexEntry::decode).collect();
        Ok(ArchivedSegment { file, path, header, trailer, index, latest: Mutex::new(None) })
    }

    /// Whose segment it is.
    #[must_use]
    pub fn header(&self) -> &ArchiveHeader {
        &self.header
    }

    /// The segment's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.header.number
    }

    /// The chain before its first batch.
    #[must_use]
    pub fn chain_before(&self) -> ChainEnd {
        self.header.chain
    }

    /// The chain after its last batch.
    #[must_use]
    pub fn chain_after(&self) -> ChainEnd {
        self.trailer.chain
    }

    /// Whether it holds this record.
    #[must_use]
    pub fn holds(&self, lsn: Lsn) -> bool {
        lsn > self.header.chain.lsn && lsn <= self.trailer.chain.lsn
    }

    /// The file's length in bytes.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.trailer.file_bytes
    }

    /// Bytes of its batches before compression.
    #[must_use]
    pub fn raw_bytes(&self) -> u64 {
        self.trailer.raw_bytes
    }

    /// How many batches it holds.
    #[must_use]
    pub fn batch_count(&self) -> u64 {
        self.trailer.batches
    }

    /// Shows the batches that hold records from `from` to `to`, in order, as far as they are here.
    ///
    /// # Errors
    /// [`ReadError`] when a block is damaged or cannot be read, or `visit` fails; the batches before were
    /// shown.
    pub fn batches(
        &self,
        from: Lsn,
        to: Lsn,
        visit: &mut dyn FnMut(WalkedBatch<'_>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let first = self.index.partition_point(|entry| entry.first_lsn <= from).saturating_sub(1);
        let end = self.index.partition_point(|entry| entry.first_lsn <= to);
        for number in first..end {
            let lsn = self.index[number].first_lsn;
            let block = self.block(number).map_err(|error| error.at_record(lsn.max(from)))?;
            let wanted =
                |batch: &WalkedBatch<'_>| batch.header.last_lsn() >= from && batch.header.first_lsn <= to;
            block.batches().filter(wanted).try_for_each(&mut *visit)?;
        }
        Ok(())
    }

    /// Shows the records from `from` to `to`, both included, as far as they are here; returns the LSN after
    /// the last one shown, which is `from` when none was.
    ///
    /// # Errors
    /// [`ReadError`] when a block is damaged or cannot be read, a record is missing between others, or `visit`
    /// stops; the records before were shown.
    pub fn scan(
        &self,
        from: Lsn,
        to: Lsn,
        visit: &mut dyn FnMut(Record<'_>) -> Result<(), VisitError>,
    ) -> Result<Lsn, ReadError> {
        let first = from.max(self.header.chain.lsn.next());
        let mut next = first;
        self.batches(from, to, &mut |batch| {
            for record in batch.records() {
                let damage = |error| ArchiveDamage::Batch(BatchError::Frames(error));
                let record = record.map_err(|error| {
                    ArchiveError::damaged(&self.path, batch.offset, damage(error)).at_record(next)
                })?;
                if (from..=to).contains(&record.lsn) {
                    if record.lsn != next {
                        return Err(self.lacks(next));
                    }
                    visit(record).map_err(|source| ReadError::Visit { lsn: record.lsn, source })?;
                    next = record.lsn.next();
                }
            }
            Ok(())
        })?;
        Ok(if next > first { next } else { from })
    }

    /// What it means that no block holds a record which the trailer says is here.
    pub(super) fn lacks(&self, lsn: Lsn) -> ReadError {
        ArchiveError::damaged(&self.path, self.trailer.offset(), ArchiveDamage::Chain).at_record(lsn)
    }

    /// Its audit tree, read from the file; `None` in a segment of a version that made none.
    ///
    /// # Errors
    /// When it cannot be read, or does not match its checksum.
    pub fn tree(&self) -> Result<Option<AuditTree>, ArchiveError> {
        let Trailer { tree_at, tree_bytes, tree_crc, .. } = self.trailer;
        if tree_bytes == 0 {
            return Ok(None);
        }
        let bytes = self.read_range(tree_at, index(tree_bytes))?;
        let sound = crc32fast::hash(&bytes) == tree_crc;
        let tree = AuditTree::decode(&bytes).filter(|_| sound);
        tree.map(Some).ok_or_else(|| self.tree_damaged())
    }

    pub(super) fn tree_damaged(&self) -> ArchiveError {
        self.tree_error(ArchiveDamage::Tree)
    }

    pub(super) fn tree_error(&self, damage: ArchiveDamage) -> ArchiveError {
        ArchiveError::damaged(&self.path, self.trailer.tree_at, damage)
    }

    /// Checks every byte, the chain, and the audit tree against the records.
    ///
    /// # Errors
    /// The first damage found, or that the storage failed.
    pub fn verify(&self) -> Result<(), ArchiveError> {
        let mut tree = (self.trailer.tree_bytes > 0).then(TreeBuilder::new);
        self.verify_bytes(tree.as_mut())?;
        tree.map_or(Ok(()), |tree| self.verify_tree(tree))
    }

    /// Checks that the file holds what was written to it: each block unpacks to the batches that went into it, and index, tree and
    /// trailer are these. The batches' hashes and their chain were verified on the way in, so they are not computed again.
    pub(super) fn verify_written(
        &self,
        written: &Written,
        rest: &mut dyn FnMut(),
    ) -> Result<(), ArchiveError> {
        if self.index != written.index {
            return Err(ArchiveError::damaged(&self.path, self.trailer.index_at, ArchiveDamage::Index));
        }
        if self.trailer != written.trailer {
            return Err(ArchiveError::damaged(&self.path, self.trailer.offset(), ArchiveDamage::Chain));
        }
        for (number, hash) in written.blocks.iter().enumerate() {
            let (header_bytes, compressed) = self.read_block(number)?;
            let found = unpacked_hash(&header_bytes, &compressed);
            if found.map_err(|damage| self.damaged_block(number, damage))? != *hash {
                return Err(self.damaged_block(number, ArchiveDamage::Block));
            }
            rest();
        }
        self.verify_fill()?;
        if self.tree()?.as_ref() == written.tree.as_ref() { Ok(()) } else { Err(self.tree_damaged()) }
    }

    fn verify_bytes(&self, mut tree: Option<&mut TreeBuilder>) -> Result<(), ArchiveError> {
        let mut sum =
            Trailer { blocks: 0, batches: 0, raw_bytes: 0, chain: self.header.chain, ..self.trailer };
        let mut end = BLOCK_BYTES as u64;
        for number in 0..self.index.len() {
            if self.index[number].offset != end {
                return Err(ArchiveError::damaged(&self.path, self.trailer.index_at, ArchiveDamage::Index));
            }
            end += self.verify_block(number, &mut sum, tree.as_deref_mut())?;
        }
        if sum != self.trailer || end != self.trailer.index_at {
            return Err(ArchiveError::damaged(&self.path, self.trailer.offset(), ArchiveDamage::Chain));
        }
        self.verify_fill()
    }

    fn verify_fill(&self) -> Result<(), ArchiveError> {
        let fill_at = self.trailer.fill_at();
        let fill = self.read_range(fill_at, index(self.trailer.offset() - fill_at))?;
        if fill.iter().any(|byte| *byte != 0) {
            return Err(ArchiveError::damaged(&self.path, fill_at, ArchiveDamage::Fill));
        }
        Ok(())
    }

    /// Adds what a block holds to `sum` and its records to `tree`; returns its length in the file.
    fn verify_block(
        &self,
        number: usize,
        sum: &mut Trailer,
        mut tree: Option<&mut TreeBuilder>,
    ) -> Result<u64, ArchiveError> {
        let (block, file_bytes) = self.open_block(number)?;
        for batch in block.batches() {
            let next = sum.chain.followed_by(&batch.header);
            sum.chain = next.ok_or_else(|| self.damaged_block(number, ArchiveDamage::Chain))?;
            sum.batches += 1;
            if batch.header.stored != 0 && !self.header.erased {
                return Err(self.damaged_block(number, ArchiveDamage::Batch(BatchError::HeaderFields)));
            }
            let Some(tree) = tree.as_mut() else { continue };
            for record in batch.records() {
                let damage = |error| ArchiveDamage::Batch(BatchError::Frames(error));
                let record = record.map_err(|error| self.damaged_block(number, damage(error)))?;
                tree.push(leaf_of_record(&record));
            }
        }
        sum.blocks += 1;
        sum.raw_bytes += block.raw_bytes() as u64;
        Ok(file_bytes)
    }

    fn block(&self, number: usize) -> Result<Arc<Block>, ArchiveError> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, block)) = latest.filter(|(kept, _)| *kept == number) {
            return Ok(block);
        }
        let block = Arc::new(self.open_block(number)?.0);
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, Arc::clone(&block)));
        Ok(block)
    }

    /// Reads and verifies a block; returns it and its length in the file.
    fn open_block(&self, number: usize) -> Result<(Block, u64), ArchiveError> {
        let (header_bytes, compressed) = self.read_block(number)?;
        let block = Block::open(&header_bytes, &compressed, self.index[number].offset);
        let block = block.map_err(|damage| self.damaged_block(number, damage))?;
        if BlockHeader::decode(&header_bytes).first_lsn != self.index[number].first_lsn {
            return Err(self.damaged_block(number, ArchiveDamage::Index));
        }
        Ok((block, (header_bytes.len() + compressed.len()) as u64))
    }

    fn read_block(&self, number: usize) -> Result<(Vec<u8>, Vec<u8>), ArchiveError> {
        let start = self.index[number].offset;
        let last_start = self.trailer.index_at.saturating_sub(BLOCK_HEADER_BYTES as u64);
        if !(BLOCK_BYTES as u64..=last_start).contains(&start) {
            return Err(self.damaged_block(number, ArchiveDamage::Index));
        }
        let content = start + BLOCK_HEADER_BYTES as u64;
        let header_bytes = self.read_range(start, BLOCK_HEADER_BYTES)?;
        let compressed = index32(BlockHeader::decode(&header_bytes).compressed);
        // Compression never grows a block by more than a fraction, so a longer one cannot be ours.
        if compressed > 2 * BLOCK_RAW_BYTES_LIMIT || content + compressed as u64 > self.trailer.index_at {
            return Err(self.damaged_block(number, ArchiveDamage::Block));
        }
        let compressed = self.read_range(content, compressed)?;
        Ok((header_bytes, compressed))
    }

    fn read_range(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, ArchiveError> {
        read_range(self.file.as_ref(), &self.path, offset, bytes)
    }

    fn damaged_block(&self, number: usize, damage: ArchiveDamage) -> ArchiveError {
        ArchiveError::damaged(&self.path, self.index[number].offset, damage)
    }
}

impl std::fmt::Debug for ArchivedSegment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ArchivedSegment({}, {} blocks)", self.path.display(), self.index.len())
    }
}

/// Reads any range, also from a file that wants whole blocks.
fn read_range(file: &dyn File, path: &Path, at: u64, bytes: usize) -> Result<Vec<u8>, ArchiveError> {
    let start = at - at % BLOCK_BYTES as u64;
    let lead = index(at - start);
    let mut blocks = AlignedBuf::zeroed((lead + bytes).next_multiple_of(BLOCK_BYTES));
    read_exact_at(file, &mut blocks, start).map_err(|source| ArchiveError::io(path, source))?;
    Ok(blocks[lead..lead + bytes].to_vec())
}
