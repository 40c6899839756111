//! Automatic top-up: what is set (SEMANTICS §11). What happened under it stands in [`crate::watch::Recharging`].

use crate::amount::{Credits, Money};
use crate::time::Timestamp;

/// Recharges a day that nobody asked to limit otherwise.
pub const COUNT_MAX_DEFAULT: u32 = 24;
/// Failures in a row after which a wallet is suspended.
pub const FAILURES_MAX_DEFAULT: u32 = 3;
/// The largest multiple of `amount` in one charge.
pub const MULTIPLE_MAX: u32 = 10;

/// When a wallet is recharged, and by how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoTopup {
    /// Off = no recharge begins; what has begun goes on.
    pub enabled: bool,
    /// Fires when own + pending ≤ this. Of any sign.
    pub threshold: Credits,
    /// Credits of one recharge; > 0.
    pub amount: Credits,
    /// Pending until paid, instead of there at once.
    pub invoicing: bool,
    /// Fills up to this instead; > threshold.
    pub target_balance: Option<Credits>,
    /// Seconds between the beginnings of two recharges.
    pub cooldown_s: u32,
    /// Recharges per calendar day of the customer's; > 0.
    pub count_max: u32,
    /// Money per calendar month of the customer's; > 0.
    pub amount_max: Option<Money>,
    /// Failed payments in a row after which it is suspended; > 0.
    pub failures_max: u32,
}

/// Why a recharge did not begin although it was its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeldBackBy {
    /// The wallet is frozen.
    Frozen,
    /// Another one is in flight.
    InFlight,
    /// Too soon after the last one.
    Cooldown,
    /// `count_max` of this day is reached.
    CountMax,
    /// `amount_max` of this month would be exceeded.
    AmountMax,
    /// A payment failed: later.
    BackingOff,
    /// Too many payments failed: not before it is resumed.
    Suspended,
    /// The credit would leave the digits that amounts have, or a limit of the engine.
    Limit,
}

impl HeldBackBy {
    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Frozen => "wallet_frozen",
            Self::InFlight => "in_flight",
            Self::Cooldown => "cooldown",
            Self::CountMax => "max_count",
            Self::AmountMax => "max_amount",
            Self::BackingOff => "backing_off",
            Self::Suspended => "suspended",
            Self::Limit => "limit_reached",
        }
    }
}

/// A recharge that did not happen: noted when the reason is another one than the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// Why.
    pub by: HeldBackBy,
    /// Since when.
    pub at: Timestamp,
    /// When it may be tried again; `None` = nobody knows.
    pub until: Option<Timestamp>,
}
