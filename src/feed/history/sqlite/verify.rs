//! Whether a stopped server's file is whole and says what the log says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use coffer_ledger::amount::Credits;
use coffer_ledger::ids::WalletId;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::compare::compare;
use super::read;
use super::seal;
use super::store::SqliteStore;
use crate::feed::cursor::Cursor;
use crate::feed::history::looked::Looked;
use crate::feed::history::{Differences, Remembered, Sealed, StoreError};

/// A file that is looked at and not touched.
pub(in crate::feed::history) struct LookedFile {
    connection: Connection,
    file: PathBuf,
    cursor: Cursor,
    miscounted: Option<String>,
    /// A copy, where the file's last batches are only in its write-ahead file.
    _copy: Option<TempDir>,
}

impl LookedFile {
    /// Opens the file without changing it, and lets SQLite check its pages.
    ///
    /// # Errors
    /// [`StoreError`]: it is damaged, not ours, or cannot be read.
    pub(in crate::feed::history) fn open(file: &Path) -> Result<Self, StoreError> {
        let ahead = file.with_file_name(name_with(file, "-wal"));
        let copy = match std::fs::metadata(&ahead) {
            Ok(found) if found.len() > 0 => Some(copied(file, &ahead)?),
            Ok(_) | Err(_) => None,
        };
        let connection = match &copy {
            Some(copy) => {
                Connection::open_with_flags(copy.path().join("copy.db"), OpenFlags::SQLITE_OPEN_READ_WRITE)?
            }
            None => immutable(file)?,
        };
        let (cursor, miscounted) = SqliteStore::check(&connection, file)?;
        Ok(Self { connection, file: file.to_owned(), cursor, miscounted, _copy: copy })
    }

    /// The same with as many rows as it says, for whoever does not look for those that are missing.
    ///
    /// # Errors
    /// [`StoreError`]: it has others.
    pub(super) fn whole(self) -> Result<Self, StoreError> {
        self.miscounted.clone().map_or(Ok(self), |why| Err(StoreError::Unfit(why)))
    }

    /// For whoever reads more of it.
    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl Looked for LookedFile {
    fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn miscounted(&self) -> Option<String> {
        self.miscounted.clone()
    }

    fn sealed(&self) -> Result<Sealed, StoreError> {
        match self._copy {
            Some(_) => Ok(Sealed::Unsealed),
            None => Ok(seal::check(&self.file, self.cursor)?),
        }
    }

    fn balances(&self) -> Result<BTreeMap<WalletId, (Credits, Credits)>, StoreError> {
        Ok(read::balances(&self.connection)?)
    }

    fn remembered(&self) -> Result<Remembered, StoreError> {
        let mut remembered = Remembered::default();
        let mut alerts = self.connection.prepare(&Remembered::alerts())?;
        for line in alerts.query_map([], read::alert_change)? {
            remembered.add_alert(&line?.change);
        }
        let mut recharges = self.connection.prepare(&Remembered::recharges())?;
        for life in recharges.query_map([], read::recharge)? {
            remembered.add_recharge(life?);
        }
        Ok(remembered)
    }

    fn compare(&self, right: &Path) -> Result<Differences, StoreError> {
        compare(&self.connection, right)
    }
}

/// Opened so that SQLite makes no file beside it and takes no lock.
pub(super) fn immutable(file: &Path) -> Result<Connection, StoreError> {
    let mut uri = String::from("file:");
    for byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                uri.push(char::from(*byte))
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(uri, flags)?)
}

fn copied(file: &Path, ahead: &Path) -> Result<TempDir, StoreError> {
    let dir = tempfile::tempdir()?;
    std::fs::copy(file, dir.path().join("copy.db"))?;
    std::fs::copy(ahead, dir.path().join("copy.db-wal"))?;
    Ok(dir)
}

fn name_with(file: &Path, suffix: &str) -> std::ffi::OsString {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    name
}
