//! Credits taken back, as far as they are neither spent nor pinned (SEMANTICS §6).
//!
//! Which tranche a row made is a function of its old record, which the shell brings along. What holds pin goes when they let it go
//! ([`crate::fact::Lapsed`]). Tested in `decide/tests/void.rs`.

use super::{Context, existing};
use crate::amount::Credits;
use crate::command::VoidCredit;
use crate::customer::Customer;
use crate::fact::{Effect, Voided};
use crate::letting_go::Balances;
use crate::looked_up::{LookedUp, OldCredit};
use crate::refusal::Refusal;
use crate::tranche::Tranche;
use crate::wallet::Wallet;

/// Takes back a credit, and the bonus that came with it.
pub(super) fn void(
    customer: &Customer,
    _request: &VoidCredit,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    existing(customer)?;
    let credits = old_credits(context).ok_or(Refusal::NotFound("transaction"))?;
    let mut voids = Vec::with_capacity(credits.len());
    let (mut balances, mut something_left) = (Balances::default(), false);
    for credit in credits {
        let wallet = wallet_of(customer, credit)?;
        let tranche = wallet.find(credit.tranche, &credit.terms).map(|at| &wallet.tranches[at]);
        something_left |= tranche.is_some_and(|tranche| !tranche.voided);
        voids.push(take_back(credit, wallet, tranche, &mut balances));
    }
    if something_left {
        Ok(Effect::CreditVoided(voids))
    } else {
        Err(Refusal::InvalidOperation("nothing is left of the credit, or it is voided already"))
    }
}

/// The credits that the shell found.
fn old_credits<'a>(context: &Context<'a>) -> Option<&'a [OldCredit]> {
    match context.looked_up {
        Some(LookedUp::Credits(credits)) => Some(credits),
        Some(LookedUp::Debit(_) | LookedUp::Receiver(_) | LookedUp::Each(_)) | None => None,
    }
}

fn wallet_of<'a>(customer: &'a Customer, credit: &OldCredit) -> Result<&'a Wallet, Refusal> {
    let wallet = customer.wallet(credit.wallet).ok_or(Refusal::WalletNotFound(credit.wallet))?;
    if wallet.is_open() { Ok(wallet) } else { Err(Refusal::WalletClosed(credit.wallet)) }
}

/// A credit that has not started is in no balance: it is cancelled without a posting.
fn take_back(
    credit: &OldCredit,
    wallet: &Wallet,
    tranche: Option<&Tranche>,
    balances: &mut Balances,
) -> Voided {
    let (credits, held, remaining) = tranche
        .map_or((Credits::ZERO, Credits::ZERO, Credits::ZERO), |tranche| {
            (tranche.unpinned(), tranche.pinned, tranche.remaining)
        });
    let moves = credits.is_positive() && tranche.is_some_and(|tranche| !tranche.scheduled);
    Voided {
        of: credit.row,
        wallet: credit.wallet,
        tranche: credit.tranche,
        terms: credit.terms.clone(),
        credits,
        held,
        spent: credit.terms.original - remaining,
        posting: moves.then(|| balances.post(wallet, -credits)),
    }
}
