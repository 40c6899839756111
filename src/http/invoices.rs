//! `/v1/customers/{id}/invoices`: charges that are paid from credit when they are invoiced (SEMANTICS §14).

use axum::http::StatusCode;
use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Command, InvoiceLine, Settle};
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::{Effect, Facts, GivenBack, Settled, SettledLine, SettledPart};
use coffer_ledger::ids::{CustomerNumber, LogPosition, RowId, WalletId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::debits::{SliceReply, Slices};
use super::error::ApiError;
use super::fields::{self, Number, PriceTypeField};
use super::idempotency::KeyBody;
use super::refunds::BackSlices;
use super::reply::Reply;
use super::wire::{Dec, Id, Time};
use crate::engine::Target;

/// What paths use: no invoice's id.
const RESERVED_ID: &str = "settle";

/// An invoice. Each line is paid from what the customer's wallets of the currency admit, in burn order.
#[derive(Deserialize, ToSchema)]
#[schema(as = SettleInvoice)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettleBody<'a> {
    /// The invoice's id in your system: 1 to 128 bytes. An invoice is settled once.
    invoice_id: Box<str>,
    /// Only wallets of this currency pay.
    currency: Box<str>,
    /// At least one, in the order in which they are paid.
    #[serde(borrow)]
    lines: Vec<LineBody<'a>>,
    /// As the `Idempotency-Key` header. The invoice's id is a key of its own.
    idempotency_key: Option<Box<str>>,
}

/// A line of an invoice.
#[derive(Deserialize, ToSchema)]
#[schema(as = SettleLine)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineBody<'a> {
    /// Its id, unique in the invoice: 1 to 128 bytes.
    id: Box<str>,
    /// Money due, in whole minor units of the currency.
    #[serde(borrow)]
    amount: Number<'a>,
    /// What it is for.
    price_type: PriceTypeField,
    /// The feature, if it is for one.
    feature: Option<Box<str>>,
}

impl SettleBody<'_> {
    fn read(self) -> Result<Settle, ApiError> {
        let invoice = fields::own_id("invoice_id", self.invoice_id)?;
        if *invoice == *RESERVED_ID {
            return Err(ApiError::field("invoice_id", "this name is reserved"));
        }
        let currency = fields::currency(&self.currency)?;
        let lines = self.lines.into_iter().map(LineBody::read).collect::<Result<_, _>>()?;
        Ok(Settle { invoice, currency, lines })
    }
}

impl LineBody<'_> {
    fn read(self) -> Result<InvoiceLine, ApiError> {
        Ok(InvoiceLine {
            id: fields::own_id("lines.id", self.id)?,
            amount: self.amount.money("lines.amount")?,
            price_type: self.price_type.into(),
            feature: fields::feature(self.feature)?,
        })
    }
}

/// Pays an invoice from credit.
///
/// For charges that were not debited when they happened: which were, nobody here can know, and a line for usage that was debited is
/// paid twice. What credit does not cover is the shortfall, for your payment provider. A repeat with the same body is answered by the
/// first outcome, under whatever idempotency key; another body for the same invoice is 409.
#[utoipa::path(post, path = "/v1/customers/{id}/invoices/settle", tag = "Invoices", request_body = SettleBody, responses((status = 200, body = InvoiceReply, description = "Done")))]
pub(crate) async fn settle(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let mut body: SettleBody<'_> = call.json()?;
    let origin = call.origin(body.idempotency_key.take())?;
    let command = Command::Settle(body.read()?);
    let committed = call.submit(Target::Customer(call.customer_name()?), command, origin, dry_run).await?;
    let reply = InvoiceReply::of(&committed.record.facts, committed.position, None)?;
    Ok(Reply::json(StatusCode::OK, &reply).of(&committed))
}

/// Puts all that a settlement took back where it came from. The invoice's id stays used.
///
/// A wallet that is closed is final and takes nothing back: what it paid and was not refunded is missing in `credits` and `slices`, and yours
/// to return by other means.
#[utoipa::path(post, path = "/v1/customers/{id}/invoices/{invoice_id}/void", tag = "Invoices", request_body = Option<KeyBody>, responses((status = 200, body = VoidedReply, description = "Done")))]
pub(crate) async fn void(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let origin = call.origin(call.key_alone()?)?;
    let command = Command::VoidInvoice { invoice: invoice_id(&call)?.into() };
    let committed = call.submit(Target::Customer(call.customer_name()?), command, origin, dry_run).await?;
    let Effect::InvoiceVoided { invoice, back } = &committed.record.facts.effect else {
        return Err(ApiError::internal("the record of a voided invoice holds another effect"));
    };
    let one_unit = are_of_one_unit(&call, committed.customer.number, back).await?;
    let reply = VoidedReply {
        invoice_id: invoice,
        status: "voided",
        credits: one_unit.then(|| back.slices.iter().map(|back| back.slice.credits).sum::<Credits>().into()),
        expired: one_unit.then(|| back.lapsed.iter().map(|lapsed| lapsed.credits).sum::<Credits>().into()),
        slices: BackSlices(&back.slices),
        recorded_at: Time(committed.record.facts.at),
    };
    Ok(Reply::json(StatusCode::OK, &reply).of(&committed))
}

