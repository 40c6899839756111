//! What rows can be filtered and sorted by, and how each value is read.

use coffer_ledger::amount::Credits;
use coffer_ledger::ids::{GrantId, HoldId, KeyId, RowId, TrancheId, TransferId, WalletId};

use crate::feed::history::{Column, Given, Test};
use crate::http::error::ApiError;
use crate::http::rfc3339;

/// How a field's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Amount,
    Number,
    Time,
    Wallet,
    Tranche,
    Grant,
    Hold,
    Transfer,
    Row,
    Key,
}

/// A field of a row, as requests name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    name: &'static str,
    pub(super) column: Column,
    kind: Kind,
}

const FIELDS: &[Field] = &[
    field("type", Column::Type, Kind::Text),
    field("transaction_status", Column::Status, Kind::Text),
    field("transaction_reason", Column::Reason, Kind::Text),
    field("credit_amount", Column::Credits, Kind::Amount),
    field("amount", Column::Amount, Kind::Amount),
    field("currency", Column::Currency, Kind::Text),
    field("priority", Column::Priority, Kind::Number),
    field("expiry_date", Column::ExpiresAt, Kind::Time),
    field("effective_at", Column::EffectiveAt, Kind::Time),
    field("created_at", Column::RecordedAt, Kind::Time),
    field("recorded_at", Column::RecordedAt, Kind::Time),
    field("wallet_id", Column::Wallet, Kind::Wallet),
    field("tranche_id", Column::Tranche, Kind::Tranche),
    field("grant_id", Column::Grant, Kind::Grant),
    field("hold_id", Column::Hold, Kind::Hold),
    field("transfer_id", Column::Transfer, Kind::Transfer),
    field("source_id", Column::Invoice, Kind::Text),
    field("parent_transaction_id", Column::Parent, Kind::Row),
    field("completes_transaction_id", Column::Completes, Kind::Row),
    field("created_by", Column::By, Kind::Key),
    field("reference_type", Column::ReferenceType, Kind::Text),
    field("reference_id", Column::ReferenceId, Kind::Text),
    field("description", Column::Description, Kind::Text),
    field("idempotency_key", Column::IdempotencyKey, Kind::Text),
];

const fn field(name: &'static str, column: Column, kind: Kind) -> Field {
    Field { name, column, kind }
}

impl Field {
    /// The field of this name.
    pub(super) fn named(name: &str) -> Result<Self, ApiError> {
        let found = FIELDS.iter().find(|field| field.name == name).copied();
        let names = || FIELDS.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| ApiError::field("field", &format!("{name}: one of {}", names())))
    }

    /// A value; `None` for an id that is none, which no row has.
    pub(super) fn value(self, text: &str) -> Result<Option<Given>, ApiError> {
        let id = |bits: Option<u128>| Ok(bits.map(Given::Id));
        match self.kind {
            Kind::Text => Ok(Some(Given::Text(text.into()))),
            Kind::Amount => Credits::parse_json(text)
                .map(|credits| Some(Given::Amount(credits.0)))
                .map_err(|error| ApiError::amount(self.name, error)),
            Kind::Number => text
                .parse::<u32>()
                .map(|number| Some(Given::Number(u64::from(number))))
                .map_err(|_| ApiError::field(self.name, "a whole number")),
            Kind::Time => rfc3339::parse(text)
                .map(|at| Some(Given::Number(at.0)))
                .ok_or_else(|| ApiError::field(self.name, "not an RFC 3339 time between 1970 and 2262")),
            Kind::Wallet => id(text.parse::<WalletId>().ok().map(|id| id.0.0)),
            Kind::Tranche => id(text.parse::<TrancheId>().ok().map(|id| id.0.0)),
            Kind::Grant => id(text.parse::<GrantId>().ok().map(|id| id.0.0)),
            Kind::Hold => id(text.parse::<HoldId>().ok().map(|id| id.0.0)),
            Kind::Transfer => id(text.parse::<TransferId>().ok().map(|id| id.0.0)),
            Kind::Row => id(text.parse::<RowId>().ok().map(|id| id.0)),
            Kind::Key => id(text.parse::<KeyId>().ok().map(|id| id.0.0)),
        }
    }

    /// What an operator with these values asks.
    pub(super) fn test(self, operator: &str, values: &[&str]) -> Result<Test, ApiError> {
        let given =
            || values.iter().filter_map(|text| self.value(text).transpose()).collect::<Result<Vec<_>, _>>();
        let one = || match values {
            [text] => Ok(*text),
            _ => Err(ApiError::field(self.name, "one value")),
        };
        let ordered = || {
            let sorts = matches!(self.kind, Kind::Amount | Kind::Number | Kind::Time);
            let value = if sorts { self.value(one()?)? } else { None };
            value.ok_or_else(|| ApiError::field(self.name, &format!("has no operator {operator}")))
        };
        let text = || match self.kind {
            Kind::Text => one().map(Box::from),
            _ => Err(ApiError::field(self.name, &format!("has no operator {operator}"))),
        };
        match operator {
            "eq" => one().and_then(|_| given()).map(Test::In),
            "in" => given().map(Test::In),
            "not_in" => given().map(Test::NotIn),
            "gt" | "after" => ordered().map(Test::Above),
            "gte" => ordered().map(Test::AtLeast),
            "lt" | "before" => ordered().map(Test::Below),
            "lte" => ordered().map(Test::AtMost),
            "contains" => text().map(Test::Contains),
            "not_contains" => text().map(Test::NotContains),
            _ => Err(ApiError::field(
                "operator",
                "eq, contains, not_contains, gt, gte, lt, lte, in, not_in, before or after",
            )),
        }
    }
}
