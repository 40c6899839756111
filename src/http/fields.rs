//! Fields of requests: reading them, and the limits of their sizes (API §1). Everything here answers 400 or 422 with the field's name.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use coffer_ledger::amount::{AmountError, Credits, Money, Rate, Usage};
use coffer_ledger::command::{Memo, Metadata};
use coffer_ledger::ids::{HoldId, RowId, WalletId};
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::{Currency, PriceType, PriceUnit};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::error::ApiError;
use super::rfc3339;

/// Bytes of a customer's name.
const NAME_BYTES_MAX: usize = 128;
/// Bytes of a description.
const DESCRIPTION_BYTES_MAX: usize = 512;
/// Bytes of a reference's type and of its id.
const REFERENCE_BYTES_MAX: usize = 128;
/// Bytes of a feature's name.
const FEATURE_BYTES_MAX: usize = 64;
/// Bytes of a meter's name.
const METER_BYTES_MAX: usize = 64;
/// Bytes of what the caller names invoices, their lines and budgets.
const OWN_ID_BYTES_MAX: usize = 128;
/// Features of a scope.
const SCOPE_FEATURES_MAX: usize = 16;
/// Metadata pairs, and bytes of a key and of a value.
const METADATA_PAIRS_MAX: usize = 20;
const METADATA_KEY_BYTES_MAX: usize = 64;
const METADATA_VALUE_BYTES_MAX: usize = 512;
/// Names that are taken by paths.
const RESERVED_NAMES: [&str; 5] = [".", "..", "wallets", "search", "external"];

/// A decimal in a request: a JSON number, or a string that holds exactly one. Its own text, never a float (SEMANTICS §2).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Number<'a>(#[serde(borrow)] &'a RawValue);

impl<'a> Number<'a> {
    /// The number's text, without the quotes of a string. A string with escapes keeps its backslashes, and so is no number.
    pub(crate) fn text(self) -> &'a str {
        let raw = self.0.get();
        raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw)
    }

    fn read<T>(self, field: &str, parse: impl Fn(&str) -> Result<T, AmountError>) -> Result<T, ApiError> {
        parse(self.text()).map_err(|error| ApiError::amount(field, error))
    }

    /// As credits.
    pub(crate) fn credits(self, field: &str) -> Result<Credits, ApiError> {
        self.read(field, Credits::parse_json)
    }

    /// As money.
    pub(crate) fn money(self, field: &str) -> Result<Money, ApiError> {
        self.read(field, Money::parse_json)
    }

    /// As units of a meter.
    pub(crate) fn usage(self, field: &str) -> Result<Usage, ApiError> {
        self.read(field, Usage::parse_json)
    }

    /// As a rate.
    pub(crate) fn rate(self, field: &str) -> Result<Rate, ApiError> {
        self.read(field, Rate::parse_json)
    }
}

impl PartialSchema for Number<'_> {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(SchemaType::new(Type::String)))
            .item(ObjectBuilder::new().schema_type(SchemaType::new(Type::Number)))
            .description(Some("A decimal number, as a JSON number or as a string that holds one: at most 15 fractional and 12 integer digits."))
            .examples(["12.5"])
            .into()
    }
}

impl ToSchema for Number<'_> {
    fn name() -> Cow<'static, str> {
        "DecimalInput".into()
    }
}

/// A field whose rule comes in a later version: absent or null, else refused.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
#[expect(dead_code, reason = "only its presence counts")]
pub(crate) struct Later<'a>(#[serde(borrow)] &'a RawValue);

impl Later<'_> {
    /// Refuses a given value.
    pub(crate) fn refuse(given: Option<Self>, field: &str) -> Result<(), ApiError> {
        given.map_or(Ok(()), |_| Err(ApiError::not_available(field)))
    }
}

impl PartialSchema for Later<'_> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Null))
            .description(Some("Not available in this version: a value is refused."))
            .into()
    }
}

