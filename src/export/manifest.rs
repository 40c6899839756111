//! What stands beside an export: which part of which log it covers, what was asked, which files it has and their hashes. The same
//! document, not complete yet, is what an interrupted export is gone on with from.

use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use coffer_ledger::time::Timestamp;
use coffer_wal::{LogReader, Lsn, ReadError};
use serde::{Deserialize, Serialize};

use super::exporter::Request;
use super::range::Range;
use super::source::Filter;
use crate::audit::hex;
use crate::rfc3339;

/// The manifest's own version.
const VERSION: u32 = 1;

/// What an export is, and how far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this document's shape.
    pub manifest_version: u32,
    /// The kind.
    pub kind: String,
    /// Of the kind's columns.
    pub schema_version: u32,
    /// The format.
    pub format: String,
    /// The columns, in order.
    pub columns: Vec<ColumnInfo>,
    /// Names that the kind was told.
    pub options: Vec<(String, String)>,
    /// The log's store, in hexadecimal.
    pub store: String,
    /// The first record that it covers.
    pub log_from: u64,
    /// The last one; the one before `log_from` if it covers none.
    pub log_to: u64,
    /// The log's time at the first.
    pub log_from_time: Option<String>,
    /// The log's time at the last.
    pub log_to_time: Option<String>,
    /// The hash of the last one's batch, in hexadecimal: it stands for the whole log up to there.
    pub batch_hash: Option<String>,
    /// What was asked for as a range, where something was.
    pub asked: Asked,
    /// Whose rows.
    pub only: Only,
    /// Whether all of it is there.
    pub complete: bool,
    /// Lines, all files together, headers not counted.
    pub rows: u64,
    /// Bytes, all files together.
    pub bytes: u64,
    /// The files that are whole, in order.
    pub files: Vec<FileInfo>,
    /// The file that is not; `None` when complete.
    pub unfinished: Option<Unfinished>,
}

/// A column, as the manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub holds: String,
    /// Whether a line may have nothing there.
    pub nullable: bool,
}

/// The ends of the range as they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// `--from`.
    pub from: Option<String>,
    /// `--to`.
    pub to: Option<String>,
}

/// A filter, as the manifest has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Only {
    /// The tenant's number.
    pub tenant: Option<u32>,
    /// The customer's number.
    pub customer: Option<u64>,
    /// The wallet's id.
    pub wallet: Option<String>,
}

/// A whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Its name; of Parquet, within the export's directory.
    pub name: String,
    /// Its lines.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Their SHA-256, in hexadecimal.
    pub sha256: String,
    /// The first record that it covers.
    pub log_from: u64,
    /// The last one.
    pub log_to: u64,
}

/// A file that is not whole, as far as it is safe on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The first record that it covers.
    pub log_from: u64,
    /// The first record that is not in it yet.
    pub next: u64,
    /// Its lines so far.
    pub rows: u64,
    /// Its bytes so far; what is behind them does not count.
    pub bytes: u64,
    /// Their SHA-256, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Of an export that has not begun.
    ///
    /// # Errors
    /// [`ReadError`]: the log cannot say when its records were written.
    pub(crate) fn begun(
        request: &Request,
        asked: Asked,
        store: [u8; 16],
        log: &LogReader,
    ) -> Result<Self, ReadError> {
        let (table, range) = (request.kind.table, request.range);
        let columns = table.columns.iter().map(|column| ColumnInfo {
            name: column.name.to_owned(),
            holds: column.holds.as_str().to_owned(),
            nullable: column.nullable,
        });
        Ok(Self {
            manifest_version: VERSION,
            kind: table.name.to_owned(),
            schema_version: table.version,
            format: request.format.as_str().to_owned(),
            columns: columns.collect(),
            options: request.told(),
            store: hex::encode(&store),
            log_from: range.first,
            log_to: range.last,
            log_from_time: (range.records() > 0).then(|| time_at(log, range.first)).transpose()?,
            log_to_time: (range.last > 0).then(|| time_at(log, range.last)).transpose()?,
            batch_hash: hash_at(log, range.last)?,
            asked,
            only: Only::of(&request.filter),
            complete: false,
            rows: 0,
            bytes: 0,
            files: Vec::new(),
            unfinished: None,
        })
    }

    /// The records that it covers.
    #[must_use]
    pub const fn range(&self) -> Range {
        Range { first: self.log_from, last: self.log_to }
    }

    /// Why the log is not the one that this was made from; `None` = it is.
    ///
    /// # Errors
    /// [`ReadError`]: the log cannot say.
    pub fn misfit(&self, store: [u8; 16], log: &LogReader) -> Result<Option<String>, ReadError> {
        if self.store != hex::encode(&store) {
            return Ok(Some(format!(
                "it is of the store {}, and this is {}",
                self.store,
                hex::encode(&store)
            )));
        }
        if self.log_to > log.durable_lsn().0 {
            return Ok(Some(format!("it covers record {}, and the log ends before", self.log_to)));
        }
        let same = hash_at(log, self.log_to)? == self.batch_hash;
        Ok((!same).then(|| format!("the log holds something else at record {}", self.log_to)))
    }

    /// What of the request differs from another's, in words; `None` = nothing.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        let differs = [
            ("manifest version", self.manifest_version != other.manifest_version),
            ("kind", self.kind != other.kind),
            ("schema version", self.schema_version != other.schema_version),
            ("format", self.format != other.format),
            ("columns", self.columns != other.columns),
            ("names", self.options != other.options),
            ("range", self.asked != other.asked),
            ("filter", self.only != other.only),
        ];
        differs.into_iter().find(|(_, differs)| *differs).map(|(what, _)| what)
    }

    /// Adds a whole file.
    pub(crate) fn add(&mut self, file: FileInfo) {
        self.rows += file.rows;
        self.bytes += file.bytes;
        self.files.push(file);
        self.unfinished = None;
    }
}

impl Only {
    fn of(filter: &Filter) -> Self {
        Self {
            tenant: filter.tenant.map(|TenantNumber(number)| number),
            customer: filter.customer.map(|CustomerNumber(number)| number),
            wallet: filter.wallet.map(|wallet| wallet.to_string()),
        }
    }
}

fn time_at(log: &LogReader, position: u64) -> Result<String, ReadError> {
    let at = Timestamp(log.batch_header(Lsn(position))?.time_ns);
    Ok(rfc3339::Text::new(at).as_str().to_owned())
}

fn hash_at(log: &LogReader, position: u64) -> Result<Option<String>, ReadError> {
    (position > 0)
        .then(|| log.batch_header(Lsn(position)).map(|header| hex::encode(&header.hash())))
        .transpose()
}
