//! The file, as its one writer sees it: open or made, checked whole, filled batch by batch.
//!
//! What the file holds is checked at every opening: SQLite's own check of its pages, and as many rows as the cursor says.
//! A file that does not pass is no loss: the log makes it anew. Absent on purpose: a sync per batch (WAL mode, `synchronous = NORMAL`:
//! a power cut takes the last batches away whole), upgrades of old tables, reading. Tested in `tests/history/`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coffer_ledger::ids::{TrancheId, WalletId};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::values::{number, number_of};
use super::{erase, insert, read, schema, seal};
use crate::feed::cursor::Cursor;
use crate::feed::history::batch::{Batch, WalletLife};
use crate::feed::history::projector::Known;
use crate::feed::history::store::Store;
use crate::feed::history::tranche::TrancheLife;
use crate::feed::history::{Erasable, StoreError};

/// How long another process may hold the file's lock before that is an answer.
const BUSY_MS: u64 = 1_000;
/// Pages of 4 KiB after which the write-ahead file is taken into the main one.
const CHECKPOINT_PAGES: i64 = 8_192;
/// KiB of pages that the writer keeps in memory.
const CACHE_KIB: i64 = 32_768;
/// Statements that stay prepared: more than there are.
const STATEMENTS_KEPT: usize = 64;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign,
            // Tables or rows that are not as they must be.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::ConstraintViolation | ErrorCode::Unknown) => {
                Self::Unfit(error.to_string())
            }
            Some(_) => Self::Unusable(error.to_string()),
            // A column that is not of the type that the tables say.
            None => Self::Unfit(error.to_string()),
        }
    }
}

/// The file, open for writing.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    inode: u64,
    cursor: Cursor,
    /// Rows that there must be.
    rows: i64,
    /// The same at the end of the transaction that has begun.
    begun: Option<i64>,
}

impl SqliteStore {
    /// Opens the file, or makes it; checks it whole.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
        let fresh = is_fresh(&connection)?;
        if !fresh {
            check_length(&connection, path)?;
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        if fresh {
            schema::create(&mut connection)?;
        }
        let (cursor, rows) = read_cursor(&connection)?;
        check_whole(&connection)?;
        if let Some(why) = miscounted(&connection, rows)? {
            return Err(StoreError::Unfit(why));
        }
        let inode = inode(path)?;
        Ok(Self { connection, path: path.to_owned(), inode, cursor, rows, begun: None })
    }

    /// Checks an open file whole; how far it is, and why it does not have as many rows as it says, if so.
    ///
    /// # Errors
    /// [`StoreError`]: it is damaged, older, empty, or not ours.
    pub(super) fn check(
        connection: &Connection,
        path: &Path,
    ) -> Result<(Cursor, Option<String>), StoreError> {
        if is_fresh(connection)? {
            return Err(StoreError::Unfit("it is empty".to_owned()));
        }
        check_length(connection, path)?;
        let (cursor, rows) = read_cursor(connection)?;
        check_whole(connection)?;
        Ok((cursor, miscounted(connection, rows)?))
    }

