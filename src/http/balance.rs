//! `GET /v1/customers/{id}/balance` (API §2), now or as of then; what changed between is in `balance_diff`.

use axum::http::StatusCode;
use coffer_ledger::amount::Credits;
use coffer_ledger::ids::RowId;
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::tranche::Tranche;
use coffer_ledger::unit::Unit;
use coffer_ledger::view::{self, BalanceView, ByPriceType, BySource, Figures, UnitBalance, WalletBalance};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::call::Call;
use super::error::ApiError;
use super::past;
use super::reply::Reply;
use super::wallets::reply::public_id;
use super::wire::{Dec, Id, Time, cost_basis};
use crate::engine::{At, Target};

/// Which balance.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct AsOfQuery {
    /// The balance as it was: an RFC 3339 time, or an X-Log-Position. Without it: now.
    as_of: Option<String>,
}

/// What a customer has.
///
/// As of now, or as it was at a time or a position in the log: then with the holds of then, and with what had become due by then.
/// `X-Log-Position` says the customer's last record in it.
#[utoipa::path(get, path = "/v1/customers/{id}/balance", tag = "Debits", params(AsOfQuery), responses(
    (status = 200, body = BalanceReply, description = "Done"),
    (status = 422, body = super::error::ErrorBody, description = "limit_reached"),
    (status = 503, body = super::error::ErrorBody, description = "overloaded, quarantined, outcome_unknown"),
))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    if let Some(at) = past::parameter(&call.query()?, "as_of")? {
        return as_of(&call, at).await;
    }
    let target = Target::Customer(call.customer_name()?);
    let seen = call.read(target, |customer, now| (public_id(customer), view::balance(customer, now))).await?;
    let (customer_id, balance) = &seen.value;
    Ok(Reply::json(StatusCode::OK, &BalanceReply::of(customer_id, balance)).seen(&seen))
}

async fn as_of(call: &Call, at: At) -> Result<Reply, ApiError> {
    let [state] = past::look(call, [("as_of", at)]).await?;
    let state = past::existing(state)?;
    let (customer_id, balance) = (public_id(&state.customer), view::balance(&state.customer, state.now));
    let reply = Reply::json(StatusCode::OK, &BalanceReply::of(&customer_id, &balance));
    Ok(reply.at(state.customer.last_position))
}

/// A customer's balance. The figures on top are those of the one unit that all wallets share; null when units differ.
#[derive(Serialize, ToSchema)]
#[schema(as = Balance)]
pub(crate) struct BalanceReply<'a> {
    /// The customer's id.
    customer_id: &'a str,
    /// The currency of the shared unit.
    currency: Option<&'a str>,
    /// Usable credit less debt.
    posted: Option<Dec>,
    /// Reserved by open holds.
    held: Option<Dec>,
    /// posted − held; may be negative.
    own: Option<Dec>,
    /// max(0, own + overdraft limit) of active wallets.
    available: Option<Dec>,
    /// Bought and not paid.
    pending: Option<Dec>,
    /// With a start in the future.
    scheduled: Option<Dec>,
    /// Overdraft taken and not repaid.
    debt: Option<Dec>,
    /// Usable credit by source.
    by_source: Option<BySourceReply>,
    /// What a charge of each price type could take.
    by_price_type: Option<ByPriceTypeReply>,
    /// The same per unit.
    units: Vec<UnitReply<'a>>,
    /// Every open wallet.
    wallets: Vec<WalletBalanceReply<'a>>,
}

