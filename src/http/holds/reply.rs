//! A hold as replies show it.

use coffer_ledger::fact::{Effect, HoldStep, HoldVerb};
use coffer_ledger::hold::Hold;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::charge::price_type_name;
use crate::http::debits::{RateCardReply, SliceReply, Slices};
use crate::http::done::Done;
use crate::http::error::ApiError;
use crate::http::wire::{Dec, Id, Time};

/// A hold. `credits` = what was captured of it + `released` + `held`; `captured` also counts what was drawn beyond it.
#[derive(Serialize, ToSchema)]
#[schema(as = Hold)]
pub(crate) struct HoldReply<'a> {
    /// open, captured, released or expired.
    status: &'static str,
    #[serde(flatten)]
    hold: HoldFields<'a>,
}

impl<'a> HoldReply<'a> {
    /// The hold as a step left it. A pure function of the record, so that replays are the same bytes.
    pub(in crate::http) fn of(done: &Done<'a>) -> Result<Self, ApiError> {
        let step = step(done)?;
        Ok(Self { status: step.hold.status.as_str(), hold: HoldFields::of_step(done, step) })
    }

    /// The hold as a read saw it.
    pub(in crate::http) fn seen(customer_id: &'a str, hold: &'a Hold) -> Self {
        Self { status: hold.status.as_str(), hold: HoldFields::of(customer_id, hold) }
    }
}

/// A hold, and what a capture took.
#[derive(Serialize, ToSchema)]
#[schema(as = CapturedHold)]
pub(crate) struct CaptureReply<'a> {
    #[serde(flatten)]
    hold: HoldReply<'a>,
    #[serde(flatten)]
    captured: CaptureFields,
}

impl<'a> CaptureReply<'a> {
    /// As [`HoldReply::of`].
    pub(super) fn of(done: &Done<'a>) -> Result<Self, ApiError> {
        Ok(Self { hold: HoldReply::of(done)?, captured: CaptureFields::of(done)? })
    }
}

/// A hold as an item of a batch shows it: `status` is the HTTP status there.
#[derive(Serialize)]
pub(in crate::http) struct HoldResult<'a> {
    hold_status: &'static str,
    #[serde(flatten)]
    hold: HoldFields<'a>,
}

impl<'a> HoldResult<'a> {
    /// As [`HoldReply::of`].
    pub(in crate::http) fn of(done: &Done<'a>) -> Result<Self, ApiError> {
        let HoldReply { status, hold } = HoldReply::of(done)?;
        Ok(Self { hold_status: status, hold })
    }
}

/// The same of a capture.
#[derive(Serialize)]
pub(in crate::http) struct CaptureResult<'a> {
    #[serde(flatten)]
    hold: HoldResult<'a>,
    #[serde(flatten)]
    captured: CaptureFields,
}

impl<'a> CaptureResult<'a> {
    /// As [`HoldReply::of`].
    pub(in crate::http) fn of(done: &Done<'a>) -> Result<Self, ApiError> {
        Ok(Self { hold: HoldResult::of(done)?, captured: CaptureFields::of(done)? })
    }
}

/// Everything about a hold but its status.
#[derive(Serialize, ToSchema)]
#[schema(as = HoldFields)]
pub(crate) struct HoldFields<'a> {
    /// Null for a dry run of placing one.
    hold_id: Option<Id>,
    /// The customer's id.
    customer_id: &'a str,
    /// All that was ever reserved for it.
    credits: Dec,
    /// All that was captured.
    captured: Dec,
    /// What was given back.
    released: Dec,
    /// What it reserves now.
    held: Dec,
    /// When it was placed.
    placed_at: Time,
    /// The first instant at which it is gone.
    expires_at: Time,
    /// What a capture of more does: draw, overdraft or reject.
    over_capture: &'static str,
    /// USAGE or FIXED.
    price_type: &'static str,
    feature: Option<&'a str>,
    /// The only wallet that pays; null = whichever may.
    wallet_id: Option<Id>,
    /// The budget that it counts in.
    budget_id: Option<&'a str>,
    /// The rate card that priced it; null unless a meter was given.
    rate_card: Option<RateCardReply>,
    /// What it reserves now, in the order in which it will be consumed.
    #[schema(value_type = Vec<SliceReply>)]
    slices: Slices<'a>,
    /// When this step was recorded; null in a read.
    recorded_at: Option<Time>,
}

impl<'a> HoldFields<'a> {
    fn of(customer_id: &'a str, hold: &'a Hold) -> Self {
        let charge = &hold.charge;
        Self {
            hold_id: Some(hold.id.into()),
            customer_id,
            credits: hold.credits.into(),
            captured: hold.captured.into(),
            released: hold.released.into(),
            held: hold.held().into(),
            placed_at: Time(hold.placed_at),
            expires_at: Time(hold.expires_at),
            over_capture: hold.over_capture.as_str(),
            price_type: price_type_name(charge.price_type),
            feature: charge.feature.as_deref(),
            wallet_id: charge.wallet.map(Id::from),
            budget_id: charge.budget.as_deref(),
            rate_card: hold.priced.as_ref().map(RateCardReply::of),
            slices: Slices(&hold.pins),
            recorded_at: None,
        }
    }

    fn of_step(done: &Done<'a>, step: &'a HoldStep) -> Self {
        let mut fields = Self::of(done.customer_id(), &step.hold);
        // A hold that was only rehearsed cannot be asked for.
        fields.hold_id = fields.hold_id.filter(|_| done.is_real() || step.verb != HoldVerb::Placed);
        fields.recorded_at = Some(Time(done.at()));
        fields
    }
}

/// What a capture took.
#[derive(Serialize, ToSchema)]
#[schema(as = CaptureFields)]
pub(crate) struct CaptureFields {
    /// The first ledger row of the capture; null for a dry run, and where nothing was there to take.
    transaction_id: Option<Id>,
    /// What this capture took.
    captured_now: Dec,
    /// What was asked for beyond the hold and not there.
    shortfall: Dec,
}

impl CaptureFields {
    fn of(done: &Done<'_>) -> Result<Self, ApiError> {
        let step = step(done)?;
        let Some(taken) = &step.taken else {
            return Err(ApiError::internal("the record of a capture took nothing"));
        };
        let first = usize::try_from(step.rows_before_taken()).expect("32 bits fit an address");
        Ok(Self {
            transaction_id: (!taken.rows.is_empty()).then(|| done.row(first)).flatten(),
            captured_now: taken.credits.into(),
            shortfall: taken.shortfall.into(),
        })
    }
}

/// The step that a verb's record holds.
fn step<'a>(done: &Done<'a>) -> Result<&'a HoldStep, ApiError> {
    match done.effect {
        Effect::Held(step) => Ok(step),
        _ => Err(ApiError::internal("the record of a hold holds another effect")),
    }
}
