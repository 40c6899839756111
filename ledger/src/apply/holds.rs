//! Pins: put on, consumed, taken off.

use super::{budgets, debit, lapse, lapse_unswept, note_id, wallet_mut};
use crate::customer::{Closed, ClosedAs, Customer};
use crate::fact::{Giver, HoldEnd, HoldStep, Slice};
use crate::hold::{Hold, HoldStatus};
use crate::ids::LogPosition;
use crate::time::Timestamp;

/// One step of a hold that was asked for.
pub(super) fn step(customer: &mut Customer, step: &HoldStep, at: Timestamp) {
    note_id(customer, step.hold.id.0);
    step.pinned.iter().for_each(|slice| pin(customer, slice));
    step.consumed.iter().chain(&step.returned).for_each(|slice| unpin(customer, slice));
    if let Some(taken) = &step.taken {
        debit(customer, taken, at);
    }
    lapse(customer, &step.lapsed);
    budgets::count(customer, &step.used);
    budgets::give_back(customer, &step.freed);
    set(customer, &step.hold);
}

/// A hold that ended without being asked. What that empties stays until its wallet is swept: many may end at once.
pub(super) fn end(customer: &mut Customer, end: &HoldEnd) {
    end.returned.iter().for_each(|slice| unpin(customer, slice));
    lapse_unswept(customer, &end.lapsed);
    budgets::give_back(customer, &end.freed);
    set(customer, &end.hold);
}

fn set(customer: &mut Customer, hold: &Hold) {
    let how = match hold.status {
        HoldStatus::Open => return customer.holds.set(hold.clone()),
        HoldStatus::Captured => ClosedAs::Captured,
        HoldStatus::Released => ClosedAs::Released,
        HoldStatus::Expired => ClosedAs::Expired,
    };
    customer.holds.remove(hold.id);
    customer.remember(Closed { id: hold.id.0, how, position: LogPosition(0) });
}

fn pin(customer: &mut Customer, slice: &Slice) {
    let wallet = wallet_mut(&mut customer.wallets, slice.wallet);
    wallet.head.held += slice.credits;
    match &slice.giver {
        Giver::Overdraft => wallet.held_overdraft += slice.credits,
        Giver::Tranche { id, terms } => {
            let at = wallet.find(*id, terms).expect("what is pinned is live");
            let tranche = &mut wallet.tranches[at];
            let due_before = tranche.due_at();
            tranche.pinned += slice.credits;
            // Nothing happens by itself to what is pinned whole.
            if due_before == wallet.next_due && tranche.due_at() != due_before {
                wallet.next_due = wallet.scan_next_due();
            }
        }
    }
}

fn unpin(customer: &mut Customer, slice: &Slice) {
    let wallet = wallet_mut(&mut customer.wallets, slice.wallet);
    wallet.head.held -= slice.credits;
    match &slice.giver {
        Giver::Overdraft => wallet.held_overdraft -= slice.credits,
        Giver::Tranche { id, terms } => {
            let at = wallet.find(*id, terms).expect("what was pinned is live");
            let tranche = &mut wallet.tranches[at];
            tranche.pinned -= slice.credits;
            wallet.next_due = wallet.next_due.min(tranche.due_at());
        }
    }
}
