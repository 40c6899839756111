//! Numbers, instants, ids, strings, and what holds them.

use std::sync::Arc;

use coffer_ledger::amount::{Credits, Money, Rate, Usage};
use coffer_ledger::ids::{
    AlertId, CustomerNumber, HoldId, InvoiceId, KeyId, LogPosition, MintedCustomerId, RateCardId, RechargeId,
    RowId, TenantNumber, ThingId, TrancheId, TransferId, WalletId, WebhookEndpointId,
};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::{Currency, PriceUnit};
use smallvec::{Array, SmallVec};

use super::{Mirror, Owner, ms_again, ms_bytes};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::wire::{Amount, Items, List, Stamp, Thing};
use crate::engine::codec::v2::wire::Row;

/// Plain numbers and bytes are their own shape.
macro_rules! same {
    ($($plain:ty),*) => {$(
        impl Mirror<'_, $plain> for $plain {
            fn to_shape(&self, _: Owner) -> $plain {
                *self
            }

            fn from_shape(shape: $plain, _: Owner) -> Result<Self, DecodeError> {
                Ok(shape)
            }
        }
    )*};
}

same!(u16, u32, u64, bool, [u8; 32]);

/// A newtype whose inside is the inside of its shape.
macro_rules! wrapped {
    ($($ledger:ident <=> $shape:ty : $wrap:expr, $unwrap:expr;)*) => {$(
        impl Mirror<'_, $shape> for $ledger {
            fn to_shape(&self, _: Owner) -> $shape {
                $wrap(self.0)
            }

            fn from_shape(shape: $shape, _: Owner) -> Result<Self, DecodeError> {
                Ok(Self($unwrap(shape)))
            }
        }
    )*};
}

wrapped! {
    Credits <=> Amount: Amount, |shape: Amount| shape.0;
    Money <=> Amount: Amount, |shape: Amount| shape.0;
    Rate <=> Amount: Amount, |shape: Amount| shape.0;
    Usage <=> Amount: Amount, |shape: Amount| shape.0;
    Timestamp <=> Stamp: Stamp, |shape: Stamp| shape.0;
    Currency <=> [u8; 3]: |code| code, |code| code;
    LogPosition <=> u64: |number| number, |number| number;
    TenantNumber <=> u32: |number| number, |number| number;
}

impl Mirror<'_, u64> for CustomerNumber {
    fn to_shape(&self, _: Owner) -> u64 {
        self.0
    }

    fn from_shape(shape: u64, _: Owner) -> Result<Self, DecodeError> {
        if shape > Self::MAX.0 {
            return Err(DecodeError::OutOfRange { field: "a customer number", found: u128::from(shape) });
        }
        Ok(Self(shape))
    }
}

/// Ids of a customer's things.
macro_rules! things {
    ($($id:ident),*) => {$(
        impl Mirror<'_, Thing> for $id {
            fn to_shape(&self, owner: Owner) -> Thing {
                owner.shorten(self.0)
            }

            fn from_shape(shape: Thing, owner: Owner) -> Result<Self, DecodeError> {
                owner.lengthen(shape).map(Self)
            }
        }
    )*};
}

things!(WalletId, TrancheId, MintedCustomerId, HoldId, TransferId, RechargeId, InvoiceId, AlertId);

impl Mirror<'_, Thing> for ThingId {
    fn to_shape(&self, owner: Owner) -> Thing {
        owner.shorten(*self)
    }

    fn from_shape(shape: Thing, owner: Owner) -> Result<Self, DecodeError> {
        owner.lengthen(shape)
    }
}

/// Ids of a tenant's things: nothing is taken out of them.
macro_rules! ownerless {
    ($($id:ident),*) => {$(
        impl Mirror<'_, Thing> for $id {
            fn to_shape(&self, _: Owner) -> Thing {
                Owner::NOBODY.shorten(self.0)
            }

            fn from_shape(shape: Thing, _: Owner) -> Result<Self, DecodeError> {
                Owner::NOBODY.lengthen(shape).map(Self)
            }
        }
    )*};
}

ownerless!(KeyId, RateCardId, WebhookEndpointId);

const POSITION_BITS: u32 = 56;
const ROW_BITS: u32 = 24;

impl Mirror<'_, Row> for RowId {
    fn to_shape(&self, _: Owner) -> Row {
        Row { ms: ms_bytes(self.ms()), position: self.position().0, row: self.row() }
    }

    fn from_shape(shape: Row, _: Owner) -> Result<Self, DecodeError> {
        let Row { ms, position, row } = shape;
        if position >> POSITION_BITS > 0 {
            let found = u128::from(position);
            return Err(DecodeError::OutOfRange { field: "the position in a row's id", found });
        }
        if row >> ROW_BITS > 0 {
            return Err(DecodeError::OutOfRange { field: "the row in a row's id", found: u128::from(row) });
        }
        Ok(Self::at_ms(ms_again(ms), LogPosition(position), row))
    }
}

