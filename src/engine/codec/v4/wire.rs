//! Numbered enums again: each version says for itself which numbers it knows.

use bincode::error::DecodeError;

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
                    found => Err($crate::engine::codec::v4::wire::unknown_number(stringify!($name), found)),
                }
            }
        }
    )*};
}

pub(super) use tagged;

/// A number that version 4 gives no meaning to.
#[cold]
pub(super) fn unknown_number(name: &str, found: u8) -> DecodeError {
    DecodeError::OtherString(format!("{name} has no number {found}"))
}