impl ToSchema for Later<'_> {
    fn name() -> Cow<'static, str> {
        "NotAvailable".into()
    }
}

/// Metadata as it came: string → string, keys unique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PairsField(pub(crate) Metadata);

impl<'de> Deserialize<'de> for PairsField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = PairsField;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PairsField, A::Error> {
                let mut pairs = Metadata::new();
                while let Some(pair) = map.next_entry()? {
                    // Refused with its limit later; until then a flood of pairs must not cost more than its bytes.
                    if pairs.len() <= METADATA_PAIRS_MAX {
                        pairs.push(pair);
                    }
                }
                Ok(PairsField(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

impl PartialSchema for PairsField {
    fn schema() -> RefOr<Schema> {
        super::wire::Pairs::schema()
    }
}

impl ToSchema for PairsField {
    fn name() -> Cow<'static, str> {
        "Metadata".into()
    }
}

/// Metadata within its limits, sorted.
pub(crate) fn metadata(given: Option<PairsField>) -> Result<Metadata, ApiError> {
    pairs("metadata", given)
}

/// Key-value pairs within the limits of metadata, sorted.
pub(crate) fn pairs(field: &str, given: Option<PairsField>) -> Result<Metadata, ApiError> {
    let PairsField(mut pairs) = given.unwrap_or_default();
    if pairs.len() > METADATA_PAIRS_MAX {
        return Err(ApiError::field(field, "at most 20 pairs"));
    }
    for (key, value) in &pairs {
        if key.is_empty() || key.len() > METADATA_KEY_BYTES_MAX {
            return Err(ApiError::field(field, "a key has 1 to 64 bytes"));
        }
        if value.len() > METADATA_VALUE_BYTES_MAX {
            return Err(ApiError::field(field, "a value has at most 512 bytes"));
        }
    }
    pairs.sort();
    if pairs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(ApiError::field(field, "a key stands there twice"));
    }
    Ok(pairs)
}

/// A name of the caller's for something: an invoice, a line of it, a budget.
pub(crate) fn own_id(field: &str, id: Box<str>) -> Result<Box<str>, ApiError> {
    if id.is_empty() || id.len() > OWN_ID_BYTES_MAX {
        return Err(ApiError::field(field, "1 to 128 bytes"));
    }
    Ok(id)
}

/// A meter's name.
pub(crate) fn meter(field: &str, name: Box<str>) -> Result<Box<str>, ApiError> {
    if name.is_empty() || name.len() > METER_BYTES_MAX {
        return Err(ApiError::field(field, "1 to 64 bytes"));
    }
    Ok(name)
}

/// A text of at most so many bytes.
pub(crate) fn text(
    field: &str,
    given: Option<Box<str>>,
    bytes_max: usize,
) -> Result<Option<Box<str>>, ApiError> {
    match given {
        Some(text) if text.len() > bytes_max => {
            Err(ApiError::field(field, &format!("at most {bytes_max} bytes")))
        }
        given => Ok(given),
    }
}

/// A description within its limit.
pub(crate) fn description(given: Option<Box<str>>) -> Result<Option<Box<str>>, ApiError> {
    text("description", given, DESCRIPTION_BYTES_MAX)
}

/// A reason within the limit of a description.
pub(crate) fn reason(given: Option<Box<str>>) -> Result<Option<Box<str>>, ApiError> {
    text("reason", given, DESCRIPTION_BYTES_MAX)
}

/// A feature's name.
pub(crate) fn feature(given: Option<Box<str>>) -> Result<Option<Box<str>>, ApiError> {
    match given {
        Some(name) if name.is_empty() || name.len() > FEATURE_BYTES_MAX => {
            Err(ApiError::field("feature", "1 to 64 bytes"))
        }
        given => Ok(given),
    }
}

/// The words of a row.
pub(crate) fn memo(
    reference_type: Option<Box<str>>,
    reference_id: Option<Box<str>>,
    given_description: Option<Box<str>>,
    pairs: Option<PairsField>,
) -> Result<Memo, ApiError> {
    Ok(Memo {
        reference_type: text("reference_type", reference_type, REFERENCE_BYTES_MAX)?,
        reference_id: text("reference_id", reference_id, REFERENCE_BYTES_MAX)?,
        description: description(given_description)?,
        metadata: metadata(pairs)?,
    })
}

/// A name that a customer may be looked up by.
pub(crate) fn known_name<'a>(field: &str, name: &'a str) -> Result<&'a str, ApiError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(ApiError::field(field, "1 to 128 bytes"));
    }
    if name.chars().any(char::is_control) {
        return Err(ApiError::field(field, "no control characters"));
    }
    Ok(name)
}

