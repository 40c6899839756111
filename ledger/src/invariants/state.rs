//! The state against itself.

use std::collections::BTreeMap;

use super::{Violation, ensure};
use crate::alert::AlertState;
use crate::amount::Credits;
use crate::budget::Budget;
use crate::customer::Customer;
use crate::fact::Giver;
use crate::hold::{Hold, HoldStatus};
use crate::ids::{LogPosition, ThingId, TrancheId, WalletId};
use crate::recharge::{Recharge, RechargeStatus};
use crate::time::Timestamp;
use crate::tranche::Tranche;
use crate::wallet::Wallet;
use crate::watch::Calm;

/// Checks everything. O(state).
///
/// # Errors
/// The first [`Violation`].
pub fn check_all(customer: &Customer) -> Result<(), Violation> {
    customer.wallets.iter().try_for_each(|wallet| check_wallet(customer, wallet))?;
    let sorted = customer.wallets.windows(2).all(|pair| pair[0].head.id < pair[1].head.id);
    ensure(sorted, "wallets are kept oldest first", || format!("customer {}", customer.number.0))?;
    check_holds(customer)?;
    customer.budgets.values().try_for_each(check_budget)?;
    check_grants(customer)?;
    customer.recharges.iter().try_for_each(|recharge| check_recharge(customer, recharge))?;
    let given = customer.given_back.iter().find(|(_, given)| !given.is_positive());
    ensure(given.is_none(), "what was given back is something", || format!("{given:?}"))
}

fn check_wallet(customer: &Customer, wallet: &Wallet) -> Result<(), Violation> {
    let head = &wallet.head;
    check_id(customer, head.id.0)?;
    let of_started = |of: fn(&Tranche) -> Credits| -> Credits {
        wallet.tranches.iter().filter(|tranche| !tranche.scheduled).map(of).sum()
    };
    let usable = of_started(|tranche| tranche.remaining);
    ensure(head.posted == usable - head.debt, "I1 posted = Σ usable − debt", || {
        format!("{usable}, {head:?}")
    })?;
    let pinned = of_started(|tranche| tranche.pinned) + wallet.held_overdraft;
    ensure(head.held == pinned, "I1 held = Σ pinned", || format!("{pinned}, {head:?}"))?;
    check_held(wallet)?;
    check_debt(wallet)?;
    let moved = head.sequence > 0 || head.posted.is_zero();
    ensure(moved, "I4 a balance comes from rows", || format!("{head:?}"))?;
    for tranche in &wallet.tranches {
        check_id(customer, tranche.id.0)?;
        check_tranche(tranche)?;
        let bound =
            customer.last_position == LogPosition(0) || tranche.credit_position <= customer.last_position;
        ensure(bound, "a tranche's row is in the log", || format!("{tranche:?}"))?;
    }
    check_order(wallet)?;
    check_watch(customer, wallet)?;
    if wallet.is_open() { Ok(()) } else { check_closed(wallet) }
}

/// A wallet is watched exactly when it has rules, its alert is what its balance says, and the calm range is exact. What is closed warns of
/// nothing, but for wallets that were closed under an older rule.
fn check_watch(customer: &Customer, wallet: &Wallet) -> Result<(), Violation> {
    let head = &wallet.head;
    let (rules, watch) = match (&head.rules, &wallet.watch) {
        (None, None) => return Ok(()),
        (Some(rules), Some(watch)) => (rules, watch),
        (Some(_), None) | (None, Some(_)) => {
            return ensure(false, "what has rules is watched", || format!("{head:?}"));
        }
    };
    let calm = Calm::of(rules, watch, customer.recharges.pending(head.id));
    ensure(watch.calm == calm, "the calm range is exact", || format!("{:?}, {calm:?}", watch.calm))?;
    let said = rules.alerts.as_ref().map_or(AlertState::Ok, |alerts| alerts.state(head.posted, watch.base));
    let is_over = !wallet.is_open() && watch.state == AlertState::Ok;
    ensure(watch.state == said || is_over, "an alert is what the balance says", || {
        format!("{:?}, {said:?}, {head:?}", watch.state)
    })?;
    let recharging = &watch.recharging;
    let counted = !recharging.month_charged.is_negative();
    ensure(counted, "a month's recharges are 0 or more", || format!("{recharging:?}"))
}

