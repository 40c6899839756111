//! The file, as its one writer sees it: open or made, checked whole, filled batch by batch.
//!
//! Rows and cursor change in one transaction, so the file is always the log's rows up to the cursor, wherever it was cut. What the
//! file holds is checked against that at every opening: SQLite's own check of its pages, and as many rows as the cursor says.
//! A file that does not pass is no loss: the log makes it anew. Absent on purpose: a sync per batch (WAL mode, `synchronous = NORMAL`:
//! a power cut takes the last batches away whole), upgrades of old tables, reading. Tested in `tests/history/`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::row::Row;
use super::schema;
use super::values::{number, number_of};
use crate::feed::cursor::Cursor;

/// How long another process may hold the file's lock before that is an answer.
const BUSY_MS: u64 = 1_000;
/// Pages of 4 KiB after which the write-ahead file is taken into the main one.
const CHECKPOINT_PAGES: i64 = 8_192;
/// KiB of pages that the writer keeps in memory.
const CACHE_KIB: i64 = 32_768;

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// It is damaged, older than this build, or of another log: to be made anew.
    #[error("{0}")]
    Unfit(String),
    /// It is not ours: never removed.
    #[error("it is no history of Coffer's")]
    Foreign,
    /// It cannot be used now: locked by another process, no space, no permission.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    /// Its directory cannot be used.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign,
            // Tables or rows that are not as they must be.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::ConstraintViolation | ErrorCode::Unknown) => {
                Self::Unfit(error.to_string())
            }
            Some(_) => Self::Sqlite(error),
            // A column that is not of the type that the tables say.
            None => Self::Unfit(error.to_string()),
        }
    }
}

/// The file, open for writing.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
    path: PathBuf,
    inode: u64,
    cursor: Cursor,
    counts: Counts,
}

/// Rows that there must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    transactions: i64,
    slices: i64,
}

impl Store {
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
        if fresh {
            schema::create(&mut connection)?;
        }
        let (cursor, counts) = read_cursor(&connection)?;
        check_whole(&connection, counts)?;
        let inode = inode(path)?;
        Ok(Self { connection, path: path.to_owned(), inode, cursor, counts })
    }

    /// How far it is.
    pub(crate) const fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Rows in it.
    pub(crate) fn rows(&self) -> u64 {
        number_of(self.counts.transactions)
    }

    /// Whether the file that is written is still the one of that name.
    pub(crate) fn is_in_place(&self) -> bool {
        inode(&self.path).is_ok_and(|inode| inode == self.inode)
    }

    /// Begins a batch; dropped unfinished, it leaves nothing.
    ///
    /// # Errors
    /// [`StoreError`]; also when somebody else has written to the file.
    pub(crate) fn begin(&mut self) -> Result<Filling<'_>, StoreError> {
        let (cursor, counts) = (&mut self.cursor, &mut self.counts);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if read_cursor(&transaction)? != (*cursor, *counts) {
            return Err(StoreError::Unfit("somebody else has written to it".to_owned()));
        }
        Ok(Filling { transaction, added: *counts, cursor, counts })
    }

    /// Takes the write-ahead file into the main one, so that the file is whole by itself.
    pub(crate) fn settle(&self) {
        // Left undone, the next opening does it.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    /// Removes a file that is of no use. One that is not ours gets another name instead.
    ///
    /// # Errors
    /// What the file system says.
    #[expect(clippy::disallowed_methods, reason = "SQLite's files do not go through Env's storage")]
    pub(crate) fn make_room(path: &Path, ours: bool) -> std::io::Result<()> {
        for suffix in ["-wal", "-shm", ""] {
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

/// A batch on its way into the file.
pub(crate) struct Filling<'a> {
    transaction: rusqlite::Transaction<'a>,
    cursor: &'a mut Cursor,
    counts: &'a mut Counts,
    added: Counts,
}

impl Filling<'_> {
    /// Adds a row and its slices.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn add(&mut self, row: &Row) -> Result<(), StoreError> {
        super::insert::row(&self.transaction, row)?;
        self.added.transactions += 1;
        self.added.slices += i64::try_from(row.parts.len()).unwrap_or(i64::MAX);
        Ok(())
    }

    /// Ends the batch: everything up to this cursor is in the file.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of the batch is.
    pub(crate) fn finish(self, cursor: Cursor) -> Result<(), StoreError> {
        let Counts { transactions, slices } = self.added;
        self.transaction
            .prepare_cached(
                "UPDATE cursor SET position = ?1, hash = ?2, at = ?3, transactions = ?4, slices = ?5",
            )?
            .execute((number(cursor.position), cursor.hash, number(cursor.at), transactions, slices))?;
        self.transaction.commit()?;
        (*self.cursor, *self.counts) = (cursor, self.added);
        Ok(())
    }
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

fn read_cursor(connection: &Connection) -> Result<(Cursor, Counts), StoreError> {
    let read = connection
        .prepare_cached("SELECT position, hash, at, transactions, slices FROM cursor")?
        .query_row([], |row| {
            let cursor = Cursor {
                position: number_of(row.get(0)?),
                // Before the first batch it is empty.
                hash: row.get::<_, Vec<u8>>(1)?.try_into().unwrap_or_default(),
                at: number_of(row.get(2)?),
            };
            Ok((cursor, Counts { transactions: row.get(3)?, slices: row.get(4)? }))
        });
    Ok(read?)
}

/// SQLite's own check of every page, and as many rows as there must be.
fn check_whole(connection: &Connection, counts: Counts) -> Result<(), StoreError> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(StoreError::Unfit(verdict));
    }
    let count = |table| connection.query_row(table, [], |row| row.get::<_, i64>(0));
    let found = Counts {
        transactions: count("SELECT count(*) FROM transactions")?,
        slices: count("SELECT count(*) FROM slices")?,
    };
    if found == counts {
        return Ok(());
    }
    Err(StoreError::Unfit(format!(
        "it has {} rows and {} slices instead of {} and {}",
        found.transactions, found.slices, counts.transactions, counts.slices
    )))
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