/// A name that a new customer may get.
pub(crate) fn new_name<'a>(field: &str, name: &'a str) -> Result<&'a str, ApiError> {
    if RESERVED_NAMES.contains(&name) {
        return Err(ApiError::field(field, "this name is reserved"));
    }
    known_name(field, name)
}

/// A wallet's id.
pub(crate) fn wallet_id(field: &str, text: &str) -> Result<WalletId, ApiError> {
    text.parse().map_err(|_| ApiError::field(field, "not an id of a wallet"))
}

/// A hold's id.
pub(crate) fn hold_id(field: &str, text: &str) -> Result<HoldId, ApiError> {
    text.parse().map_err(|_| ApiError::field(field, "not an id of a hold"))
}

/// A ledger row's id.
pub(crate) fn row_id(field: &str, text: &str) -> Result<RowId, ApiError> {
    text.parse().map_err(|_| ApiError::field(field, "not an id of a transaction"))
}

/// A currency.
pub(crate) fn currency(text: &str) -> Result<Currency, ApiError> {
    Currency::parse(text).map_err(|error| ApiError::field("currency", &error.to_string()))
}

/// A price unit.
pub(crate) fn price_unit(given: Option<&str>) -> Result<Option<PriceUnit>, ApiError> {
    given
        .map(|text| PriceUnit::parse(text).map_err(|error| ApiError::field("price_unit", &error.to_string())))
        .transpose()
}

/// An instant.
pub(crate) fn time(field: &str, given: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    given
        .map(|text| {
            rfc3339::parse(text)
                .ok_or_else(|| ApiError::field(field, "not an RFC 3339 time between 1970 and 2262"))
        })
        .transpose()
}

/// An IANA time zone.
pub(crate) fn time_zone(field: &str, name: &str) -> Result<(), ApiError> {
    match name.parse::<chrono_tz::Tz>() {
        Ok(_) => Ok(()),
        Err(_) => Err(ApiError::field(field, "not an IANA time zone")),
    }
}

/// What a charge is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub(crate) enum PriceTypeField {
    /// Metered use.
    #[default]
    #[serde(rename = "USAGE")]
    Usage,
    /// A fixed fee.
    #[serde(rename = "FIXED")]
    Fixed,
}

impl From<PriceTypeField> for PriceType {
    fn from(field: PriceTypeField) -> Self {
        match field {
            PriceTypeField::Usage => Self::Usage,
            PriceTypeField::Fixed => Self::Fixed,
        }
    }
}

/// What a wallet or a tranche admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub(crate) enum AdmittedField {
    /// Metered use.
    #[serde(rename = "USAGE")]
    Usage,
    /// Fixed fees.
    #[serde(rename = "FIXED")]
    Fixed,
    /// Both.
    #[serde(rename = "ALL")]
    All,
}

/// A set of price types; at least one.
pub(crate) fn price_types(field: &str, given: &[AdmittedField]) -> Result<PriceTypes, ApiError> {
    if given.is_empty() {
        return Err(ApiError::field(field, "at least one of USAGE, FIXED, ALL"));
    }
    if given.contains(&AdmittedField::All) {
        return Ok(PriceTypes::ALL);
    }
    Ok(PriceTypes {
        usage: given.contains(&AdmittedField::Usage),
        fixed: given.contains(&AdmittedField::Fixed),
        all: false,
    })
}