fn check_recharge(customer: &Customer, recharge: &Recharge) -> Result<(), Violation> {
    check_id(customer, recharge.id.0)?;
    recharge.rows.iter().try_for_each(|row| check_id(customer, row.tranche.0))?;
    let pending = recharge.status == RechargeStatus::Pending;
    ensure(pending == recharge.ended_at.is_none(), "a recharge ends once", || format!("{recharge:?}"))
}

/// Ids are minted with a counter that facts move: it is past every id that lives.
fn check_id(customer: &Customer, id: ThingId) -> Result<(), Violation> {
    let known = id.customer() == customer.number && id.counter() < customer.counter;
    ensure(known, "the counter is past every id", || format!("{id:?}, counter {}", customer.counter))
}

pub(super) fn check_held(wallet: &Wallet) -> Result<(), Violation> {
    let (held, overdraft) = (wallet.head.held, wallet.held_overdraft);
    let bounded = !overdraft.is_negative() && overdraft <= held;
    ensure(bounded, "I1 0 ≤ held overdraft ≤ held", || format!("{overdraft} of {held}"))
}

pub(super) fn check_debt(wallet: &Wallet) -> Result<(), Violation> {
    ensure(!wallet.head.debt.is_negative(), "I1 debt ≥ 0", || format!("{:?}", wallet.head))
}

pub(super) fn check_tranche(tranche: &Tranche) -> Result<(), Violation> {
    let bounded = !tranche.pinned.is_negative()
        && tranche.pinned <= tranche.remaining
        && tranche.remaining <= tranche.terms.original;
    ensure(bounded, "I2 0 ≤ pinned ≤ remaining ≤ original", || format!("{tranche:?}"))?;
    ensure(!tranche.is_empty(), "no empty tranche is live", || format!("{tranche:?}"))?;
    let kept = !tranche.voided || tranche.unpinned().is_zero();
    ensure(kept, "of a voided tranche only pins are left", || format!("{tranche:?}"))?;
    let unstarted = !tranche.scheduled || tranche.pinned.is_zero();
    ensure(unstarted, "what has not started is not pinned", || format!("{tranche:?}"))?;
    let lives = tranche.terms.expires_at.is_none_or(|end| tranche.terms.effective_at < end);
    ensure(lives, "a tranche ends after it starts", || format!("{tranche:?}"))
}

fn check_order(wallet: &Wallet) -> Result<(), Violation> {
    let sorted = wallet.tranches.windows(2).all(|pair| {
        let (one, other) = (&pair[0], &pair[1]);
        wallet.burn_order.compare((one.id, &one.terms), (other.id, &other.terms)).is_lt()
    });
    ensure(sorted, "tranches are kept in burn order", || format!("{:?}", wallet.head.id))?;
    let (kept, exact) = (wallet.next_due, wallet.scan_next_due());
    ensure(kept == exact, "next_due is exact", || format!("{kept} kept, {exact} found"))
}

pub(super) fn check_closed(wallet: &Wallet) -> Result<(), Violation> {
    let head = &wallet.head;
    let empty =
        head.posted.is_zero() && head.held.is_zero() && head.debt.is_zero() && wallet.tranches.is_empty();
    ensure(empty && wallet.next_due == Timestamp::MAX, "a closed wallet holds nothing", || {
        format!("{head:?}")
    })
}

