//! What can be wrong with a snapshot, and where.

use std::io;
use std::path::{Path, PathBuf};

use crate::frame::Lsn;

/// Which part of a snapshot is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Too short, or no multiple of 4 KiB.
    #[error("its length is impossible")]
    Length,
    /// The first bytes do not match their checksum.
    #[error("its header does not match its checksum")]
    Header,
    /// The file's name is that of another snapshot.
    #[error("it has the name of another snapshot")]
    WrongName,
    /// The last bytes do not match their checksum, the header or the file's length.
    #[error("its trailer does not match")]
    Trailer,
    /// A block does not match its checksum, its place or its limits.
    #[error("a block does not match its checksum")]
    Block,
    /// The fill between the blocks and the trailer is not zero.
    #[error("the fill before its trailer is not zero")]
    Fill,
    /// The hash over the whole file does not match.
    #[error("its content does not match its hash")]
    Hash,
}

/// Why a snapshot cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The storage failed.
    #[error("snapshot {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the storage said.
        source: io::Error,
    },
    /// Bytes are not what was written.
    #[error(
        "snapshot {} is damaged at byte {offset}: {damage}; move it away to start from an older one",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damaged part begins.
        offset: u64,
        /// Which part it is.
        damage: Damage,
    },
    /// It would take the room that the log needs to go on.
    #[error(
        "no room for a snapshot in {}: with the log's missing spare segments it needs {needed_bytes} bytes, and {free_bytes} are free",
        dir.display()
    )]
    NoRoom {
        /// The directory of snapshots.
        dir: PathBuf,
        /// Bytes of the snapshot, as far as they can be told, and of the spare segments that are not there yet.
        needed_bytes: u64,
        /// Bytes free on the file system.
        free_bytes: u64,
    },
    /// Another version of the format.
    #[error("snapshot {} has format {found}; this program reads format {supported}", path.display())]
    FormatVersion {
        /// The file.
        path: PathBuf,
        /// What it has.
        found: u16,
        /// What can be read.
        supported: u16,
    },
    /// The snapshot of another store or shard.
    #[error("snapshot {} belongs to another store", path.display())]
    WrongStore {
        /// The file.
        path: PathBuf,
    },
    /// A block is larger than the format allows.
    #[error("a snapshot block of {bytes} bytes is larger than the {bytes_max} bytes that fit")]
    BlockTooLarge {
        /// The block's length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The log has not got so far, or not any more.
    #[error("snapshot {} shows more than the log, which ends at {end}: record {highest_lsn}", path.display())]
    BeyondLog {
        /// The file.
        path: PathBuf,
        /// The newest record in the snapshot.
        highest_lsn: Lsn,
        /// The log's end.
        end: Lsn,
    },
    /// The log has another record of this number: its end was given up, or it was exchanged.
    #[error("snapshot {} shows another record {highest_lsn} than the log has", path.display())]
    OtherHistory {
        /// The file.
        path: PathBuf,
        /// The newest record in the snapshot.
        highest_lsn: Lsn,
    },
    /// The snapshot would know more than the log.
    #[error("the snapshot holds record {highest_lsn}, but only {durable_lsn} is durable")]
    NotDurable {
        /// The newest record in the snapshot.
        highest_lsn: Lsn,
        /// The log's durable end.
        durable_lsn: Lsn,
    },
}

impl SnapshotError {
    /// Whether the snapshot is whole, and shows what the log does not hold.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self, SnapshotError::BeyondLog { .. } | SnapshotError::OtherHistory { .. })
    }

    pub(super) fn io(path: &Path, source: io::Error) -> SnapshotError {
        SnapshotError::Io { path: path.to_path_buf(), source }
    }

    pub(super) fn damaged(path: &Path, offset: u64, damage: Damage) -> SnapshotError {
        SnapshotError::Damaged { path: path.to_path_buf(), offset, damage }
    }
}
