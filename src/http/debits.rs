//! `POST /v1/customers/{id}/debits`: the hot path (SEMANTICS §4, API §2).

use axum::http::StatusCode;
use coffer_ledger::command::{Asked, Charge, Command, Debit};
use coffer_ledger::fact::{Debited, Effect, Giver, Slice};
use coffer_ledger::ids::{LogPosition, RowId};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::call::Call;
use super::error::ApiError;
use super::fields::{self, Later, Number, PairsField, PriceTypeField};
use super::reply::Reply;
use super::wire::{Absent, Dec, Id, Time, cost_basis};
use crate::engine::{Committed, Target};

/// A debit. Give `credits`, or `amount` with a `currency`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DebitBody<'a> {
    /// Whom to debit; only in a batch, elsewhere the path says it.
    pub(super) customer_id: Option<Box<str>>,
    /// So many credits.
    #[serde(borrow)]
    credits: Option<Number<'a>>,
    /// So much money; each wallet converts its part at its own rate.
    amount: Option<Number<'a>>,
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
    /// Take what there is instead of refusing; default false.
    partial: Option<bool>,
    /// Kind of the thing referred to: at most 128 bytes.
    reference_type: Option<Box<str>>,
    /// Its id in your system: at most 128 bytes.
    reference_id: Option<Box<str>>,
    /// Text for people: at most 512 bytes.
    description: Option<Box<str>>,
    /// Your own pairs.
    metadata: Option<PairsField>,
    /// As the `Idempotency-Key` header.
    pub(super) idempotency_key: Option<Box<str>>,
    meter: Option<Later<'a>>,
    quantity: Option<Later<'a>>,
    budget_id: Option<Later<'a>>,
}

impl DebitBody<'_> {
    /// The command, defaults filled in.
    pub(super) fn read(self) -> Result<Debit, ApiError> {
        Later::refuse(self.meter, "meter")?;
        Later::refuse(self.quantity, "quantity")?;
        Later::refuse(self.budget_id, "budget_id")?;
        let asked = match (self.credits, self.amount) {
            (Some(credits), None) => Asked::Credits(credits.credits("credits")?),
            (None, Some(amount)) => Asked::Amount(amount.money("amount")?),
            (None, None) => return Err(ApiError::field("credits", "missing: give credits, or amount")),
            (Some(_), Some(_)) => return Err(ApiError::field("amount", "give credits or amount, not both")),
        };
        Ok(Debit {
            asked,
            charge: Charge {
                wallet: self.wallet_id.map(|id| fields::wallet_id("wallet_id", &id)).transpose()?,
                currency: self.currency.map(|code| fields::currency(&code)).transpose()?,
                price_unit: fields::price_unit(self.price_unit.as_deref())?,
                price_type: self.price_type.unwrap_or_default().into(),
                feature: fields::feature(self.feature)?,
                budget: None,
            },
            partial: self.partial.unwrap_or(false),
            memo: fields::memo(self.reference_type, self.reference_id, self.description, self.metadata)?,
        })
    }
}

/// Debits a customer.
#[utoipa::path(post, path = "/v1/customers/{id}/debits", tag = "Debits", request_body = DebitBody, responses((status = 200, body = DebitReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let mut body: DebitBody<'_> = call.json()?;
    if body.customer_id.is_some() {
        return Err(ApiError::field("customer_id", "unknown field: the path names the customer"));
    }
    let origin = call.origin(body.idempotency_key.take())?;
    let command = Command::Debit(body.read()?);
    let committed = call.submit(Target::Customer(call.customer_name()?), command, origin, dry_run).await?;
    Ok(Reply::json(StatusCode::OK, &DebitReply::of(&committed)?).of(&committed))
}

/// An accepted debit.
#[derive(Serialize, ToSchema)]
#[schema(as = Debit)]
pub(crate) struct DebitReply<'a> {
    /// The first ledger row; null for a dry run.
    transaction_id: Option<Id>,
    /// The customer's id.
    customer_id: &'a str,
    /// Credits taken; null where wallets of different units paid.
    credits: Option<Dec>,
    /// The same in money.
    amount: Dec,
    /// The money's currency.
    currency: &'a str,
    /// What was asked for and not there; "0" unless partial. In money if money was asked for.
    shortfall: Dec,
    /// Posted of the touched wallets before.
    balance_before: Option<Dec>,
    /// Posted of the touched wallets after.
    balance_after: Option<Dec>,
    /// What is left to spend in the unit's active wallets, overdraft included.
    available: Option<Dec>,
    /// What gave the credits, in the order taken.
    #[schema(value_type = Vec<SliceReply>)]
    slices: Slices<'a>,
    /// One ledger row per wallet touched.
    #[schema(value_type = Vec<DebitRowReply>)]
    rows: Rows<'a>,
    /// The most severe alert level reached: always "ok" in this version.
    #[schema(example = "ok")]
    alert_state: &'static str,
    /// The recharge that this debit started.
    recharge: Absent,
    /// When it was recorded.
    recorded_at: Time,
}

