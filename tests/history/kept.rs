//! What the tests do to a store that is an SQLite file. `tests/history_postgres/kept.rs` says the same of PostgreSQL.

use std::path::PathBuf;

use coffer::feed::history::Place;
use rusqlite::Connection;

use crate::program::Random;

/// A store, and all that can be done to it.
pub(crate) struct Kept {
    dir: tempfile::TempDir,
}

impl Kept {
    /// Changes that only this store can be told in these words.
    pub(crate) const CHANGES: [(&'static str, &'static str); 6] = [
        ("another version", "PRAGMA user_version = 77"),
        (
            "tables of an older build",
            "DROP TABLE alert_changes; DROP TABLE recharges; PRAGMA user_version = 4",
        ),
        ("tables of an older build by its number only", "PRAGMA user_version = 4"),
        ("an index dropped", "DROP INDEX recharges_of_customer"),
        ("a table dropped", "DROP TABLE holds"),
        ("a cursor of another log", "UPDATE cursor SET hash = zeroblob(32)"),
    ];

    /// A place where no store is yet.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// The same, where nobody else is disturbed.
    pub(crate) fn alone() -> Self {
        Self::new()
    }

    /// Where it is.
    pub(crate) fn place(&self) -> Place {
        Place::File(self.file())
    }

    /// The variables that tell a server where it is.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![("COFFER_HISTORY_PATH", self.file().display().to_string())]
    }

    /// The file.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("history.db")
    }

    /// Does something to what stands in it.
    pub(crate) async fn sql(&self, sql: &str) {
        Connection::open(self.file()).unwrap().execute_batch(sql).unwrap();
    }

    /// The last record in it.
    pub(crate) async fn position(&self) -> i64 {
        let connection = Connection::open(self.file()).unwrap();
        connection.query_row("SELECT position FROM cursor", [], |row| row.get(0)).unwrap()
    }

    /// Takes over what stands in another that nobody uses.
    pub(crate) async fn copy_from(&self, other: &Self) {
        std::fs::copy(other.file(), self.file()).unwrap();
    }

    /// Keeps everybody from writing, until it is dropped.
    pub(crate) async fn lock(&self) -> Connection {
        let other = Connection::open(self.file()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE; UPDATE cursor SET at = at").unwrap();
        other
    }

    /// Takes it away.
    pub(crate) async fn remove(&self) {
        std::fs::remove_file(self.file()).unwrap();
    }

    /// Lets happen what can happen to such a store while it is written: nothing to a file.
    pub(crate) fn disturb(&self, _: &mut Random) {}
}
