//! Usage events: priced and debited at once (SEMANTICS §19).
//!
//! An event is usage that happened: it is never refused for lack of credit, nor by a budget. What there is pays, what is not there
//! is noted as uncollected, and budgets count all of it. Its timestamp picks the rate card; the debit is now. It is refused only for what
//! can be mended and sent again: its time, its quantity, a wallet that is not there, a unit that is not clear.
//!
//! Deliberately absent: deduplication, which the idempotency keys do. Tested in `decide/tests/event.rs`.

use super::customer::to_make;
use super::taking::Taking;
use super::{Context, budget, debit};
use crate::amount::Credits;
use crate::burn_order::{self, WalletIndices};
use crate::catalog::rate_card;
use crate::command::{Charge, Event, Quantity};
use crate::customer::Customer;
use crate::fact::{Debited, Effect, Uncollected};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::wallet::{Wallet, WalletHead};

/// Records usage, makes the customer if nobody named it before, and takes what there is.
pub(super) fn record(customer: &Customer, request: &Event, context: &Context<'_>) -> Result<Effect, Refusal> {
    check_time(request.timestamp, context)?;
    let priced = rate_card::price(context.cards, &request.metered, request.timestamp)?;
    let made = to_make(customer, &request.customer, context.now)?;
    let named = named_wallet(customer, &request.charge)?;
    let price = priced.map_or(Credits::ZERO, |priced| priced.credits);
    if !price.is_positive() {
        let used = Vec::new();
        return Ok(Effect::EventRecorded { customer: made, priced, taken: None, uncollected: None, used });
    }
    let candidates = match named {
        Some(index) => std::iter::once(index).collect(),
        None => debit::of_named_unit(customer, &request.charge, Quantity::Credits(price))?,
    };
    let oldest = candidates.first().copied().or_else(|| idle(customer, &request.charge));
    let payers = burn_order::wallets(customer, candidates, request.charge.price_type);
    let taken = take(customer, &payers, price, &request.charge, context)?;
    let memo = named.or(payers.first().copied()).or(oldest).map(|index| &customer.wallets[index].head);
    let used = budget::count(customer, &request.charge, price, memo.map(|head| &head.unit), context);
    let uncollected = uncollected(price, taken.as_ref(), memo);
    Ok(Effect::EventRecorded { customer: made, priced, taken: taken.map(Box::new), uncollected, used })
}

/// Neither far ahead of the engine's time nor long past.
fn check_time(timestamp: Timestamp, context: &Context<'_>) -> Result<(), Refusal> {
    let (ahead, age) = (timestamp.0.saturating_sub(context.now.0), context.now.0.saturating_sub(timestamp.0));
    if ahead > u64::from(context.limits.event_ahead_max_s) * NS_PER_SECOND {
        return Err(Refusal::EventTime("is too far ahead"));
    }
    if age > u64::from(context.limits.event_age_max_s) * NS_PER_SECOND {
        return Err(Refusal::EventTime("is too long ago"));
    }
    Ok(())
}

/// Nanoseconds in a second.
const NS_PER_SECOND: u64 = 1_000_000_000;

/// The wallet that the event names, whatever its status: from a frozen or closed one nothing is taken.
fn named_wallet(customer: &Customer, charge: &Charge) -> Result<Option<usize>, Refusal> {
    let Some(id) = charge.wallet else { return Ok(None) };
    let wallet = customer.wallet(id).ok_or(Refusal::WalletNotFound(id))?;
    if debit::names(charge, &wallet.head) {
        Ok(Some(debit::index_of(customer, wallet)))
    } else {
        Err(Refusal::UnitMismatch)
    }
}

/// Where no wallet is active: the oldest that would have been asked, a frozen one before a closed one. It has the memo. `None` = there is
/// none, or they are of several units and none is named: that cannot be guessed.
fn idle(customer: &Customer, charge: &Charge) -> Option<usize> {
    let meant = |wallet: &&Wallet| debit::names(charge, &wallet.head);
    let any_is_open = customer.wallets.iter().filter(meant).any(Wallet::is_open);
    let mut asked = customer.wallets.iter().filter(meant).filter(|wallet| wallet.is_open() || !any_is_open);
    let oldest = asked.next()?;
    let unit = |wallet: &Wallet| (wallet.head.unit.currency, wallet.head.unit.price_unit.clone());
    asked.all(|wallet| unit(wallet) == unit(oldest)).then(|| debit::index_of(customer, oldest))
}

/// Takes as much of the price as there is and one record can hold; `None` = nothing.
fn take(
    customer: &Customer,
    payers: &WalletIndices,
    price: Credits,
    charge: &Charge,
    context: &Context<'_>,
) -> Result<Option<Debited>, Refusal> {
    let quantity = Quantity::Credits(price);
    let mut taking = Taking::new(customer, quantity);
    taking.take_charge(payers, charge, context.now);
    match taking.finish(quantity, true, context) {
        Ok(debited) => Ok(Some(debited)),
        Err(Refusal::InsufficientCredits { .. }) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// What was not there, noted at the wallet that should have paid.
fn uncollected(price: Credits, taken: Option<&Debited>, memo: Option<&WalletHead>) -> Option<Uncollected> {
    let credits = price - taken.map_or(Credits::ZERO, |taken| taken.credits);
    credits.is_positive().then(|| Uncollected { wallet: memo.map(|head| head.id), credits })
}
