//! A stopped server's history against its log: the same rows are made anew beside it, and every line is compared.

use std::collections::BTreeMap;
use std::path::Path;

use coffer_ledger::amount::Credits;
use coffer_ledger::ids::WalletId;
use coffer_wal::LogReader;

use super::history::sqlite::SqliteStore;
use super::history::{Differences, Place, Projector, Remembered, Sealed, Store, StoreError};
use super::rebuild::RebuildProgress;
use super::tail::{FeedError, advance};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryCheck {
    /// The last record in it.
    pub position: u64,
    /// The log's last record.
    pub log_end: u64,
    /// Ledger rows that were compared.
    pub rows: u64,
    /// Its bytes.
    pub sealed: Sealed,
    /// What is damaged, a line each; rows were compared as far as they can be read.
    pub damaged: Vec<String>,
    /// Why its rows were not compared, if they could not be.
    pub not_compared: Option<String>,
    /// What does not say what the log says.
    pub differences: Differences,
    /// What it says of every wallet, if nothing is wrong with it: posted and debt.
    pub balances: BTreeMap<WalletId, (Credits, Credits)>,
    /// The same of the alerts and recharges that customers remember themselves.
    pub remembered: Remembered,
}

impl VerifyError {
    /// Whether the log is what is wrong, and not the store.
    #[must_use]
    pub const fn is_of_the_log(&self) -> bool {
        self.0.is_of_the_log()
    }
}

impl HistoryCheck {
    /// Whether nothing is wrong with it.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.differences.count == 0
    }
}

/// Why there is no finding.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct VerifyError(#[source] FeedError);

/// Compares a history with what the log gives; `None`: there is none. Changes nothing.
///
/// # Errors
/// [`VerifyError`]: log or history cannot be read; there is no room for a second one in the directory for temporary files.
pub fn verify(
    place: &Place,
    log: &LogReader,
    batch_records: u64,
    progress: &dyn RebuildProgress,
) -> Result<Option<HistoryCheck>, VerifyError> {
    checked(place, log, batch_records, progress).map_err(VerifyError)
}

fn checked(
    place: &Place,
    log: &LogReader,
    batch_records: u64,
    progress: &dyn RebuildProgress,
) -> Result<Option<HistoryCheck>, FeedError> {
    let mut check = HistoryCheck {
        position: 0,
        log_end: log.durable_lsn().0,
        rows: 0,
        sealed: Sealed::Unsealed,
        damaged: Vec::new(),
        not_compared: None,
        differences: Differences::default(),
        balances: BTreeMap::new(),
        remembered: Remembered::default(),
    };
    let looked = match place.look_at() {
        Ok(Some(looked)) => looked,
        Ok(None) => return Ok(None),
        Err(error @ (StoreError::Unfit(_) | StoreError::Foreign)) => {
            check.damaged.push(error.to_string());
            return Ok(Some(check));
        }
        Err(error) => return Err(error.into()),
    };
    check.position = looked.cursor().position;
    check.sealed = looked.sealed()?;
    if let Sealed::Broken(ranges) = &check.sealed {
        let told = |(first, end): &(u64, u64)| {
            format!("bytes {first} to {end} are not what they were when it was closed")
        };
        check.damaged.extend(ranges.iter().map(told));
    }
    check.damaged.extend(looked.miscounted());
    if let Some(misfit) = looked.cursor().misfit(log)? {
        check.damaged.push(misfit);
        return Ok(Some(check));
    }
    check.damaged.extend(looked.cursor().misdated(log)?);
    let removed = log.removed_to();
    if removed.is_none() {
        let dir = tempfile::tempdir().map_err(StoreError::from)?;
        let right = dir.path().join("right.db");
        check.rows = made(&right, log, (looked.cursor().position, batch_records), progress)?;
        match looked.compare(&right) {
            Ok(differences) => check.differences = differences,
            Err(StoreError::Unfit(why)) => check.damaged.push(why),
            Err(error) => return Err(error.into()),
        }
    } else {
        let line =
            format!("records 1 to {removed} were removed from the archive: its rows cannot be made anew");
        check.not_compared = Some(line);
    }
    // What differs may not be readable as what it must be.
    if check.is_sound() {
        match looked.balances().and_then(|balances| Ok((balances, looked.remembered()?))) {
            Ok((balances, remembered)) => (check.balances, check.remembered) = (balances, remembered),
            Err(StoreError::Unfit(why)) => check.damaged.push(why),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(check))
}

/// Makes a history up to a record; its rows.
fn made(
    path: &Path,
    log: &LogReader,
    (end, batch_records): (u64, u64),
    progress: &dyn RebuildProgress,
) -> Result<u64, FeedError> {
    let (mut store, mut projector) = (SqliteStore::open(path)?, Projector::default());
    while store.cursor().position < end {
        let left = end - store.cursor().position;
        advance(&mut store, &mut projector, log, batch_records.min(left))?;
        progress.records(store.cursor().position, end);
    }
    store.settle();
    Ok(store.rows())
}
