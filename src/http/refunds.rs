//! `POST /v1/customers/{id}/refunds`: credits of a debit back to the tranches that gave them (SEMANTICS §7, API §2).

use axum::http::StatusCode;
use coffer_ledger::command::{Command, Memo, Refund};
use coffer_ledger::fact::{Back, BackTo, Effect, Giver, Slice};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::batch::item::{Item, OpField, only_in_a_batch};
use super::call::Call;
use super::debits::SliceReply;
use super::done::Done;
use super::error::ApiError;
use super::fields::{self, Number};
use super::reply::Reply;
use super::wire::{Dec, Id, Time};
use crate::engine::Target;

/// A refund of a debit: by use, by hand, by a capture or by an invoice.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateRefund)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundBody<'a> {
    /// What an item of a batch does; only in `/v1/batch`.
    op: Option<OpField>,
    /// Whose debit; only in a batch, elsewhere the path says it.
    customer_id: Option<Box<str>>,
    /// The debit. Its first row stands for all its rows, any other for itself.
    transaction_id: Box<str>,
    /// How much; default all that is left.
    #[serde(borrow)]
    credits: Option<Number<'a>>,
    /// What has ended meanwhile comes as new credit of so many days, 1 to 366; else it ends at once.
    regrant_days: Option<u16>,
    /// Why, for people: at most 512 bytes.
    reason: Option<Box<str>>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

impl RefundBody<'_> {
    /// As an item of a batch.
    pub(super) fn item(mut self) -> Result<Item, ApiError> {
        let customer_id = self.customer_id.take();
        let idempotency_key = self.idempotency_key.take();
        Ok(Item { customer_id, idempotency_key, command: self.read()? })
    }

    fn read(self) -> Result<Command, ApiError> {
        Ok(Command::Refund(Refund {
            row: fields::row_id("transaction_id", &self.transaction_id)?,
            credits: self.credits.map(|credits| credits.credits("credits")).transpose()?,
            regrant_days: self.regrant_days,
            memo: because(self.reason)?,
        }))
    }
}

/// The words of something that is undone.
pub(super) fn because(reason: Option<Box<str>>) -> Result<Memo, ApiError> {
    Ok(Memo { description: fields::reason(reason)?, ..Memo::default() })
}

/// Refunds a debit.
#[utoipa::path(post, path = "/v1/customers/{id}/refunds", tag = "Debits", request_body = RefundBody, responses((status = 200, body = RefundReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let mut body: RefundBody<'_> = call.json()?;
    only_in_a_batch("op", body.op.is_some())?;
    only_in_a_batch("customer_id", body.customer_id.is_some())?;
    let origin = call.origin(body.idempotency_key.take())?;
    let target = Target::Customer(call.customer_name()?);
    let committed = call.submit(target, body.read()?, origin, dry_run).await?;
    Ok(Reply::json(StatusCode::OK, &RefundReply::of(&Done::alone(&committed))?).of(&committed))
}

/// A refund.
#[derive(Serialize, ToSchema)]
#[schema(as = Refund)]
pub(crate) struct RefundReply<'a> {
    /// The first ledger row of the refund; null for a dry run.
    transaction_id: Option<Id>,
    /// The row of the debit that was named.
    debit_transaction_id: Id,
    /// The customer's id.
    customer_id: &'a str,
    /// Credits that came back; null where they are of different units.
    credits: Option<Dec>,
    /// What of them had ended and is gone at once; null where they are of different units.
    expired: Option<Dec>,
    /// What came back, last taken first. Credit that came as new has the new tranche here.
    #[schema(value_type = Vec<SliceReply>)]
    slices: BackSlices<'a>,
    /// What could still be refunded of what was named; null where it is of different units.
    refundable_left: Option<Dec>,
    /// When it was recorded.
    recorded_at: Time,
}

impl<'a> RefundReply<'a> {
    /// The reply of a refund. A pure function of its record, so that replays are the same bytes.
    pub(super) fn of(done: &Done<'a>) -> Result<Self, ApiError> {
        let Effect::Refunded(refunded) = done.effect else {
            return Err(ApiError::internal("the record of a refund holds another effect"));
        };
        let shared = |credits| (!refunded.mixed_units).then(|| Dec::from(credits));
        Ok(Self {
            transaction_id: done.row(0),
            debit_transaction_id: refunded.of.into(),
            customer_id: done.customer_id(),
            credits: shared(refunded.credits),
            expired: shared(refunded.expired),
            slices: BackSlices(&refunded.back.slices),
            refundable_left: shared(refunded.left),
            recorded_at: Time(done.at()),
        })
    }
}

/// Slices that came back, rendered one by one.
pub(super) struct BackSlices<'a>(pub(super) &'a [Back]);

impl Serialize for BackSlices<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(back))
    }
}

fn back(back: &Back) -> SliceReply {
    match &back.to {
        BackTo::Tranche => SliceReply::of(&back.slice),
        BackTo::Debt => SliceReply::of(&Slice { giver: Giver::Overdraft, ..back.slice.clone() }),
        BackTo::New { tranche, terms } => {
            let giver = Giver::Tranche { id: *tranche, terms: terms.clone() };
            SliceReply::of(&Slice { giver, ..back.slice.clone() })
        }
    }
}
