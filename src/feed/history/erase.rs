//! What is done to a stopped server's history: everything personal of a customer taken out of it; and how far it is. The writer of one
//! that is open does the same ([`super::Store::erase`]).

use coffer_ledger::ids::{CustomerNumber, LogPosition};

use super::{Place, StoreError, postgres, sqlite};

/// What is personal in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasable {
    /// The customer whose rows are erased.
    pub customer: CustomerNumber,
    /// Those up to this record.
    pub through: LogPosition,
    /// Other customers' records that name it.
    pub mentions: Vec<LogPosition>,
}

impl Erasable {
    /// Everything that is there.
    pub(super) fn all(customer: CustomerNumber, mentions: &[LogPosition]) -> Self {
        Self { customer, through: LogPosition(i64::MAX.cast_unsigned()), mentions: mentions.to_vec() }
    }
}

/// How many rows [`erase`] would change; 0 when there is no history.
///
/// # Errors
/// The history cannot be read.
pub fn erasable(
    place: &Place,
    customer: CustomerNumber,
    mentions: &[LogPosition],
) -> Result<u64, EraseError> {
    match place {
        Place::File(path) => sqlite::erasable(path, &Erasable::all(customer, mentions)),
        Place::Postgres(address) => postgres::erasable(address, &Erasable::all(customer, mentions)),
    }
}

/// Erases the rows of a customer, and those of other customers' records that name it. Returns how many rows changed.
///
/// # Errors
/// The history cannot be written; what was erased of it stays so.
pub fn erase(place: &Place, customer: CustomerNumber, mentions: &[LogPosition]) -> Result<u64, EraseError> {
    match place {
        Place::File(path) => sqlite::erase(path, &Erasable::all(customer, mentions)),
        Place::Postgres(address) => postgres::erase(address, &Erasable::all(customer, mentions)),
    }
}

/// The last record whose rows a stopped server's history has; 0 when there is none.
///
/// # Errors
/// The history cannot be read.
pub fn followed_to(place: &Place) -> Result<u64, EraseError> {
    match place {
        Place::File(path) => sqlite::followed_to(path),
        Place::Postgres(address) => postgres::followed_to(address),
    }
}

/// Why a history was not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// Another process reads it.
    #[error("the history is in use by another process; end that and run the same command again")]
    InUse,
    /// The file.
    #[error(
        "the history cannot be changed: {0}; if it is damaged, remove it: the next start makes it anew from the log"
    )]
    File(String),
}

impl From<StoreError> for EraseError {
    fn from(error: StoreError) -> Self {
        Self::File(error.to_string())
    }
}
