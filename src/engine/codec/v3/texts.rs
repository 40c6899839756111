//! The personal part of a customer's record.

use bincode::{BorrowDecode, Encode};

use super::grant::{GrantChangeText, GrantText};
use super::wire::tagged;
use crate::engine::codec::v1::wire::List;
use crate::engine::codec::v2::texts as v2;

/// First in the personal part: what a replay needs of it.
#[derive(Encode, BorrowDecode)]
pub struct FactTexts<'a> {
    /// The idempotency key.
    pub idempotency_key: Option<&'a str>,
    /// Of what was done.
    pub effects: EffectTexts<'a>,
}

tagged! {
    /// Words of one effect.
    pub enum EffectText<'a> { 0 = V2(v2::EffectText<'a>), 1 = Grant(GrantText<'a>) }
    /// Words of one effect, or of each effect of a batch.
    pub enum EffectTexts<'a> { 0 = One(EffectText<'a>), 1 = All(List<'a, EffectText<'a>>) }
    /// Words of one command. Of an enrolment: the customer as the request named it.
    pub enum RequestText<'a> {
        0 = V2(v2::RequestText<'a>),
        1 = Subscribe(&'a str),
        2 = Grant(GrantText<'a>),
        3 = GrantChange(GrantChangeText<'a>),
    }
    /// Last in the personal part: words of one command, or of each command of a batch.
    pub enum RequestTexts<'a> { 0 = One(RequestText<'a>), 1 = All(List<'a, RequestText<'a>>) }
}
