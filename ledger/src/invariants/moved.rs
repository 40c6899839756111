//! Facts against the state after them: O(what they touched).

use super::{Violation, ensure, state};
use crate::amount::Credits;
use crate::budget::BudgetMove;
use crate::customer::Customer;
use crate::fact::{
    Arrived, Back, BackTo, CreditRow, DebitRow, Debited, Due, Effect, GivenBack, Giver, Granted, HoldEnd,
    HoldStep, HoldVerb, Landed, Lapsed, RechargeEnd, SetOff, Settled, Slice, Voided,
};
use crate::hold::{Hold, HoldStatus};
use crate::ids::{TrancheId, WalletId};
use crate::recharge::{Recharge, RechargeStatus};
use crate::tranche::{Terms, Tranche};
use crate::wallet::Wallet;

/// What one effect moved. Whether a hold is kept is asked of its last step only ([`check_kept`]).
pub(super) fn check_effect(customer: &Customer, effect: &Effect) -> Result<(), Violation> {
    match effect {
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletSet(_)
        | Effect::TransferDone(_)
        | Effect::TransferForgotten(_)
        | Effect::BudgetDeleted(_)
        | Effect::AutoTopupResumed(_) => Ok(()),
        Effect::Subscribed(subscribed) => check_all_due(customer, &subscribed.minted),
        Effect::GrantSet(set) => check_all_due(customer, &set.minted),
        Effect::Unsubscribed(left) => left.voided.iter().try_for_each(|void| check_void(customer, void)),
        Effect::GrantRemoved(removed) => {
            removed.voided.iter().try_for_each(|void| check_void(customer, void))
        }
        Effect::PlansFollowed(followed) => {
            let (seen, found) = (followed.seen, customer.grants.plans_seen);
            ensure(seen == found, "what was followed is seen", || format!("{seen}, {found}"))
        }
        Effect::WalletCreated { initial, wallet, .. } => {
            initial.as_deref().map_or(Ok(()), |row| check_credit(customer.wallet(wallet.id), row))
        }
        Effect::ToppedUp { rows, wallet } => {
            rows.iter().try_for_each(|row| check_credit(customer.wallet(wallet.id), row))
        }
        Effect::Debited(debited) => {
            check_debit(customer, debited, (&[], 0))?;
            check_budgets(customer, debited.budget())
        }
        Effect::ManuallyDebited { debited, .. } => check_debit(customer, debited, (&[], 0)),
        Effect::WalletClosed { wallet, released, .. } => {
            released.iter().try_for_each(|end| check_end(customer, end))?;
            customer.wallet(wallet.id).map_or(Ok(()), state::check_closed)
        }
        Effect::Held(step) => check_step(customer, step),
        Effect::Refunded(refunded) => check_back(customer, &refunded.back),
        Effect::CreditVoided(voids) => voids.iter().try_for_each(|void| check_void(customer, void)),
        Effect::InvoiceSettled(settled) => check_settled(customer, settled),
        Effect::InvoiceVoided { back, .. } | Effect::TransferReturned { back, .. } => {
            check_back(customer, back)
        }
        Effect::TransferSent(sent) => {
            check_debit(customer, &sent.taken, (&[], 0))?;
            sent.arrived.as_ref().map_or(Ok(()), |arrived| check_arrived(customer, arrived))
        }
        Effect::TransferReceived { arrived, .. } => check_arrived(customer, arrived),
        Effect::BudgetSet(budget) => customer.budgets.get(&budget.id).map_or(Ok(()), state::check_budget),
        Effect::EventRecorded { taken, used, .. } => {
            taken.as_ref().map_or(Ok(()), |taken| check_debit(customer, taken, (&[], 0)))?;
            check_budgets(customer, used)
        }
        Effect::Recharged { recharge, .. } => check_purchase(customer, recharge),
        Effect::RechargeEnded(end) => check_recharge_end(customer, end),
        Effect::Atomic(effects) => effects.iter().try_for_each(|effect| check_effect(customer, effect)),
    }
}

/// Something that happened by itself.
pub(super) fn check_due(customer: &Customer, due: &Due) -> Result<(), Violation> {
    match due {
        Due::Expired { tranche, terms, posting, .. } => {
            check_live(customer.wallet(posting.wallet), *tranche, terms)
        }
        Due::Started { credits, repaid, .. } => {
            ensure(repaid <= credits, "I2 repaid ≤ original", || format!("{due:?}"))
        }
        Due::HoldExpired(end) => check_end(customer, end),
        Due::RechargeExpired(end) => check_recharge_end(customer, end),
        Due::Granted(granted) => check_granted(customer, granted),
        Due::RolledOver(rolled) => {
            let (out, back) =
                (rolled.out.before - rolled.out.after, rolled.posting.after - rolled.posting.before);
            let agree = out == back && out == rolled.terms.original && out.is_positive();
            ensure(agree, "I2 what rolls over is what goes on", || format!("{rolled:?}"))
        }
    }
}

