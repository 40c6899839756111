//! Last in the public part of a customer's record: who asked, and for what, without its words.

use bincode::{BorrowDecode, Encode};

use super::recharge::RechargeReason;
use super::rules::{AlertSettings, WalletRules};
use super::wire::tagged;
use crate::engine::codec::v1::request as v1;
use crate::engine::codec::v1::wire::{Amount, List, Thing};
use crate::engine::codec::v2::request as v2;

/// Who asked, and for what.
#[derive(Encode, BorrowDecode)]
pub struct PublicRequest<'a> {
    /// The API key that was shown. Keys have no owner: nothing is taken out of the id.
    pub by: Option<Thing>,
    /// What was asked.
    pub commands: Commands<'a>,
}

/// A wallet's creation.
#[derive(Encode, BorrowDecode)]
pub struct CreateWallet<'a> {
    /// As it would be without rules.
    pub plain: v1::CreateWallet<'a>,
    /// Its rules.
    pub rules: WalletRules,
}

/// What changes of automatic top-up.
#[derive(Encode, BorrowDecode)]
pub struct AutoTopupChange {
    /// On or off.
    pub enabled: Option<bool>,
    /// At or below.
    pub threshold: Option<Amount>,
    /// Credits of one recharge.
    pub amount: Option<Amount>,
    /// By invoice.
    pub invoicing: Option<bool>,
    /// Fills up to.
    pub target_balance: Option<Option<Amount>>,
    /// Seconds between two.
    pub cooldown_s: Option<u32>,
    /// Per day.
    pub count_max: Option<u32>,
    /// Money per month.
    pub amount_max: Option<Option<Amount>>,
    /// In a row.
    pub failures_max: Option<u32>,
}

/// A wallet's change.
#[derive(Encode, BorrowDecode)]
pub struct UpdateWallet {
    /// What else changes.
    pub plain: v1::UpdateWallet,
    /// New alerts.
    pub alerts: Option<AlertSettings>,
    /// What changes of automatic top-up.
    pub auto_topup: Option<AutoTopupChange>,
}

/// A recharge that a refused request makes necessary.
#[derive(Encode, BorrowDecode)]
pub struct RechargeDue {
    /// Which wallet.
    pub wallet: Thing,
    /// Whether one amount would let the request pass.
    pub would_pass: bool,
}

/// A recharge that is not paid for a reason that says more than that.
#[derive(Encode, BorrowDecode)]
pub struct RechargeUnpaid {
    /// Which one.
    pub recharge: Thing,
    /// Why.
    pub reason: RechargeReason,
}

tagged! {
    /// One command, or a batch.
    pub enum Commands<'a> { 0 = One(Command<'a>), 1 = All(List<'a, Command<'a>>) }
    /// Everything that can be asked. `FailRecharge` is one of a payment that failed. `InvoicedTopUp` stands with the reason of a direct one.
    pub enum Command<'a> {
        0 = V2(v2::Command<'a>),
        1 = CreateWallet(CreateWallet<'a>),
        2 = UpdateWallet(UpdateWallet),
        3 = InvoicedTopUp(v1::TopUp<'a>),
        4 = CompleteRecharge(Thing),
        5 = FailRecharge(Thing),
        6 = CancelRecharge(Thing),
        7 = ResumeAutoTopup(Thing),
        8 = Recharge(RechargeDue),
        9 = FailRechargeFor(RechargeUnpaid),
    }
}