impl<'a> BalanceReply<'a> {
    /// What the view shows.
    pub(crate) fn of(customer_id: &'a str, balance: &'a BalanceView) -> Self {
        let shared = match balance.units.as_slice() {
            [one] => Some(one),
            [] | [_, _, ..] => None,
        };
        let figures = shared.map(|unit| &unit.figures);
        let of = |pick: fn(&Figures) -> Credits| figures.map(|figures| pick(figures).into());
        Self {
            customer_id,
            currency: shared.map(|unit| unit.unit.currency.as_str()),
            posted: of(|figures| figures.posted),
            held: of(|figures| figures.held),
            own: of(|figures| figures.own),
            available: of(|figures| figures.available),
            pending: of(|figures| figures.pending),
            scheduled: of(|figures| figures.scheduled),
            debt: of(|figures| figures.debt),
            by_source: figures.map(|figures| BySourceReply::of(&figures.by_source)),
            by_price_type: figures.map(|figures| ByPriceTypeReply::of(&figures.by_price_type)),
            units: balance.units.iter().map(UnitReply::of).collect(),
            wallets: balance.wallets.iter().map(WalletBalanceReply::of).collect(),
        }
    }
}

/// Usable credit by where it came from.
#[derive(Serialize, ToSchema)]
#[schema(as = BySource)]
pub(crate) struct BySourceReply {
    purchased: Dec,
    promotional: Dec,
    plan_included: Dec,
    refund: Dec,
    adjustment: Dec,
    rollover: Dec,
}

impl BySourceReply {
    fn of(by_source: &BySource) -> Self {
        Self {
            purchased: by_source.purchased.into(),
            promotional: by_source.promotional.into(),
            plan_included: by_source.plan_included.into(),
            refund: by_source.refund.into(),
            adjustment: by_source.adjustment.into(),
            rollover: by_source.rollover.into(),
        }
    }
}

/// What a charge of each price type, without a feature, could take.
#[derive(Serialize, ToSchema)]
#[schema(as = ByPriceType)]
pub(crate) struct ByPriceTypeReply {
    #[serde(rename = "USAGE")]
    usage: Dec,
    #[serde(rename = "FIXED")]
    fixed: Dec,
}

impl ByPriceTypeReply {
    fn of(by_price_type: &ByPriceType) -> Self {
        Self { usage: by_price_type.usage.into(), fixed: by_price_type.fixed.into() }
    }
}

/// The sums of the wallets that count in one unit.
#[derive(Serialize, ToSchema)]
#[schema(as = UnitBalance)]
pub(crate) struct UnitReply<'a> {
    #[serde(flatten)]
    unit: UnitNames<'a>,
    #[serde(flatten)]
    figures: FiguresReply,
}

impl<'a> UnitReply<'a> {
    fn of(balance: &'a UnitBalance) -> Self {
        Self { unit: UnitNames::of(&balance.unit), figures: FiguresReply::of(&balance.figures) }
    }
}

/// What a wallet counts in.
#[derive(Serialize, ToSchema)]
#[schema(as = Unit)]
pub(crate) struct UnitNames<'a> {
    /// The money behind the credit.
    currency: &'a str,
    /// The caller's own code.
    price_unit: Option<&'a str>,
    /// Money per credit.
    conversion_rate: Dec,
}

impl<'a> UnitNames<'a> {
    /// The unit.
    pub(crate) fn of(unit: &'a Unit) -> Self {
        Self {
            currency: unit.currency.as_str(),
            price_unit: unit.price_unit.as_ref().map(|code| code.as_str()),
            conversion_rate: unit.conversion_rate.into(),
        }
    }
}

/// The figures of a unit.
#[derive(Serialize, ToSchema)]
#[schema(as = Figures)]
pub(crate) struct FiguresReply {
    posted: Dec,
    held: Dec,
    own: Dec,
    available: Dec,
    pending: Dec,
    scheduled: Dec,
    debt: Dec,
    by_source: BySourceReply,
    by_price_type: ByPriceTypeReply,
}

impl FiguresReply {
    fn of(figures: &Figures) -> Self {
        Self {
            posted: figures.posted.into(),
            held: figures.held.into(),
            own: figures.own.into(),
            available: figures.available.into(),
            pending: figures.pending.into(),
            scheduled: figures.scheduled.into(),
            debt: figures.debt.into(),
            by_source: BySourceReply::of(&figures.by_source),
            by_price_type: ByPriceTypeReply::of(&figures.by_price_type),
        }
    }
}

