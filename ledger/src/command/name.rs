//! What commands are called where people read of them: dumps of the log, explained refusals.

use super::Command;

impl Command {
    /// Its name, in snake case; never changes.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateCustomer { .. } => "create_customer",
            Self::UpdateCustomer { .. } | Self::ChangeCustomer(_) => "update_customer",
            Self::DeleteCustomer => "delete_customer",
            Self::CreateWallet(_) => "create_wallet",
            Self::UpdateWallet(_) => "update_wallet",
            Self::TopUp(_) => "top_up",
            Self::Debit(_) => "debit",
            Self::ManualDebit(_) => "manual_debit",
            Self::Freeze(_) => "freeze",
            Self::Unfreeze(_) => "unfreeze",
            Self::Close { .. } => "close",
            Self::PlaceHold(_) => "hold",
            Self::Capture(_) => "capture",
            Self::Release { .. } => "release",
            Self::Extend { .. } => "extend",
            Self::Grow { .. } => "grow",
            Self::Refund(_) => "refund",
            Self::VoidCredit(_) => "void_credit",
            Self::Settle(_) => "settle",
            Self::VoidInvoice { .. } => "void_invoice",
            Self::Transfer(_) => "transfer",
            Self::TransferIn(_) => "transfer_in",
            Self::TransferDone(_) => "transfer_done",
            Self::TransferBack(_) => "transfer_back",
            Self::TransferForget(_) => "transfer_forget",
            Self::SetBudget(_) => "set_budget",
            Self::DeleteBudget(_) => "delete_budget",
            Self::ResetBudget(_) => "reset_budget",
            Self::Event(_) => "event",
            Self::Subscribe(_) => "subscribe",
            Self::Unsubscribe { .. } => "unsubscribe",
            Self::CreateGrant(_) => "create_grant",
            Self::UpdateGrant(_) => "update_grant",
            Self::DeleteGrant { .. } => "delete_grant",
            Self::FollowPlans => "follow_plans",
            Self::CompleteRecharge(_) => "complete_recharge",
            Self::FailRecharge { .. } => "fail_recharge",
            Self::CancelRecharge(_) => "cancel_recharge",
            Self::ResumeAutoTopup(_) => "resume_auto_topup",
            Self::Recharge(_) => "recharge",
            Self::Atomic(_) => "atomic",
            Self::Tick => "tick",
        }
    }
}
