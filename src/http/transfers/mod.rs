//! `/v1/transfers`: credit that moves to another wallet (SEMANTICS §15, DESIGN decision 13).
//!
//! A transfer belongs to its sender: the id says who that is, a key bound to another customer does not find it. The reply names the
//! receiver as the request did, for that is what the record holds.

pub(super) mod list;

use axum::http::StatusCode;
use coffer_ledger::command::{Command, Transfer};
use coffer_ledger::customer::ClosedAs;
use coffer_ledger::fact::{Effect, TransferSent};
use coffer_ledger::ids::TransferId;
use coffer_ledger::record::Record;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::debits::{SliceReply, Slices};
use super::error::ApiError;
use super::fields::{self, Number, PairsField};
use super::reply::Reply;
use super::wire::{Dec, Id, Time};
use crate::engine::{CustomerNames, Operation, StoredRecord, Target};

/// A transfer. Credit keeps its source, scope, end, priority and paid share.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateTransfer)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransferBody<'a> {
    /// Who sends.
    from_customer_id: Box<str>,
    /// Who receives; may be the sender.
    to_customer_id: Box<str>,
    /// Only this wallet gives; absent: all of the unit, in burn order.
    from_wallet_id: Option<Box<str>>,
    /// Which wallet receives, of the same unit; absent: the receiver's oldest active one.
    to_wallet_id: Option<Box<str>>,
    /// How much.
    #[serde(borrow)]
    credits: Number<'a>,
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

impl TransferBody<'_> {
    fn read(self) -> Result<Transfer, ApiError> {
        let wallet =
            |field: &str, id: Option<Box<str>>| id.map(|id| fields::wallet_id(field, &id)).transpose();
        fields::known_name("to_customer_id", &self.to_customer_id)?;
        Ok(Transfer {
            to_customer: self.to_customer_id,
            from_wallet: wallet("from_wallet_id", self.from_wallet_id)?,
            to_wallet: wallet("to_wallet_id", self.to_wallet_id)?,
            credits: self.credits.credits("credits")?,
            memo: fields::memo(self.reference_type, self.reference_id, self.description, self.metadata)?,
        })
    }
}

/// Sends credit to another wallet, and waits until it has arrived or is back.
///
/// Status `returned`: the receiver could not take it, and it is back in the tranches that it came from. One that takes long answers 503
/// with its `transfer_id` and goes on by itself; ask for it, or send the request again with the same key.
#[utoipa::path(post, path = "/v1/transfers", tag = "Transfers", request_body = TransferBody, responses((status = 201, body = TransferReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let mut body: TransferBody<'_> = call.json()?;
    let origin = call.origin(body.idempotency_key.take())?;
    let sender = std::mem::take(&mut body.from_customer_id);
    let from = Target::Customer(fields::known_name("from_customer_id", &sender)?);
    let command = Command::Transfer(body.read()?);
    call.check_bound(from)?;
    let operation = Operation { command, origin, dry_run };
    let done = call.engine().transfer(call.tenant(), from, operation).await;
    let (committed, how) = done.map_err(|failure| call.refused(from, ("transfer", dry_run), failure))?;
    let reply = TransferReply::of(&committed.record, &committed.customer, Some(how))?;
    let reply = if dry_run { TransferReply { transfer_id: None, ..reply } } else { reply };
    Ok(Reply::json(StatusCode::CREATED, &reply).of(&committed))
}

/// A transfer.
#[utoipa::path(get, path = "/v1/transfers/{id}", tag = "Transfers", responses((status = 200, body = TransferReply, description = "Done")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let unknown = || ApiError::not_found("transfer");
    let id: TransferId = call.param("id").parse().map_err(|_| unknown())?;
    call.check_bound(Target::Number(id.0.customer())).map_err(|_| unknown())?;
    let status = call.engine().transfer_status(call.tenant(), id).await;
    let (position, how) = status.map_err(|failure| match ApiError::from(failure) {
        error if error.status() == StatusCode::NOT_FOUND => unknown(),
        error => error,
    })?;
    let stored = call.engine().record(call.tenant(), position).await?;
    let reply = TransferReply::of(&stored.record, &stored.customer, how)?;
    Ok(Reply::json(StatusCode::OK, &reply).at(stored.position))
}

/// A transfer, as its sender's record says it.
#[derive(Serialize, ToSchema)]
#[schema(as = Transfer)]
pub(crate) struct TransferReply<'a> {
    /// Null for a dry run.
    transfer_id: Option<Id>,
    /// completed, returned or `in_transit`.
    status: &'static str,
    /// The sender's id.
    from_customer_id: &'a str,
    /// The receiver, as the request named it.
    to_customer_id: &'a str,
    /// The wallet that gave; null if several did.
    from_wallet_id: Option<Id>,
    /// The wallet that receives.
    to_wallet_id: Id,
    credits: Dec,
    /// What left, in the order taken.
    #[schema(value_type = Vec<SliceReply>)]
    slices: Slices<'a>,
    /// When it left.
    recorded_at: Time,
}

impl<'a> TransferReply<'a> {
    fn of(record: &'a Record, sender: &'a CustomerNames, how: Option<ClosedAs>) -> Result<Self, ApiError> {
        let (Effect::TransferSent(sent), Command::Transfer(asked)) = (&record.facts.effect, &record.command)
        else {
            return Err(ApiError::internal("the record of a transfer holds another effect"));
        };
        let TransferSent { out, .. } = &**sent;
        Ok(Self {
            transfer_id: Some(out.id.into()),
            status: status_name(how),
            from_customer_id: &sender.id,
            to_customer_id: &asked.to_customer,
            from_wallet_id: if let [row] = &*out.rows { Some(row.posting.wallet.into()) } else { None },
            to_wallet_id: out.to_wallet.into(),
            credits: out.credits.into(),
            slices: Slices(&out.slices),
            recorded_at: Time(record.facts.at),
        })
    }

    fn of_stored(stored: &'a StoredRecord, how: Option<ClosedAs>) -> Result<Self, ApiError> {
        Self::of(&stored.record, &stored.customer, how)
    }
}

fn status_name(how: Option<ClosedAs>) -> &'static str {
    match how {
        None => "in_transit",
        Some(ClosedAs::Returned) => "returned",
        Some(ClosedAs::Completed | ClosedAs::Captured | ClosedAs::Released | ClosedAs::Expired) => {
            "completed"
        }
    }
}
