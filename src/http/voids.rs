//! `POST /v1/transactions/{id}/void`: taking back what is left of a credit (SEMANTICS §6, API §2). The row says whose it is.

use axum::http::StatusCode;
use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Command, VoidCredit};
use coffer_ledger::fact::{Effect, Voided};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::done::Done;
use super::error::ApiError;
use super::refunds::because;
use super::reply::Reply;
use super::transactions;
use super::wire::{Dec, Id, Time};
use crate::engine::Target;

/// Taking a credit back; no body is needed.
#[derive(Deserialize, ToSchema)]
#[schema(as = VoidTransaction)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoidBody {
    /// Why, for people: at most 512 bytes.
    reason: Option<Box<str>>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// Takes back what is neither spent nor reserved of a credit, and of the bonus that came with it.
///
/// What holds reserve of it goes when they let it go. What was spent stays spent: a refund of that is live again.
#[utoipa::path(post, path = "/v1/transactions/{id}/void", tag = "Transactions", request_body = Option<VoidBody>, responses((status = 200, body = VoidReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let (row, stored) = transactions::stored(&call).await?;
    let body: VoidBody = call.json_or_empty()?;
    let origin = call.origin(body.idempotency_key)?;
    let command = Command::VoidCredit(VoidCredit { row, memo: because(body.reason)? });
    let target = Target::Number(stored.customer.number);
    let committed = call.submit(target, command, origin, dry_run).await?;
    Ok(Reply::json(StatusCode::OK, &VoidReply::of(&Done::alone(&committed))?).of(&committed))
}

/// A credit that was taken back.
#[derive(Serialize, ToSchema)]
#[schema(as = Void)]
pub(crate) struct VoidReply<'a> {
    /// The first ledger row of the void; null for a dry run.
    transaction_id: Option<Id>,
    /// The customer's id.
    customer_id: &'a str,
    /// What is taken back, its bonus included.
    voided: Dec,
    /// What was gone before: spent, ended, moved.
    spent: Dec,
    /// What holds reserve: it goes when they let it go.
    held: Dec,
    /// The credit, and its bonus after it.
    credits: Vec<VoidedCredit>,
    /// When it was recorded.
    recorded_at: Time,
}

/// One tranche that was taken back.
#[derive(Serialize, ToSchema)]
pub(crate) struct VoidedCredit {
    /// The ledger row of this void; null for a dry run.
    transaction_id: Option<Id>,
    /// The row that brought the credit in.
    credit_transaction_id: Id,
    /// The wallet.
    wallet_id: Id,
    /// The tranche.
    tranche_id: Id,
    /// What is taken back.
    voided: Dec,
    /// What was gone before.
    spent: Dec,
    /// What holds reserve.
    held: Dec,
}

impl<'a> VoidReply<'a> {
    /// The reply of a void. A pure function of its record, so that replays are the same bytes.
    fn of(done: &Done<'a>) -> Result<Self, ApiError> {
        let Effect::CreditVoided(voids) = done.effect else {
            return Err(ApiError::internal("the record of a void holds another effect"));
        };
        // Credit and bonus are of one wallet, so of one unit.
        let sum = |pick: fn(&Voided) -> Credits| Dec::from(voids.iter().map(pick).sum::<Credits>());
        Ok(Self {
            transaction_id: done.row(0),
            customer_id: done.customer_id(),
            voided: sum(|void| void.credits),
            spent: sum(|void| void.spent),
            held: sum(|void| void.held),
            credits: voids.iter().enumerate().map(|(index, void)| credit(done.row(index), void)).collect(),
            recorded_at: Time(done.at()),
        })
    }
}

fn credit(transaction_id: Option<Id>, void: &Voided) -> VoidedCredit {
    VoidedCredit {
        transaction_id,
        credit_transaction_id: void.of.into(),
        wallet_id: void.wallet.into(),
        tranche_id: void.tranche.into(),
        voided: void.credits.into(),
        spent: void.spent.into(),
        held: void.held.into(),
    }
}
