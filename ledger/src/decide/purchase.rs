//! Purchases whose payment is somebody else's business: invoiced top-ups, and how recharges end (SEMANTICS §6, §11).

use smallvec::SmallVec;

use super::credit::{self, Credit};
use super::recharge::{Begun, open};
use super::{Context, Ids, existing, limit_reached, open_wallet};
use crate::amount::Credits;
use crate::customer::Customer;
use crate::fact::{Effect, RechargeEnd, Unpaid};
use crate::ids::{RechargeId, WalletId};
use crate::letting_go::Balances;
use crate::recharge::{Recharge, RechargeOrigin, RechargeReason, RechargeStatus};
use crate::refusal::Refusal;
use crate::wallet::Wallet;

/// Credit that is bought on an invoice, with its bonus.
pub(super) fn buy(
    customer: &Customer,
    wallet: &Wallet,
    credits: SmallVec<[Credit; 2]>,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    let max = context.limits.recharges_open_max;
    if customer.recharges.open_count() >= max {
        return Err(limit_reached("recharges_open_max", max));
    }
    let begun = Begun { origin: RechargeOrigin::TopUp, counted_in: None };
    let mut ids = Ids::of(customer, context.now);
    let (recharge, head) = open(&begun, wallet, credits, &mut ids, context);
    Ok(Effect::Recharged { recharge: Box::new(recharge), wallet: Box::new(head) })
}

fn known(customer: &Customer, id: RechargeId) -> Result<&Recharge, Refusal> {
    existing(customer)?;
    customer.recharges.get(id).ok_or(Refusal::NotFound("recharge"))
}

/// Why a recharge cannot end once more.
fn ended(recharge: &Recharge) -> Refusal {
    Refusal::InvalidOperation(match recharge.status {
        RechargeStatus::Pending => "the recharge is pending",
        RechargeStatus::Completed => "the recharge is completed already",
        RechargeStatus::Failed => "the recharge has failed already",
        RechargeStatus::Cancelled => "the recharge is cancelled already",
    })
}

fn end(recharge: &Recharge, status: RechargeStatus, context: &Context<'_>) -> RechargeEnd {
    let recharge = Recharge { status, trusted: false, ended_at: Some(context.now), ..recharge.clone() };
    RechargeEnd { recharge, rows: SmallVec::new(), unpaid: Vec::new() }
}

/// It is paid: what was waited for comes in. Where its end has passed meanwhile it ends as it comes in, so that nothing is gone before it
/// was there, and no month that is over changes.
pub(super) fn complete(
    customer: &Customer,
    id: RechargeId,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    let recharge = known(customer, id)?;
    if recharge.status != RechargeStatus::Pending {
        return Err(ended(recharge));
    }
    let mut paid = end(recharge, RechargeStatus::Completed, context);
    if !recharge.trusted {
        let wallet = open_wallet(customer, recharge.wallet)?;
        credit::check_room(customer, recharge.rows.len(), context)?;
        credit::check_total(wallet, recharge.credits())?;
        let mut head = wallet.head.clone();
        for row in &recharge.rows {
            let credit = Credit::of_row(row).ending_no_earlier_than(context.now);
            paid.rows.push(Box::new(credit::enter(&mut head, row.tranche, credit, context.now)));
        }
    }
    Ok(Effect::RechargeEnded(Box::new(paid)))
}

/// It is not paid: what was waited for never comes, what was trusted is taken back.
pub(super) fn fail(
    customer: &Customer,
    (id, reason): (RechargeId, RechargeReason),
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    if !RechargeReason::OF_PAYMENTS.contains(&reason) {
        return Err(Refusal::InvalidOperation("no payment fails for this reason"));
    }
    let recharge = known(customer, id)?;
    let can_fail = match recharge.status {
        RechargeStatus::Pending => true,
        RechargeStatus::Completed => recharge.trusted,
        RechargeStatus::Failed | RechargeStatus::Cancelled => false,
    };
    if !can_fail {
        return Err(ended(recharge));
    }
    let mut failed = end(recharge, RechargeStatus::Failed, context);
    failed.recharge.reason = Some(reason);
    if recharge.trusted {
        (failed.unpaid, failed.recharge.trusted) = unpaid(customer, recharge);
    }
    Ok(Effect::RechargeEnded(Box::new(failed)))
}

/// It is called off before it was paid.
pub(super) fn cancel(customer: &Customer, id: RechargeId, context: &Context<'_>) -> Result<Effect, Refusal> {
    let recharge = known(customer, id)?;
    if recharge.status != RechargeStatus::Pending {
        return Err(ended(recharge));
    }
    if recharge.trusted {
        return Err(Refusal::InvalidOperation("the recharge's credit is there already: it can only fail"));
    }
    let mut cancelled = end(recharge, RechargeStatus::Cancelled, context);
    cancelled.recharge.reason = Some(RechargeReason::Cancelled);
    Ok(Effect::RechargeEnded(Box::new(cancelled)))
}

/// What is taken back of credit that was never paid: what is neither spent nor pinned goes, what did not end unspent is debt. What is pinned
/// is voided: what of it is captured later becomes debt then ([`super::hold`]), the rest goes when it is let go. And whether anything of it
/// may still come back: was spent, or is pinned. A closed wallet owes nothing any more.
fn unpaid(customer: &Customer, recharge: &Recharge) -> (Vec<Unpaid>, bool) {
    let Some(wallet) = customer.wallet(recharge.wallet).filter(|wallet| wallet.is_open()) else {
        return (Vec::new(), false);
    };
    let mut comes_back = false;
    let mut balances = Balances::default();
    let rows = recharge.rows.iter().enumerate();
    let unpaid = rows.map(|(index, row)| {
        let live = wallet.find(row.tranche, &row.terms).map(|at| &wallet.tranches[at]);
        let taken = live.map_or(Credits::ZERO, |tranche| tranche.unpinned());
        let pinned = live.map_or(Credits::ZERO, |tranche| tranche.pinned);
        let scheduled = live.is_some_and(|tranche| tranche.scheduled);
        let owed = row.terms.original - recharge.gone_of(index) - taken - pinned;
        let moved = taken + owed;
        comes_back |= pinned.is_positive() || owed.is_positive();
        let posting = (!scheduled && moved.is_positive()).then(|| balances.post(wallet, -moved));
        Unpaid { tranche: row.tranche, terms: row.terms.clone(), taken, owed, posting }
    });
    (unpaid.collect(), comes_back)
}

/// Automatic top-up goes on after failures.
pub(super) fn resume(customer: &Customer, id: WalletId) -> Result<Effect, Refusal> {
    let wallet = open_wallet(customer, id)?;
    let failures = wallet.watch.as_ref().map_or(0, |watch| watch.recharging.failures);
    let has_rule = wallet.head.rules.as_ref().is_some_and(|rules| rules.auto_topup.is_some());
    if !has_rule || failures == 0 {
        return Err(Refusal::InvalidOperation("automatic top-up is not suspended and does not back off"));
    }
    Ok(Effect::AutoTopupResumed(id))
}