/// What a hold says of itself.
pub(super) fn check_hold(hold: &Hold) -> Result<(), Violation> {
    let positive = hold.pins.iter().all(|pin| pin.credits.is_positive());
    let spent = hold.credits - hold.released - hold.held();
    let adds_up = !spent.is_negative() && spent <= hold.captured && !hold.released.is_negative();
    ensure(positive && adds_up, "a hold's pins, captures and releases add up", || format!("{hold:?}"))?;
    let is_over = hold.status != HoldStatus::Open;
    let pins_nothing = hold.pins.is_empty() && hold.budget.is_empty();
    ensure(!is_over || pins_nothing, "a closed hold pins nothing", || format!("{hold:?}"))?;
    let overdraft_last = hold.pins.is_sorted_by_key(|pin| pin.giver == Giver::Overdraft);
    ensure(overdraft_last, "a hold spends overdraft last", || format!("{hold:?}"))
}

/// What holds pin is what is pinned: of each tranche, and of each wallet's overdraft.
fn check_holds(customer: &Customer) -> Result<(), Violation> {
    let mut tranches: BTreeMap<(WalletId, TrancheId), Credits> = BTreeMap::new();
    let mut overdrafts: BTreeMap<WalletId, Credits> = BTreeMap::new();
    for hold in customer.holds.iter() {
        check_id(customer, hold.id.0)?;
        check_hold(hold)?;
        ensure(hold.status == HoldStatus::Open, "only open holds are kept", || format!("{hold:?}"))?;
        ensure(hold.placed_at < hold.expires_at, "a hold ends after it starts", || format!("{hold:?}"))?;
        for pin in &hold.pins {
            match &pin.giver {
                Giver::Tranche { id, .. } => *tranches.entry((pin.wallet, *id)).or_default() += pin.credits,
                Giver::Overdraft => *overdrafts.entry(pin.wallet).or_default() += pin.credits,
            }
        }
    }
    for wallet in &customer.wallets {
        let pinned = overdrafts.remove(&wallet.head.id).unwrap_or_default();
        let found = wallet.held_overdraft;
        ensure(pinned == found, "I1 holds pin the held overdraft", || format!("{pinned} of {found}"))?;
        for tranche in &wallet.tranches {
            let pinned = tranches.remove(&(wallet.head.id, tranche.id)).unwrap_or_default();
            ensure(pinned == tranche.pinned, "I2 holds pin what is pinned", || {
                format!("{pinned} of {tranche:?}")
            })?;
        }
    }
    let strays = tranches.is_empty() && overdrafts.is_empty();
    ensure(strays, "holds pin what lives", || format!("{tranches:?}, {overdrafts:?}"))?;
    let indexed = customer.holds.is_indexed();
    ensure(indexed, "holds are found by their deadlines", || format!("customer {}", customer.number.0))
}

/// I8, and that a grant knows its next period.
fn check_grants(customer: &Customer) -> Result<(), Violation> {
    let (kept, exact) = (customer.grants.next_at(), customer.grants.scan_next_at());
    ensure(kept == exact, "the next period is exact", || format!("{kept} kept, {exact} found"))?;
    for subscription in customer.grants.subscriptions.values() {
        check_id(customer, subscription.id.0)?;
    }
    for grant in customer.grants.iter() {
        let known = grant.key.subscription.is_none_or(|id| customer.grants.subscriptions.contains_key(&id));
        ensure(known, "a grant ends with its subscription", || format!("{grant:?}"))?;
        if !grant.key.grant.is_template() {
            check_id(customer, grant.key.grant.0)?;
        }
        let mut periods: Vec<_> =
            grant.minted.iter().map(|minted| (minted.period, minted.rolled_over)).collect();
        periods.sort_unstable();
        let minted = periods.len();
        periods.dedup();
        // What is carried into the next period may be there before that is minted.
        let last =
            |(period, rolled_over): &(u32, bool)| *period < grant.next.period + u32::from(*rolled_over);
        let once = periods.len() == minted && periods.iter().all(last);
        ensure(once, "I8 one tranche per period", || format!("{grant:?}"))?;
    }
    Ok(())
}

pub(super) fn check_budget(budget: &Budget) -> Result<(), Violation> {
    let used = budget.limits.iter().all(|limit| !limit.used.is_negative());
    ensure(used, "a budget's use is 0 or more", || format!("{budget:?}"))
}
