//! Slices that came back, and credit that was voided.

use super::bind::bind_tranches;
use super::{budgets, insert, lapse, note_id, post, recharges, sweep, wallet_mut};
use crate::amount::Credits;
use crate::command::RefundReason;
use crate::customer::Customer;
use crate::fact::{Back, BackTo, GivenBack, Giver, Voided};
use crate::ids::{LogPosition, TrancheId};
use crate::tranche::{Terms, Tranche};

/// Puts slices back where they came from.
pub(super) fn give_back(customer: &mut Customer, back: &GivenBack, first_row: u32) {
    for (slice, row) in back.slices.iter().zip(back.row_of_each()) {
        let row = u32::try_from(row).expect("a record has fewer rows than an id can number");
        put(customer, slice, first_row + row);
    }
    for row in &back.rows {
        post(&mut wallet_mut(&mut customer.wallets, row.posting.wallet).head, &row.posting);
        // A transfer that returned is closed as a whole: nothing of it can come back again.
        if back.reason != RefundReason::TransferReturned {
            *customer.given_back.entry((back.debit, row.of_row)).or_default() += row.credits;
        }
    }
    lapse(customer, &back.lapsed);
    budgets::give_back(customer, &back.freed);
}

fn put(customer: &mut Customer, Back { slice, to }: &Back, row: u32) {
    match (to, &slice.giver) {
        (BackTo::New { tranche, terms }, _) => {
            note_id(customer, tranche.0);
            let wallet = wallet_mut(&mut customer.wallets, slice.wallet);
            insert(wallet, made(*tranche, terms, slice.credits, row));
        }
        (BackTo::Tranche, Giver::Tranche { id, terms }) => {
            let wallet = wallet_mut(&mut customer.wallets, slice.wallet);
            match wallet.find(*id, terms) {
                Some(at) => {
                    wallet.tranches[at].remaining += slice.credits;
                    wallet.next_due = wallet.next_due.min(wallet.tranches[at].due_at());
                }
                None => insert(wallet, made(*id, terms, slice.credits, 0)),
            }
        }
        (BackTo::Debt | BackTo::Tranche, _) => {
            wallet_mut(&mut customer.wallets, slice.wallet).head.debt -= slice.credits;
        }
    }
}

fn made(id: TrancheId, terms: &Terms, remaining: Credits, credit_row: u32) -> Tranche {
    Tranche {
        id,
        terms: terms.clone(),
        remaining,
        pinned: Credits::ZERO,
        credit_position: LogPosition(0),
        credit_row,
        scheduled: false,
        voided: false,
    }
}

/// What was minted on the way back learns its place in the log; what was made anew came in elsewhere.
pub(super) fn bind(customer: &mut Customer, back: &GivenBack, position: LogPosition) {
    for Back { slice, to } in &back.slices {
        if let BackTo::New { tranche, terms } = to {
            bind_tranches(customer, slice.wallet, std::iter::once((*tranche, terms)), position);
        }
    }
}

/// Takes a credit back. What is pinned stays until it is let go.
pub(super) fn void(customer: &mut Customer, void: &Voided) {
    let wallet = wallet_mut(&mut customer.wallets, void.wallet);
    // What was spent whole has left the live state.
    let Some(at) = wallet.find(void.tranche, &void.terms) else { return };
    wallet.tranches[at].remaining -= void.credits;
    wallet.tranches[at].voided = true;
    if let Some(posting) = &void.posting {
        post(&mut wallet.head, posting);
    }
    sweep(wallet);
    recharges::gone(customer, void.tranche, void.credits);
}
