//! A segmented, hash-chained, fsync'd write-ahead log with group commit.
//!
//! Bytes only: the log knows nothing of wallets. It numbers records (LSN), gathers what many threads append
//! into batches, writes one batch at a time, and says when each is durable. It halts at the first sign that
//! the disk did not do what it said, and it refuses to start over data that was acknowledged and is gone.
//!
//! The map, in the order in which a record passes:
//! [`frame`] a record's frame · [`journal`] the handle that appends · [`open_batch`] the hand-off to the
//! writer · [`batch`] what goes to disk at once · [`segment`] the files.
#![doc = "Every byte on disk is described in `docs/WAL_FORMAT.md`."]

pub mod archive;
pub mod audit;
pub mod batch;
mod bytes;
pub mod control;
pub mod env;
pub mod error;
pub mod frame;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod halt;
pub mod hot_log;
pub mod inspect;
pub mod journal;
pub mod log;
pub mod machines;
mod mask;
#[doc(hidden)]
pub mod open_batch;
pub mod options;
mod pace;
pub mod reader;
pub mod recovery;
pub mod replay;
pub mod sealer;
pub mod segment;
pub mod snapshot_file;
pub mod stats;
pub mod storage;
mod sync;
pub mod walk;
pub mod writer;
pub mod zero_fill;

pub use archive::{Archive, ArchiveError, ArchivedSegment};
pub use env::{Clock, Entropy, Env, OsEnv, Spawn, Urgency};
pub use error::{Corruption, OpenError, ReadError, VisitError};
pub use frame::{
    FrameBuilder, FrameError, FrameHeader, Lsn, Record, RecordBuf, RecordTooLarge, Subject, decode_frame,
    encode_frame,
};
pub use halt::{HaltReason, Halted};
pub use hot_log::{HotLog, SealedSegment};
pub use journal::Journal;
pub use log::{End, Log, Opened, PurgeError};
pub use machines::Machines;
pub use open_batch::Completion;
pub use options::{LogOptions, Pacing};
pub use reader::{LogReader, SegmentSource};
pub use recovery::TornReport;
pub use replay::{ReplayProgress, ReplaySummary};
pub use sealer::{SealError, SealStep, Sealer};
pub use snapshot_file::{
    HistoryMark, SnapshotBlock, SnapshotError, SnapshotInfo, SnapshotReader, SnapshotStore, SnapshotWriter,
};
pub use stats::{Space, WriterStats};
