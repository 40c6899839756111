//! CloudEvents 1.0 over HTTP: one event as JSON, many as a JSON array, or one in headers with its data as the body.
//!
//! Attributes: `id` and `source` say which event it is, `time` when it happened; `type` is the meter and `subject` the customer, unless
//! the data says `meter` or `customer_id`. Of the data, `quantity`, `budget_id`, `feature`, `wallet_id`, `currency`, `price_unit` and
//! `price_type` mean what they do in our own JSON; `properties` are the event's properties, or, without that, all the rest of the data.
//! Extensions are ignored.

use std::borrow::Cow;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::given::{Given, or_of, told};
use super::properties::{Properties, text_of};
use super::received::Unread;
use crate::http::body;
use crate::http::charge::ChargeFields;
use crate::http::error::ApiError;
use crate::http::fields::PriceTypeField;

const VERSION: &str = "1.0";
/// Names of the data that are not properties.
const OWN_NAMES: [&str; 9] = [
    "meter",
    "customer_id",
    "quantity",
    "budget_id",
    "feature",
    "wallet_id",
    "currency",
    "price_unit",
    "price_type",
];

/// How a request carries its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One CloudEvent, as JSON.
    Structured,
    /// CloudEvents, as a JSON array.
    Batched,
    /// One CloudEvent, its attributes in headers.
    Binary,
    /// Our own JSON.
    Ours,
}

impl Mode {
    /// As the headers say.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let content_type =
            headers.get(CONTENT_TYPE).map(axum::http::HeaderValue::as_bytes).unwrap_or_default();
        let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if essence.eq_ignore_ascii_case(b"application/cloudevents-batch+json") {
            Self::Batched
        } else if essence.eq_ignore_ascii_case(b"application/cloudevents+json") {
            Self::Structured
        } else if headers.contains_key("ce-specversion") {
            Self::Binary
        } else {
            Self::Ours
        }
    }
}

/// A CloudEvent. Extensions are ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CloudEvent<'a> {
    /// Always 1.0.
    specversion: Option<Box<str>>,
    /// Its id at its source: 1 to 128 bytes.
    id: Option<Box<str>>,
    /// Where it comes from: 1 to 100 bytes.
    source: Option<Box<str>>,
    /// The meter, unless the data says `meter`.
    #[serde(rename = "type")]
    kind: Option<Box<str>>,
    /// The customer, unless the data says `customer_id`.
    subject: Option<Box<str>>,
    /// When it happened; absent = now.
    time: Option<Box<str>>,
    /// The usage.
    #[serde(borrow)]
    #[schema(value_type = Option<CloudEventData>)]
    data: Option<&'a RawValue>,
    #[schema(ignore)]
    data_base64: Option<&'a RawValue>,
}

/// The data of a CloudEvent. Without `properties`, everything that is not named here is one.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct CloudEventData<'a> {
    meter: Option<Box<str>>,
    customer_id: Option<Box<str>>,
    #[serde(borrow)]
    #[schema(value_type = Option<crate::http::fields::Number>)]
    quantity: Option<&'a RawValue>,
    properties: Option<Properties>,
    budget_id: Option<Box<str>>,
    feature: Option<Box<str>>,
    wallet_id: Option<Box<str>>,
    currency: Option<Box<str>>,
    price_unit: Option<Box<str>>,
    price_type: Option<PriceTypeField>,
}

/// One event as JSON.
pub(super) fn structured(json: &[u8]) -> Result<Given, Unread> {
    let event: CloudEvent<'_> = body::parse(json)?;
    if event.data_base64.is_some() {
        let error = ApiError::field("data_base64", "send the data as JSON");
        return Err(Unread { id: told(event.id.as_deref()), error });
    }
    let data = event.data.map_or("", RawValue::get);
    let attributes = Attributes {
        specversion: event.specversion,
        id: event.id,
        source: event.source,
        kind: event.kind,
        subject: event.subject,
        time: event.time,
    };
    attributes.with(data.as_bytes())
}

/// One event whose attributes are headers.
pub(super) fn binary(headers: &HeaderMap, data: &[u8]) -> Result<Given, Unread> {
    let attributes = Attributes {
        specversion: attribute(headers, "ce-specversion")?,
        id: attribute(headers, "ce-id")?,
        source: attribute(headers, "ce-source")?,
        kind: attribute(headers, "ce-type")?,
        subject: attribute(headers, "ce-subject")?,
        time: attribute(headers, "ce-time")?,
    };
    attributes.with(data)
}

