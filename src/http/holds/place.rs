//! `POST /v1/customers/{id}/holds`.

use axum::http::StatusCode;
use coffer_ledger::command::{Command, HoldAsked, OverCapture, PlaceHold};
use serde::Deserialize;
use utoipa::ToSchema;

use super::reply::HoldReply;
use super::submit;
use crate::http::batch::item::{Item, OpField, only_in_a_batch};
use crate::http::call::Call;
use crate::http::charge::{ChargeFields, MeterFields};
use crate::http::done::Done;
use crate::http::error::ApiError;
use crate::http::fields::{self, Number, PairsField, PriceTypeField};
use crate::http::reply::Reply;

/// Seconds that a hold lives if it does not say.
const EXPIRES_IN_DEFAULT_S: u32 = 600;

/// A hold. Give `credits`, or `min_credits` and `max_credits`, or `meter` with a `quantity`.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlaceHold)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldBody<'a> {
    /// What an item of a batch does; only in `/v1/batch`.
    op: Option<OpField>,
    /// Whose credit; only in a batch, elsewhere the path says it.
    customer_id: Option<Box<str>>,
    /// Exactly so many credits.
    #[serde(borrow)]
    credits: Option<Number<'a>>,
    /// At least so many; with `max_credits`.
    min_credits: Option<Number<'a>>,
    /// As many as there are, up to this; with `min_credits`.
    max_credits: Option<Number<'a>>,
    /// What usage of this meter costs, by the tenant's rate cards; at most 64 bytes.
    meter: Option<Box<str>>,
    /// So many units of the meter.
    quantity: Option<Number<'a>>,
    /// What the rate cards' filters look at.
    properties: Option<PairsField>,
    /// Seconds until the deadline, 1 to 604,800; default 600.
    expires_in: Option<u32>,
    /// What a capture of more does: draw (default), overdraft or reject.
    over_capture: Option<OverCaptureField>,
    /// Only wallets of this currency pay.
    currency: Option<Box<str>>,
    /// Only wallets of this price unit pay.
    price_unit: Option<Box<str>>,
    /// Only this wallet pays.
    wallet_id: Option<Box<str>>,
    /// What the charge is for; default USAGE.
    price_type: Option<PriceTypeField>,
    /// The feature used: at most 64 bytes.
    feature: Option<Box<str>>,
    /// The budget that it counts in, and those above it.
    budget_id: Option<Box<str>>,
    /// Kind of the thing referred to: at most 128 bytes.
    reference_type: Option<Box<str>>,
    /// Its id in your system: at most 128 bytes.
    reference_id: Option<Box<str>>,
    /// Text for people: at most 512 bytes.
    description: Option<Box<str>>,
    /// Your own pairs.
    metadata: Option<PairsField>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// What a capture of more than the hold does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OverCapture)]
pub(crate) enum OverCaptureField {
    /// It is refused; the hold is untouched.
    Reject,
    /// The excess is debited from what is available; what is not there is noted as UNCOLLECTED.
    #[default]
    Draw,
    /// As draw, then overdraft up to the limit.
    Overdraft,
}

impl HoldBody<'_> {
    /// As an item of a batch.
    pub(in crate::http) fn item(mut self) -> Result<Item, ApiError> {
        let customer_id = self.customer_id.take();
        let idempotency_key = self.idempotency_key.take();
        Ok(Item { customer_id, idempotency_key, command: Command::PlaceHold(self.read()?) })
    }

    /// The command, defaults filled in.
    fn read(mut self) -> Result<PlaceHold, ApiError> {
        let asked = self.asked()?;
        let charge = ChargeFields {
            wallet_id: self.wallet_id,
            currency: self.currency,
            price_unit: self.price_unit,
            price_type: self.price_type,
            feature: self.feature,
            budget_id: self.budget_id,
        };
        Ok(PlaceHold {
            asked,
            charge: charge.read()?,
            expires_in_s: self.expires_in.unwrap_or(EXPIRES_IN_DEFAULT_S),
            over_capture: match self.over_capture.unwrap_or_default() {
                OverCaptureField::Reject => OverCapture::Reject,
                OverCaptureField::Draw => OverCapture::Draw,
                OverCaptureField::Overdraft => OverCapture::Overdraft,
            },
            memo: fields::memo(self.reference_type, self.reference_id, self.description, self.metadata)?,
        })
    }

    fn asked(&mut self) -> Result<HoldAsked, ApiError> {
        let usage = MeterFields {
            meter: self.meter.take(),
            quantity: self.quantity.take(),
            properties: self.properties.take(),
        };
        let range = match (self.min_credits, self.max_credits) {
            (None, None) => None,
            (Some(min), Some(max)) => Some((min.credits("min_credits")?, max.credits("max_credits")?)),
            (Some(_), None) => return Err(ApiError::field("max_credits", "missing beside min_credits")),
            (None, Some(_)) => return Err(ApiError::field("min_credits", "missing beside max_credits")),
        };
        match (self.credits, range, usage.read()?) {
            (Some(credits), None, None) => Ok(HoldAsked::Exactly(credits.credits("credits")?)),
            (None, Some((min, max)), None) => Ok(HoldAsked::Range { min, max }),
            (None, None, Some(usage)) => Ok(HoldAsked::Metered(Box::new(usage))),
            (None, None, None) => Err(ApiError::field(
                "credits",
                "missing: give credits, min_credits and max_credits, or meter and quantity",
            )),
            _ => Err(ApiError::field("credits", "give one of credits, a range and meter")),
        }
    }
}

/// Reserves credit.
#[utoipa::path(post, path = "/v1/customers/{id}/holds", tag = "Holds", request_body = HoldBody, responses((status = 201, body = HoldReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let mut body: HoldBody<'_> = call.json()?;
    only_in_a_batch("op", body.op.is_some())?;
    only_in_a_batch("customer_id", body.customer_id.is_some())?;
    let key = body.idempotency_key.take();
    let committed = submit(&call, Command::PlaceHold(body.read()?), key, dry_run).await?;
    Ok(Reply::json(StatusCode::CREATED, &HoldReply::of(&Done::alone(&committed))?).of(&committed))
}
