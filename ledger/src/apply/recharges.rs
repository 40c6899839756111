//! Purchases that begin and end, and what an operation set off.

use super::bind::bind_tranches;
use super::{mint, note_id, note_own_id, post, sweep, wallet_mut};
use crate::amount::Credits;
use crate::amount::Money;
use crate::customer::Customer;
use crate::fact::{CreditRow, Facts, Lapsed, RechargeEnd, SetOff, Unpaid};
use crate::ids::{LogPosition, TrancheId, WalletId};
use crate::recharge::{Recharge, RechargeOrigin, RechargeStatus};
use crate::time::Timestamp;
use crate::watch::Recharging;

/// What an operation set off after it. `first_row` is the number of the first row after the effect's.
pub(super) fn set_off(customer: &mut Customer, set_off: &SetOff, first_row: u32) {
    let mut row = first_row;
    for recharge in &set_off.after {
        begin(customer, recharge, row);
        row += u32::try_from(recharge.rows.len()).expect("a purchase has two rows at most");
    }
    // Called off: without rows.
    set_off.ended.iter().for_each(|ended| end(customer, ended, 0));
    for (wallet, held_back) in &set_off.held_back {
        if let Some(watch) = &mut wallet_mut(&mut customer.wallets, *wallet).watch {
            watch.recharging.held_back = Some(*held_back);
        }
    }
    for change in &set_off.alerts {
        note_id(customer, change.id.0);
        if let Some(watch) = &mut wallet_mut(&mut customer.wallets, change.wallet).watch {
            watch.changed(change);
        }
    }
}

/// A purchase begins. Its credit comes in unless its payment is waited for.
pub(super) fn begin(customer: &mut Customer, recharge: &Recharge, first_row: u32) {
    note_id(customer, recharge.id.0);
    recharge.invoice.iter().for_each(|invoice| note_own_id(customer, invoice.0));
    recharge.rows.iter().for_each(|row| note_id(customer, row.tranche.0));
    if !recharge.is_pending_credit() {
        for (row, number) in recharge.rows.iter().zip(first_row..) {
            enter(customer, recharge.wallet, row, (LogPosition(0), number));
        }
    }
    if let Some(watch) = &mut wallet_mut(&mut customer.wallets, recharge.wallet).watch {
        count(&mut watch.recharging, recharge);
    }
    customer.recharges.set(Recharge { row: (LogPosition(0), first_row), ..recharge.clone() });
}

/// What guards look at, of an automatic recharge that begins.
fn count(recharging: &mut Recharging, recharge: &Recharge) {
    let Some(counted_in) = recharge.counted_in else { return };
    if recharging.day_ends_at != counted_in.day_ends_at {
        (recharging.day_ends_at, recharging.day_count) = (counted_in.day_ends_at, 0);
    }
    if recharging.month_ends_at != counted_in.month_ends_at {
        (recharging.month_ends_at, recharging.month_charged) = (counted_in.month_ends_at, Money::ZERO);
    }
    recharging.day_count += 1;
    recharging.month_charged += recharge.charged();
    recharging.last_at = recharge.begun_at;
    recharging.held_back = None;
    // Where nobody reports results, one that was not reported to have failed is one that was paid.
    if recharge.status == RechargeStatus::Completed && !recharging.last_failed {
        recharging.failures = 0;
    }
    recharging.last_failed = false;
}

/// Credit comes in, and was bought by the row that is named.
fn enter(customer: &mut Customer, wallet: WalletId, row: &CreditRow, (position, number): (LogPosition, u32)) {
    let wallet = wallet_mut(&mut customer.wallets, wallet);
    mint(wallet, row, (position, number));
    wallet.head.debt -= row.repaid;
    if let Some(posting) = &row.posting {
        post(&mut wallet.head, posting);
        rebase(wallet);
    }
}

/// Percent thresholds are of what is there now.
pub(super) fn rebase(wallet: &mut crate::wallet::Wallet) {
    if let Some(watch) = &mut wallet.watch {
        watch.base = wallet.head.posted;
    }
}

/// A purchase was paid, was not, or was called off. `first_row` is the number of the first row of that.
pub(super) fn end(customer: &mut Customer, end: &RechargeEnd, first_row: u32) {
    let recharge = &end.recharge;
    for (row, number) in end.rows.iter().zip(recharge.row.1..) {
        enter(customer, recharge.wallet, row, (recharge.row.0, number));
    }
    let wallet = wallet_mut(&mut customer.wallets, recharge.wallet);
    end.unpaid.iter().for_each(|unpaid| take_back(wallet, unpaid, recharge.is_unpaid()));
    if !end.unpaid.is_empty() {
        sweep(wallet);
    }
    if let (RechargeOrigin::Auto, Some(watch)) = (recharge.origin, &mut wallet.watch) {
        settle(&mut watch.recharging, recharge);
    }
    let came_in = if end.rows.is_empty() { recharge.came_in } else { (LogPosition(0), first_row) };
    customer.recharges.set(Recharge { came_in, ..recharge.clone() });
}

