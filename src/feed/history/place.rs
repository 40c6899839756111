//! Where the history is kept: which backend, and which store of it.

use std::fmt;
use std::path::PathBuf;

use super::looked::Looked;
use super::postgres::{Address, PostgresLooked, PostgresReader, PostgresStore};
use super::reader::HistoryReader;
use super::sqlite::{LookedFile, SqliteReader, SqliteStore};
use super::{Store, StoreError};

/// Where the history is kept. Prints without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An SQLite file.
    File(PathBuf),
    /// A schema of a PostgreSQL database.
    Postgres(Box<Address>),
}

impl Place {
    /// Opens the store, or makes it; checks it whole. One writer has it at a time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(match self {
            Self::File(path) => Box::new(SqliteStore::open(path)?),
            Self::Postgres(address) => Box::new(PostgresStore::open(address)?),
        })
    }

    /// Removes what is of no use, so that the next opening makes it anew. What is not ours is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn make_room(&self, ours: bool) -> Result<(), StoreError> {
        match self {
            Self::File(path) => Ok(SqliteStore::make_room(path, ours)?),
            Self::Postgres(address) => PostgresStore::make_room(address),
        }
    }

    /// Looks at the store without touching it; `None`: there is none. Blocks.
    ///
    /// # Errors
    /// [`StoreError`]: it is damaged, not ours, or cannot be read.
    pub(in crate::feed) fn look_at(&self) -> Result<Option<Box<dyn Looked>>, StoreError> {
        Ok(match self {
            Self::File(path) if !path.is_file() => None,
            Self::File(path) => Some(Box::new(LookedFile::open(path)?)),
            Self::Postgres(address) => match PostgresLooked::open(address)? {
                Some(looked) => Some(Box::new(looked)),
                None => None,
            },
        })
    }

    /// One more reader. Blocks; never on a thread of the asynchronous runtime.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn reader(&self) -> Result<Box<dyn HistoryReader>, StoreError> {
        Ok(match self {
            Self::File(path) => Box::new(SqliteReader::open(path)?),
            Self::Postgres(address) => Box::new(PostgresReader::open(address)?),
        })
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Postgres(address) => write!(f, "{address}"),
        }
    }
}
