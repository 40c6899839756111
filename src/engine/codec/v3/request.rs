//! Last in the public part of a customer's record: who asked, and for what, without its words.

use bincode::{BorrowDecode, Encode};

use super::grant::{CreateGrant, DeleteGrant, Subscribe, Unsubscribe, UpdateGrant};
use super::wire::tagged;
use crate::engine::codec::v1::wire::{List, Thing};
use crate::engine::codec::v2::request as v2;

/// Who asked, and for what.
#[derive(Encode, BorrowDecode)]
pub struct PublicRequest<'a> {
    /// The API key that was shown. Keys have no owner: nothing is taken out of the id.
    pub by: Option<Thing>,
    /// What was asked.
    pub commands: Commands<'a>,
}

tagged! {
    /// One command, or a batch.
    pub enum Commands<'a> { 0 = One(Command<'a>), 1 = All(List<'a, Command<'a>>) }
    /// Everything that can be asked.
    pub enum Command<'a> {
        0 = V2(v2::Command<'a>),
        9 = Subscribe(Subscribe<'a>),
        10 = Unsubscribe(Unsubscribe<'a>),
        11 = CreateGrant(CreateGrant<'a>),
        12 = UpdateGrant(UpdateGrant),
        13 = DeleteGrant(DeleteGrant),
        14 = FollowPlans(()),
    }
}
