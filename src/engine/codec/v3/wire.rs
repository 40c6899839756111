//! Numbered enums again: each version says for itself which numbers it knows.

use bincode::error::DecodeError;

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
                    found => Err($crate::engine::codec::v3::wire::unknown_number(stringify!($name), found)),
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
                    found => Err($crate::engine::codec::v3::wire::unknown_number(stringify!($name), found)),
                }
            }
        }
    )*};
}

pub(super) use {coded, tagged};

/// A number that version 3 gives no meaning to.
#[cold]
pub(super) fn unknown_number(name: &str, found: u8) -> DecodeError {
    DecodeError::OtherString(format!("{name} has no number {found}"))
}