fn check_all_due(customer: &Customer, due: &[Due]) -> Result<(), Violation> {
    due.iter().try_for_each(|due| check_due(customer, due))
}

/// I8: what was minted is behind the grant's next period.
fn check_granted(customer: &Customer, granted: &Granted) -> Result<(), Violation> {
    let grant = customer.grants.get(granted.key);
    let is_behind = grant.is_none_or(|grant| granted.period < grant.next.period);
    let goes_on = granted.period < granted.next.period && granted.at < granted.next.at;
    ensure(is_behind && goes_on, "I8 one tranche per period", || format!("{granted:?}, {grant:?}"))?;
    if let Landed::Minted { row, .. } = &granted.landed {
        let left = row.terms.original - row.repaid;
        ensure(!left.is_negative(), "I2 repaid ≤ original", || format!("{row:?}"))?;
    }
    Ok(())
}

/// What an operation set off. The tranches of a recharge before it may have been spent by it.
pub(super) fn check_set_off(customer: &Customer, set_off: &SetOff) -> Result<(), Violation> {
    for recharge in set_off.begun() {
        check_rows(recharge)?;
    }
    for recharge in &set_off.after {
        check_purchase(customer, recharge)?;
    }
    set_off.ended.iter().try_for_each(|end| check_recharge_end(customer, end))?;
    for change in &set_off.alerts {
        ensure(change.from != change.to, "an alert's change is one", || format!("{change:?}"))?;
    }
    Ok(())
}

/// A purchase that is waited for has no balance; any other mints its tranches.
fn check_purchase(customer: &Customer, recharge: &Recharge) -> Result<(), Violation> {
    check_rows(recharge)?;
    if recharge.is_pending_credit() {
        return Ok(());
    }
    recharge.rows.iter().try_for_each(|row| check_credit(customer.wallet(recharge.wallet), row))
}

fn check_rows(recharge: &Recharge) -> Result<(), Violation> {
    let bare = recharge.rows.iter().all(|row| row.posting.is_none() && row.repaid.is_zero());
    let fits = !recharge.rows.is_empty() && (bare || !recharge.is_pending_credit());
    ensure(fits, "what is pending is in no balance", || format!("{recharge:?}"))
}

/// It ends once, and moves what its payment says.
fn check_recharge_end(customer: &Customer, end: &RechargeEnd) -> Result<(), Violation> {
    let recharge = &end.recharge;
    let ended = recharge.status != RechargeStatus::Pending && recharge.ended_at.is_some();
    let paid = recharge.status == RechargeStatus::Completed;
    let fits = ended && (paid || end.rows.is_empty()) && (!paid || end.unpaid.is_empty());
    ensure(fits, "a recharge ends as its payment says", || format!("{end:?}"))?;
    let wallet = customer.wallet(recharge.wallet);
    end.rows.iter().try_for_each(|row| check_credit(wallet, row))?;
    for unpaid in &end.unpaid {
        let moved = unpaid.taken + unpaid.owed;
        let agrees = unpaid.posting.is_none_or(|posting| posting.before - posting.after == moved);
        ensure(
            agrees && !unpaid.taken.is_negative() && !unpaid.owed.is_negative(),
            "I3 a row moves its credits",
            || format!("{unpaid:?}"),
        )?;
        check_live(wallet, unpaid.tranche, &unpaid.terms)?;
    }
    wallet.map_or(Ok(()), state::check_debt)
}

fn check_credit(wallet: Option<&Wallet>, row: &CreditRow) -> Result<(), Violation> {
    let left = row.terms.original - row.repaid;
    ensure(!left.is_negative(), "I2 repaid ≤ original", || format!("{row:?}"))?;
    let minted = wallet.and_then(|wallet| live(wallet, row.tranche, &row.terms));
    let matches = match minted {
        Some(tranche) => tranche.remaining == left && tranche.scheduled == row.posting.is_none(),
        None => left.is_zero(),
    };
    ensure(matches, "a credit mints its tranche", || format!("{row:?}, {minted:?}"))
}

/// I1, I2 and I3 of what a debit touched. What a hold pinned of it is `pinned`: its first slices; behind them are `unpaid` that it pinned of
/// credit that was never paid, whatever the overdraft limit.
fn check_debit(
    customer: &Customer,
    debited: &Debited,
    (pinned, unpaid): (&[Slice], usize),
) -> Result<(), Violation> {
    let leads = debited.slices.get(..pinned.len()) == Some(pinned);
    ensure(leads, "I3 a capture takes its pins first", || format!("{:?}", debited.slices))?;
    let drawn = &debited.slices[pinned.len() + unpaid..];
    for row in &debited.rows {
        check_row(row, debited.slices.iter().filter(|slice| slice.wallet == row.posting.wallet))?;
        if drawn.iter().any(|slice| slice.wallet == row.posting.wallet) {
            check_within(customer, row.posting.wallet)?;
        }
    }
    let total: Credits = debited.rows.iter().map(|row| row.credits).sum();
    let agrees = debited.mixed_units || total == debited.credits;
    ensure(agrees, "I3 Σ rows = credits", || format!("{total} of {}", debited.credits))?;
    check_slices(customer, debited.slices.iter())
}