/// What a tranche may pay for.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopeField {
    /// Price types; absent: USAGE for promotional credit, ALL for the rest.
    price_types: Option<Vec<AdmittedField>>,
    /// Names of features, at most 16; absent or empty: every feature.
    features: Option<Vec<Box<str>>>,
}

impl ScopeField {
    /// The scope; `promotional` decides the default of `price_types`.
    pub(crate) fn read(self, promotional: bool) -> Result<Scope, ApiError> {
        let price_types = match &self.price_types {
            Some(given) => price_types("scope.price_types", given)?,
            None if promotional => PriceTypes::USAGE,
            None => PriceTypes::ALL,
        };
        let mut features = self.features.unwrap_or_default();
        if features.len() > SCOPE_FEATURES_MAX {
            return Err(ApiError::field("scope.features", "at most 16"));
        }
        if features.iter().any(|name| name.is_empty() || name.len() > FEATURE_BYTES_MAX) {
            return Err(ApiError::field("scope.features", "names of 1 to 64 bytes"));
        }
        features.sort();
        features.dedup();
        let features = (!features.is_empty()).then(|| Arc::from(features));
        Ok(Scope { price_types, features })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(json: &str) -> Result<Credits, ApiError> {
        let number: Number<'_> = serde_json::from_str(json).unwrap();
        number.credits("credits")
    }

    #[test]
    fn numbers_and_strings_are_read_from_their_own_digits() {
        for (json, shown) in [
            ("1", "1"),
            ("\"1\"", "1"),
            ("7954.136132619662", "7954.136132619662"),
            ("1e3", "1000"),
            ("\"0.000000000000001\"", "0.000000000000001"),
            ("999999999999.999999999999999", "999999999999.999999999999999"),
        ] {
            assert_eq!(number(json).unwrap().to_string(), shown, "{json}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_field() {
        for json in [
            "true",
            "{}",
            "[1]",
            "\"\"",
            "\"+1\"",
            "\"1_000\"",
            "\" 1\"",
            "\"NaN\"",
            "\"\\u0031\"",
            "\"1",
            "\"",
        ] {
            if let Ok(number) = serde_json::from_str::<Number<'_>>(json) {
                let error = number.credits("credits").unwrap_err();
                assert_eq!(error.code().as_str(), "validation_error", "{json}");
            }
        }
        assert_eq!(number("0.0000000000000001").unwrap_err().code().as_str(), "amount_precision");
        assert_eq!(number("1000000000000").unwrap_err().code().as_str(), "amount_overflow");
    }

    #[test]
    fn metadata_is_sorted_and_its_keys_are_unique() {
        let read = |json: &str| metadata(Some(serde_json::from_str(json).unwrap()));
        let pairs = read(r#"{"b":"2","a":"1"}"#).unwrap();
        assert_eq!(pairs, [("a".into(), "1".into()), ("b".into(), "2".into())]);
        read(r#"{"a":"1","a":"2"}"#).unwrap_err();
        read(r#"{"":"1"}"#).unwrap_err();
        let many: Vec<String> = (0..21).map(|i| format!("\"k{i}\":\"v\"")).collect();
        read(&format!("{{{}}}", many.join(","))).unwrap_err();
        assert!(serde_json::from_str::<PairsField>(r#"{"a":1}"#).is_err());
    }

    #[test]
    fn names_of_customers_keep_their_rules() {
        for name in ["a", "cust_ABC123", "tenant/with/slash", "名前", &"x".repeat(128)] {
            new_name("customer_id", name).unwrap();
        }
        for name in ["", ".", "..", "wallets", "search", "external", "a\u{7}", "a\nb", &"x".repeat(129)] {
            new_name("customer_id", name).unwrap_err();
        }
    }
}
