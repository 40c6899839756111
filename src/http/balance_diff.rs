//! `GET /v1/customers/{id}/balance/diff`: what became of a customer's credit between two instants.

use axum::http::StatusCode;
use coffer_ledger::amount::Credits;
use coffer_ledger::customer::ClosedAs;
use coffer_ledger::view::{
    self, Change, Difference, Fate, Figures, FiguresMoved, HoldMoved, TrancheMoved, UnitMoved, WalletMoved,
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::balance::{UnitNames, credit_row};
use super::call::Call;
use super::error::ApiError;
use super::past;
use super::reply::Reply;
use super::wallets::reply::public_id;
use super::wire::{Dec, Id, Time};
use crate::engine::{AsOf, At};

/// Between which instants.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct DiffQuery {
    /// The earlier one: an RFC 3339 time, or an X-Log-Position. A customer that did not exist yet had nothing.
    from: String,
    /// The later one. Without it: now.
    to: Option<String>,
}

/// What changed in a customer's balance.
///
/// Per unit and wallet each figure at both instants; the tranches that are new, gone, or not as they were; the holds that were opened,
/// changed or closed; and how many ledger rows lie between. What came and went between the instants shows in the rows only.
#[utoipa::path(get, path = "/v1/customers/{id}/balance/diff", tag = "Debits", params(DiffQuery), responses(
    (status = 200, body = DiffReply, description = "Done"),
    (status = 422, body = super::error::ErrorBody, description = "limit_reached"),
    (status = 503, body = super::error::ErrorBody, description = "overloaded, quarantined, outcome_unknown"),
))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    query.only(&["from", "to"])?;
    let from = past::parameter(&query, "from")?.ok_or_else(|| ApiError::field("from", "missing"))?;
    let to = past::parameter(&query, "to")?;
    let to = to.unwrap_or_else(|| At::Time(call.engine().now_of(call.tenant())));
    let [before, after] = past::look(&call, [("from", from), ("to", to)]).await?;
    let after = past::existing(after)?;
    let diff =
        Diff::between(before, after).map_err(|Backwards| ApiError::field("from", "not later than to"))?;
    let position = diff.after.customer.last_position;
    Ok(Reply::json(StatusCode::OK, &DiffReply::of(&diff)).at(position))
}

/// Two states of a customer, and what lies between.
pub(crate) struct Diff {
    before: AsOf,
    after: AsOf,
    customer_id: Box<str>,
    difference: Difference,
}

/// The first instant is the later one.
pub(crate) struct Backwards;

impl Diff {
    /// From one state to another that is not earlier.
    pub(crate) fn between(before: AsOf, after: AsOf) -> Result<Self, Backwards> {
        if before.now > after.now || before.customer.last_position > after.customer.last_position {
            return Err(Backwards);
        }
        let difference = view::difference((&before.customer, before.now), (&after.customer, after.now));
        let customer_id = public_id(&after.customer);
        Ok(Self { before, after, customer_id, difference })
    }
}

/// What changed.
#[derive(Serialize, ToSchema)]
#[schema(as = BalanceDiff)]
pub(crate) struct DiffReply<'a> {
    /// The customer's id.
    customer_id: &'a str,
    /// The earlier instant.
    from: InstantReply,
    /// The later one.
    to: InstantReply,
    /// Every unit that the customer had or has a wallet of.
    units: Vec<UnitDiff<'a>>,
    /// Every wallet that was or is open, or has rows between.
    wallets: Vec<WalletDiff<'a>>,
    /// Holds that were opened, changed or closed, oldest first.
    holds: Vec<HoldDiff>,
}

impl<'a> DiffReply<'a> {
    /// As it is sent and printed.
    pub(crate) fn of(diff: &'a Diff) -> Self {
        let Difference { units, wallets, holds } = &diff.difference;
        Self {
            customer_id: &diff.customer_id,
            from: InstantReply::of(&diff.before),
            to: InstantReply::of(&diff.after),
            units: units.iter().map(UnitDiff::of).collect(),
            wallets: wallets.iter().map(WalletDiff::of).collect(),
            holds: holds.iter().map(HoldDiff::of).collect(),
        }
    }
}

/// An instant of the past.
#[derive(Serialize, ToSchema)]
#[schema(as = Instant)]
pub(crate) struct InstantReply {
    /// The time: what was due by then is counted.
    at: Time,
    /// The customer's last record then; null if it had none.
    log_position: Option<String>,
}

impl InstantReply {
    fn of(state: &AsOf) -> Self {
        let position = state.customer.last_position.0;
        Self { at: Time(state.now), log_position: (position > 0).then(|| position.to_string()) }
    }
}

/// An amount at both instants.
#[derive(Serialize, ToSchema)]
#[schema(as = Change)]
pub(crate) struct ChangeReply {
    before: Dec,
    after: Dec,
    /// after − before.
    change: Dec,
}

impl From<Change> for ChangeReply {
    fn from(moved: Change) -> Self {
        Self { before: moved.before.into(), after: moved.after.into(), change: moved.net().into() }
    }
}

/// The figures at both instants.
#[derive(Serialize, ToSchema)]
#[schema(as = FiguresMoved)]
pub(crate) struct FiguresDiff {
    posted: ChangeReply,
    held: ChangeReply,
    own: ChangeReply,
    available: ChangeReply,
    pending: ChangeReply,
    scheduled: ChangeReply,
    debt: ChangeReply,
}

