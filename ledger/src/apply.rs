//! The fold: facts into state, the same live and on replay (SEMANTICS I6).
//!
//! It comes in two halves, because the state changes before the record has its position in the log: [`apply`] and, once the log
//! has given the position, [`bind`]. Neither can fail. A panic here means that facts and state do not belong together: a bug, which
//! the engine answers by building the customer anew from the log.

mod back;
mod bind;
mod budgets;
mod grants;
mod holds;
mod recharges;
mod transfers;

pub use self::bind::bind;

use crate::amount::Credits;
use crate::budget::Budget;
use crate::burn_order::{self, BurnOrder};
use crate::customer::{ClosedAs, Customer, Identity, Invoice};
use crate::fact::{
    CreditRow, Debited, Due, Effect, Facts, Giver, HoldEnd, Lapsed, Posting, RechargeEnd, Slice,
};
use crate::grant::Grants;
use crate::ids::{LogPosition, MintedBudgetId, ThingId, TrancheId, WalletId};
use crate::recharge::Recharge;
use crate::time::Timestamp;
use crate::tranche::Tranche;
use crate::transfer::TransferReceived;
use crate::wallet::{Wallet, WalletHead};
use crate::watch::Watch;

/// Folds facts into the state. Cannot fail.
///
/// # Panics
/// When the facts were not decided on this state.
pub fn apply(customer: &mut Customer, facts: &Facts) {
    apply_due(customer, &facts.due, 0);
    let set_off = facts.set_off.as_deref();
    if let Some(before) = set_off.and_then(|set_off| set_off.before.as_deref()) {
        recharges::begin(customer, before, facts.first_row_before());
    }
    apply_effect(customer, &facts.effect, facts.first_row(), facts.at);
    if let Some(set_off) = set_off {
        recharges::set_off(customer, set_off, facts.first_row_after());
    }
    if moves_calm(facts) {
        customer.calm_down();
    }
}

/// Whether facts may change within which balances nothing happens: what only moves balances does not.
fn moves_calm(facts: &Facts) -> bool {
    facts.set_off.is_some()
        || !facts.due.is_empty()
        || !matches!(facts.effect, Effect::Debited(_) | Effect::Held(_) | Effect::EventRecorded { .. })
}

/// Folds what the command itself did. `first_row` is the number of its first row in the record.
pub(crate) fn apply_effect(customer: &mut Customer, effect: &Effect, first_row: u32, at: Timestamp) {
    match effect {
        Effect::Ticked => {}
        Effect::CustomerSet(identity) => set_identity(customer, identity),
        Effect::WalletCreated { customer: identity, wallet, initial } => {
            if let Some(identity) = identity {
                set_identity(customer, identity);
            }
            create_wallet(customer, wallet, at);
            let rows = initial.iter().map(|row| &**row);
            credit(customer, rows, wallet, first_row, at);
        }
        Effect::WalletSet(wallet) => set_head(customer, wallet, at),
        Effect::ToppedUp { rows, wallet } => {
            credit(customer, rows.iter().map(|row| &**row), wallet, first_row, at)
        }
        Effect::Debited(debited) => {
            debit(customer, debited, at);
            budgets::count(customer, debited.budget());
        }
        Effect::ManuallyDebited { debited, wallet } => {
            debit(customer, debited, at);
            set_head(customer, wallet, at);
        }
        Effect::WalletClosed { wallet, released, forfeits, .. } => {
            released.iter().for_each(|end| holds::end(customer, end));
            customer.wallets.iter_mut().for_each(sweep);
            for forfeit in forfeits {
                recharges::gone(customer, forfeit.tranche, forfeit.credits);
            }
            set_head(customer, wallet, at);
            let closed = wallet_mut(&mut customer.wallets, wallet.id);
            closed.tranches = Vec::new();
            closed.next_due = Timestamp::MAX;
            closed.held_overdraft = Credits::ZERO;
            customer.grants.wallet_closed(wallet.id);
        }
        Effect::Held(step) => holds::step(customer, step, at),
        Effect::Refunded(refunded) => back::give_back(customer, &refunded.back, first_row),
        Effect::CreditVoided(voids) => voids.iter().for_each(|void| back::void(customer, void)),
        Effect::InvoiceSettled(settled) => {
            let parts = settled.lines.iter().flat_map(|line| &line.parts);
            for part in parts {
                let wallet = wallet_mut(&mut customer.wallets, part.row.posting.wallet);
                take(wallet, part.slices.iter());
                post(&mut wallet.head, &part.row.posting);
                spend(wallet, part.row.credits, at);
            }
            let invoice = Invoice { settled: LogPosition(0), voided: None };
            customer.invoices.insert(settled.invoice.clone(), invoice);
        }
        Effect::InvoiceVoided { invoice, back } => {
            back::give_back(customer, back, first_row);
            let invoice = customer.invoices.get_mut(invoice).expect("what is voided was settled");
            invoice.voided = Some(LogPosition(0));
        }
        Effect::TransferSent(sent) => transfers::send(customer, sent, first_row, at),
        Effect::TransferReceived { transfer, from, arrived } => {
            transfers::arrive(customer, arrived, first_row);
            customer.transfers_in.insert(*transfer, TransferReceived { from: *from, at });
        }
        Effect::TransferDone(transfer) => transfers::close(customer, *transfer, ClosedAs::Completed),
        Effect::TransferReturned { transfer, back } => {
            back::give_back(customer, back, first_row);
            transfers::close(customer, *transfer, ClosedAs::Returned);
        }
        Effect::TransferForgotten(transfer) => {
            customer.transfers_in.remove(transfer);
        }
        Effect::BudgetSet(budget) => {
            if let Ok(minted) = budget.id.parse::<MintedBudgetId>() {
                note_own_id(customer, minted.0);
            }
            customer.budgets.insert(budget.id.clone(), Budget::clone(budget));
        }
        Effect::BudgetDeleted(id) => {
            customer.budgets.remove(id);
        }
        Effect::EventRecorded { customer: identity, taken, used, .. } => {
            if let Some(identity) = identity {
                set_identity(customer, identity);
            }
            if let Some(taken) = taken {
                debit(customer, taken, at);
            }
            budgets::count(customer, used);
        }
        Effect::Subscribed(subscribed) => {
            if let Some(identity) = &subscribed.customer {
                set_identity(customer, identity);
            }
            grants::subscribe(customer, subscribed);
            apply_due(customer, &subscribed.minted, first_row);
        }
        Effect::Unsubscribed(left) => {
            left.voided.iter().for_each(|void| back::void(customer, void));
            grants::unsubscribe(customer, left.subscription.id);
        }
        Effect::GrantSet(set) => {
            note_own_id(customer, set.grant.key.grant.0);
            customer.grants.set(set.grant.clone());
            apply_due(customer, &set.minted, first_row);
        }
        Effect::GrantRemoved(removed) => {
            removed.voided.iter().for_each(|void| back::void(customer, void));
            customer.grants.remove(removed.key);
        }
        Effect::PlansFollowed(followed) => grants::follow(customer, followed),
        Effect::Recharged { recharge, wallet: _ } => recharges::begin(customer, recharge, first_row),
        Effect::RechargeEnded(end) => recharges::end(customer, end, first_row),
        Effect::AutoTopupResumed(wallet) => recharges::resume(customer, *wallet),
        Effect::Atomic(effects) => {
            let mut row = first_row;
            for effect in effects {
                apply_effect(customer, effect, row, at);
                row += effect.rows();
            }
        }
    }
}

