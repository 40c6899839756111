//! What a command does to a customer, decided without doing it (DESIGN decision 2).
//!
//! One file per family: customer, life (of wallets), credit, debit. Each function makes all its checks, then only writes down facts. The order of the checks is part of the API:
//!
//! 1. the request itself, as far as it can be judged without state;
//! 2. the customer exists; 3. the wallet exists; 4. its status allows it;
//! 5. the unit is clear; 6. there is enough credit; 7. limits and overflow of results.
//!
//! Deliberately absent: clocks, random numbers, settings of its own. Tested beside the code and, by the worked examples' names and
//! against a naive model, in `tests/rules`.

mod atomic;
mod budget;
mod credit;
mod customer;
mod debit;
mod event;
mod giving_back;
mod grant;
mod hold;
mod invoice;
mod lack;
mod life;
mod purchase;
mod recharge;
mod refund;
mod rules;
mod set_off;
mod taking;
#[cfg(test)]
mod tests;
mod transfer;
mod void;

pub use grant::{followed_up, is_behind};
pub(crate) use life::default_name;
pub use recharge::for_refused as recharge_for_refused;
pub use set_off::runway_alerts_change;

use std::borrow::Cow;

use crate::apply;
use crate::catalog::grant::Plans;
use crate::catalog::rate_card::RateCard;
use crate::catalog::tenant::Settings;
use crate::command::{Command, Quantity};
use crate::customer::{Customer, Identity};
use crate::expiry::{self, Room};
use crate::fact::{Due, Effect, Facts};
use crate::ids::{CustomerNumber, ThingId, WalletId};
use crate::limits::Limits;
use crate::looked_up::LookedUp;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::wallet::{Wallet, WalletStatus};

pub(crate) use debit::takeable;

/// What a decision needs beside the customer and the command. Nothing in it is asked for: the shell brings it.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The instant of the turn; never before the customer's last record.
    pub now: Timestamp,
    /// The tenant's published settings.
    pub settings: &'a Settings,
    /// The tenant's published rate cards.
    pub cards: &'a [RateCard],
    /// The tenant's published grants of plans.
    pub plans: Plans<'a>,
    /// The engine's limits.
    pub limits: &'a Limits,
    /// Whether the request has an idempotency key, so that a repeat of it cannot act twice.
    pub keyed: bool,
    /// The closed thing that the command names, or the customer that it sends to, as the shell found it.
    pub looked_up: Option<&'a LookedUp>,
}

/// Decides a command. Pure: same state, command and context, same answer.
///
/// What is due at `now` is written down first, and the command is decided on the state after it. A [`Command::Tick`] writes at most
/// `due_per_record_max` things, and of a hold that ends at most `hold_pins_per_record_max` pins; before any other command the shell
/// sends ticks until the rest fits, and until nothing is due if [`expiry::write_apart`] says so: looking ahead takes a copy of the
/// customer.
///
/// # Errors
/// A [`Refusal`]: nothing happens, and nothing that is due is written either.
pub fn decide(customer: &Customer, command: &Command, context: &Context<'_>) -> Result<Facts, Refusal> {
    debug_assert!(context.now >= customer.last_at, "the shell never lets a customer's time run back");
    if *command == Command::FollowPlans {
        return grant::follow(customer, context);
    }
    if context.now < customer.next_due() {
        return after_due((customer, customer), Vec::new(), command, context);
    }
    let room = Room::of_a_record(context.limits);
    if *command == Command::Tick {
        let due = expiry::due_until(customer, (context.now, context.now), room);
        return after_due((customer, &after(customer, &due)), due, command, context);
    }
    let due = expiry::due(customer, context.now, usize::MAX);
    debug_assert!(due.len() <= room.things, "the shell sends ticks first");
    after_due((customer, &after(customer, &due)), due, command, context)
}

/// The customer after what is due.
fn after(customer: &Customer, due: &[Due]) -> Customer {
    let mut ahead = customer.clone();
    apply::apply_due(&mut ahead, due, 0);
    ahead.calm_down();
    ahead
}

