//! Between the ledger's types and the shapes of [`super::v1`] to [`super::v4`]. May change whenever the ledger does; the
//! bytes may not.
//!
//! `oldest` says what of a record version 1 can hold, and what only version 3 can; a newer version has the shapes of the one before
//! inside (`V1`, `V2`). Requests that only version 4 has are in `v4`.
//!
//! Every struct is taken apart by name on both sides, and every enum matched without a rest, so that a new field or variant
//! does not compile before somebody has decided what it means for the bytes.

mod back;
mod charge;
mod command;
mod command_again;
mod command_v3;
mod command_words;
mod debited;
mod due;
mod effect;
mod effect_v3;
mod facts;
mod grant;
mod hold;
mod invoice;
mod leaves;
mod oldest;
mod rate_card;
mod recharge;
mod request;
mod rules;
mod shared;
mod state;
mod state_v2;
mod state_v3;
mod tenant;
mod tenant_state;
mod tenant_v3;
mod texts;
mod transfer;
mod v4;
mod webhook;
mod words;

use coffer_ledger::ids::{CustomerNumber, ThingId};

use super::error::{DecodeError, EncodeError};
use super::v1::wire::{List, Thing};

/// A ledger type and a shape that stands for it on disk.
pub(super) trait Mirror<'a, Shape>: Sized {
    /// The shape, borrowing what is long.
    fn to_shape(&'a self, owner: Owner) -> Shape;

    /// The value again.
    fn from_shape(shape: Shape, owner: Owner) -> Result<Self, DecodeError>;
}

/// The customer that a record or a state is about; ids of its own things leave it out.
#[derive(Clone, Copy)]
pub(super) struct Owner(pub(super) CustomerNumber);

impl Owner {
    /// Takes nothing out of ids: for API keys, which belong to no customer.
    pub(super) const NOBODY: Self = Self(CustomerNumber(0));

    fn bits(self) -> u128 {
        u128::from(self.0.0 & CustomerNumber::MAX.0) << 40
    }

    fn shorten(self, id: ThingId) -> Thing {
        let [ms @ .., _, _, _, _, _, _, _, _, _, _] = id.0.to_be_bytes();
        let mut ms: [u8; 6] = ms;
        ms.reverse();
        Thing { ms, low: (id.0 & LOW_BITS) ^ self.bits() }
    }

    fn lengthen(self, thing: Thing) -> Result<ThingId, DecodeError> {
        if thing.low > LOW_BITS {
            return Err(DecodeError::OutOfRange { field: "the low part of an id", found: thing.low });
        }
        Ok(ThingId(u128::from(ms_again(thing.ms)) << 80 | (thing.low ^ self.bits())))
    }
}

const LOW_BITS: u128 = (1 << 80) - 1;

/// The low 48 bits, little endian.
fn ms_bytes(ms: u64) -> [u8; 6] {
    let [a, b, c, d, e, f, ..] = ms.to_le_bytes();
    [a, b, c, d, e, f]
}

fn ms_again([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

/// What is not in a batch, or one of a batch: the shape that it has if it is no batch itself.
fn member<S>(shape: Option<S>) -> Result<S, EncodeError> {
    shape.ok_or(EncodeError::Encoder(bincode::error::EncodeError::Other("a batch stands in a batch")))
}

/// What is in a batch.
fn members<'a, T, S>(items: &'a [T], shape: impl Fn(&'a T) -> Option<S>) -> Result<List<'a, S>, EncodeError> {
    items.iter().map(|item| member(shape(item))).collect::<Result<_, _>>().map(List::Read)
}

/// A struct and its shape have the same fields.
macro_rules! mirror_struct {
    ($($ledger:ident = $shape:ident $(<$lt:lifetime>)? { $($field:ident),* $(,)? })*) => {$(
        impl<'a> crate::engine::codec::convert::Mirror<'a, shapes::$shape $(<$lt>)?> for $ledger {
            fn to_shape(&'a self, owner: crate::engine::codec::convert::Owner) -> shapes::$shape $(<$lt>)? {
                let Self { $($field),* } = self;
                shapes::$shape { $($field: crate::engine::codec::convert::Mirror::to_shape($field, owner)),* }
            }

            fn from_shape(
                shape: shapes::$shape $(<$lt>)?,
                owner: crate::engine::codec::convert::Owner,
            ) -> Result<Self, crate::engine::codec::error::DecodeError> {
                let shapes::$shape { $($field),* } = shape;
                Ok(Self { $($field: crate::engine::codec::convert::Mirror::from_shape($field, owner)?),* })
            }
        }
    )*};
}

/// A plain enum and its shape have the same names.
macro_rules! mirror_enum {
    ($($ledger:ident { $($variant:ident),* $(,)? })*) => {$(
        impl crate::engine::codec::convert::Mirror<'_, shapes::$ledger> for $ledger {
            fn to_shape(&self, _: crate::engine::codec::convert::Owner) -> shapes::$ledger {
                match self { $(Self::$variant => shapes::$ledger::$variant),* }
            }

            fn from_shape(
                shape: shapes::$ledger,
                _: crate::engine::codec::convert::Owner,
            ) -> Result<Self, crate::engine::codec::error::DecodeError> {
                Ok(match shape { $(shapes::$ledger::$variant => Self::$variant),* })
            }
        }
    )*};
}

use {mirror_enum, mirror_struct};

pub(super) use command::{command_to_v1, commands_to_shape};
pub(super) use command_again::commands_from_shape;
pub(super) use command_v3::{commands_from_v3, commands_texts_v3, commands_to_v3};
pub(super) use command_words::{command_text_v1, commands_texts};
pub(super) use effect::{effect_to_v1, effects_to_shape};
pub(super) use effect_v3::{effects_to_v3, facts_texts_v3};
pub(super) use facts::{facts_from_v1, facts_from_v2, facts_from_v3};
pub(super) use oldest::{record_fits_v1, record_needs_v3};
pub(super) use request::command_from_v1;
pub(super) use state::rests_in_v1;
pub(super) use state_v3::rests_in_v3;
pub(super) use tenant::{
    tenant_command_from_shape, tenant_command_from_v1, tenant_command_text, tenant_command_to_shape,
    tenant_effect_from_shape, tenant_effect_from_v1, tenant_effect_text, tenant_effect_to_shape,
};
pub(super) use tenant_state::{tenant_rests_in_v1, tenant_rests_in_v3};
pub(super) use tenant_v3::{
    tenant_command_from_v3, tenant_command_text_v3, tenant_command_to_v3, tenant_effect_from_v3,
    tenant_effect_text_v3, tenant_effect_to_v3, tenant_needs_v3,
};
pub(super) use v4::{
    command_from_v4, command_to_v4, record_needs_v4, tenant_command_from_v4, tenant_command_to_v4,
};
pub(super) use words::{facts_texts, facts_texts_v1};
