//! `POST /v1/customers/{id}/debits`: the hot path (SEMANTICS §4, API §2).

use std::borrow::Cow;

use axum::http::StatusCode;
use coffer_ledger::command::{Asked, Command, Debit, Origin};
use coffer_ledger::fact::{Debited, Effect, Giver, Priced, Slice};
use coffer_ledger::ids::RateCardId;
use coffer_ledger::recharge::Recharge;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::batch::item::{Item, OpField, only_in_a_batch};
use super::call::Call;
use super::charge::{ChargeFields, MeterFields};
use super::done::Done;
use super::error::ApiError;
use super::fields::{self, Number, PairsField, PriceTypeField};
use super::reply::Reply;
use super::wire::{Dec, Id, Time, cost_basis};
use crate::engine::Target;
use crate::feed::history::Part;

/// A debit. Give `credits`, or `amount` with a `currency`, or `meter` with a `quantity`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DebitBody<'a> {
    /// What an item of a batch does; only in `/v1/batch`.
    op: Option<OpField>,
    /// Whom to debit; only in a batch, elsewhere the path says it.
    customer_id: Option<Box<str>>,
    /// So many credits.
    #[serde(borrow)]
    credits: Option<Number<'a>>,
    /// So much money; each wallet converts its part at its own rate.
    amount: Option<Number<'a>>,
    /// Usage of this meter, at most 64 bytes; the tenant's rate cards say its price.
    meter: Option<Box<str>>,
    /// So many units of the meter.
    quantity: Option<Number<'a>>,
    /// What the rate cards' filters look at.
    properties: Option<PairsField>,
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
    idempotency_key: Option<Box<str>>,
}

impl DebitBody<'_> {
    /// As an item of a batch of debits.
    pub(super) fn of_debits(self) -> Result<Item, ApiError> {
        only_in_a_batch("op", self.op.is_some())?;
        self.item()
    }

    /// As an item of any batch.
    pub(super) fn item(mut self) -> Result<Item, ApiError> {
        let customer_id = self.customer_id.take();
        let idempotency_key = self.idempotency_key.take();
        Ok(Item { customer_id, idempotency_key, command: Command::Debit(self.read()?) })
    }

    /// The command, defaults filled in.
    fn read(self) -> Result<Debit, ApiError> {
        let usage = MeterFields { meter: self.meter, quantity: self.quantity, properties: self.properties };
        let asked = match (self.credits, self.amount, usage.read()?) {
            (Some(credits), None, None) => Asked::Credits(credits.credits("credits")?),
            (None, Some(amount), None) => Asked::Amount(amount.money("amount")?),
            (None, None, Some(usage)) => Asked::Metered(Box::new(usage)),
            (None, None, None) => {
                return Err(ApiError::field("credits", "missing: give credits, amount or meter"));
            }
            _ => return Err(ApiError::field("credits", "give one of credits, amount and meter")),
        };
        let charge = ChargeFields {
            wallet_id: self.wallet_id,
            currency: self.currency,
            price_unit: self.price_unit,
            price_type: self.price_type,
            feature: self.feature,
            budget_id: self.budget_id,
        };
        Ok(Debit {
            asked,
            charge: charge.read()?,
            partial: self.partial.unwrap_or(false),
            memo: fields::memo(self.reference_type, self.reference_id, self.description, self.metadata)?,
        })
    }
}

/// Debits a customer.
#[utoipa::path(post, path = "/v1/customers/{id}/debits", tag = "Debits", request_body = DebitBody, responses((status = 200, body = DebitReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let (command, origin, dry_run) = read(&call)?;
    let committed = call.submit(Target::Customer(call.customer_name()?), command, origin, dry_run).await?;
    Ok(Reply::json(StatusCode::OK, &DebitReply::of(&Done::alone(&committed))?).of(&committed))
}

/// What is asked, under which key, and whether it is a dry run.
fn read(call: &Call) -> Result<(Command, Origin, bool), ApiError> {
    let dry_run = call.dry_run()?;
    let mut body: DebitBody<'_> = call.json()?;
    only_in_a_batch("op", body.op.is_some())?;
    only_in_a_batch("customer_id", body.customer_id.is_some())?;
    let origin = call.origin(body.idempotency_key.take())?;
    Ok((Command::Debit(body.read()?), origin, dry_run))
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
    /// The most severe alert level that a touched wallet has reached: ok, info, warning or in_alarm.
    #[schema(example = "ok")]
    alert_state: &'static str,
    /// The recharge that this debit started.
    recharge: Option<RechargeBeside>,
    /// The rate card that priced it; null unless a meter was given.
    rate_card: Option<RateCardReply>,
    /// When it was recorded.
    recorded_at: Time,
}

