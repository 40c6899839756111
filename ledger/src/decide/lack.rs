//! Lack of credit: what a request was refused for, or usage that happened did not find, and who may pay it (SEMANTICS §11).

use super::{debit, hold};
use crate::amount::Credits;
use crate::burn_order::WalletIndices;
use crate::command::{Asked, Command, Quantity};
use crate::customer::Customer;
use crate::fact::{Debited, Effect};
use crate::limits::Limits;
use crate::refusal::Refusal;

use super::recharge::is_watched;

/// Whether usage that happened found too little: it is recorded, and what was not there is uncollected. What was there and has no place in
/// one record is no lack.
pub(super) fn lacks(effect: &Effect, limits: &Limits) -> bool {
    let is_full = |taken: &Debited| taken.slices.len() >= limits.slices_max;
    match effect {
        Effect::EventRecorded { uncollected, taken, .. } => {
            uncollected.is_some() && !taken.as_deref().is_some_and(is_full)
        }
        Effect::Held(step) => {
            step.taken.as_ref().is_some_and(|taken| taken.shortfall.is_positive() && !is_full(taken))
        }
        Effect::Atomic(effects) => effects.iter().any(|effect| lacks(effect, limits)),
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletCreated { .. }
        | Effect::WalletSet(_)
        | Effect::ToppedUp { .. }
        | Effect::Debited(_)
        | Effect::ManuallyDebited { .. }
        | Effect::WalletClosed { .. }
        | Effect::Refunded(_)
        | Effect::CreditVoided(_)
        | Effect::InvoiceSettled(_)
        | Effect::InvoiceVoided { .. }
        | Effect::TransferSent(_)
        | Effect::TransferReceived { .. }
        | Effect::TransferDone(_)
        | Effect::TransferReturned { .. }
        | Effect::TransferForgotten(_)
        | Effect::BudgetSet(_)
        | Effect::BudgetDeleted(_)
        | Effect::Subscribed(_)
        | Effect::Unsubscribed(_)
        | Effect::GrantSet(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_)
        | Effect::Recharged { .. }
        | Effect::RechargeEnded(_)
        | Effect::AutoTopupResumed(_) => false,
    }
}

/// The wallets that may pay what a request lacks, in order: it was refused for that, or is usage that found too little; `None` = it lacks
/// nothing, or nobody would be recharged.
pub(super) fn payers_of_lack(
    customer: &Customer,
    command: &Command,
    decided: Result<&Effect, &Refusal>,
    limits: &Limits,
) -> Option<WalletIndices> {
    if decided.is_ok_and(|effect| !lacks(effect, limits)) || !is_watched(customer) {
        return None;
    }
    match (decided, command) {
        (Err(refusal), _) => payers(customer, command, refusal),
        (Ok(Effect::Atomic(effects)), Command::Atomic(items)) => {
            payers_of(customer, items.get(effects.iter().position(|effect| lacks(effect, limits))?)?)
        }
        (Ok(_), _) => payers_of(customer, command),
    }
}

/// The wallets that may pay what was refused for lack of credit, in order; `None` = it was refused for something else.
pub(super) fn payers(customer: &Customer, command: &Command, refusal: &Refusal) -> Option<WalletIndices> {
    if let (Command::Atomic(items), Refusal::Item { index, refusal }) = (command, refusal) {
        return payers(customer, items.get(*index)?, refusal);
    }
    if !matches!(refusal, Refusal::InsufficientCredits { .. }) {
        return None;
    }
    payers_of(customer, command)
}

/// The wallets that may pay a request, in order; `None` = it takes no credit.
fn payers_of(customer: &Customer, command: &Command) -> Option<WalletIndices> {
    let in_credits = Quantity::Credits(Credits::ONE);
    match command {
        Command::Debit(request) => {
            let quantity = match &request.asked {
                Asked::Amount(money) => Quantity::Amount(*money),
                Asked::Credits(_) | Asked::Metered(_) => in_credits,
            };
            debit::payers(customer, &request.charge, quantity).ok()
        }
        Command::PlaceHold(request) => debit::payers(customer, &request.charge, in_credits).ok(),
        Command::Event(request) => debit::payers(customer, &request.charge, in_credits).ok(),
        Command::Grow { hold, .. } => hold::payers_of(customer, *hold),
        Command::Capture(request) => hold::payers_of(customer, request.hold),
        Command::CreateCustomer { .. }
        | Command::UpdateCustomer { .. }
        | Command::ChangeCustomer(_)
        | Command::DeleteCustomer
        | Command::CreateWallet(_)
        | Command::UpdateWallet(_)
        | Command::TopUp(_)
        | Command::ManualDebit(_)
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Close { .. }
        | Command::Release { .. }
        | Command::Extend { .. }
        | Command::Refund(_)
        | Command::VoidCredit(_)
        | Command::Settle(_)
        | Command::VoidInvoice { .. }
        | Command::Transfer(_)
        | Command::TransferIn(_)
        | Command::TransferDone(_)
        | Command::TransferBack(_)
        | Command::TransferForget(_)
        | Command::SetBudget(_)
        | Command::DeleteBudget(_)
        | Command::ResetBudget(_)
        | Command::Subscribe(_)
        | Command::Unsubscribe { .. }
        | Command::CreateGrant(_)
        | Command::UpdateGrant(_)
        | Command::DeleteGrant { .. }
        | Command::FollowPlans
        | Command::CompleteRecharge(_)
        | Command::FailRecharge { .. }
        | Command::CancelRecharge(_)
        | Command::ResumeAutoTopup(_)
        | Command::Recharge(_)
        | Command::Atomic(_)
        | Command::Tick => None,
    }
}