/// Folds a purchase that begins; for looking ahead.
pub(crate) fn begin_recharge(customer: &mut Customer, recharge: &Recharge) {
    recharges::begin(customer, recharge, 0);
    customer.calm_down();
}

/// Folds a purchase that ends; for looking ahead.
pub(crate) fn end_recharge(customer: &mut Customer, end: &RechargeEnd) {
    recharges::end(customer, end, 0);
    customer.calm_down();
}

/// Folds what happened by itself. `first_row` is the number of its first row in the record.
pub(crate) fn apply_due(customer: &mut Customer, due: &[Due], first_row: u32) {
    let mut row = first_row;
    for happened in due {
        match happened {
            Due::Expired { tranche, credits, terms, posting } => {
                let wallet = wallet_mut(&mut customer.wallets, posting.wallet);
                let at = wallet.find(*tranche, terms).expect("what expires is live");
                wallet.tranches[at].remaining -= *credits;
                post(&mut wallet.head, posting);
                recharges::gone(customer, *tranche, *credits);
            }
            Due::Started { tranche, repaid, posting, .. } => {
                let wallet = wallet_mut(&mut customer.wallets, posting.wallet);
                let started = find_by_id(wallet, *tranche);
                started.scheduled = false;
                started.remaining -= *repaid;
                wallet.head.debt -= *repaid;
                post(&mut wallet.head, posting);
                recharges::rebase(wallet);
            }
            Due::HoldExpired(end) => holds::end(customer, end),
            Due::RolledOver(rolled) => grants::roll_over(customer, rolled, row + 1),
            Due::Granted(granted) => grants::grant(customer, granted, row),
            Due::RechargeExpired(end) => recharges::end(customer, end, row),
        }
        row += happened.rows();
    }
    if !due.is_empty() {
        // Once for all of them, so that a thousand ends at one midnight are one sweep.
        customer.wallets.iter_mut().for_each(sweep);
    }
}

/// The wallets of a customer after what is due, and nothing else of it: for looking ahead at balances only.
pub(crate) fn wallets_after(customer: &Customer, due: &[Due]) -> Customer {
    let mut ahead = wallets_only(customer);
    apply_due(&mut ahead, due, 0);
    ahead
}

/// The wallets of a customer without holds that are let go; of the rest of it, only who it is.
pub(crate) fn without_holds(customer: &Customer, ends: &[HoldEnd]) -> Customer {
    let mut ahead = wallets_only(customer);
    ends.iter().for_each(|end| holds::end(&mut ahead, end));
    ahead.wallets.iter_mut().for_each(sweep);
    ahead
}

