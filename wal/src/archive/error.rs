//! What can be wrong with an archived segment.

use std::io;
use std::path::{Path, PathBuf};

use crate::batch::BatchError;
use crate::error::ReadError;
use crate::frame::Lsn;

/// Which part of an archived segment is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveDamage {
    /// Too short, or no multiple of 4 KiB.
    #[error("its length is impossible")]
    Length,
    /// The first block does not match its checksum.
    #[error("its header does not match its checksum")]
    Header,
    /// Written in another format.
    #[error("it has format {found}; this program reads format {supported}")]
    Format {
        /// What it has.
        found: u32,
        /// What can be read.
        supported: u32,
    },
    /// The file's name is that of another segment.
    #[error("it has the name of another segment")]
    WrongName,
    /// The segment of another store or shard.
    #[error("it belongs to another store or shard")]
    WrongStore,
    /// The last bytes do not match their checksum or the file's length.
    #[error("its trailer does not match")]
    Trailer,
    /// The index does not match its checksum or its blocks.
    #[error("its index does not match")]
    Index,
    /// A compressed block does not match its checksum or does not unpack.
    #[error("a block does not match its checksum")]
    Block,
    /// A batch in a sound block is not what it says.
    #[error("a batch is damaged: {0}")]
    Batch(BatchError),
    /// The batches do not follow each other from the header's chain to the trailer's.
    #[error("its batches do not form the chain that it says")]
    Chain,
    /// The audit tree does not match its checksum or the records.
    #[error("its audit tree does not match its records")]
    Tree,
    /// The audit tree follows another one than that of the segment before.
    #[error("its audit tree does not follow that of the segment before")]
    RootChain,
    /// The file that says where the archive begins does not match its checksum, or is of another store.
    #[error("it does not say where the archive begins")]
    Removed,
    /// The fill before the trailer is not zero.
    #[error("the fill before its trailer is not zero")]
    Fill,
}

/// Why an archived segment cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The storage failed.
    #[error("archive {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the storage said.
        source: io::Error,
    },
    /// Bytes are not what was written.
    #[error("archive {} cannot be used at byte {offset}: {damage}; restore the file from a copy", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damaged part begins.
        offset: u64,
        /// Which part it is.
        damage: ArchiveDamage,
    },
}

impl ArchiveError {
    pub(super) fn io(path: &Path, source: io::Error) -> ArchiveError {
        ArchiveError::Io { path: path.to_path_buf(), source }
    }

    /// The same failure as a reader of records reports it.
    pub(super) fn at_record(self, lsn: Lsn) -> ReadError {
        match self {
            ArchiveError::Io { path, source } => ReadError::Io { path, source },
            ArchiveError::Damaged { path, offset, damage } => {
                ReadError::Corrupt { path, offset, lsn, why: damage.to_string() }
            }
        }
    }

    pub(super) fn damaged(path: &Path, offset: u64, damage: ArchiveDamage) -> ArchiveError {
        ArchiveError::Damaged { path: path.to_path_buf(), offset, damage }
    }
}
