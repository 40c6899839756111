//! Why an export did not come to its end.

use std::path::PathBuf;

use coffer_wal::ReadError;

use super::formats::EncodeError;
use crate::engine::Failure;
use crate::engine::codec::DecodeError;

/// Why an export did not come to its end. What it wrote up to then can be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log cannot be read.
    #[error("the log: {0}")]
    Log(#[from] ReadError),
    /// A record cannot be decoded.
    #[error("record {position}: {error}")]
    Record {
        /// Which one.
        position: u64,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The engine does not say what a customer is called.
    #[error("the name of customer number {customer}: {failure}")]
    Names {
        /// Which one.
        customer: u64,
        /// Why not.
        failure: Box<Failure>,
    },
    /// The kind needs the log from its first record on, and retention has removed it.
    #[error(
        "this kind is computed from the first record of the log on, and the oldest that is kept is {first}"
    )]
    BeginningGone {
        /// The oldest record that is kept.
        first: u64,
    },
    /// Some of what is asked for is not kept any more.
    #[error("not all of these records are kept any more: the oldest is {first}")]
    Gone {
        /// The oldest record that is kept.
        first: u64,
    },
    /// What is asked for is not in the log.
    #[error("{0}")]
    Range(String),
    /// A line cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the machine said.
        source: std::io::Error,
    },
    /// What is there does not go with what is asked for.
    #[error("{0}")]
    Mismatch(String),
    /// Nobody wants it any more.
    #[error("stopped")]
    Stopped,
}

impl ExportError {
    /// What an error of this file's is.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
