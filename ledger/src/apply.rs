//! The fold: facts into state, the same live and on replay (SEMANTICS I6).
//!
//! It comes in two halves, because the state changes before the record has its position in the log: [`apply`] and, once the log
//! has given the position, [`bind`]. Neither can fail. A panic here means that facts and state do not belong together: a bug, which
//! the engine answers by building the customer anew from the log.

use crate::burn_order;
use crate::customer::{Customer, Identity};
use crate::fact::{CreditRow, Debited, Due, Effect, Facts, Giver, Posting, Slice};
use crate::ids::{LogPosition, ThingId, TrancheId, WalletId};
use crate::time::Timestamp;
use crate::tranche::Tranche;
use crate::wallet::{Wallet, WalletHead};

/// Folds facts into the state. Cannot fail.
///
/// # Panics
/// When the facts were not decided on this state.
pub fn apply(customer: &mut Customer, facts: &Facts) {
    apply_due(&mut customer.wallets, &facts.due);
    let first_row = u32::try_from(facts.due.len()).expect("a record has fewer rows than an id can number");
    match &facts.effect {
        Effect::Ticked => {}
        Effect::CustomerSet(identity) => set_identity(customer, identity),
        Effect::WalletCreated { customer: identity, wallet, initial } => {
            if let Some(identity) = identity {
                set_identity(customer, identity);
            }
            create_wallet(customer, wallet);
            let rows = initial.iter().map(|row| &**row);
            credit(customer, rows, wallet, first_row);
        }
        Effect::WalletSet(wallet) => set_head(customer, wallet),
        Effect::ToppedUp { rows, wallet } => {
            credit(customer, rows.iter().map(|row| &**row), wallet, first_row)
        }
        Effect::Debited(debited) => debit(customer, debited),
        Effect::ManuallyDebited { debited, wallet } => {
            debit(customer, debited);
            set_head(customer, wallet);
        }
        Effect::WalletClosed { wallet, .. } => {
            set_head(customer, wallet);
            let closed = wallet_mut(&mut customer.wallets, wallet.id);
            closed.tranches = Vec::new();
            closed.next_due = Timestamp::MAX;
        }
    }
}

/// The other half of the fold, when the record has its position in the log.
pub fn bind(customer: &mut Customer, facts: &Facts, position: LogPosition) {
    customer.last_at = facts.at;
    customer.last_position = position;
    match &facts.effect {
        Effect::WalletCreated { wallet, initial, .. } => {
            bind_credits(customer, wallet.id, initial.iter().map(|row| &**row), position);
        }
        Effect::ToppedUp { rows, wallet } => {
            bind_credits(customer, wallet.id, rows.iter().map(|row| &**row), position);
        }
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletSet(_)
        | Effect::Debited(_)
        | Effect::ManuallyDebited { .. }
        | Effect::WalletClosed { .. } => {}
    }
}

/// Folds what happened by itself.
pub(crate) fn apply_due(wallets: &mut [Wallet], due: &[Due]) {
    for happened in due {
        match happened {
            Due::Expired { tranche, credits, terms, posting } => {
                let wallet = wallet_mut(wallets, posting.wallet);
                let at = wallet.find(*tranche, terms).expect("what expires is live");
                wallet.tranches[at].remaining -= *credits;
                post(&mut wallet.head, posting);
            }
            Due::Started { tranche, repaid, posting, .. } => {
                let wallet = wallet_mut(wallets, posting.wallet);
                let started = find_by_id(wallet, *tranche);
                started.scheduled = false;
                started.remaining -= *repaid;
                wallet.head.debt -= *repaid;
                post(&mut wallet.head, posting);
            }
        }
    }
    if !due.is_empty() {
        // Once for all of them, so that a thousand ends at one midnight are one sweep.
        wallets.iter_mut().for_each(sweep);
    }
}

/// Drops what is empty and finds the next due instant anew.
fn sweep(wallet: &mut Wallet) {
    wallet.tranches.retain(|tranche| !tranche.is_empty());
    wallet.next_due = wallet.scan_next_due();
}

fn find_by_id(wallet: &mut Wallet, id: TrancheId) -> &mut Tranche {
    wallet
        .tranches
        .iter_mut()
        .find(|tranche| tranche.id == id)
        .expect("what starts was scheduled in this wallet")
}

