//! How lines become bytes: CSV, JSON Lines, Parquet.
//!
//! The bytes depend on nothing but the lines: the same lines give the same bytes, on any machine and however the export was
//! interrupted. Tested below, in `tests/export/` and by pyarrow (`just exports`).

mod csv;
mod jsonl;
mod parquet;
mod text;

use std::fmt;
use std::str::FromStr;

use super::table::{Cell, Table};

/// A line that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("a line cannot be written: {0}")]
pub struct EncodeError(String);

impl EncodeError {
    fn of(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// What an export's file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a header line.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// Apache Parquet, zstd.
    Parquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Csv, Self::Jsonl, Self::Parquet];

    /// Its name; also what its files' names end with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// As HTTP calls it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Jsonl => "application/jsonl",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Whether a file can be gone on with where it ends. A Parquet file cannot: its index stands at its end.
    #[must_use]
    pub const fn can_be_appended_to(self) -> bool {
        match self {
            Self::Csv | Self::Jsonl => true,
            Self::Parquet => false,
        }
    }

    /// An encoder for a new file.
    pub(crate) fn begin(self, table: &'static Table) -> Result<Box<dyn Encoder>, EncodeError> {
        Ok(match self {
            Self::Csv => Box::new(csv::Csv::begin(table)?),
            Self::Jsonl => Box::new(jsonl::Jsonl::new(table)),
            Self::Parquet => Box::new(parquet::Parquet::begin(table)?),
        })
    }

    /// An encoder for the rest of a file.
    pub(crate) fn go_on(self, table: &'static Table) -> Result<Box<dyn Encoder>, EncodeError> {
        match self {
            Self::Csv => Ok(Box::new(csv::Csv::go_on(table))),
            Self::Jsonl | Self::Parquet => self.begin(table),
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| "csv, jsonl or parquet".to_owned())
    }
}

/// Lines on their way to bytes.
pub(crate) trait Encoder: Send {
    /// Adds a line: a cell per column, of the column's type.
    fn line(&mut self, cells: &[Cell<'_>]) -> Result<(), EncodeError>;

    /// Bytes that wait to be taken, about.
    fn pending(&self) -> usize;

    /// What is ready; what follows it comes with the next call. Of text formats: all lines so far.
    fn take(&mut self) -> Result<Vec<u8>, EncodeError>;

    /// The rest of the file, which covers these records of the log.
    fn finish(self: Box<Self>, first: u64, last: u64) -> Result<Vec<u8>, EncodeError>;
}