impl FiguresDiff {
    fn of(figures: &FiguresMoved) -> Self {
        let of = |pick: fn(&Figures) -> Credits| figures.of(pick).into();
        Self {
            posted: of(|figures| figures.posted),
            held: of(|figures| figures.held),
            own: of(|figures| figures.own),
            available: of(|figures| figures.available),
            pending: of(|figures| figures.pending),
            scheduled: of(|figures| figures.scheduled),
            debt: of(|figures| figures.debt),
        }
    }
}

/// A unit.
#[derive(Serialize, ToSchema)]
#[schema(as = UnitMoved)]
pub(crate) struct UnitDiff<'a> {
    #[serde(flatten)]
    unit: UnitNames<'a>,
    #[serde(flatten)]
    figures: FiguresDiff,
}

impl<'a> UnitDiff<'a> {
    fn of(moved: &'a UnitMoved) -> Self {
        Self { unit: UnitNames::of(&moved.unit), figures: FiguresDiff::of(&moved.figures) }
    }
}

/// A wallet.
#[derive(Serialize, ToSchema)]
#[schema(as = WalletMoved)]
pub(crate) struct WalletDiff<'a> {
    id: Id,
    /// new, changed, unchanged or closed.
    became: &'static str,
    #[serde(flatten)]
    unit: UnitNames<'a>,
    #[serde(flatten)]
    figures: FiguresDiff,
    /// The ledger rows between that move posted.
    rows: RowsBetween,
    /// Tranches that are not as they were.
    tranches: Vec<TrancheDiff>,
}

impl<'a> WalletDiff<'a> {
    fn of(moved: &'a WalletMoved) -> Self {
        let became = match moved.fate {
            Fate::New => "new",
            Fate::Changed => "changed",
            Fate::Gone => "closed",
            Fate::Same => "unchanged",
        };
        Self {
            id: moved.head.id.into(),
            became,
            unit: UnitNames::of(&moved.head.unit),
            figures: FiguresDiff::of(&moved.figures),
            rows: RowsBetween::of(moved.sequence),
            tranches: moved.tranches.iter().map(TrancheDiff::of).collect(),
        }
    }
}

/// Numbers of ledger rows in their wallet. What became due and is not written yet has none.
#[derive(Serialize, ToSchema)]
#[schema(as = RowsBetween)]
pub(crate) struct RowsBetween {
    count: u64,
    /// The sequence of the first; null if there is none.
    first_sequence: Option<u64>,
    /// That of the last.
    last_sequence: Option<u64>,
}

impl RowsBetween {
    fn of((before, after): (u64, u64)) -> Self {
        let some = |sequence: u64| (after > before).then_some(sequence);
        Self { count: after - before, first_sequence: some(before + 1), last_sequence: some(after) }
    }
}

/// A tranche.
#[derive(Serialize, ToSchema)]
#[schema(as = TrancheMoved)]
pub(crate) struct TrancheDiff {
    tranche_id: Id,
    /// The ledger row that brought it.
    transaction_id: Option<Id>,
    /// new, changed or gone.
    became: &'static str,
    source: &'static str,
    original: Dec,
    remaining: ChangeReply,
    /// Reserved by open holds.
    pinned: ChangeReply,
    /// Null = never.
    expires_at: Option<Time>,
}

impl TrancheDiff {
    fn of(moved: &TrancheMoved) -> Self {
        let terms = &moved.tranche.terms;
        Self {
            tranche_id: moved.tranche.id.into(),
            transaction_id: credit_row(&moved.tranche).map(Id::from),
            became: match moved.fate {
                Fate::New => "new",
                Fate::Gone => "gone",
                Fate::Changed | Fate::Same => "changed",
            },
            source: terms.source.as_str(),
            original: terms.original.into(),
            remaining: moved.remaining.into(),
            pinned: moved.pinned.into(),
            expires_at: terms.expires_at.map(Time),
        }
    }
}

/// A hold.
#[derive(Serialize, ToSchema)]
#[schema(as = HoldMoved)]
pub(crate) struct HoldDiff {
    hold_id: Id,
    /// opened, changed or closed.
    became: &'static str,
    /// How a closed one ended: captured, released or expired; null where that is forgotten.
    ended: Option<&'static str>,
    /// All that was ever reserved for it.
    credits: ChangeReply,
    /// What it reserves.
    held: ChangeReply,
    /// What was captured of it while it was open.
    captured: ChangeReply,
    #[schema(value_type = String)]
    expires_at: Time,
}

impl HoldDiff {
    fn of(moved: &HoldMoved) -> Self {
        Self {
            hold_id: moved.hold.id.into(),
            became: match moved.fate {
                Fate::New => "opened",
                Fate::Gone => "closed",
                Fate::Changed | Fate::Same => "changed",
            },
            ended: moved.ended.and_then(ended),
            credits: moved.credits.into(),
            held: moved.held.into(),
            captured: moved.captured.into(),
            expires_at: Time(moved.hold.expires_at),
        }
    }
}

const fn ended(how: ClosedAs) -> Option<&'static str> {
    match how {
        ClosedAs::Captured => Some("captured"),
        ClosedAs::Released => Some("released"),
        ClosedAs::Expired => Some("expired"),
        ClosedAs::Completed | ClosedAs::Returned => None,
    }
}
