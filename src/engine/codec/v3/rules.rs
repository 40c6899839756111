//! What watches over a wallet.

use bincode::{BorrowDecode, Encode};

use super::wire::coded;
use crate::engine::codec::v1::wire::{Amount, Stamp, Thing};

coded! {
    /// How bad it is.
    pub enum AlertState { 0 = Ok, 1 = Info, 2 = Warning, 3 = InAlarm }
    /// On which side of a threshold.
    pub enum Condition { 0 = Below, 1 = Above }
    /// Which of a wallet's alerts.
    pub enum AlertKind { 0 = Balance, 1 = Runway }
    /// Why a recharge did not begin.
    pub enum HeldBackBy {
        0 = Frozen,
        1 = InFlight,
        2 = Cooldown,
        3 = CountMax,
        4 = AmountMax,
        5 = BackingOff,
        6 = Suspended,
        7 = Limit,
    }
}

/// What a wallet warns of.
#[derive(Encode, BorrowDecode)]
pub struct AlertSettings {
    /// On or off.
    pub enabled: bool,
    /// Below or above.
    pub condition: Condition,
    /// Percent, or else credits.
    pub percent: bool,
    /// Threshold of `info`.
    pub info: Option<Amount>,
    /// Of `warning`.
    pub warning: Option<Amount>,
    /// Of `critical`.
    pub critical: Option<Amount>,
    /// Seconds until empty.
    pub runway_below_s: Option<u32>,
}

/// When a wallet is recharged.
#[derive(Encode, BorrowDecode)]
pub struct AutoTopup {
    /// On or off.
    pub enabled: bool,
    /// At or below.
    pub threshold: Amount,
    /// Credits of one recharge.
    pub amount: Amount,
    /// By invoice.
    pub invoicing: bool,
    /// Fills up to.
    pub target_balance: Option<Amount>,
    /// Seconds between two.
    pub cooldown_s: u32,
    /// Per day.
    pub count_max: u32,
    /// Money per month.
    pub amount_max: Option<Amount>,
    /// In a row.
    pub failures_max: u32,
}

/// All that is set.
#[derive(Encode, BorrowDecode)]
pub struct WalletRules {
    /// Alerts.
    pub alerts: Option<AlertSettings>,
    /// Automatic top-up.
    pub auto_topup: Option<AutoTopup>,
}

/// A change of an alert's state.
#[derive(Encode, BorrowDecode)]
pub struct AlertChange {
    /// Its id.
    pub id: Thing,
    /// Which wallet.
    pub wallet: Thing,
    /// Which alert.
    pub kind: AlertKind,
    /// What it was.
    pub from: AlertState,
    /// What it is.
    pub to: AlertState,
    /// Posted.
    pub posted: Amount,
    /// Seconds until empty.
    pub runway_s: Option<u64>,
    /// When.
    pub at: Stamp,
}

/// A recharge that did not happen.
#[derive(Encode, BorrowDecode)]
pub struct HeldBack {
    /// Why.
    pub by: HeldBackBy,
    /// Since when.
    pub at: Stamp,
    /// Until when.
    pub until: Option<Stamp>,
}
