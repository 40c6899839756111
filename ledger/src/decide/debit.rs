//! Credit out, for a charge or by hand (SEMANTICS §3, §4).
//!
//! Which wallets may pay is settled here; [`super::taking`] then walks over them in burn order and, inside each, over its tranches;
//! then, for USAGE only, over their overdrafts.

use super::taking::Taking;
use super::{Context, active_wallet, check_quantity, existing};
use crate::amount::Credits;
use crate::burn_order::{self, Purpose, WalletIndices};
use crate::command::{Debit, ManualDebit, Quantity};
use crate::customer::Customer;
use crate::fact::Effect;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::unit::PriceType;
use crate::wallet::{Wallet, WalletHead, WalletStatus};

/// A debit for a charge: over one or several wallets, whole or, if partial, as much as there is.
pub(super) fn debit(customer: &Customer, request: &Debit, context: &Context<'_>) -> Result<Effect, Refusal> {
    check_quantity(request.quantity, "a debit must be more than 0")?;
    existing(customer)?;
    let payers = payers(customer, request)?;
    let purpose = Purpose::Charge { price_type: request.price_type, feature: request.feature.as_deref() };
    let mut taking = Taking::new(customer, request.quantity);
    for payer in &payers {
        taking.take_tranches(*payer, purpose, customer.wallets[*payer].head.available(), context.now);
    }
    match request.price_type {
        PriceType::Usage => payers.iter().for_each(|payer| taking.take_overdraft(*payer)),
        PriceType::Fixed => {}
    }
    taking.finish(request.quantity, request.partial, context).map(Effect::Debited)
}

/// A debit by hand: one wallet, scopes ignored, never overdrawn.
pub(super) fn by_hand(
    customer: &Customer,
    request: &ManualDebit,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    let quantity = Quantity::Credits(request.credits);
    check_quantity(quantity, "a debit must be more than 0")?;
    let wallet = active_wallet(customer, request.wallet)?;
    let index = index_of(customer, wallet);
    let mut taking = Taking::new(customer, quantity);
    taking.take_tranches(index, Purpose::ByHand, wallet.head.own(), context.now);
    let debited = taking.finish(quantity, false, context)?;
    let posting = debited.rows[0].posting;
    let head = WalletHead { posted: posting.after, sequence: posting.sequence, ..wallet.head.clone() };
    Ok(Effect::ManuallyDebited { debited, wallet: Box::new(head) })
}

/// What a charge of this price type, without a feature, could take from the wallet at `now`, overdraft included.
pub(crate) fn takeable(wallet: &Wallet, price_type: PriceType, now: Timestamp) -> Credits {
    if wallet.head.status != WalletStatus::Active || !wallet.head.allowed_price_types.admits(price_type) {
        return Credits::ZERO;
    }
    let purpose = Purpose::Charge { price_type, feature: None };
    let eligible = wallet.tranches.iter().filter(|tranche| purpose.admits(tranche, now));
    let credits = eligible.map(|tranche| tranche.unpinned()).sum::<Credits>().min(wallet.head.available());
    match price_type {
        PriceType::Usage => credits + wallet.head.overdraft_room(),
        PriceType::Fixed => credits,
    }
}

/// The wallets that may pay, in the order in which they pay. May be none.
fn payers(customer: &Customer, request: &Debit) -> Result<WalletIndices, Refusal> {
    let candidates = match request.wallet {
        Some(id) => {
            let wallet = active_wallet(customer, id)?;
            if !names(request, &wallet.head) {
                return Err(Refusal::UnitMismatch);
            }
            std::iter::once(index_of(customer, wallet)).collect()
        }
        None => of_named_unit(customer, request)?,
    };
    Ok(burn_order::wallets(customer, candidates, request.price_type))
}

/// Whether the request's currency and price unit, where given, are the wallet's.
fn names(request: &Debit, head: &WalletHead) -> bool {
    request.currency.is_none_or(|currency| currency == head.unit.currency)
        && (request.price_unit.is_none() || request.price_unit == head.unit.price_unit)
}

/// The active wallets that the request's unit leaves. Credits of different units cannot be added: there must be one unit only. Money
/// can, so a debit by amount and currency may use several.
fn of_named_unit(customer: &Customer, request: &Debit) -> Result<WalletIndices, Refusal> {
    let is_candidate = |head: &WalletHead| head.status == WalletStatus::Active && names(request, head);
    let wallets = customer.wallets.iter().enumerate();
    let candidates: WalletIndices =
        wallets.filter(|(_, wallet)| is_candidate(&wallet.head)).map(|(index, _)| index).collect();
    let several_units = candidates
        .windows(2)
        .any(|pair| customer.wallets[pair[0]].head.unit != customer.wallets[pair[1]].head.unit);
    let is_money = matches!(request.quantity, Quantity::Amount(_)) && request.currency.is_some();
    if several_units && !is_money { Err(Refusal::UnitRequired) } else { Ok(candidates) }
}

fn index_of(customer: &Customer, wallet: &Wallet) -> usize {
    customer
        .wallets
        .iter()
        .position(|other| other.head.id == wallet.head.id)
        .expect("the wallet is the customer's")
}