/// The attributes that say something to us.
struct Attributes {
    specversion: Option<Box<str>>,
    id: Option<Box<str>>,
    source: Option<Box<str>>,
    kind: Option<Box<str>>,
    subject: Option<Box<str>>,
    time: Option<Box<str>>,
}

impl Attributes {
    fn with(self, data: &[u8]) -> Result<Given, Unread> {
        let id = told(self.id.as_deref());
        self.given(data).map_err(|error| Unread { id, error })
    }

    fn given(self, data: &[u8]) -> Result<Given, ApiError> {
        if self.specversion.as_deref() != Some(VERSION) {
            return Err(ApiError::field("specversion", "must be 1.0"));
        }
        let data = data.trim_ascii();
        let is_absent = data.is_empty() || data == b"null";
        let fields = if is_absent { CloudEventData::default() } else { body::parse(data)? };
        let properties = match fields.properties {
            Some(properties) => properties,
            None if is_absent => Properties::default(),
            None => rest_of(data)?,
        };
        let charge = ChargeFields {
            budget_id: fields.budget_id,
            feature: fields.feature,
            wallet_id: fields.wallet_id,
            currency: fields.currency,
            price_unit: fields.price_unit,
            price_type: fields.price_type,
        };
        Ok(Given {
            customer: fields.customer_id.or(self.subject),
            source: Some(required("source", self.source)?),
            id: Some(required("id", self.id)?),
            timestamp: self.time,
            meter: fields.meter.or(Some(required("type", self.kind)?)),
            quantity: fields.quantity.and_then(text_of),
            charge: or_of(charge, &properties),
            properties,
        })
    }
}

fn rest_of(data: &[u8]) -> Result<Properties, ApiError> {
    let Properties(mut properties) = body::parse(data)?;
    properties.retain(|(name, _)| !OWN_NAMES.contains(&&**name));
    Ok(Properties(properties))
}

fn required(name: &str, value: Option<Box<str>>) -> Result<Box<str>, ApiError> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| ApiError::field(name, "missing"))
}

/// A header's value: in quotes or not, with what is not ASCII in percent encoding.
fn attribute(headers: &HeaderMap, name: &'static str) -> Result<Option<Box<str>>, ApiError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let value = value.as_bytes();
    let bare = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    let text = String::from_utf8(decoded(bare).into_owned());
    text.map(|text| Some(text.into())).map_err(|_| ApiError::field(name, "not UTF-8"))
}

fn decoded(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'%') {
        return value.into();
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value);
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(byte_of);
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    bytes.into()
}

fn byte_of(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_what_the_headers_say() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            Mode::of(
                &pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect(),
            )
        };
        assert_eq!(of(&[("content-type", "application/cloudevents+json; charset=utf-8")]), Mode::Structured);
        assert_eq!(of(&[("content-type", "application/cloudevents-batch+json")]), Mode::Batched);
        assert_eq!(of(&[("content-type", "application/json"), ("ce-specversion", "1.0")]), Mode::Binary);
        assert_eq!(of(&[("content-type", "application/json")]), Mode::Ours);
        assert_eq!(of(&[]), Mode::Ours);
    }

    #[test]
    fn headers_are_decoded() {
        for (given, read) in
            [("a%20b", "a b"), ("100%", "100%"), ("%E2%82%AC", "€"), ("%+1", "%+1"), ("\"q\"", "q")]
        {
            let headers = [("ce-id".parse().unwrap(), given.parse().unwrap())].into_iter().collect();
            assert_eq!(attribute(&headers, "ce-id").unwrap().as_deref(), Some(read), "{given}");
        }
    }

    #[test]
    fn data_without_properties_is_its_own() {
        let json = br#"{"specversion":"1.0","id":"1","source":"/a","type":"tokens","subject":"acme",
            "data":{"quantity":3,"model":"x","feature":"chat"},"myextension":7}"#;
        let given = structured(json).unwrap();
        assert_eq!(given.customer.as_deref(), Some("acme"));
        assert_eq!(given.meter.as_deref(), Some("tokens"));
        assert_eq!(given.quantity.as_deref(), Some("3"));
        assert_eq!(given.charge.feature.as_deref(), Some("chat"));
        assert_eq!(given.properties.0, [("model".into(), "x".into())]);
    }
}