fn wallet_mut(wallets: &mut [Wallet], id: WalletId) -> &mut Wallet {
    wallets.iter_mut().find(|wallet| wallet.head.id == id).expect("facts name wallets of their customer")
}

fn post(head: &mut WalletHead, posting: &Posting) {
    debug_assert_eq!(
        (head.posted, head.sequence + 1),
        (posting.before, posting.sequence),
        "rows form a chain"
    );
    head.posted = posting.after;
    head.sequence = posting.sequence;
}

/// Ids are minted in rising order; the next one comes after every one that facts hold.
fn note_id(customer: &mut Customer, id: ThingId) {
    customer.counter = customer.counter.max(id.counter() + 1);
}

fn set_identity(customer: &mut Customer, identity: &Identity) {
    if let crate::customer::CustomerId::Minted(id) = &identity.id {
        note_id(customer, id.0);
    }
    customer.identity = Some(identity.clone());
}

fn set_head(customer: &mut Customer, head: &WalletHead) {
    wallet_mut(&mut customer.wallets, head.id).head = head.clone();
}

fn create_wallet(customer: &mut Customer, head: &WalletHead) {
    note_id(customer, head.id.0);
    customer.wallets.push(Wallet { head: head.clone(), tranches: Vec::new(), next_due: Timestamp::MAX });
}

/// Mints the tranches of credit rows. `head` is the wallet after all of them.
fn credit<'a>(
    customer: &mut Customer,
    rows: impl Iterator<Item = &'a CreditRow>,
    head: &WalletHead,
    first_row: u32,
) {
    for (row, number) in rows.zip(first_row..) {
        note_id(customer, row.tranche.0);
        mint(wallet_mut(&mut customer.wallets, head.id), row, number);
    }
    set_head(customer, head);
}

fn mint(wallet: &mut Wallet, row: &CreditRow, number: u32) {
    let minted = Tranche {
        id: row.tranche,
        terms: row.terms.clone(),
        remaining: row.terms.original - row.repaid,
        pinned: Default::default(),
        credit_position: LogPosition(0),
        credit_row: number,
        scheduled: row.posting.is_none(),
    };
    if minted.is_empty() {
        return;
    }
    wallet.next_due = wallet.next_due.min(minted.due_at());
    let at =
        burn_order::find(&wallet.tranches, minted.id, &minted.terms).expect_err("a new tranche has a new id");
    wallet.tranches.insert(at, minted);
}

fn bind_credits<'a>(
    customer: &mut Customer,
    wallet: WalletId,
    rows: impl Iterator<Item = &'a CreditRow>,
    position: LogPosition,
) {
    let wallet = wallet_mut(&mut customer.wallets, wallet);
    for row in rows {
        // What repaid debt to the last credit was never live.
        if let Some(at) = wallet.find(row.tranche, &row.terms) {
            wallet.tranches[at].credit_position = position;
        }
    }
}

fn debit(customer: &mut Customer, debited: &Debited) {
    for row in &debited.rows {
        let wallet = wallet_mut(&mut customer.wallets, row.posting.wallet);
        let slices = debited.slices.iter().filter(|slice| slice.wallet == row.posting.wallet);
        take(wallet, slices);
        post(&mut wallet.head, &row.posting);
    }
}

fn take<'a>(wallet: &mut Wallet, slices: impl Iterator<Item = &'a Slice>) {
    let (mut drained, mut due_moved) = (false, false);
    for slice in slices {
        match &slice.giver {
            Giver::Overdraft => wallet.head.debt += slice.credits,
            Giver::Tranche { id, terms } => {
                let at = wallet.find(*id, terms).expect("what gives a slice is live");
                let tranche = &mut wallet.tranches[at];
                let due_before = tranche.due_at();
                tranche.remaining -= slice.credits;
                drained |= tranche.is_empty();
                due_moved |= due_before == wallet.next_due && tranche.due_at() != due_before;
            }
        }
    }
    if drained {
        wallet.tranches.retain(|tranche| !tranche.is_empty());
    }
    if due_moved {
        wallet.next_due = wallet.scan_next_due();
    }
}
