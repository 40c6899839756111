//! A customer at rest. Words and numbers stand together here. What is kept by a key stands in the keys' order, each once.

use bincode::{BorrowDecode, Encode};

use super::grant::Grants;
use super::recharge::Recharge;
use super::rules::{AlertChange, AlertState, HeldBack, WalletRules};
use crate::engine::codec::v1::wire::{Amount, Stamp, Thing};
use crate::engine::codec::v2::state as v2;
use crate::engine::codec::v2::wire::Walk;

/// What was spent lately.
#[derive(Encode, BorrowDecode)]
pub struct Spent {
    /// When counting began.
    pub since: Stamp,
    /// Hours since 1970.
    pub hour: u32,
    /// In that hour.
    pub this: Amount,
    /// In the hour before.
    pub last: Amount,
}

/// What automatic top-up did.
#[derive(Encode, BorrowDecode)]
pub struct Recharging {
    /// When the last one began.
    pub last_at: Stamp,
    /// End of the day that is counted.
    pub day_ends_at: Stamp,
    /// Recharges of that day.
    pub day_count: u32,
    /// End of the month that is counted.
    pub month_ends_at: Stamp,
    /// Money of that month.
    pub month_charged: Amount,
    /// Failures in a row.
    pub failures: u32,
    /// Whether the last one failed.
    pub last_failed: bool,
    /// Not before this.
    pub backs_off_until: Stamp,
    /// Why the last one did not begin.
    pub held_back: Option<HeldBack>,
}

/// What watches over a wallet, and what happened.
#[derive(Encode, BorrowDecode)]
pub struct Watched<'a> {
    /// Which wallet.
    pub wallet: Thing,
    /// Its rules.
    pub rules: WalletRules,
    /// What percent thresholds are of.
    pub base: Amount,
    /// The balance's alert.
    pub state: AlertState,
    /// The runway's alert.
    pub runway_low: bool,
    /// What changed last, oldest first.
    pub changes: Walk<'a, AlertChange>,
    /// What was spent lately.
    pub spent: Spent,
    /// What automatic top-up did.
    pub recharging: Recharging,
}

/// A customer.
#[derive(Encode, BorrowDecode)]
pub struct Customer<'a> {
    /// What version 2 has of it.
    pub plain: v2::Customer<'a>,
    /// The wallets that have rules, in their order.
    pub watched: Walk<'a, Watched<'a>>,
    /// Recharges, by id.
    pub recharges: Walk<'a, Recharge<'a>>,
    /// What it is granted.
    pub grants: Grants<'a>,
}
