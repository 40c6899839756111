//! A value of a column, before a backend writes it in its own form.

use coffer_ledger::amount::{Credits, Money, Rate, Usage};
use coffer_ledger::ids::CustomerNumber;
use coffer_ledger::ids::{
    AlertId, GrantId, HoldId, InvoiceId, KeyId, LogPosition, RateCardId, RechargeId, RowId, TenantNumber,
    TrancheId, TransferId, WalletId,
};
use coffer_ledger::time::Timestamp;

/// A value of a column, borrowed where it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    Text(&'a str),
    Owned(String),
    /// What the printed id begins with, and its bits.
    Id(&'static str, u128),
    /// Units of 10⁻¹⁵.
    Amount(i128),
    /// A count, or a time in nanoseconds; what is later than 2262 wraps into the negative and reads back right.
    Number(i64),
    Null,
}

impl<'a> Cell<'a> {
    /// The value, or nothing.
    pub(super) fn maybe(value: Option<impl Into<Self>>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell<'_> {
    fn from(value: i64) -> Self {
        Self::Number(value)
    }
}

impl From<u64> for Cell<'_> {
    fn from(value: u64) -> Self {
        Self::Number(value.cast_signed())
    }
}

macro_rules! cells {
    ($($kind:ident => |$value:ident| $cell:expr),* $(,)?) => {$(
        impl From<$kind> for Cell<'_> {
            fn from($value: $kind) -> Self {
                $cell
            }
        }
    )*};
}

cells! {
    WalletId => |id| Self::Id(WalletId::PREFIX, id.0.0),
    TrancheId => |id| Self::Id(TrancheId::PREFIX, id.0.0),
    HoldId => |id| Self::Id(HoldId::PREFIX, id.0.0),
    TransferId => |id| Self::Id(TransferId::PREFIX, id.0.0),
    GrantId => |id| Self::Id(GrantId::PREFIX, id.0.0),
    KeyId => |id| Self::Id(KeyId::PREFIX, id.0.0),
    RateCardId => |id| Self::Id(RateCardId::PREFIX, id.0.0),
    AlertId => |id| Self::Id(AlertId::PREFIX, id.0.0),
    RechargeId => |id| Self::Id(RechargeId::PREFIX, id.0.0),
    InvoiceId => |id| Self::Id(InvoiceId::PREFIX, id.0.0),
    RowId => |id| Self::Id(RowId::PREFIX, id.0),
    Credits => |credits| Self::Amount(credits.0),
    Money => |money| Self::Amount(money.0),
    Rate => |rate| Self::Amount(rate.0),
    Usage => |usage| Self::Amount(usage.0),
    Timestamp => |at| at.0.into(),
    LogPosition => |position| position.0.into(),
    CustomerNumber => |number| number.0.into(),
    TenantNumber => |number| u64::from(number.0).into(),
}