/// Recharges end by themselves too. Holds and budgets that are not there are passed over by the fold of what happens by itself.
fn wallets_only(customer: &Customer) -> Customer {
    Customer {
        identity: customer.identity.clone(),
        wallets: customer.wallets.clone(),
        recharges: customer.recharges.clone(),
        ..Customer::new(customer.tenant, customer.number)
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

/// As [`note_id`], if the id is one of the customer's own.
fn note_own_id(customer: &mut Customer, id: ThingId) {
    if id.customer() == customer.number {
        note_id(customer, id);
    }
}

fn set_identity(customer: &mut Customer, identity: &Identity) {
    if let crate::customer::CustomerId::Minted(id) = &identity.id {
        note_id(customer, id.0);
    }
    if identity.deleted {
        customer.grants = Grants::new();
    }
    customer.identity = Some(identity.clone());
}

fn set_head(customer: &mut Customer, head: &WalletHead, at: Timestamp) {
    let wallet = wallet_mut(&mut customer.wallets, head.id);
    wallet.head = head.clone();
    watch(wallet, at);
}

/// A wallet is watched from the moment that it has rules.
fn watch(wallet: &mut Wallet, at: Timestamp) {
    let Some(rules) = &wallet.head.rules else { return };
    let watch = wallet.watch.get_or_insert_with(|| Box::new(Watch::new(wallet.head.posted, at)));
    watch.silence(rules.alerts.as_ref());
}

/// Counts what was spent, where somebody watches.
fn spend(wallet: &mut Wallet, credits: Credits, at: Timestamp) {
    if let Some(watch) = &mut wallet.watch {
        watch.spent.add(credits, at);
    }
}

fn create_wallet(customer: &mut Customer, head: &WalletHead, at: Timestamp) {
    note_id(customer, head.id.0);
    let mut wallet = Wallet {
        head: head.clone(),
        tranches: Vec::new(),
        burn_order: BurnOrder::Contract,
        next_due: Timestamp::MAX,
        held_overdraft: Credits::ZERO,
        watch: None,
    };
    watch(&mut wallet, at);
    customer.wallets.push(wallet);
}

/// Mints the tranches of credit rows. `head` is the wallet after all of them.
fn credit<'a>(
    customer: &mut Customer,
    rows: impl Iterator<Item = &'a CreditRow>,
    head: &WalletHead,
    first_row: u32,
    at: Timestamp,
) {
    let mut counts = false;
    for (row, number) in rows.zip(first_row..) {
        note_id(customer, row.tranche.0);
        counts |= row.posting.is_some();
        mint(wallet_mut(&mut customer.wallets, head.id), row, (LogPosition(0), number));
    }
    set_head(customer, head, at);
    if counts {
        recharges::rebase(wallet_mut(&mut customer.wallets, head.id));
    }
}

/// `of` is the row that the credit is of, as far as it is known.
fn mint(wallet: &mut Wallet, row: &CreditRow, of: (LogPosition, u32)) {
    insert(
        wallet,
        Tranche {
            id: row.tranche,
            terms: row.terms.clone(),
            remaining: row.terms.original - row.repaid,
            pinned: Default::default(),
            credit_position: of.0,
            credit_row: of.1,
            scheduled: row.posting.is_none(),
            voided: false,
        },
    );
}

/// Enters a tranche where it belongs in the burn order, unless nothing is left of it.
fn insert(wallet: &mut Wallet, tranche: Tranche) {
    if tranche.is_empty() {
        return;
    }
    wallet.next_due = wallet.next_due.min(tranche.due_at());
    let at = burn_order::find(wallet.burn_order, &wallet.tranches, tranche.id, &tranche.terms)
        .expect_err("a new tranche has a new id");
    wallet.tranches.insert(at, tranche);
}

/// Takes out what came back to tranches that have ended or were voided.
fn lapse(customer: &mut Customer, lapsed: &[Lapsed]) {
    lapse_unswept(customer, lapsed);
    let mut wallets: Vec<WalletId> = lapsed.iter().map(|lapsed| lapsed.posting.wallet).collect();
    wallets.dedup();
    wallets.into_iter().for_each(|wallet| sweep(wallet_mut(&mut customer.wallets, wallet)));
}

/// As [`lapse`], but what it empties stays until the wallet is swept.
fn lapse_unswept(customer: &mut Customer, lapsed: &[Lapsed]) {
    for lapsed in lapsed {
        let wallet = wallet_mut(&mut customer.wallets, lapsed.posting.wallet);
        let at = wallet.find(lapsed.tranche, &lapsed.terms).expect("what lapses is live");
        wallet.tranches[at].remaining -= lapsed.credits;
        post(&mut wallet.head, &lapsed.posting);
    }
    recharges::lapsed(customer, lapsed);
}

fn debit(customer: &mut Customer, debited: &Debited, at: Timestamp) {
    for row in &debited.rows {
        let wallet = wallet_mut(&mut customer.wallets, row.posting.wallet);
        let slices = debited.slices.iter().filter(|slice| slice.wallet == row.posting.wallet);
        take(wallet, slices);
        post(&mut wallet.head, &row.posting);
        spend(wallet, row.credits, at);
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
