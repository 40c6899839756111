//! Looking at a log from outside, while nobody writes it: `verify`, `dump`, `stat`, and one repair.
//!
//! The first three read only, so they also work on a read-only medium or a copy. They use the same walk,
//! survey and archive as the running log, so that they cannot disagree with it about what is sound. The
//! repair, [`drop_last_batch`], gives up a damaged last batch; it is never automatic.
//!
//! Absent on purpose: decoding of records, printing, repairing anything else.
//! Tested in `wal/tests/inspect.rs`.

mod drop_last;
mod dump;
mod stat;
mod store;
mod verify;

pub use drop_last::{DropError, DropReport, drop_last_batch};
pub use dump::{Dumped, dump};
pub use stat::{StatReport, stat};
pub use verify::{Problem, SegmentKind, SegmentReport, VerifyProgress, VerifyReport, verify};
