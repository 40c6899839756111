//! Why a log cannot be opened or read.
//!
//! Each error carries what an operator needs: the file, the offset, the records concerned, and what to do.

use std::io;
use std::path::PathBuf;

use crate::batch::BatchError;
use crate::frame::{FrameError, Lsn};
use crate::options::OptionsError;
use crate::segment::FORMAT_VERSION;

/// Whatever a visitor of records reports to stop a replay or a scan.
pub type VisitError = Box<dyn std::error::Error + Send + Sync>;

/// Damage: what is on disk is neither a whole log nor one that a crash can leave behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The file concerned.
    pub path: PathBuf,
    /// Where in it, in bytes.
    pub offset: u64,
    /// The first record that cannot be trusted.
    pub first_lsn: Lsn,
    /// The last record known to have been acknowledged and lost, when that is known.
    pub last_lsn: Option<Lsn>,
    /// What is wrong there.
    pub why: String,
}

impl std::fmt::Display for Corruption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} at offset {}: {}; records from LSN {}",
            self.path.display(),
            self.offset,
            self.why,
            self.first_lsn
        )?;
        match self.last_lsn {
            Some(last) => write!(f, " to {last} at least are concerned"),
            None => write!(f, " on are concerned"),
        }
    }
}

/// Why a log cannot be opened. Nothing on disk was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the log open.
    #[error("{} is locked: another process has this log open", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The directory cannot be written.
    #[error("{} cannot be written: {source}; check its owner and how the file system is mounted", path.display())]
    NotWritable {
        /// The directory or file.
        path: PathBuf,
        /// What the storage said.
        source: io::Error,
    },
    /// Written by another version of the format.
    #[error("{} has format {found}, this program reads format {FORMAT_VERSION}; use the version that wrote it", path.display())]
    FormatVersion {
        /// The file.
        path: PathBuf,
        /// The format it says it has.
        found: u32,
    },
    /// A file belongs to another store or shard: the wrong disk, or files copied between stores.
    #[error("{} belongs to another store or shard; put back the directory that belongs here", path.display())]
    WrongStore {
        /// The file.
        path: PathBuf,
    },
    /// The log is damaged.
    #[error(
        "the log is damaged: {0}; restore a copy of the directory, or look at it with `coffer wal verify`"
    )]
    Corrupt(Box<Corruption>),
    /// Records that are asked for are no longer there.
    #[error("records from LSN {from} are asked for, but the log starts at LSN {first}")]
    Gone {
        /// What was asked for.
        from: Lsn,
        /// What is there.
        first: Lsn,
    },
    /// The options do not fit each other or the store.
    #[error("the log's options do not work: {0}")]
    Options(#[from] OptionsError),
    /// Some other failure of the storage.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the storage said.
        source: io::Error,
    },
    /// The visitor of a replay stopped it.
    #[error("replay stopped at LSN {lsn}: {source}")]
    Visit {
        /// The record it stopped at.
        lsn: Lsn,
        /// What it said.
        source: VisitError,
    },
}

impl OpenError {
    /// A failed call on `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> OpenError {
        let path = path.into();
        move |source| match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                OpenError::NotWritable { path, source }
            }
            _ => OpenError::Io { path, source },
        }
    }
}

impl From<Corruption> for OpenError {
    fn from(corruption: Corruption) -> OpenError {
        OpenError::Corrupt(Box::new(corruption))
    }
}

/// Why a record cannot be read back from a running log.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The record is not durable yet, or was never written.
    #[error("LSN {lsn} is not durable; the log's last durable record is {durable}")]
    NotDurable {
        /// What was asked for.
        lsn: Lsn,
        /// What there is.
        durable: Lsn,
    },
    /// The record was in a file that is neither in the log nor in the archive any more.
    #[error("LSN {lsn} is gone; the oldest record kept is {first}")]
    Gone {
        /// What was asked for.
        lsn: Lsn,
        /// The oldest that is there.
        first: Lsn,
    },
    /// The bytes are damaged.
    #[error("{} at offset {offset}, LSN {lsn}: {why}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// The record asked for, or the first of the batch that is damaged.
        lsn: Lsn,
        /// What is wrong.
        why: String,
    },
    /// The storage failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the storage said.
        source: io::Error,
    },
    /// The visitor of a scan stopped it.
    #[error("the scan stopped at LSN {lsn}: {source}")]
    Visit {
        /// The record it stopped at.
        lsn: Lsn,
        /// What it said.
        source: VisitError,
    },
}

/// Where in a file something was found damaged; turns inner errors into [`ReadError::Corrupt`].
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) offset: u64,
    pub(crate) lsn: Lsn,
}

impl Place {
    pub(crate) fn batch(self, error: BatchError) -> ReadError {
        self.corrupt(error.to_string())
    }

    pub(crate) fn frame(self, error: FrameError) -> ReadError {
        self.corrupt(error.to_string())
    }

    /// The index says that the record should be here, and it is not.
    pub(crate) fn missing(self) -> ReadError {
        self.corrupt("no batch here holds this record".to_owned())
    }

    fn corrupt(self, why: String) -> ReadError {
        ReadError::Corrupt { path: self.path, offset: self.offset, lsn: self.lsn, why }
    }
}
