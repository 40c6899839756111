//! First in the public part of a customer's record: what was decided.

use bincode::{BorrowDecode, Encode};

use super::grant::{GrantRemoved, GrantSet, Granted, PlansFollowed, RolledOver, Subscribed, Unsubscribed};
use super::wire::tagged;
use crate::engine::codec::v1::wire::{List, Stamp};
use crate::engine::codec::v2::record as v2;

/// What a replay needs of the public part.
#[derive(Encode, BorrowDecode)]
pub struct PublicFacts<'a> {
    /// The customer whose things the record names.
    pub owner: u64,
    /// The instant of the turn.
    pub at: Stamp,
    /// What had become due.
    pub due: List<'a, Due<'a>>,
    /// What was done.
    pub effects: Effects<'a>,
}

tagged! {
    /// Something that happened by itself.
    pub enum Due<'a> { 0 = V2(v2::Due<'a>), 2 = RolledOver(RolledOver<'a>), 3 = Granted(Granted<'a>) }
    /// What one command did, or each command of a batch.
    pub enum Effects<'a> { 0 = One(Effect<'a>), 1 = All(List<'a, Effect<'a>>) }
}

tagged! {
    /// What one command did.
    pub enum Effect<'a> {
        0 = V2(v2::Effect<'a>),
        5 = Subscribed(Subscribed<'a>),
        6 = Unsubscribed(Unsubscribed<'a>),
        7 = GrantSet(GrantSet<'a>),
        8 = GrantRemoved(GrantRemoved<'a>),
        9 = PlansFollowed(PlansFollowed<'a>),
    }
}