/// I3 of one row.
fn check_row<'a>(row: &DebitRow, slices: impl Iterator<Item = &'a Slice>) -> Result<(), Violation> {
    let taken = sum(slices);
    let agree = taken == row.credits && row.posting.before - row.posting.after == row.credits;
    ensure(agree && row.credits.is_positive(), "I3 Σ slices = credits", || {
        format!("{row:?}, slices {taken}")
    })
}

fn check_within(customer: &Customer, wallet: WalletId) -> Result<(), Violation> {
    let head = customer.wallet(wallet).map(|wallet| &wallet.head);
    let within = head.is_some_and(|head| !(head.own() + head.overdraft_limit).is_negative());
    ensure(within, "I1 no debit leaves own < −overdraft_limit", || format!("{head:?}"))
}

/// What a step of a hold moved.
fn check_step(customer: &Customer, step: &HoldStep) -> Result<(), Violation> {
    state::check_hold(&step.hold)?;
    let pins = sum(step.pinned.iter()).is_positive();
    let fits = match step.verb {
        HoldVerb::Placed | HoldVerb::Grown => pins && step.taken.is_none(),
        HoldVerb::Captured => !pins && step.taken.is_some(),
        HoldVerb::Extended | HoldVerb::Released => !pins && step.taken.is_none(),
    };
    ensure(fits, "a hold's step moves what its verb says", || format!("{step:?}"))?;
    if let Some(taken) = &step.taken {
        check_debit(customer, taken, (&step.consumed, check_unpaid(customer, step)?))?;
    }
    step.pinned.iter().try_for_each(|slice| check_within(customer, slice.wallet))?;
    check_let_go(customer, &step.returned, &step.lapsed)?;
    let pins = step.pinned.iter().chain(&step.consumed);
    check_pins(customer, pins.clone())?;
    check_slices(customer, pins)?;
    check_budgets(customer, &step.used)?;
    check_budgets(customer, &step.freed)
}

/// How many pins were captured of credit that was never paid: of recharges that failed.
fn check_unpaid(customer: &Customer, step: &HoldStep) -> Result<usize, Violation> {
    let unpaid = step.unpaid();
    let of_failed = |lapsed: &Lapsed| customer.recharges.is_unpaid(lapsed.tranche);
    let all = step.lapsed[..unpaid].iter().all(of_failed);
    ensure(all, "only credit that was never paid is captured as debt", || format!("{step:?}"))?;
    Ok(unpaid)
}

/// An open hold is in the state as the facts say; any other is not.
pub(super) fn check_kept(customer: &Customer, hold: &Hold) -> Result<(), Violation> {
    let kept = customer.holds.get(hold.id);
    let agrees = match hold.status {
        HoldStatus::Open => kept == Some(hold),
        HoldStatus::Captured | HoldStatus::Released | HoldStatus::Expired => kept.is_none(),
    };
    ensure(agrees, "only open holds are kept", || format!("{hold:?}, {kept:?}"))
}

fn check_end(customer: &Customer, end: &HoldEnd) -> Result<(), Violation> {
    state::check_hold(&end.hold)?;
    check_kept(customer, &end.hold)?;
    check_let_go(customer, &end.returned, &end.lapsed)?;
    check_budgets(customer, &end.freed)
}

/// What lapses is what came back to its tranche.
fn check_let_go(customer: &Customer, returned: &[Slice], lapsed: &[Lapsed]) -> Result<(), Violation> {
    for lapsed in lapsed {
        let is_of = |slice: &Slice| match &slice.giver {
            Giver::Tranche { id, .. } => *id == lapsed.tranche && slice.credits == lapsed.credits,
            Giver::Overdraft => false,
        };
        ensure(returned.iter().any(is_of), "what lapses came back", || format!("{lapsed:?}"))?;
    }
    check_lapsed(customer, lapsed)?;
    check_pins(customer, returned.iter())?;
    check_slices(customer, returned.iter())
}

fn check_lapsed(customer: &Customer, lapsed: &[Lapsed]) -> Result<(), Violation> {
    lapsed.iter().try_for_each(|lapsed| {
        let agrees = lapsed.posting.before - lapsed.posting.after == lapsed.credits;
        ensure(agrees && lapsed.credits.is_positive(), "I3 a row moves its credits", || {
            format!("{lapsed:?}")
        })?;
        check_live(customer.wallet(lapsed.posting.wallet), lapsed.tranche, &lapsed.terms)
    })
}

