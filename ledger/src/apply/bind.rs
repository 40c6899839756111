//! The other half of the fold: what a record made or closed learns where the record stands.

use super::{back, grants, recharges, transfers, wallet_mut};
use crate::customer::Customer;
use crate::fact::{Effect, Facts};
use crate::ids::{LogPosition, TrancheId, WalletId};
use crate::tranche::Terms;

/// The other half of the fold, when the record has its position in the log: what the record made or closed learns where it stands.
pub fn bind(customer: &mut Customer, facts: &Facts, position: LogPosition) {
    customer.last_at = facts.at;
    customer.last_position = position;
    if facts.needs_position() {
        bind_closed(customer, position);
        grants::bind(customer, &facts.due, position);
        bind_effect(customer, &facts.effect, position);
        recharges::bind(customer, facts, position);
    }
}

fn bind_effect(customer: &mut Customer, effect: &Effect, position: LogPosition) {
    match effect {
        Effect::WalletCreated { wallet, initial, .. } => {
            let minted = initial.iter().map(|row| (row.tranche, &row.terms));
            bind_tranches(customer, wallet.id, minted, position);
        }
        Effect::ToppedUp { rows, wallet } => {
            bind_tranches(customer, wallet.id, rows.iter().map(|row| (row.tranche, &row.terms)), position);
        }
        Effect::Refunded(refunded) => back::bind(customer, &refunded.back, position),
        Effect::InvoiceSettled(settled) => {
            let invoice = customer.invoices.get_mut(&settled.invoice).expect("it was settled in this record");
            invoice.settled = position;
        }
        Effect::InvoiceVoided { invoice, back } => {
            back::bind(customer, back, position);
            let invoice = customer.invoices.get_mut(invoice).expect("it was voided in this record");
            invoice.voided = Some(position);
        }
        Effect::TransferSent(sent) => transfers::bind_sent(customer, sent, position),
        Effect::TransferReceived { arrived, .. } => transfers::bind_arrived(customer, arrived, position),
        Effect::TransferReturned { back, .. } => back::bind(customer, back, position),
        Effect::Subscribed(subscribed) => grants::bind(customer, &subscribed.minted, position),
        Effect::GrantSet(set) => grants::bind(customer, &set.minted, position),
        Effect::Recharged { recharge, .. } => recharges::bind_one(customer, recharge, position),
        Effect::RechargeEnded(end) => recharges::bind_end(customer, end, position),
        Effect::Atomic(effects) => {
            effects.iter().for_each(|effect| bind_effect(customer, effect, position));
        }
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletSet(_)
        | Effect::Debited(_)
        | Effect::ManuallyDebited { .. }
        | Effect::WalletClosed { .. }
        | Effect::Held(_)
        | Effect::CreditVoided(_)
        | Effect::TransferDone(_)
        | Effect::TransferForgotten(_)
        | Effect::BudgetSet(_)
        | Effect::BudgetDeleted(_)
        | Effect::AutoTopupResumed(_)
        | Effect::EventRecorded { .. }
        | Effect::Unsubscribed(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_) => {}
    }
}

/// What this record closed stands at the end of the list, without a position.
fn bind_closed(customer: &mut Customer, position: LogPosition) {
    let unbound = customer.closed.iter_mut().rev().take_while(|closed| closed.position.0 == 0);
    unbound.for_each(|closed| closed.position = position);
}

pub(super) fn bind_tranches<'a>(
    customer: &mut Customer,
    wallet: WalletId,
    minted: impl Iterator<Item = (TrancheId, &'a Terms)>,
    position: LogPosition,
) {
    let wallet = wallet_mut(&mut customer.wallets, wallet);
    for (tranche, terms) in minted {
        // What repaid debt to the last credit was never live.
        if let Some(at) = wallet.find(tranche, terms) {
            wallet.tranches[at].credit_position = position;
        }
    }
}