/// One wallet and its live tranches, in burn order.
#[derive(Serialize, ToSchema)]
#[schema(as = WalletFigures)]
pub(crate) struct WalletBalanceReply<'a> {
    id: Id,
    #[serde(flatten)]
    unit: UnitNames<'a>,
    #[serde(flatten)]
    figures: FiguresReply,
    /// ok, info, warning or in_alarm.
    alert_state: &'static str,
    /// Seconds until it is empty at the rate of the last hour. Kept from the moment that a wallet has alerts or automatic top-up; null
    /// while nothing is spent, and in the first minute.
    runway_seconds: Option<u64>,
    tranches: Vec<TrancheReply<'a>>,
}

impl<'a> WalletBalanceReply<'a> {
    fn of(balance: &'a WalletBalance) -> Self {
        Self {
            id: balance.head.id.into(),
            unit: UnitNames::of(&balance.head.unit),
            figures: FiguresReply::of(&balance.figures),
            alert_state: balance.alert_state.as_str(),
            runway_seconds: balance.runway_s,
            tranches: balance.tranches.iter().map(TrancheReply::of).collect(),
        }
    }
}

/// One block of credit.
#[derive(Serialize, ToSchema)]
#[schema(as = Tranche)]
pub(crate) struct TrancheReply<'a> {
    tranche_id: Id,
    /// The ledger row that brought it.
    transaction_id: Option<Id>,
    source: &'static str,
    original: Dec,
    remaining: Dec,
    /// Reserved by open holds.
    pinned: Dec,
    /// Lower burns first.
    priority: u32,
    scope: ScopeReply<'a>,
    effective_at: Time,
    /// Null = never.
    expires_at: Option<Time>,
    /// Money that was paid for each credit, rounded down.
    cost_basis: Option<Dec>,
}

impl<'a> TrancheReply<'a> {
    fn of(tranche: &'a Tranche) -> Self {
        let terms = &tranche.terms;
        Self {
            tranche_id: tranche.id.into(),
            transaction_id: credit_row(tranche).map(Id::from),
            source: terms.source.as_str(),
            original: terms.original.into(),
            remaining: tranche.remaining.into(),
            pinned: tranche.pinned.into(),
            priority: terms.priority,
            scope: ScopeReply::of(&terms.scope),
            effective_at: Time(terms.effective_at),
            expires_at: terms.expires_at.map(Time),
            cost_basis: cost_basis(terms.paid, terms.original),
        }
    }
}

/// The ledger row that minted a tranche. Both were made in the same turn: the tranche's id holds the time.
pub(crate) fn credit_row(tranche: &Tranche) -> Option<RowId> {
    let at = coffer_ledger::time::Timestamp(tranche.id.0.ms() * 1_000_000);
    (tranche.credit_position.0 > 0).then(|| RowId::new(at, tranche.credit_position, tranche.credit_row))
}

/// What a tranche may pay for.
#[derive(Serialize, ToSchema)]
#[schema(as = TrancheScope)]
pub(crate) struct ScopeReply<'a> {
    price_types: &'static [&'static str],
    /// Empty = every feature.
    features: &'a [Box<str>],
}

impl<'a> ScopeReply<'a> {
    fn of(scope: &'a Scope) -> Self {
        Self {
            price_types: price_type_names(scope.price_types),
            features: scope.features.as_deref().unwrap_or(&[]),
        }
    }
}

/// The names of a set of price types.
pub(crate) const fn price_type_names(price_types: PriceTypes) -> &'static [&'static str] {
    match price_types {
        PriceTypes { all: true, .. } => &["ALL"],
        PriceTypes { usage: true, fixed: true, .. } => &["USAGE", "FIXED"],
        PriceTypes { usage: true, .. } => &["USAGE"],
        PriceTypes { fixed: true, .. } => &["FIXED"],
        PriceTypes { .. } => &[],
    }
}