impl<'a> DebitReply<'a> {
    /// The reply of a debit's record. A pure function, so that replays are the same bytes.
    pub(super) fn of(committed: &'a Committed) -> Result<Self, ApiError> {
        let facts = &committed.record.facts;
        let Effect::Debited(debited) = &facts.effect else {
            return Err(ApiError::internal("the record of a debit holds another effect"));
        };
        let rows = Rows::of(committed, debited);
        let shared = |credits| (!debited.mixed_units).then(|| Dec::from(credits));
        Ok(Self {
            transaction_id: rows.id(0),
            customer_id: &committed.customer.id,
            credits: shared(debited.credits),
            amount: debited.amount.into(),
            currency: debited.currency.as_str(),
            shortfall: debited.shortfall.into(),
            balance_before: shared(debited.balance_before),
            balance_after: shared(debited.balance_after),
            available: shared(debited.available),
            slices: Slices(&debited.slices),
            rows,
            alert_state: "ok",
            recharge: Absent,
            recorded_at: Time(facts.at),
        })
    }
}

/// Slices, rendered one by one.
pub(crate) struct Slices<'a>(pub(crate) &'a [Slice]);

impl Serialize for Slices<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(SliceReply::of))
    }
}

/// A part of a debit: so much from there.
#[derive(Serialize, ToSchema)]
#[schema(as = Slice)]
pub(crate) struct SliceReply {
    /// The tranche; null for overdraft.
    tranche_id: Option<Id>,
    /// The wallet that it left.
    wallet_id: Id,
    /// How much.
    credits: Dec,
    /// Where the tranche's credit came from, or "overdraft".
    #[schema(example = "purchased")]
    source: &'static str,
    /// Money that was paid for each credit, rounded down.
    cost_basis: Option<Dec>,
    /// When the tranche ends; null = never.
    expires_at: Option<Time>,
}

impl SliceReply {
    pub(super) fn of(slice: &Slice) -> Self {
        let (wallet_id, credits) = (slice.wallet.into(), slice.credits.into());
        match &slice.giver {
            Giver::Tranche { id, terms } => Self {
                tranche_id: Some((*id).into()),
                wallet_id,
                credits,
                source: terms.source.as_str(),
                cost_basis: cost_basis(terms.paid, terms.original),
                expires_at: terms.expires_at.map(Time),
            },
            Giver::Overdraft => Self {
                tranche_id: None,
                wallet_id,
                credits,
                source: "overdraft",
                cost_basis: Some(Dec::ZERO),
                expires_at: None,
            },
        }
    }
}

/// The rows of a debit, rendered one by one.
struct Rows<'a> {
    debited: &'a Debited,
    at: coffer_ledger::time::Timestamp,
    position: LogPosition,
    first: usize,
}

impl<'a> Rows<'a> {
    fn of(committed: &'a Committed, debited: &'a Debited) -> Self {
        let facts = &committed.record.facts;
        Self { debited, at: facts.at, position: committed.position, first: facts.due.len() }
    }

    /// The id of the i-th row of the debit; a dry run has none.
    fn id(&self, index: usize) -> Option<Id> {
        let row = u32::try_from(self.first + index).expect("a record has fewer than 2^24 rows");
        (self.position.0 > 0).then(|| RowId::new(self.at, self.position, row).into())
    }
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.debited.rows.iter().enumerate().map(|(index, row)| DebitRowReply {
            transaction_id: self.id(index),
            wallet_id: row.posting.wallet.into(),
            credits: row.credits.into(),
            balance_before: row.posting.before.into(),
            balance_after: row.posting.after.into(),
        }))
    }
}

/// The ledger row of one wallet.
#[derive(Serialize, ToSchema)]
#[schema(as = DebitRow)]
pub(crate) struct DebitRowReply {
    /// The row's id; null for a dry run.
    transaction_id: Option<Id>,
    /// The wallet.
    wallet_id: Id,
    /// Credits that left it.
    credits: Dec,
    /// Posted before.
    balance_before: Dec,
    /// Posted after.
    balance_after: Dec,
}
