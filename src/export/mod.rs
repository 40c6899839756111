//! Exports: the ledger as CSV, JSON Lines and Parquet, straight from the log.
//!
//! A kind (`kinds`) makes lines of records (`source`), a format (`formats`) makes bytes of lines, and `exporter` goes through a range
//! of the log step by step. `job` writes files that can be gone on with after any interruption, `stream` feeds an HTTP response.
//! docs/EXPORTS.md is the contract: columns, types, manifest, what is the same after an interruption.
//!
//! Absent on purpose: anything that is only true now, such as what is left of a credit. Tested in `tests/export/`,
//! `tests/http/exports.rs`, `tests/cli/export.rs`, and by pyarrow (`just exports`).

mod error;
mod exporter;
mod files;
mod formats;
mod job;
mod journal;
mod kinds;
mod manifest;
mod names;
mod pipe;
mod range;
mod source;
mod stream;
mod table;

pub use self::error::ExportError;
pub use self::exporter::Request;
pub use self::formats::{EncodeError, Format};
pub use self::job::{Job, JobOptions, JobProgress};
pub use self::journal::JournalRequest;
pub(crate) use self::journal::{Rows, journal_into, journal_stream};
pub use self::kinds::{
    FocusOptions, KINDS, KindInfo, KindOptions, SERVICE_CATEGORIES, service_subcategories,
};
pub use self::manifest::{Asked, ColumnInfo, FileInfo, Manifest, Only, Unfinished};
pub(crate) use self::names::Names;
pub use self::pipe::pipe;
pub use self::range::{Bound, Range};
pub use self::source::Filter;
pub(crate) use self::stream::{Streamed, stream};
pub use self::table::{Column, Table, Type};
