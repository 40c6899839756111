//! What grants minted and carried over; what a customer is enrolled in.

use super::bind::bind_tranches;
use super::{create_wallet, insert, mint, note_id, post, recharges, wallet_mut};
use crate::amount::Credits;
use crate::customer::Customer;
use crate::fact::{Due, Granted, Landed, PlansFollowed, RolledOver, Subscribed};
use crate::grant::{Grant, MintedTranche};
use crate::granting;
use crate::ids::{LogPosition, SubscriptionId};
use crate::tranche::Tranche;
use crate::wallet::Wallet;

/// Enters a period's tranche, and the wallet that it made. `number` is the row's.
pub(super) fn grant(customer: &mut Customer, granted: &Granted, number: u32) {
    let minted = match &granted.landed {
        Landed::Skipped(_) => None,
        Landed::Minted { wallet, made, row, currency: _ } => {
            if let Some(made) = made {
                create_wallet(customer, &granting::head_of(made, granted.at), granted.at);
            }
            note_id(customer, row.tranche.0);
            let into = wallet_mut(&mut customer.wallets, *wallet);
            into.head.debt -= row.repaid;
            mint(into, row, (LogPosition(0), number));
            if let Some(posting) = &row.posting {
                post(&mut into.head, posting);
                recharges::rebase(into);
            }
            let (tranche, wallet) = (row.tranche, *wallet);
            Some(MintedTranche { tranche, wallet, period: granted.period, rolled_over: false })
        }
    };
    let wallets = &customer.wallets;
    customer.grants.change(granted.key, |grant| {
        grant.next = granted.next;
        grant.minted.extend(minted);
        forget_old(grant, wallets);
    });
}

/// Carries credit over. `number` is that of the row by which it arrives.
pub(super) fn roll_over(customer: &mut Customer, rolled: &RolledOver, number: u32) {
    note_id(customer, rolled.tranche.0);
    let wallet = wallet_mut(&mut customer.wallets, rolled.out.wallet);
    let from = wallet.find(rolled.from, &rolled.from_terms).expect("what rolls over is live");
    wallet.tranches[from].remaining -= rolled.terms.original;
    post(&mut wallet.head, &rolled.out);
    let tranche = Tranche {
        id: rolled.tranche,
        terms: rolled.terms.clone(),
        remaining: rolled.terms.original,
        pinned: Credits::ZERO,
        credit_position: LogPosition(0),
        credit_row: number,
        scheduled: false,
        voided: false,
    };
    insert(wallet, tranche);
    post(&mut wallet.head, &rolled.posting);
    let (tranche, wallet, period) = (rolled.tranche, rolled.out.wallet, rolled.period);
    customer.grants.change(rolled.key, |grant| {
        grant.minted.push(MintedTranche { tranche, wallet, period, rolled_over: true });
    });
}

/// Of two periods, and of what is live, a grant remembers what it minted: a refund may bring back what was drained.
fn forget_old(grant: &mut Grant, wallets: &[Wallet]) {
    let recent = grant.next.period.saturating_sub(2);
    let is_live = |minted: &MintedTranche| {
        let wallet = wallets.iter().find(|wallet| wallet.head.id == minted.wallet);
        wallet.is_some_and(|wallet| wallet.tranches.iter().any(|tranche| tranche.id == minted.tranche))
    };
    grant.minted.retain(|minted| minted.period >= recent || is_live(minted));
}

/// Enters a subscription and its grants.
pub(super) fn subscribe(customer: &mut Customer, subscribed: &Subscribed) {
    let subscription = &subscribed.subscription;
    note_id(customer, subscription.id.0);
    customer.grants.subscriptions.insert(subscription.id, subscription.clone());
    customer.grants.plans_seen = customer.grants.plans_seen.max(subscribed.plans_seen);
    subscribed.grants.iter().for_each(|grant| customer.grants.set(grant.clone()));
}

/// Takes a subscription out, with all that ends with it.
pub(super) fn unsubscribe(customer: &mut Customer, id: SubscriptionId) {
    let of_it = customer.grants.iter().map(|grant| grant.key).filter(|key| key.subscription == Some(id));
    let keys: Vec<_> = of_it.collect();
    keys.into_iter().for_each(|key| customer.grants.remove(key));
    customer.grants.subscriptions.remove(&id);
}

/// Copies as they are now.
pub(super) fn follow(customer: &mut Customer, followed: &PlansFollowed) {
    followed.removed.iter().for_each(|key| customer.grants.remove(*key));
    followed.set.iter().for_each(|grant| customer.grants.set(grant.clone()));
    customer.grants.plans_seen = followed.seen;
}

/// The record has its position.
pub(super) fn bind(customer: &mut Customer, due: &[Due], position: LogPosition) {
    for happened in due {
        match happened {
            Due::Granted(granted) => {
                if let Landed::Minted { wallet, row, .. } = &granted.landed {
                    bind_tranches(customer, *wallet, std::iter::once((row.tranche, &row.terms)), position);
                }
            }
            Due::RolledOver(rolled) => {
                let minted = std::iter::once((rolled.tranche, &rolled.terms));
                bind_tranches(customer, rolled.posting.wallet, minted, position);
            }
            Due::Expired { .. } | Due::Started { .. } | Due::HoldExpired(_) | Due::RechargeExpired(_) => {}
        }
    }
}
