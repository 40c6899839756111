//! Holds: placed, grown, extended, captured, released (SEMANTICS §5).
//!
//! A hold pins slices as a debit would take them; [`place`](mod@place) finds them, [`capture`](mod@capture) spends them and, beyond
//! them, draws. Deadlines are nobody's command: see [`crate::expiry`]. Tested in `decide/tests/hold`, and against a naive model in
//! `tests/rules`.

mod capture;
mod place;

use smallvec::SmallVec;

use super::{Context, existing};
use crate::amount::Credits;
use crate::burn_order::{self, WalletIndices};
use crate::customer::{ClosedAs, Customer};
use crate::fact::{Effect, HoldEnd, HoldStep, HoldVerb};
use crate::hold::{Hold, HoldStatus};
use crate::ids::HoldId;
use crate::letting_go::{self, Balances};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::wallet::{Wallet, WalletStatus};

pub(super) use capture::capture;
pub(super) use place::{grow, place};

/// Seconds that a request may ask for.
const EXPIRES_IN_MAX_S: u32 = 604_800;

/// Gives back all that is still pinned.
pub(super) fn release(customer: &Customer, id: HoldId, context: &Context<'_>) -> Result<Effect, Refusal> {
    let hold = open_hold(customer, id)?;
    let mut balances = Balances::default();
    let HoldEnd { hold, returned, lapsed, freed, at: _ } =
        letting_go::end(customer, hold, HoldStatus::Released, context.now, &mut balances);
    Ok(held(HoldStep { returned, lapsed, freed, ..step(HoldVerb::Released, hold) }))
}

/// Moves the deadline, as far as the hold's lifetime lets it.
pub(super) fn extend(
    customer: &Customer,
    id: HoldId,
    expires_in_s: u32,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    check_expires_in(expires_in_s)?;
    let hold = open_hold(customer, id)?;
    let expires_at = deadline(hold.placed_at, expires_in_s, context);
    Ok(held(step(HoldVerb::Extended, Hold { expires_at, ..hold.clone() })))
}

fn check_expires_in(expires_in_s: u32) -> Result<(), Refusal> {
    if (1..=EXPIRES_IN_MAX_S).contains(&expires_in_s) {
        return Ok(());
    }
    Err(Refusal::Invalid { field: "expires_in", problem: "is not from 1 to 604800 seconds" })
}

/// So many seconds from now, but not beyond the lifetime of a hold.
fn deadline(placed_at: Timestamp, expires_in_s: u32, context: &Context<'_>) -> Timestamp {
    let lifetime_ends_at = placed_at.plus_seconds(context.limits.hold_lifetime_max_s);
    context.now.plus_seconds(expires_in_s).min(lifetime_ends_at)
}

/// An open hold of an existing customer.
fn open_hold(customer: &Customer, id: HoldId) -> Result<&Hold, Refusal> {
    existing(customer)?;
    customer.holds.get(id).ok_or_else(|| closed(customer, id))
}

/// Why a hold is not open. A customer remembers how its latest ones were closed; of older ones, only that they are not open.
fn closed(customer: &Customer, id: HoldId) -> Refusal {
    let was_minted = id.0.customer() == customer.number && id.0.counter() < customer.counter;
    match customer.closed(id.0).map(|closed| closed.how) {
        Some(ClosedAs::Expired) => Refusal::HoldExpired(id),
        Some(ClosedAs::Captured | ClosedAs::Released) => Refusal::HoldClosed(id),
        None if was_minted => Refusal::HoldClosed(id),
        Some(ClosedAs::Completed | ClosedAs::Returned) | None => Refusal::NotFound("hold"),
    }
}

/// The wallet that says the hold's unit.
fn home<'a>(customer: &'a Customer, hold: &Hold) -> &'a Wallet {
    customer.wallet(hold.wallet).expect("a hold names a wallet of its customer")
}

/// The wallets that may pay more for a hold, in the order in which they pay: active, of its unit, and the one that its charge names.
fn payers(customer: &Customer, hold: &Hold) -> WalletIndices {
    let unit = &home(customer, hold).head.unit;
    let wallets = customer.wallets.iter().enumerate();
    let may_pay = wallets.filter(|(_, Wallet { head, .. })| {
        head.status == WalletStatus::Active
            && head.unit == *unit
            && hold.charge.wallet.is_none_or(|named| named == head.id)
    });
    burn_order::wallets(customer, may_pay.map(|(index, _)| index).collect(), hold.charge.price_type)
}

/// As [`payers`], of an open hold.
pub(super) fn payers_of(customer: &Customer, id: HoldId) -> Option<WalletIndices> {
    customer.holds.get(id).map(|hold| payers(customer, hold))
}

/// A step in which nothing moves.
fn step(verb: HoldVerb, hold: Hold) -> HoldStep {
    HoldStep {
        verb,
        hold,
        pinned: SmallVec::new(),
        consumed: SmallVec::new(),
        returned: SmallVec::new(),
        taken: None,
        lapsed: Vec::new(),
        used: Vec::new(),
        freed: Vec::new(),
    }
}

fn held(step: HoldStep) -> Effect {
    Effect::Held(Box::new(step))
}

/// A sum of a hold's keeps to the digits, however often it is grown and captured.
fn sum(one: Credits, other: Credits) -> Result<Credits, Refusal> {
    one.checked_add(other).ok_or(Refusal::AmountOverflow("the hold's credits"))
}
