//! Records that the state must know the place of.

use coffer_ledger::command::Command;

/// Whether the record of such a command may be one whose place the state must know.
pub(super) const fn may_need_position(command: &Command) -> bool {
    match command {
        Command::Debit(_)
        | Command::ManualDebit(_)
        | Command::PlaceHold(_)
        | Command::Extend { .. }
        | Command::Grow { .. }
        | Command::CreateCustomer { .. }
        | Command::UpdateCustomer { .. }
        | Command::ChangeCustomer(_)
        | Command::DeleteCustomer
        | Command::UpdateWallet(_)
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::SetBudget(_)
        | Command::DeleteBudget(_)
        | Command::ResetBudget(_)
        | Command::TransferDone(_)
        | Command::TransferForget(_)
        | Command::Unsubscribe { .. }
        | Command::UpdateGrant(_)
        | Command::DeleteGrant { .. }
        | Command::ResumeAutoTopup(_)
        | Command::Event(_) => false,
        Command::CreateWallet(_)
        | Command::TopUp(_)
        | Command::Close { .. }
        | Command::Capture(_)
        | Command::Release { .. }
        | Command::Refund(_)
        | Command::VoidCredit(_)
        | Command::Settle(_)
        | Command::VoidInvoice { .. }
        | Command::Transfer(_)
        | Command::TransferIn(_)
        | Command::TransferBack(_)
        | Command::Subscribe(_)
        | Command::CreateGrant(_)
        | Command::FollowPlans
        | Command::CompleteRecharge(_)
        | Command::FailRecharge { .. }
        | Command::CancelRecharge(_)
        | Command::Recharge(_)
        | Command::Atomic(_)
        | Command::Tick => true,
    }
}