/// What is pinned is voided too, but for old records: those made a debt of it, and left it.
fn take_back(wallet: &mut crate::wallet::Wallet, unpaid: &Unpaid, voids_pins: bool) {
    if let Some(at) = wallet.find(unpaid.tranche, &unpaid.terms) {
        wallet.tranches[at].remaining -= unpaid.taken;
        wallet.tranches[at].voided |= voids_pins;
    }
    wallet.head.debt += unpaid.owed;
    if let Some(posting) = &unpaid.posting {
        post(&mut wallet.head, posting);
    }
}

/// The first hour of waiting after a failure doubles with each further one.
const BACK_OFF_S: u32 = 3_600;
/// Doublings after which waiting gets no longer: 32 hours and more are days.
const DOUBLINGS_MAX: u32 = 10;

/// What guards look at, of an automatic recharge that ended.
fn settle(recharging: &mut Recharging, recharge: &Recharge) {
    match recharge.status {
        RechargeStatus::Pending => {}
        RechargeStatus::Completed => {
            (recharging.failures, recharging.last_failed) = (0, false);
            recharging.backs_off_until = Timestamp(0);
        }
        RechargeStatus::Failed => {
            let waits_s = BACK_OFF_S << recharging.failures.min(DOUBLINGS_MAX);
            let ended_at = recharge.ended_at.expect("what failed has ended");
            recharging.backs_off_until = ended_at.plus_seconds(waits_s);
            recharging.failures += 1;
            recharging.last_failed = true;
            uncount(recharging, recharge);
        }
        RechargeStatus::Cancelled => uncount(recharging, recharge),
    }
}

/// Money that was not paid does not count.
fn uncount(recharging: &mut Recharging, recharge: &Recharge) {
    let same = recharge.counted_in.is_some_and(|counted| counted.month_ends_at == recharging.month_ends_at);
    if same {
        recharging.month_charged -= recharge.charged();
    }
}

/// Automatic top-up goes on as if no payment had failed.
pub(super) fn resume(customer: &mut Customer, wallet: WalletId) {
    if let Some(watch) = &mut wallet_mut(&mut customer.wallets, wallet).watch {
        let recharging = &mut watch.recharging;
        (recharging.failures, recharging.last_failed) = (0, false);
        recharging.backs_off_until = Timestamp(0);
        recharging.held_back = None;
    }
}

/// Notes what of a tranche ended unspent, where it came of a purchase that may still turn out to be unpaid.
pub(super) fn gone(customer: &mut Customer, tranche: TrancheId, credits: Credits) {
    customer.recharges.iter_mut().for_each(|recharge| recharge.note_gone(tranche, credits));
}

/// As [`gone`], of what lapsed.
pub(super) fn lapsed(customer: &mut Customer, lapsed: &[Lapsed]) {
    if !customer.recharges.is_empty() {
        lapsed.iter().for_each(|lapsed| gone(customer, lapsed.tranche, lapsed.credits));
    }
}

/// What began in a record learns where it stands.
pub(super) fn bind(customer: &mut Customer, facts: &Facts, position: LogPosition) {
    let Some(set_off) = &facts.set_off else { return };
    set_off.begun().for_each(|recharge| bind_one(customer, recharge, position));
}

/// What came in with the record learns where it stands.
pub(super) fn bind_end(customer: &mut Customer, end: &RechargeEnd, position: LogPosition) {
    let kept = customer.recharges.iter_mut().find(|kept| kept.id == end.recharge.id);
    if let Some(kept) = kept.filter(|_| !end.rows.is_empty()) {
        kept.came_in.0 = position;
    }
}

/// See [`bind`].
pub(super) fn bind_one(customer: &mut Customer, recharge: &Recharge, position: LogPosition) {
    if !recharge.is_pending_credit() {
        let minted = recharge.rows.iter().map(|row| (row.tranche, &row.terms));
        bind_tranches(customer, recharge.wallet, minted, position);
    }
    if let Some(kept) = customer.recharges.iter_mut().find(|kept| kept.id == recharge.id) {
        kept.row.0 = position;
    }
}
