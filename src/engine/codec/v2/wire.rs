//! Leaves that version 1 did not need, and numbered enums again: each version says for itself which numbers it knows.

use bincode::de::{BorrowDecode, BorrowDecoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

/// Id of a ledger row, in its three parts.
#[derive(Clone, Copy, bincode::Encode, bincode::BorrowDecode)]
pub struct Row {
    /// 48 bits of milliseconds since 1970, little endian.
    pub ms: [u8; 6],
    /// The record; at most 56 bits.
    pub position: u64,
    /// Row of that record; at most 24 bits.
    pub row: u32,
}

/// Begins to walk over what is to be written.
pub type Start<'a, T> = Box<dyn Fn() -> Box<dyn Iterator<Item = T> + 'a> + 'a>;

/// The same bytes as version 1's `List`, for what can be walked but has no item of a number.
pub enum Walk<'a, T> {
    /// To be written: items are made one by one.
    Written {
        /// How many there are.
        count: usize,
        /// Makes them.
        start: Start<'a, T>,
    },
    /// What was read.
    Read(Vec<T>),
}

impl<T: Encode> Encode for Walk<'_, T> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            Self::Written { count, start } => {
                count.encode(encoder)?;
                start().try_for_each(|item| item.encode(encoder))
            }
            Self::Read(items) => {
                items.len().encode(encoder)?;
                items.iter().try_for_each(|item| item.encode(encoder))
            }
        }
    }
}

impl<'a, 'de: 'a, T: BorrowDecode<'de, C>, C> BorrowDecode<'de, C> for Walk<'a, T> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        // Nothing is reserved for a length that was only claimed: each item has to show at least a byte first.
        let count = <usize as bincode::Decode<C>>::decode(decoder)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(T::borrow_decode(decoder)?);
        }
        Ok(Self::Read(items))
    }
}

/// A plain enum: one byte, the number in its declaration.
macro_rules! coded {
    ($($(#[$doc:meta])* pub enum $name:ident { $($number:literal = $variant:ident),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        #[expect(missing_docs, reason = "the names are the ledger's")]
        pub enum $name { $($variant),* }

        impl bincode::Encode for $name {
            fn encode<E: bincode::enc::Encoder>(&self, encoder: &mut E) -> Result<(), bincode::error::EncodeError> {
                let number: u8 = match self { $(Self::$variant => $number),* };
                number.encode(encoder)
            }
        }

        impl<C> bincode::Decode<C> for $name {
            fn decode<D: bincode::de::Decoder<Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                match <u8 as bincode::Decode<C>>::decode(decoder)? {
                    $($number => Ok(Self::$variant),)*
                    found => Err($crate::engine::codec::v2::wire::unknown_number(stringify!($name), found)),
                }
            }
        }

        bincode::impl_borrow_decode!($name);
    )*};
}

/// An enum with content: one byte, the number in its declaration, then the content.
macro_rules! tagged {
    ($($(#[$doc:meta])* pub enum $name:ident $(<$lt:lifetime>)? { $($number:literal = $variant:ident($content:ty)),* $(,)? })*) => {$(
        $(#[$doc])*
        #[expect(missing_docs, reason = "the names are the ledger's")]
        #[allow(clippy::large_enum_variant, reason = "shapes live for a moment, on the stack")]
        pub enum $name $(<$lt>)? { $($variant($content)),* }

        impl $(<$lt>)? bincode::Encode for $name $(<$lt>)? {
            fn encode<E: bincode::enc::Encoder>(&self, encoder: &mut E) -> Result<(), bincode::error::EncodeError> {
                match self {
                    $(Self::$variant(content) => {
                        let number: u8 = $number;
                        number.encode(encoder)?;
                        content.encode(encoder)
                    })*
                }
            }
        }

        impl<'de $(: $lt, $lt)?, C> bincode::BorrowDecode<'de, C> for $name $(<$lt>)? {
            fn borrow_decode<D: bincode::de::BorrowDecoder<'de, Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                match <u8 as bincode::Decode<C>>::decode(decoder)? {
                    $($number => Ok(Self::$variant(<$content as bincode::BorrowDecode<'de, C>>::borrow_decode(decoder)?)),)*
                    found => Err($crate::engine::codec::v2::wire::unknown_number(stringify!($name), found)),
                }
            }
        }
    )*};
}

pub(super) use {coded, tagged};

/// A number that version 2 gives no meaning to.
#[cold]
pub(super) fn unknown_number(name: &str, found: u8) -> DecodeError {
    DecodeError::OtherString(format!("{name} has no number {found}"))
}
