//! Values as replies show them: decimals, ids and times as strings, written in place without an allocation. The same types give the
//! OpenAPI document its schemas.

use std::borrow::Cow;

use coffer_ledger::amount::text::Decimal;
use coffer_ledger::amount::{Credits, Money, Rate, Usage};
use coffer_ledger::ids::{
    self, AlertId, ApplicationId, EventId, GrantId, HoldId, InvoiceId, KeyId, MintedCustomerId, RateCardId,
    RechargeId, RowId, SubscriptionId, TrancheId, TransferId, WalletId, WebhookEndpointId,
};
use coffer_ledger::time::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::rfc3339;

/// A decimal number in units of 10⁻¹⁵, shown normalised: `"10"`, `"0.5"`, `"-3"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dec(pub(crate) i128);

impl Dec {
    /// Nothing.
    pub(crate) const ZERO: Self = Self(0);
}

impl From<Credits> for Dec {
    fn from(credits: Credits) -> Self {
        Self(credits.0)
    }
}

impl From<Money> for Dec {
    fn from(money: Money) -> Self {
        Self(money.0)
    }
}

impl From<Rate> for Dec {
    fn from(rate: Rate) -> Self {
        Self(rate.0)
    }
}

impl From<Usage> for Dec {
    fn from(usage: Usage) -> Self {
        Self(usage.0)
    }
}

impl Serialize for Dec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Decimal::new(self.0).as_str())
    }
}

impl PartialSchema for Dec {
    fn schema() -> RefOr<Schema> {
        text("A decimal number as a string: at most 15 fractional digits, normalised.", "12.5").into()
    }
}

impl ToSchema for Dec {
    fn name() -> Cow<'static, str> {
        "Decimal".into()
    }
}

/// An id: a prefix and 26 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    prefix: &'static str,
    bits: u128,
}

/// Longest prefix (`tranche_`) and the characters behind it.
const ID_BYTES_MAX: usize = 8 + 26;

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; ID_BYTES_MAX];
        let end = self.prefix.len() + 26;
        text[..self.prefix.len()].copy_from_slice(self.prefix.as_bytes());
        text[self.prefix.len()..end].copy_from_slice(&ids::encode(self.bits));
        serializer.serialize_str(std::str::from_utf8(&text[..end]).expect("ids are ASCII"))
    }
}

macro_rules! id_from {
    ($($name:ident => $bits:expr),* $(,)?) => {$(
        impl From<$name> for Id {
            fn from(id: $name) -> Self {
                let bits: fn($name) -> u128 = $bits;
                Self { prefix: $name::PREFIX, bits: bits(id) }
            }
        }
    )*};
}

id_from! {
    WalletId => |id| id.0.0,
    TrancheId => |id| id.0.0,
    MintedCustomerId => |id| id.0.0,
    KeyId => |id| id.0.0,
    HoldId => |id| id.0.0,
    RateCardId => |id| id.0.0,
    TransferId => |id| id.0.0,
    GrantId => |id| id.0.0,
    SubscriptionId => |id| id.0.0,
    ApplicationId => |id| id.0.0,
    RechargeId => |id| id.0.0,
    InvoiceId => |id| id.0.0,
    AlertId => |id| id.0.0,
    WebhookEndpointId => |id| id.0.0,
    RowId => |id| id.0,
    EventId => |id| id.0,
}

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        text(
            "An id: a prefix that names the kind of thing, and 26 characters that sort by creation.",
            "wallet_01KAM3T5Q00000000100000001",
        )
        .into()
    }
}

impl ToSchema for Id {
    fn name() -> Cow<'static, str> {
        "Id".into()
    }
}

/// A time in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(rfc3339::Text::new(self.0).as_str())
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        text("A time: RFC 3339, UTC.", "2026-11-21T23:40:00.123456789Z")
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

/// The caller's key-value pairs, as an object; the first value of a key counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairs<'a>(pub(crate) &'a [(Box<str>, Box<str>)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl PartialSchema for Pairs<'_> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .description(Some("The caller's own pairs: at most 20, keys of 64 bytes, values of 512."))
            .additional_properties(Some(ObjectBuilder::new().schema_type(SchemaType::new(Type::String))))
            .into()
    }
}

impl ToSchema for Pairs<'_> {
    fn name() -> Cow<'static, str> {
        "Metadata".into()
    }
}

/// A field that this version always leaves empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Absent;

impl Serialize for Absent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl PartialSchema for Absent {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Null))
            .description(Some("Always null in this version."))
            .into()
    }
}

impl ToSchema for Absent {
    fn name() -> Cow<'static, str> {
        "Absent".into()
    }
}

fn text(description: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .description(Some(description))
        .examples([example])
}

/// Money per credit that was paid for a tranche, for display: rounded down. `None` where that has more than 12 integer digits.
pub(crate) fn cost_basis(paid: Money, original: Credits) -> Option<Dec> {
    if paid.is_zero() || !original.is_positive() {
        return Some(Dec::ZERO);
    }
    if paid.0 == original.0 {
        return Some(Rate::ONE.into());
    }
    // A quotient of two amounts in the same units is the same formula whatever the amounts are called.
    Credits::for_amount_down(paid, Rate(original.0)).map(Dec::from)
}
