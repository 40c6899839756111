//! An event as it was given, whatever its form, and the command that it is.

use coffer_ledger::amount::Usage;
use coffer_ledger::catalog::rate_card::{self, RateCard};
use coffer_ledger::command::{Event, Metered};
use coffer_ledger::time::Timestamp;

use super::ids;
use super::properties::Properties;
use super::received::{ByKey, Received, Unread};
use crate::engine::TenantView;
use crate::http::call::Call;
use crate::http::charge::ChargeFields;
use crate::http::error::ApiError;
use crate::http::fields::{self, PairsField};

/// Bytes of an event's source and id.
const SOURCE_BYTES_MAX: usize = 100;
const ID_BYTES_MAX: usize = 128;
/// How an event says how much it was, itself or as a property.
pub(super) const QUANTITY: &str = "quantity";

/// What an event says. Names of fields in errors are those of our own JSON.
#[derive(Default)]
pub(super) struct Given {
    pub(super) customer: Option<Box<str>>,
    pub(super) source: Option<Box<str>>,
    /// None: one is made, from the idempotency key if there is one.
    pub(super) id: Option<Box<str>>,
    /// RFC 3339; none = now.
    pub(super) timestamp: Option<Box<str>>,
    pub(super) meter: Option<Box<str>>,
    /// How much, as a text.
    pub(super) quantity: Option<Box<str>>,
    pub(super) properties: Properties,
    /// Who pays, where the event may say it.
    pub(super) charge: ChargeFields,
}

/// What the event does not say itself and its properties do is taken from there.
pub(super) fn or_of(mut charge: ChargeFields, properties: &Properties) -> ChargeFields {
    let places = [
        (&mut charge.budget_id, "budget_id"),
        (&mut charge.feature, "feature"),
        (&mut charge.wallet_id, "wallet_id"),
        (&mut charge.currency, "currency"),
    ];
    for (place, name) in places {
        if place.is_none() {
            *place = properties.get(name).map(Into::into);
        }
    }
    charge
}

impl Given {
    /// The command. `key` is the request's idempotency key, which names the event if nothing else does.
    pub(super) fn read(self, call: &Call, key: Option<&str>) -> Result<Received, Unread> {
        let id = told(self.id.as_deref());
        self.received(call, key).map_err(|error| Unread { id, error })
    }

    fn received(self, call: &Call, key: Option<&str>) -> Result<Received, ApiError> {
        let view = call.engine().tenant_view(call.tenant()).ok_or_else(|| ApiError::not_found("tenant"))?;
        let now = call.engine().now_of(call.tenant());
        let customer = self.customer.filter(|name| !name.is_empty()).ok_or_else(|| missing("customer_id"))?;
        fields::new_name("customer_id", &customer)?;
        let timestamp = self.timestamp.filter(|text| !text.is_empty());
        let given_time = fields::time("timestamp", timestamp.as_deref())?;
        let timestamp = given_time.unwrap_or(now);
        let meter = fields::meter("meter", self.meter.ok_or_else(|| missing("meter"))?)?;
        let properties = fields::pairs("properties", Some(PairsField(self.properties.0)))?;
        let card = card(&view, &meter, &properties, timestamp);
        let quantity = quantity(card, self.quantity.as_deref(), &properties);
        let source = source(self.source)?;
        let id = fields::text("event_id", self.id, ID_BYTES_MAX)?.filter(|id| !id.is_empty());
        let by_key = key.filter(|_| id.is_none()).map(|_| ByKey {
            is_timed: given_time.is_some(),
            quantity: self.quantity,
            card: card.map(|card| (card.id, card.version)),
        });
        let id = match (id, key) {
            (Some(id), _) => id,
            (None, Some(key)) => ids::of_key(key),
            (None, None) => ids::new(call.engine(), now),
        };
        let charge = self.charge.read()?;
        let (quantity, unclear) = match quantity {
            Ok(quantity) => (quantity, None),
            Err(error) => (Usage::ONE, Some(error)),
        };
        let metered = Metered { meter, quantity, properties };
        let event = Event { customer, source, id, timestamp, metered, charge };
        Ok(Received { event, unclear, by_key })
    }
}

/// An id that can be told again, whatever else of the event cannot be read.
pub(super) fn told(id: Option<&str>) -> Option<Box<str>> {
    id.filter(|id| (1..=ID_BYTES_MAX).contains(&id.len())).map(Into::into)
}

fn missing(field: &str) -> ApiError {
    ApiError::field(field, "missing")
}

fn source(given: Option<Box<str>>) -> Result<Box<str>, ApiError> {
    Ok(fields::text("source", given, SOURCE_BYTES_MAX)?.unwrap_or_default())
}

/// The card that will price it. If it is replaced in the same instant, the quantity is what the older one asked for.
fn card<'a>(
    view: &'a TenantView,
    meter: &str,
    properties: &[(Box<str>, Box<str>)],
    at: Timestamp,
) -> Option<&'a RateCard> {
    rate_card::best(&view.rate_cards, meter, properties, at)
}

/// The property that the card names; else what the event says, itself or as a property; else one. A card may name `quantity`, which
/// the event may say either way.
fn quantity(
    card: Option<&RateCard>,
    given: Option<&str>,
    properties: &[(Box<str>, Box<str>)],
) -> Result<Usage, ApiError> {
    let read =
        |text: &str, field: &str| Usage::parse_json(text).map_err(|error| ApiError::amount(field, error));
    if let Some(name) = card.and_then(|card| card.quantity_property.as_deref()) {
        let field = format!("properties.{name}");
        return match (property(properties, name), given) {
            (Some(text), _) => read(text, &field),
            (None, Some(text)) if name == QUANTITY => read(text, QUANTITY),
            (None, _) => Err(ApiError::field(&field, "missing: the rate card says that it is the quantity")),
        };
    }
    match given.or_else(|| property(properties, QUANTITY)) {
        Some(text) => read(text, QUANTITY),
        None => Ok(Usage::ONE),
    }
}

/// The value of a property.
pub(super) fn property<'a>(properties: &'a [(Box<str>, Box<str>)], name: &str) -> Option<&'a str> {
    properties.iter().find(|(given, _)| **given == *name).map(|(_, value)| &**value)
}
