//! What stands in one item of a batch.

use coffer_ledger::command::Command;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::http::body;
use crate::http::call::Call;
use crate::http::debits::DebitBody;
use crate::http::error::{ApiError, Code};
use crate::http::holds::capture::{CaptureBody, ReleaseBody};
use crate::http::holds::place::HoldBody;
use crate::http::refunds::RefundBody;

/// What an item does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = BatchVerb)]
pub(crate) enum OpField {
    /// As `POST /v1/customers/{id}/debits`.
    Debit,
    /// As `POST /v1/customers/{id}/holds`.
    Hold,
    /// As `POST …/holds/{hold_id}/capture`.
    Capture,
    /// As `POST …/holds/{hold_id}/release`.
    Release,
    /// As `POST /v1/customers/{id}/refunds`; needs a key with the scope write.
    Refund,
}

/// An item: the body of the verb's own path, with what stands in that path.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = BatchItem)]
#[expect(dead_code, reason = "items are read by their op; this is their description")]
pub(crate) enum AnyItem<'a> {
    /// `"op": "debit"`
    Debit(DebitBody<'a>),
    /// `"op": "hold"`
    Hold(HoldBody<'a>),
    /// `"op": "capture"`
    Capture(CaptureBody<'a>),
    /// `"op": "release"`
    Release(ReleaseBody),
    /// `"op": "refund"`
    Refund(RefundBody<'a>),
}

/// An item that was read.
pub(crate) struct Item {
    /// Whom it is about.
    pub(crate) customer_id: Option<Box<str>>,
    /// Its own key.
    pub(crate) idempotency_key: Option<Box<str>>,
    /// What it asks.
    pub(crate) command: Command,
}

/// Refuses a field that only an item of a batch has.
pub(crate) fn only_in_a_batch(field: &str, is_given: bool) -> Result<(), ApiError> {
    if is_given {
        return Err(ApiError::field(field, "unknown field: only an item of a batch has it"));
    }
    Ok(())
}

/// An item of a batch of debits.
pub(super) fn read_debit(_call: &Call, item: &RawValue) -> Result<Item, ApiError> {
    body::parse::<DebitBody<'_>>(item.get().as_bytes())?.of_debits()
}

/// Any item.
pub(super) fn read_any(call: &Call, item: &RawValue) -> Result<Item, ApiError> {
    #[derive(Deserialize)]
    struct Head {
        op: OpField,
    }
    let json = item.get().as_bytes();
    let Head { op } = body::parse(json)?;
    match op {
        OpField::Debit => body::parse::<DebitBody<'_>>(json)?.item(),
        OpField::Hold => body::parse::<HoldBody<'_>>(json)?.item(),
        OpField::Capture => body::parse::<CaptureBody<'_>>(json)?.item(),
        OpField::Release => body::parse::<ReleaseBody>(json)?.item(),
        // Whoever may only use credit must not give itself some back.
        OpField::Refund if !call.who.scopes.write => {
            Err(ApiError::new(Code::PermissionDenied, "the API key lacks the scope write")
                .with("scope", "write"))
        }
        OpField::Refund => body::parse::<RefundBody<'_>>(json)?.item(),
    }
}