impl<'a> Mirror<'a, &'a str> for Box<str> {
    fn to_shape(&'a self, _: Owner) -> &'a str {
        self
    }

    fn from_shape(shape: &'a str, _: Owner) -> Result<Self, DecodeError> {
        Ok(shape.into())
    }
}

impl<'a> Mirror<'a, (&'a str, &'a str)> for (Box<str>, Box<str>) {
    fn to_shape(&'a self, _: Owner) -> (&'a str, &'a str) {
        (&self.0, &self.1)
    }

    fn from_shape(shape: (&'a str, &'a str), _: Owner) -> Result<Self, DecodeError> {
        Ok((shape.0.into(), shape.1.into()))
    }
}

impl<'a> Mirror<'a, &'a str> for PriceUnit {
    fn to_shape(&'a self, _: Owner) -> &'a str {
        &self.0
    }

    fn from_shape(shape: &'a str, _: Owner) -> Result<Self, DecodeError> {
        Ok(Self(shape.into()))
    }
}

impl<'a, T: Mirror<'a, Shape>, Shape> Mirror<'a, Option<Shape>> for Option<T> {
    fn to_shape(&'a self, owner: Owner) -> Option<Shape> {
        self.as_ref().map(|value| value.to_shape(owner))
    }

    fn from_shape(shape: Option<Shape>, owner: Owner) -> Result<Self, DecodeError> {
        shape.map(|shape| T::from_shape(shape, owner)).transpose()
    }
}

impl<'a, T: Mirror<'a, Shape>, Shape> Mirror<'a, Shape> for Box<T> {
    fn to_shape(&'a self, owner: Owner) -> Shape {
        (**self).to_shape(owner)
    }

    fn from_shape(shape: Shape, owner: Owner) -> Result<Self, DecodeError> {
        T::from_shape(shape, owner).map(Box::new)
    }
}

impl<'a, T: Mirror<'a, Shape>, Shape> Items<'a, Shape> for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }

    fn item(&'a self, index: usize, owner: u64) -> Shape {
        self[index].to_shape(Owner(CustomerNumber(owner)))
    }
}

impl<'a, A: Array, Shape> Items<'a, Shape> for SmallVec<A>
where
    A::Item: Mirror<'a, Shape> + 'a,
{
    fn count(&self) -> usize {
        self.len()
    }

    fn item(&'a self, index: usize, owner: u64) -> Shape {
        self[index].to_shape(Owner(CustomerNumber(owner)))
    }
}

impl<'a> Items<'a, &'a str> for Arc<[Box<str>]> {
    fn count(&self) -> usize {
        self.len()
    }

    fn item(&'a self, index: usize, _: u64) -> &'a str {
        &self[index]
    }
}

/// The shapes of a list, whether it was read or is about to be written.
pub(super) fn shapes_of<T>(list: List<'_, T>) -> Vec<T> {
    match list {
        List::Read(shapes) => shapes,
        List::Written { items, owner } => (0..items.count()).map(|index| items.item(index, owner)).collect(),
    }
}

// Pushed one by one: to collect results would move each value several times.

impl<'a, T: Mirror<'a, Shape>, Shape: 'a> Mirror<'a, List<'a, Shape>> for Vec<T> {
    fn to_shape(&'a self, owner: Owner) -> List<'a, Shape> {
        List::Written { items: self, owner: owner.0.0 }
    }

    fn from_shape(shape: List<'a, Shape>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes = shapes_of(shape);
        let mut items = Self::with_capacity(shapes.len());
        for shape in shapes {
            items.push(T::from_shape(shape, owner)?);
        }
        Ok(items)
    }
}

impl<'a, A: Array<Item: Mirror<'a, Shape> + 'a>, Shape: 'a> Mirror<'a, List<'a, Shape>> for SmallVec<A> {
    fn to_shape(&'a self, owner: Owner) -> List<'a, Shape> {
        List::Written { items: self, owner: owner.0.0 }
    }

    fn from_shape(shape: List<'a, Shape>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes = shapes_of(shape);
        let mut items = Self::with_capacity(shapes.len());
        for shape in shapes {
            items.push(Mirror::from_shape(shape, owner)?);
        }
        Ok(items)
    }
}

impl<'a> Mirror<'a, List<'a, &'a str>> for Arc<[Box<str>]> {
    fn to_shape(&'a self, owner: Owner) -> List<'a, &'a str> {
        List::Written { items: self, owner: owner.0.0 }
    }

    fn from_shape(shape: List<'a, &'a str>, _: Owner) -> Result<Self, DecodeError> {
        Ok(shapes_of(shape).into_iter().map(Box::from).collect())
    }
}
