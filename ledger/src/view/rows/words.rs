//! What a request says about its rows, and what they belong to.

use super::Reference;
use crate::command::{Command, Memo};
use crate::fact::Effect;

/// What the rows of an effect belong to.
pub(super) fn reference(effect: &Effect) -> Option<Reference<'_>> {
    match effect {
        Effect::Held(step) => Some(Reference::Hold(step.hold.id)),
        Effect::InvoiceSettled(settled) => Some(Reference::Invoice(&settled.invoice)),
        Effect::InvoiceVoided { invoice, .. } => Some(Reference::Invoice(invoice)),
        Effect::TransferSent(sent) => Some(Reference::Transfer(sent.out.id)),
        Effect::TransferReceived { transfer, .. } | Effect::TransferReturned { transfer, .. } => {
            Some(Reference::Transfer(*transfer))
        }
        Effect::GrantSet(set) => Some(Reference::Grant(set.grant.key.grant)),
        Effect::GrantRemoved(removed) => Some(Reference::Grant(removed.key.grant)),
        Effect::Unsubscribed(left) => Some(Reference::Subscription(left.subscription.id)),
        Effect::Recharged { recharge, .. } => Some(Reference::Recharge(recharge.id)),
        Effect::RechargeEnded(end) => Some(Reference::Recharge(end.recharge.id)),
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
        | Effect::TransferDone(_)
        | Effect::TransferForgotten(_)
        | Effect::BudgetSet(_)
        | Effect::BudgetDeleted(_)
        | Effect::EventRecorded { .. }
        | Effect::Subscribed(_)
        | Effect::PlansFollowed(_)
        | Effect::AutoTopupResumed(_)
        | Effect::Atomic(_) => None,
    }
}

/// The words of a request.
pub(super) fn memo(command: &Command) -> Option<&Memo> {
    match command {
        Command::TopUp(request) => Some(&request.memo),
        Command::Debit(request) => Some(&request.memo),
        Command::ManualDebit(request) => Some(&request.memo),
        Command::PlaceHold(request) => Some(&request.memo),
        Command::Capture(request) => Some(&request.memo),
        Command::Release { memo, .. } => Some(memo),
        Command::Refund(request) => Some(&request.memo),
        Command::VoidCredit(request) => Some(&request.memo),
        Command::Transfer(request) => Some(&request.memo),
        Command::CreateCustomer { .. }
        | Command::UpdateCustomer { .. }
        | Command::ChangeCustomer(_)
        | Command::DeleteCustomer
        | Command::CreateWallet(_)
        | Command::UpdateWallet(_)
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Close { .. }
        | Command::Extend { .. }
        | Command::Grow { .. }
        | Command::Settle(_)
        | Command::VoidInvoice { .. }
        | Command::TransferIn(_)
        | Command::TransferDone(_)
        | Command::TransferBack(_)
        | Command::TransferForget(_)
        | Command::SetBudget(_)
        | Command::DeleteBudget(_)
        | Command::ResetBudget(_)
        | Command::Event(_)
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