/// Whether the credits that came back can be added up. A wallet's unit never changes, so that a replay finds the same.
async fn are_of_one_unit(call: &Call, customer: CustomerNumber, back: &GivenBack) -> Result<bool, ApiError> {
    let wallets: Vec<WalletId> = back.slices.iter().map(|back| back.slice.wallet).collect();
    let look = move |customer: &Customer, _| {
        let mut units = wallets.iter().filter_map(|id| customer.wallet(*id)).map(|wallet| &wallet.head.unit);
        let first = units.next();
        units.all(|unit| Some(unit) == first)
    };
    Ok(call.engine().read(call.tenant(), Target::Number(customer), look).await?.value)
}

/// A settled invoice.
#[utoipa::path(get, path = "/v1/customers/{id}/invoices/{invoice_id}", tag = "Invoices", responses((status = 200, body = InvoiceReply, description = "Done")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let id: Box<str> = invoice_id(&call)?.into();
    let target = Target::Customer(call.customer_name()?);
    let seen = call.read(target, move |customer, _| customer.invoices.get(&id).copied()).await?;
    let known = seen.value.ok_or_else(|| ApiError::not_found("invoice"))?;
    let stored = call.engine().record(call.tenant(), known.settled).await?;
    let voided_at = match known.voided {
        Some(position) => Some(call.engine().record(call.tenant(), position).await?.record.facts.at),
        None => None,
    };
    let reply = InvoiceReply::of(&stored.record.facts, stored.position, voided_at.map(Time))?;
    Ok(Reply::json(StatusCode::OK, &reply).seen(&seen))
}

fn invoice_id(call: &Call) -> Result<&str, ApiError> {
    let id = call.param("invoice_id");
    fields::own_id("invoice_id", id.into()).map(|_| id)
}

/// A settled invoice: what credit paid, and what is left for other means.
#[derive(Serialize, ToSchema)]
#[schema(as = Invoice)]
pub(crate) struct InvoiceReply<'a> {
    invoice_id: &'a str,
    /// settled or voided.
    status: &'static str,
    currency: &'a str,
    /// Money paid from credit.
    paid: Dec,
    /// Money that credit did not pay.
    shortfall: Dec,
    /// In the order of the request.
    lines: Vec<LineReply<'a>>,
    /// When it was settled.
    recorded_at: Time,
    /// When it was voided.
    voided_at: Option<Time>,
}

/// What was paid of a line.
#[derive(Serialize, ToSchema)]
#[schema(as = InvoiceLine)]
pub(crate) struct LineReply<'a> {
    id: &'a str,
    /// Money due.
    amount: Dec,
    /// Money paid from credit.
    paid: Dec,
    /// Money that credit did not pay.
    shortfall: Dec,
    /// What each wallet paid, in the order taken.
    wallets: Vec<PartReply<'a>>,
}

/// What a wallet paid of a line.
#[derive(Serialize, ToSchema)]
#[schema(as = InvoicePart)]
pub(crate) struct PartReply<'a> {
    wallet_id: Id,
    /// The ledger row; null for a dry run.
    transaction_id: Option<Id>,
    /// Credits taken.
    credits: Dec,
    /// The money that they pay.
    amount: Dec,
    /// What gave the credits, in the order taken.
    #[schema(value_type = Vec<SliceReply>)]
    slices: Slices<'a>,
}

/// A settlement that was put back.
#[derive(Serialize, ToSchema)]
#[schema(as = VoidedInvoice)]
pub(crate) struct VoidedReply<'a> {
    invoice_id: &'a str,
    /// Always voided.
    status: &'static str,
    /// Credits that came back; null where they are of different units.
    credits: Option<Dec>,
    /// How many of them had ended meanwhile, and are gone at once.
    expired: Option<Dec>,
    /// What came back, last taken first. Credit that came as new has the new tranche here.
    #[schema(value_type = Vec<SliceReply>)]
    slices: BackSlices<'a>,
    recorded_at: Time,
}

impl<'a> InvoiceReply<'a> {
    /// The reply of a settlement's record. A pure function, so that replays are the same bytes.
    fn of(facts: &'a Facts, position: LogPosition, voided_at: Option<Time>) -> Result<Self, ApiError> {
        let Effect::InvoiceSettled(settled) = &facts.effect else {
            return Err(ApiError::internal("the record of an invoice holds another effect"));
        };
        let Settled { invoice, currency, paid, shortfall, lines } = &**settled;
        let mut rows = (facts.first_row()..)
            .map(|row| (position.0 > 0).then(|| RowId::new(facts.at, position, row).into()));
        Ok(Self {
            invoice_id: invoice,
            status: if voided_at.is_some() { "voided" } else { "settled" },
            currency: currency.as_str(),
            paid: (*paid).into(),
            shortfall: (*shortfall).into(),
            lines: lines.iter().map(|line| LineReply::of(line, &mut rows)).collect(),
            recorded_at: Time(facts.at),
            voided_at,
        })
    }
}

impl<'a> LineReply<'a> {
    fn of(line: &'a SettledLine, rows: &mut impl Iterator<Item = Option<Id>>) -> Self {
        Self {
            id: &line.id,
            amount: line.amount.into(),
            paid: line.paid.into(),
            shortfall: line.shortfall.into(),
            wallets: line.parts.iter().zip(rows).map(|(part, id)| PartReply::of(part, id)).collect(),
        }
    }
}

impl<'a> PartReply<'a> {
    fn of(part: &'a SettledPart, transaction_id: Option<Id>) -> Self {
        Self {
            wallet_id: part.row.posting.wallet.into(),
            transaction_id,
            credits: part.row.credits.into(),
            amount: part.row.amount.into(),
            slices: Slices(&part.slices),
        }
    }
}
