//! What of a record version 1 can hold, if it does not need version 4 (`v4`). Each match is without a rest: a new command or effect does
//! not compile before somebody has decided. Tested in `tests/codec/oldest.rs`.

use coffer_ledger::command::{Asked, Command, CreditReason};
use coffer_ledger::fact::{Due, Effect, Facts};
use coffer_ledger::record::Record;

use super::effect_v3::rules_of;

/// Whether only version 3 holds all of a record.
pub(in crate::engine::codec) fn record_needs_v3(record: &Record) -> bool {
    let Record { origin: _, command, facts } = record;
    let Facts { at: _, due, effect, set_off } = facts;
    set_off.is_some() || effect_needs_v3(effect) || command_needs_v3(command) || due.iter().any(due_needs_v3)
}

fn due_needs_v3(due: &Due) -> bool {
    match due {
        Due::RechargeExpired(_) | Due::RolledOver(_) | Due::Granted(_) => true,
        Due::Expired { .. } | Due::Started { .. } | Due::HoldExpired(_) => false,
    }
}

fn effect_needs_v3(effect: &Effect) -> bool {
    match effect {
        Effect::Recharged { .. }
        | Effect::RechargeEnded(_)
        | Effect::AutoTopupResumed(_)
        | Effect::Subscribed(_)
        | Effect::Unsubscribed(_)
        | Effect::GrantSet(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_) => true,
        Effect::Atomic(effects) => effects.iter().any(effect_needs_v3),
        effect => rules_of(effect).is_some(),
    }
}

fn command_needs_v3(command: &Command) -> bool {
    match command {
        Command::CreateWallet(command) => command.rules.is_some(),
        Command::UpdateWallet(command) => command.alerts.is_some() || command.auto_topup.is_some(),
        Command::TopUp(command) => command.reason == CreditReason::PurchasedCreditInvoiced,
        Command::CompleteRecharge(_)
        | Command::FailRecharge { .. }
        | Command::CancelRecharge(_)
        | Command::ResumeAutoTopup(_)
        | Command::Recharge(_)
        | Command::Subscribe(_)
        | Command::Unsubscribe { .. }
        | Command::CreateGrant(_)
        | Command::UpdateGrant(_)
        | Command::DeleteGrant { .. }
        | Command::FollowPlans
        | Command::ChangeCustomer(_) => true,
        Command::Atomic(commands) => commands.iter().any(command_needs_v3),
        Command::CreateCustomer { .. }
        | Command::UpdateCustomer { .. }
        | Command::DeleteCustomer
        | Command::Debit(_)
        | Command::ManualDebit(_)
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Close { .. }
        | Command::PlaceHold(_)
        | Command::Capture(_)
        | Command::Release { .. }
        | Command::Extend { .. }
        | Command::Grow { .. }
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
        | Command::Event(_)
        | Command::Tick => false,
    }
}

/// Whether version 1 holds all of a record that does not need version 3.
pub(in crate::engine::codec) fn record_fits_v1(record: &Record) -> bool {
    let Record { origin: _, command, facts } = record;
    command_fits_v1(command) && effect_fits_v1(&facts.effect) && facts.due.iter().all(due_fits_v1)
}

fn due_fits_v1(due: &Due) -> bool {
    match due {
        Due::Expired { .. } | Due::Started { .. } => true,
        Due::HoldExpired(_) | Due::RechargeExpired(_) | Due::RolledOver(_) | Due::Granted(_) => false,
    }
}

pub(super) fn effect_fits_v1(effect: &Effect) -> bool {
    match effect {
        Effect::Debited(debited) | Effect::ManuallyDebited { debited, wallet: _ } => debited.extra.is_none(),
        Effect::WalletClosed { released, .. } => released.is_empty(),
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletCreated { .. }
        | Effect::WalletSet(_)
        | Effect::ToppedUp { .. } => true,
        Effect::Held(_)
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
        | Effect::EventRecorded { .. }
        | Effect::Subscribed(_)
        | Effect::Unsubscribed(_)
        | Effect::GrantSet(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_)
        | Effect::Recharged { .. }
        | Effect::RechargeEnded(_)
        | Effect::AutoTopupResumed(_)
        | Effect::Atomic(_) => false,
    }
}

pub(super) fn command_fits_v1(command: &Command) -> bool {
    match command {
        Command::Debit(debit) => match debit.asked {
            Asked::Credits(_) | Asked::Amount(_) => debit.charge.budget.is_none(),
            Asked::Metered(_) => false,
        },
        Command::Close { wallet: _, remainder: _, force } => !force,
        Command::CreateCustomer { .. }
        | Command::UpdateCustomer { .. }
        | Command::DeleteCustomer
        | Command::CreateWallet(_)
        | Command::UpdateWallet(_)
        | Command::TopUp(_)
        | Command::ManualDebit(_)
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Tick => true,
        Command::PlaceHold(_)
        | Command::Capture(_)
        | Command::Release { .. }
        | Command::Extend { .. }
        | Command::Grow { .. }
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
        | Command::Event(_)
        | Command::Subscribe(_)
        | Command::Unsubscribe { .. }
        | Command::CreateGrant(_)
        | Command::UpdateGrant(_)
        | Command::DeleteGrant { .. }
        | Command::FollowPlans
        | Command::ChangeCustomer(_)
        | Command::CompleteRecharge(_)
        | Command::FailRecharge { .. }
        | Command::CancelRecharge(_)
        | Command::ResumeAutoTopup(_)
        | Command::Recharge(_)
        | Command::Atomic(_) => false,
    }
}