impl<'a> DebitReply<'a> {
    /// The reply of a debit. A pure function of its record, so that replays are the same bytes.
    pub(super) fn of(done: &Done<'a>) -> Result<Self, ApiError> {
        let Effect::Debited(debited) = done.effect else {
            return Err(ApiError::internal("the record of a debit holds another effect"));
        };
        let shared = |credits| (!debited.mixed_units).then(|| Dec::from(credits));
        Ok(Self {
            transaction_id: done.row(0),
            customer_id: done.customer_id(),
            credits: shared(debited.credits),
            amount: debited.amount.into(),
            currency: debited.currency.as_str(),
            shortfall: debited.shortfall.into(),
            balance_before: shared(debited.balance_before),
            balance_after: shared(debited.balance_after),
            available: shared(debited.available),
            slices: Slices(&debited.slices),
            rows: Rows { debited, done: *done },
            alert_state: done.facts().alert_state().as_str(),
            recharge: done.facts().recharge().map(RechargeBeside::of),
            rate_card: debited.priced().map(RateCardReply::of),
            recorded_at: Time(done.at()),
        })
    }
}

/// A recharge that an operation set off.
#[derive(Serialize, ToSchema)]
#[schema(as = RechargeSetOff)]
pub(crate) struct RechargeBeside {
    recharge_id: Id,
    /// What it brings.
    credits: Dec,
    /// pending or completed.
    status: &'static str,
}

impl RechargeBeside {
    /// The recharge.
    pub(crate) fn of(recharge: &Recharge) -> Self {
        Self {
            recharge_id: recharge.id.into(),
            credits: recharge.credits().into(),
            status: recharge.status.as_str(),
        }
    }
}

/// The rate card that priced usage.
#[derive(Serialize, ToSchema)]
#[schema(as = PricedBy)]
pub(crate) struct RateCardReply {
    rate_card_id: Id,
    /// How often the card had been set.
    version: u64,
}

impl RateCardReply {
    pub(crate) fn of(priced: &Priced) -> Self {
        Self::new(priced.card, priced.version)
    }

    pub(crate) fn new(card: RateCardId, version: u64) -> Self {
        Self { rate_card_id: card.into(), version }
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
    source: Cow<'static, str>,
    /// Money that was paid for each credit, rounded down.
    cost_basis: Option<Dec>,
    /// When the tranche ends; null = never.
    expires_at: Option<Time>,
}

impl SliceReply {
    /// A slice of a row, wherever the row was read.
    pub(crate) fn of_part(part: &Part) -> Self {
        let (wallet_id, credits) = (part.wallet.into(), part.credits.into());
        match &part.tranche {
            Some(tranche) => Self {
                tranche_id: Some(tranche.id.into()),
                wallet_id,
                credits,
                source: tranche.source.clone(),
                cost_basis: cost_basis(tranche.paid, tranche.original),
                expires_at: tranche.expires_at.map(Time),
            },
            None => Self {
                tranche_id: None,
                wallet_id,
                credits,
                source: OVERDRAFT.into(),
                cost_basis: Some(Dec::ZERO),
                expires_at: None,
            },
        }
    }

    pub(super) fn of(slice: &Slice) -> Self {
        let (wallet_id, credits) = (slice.wallet.into(), slice.credits.into());
        match &slice.giver {
            Giver::Tranche { id, terms } => Self {
                tranche_id: Some((*id).into()),
                wallet_id,
                credits,
                source: terms.source.as_str().into(),
                cost_basis: cost_basis(terms.paid, terms.original),
                expires_at: terms.expires_at.map(Time),
            },
            Giver::Overdraft => Self {
                tranche_id: None,
                wallet_id,
                credits,
                source: OVERDRAFT.into(),
                cost_basis: Some(Dec::ZERO),
                expires_at: None,
            },
        }
    }
}

/// What a slice calls its source when no tranche gave it.
const OVERDRAFT: &str = "overdraft";

/// The rows of a debit, rendered one by one.
struct Rows<'a> {
    debited: &'a Debited,
    done: Done<'a>,
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.debited.rows.iter().enumerate().map(|(index, row)| DebitRowReply {
            transaction_id: self.done.row(index),
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
