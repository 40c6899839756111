//! Automatic top-up, and payments of purchases (SEMANTICS §11).

use crate::amount::{Credits, Money};
use crate::ids::WalletId;

/// Of the rule of automatic top-up, what a request names: the rest stays. See [`crate::auto_topup::AutoTopup`] for the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoTopupChange {
    /// On or off.
    pub enabled: Option<bool>,
    /// Fires at or below.
    pub threshold: Option<Credits>,
    /// Credits of one recharge.
    pub amount: Option<Credits>,
    /// By invoice.
    pub invoicing: Option<bool>,
    /// Fills up to; `Some(None)` = no more.
    pub target_balance: Option<Option<Credits>>,
    /// Seconds.
    pub cooldown_s: Option<u32>,
    /// Per day.
    pub count_max: Option<u32>,
    /// Per month; `Some(None)` = no limit.
    pub amount_max: Option<Option<Money>>,
    /// In a row.
    pub failures_max: Option<u32>,
}

/// A recharge that a lack of credit makes necessary: of a request that was refused for it, or of usage that found too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RechargeDue {
    /// Which wallet.
    pub wallet: WalletId,
    /// Whether one `amount` would let the request pass although the threshold is not reached.
    pub would_pass: bool,
}
