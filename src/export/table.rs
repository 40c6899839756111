//! What an export's lines look like, whatever the format: columns with their types, and a line as a list of cells.
//!
//! A format decides how a type is written (docs/EXPORTS.md, "Types"); a kind never asks which format it is written in.

use std::borrow::Cow;

use coffer_ledger::amount::{Credits, Money, Rate, Usage};
use coffer_ledger::ids::{GrantId, HoldId, KeyId, RateCardId, RowId, TrancheId, TransferId, WalletId};
use coffer_ledger::time::Timestamp;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Our own words and ids: never anything that a spreadsheet takes for a formula.
    Word,
    /// Text of the caller's.
    Text,
    /// A whole number.
    Integer,
    /// An instant: RFC 3339 in UTC as text, nanoseconds in Parquet.
    Time,
    /// A decimal number: normalised as text, `decimal(38, 15)` in Parquet.
    Decimal,
    /// A JSON object, as text everywhere but in JSON Lines, where it is the object itself.
    Json,
}

impl Type {
    /// The word that manifests use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Time => "timestamp",
            Self::Decimal => "decimal(38,15)",
            Self::Json => "json",
        }
    }
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name; letters, digits and underscores.
    pub name: &'static str,
    /// What it holds.
    pub holds: Type,
    /// Whether a line may have nothing there.
    pub nullable: bool,
}

/// A column that every line fills.
pub(crate) const fn column(name: &'static str, holds: Type) -> Column {
    Column { name, holds, nullable: false }
}

/// A column that a line may leave out.
pub(crate) const fn nullable(name: &'static str, holds: Type) -> Column {
    Column { name, holds, nullable: true }
}

/// The shape of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// The kind's name, as the command line and the API say it.
    pub name: &'static str,
    /// Counts changes of the columns or of their meaning.
    pub version: u32,
    /// The columns, in order.
    pub columns: &'static [Column],
}

/// A value of a line. `Null` only where the column is nullable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    Null,
    Text(Cow<'a, str>),
    Id(&'static str, u128),
    Integer(u64),
    Time(Timestamp),
    Decimal(i128),
    Json(Cow<'a, str>),
}

impl Cell<'_> {
    /// What a value that may be missing makes.
    pub(crate) fn of<T>(value: Option<T>) -> Self
    where
        Self: From<T>,
    {
        value.map_or(Self::Null, Self::from)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u64> for Cell<'_> {
    fn from(number: u64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Cell<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<Timestamp> for Cell<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Time(at)
    }
}

macro_rules! cells {
    (decimals: $($decimal:ident),*; ids: $($id:ident => $bits:expr),* $(,)?) => {
        $(impl From<$decimal> for Cell<'_> {
            fn from(amount: $decimal) -> Self {
                Self::Decimal(amount.0)
            }
        })*
        $(impl From<$id> for Cell<'_> {
            fn from(id: $id) -> Self {
                let bits: fn($id) -> u128 = $bits;
                Self::Id($id::PREFIX, bits(id))
            }
        })*
    };
}

cells! {
    decimals: Credits, Money, Rate, Usage;
    ids: RowId => |id| id.0,
         WalletId => |id| id.0.0,
         TrancheId => |id| id.0.0,
         HoldId => |id| id.0.0,
         TransferId => |id| id.0.0,
         GrantId => |id| id.0.0,
         RateCardId => |id| id.0.0,
         KeyId => |id| id.0.0,
}