/// I1 as far as a step can see it: no wallet holds less than nothing.
fn check_pins<'a>(customer: &Customer, mut slices: impl Iterator<Item = &'a Slice>) -> Result<(), Violation> {
    slices.try_for_each(|slice| customer.wallet(slice.wallet).map_or(Ok(()), state::check_held))
}

/// I2 of the tranches that slices name, as far as they live.
fn check_slices<'a>(
    customer: &Customer,
    mut slices: impl Iterator<Item = &'a Slice>,
) -> Result<(), Violation> {
    slices.try_for_each(|slice| match &slice.giver {
        Giver::Overdraft => Ok(()),
        Giver::Tranche { id, terms } => check_live(customer.wallet(slice.wallet), *id, terms),
    })
}

fn check_live(wallet: Option<&Wallet>, id: TrancheId, terms: &Terms) -> Result<(), Violation> {
    wallet.and_then(|wallet| live(wallet, id, terms)).map_or(Ok(()), state::check_tranche)
}

fn live<'a>(wallet: &'a Wallet, id: TrancheId, terms: &Terms) -> Option<&'a Tranche> {
    wallet.find(id, terms).map(|at| &wallet.tranches[at])
}

/// I3 of what came back.
fn check_back(customer: &Customer, back: &GivenBack) -> Result<(), Violation> {
    for row in &back.rows {
        let of_wallet = back.slices.iter().filter(|back| back.slice.wallet == row.posting.wallet);
        let came = sum(of_wallet.map(|back| &back.slice));
        let of_rows = back.rows.iter().filter(|other| other.posting.wallet == row.posting.wallet);
        let credits: Credits = of_rows.map(|row| row.credits).sum();
        let moved = row.posting.after - row.posting.before == row.credits && row.credits.is_positive();
        ensure(moved && came == credits, "I3 Σ slices = credits", || format!("{row:?}, slices {came}"))?;
    }
    check_lapsed(customer, &back.lapsed)?;
    check_slices(customer, back.slices.iter().map(|back| &back.slice))?;
    for Back { slice, to } in &back.slices {
        let wallet = customer.wallet(slice.wallet);
        if let BackTo::New { tranche, terms } = to {
            check_live(wallet, *tranche, terms)?;
        }
        wallet.map_or(Ok(()), state::check_debt)?;
    }
    check_budgets(customer, &back.freed)
}

fn check_void(customer: &Customer, void: &Voided) -> Result<(), Violation> {
    let parts = [void.credits, void.held, void.spent];
    let agrees = parts.iter().all(|part| !part.is_negative())
        && parts.into_iter().sum::<Credits>() == void.terms.original
        && void.posting.is_none_or(|posting| posting.before - posting.after == void.credits);
    ensure(agrees, "I2 voided + held + spent = original", || format!("{void:?}"))?;
    let tranche = customer.wallets.iter().find_map(|wallet| live(wallet, void.tranche, &void.terms));
    let left = tranche.map_or(Credits::ZERO, |tranche| tranche.remaining);
    ensure(left == void.held, "what is voided is gone but for what is pinned", || format!("{tranche:?}"))
}

fn check_settled(customer: &Customer, settled: &Settled) -> Result<(), Violation> {
    settled.lines.iter().flat_map(|line| &line.parts).try_for_each(|part| {
        check_row(&part.row, part.slices.iter())?;
        check_within(customer, part.row.posting.wallet)?;
        check_slices(customer, part.slices.iter())
    })
}

fn check_arrived(customer: &Customer, arrived: &Arrived) -> Result<(), Violation> {
    let wallet = customer.wallet(arrived.wallet);
    for row in &arrived.rows {
        let moved = row.posting.after - row.posting.before == row.terms.original;
        let repaid = !row.repaid.is_negative() && row.repaid <= row.terms.original;
        ensure(moved && repaid, "I3 a row moves its credits", || format!("{row:?}"))?;
        check_live(wallet, row.tranche, &row.terms)?;
    }
    check_lapsed(customer, &arrived.lapsed)?;
    wallet.map_or(Ok(()), state::check_debt)
}

/// The caps that were counted in.
fn check_budgets(customer: &Customer, moves: &[BudgetMove]) -> Result<(), Violation> {
    moves.iter().try_for_each(|counted| {
        ensure(counted.credits.is_positive(), "a budget's move is of something", || format!("{counted:?}"))?;
        customer.budgets.get(&counted.budget).map_or(Ok(()), state::check_budget)
    })
}

fn sum<'a>(slices: impl Iterator<Item = &'a Slice>) -> Credits {
    slices.map(|slice| slice.credits).sum()
}