    /// Removes a file that is of no use. One that is not ours gets another name instead.
    ///
    /// # Errors
    /// What the file system says.
    #[expect(clippy::disallowed_methods, reason = "SQLite's files do not go through Env's storage")]
    pub(crate) fn make_room(path: &Path, ours: bool) -> std::io::Result<()> {
        for suffix in ["-wal", "-shm", ".seal", ""] {
            let file = with_suffix(path, suffix);
            let gone = if ours || !suffix.is_empty() {
                std::fs::remove_file(&file)
            } else {
                std::fs::rename(&file, with_suffix(path, ".set-aside"))
            };
            match gone {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

impl Store for SqliteStore {
    fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn rows(&self) -> u64 {
        number_of(self.rows)
    }

    fn add(&mut self, part: &Batch) -> Result<(), StoreError> {
        if self.begun.is_none() {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            if read_cursor(&self.connection)? != (self.cursor, self.rows) {
                return Err(StoreError::Unfit("somebody else has written to it".to_owned()));
            }
        }
        insert::part(&self.connection, part)?;
        let rows = self.begun.unwrap_or(self.rows) + i64::try_from(part.rows.len()).unwrap_or(i64::MAX);
        self.begun = Some(rows);
        Ok(())
    }

    fn write(&mut self, last: &Batch) -> Result<(), StoreError> {
        self.add(last)?;
        let rows = self.begun.take().unwrap_or(self.rows);
        insert::totals(&self.connection, last)?;
        set_cursor(&self.connection, last.cursor, rows)?;
        self.connection.execute_batch("COMMIT")?;
        (self.cursor, self.rows) = (last.cursor, rows);
        Ok(())
    }

    fn is_in_place(&self) -> Result<bool, StoreError> {
        Ok(inode(&self.path).is_ok_and(|inode| inode == self.inode))
    }

    fn erasable(&self, what: &Erasable) -> Result<u64, StoreError> {
        erase::count(&self.connection, what)
    }

    fn erase(&mut self, what: &Erasable) -> Result<u64, StoreError> {
        seal::remove(&self.path)?;
        let rows = erase::rows(&self.connection, what)?;
        self.connection.pragma_update(None, "secure_delete", "OFF")?;
        if erase::anew(&self.connection)? {
            return Ok(rows);
        }
        Err(StoreError::Unusable("somebody reads it, so that it could not be written anew".to_owned()))
    }

    #[expect(clippy::disallowed_methods, reason = "SQLite's files do not go through Env's storage")]
    fn make_durable(&self) -> Result<(), StoreError> {
        // The write-ahead file first: it is removed only after its pages are in the main one, which SQLite syncs.
        for suffix in ["-wal", ""] {
            match File::open(with_suffix(&self.path, suffix)) {
                Ok(file) => file.sync_data()?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && !suffix.is_empty() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn settle(&self) {
        // Left undone, the next opening does it.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if !seal::is_of(&self.path, self.cursor)
            && let Err(error) = seal::write(&self.path, self.cursor)
        {
            tracing::warn!(%error, "the history has no seal: `audit verify` cannot tell whether its unused bytes are whole");
        }
    }
}

impl Known for SqliteStore {
    fn tranche(&self, id: TrancheId) -> Result<Option<TrancheLife>, StoreError> {
        Ok(read::tranche(&self.connection, id)?)
    }

    fn wallet(&self, id: WalletId) -> Result<Option<WalletLife>, StoreError> {
        Ok(read::wallet(&self.connection, id)?)
    }
}

fn set_cursor(connection: &Connection, cursor: Cursor, rows: i64) -> rusqlite::Result<()> {
    let text = "UPDATE cursor SET position = ?1, hash = ?2, at = ?3, transactions = ?4";
    let values = (number(cursor.position), cursor.hash, number(cursor.at), rows);
    connection.prepare_cached(text)?.execute(values)?;
    Ok(())
}

/// Whether there is nothing in the file yet. What is neither empty nor of this build's tables is an error.
fn is_fresh(connection: &Connection) -> Result<bool, StoreError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let application = pragma("application_id")?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, tables) {
        (0, 0) => Ok(true),
        (schema::APPLICATION_ID, _) => {
            let version = pragma("user_version")?;
            let other = || StoreError::Unfit(format!("its tables are of version {version}"));
            (version == schema::VERSION).then_some(false).ok_or_else(other)
        }
        _ => Err(StoreError::Foreign),
    }
}

/// Whole pages. SQLite takes what is missing of the last one for zeros, and finds nothing wrong with them.
fn check_length(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let page: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let length = std::fs::metadata(path)?.len();
    if length.is_multiple_of(page) {
        return Ok(());
    }
    Err(StoreError::Unfit(format!("it ends within a page, at {length} bytes")))
}

fn read_cursor(connection: &Connection) -> Result<(Cursor, i64), StoreError> {
    let read = connection.prepare_cached("SELECT position, hash, at, transactions FROM cursor")?.query_row(
        [],
        |row| {
            let cursor = Cursor {
                position: number_of(row.get(0)?),
                // Before the first batch it is empty.
                hash: row.get::<_, Vec<u8>>(1)?.try_into().unwrap_or_default(),
                at: number_of(row.get(2)?),
            };
            Ok((cursor, row.get(3)?))
        },
    );
    Ok(read?)
}

/// All tables, and SQLite's own check of every page.
fn check_whole(connection: &Connection) -> Result<(), StoreError> {
    if let Some(name) = schema::missing(connection)? {
        return Err(StoreError::Unfit(format!("its {name} is missing or changed")));
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Unfit(verdict)) }
}

/// Why there are not as many rows as there must be.
fn miscounted(connection: &Connection, rows: i64) -> rusqlite::Result<Option<String>> {
    let found: i64 = connection.query_row("SELECT count(*) FROM transactions", [], |row| row.get(0))?;
    Ok((found != rows).then(|| format!("it has {found} rows instead of {rows}")))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn inode(path: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(path)?.ino())
}