/// The customer after everything that is due now.
pub(crate) fn caught_up(customer: &Customer, now: Timestamp) -> Cow<'_, Customer> {
    if now < customer.next_due() {
        return Cow::Borrowed(customer);
    }
    Cow::Owned(after(customer, &expiry::due(customer, now, usize::MAX)))
}

/// Decides what the command does after what was due, and then what all of it sets off.
fn after_due(
    (before_due, due_done): (&Customer, &Customer),
    due: Vec<Due>,
    command: &Command,
    context: &Context<'_>,
) -> Result<Facts, Refusal> {
    let at = context.now;
    if let Command::Recharge(request) = command {
        let begun = recharge::due(due_done, request, context)?;
        let states = set_off::States { before_due, due_done, ready: due_done };
        let set_off = set_off::with(&states, &due, begun, context);
        return Ok(Facts { at, due, effect: Effect::Ticked, set_off });
    }
    let has_to_do = || !due.is_empty() || runway_alerts_change(due_done, at);
    let decided = if matches!(command, Command::Tick) && has_to_do() {
        Ok(Effect::Ticked)
    } else {
        effect(due_done, command, context)
    };
    let payers = lack::payers_of_lack(due_done, command, decided.as_ref(), context.limits);
    let rescued = payers.as_ref().and_then(|payers| recharge::rescue(due_done, command, payers, context));
    let (before, ready, mut effect, lack) = match rescued {
        Some(recharge::Rescued { recharge, effect, ready }) => {
            (Some(recharge), Cow::Owned(ready), effect, None)
        }
        None => {
            let effect = decided?;
            let lack = payers.and_then(|payers| recharge::of_lack(due_done, &payers, command, context));
            (None, Cow::Borrowed(due_done), effect, lack)
        }
    };
    let states = set_off::States { before_due, due_done, ready: &ready };
    let set_off = set_off::decide(&states, &due, (before, lack), &mut effect, context);
    Ok(Facts { at, due, effect, set_off })
}

/// Decides on a customer for whom nothing is due.
fn effect(customer: &Customer, command: &Command, context: &Context<'_>) -> Result<Effect, Refusal> {
    match command {
        Command::CreateCustomer { external_id, profile } => {
            customer::create(customer, external_id, profile, context.now)
        }
        Command::UpdateCustomer { profile } => customer::update(customer, profile, context.now),
        Command::ChangeCustomer(change) => customer::change(customer, change, context.now),
        Command::DeleteCustomer => customer::delete(customer, context.now),
        Command::CreateWallet(request) => life::create(customer, request, context),
        Command::UpdateWallet(request) => life::update(customer, request, context.now),
        Command::TopUp(request) => credit::top_up(customer, request, context),
        Command::Debit(request) => debit::debit(customer, request, context),
        Command::ManualDebit(request) => debit::by_hand(customer, request, context),
        Command::Freeze(wallet) => life::freeze(customer, *wallet, context.now),
        Command::Unfreeze(wallet) => life::unfreeze(customer, *wallet, context.now),
        Command::Close { wallet, remainder, force } => {
            life::close(customer, *wallet, *remainder, *force, context)
        }
        Command::PlaceHold(request) => hold::place(customer, request, context),
        Command::Capture(request) => hold::capture(customer, request, context),
        Command::Release { hold, .. } => hold::release(customer, *hold, context),
        Command::Extend { hold, expires_in_s } => hold::extend(customer, *hold, *expires_in_s, context),
        Command::Grow { hold, credits } => hold::grow(customer, *hold, *credits, context),
        Command::Refund(request) => refund::refund(customer, request, context),
        Command::VoidCredit(request) => void::void(customer, request, context),
        Command::Settle(request) => invoice::settle(customer, request, context),
        Command::VoidInvoice { invoice } => invoice::void(customer, invoice, context),
        Command::Transfer(request) => transfer::send(customer, request, context),
        Command::TransferIn(request) => transfer::receive(customer, request, context),
        Command::TransferDone(transfer) => transfer::done(customer, *transfer),
        Command::TransferBack(transfer) => transfer::back(customer, *transfer, context),
        Command::TransferForget(transfer) => transfer::forget(customer, *transfer),
        Command::SetBudget(request) => budget::set(customer, request, context),
        Command::DeleteBudget(id) => budget::delete(customer, id),
        Command::ResetBudget(id) => budget::reset(customer, id),
        Command::Event(request) => event::record(customer, request, context),
        Command::Subscribe(request) => grant::subscribe(customer, request, context),
        Command::Unsubscribe { subscription, void_remaining } => {
            grant::unsubscribe(customer, subscription, *void_remaining)
        }
        Command::CreateGrant(request) => grant::create(customer, request, context),
        Command::UpdateGrant(request) => grant::update(customer, request, context.now),
        Command::DeleteGrant { id, effective_at, void_remaining } => {
            grant::delete(customer, *id, (*effective_at, *void_remaining), context.now)
        }
        Command::FollowPlans => Err(Refusal::InvalidOperation("plans are followed by themselves")),
        Command::Atomic(items) => atomic::all(customer, items, context),
        Command::CompleteRecharge(id) => purchase::complete(customer, *id, context),
        Command::FailRecharge { id, reason } => purchase::fail(customer, (*id, *reason), context),
        Command::CancelRecharge(id) => purchase::cancel(customer, *id, context),
        Command::ResumeAutoTopup(wallet) => purchase::resume(customer, *wallet),
        Command::Recharge(_) => Err(Refusal::InvalidOperation("no recharge is due")),
        Command::Tick => Err(Refusal::InvalidOperation("nothing is due")),
    }
}

