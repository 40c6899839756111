//! Events in our own JSON: `{"events": [...]}`.

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::given::{Given, or_of};
use super::properties::{Properties, text_of};
use crate::http::charge::ChargeFields;
use crate::http::fields::PriceTypeField;

/// Events, each alone.
#[derive(Deserialize, ToSchema)]
#[schema(as = EventBatch)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchBody<'a> {
    /// 1 to 10,000 events.
    #[serde(borrow)]
    #[schema(value_type = Vec<OurEvent>, min_items = 1, max_items = 10_000)]
    pub(super) events: Vec<&'a RawValue>,
}

/// Usage that happened.
#[derive(Deserialize, ToSchema)]
#[schema(as = Event)]
#[serde(deny_unknown_fields)]
pub(crate) struct OurEvent<'a> {
    /// Its id at its source: at most 128 bytes. Without one, a repeat is another event (unless an `Idempotency-Key` is given).
    event_id: Option<Box<str>>,
    /// Where it comes from: at most 100 bytes.
    source: Option<Box<str>>,
    /// The meter: 1 to 64 bytes.
    meter: Option<Box<str>>,
    /// Whose usage; an unknown customer is made.
    customer_id: Option<Box<str>>,
    /// When it happened; absent = now. At most 5 minutes ahead and 35 days old.
    timestamp: Option<Box<str>>,
    /// How much; absent: the property `quantity`, else 1. A rate card may name another property that counts instead.
    #[serde(borrow)]
    #[schema(value_type = Option<crate::http::fields::Number>)]
    quantity: Option<&'a RawValue>,
    /// What it is like.
    properties: Option<Properties>,
    /// The budget that it counts in; absent: the property of this name. So are the three below.
    budget_id: Option<Box<str>>,
    /// The feature used.
    feature: Option<Box<str>>,
    /// Only this wallet pays.
    wallet_id: Option<Box<str>>,
    /// Only wallets of this currency pay.
    currency: Option<Box<str>>,
    /// Only wallets of this price unit pay.
    price_unit: Option<Box<str>>,
    /// What the charge is for; default USAGE.
    price_type: Option<PriceTypeField>,
}

impl From<OurEvent<'_>> for Given {
    fn from(event: OurEvent<'_>) -> Self {
        let properties = event.properties.unwrap_or_default();
        let charge = ChargeFields {
            budget_id: event.budget_id,
            feature: event.feature,
            wallet_id: event.wallet_id,
            currency: event.currency,
            price_unit: event.price_unit,
            price_type: event.price_type,
        };
        Self {
            customer: event.customer_id,
            source: event.source,
            id: event.event_id,
            timestamp: event.timestamp,
            meter: event.meter,
            quantity: event.quantity.and_then(text_of),
            charge: or_of(charge, &properties),
            properties,
        }
    }
}
