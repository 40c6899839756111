//! First in the public part of a customer's record: what was decided.

use bincode::{BorrowDecode, Encode};

use super::grant::{GrantRemoved, GrantSet, Granted, PlansFollowed, RolledOver, Subscribed, Unsubscribed};
use super::recharge::{Recharge, RechargeEnd};
use super::rules::{AlertChange, AlertState, HeldBack, WalletRules};
use super::wire::tagged;
use crate::engine::codec::v1::shared::WalletHead;
use crate::engine::codec::v1::wire::{List, Stamp, Thing};
use crate::engine::codec::v2::record as v2;

/// What a replay needs of the public part.
#[derive(Encode, BorrowDecode)]
pub struct PublicFacts<'a> {
    /// The customer whose things the record names (see [`Thing`]).
    pub owner: u64,
    /// The instant of the turn.
    pub at: Stamp,
    /// What had become due.
    pub due: List<'a, Due<'a>>,
    /// What was done.
    pub effects: Effects<'a>,
    /// What all of it set off.
    pub set_off: Option<SetOff<'a>>,
}

tagged! {
    /// Something that happened by itself.
    pub enum Due<'a> {
        0 = V2(v2::Due<'a>),
        1 = RechargeExpired(RechargeEnd<'a>),
        2 = RolledOver(RolledOver<'a>),
        3 = Granted(Granted<'a>),
    }
    /// What one command did, or each command of a batch.
    pub enum Effects<'a> { 0 = One(Effect<'a>), 1 = All(List<'a, Effect<'a>>) }
}

/// What an operation set off.
#[derive(Encode, BorrowDecode)]
pub struct SetOff<'a> {
    /// The recharge before the effect.
    pub before: Option<Recharge<'a>>,
    /// Those after it.
    pub after: List<'a, Recharge<'a>>,
    /// Those that ended.
    pub ended: List<'a, RechargeEnd<'a>>,
    /// Those that did not begin.
    pub held_back: List<'a, WalletHeldBack>,
    /// Alerts that changed.
    pub alerts: List<'a, AlertChange>,
    /// The most severe alert of the wallets touched.
    pub state: AlertState,
}

/// A recharge that did not begin.
#[derive(Encode, BorrowDecode)]
pub struct WalletHeldBack {
    /// Of which wallet.
    pub wallet: Thing,
    /// Why.
    pub held_back: HeldBack,
}

/// An effect whose wallet has rules.
#[derive(Encode, BorrowDecode)]
pub struct Ruled<'a> {
    /// As it would be without them.
    pub effect: v2::Effect<'a>,
    /// The wallet's rules.
    pub rules: WalletRules,
}

/// Credit was bought.
#[derive(Encode, BorrowDecode)]
pub struct Recharged<'a> {
    /// The purchase.
    pub recharge: Recharge<'a>,
    /// The wallet after it.
    pub wallet: WalletHead<'a>,
    /// Its rules.
    pub rules: Option<WalletRules>,
}

tagged! {
    /// What one command did.
    pub enum Effect<'a> {
        0 = V2(v2::Effect<'a>),
        1 = Ruled(Ruled<'a>),
        2 = Recharged(Recharged<'a>),
        3 = RechargeEnded(RechargeEnd<'a>),
        4 = AutoTopupResumed(Thing),
        5 = Subscribed(Subscribed<'a>),
        6 = Unsubscribed(Unsubscribed<'a>),
        7 = GrantSet(GrantSet<'a>),
        8 = GrantRemoved(GrantRemoved<'a>),
        9 = PlansFollowed(PlansFollowed<'a>),
    }
}