/// Mints ids, each with the next value of the customer's counter. `apply` moves the counter past every id that facts hold.
pub(crate) struct Ids {
    at: Timestamp,
    customer: CustomerNumber,
    counter: u64,
}

impl Ids {
    pub(crate) const fn of(customer: &Customer, at: Timestamp) -> Self {
        Self { at, customer: customer.number, counter: customer.counter }
    }

    /// Passes over ids that were minted elsewhere.
    fn skip(&mut self, ids: usize) {
        self.counter += u64::try_from(ids).expect("few ids are minted at once");
    }

    pub(crate) fn next(&mut self) -> ThingId {
        let id = ThingId::new(self.at, self.customer, self.counter);
        self.counter += 1;
        id
    }
}

/// The customer's identity, if somebody made it and nobody deleted it.
fn existing(customer: &Customer) -> Result<&Identity, Refusal> {
    customer.identity.as_ref().filter(|identity| !identity.deleted).ok_or(Refusal::CustomerNotFound)
}

/// A wallet of an existing customer that is not closed.
fn open_wallet(customer: &Customer, id: WalletId) -> Result<&Wallet, Refusal> {
    existing(customer)?;
    let wallet = customer.wallet(id).ok_or(Refusal::WalletNotFound(id))?;
    if wallet.is_open() { Ok(wallet) } else { Err(Refusal::WalletClosed(id)) }
}

/// A wallet of an existing customer that credit may leave.
fn active_wallet(customer: &Customer, id: WalletId) -> Result<&Wallet, Refusal> {
    let wallet = open_wallet(customer, id)?;
    match wallet.head.status {
        WalletStatus::Active => Ok(wallet),
        WalletStatus::Frozen => Err(Refusal::WalletFrozen(id)),
        WalletStatus::Closed => Err(Refusal::WalletClosed(id)),
    }
}

/// An amount that moves credit: more than 0, and of at most 12 integer digits even if no text was parsed to get it.
fn check_quantity(quantity: Quantity, must_be_positive: &'static str) -> Result<(), Refusal> {
    let (positive, in_range) = match quantity {
        Quantity::Credits(credits) => (credits.is_positive(), credits.is_in_range()),
        Quantity::Amount(money) => (money.is_positive(), money.is_in_range()),
    };
    match (positive, in_range) {
        (true, true) => Ok(()),
        (true, false) => Err(Refusal::AmountOverflow("the amount")),
        (false, _) => Err(Refusal::AmountInvalid(must_be_positive)),
    }
}

/// A limit's refusal.
fn limit_reached(limit: &'static str, max: usize) -> Refusal {
    Refusal::LimitReached { limit, max: u64::try_from(max).expect("a usize fits 64 bits") }
}
