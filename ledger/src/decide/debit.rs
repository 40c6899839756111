//! Credit out, for a charge or by hand (SEMANTICS §3, §4).
//!
//! Which wallets may pay is settled here; [`super::taking`] then walks over them in burn order and, inside each, over its tranches;
//! then, for USAGE only, over their overdrafts.

use super::taking::Taking;
use super::{Context, active_wallet, budget, check_quantity, existing};
use crate::amount::Credits;
use crate::burn_order::{self, Purpose, WalletIndices};
use crate::catalog::rate_card;
use crate::command::{Asked, Charge, Debit, ManualDebit, Metered, Quantity};
use crate::customer::Customer;
use crate::fact::{DebitExtra, Effect, Priced};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::unit::PriceType;
use crate::wallet::{Wallet, WalletHead, WalletStatus};

/// A debit for a charge: over one or several wallets, whole or, if partial, as much as there is.
pub(super) fn debit(customer: &Customer, request: &Debit, context: &Context<'_>) -> Result<Effect, Refusal> {
    let (quantity, priced) = quantity(&request.asked, context)?;
    check_quantity(quantity, "a debit must be more than 0")?;
    existing(customer)?;
    let payers = payers(customer, &request.charge, quantity)?;
    let mut taking = Taking::new(customer, quantity);
    taking.take_charge(&payers, &request.charge, context.now);
    let mut debited = taking.finish(quantity, request.partial, context)?;
    let budget = budget::check(customer, &request.charge, &debited, context)?;
    if priced.is_some() || !budget.is_empty() {
        debited.extra = Some(Box::new(DebitExtra { priced, budget }));
    }
    Ok(Effect::Debited(debited))
}

/// How much a charge is; usage is priced by the card that counts now.
fn quantity(asked: &Asked, context: &Context<'_>) -> Result<(Quantity, Option<Priced>), Refusal> {
    match asked {
        Asked::Credits(credits) => Ok((Quantity::Credits(*credits), None)),
        Asked::Amount(money) => Ok((Quantity::Amount(*money), None)),
        Asked::Metered(metered) => {
            let priced = price_or_refuse(metered, context)?;
            Ok((Quantity::Credits(priced.credits), Some(priced)))
        }
    }
}

/// The price of usage as of now. Without a card a debit or a hold has no amount, and is refused.
pub(super) fn price_or_refuse(metered: &Metered, context: &Context<'_>) -> Result<Priced, Refusal> {
    let priced = rate_card::price(context.cards, metered, context.now)?;
    priced.ok_or(Refusal::Invalid { field: "meter", problem: "no rate card prices this usage" })
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
        PriceType::Usage => credits + wallet.overdraft_room(),
        PriceType::Fixed => credits,
    }
}

/// The wallets that may pay, in the order in which they pay. May be none.
pub(super) fn payers(
    customer: &Customer,
    request: &Charge,
    quantity: Quantity,
) -> Result<WalletIndices, Refusal> {
    let candidates = match request.wallet {
        Some(id) => {
            let wallet = active_wallet(customer, id)?;
            if !names(request, &wallet.head) {
                return Err(Refusal::UnitMismatch);
            }
            std::iter::once(index_of(customer, wallet)).collect()
        }
        None => of_named_unit(customer, request, quantity)?,
    };
    Ok(burn_order::wallets(customer, candidates, request.price_type))
}

/// Whether the request's currency and price unit, where given, are the wallet's.
pub(super) fn names(request: &Charge, head: &WalletHead) -> bool {
    request.currency.is_none_or(|currency| currency == head.unit.currency)
        && (request.price_unit.is_none() || request.price_unit == head.unit.price_unit)
}

/// The active wallets that the request's unit leaves. Credits of different units cannot be added: there must be one unit only. Money
/// can, so a debit by amount and currency may use several.
pub(super) fn of_named_unit(
    customer: &Customer,
    request: &Charge,
    quantity: Quantity,
) -> Result<WalletIndices, Refusal> {
    let is_candidate = |head: &WalletHead| head.status == WalletStatus::Active && names(request, head);
    let wallets = customer.wallets.iter().enumerate();
    let candidates: WalletIndices =
        wallets.filter(|(_, wallet)| is_candidate(&wallet.head)).map(|(index, _)| index).collect();
    let several_units = candidates
        .windows(2)
        .any(|pair| customer.wallets[pair[0]].head.unit != customer.wallets[pair[1]].head.unit);
    let is_money = matches!(quantity, Quantity::Amount(_)) && request.currency.is_some();
    if several_units && !is_money { Err(Refusal::UnitRequired) } else { Ok(candidates) }
}

pub(super) fn index_of(customer: &Customer, wallet: &Wallet) -> usize {
    customer
        .wallets
        .iter()
        .position(|other| other.head.id == wallet.head.id)
        .expect("the wallet is the customer's")
}
