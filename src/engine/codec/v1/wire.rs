//! Leaves of the format: what bincode's own encodings would spend too many bytes on, and numbered enums.

use bincode::de::{BorrowDecode, BorrowDecoder, Decode, Decoder, read::Reader};
use bincode::enc::{Encode, Encoder, write::Writer};
use bincode::error::{DecodeError, EncodeError};

/// A number of 10⁻¹⁵: credits, money or a rate.
///
/// One tag byte, then the magnitude, little endian, without leading zero bytes. Tag: bits 0–4 bytes of magnitude
/// (0 to 16), bit 5 negative, bits 6–7 the step that the magnitude counts in (see `STEPS`). Zero is the byte 0.
#[derive(Clone, Copy)]
pub struct Amount(pub i128);

/// What an amount's magnitude counts in: 10⁻¹⁵, 10⁻⁶, whole. The writer takes the largest that divides.
const STEPS: [u64; 3] = [1, 1_000_000_000, 1_000_000_000_000_000];
const NEGATIVE: u8 = 1 << 5;
const STEP_SHIFT: u32 = 6;
const MAGNITUDE_BYTES: u8 = 0b0001_1111;

/// The larger steps from the last of `STEPS` down: their factors of two, and of five with its inverse modulo 2¹²⁸.
const EXACT: [(u8, u32, u128, u128); 2] =
    [(2, 15, 5_u128.pow(15), inverse(5_u128.pow(15))), (1, 9, 5_u128.pow(9), inverse(5_u128.pow(9)))];

/// The inverse of an odd number modulo 2¹²⁸, by Newton's iteration: each round doubles the bits that are right.
const fn inverse(odd: u128) -> u128 {
    let mut inverse = odd;
    let mut round = 0;
    while round < 6 {
        inverse = inverse.wrapping_mul(2_u128.wrapping_sub(odd.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

/// The largest step that divides a magnitude, and the quotient. A multiple of an odd number times its inverse is the
/// quotient, and anything else comes out larger than any quotient: one multiplication instead of a division of 128 bits.
fn scaled(magnitude: u128) -> (u8, u128) {
    for (step, twos, fives, inverse) in EXACT {
        let quotient = (magnitude >> twos).wrapping_mul(inverse);
        if magnitude.trailing_zeros() >= twos && quotient <= u128::MAX / fives {
            return (step, quotient);
        }
    }
    (0, magnitude)
}

fn significant_bytes(bits: u32) -> u8 {
    u8::try_from(bits.div_ceil(8)).expect("an integer has at most 16 bytes")
}

impl Encode for Amount {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        if self.0 == 0 {
            return encoder.writer().write(&[0]);
        }
        let magnitude = self.0.unsigned_abs();
        let (step, scaled) = scaled(magnitude);
        let tag = step << STEP_SHIFT | if self.0 < 0 { NEGATIVE } else { 0 };
        match u64::try_from(scaled) {
            Ok(scaled) => write_short(encoder, tag, scaled),
            Err(_) => write_long(encoder, tag, scaled),
        }
    }
}

/// Writes a tag, with the number of bytes in its low bits, and a number of 1 to 8 bytes.
fn write_short<E: Encoder>(encoder: &mut E, tag: u8, number: u64) -> Result<(), EncodeError> {
    let bytes = significant_bytes(u64::BITS - number.leading_zeros());
    let mut out = [0; 9];
    out[0] = tag | bytes;
    out[1..].copy_from_slice(&number.to_le_bytes());
    let writer = encoder.writer();
    // Written out, as a copy of a length known here is a move or two and any other a call.
    match bytes {
        1 => writer.write(&out[..2]),
        2 => writer.write(&out[..3]),
        3 => writer.write(&out[..4]),
        4 => writer.write(&out[..5]),
        5 => writer.write(&out[..6]),
        6 => writer.write(&out[..7]),
        7 => writer.write(&out[..8]),
        _ => writer.write(&out),
    }
}

/// As [`write_short`], of 9 to 16 bytes.
fn write_long<E: Encoder>(encoder: &mut E, tag: u8, number: u128) -> Result<(), EncodeError> {
    let bytes = significant_bytes(u128::BITS - number.leading_zeros());
    let mut out = [0; 17];
    out[0] = tag | bytes;
    out[1..].copy_from_slice(&number.to_le_bytes());
    encoder.writer().write(&out[..=usize::from(bytes)])
}

impl<C> Decode<C> for Amount {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let tag = u8::decode(decoder)?;
        if tag == 0 {
            return Ok(Self(0));
        }
        let Some(step) = STEPS.get(usize::from(tag >> STEP_SHIFT)) else {
            return Err(DecodeError::Other("an amount counts in no known step"));
        };
        let magnitude = match tag & MAGNITUDE_BYTES {
            // 64 bits times the largest step, of 50 bits, are less than 127.
            bytes @ 1..=8 => Some(u128::from(read_short(decoder, usize::from(bytes))?) * u128::from(*step)),
            bytes @ 9..=16 => read_long(decoder, usize::from(bytes))?.checked_mul(u128::from(*step)),
            _ => return Err(DecodeError::Other("an amount has 1 to 16 bytes")),
        };
        match magnitude.and_then(|magnitude| signed(magnitude, tag & NEGATIVE != 0)) {
            Some(value) => Ok(Self(value)),
            None => Err(DecodeError::Other("an amount is larger than 127 bits")),
        }
    }
}

fn signed(magnitude: u128, negative: bool) -> Option<i128> {
    if negative { 0_i128.checked_sub_unsigned(magnitude) } else { i128::try_from(magnitude).ok() }
}

bincode::impl_borrow_decode!(Amount);

/// Reads a number of 1 to 8 bytes.
fn read_short<D: Decoder>(decoder: &mut D, bytes: usize) -> Result<u64, DecodeError> {
    decoder.claim_bytes_read(bytes)?;
    let reader = decoder.reader();
    // In one look, where at least 8 bytes are left: the common case.
    let number = match reader.peek_read(8).and_then(|ahead| ahead.first_chunk::<8>()) {
        Some(ahead) => {
            let number = u64::from_le_bytes(*ahead) & (u64::MAX >> (64 - 8 * bytes));
            reader.consume(bytes);
            number
        }
        None => {
            let mut out = [0; 8];
            reader.read(&mut out[..bytes])?;
            u64::from_le_bytes(out)
        }
    };
    if number >> (8 * (bytes - 1)) == 0 { Err(LEADING_ZERO) } else { Ok(number) }
}

/// Reads a number of 9 to 16 bytes.
fn read_long<D: Decoder>(decoder: &mut D, bytes: usize) -> Result<u128, DecodeError> {
    decoder.claim_bytes_read(bytes)?;
    let mut out = [0; 16];
    decoder.reader().read(&mut out[..bytes])?;
    if out[bytes - 1] == 0 { Err(LEADING_ZERO) } else { Ok(u128::from_le_bytes(out)) }
}

/// No writer makes one, so it is no writer's.
const LEADING_ZERO: DecodeError = DecodeError::Other("a number begins with a zero byte");

/// Nanoseconds since 1970.
///
/// One tag byte, then the value, little endian, without leading zero bytes. Tag: bits 0–3 bytes of value (0 to 8),
/// bit 4 set when the value counts whole seconds; 0x80 alone is the end of time. Zero is the byte 0.
#[derive(Clone, Copy)]
pub struct Stamp(pub u64);

const NS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS: u8 = 1 << 4;
const END_OF_TIME: u8 = 0x80;

impl Encode for Stamp {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self.0 {
            0 => return encoder.writer().write(&[0]),
            u64::MAX => return encoder.writer().write(&[END_OF_TIME]),
            _ => {}
        }
        let whole = self.0.is_multiple_of(NS_PER_SECOND);
        let (unit, value) = if whole { (SECONDS, self.0 / NS_PER_SECOND) } else { (0, self.0) };
        write_short(encoder, unit, value)
    }
}

impl<C> Decode<C> for Stamp {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let tag = u8::decode(decoder)?;
        match tag {
            0 => return Ok(Self(0)),
            END_OF_TIME => return Ok(Self(u64::MAX)),
            _ => {}
        }
        let value = match tag & !SECONDS {
            bytes @ 1..=8 => read_short(decoder, usize::from(bytes))?,
            _ => return Err(DecodeError::Other("an instant has 1 to 8 bytes")),
        };
        let unit = if tag & SECONDS == 0 { 1 } else { NS_PER_SECOND };
        match value.checked_mul(unit) {
            Some(ns) => Ok(Self(ns)),
            None => Err(DecodeError::Other("an instant is after the year 2554")),
        }
    }
}

bincode::impl_borrow_decode!(Stamp);

/// Id of a thing, short when it belongs to the customer that the record or state is about.
#[derive(Clone, Copy, bincode::Encode, bincode::BorrowDecode)]
pub struct Thing {
    /// 48 bits of milliseconds since 1970, little endian.
    pub ms: [u8; 6],
    /// The id's low 80 bits, with the owner's number taken out by XOR: of its own things only the counter is left.
    pub low: u128,
}

/// How many, then one after the other.
pub enum List<'a, T> {
    /// To be written: items are made one by one, so that a long list needs no room of its own.
    Written {
        /// Makes them.
        items: &'a (dyn Items<'a, T> + 'a),
        /// The owner whose number is taken out of ids.
        owner: u64,
    },
    /// What was read.
    Read(Vec<T>),
}

/// Makes the shapes of a list that is being written.
pub trait Items<'a, T> {
    /// How many there are.
    fn count(&self) -> usize;

    /// One of them, from 0.
    fn item(&'a self, index: usize, owner: u64) -> T;
}

impl<T: Encode> Encode for List<'_, T> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            Self::Written { items, owner } => {
                let count = items.count();
                count.encode(encoder)?;
                (0..count).try_for_each(|index| items.item(index, *owner).encode(encoder))
            }
            Self::Read(items) => {
                items.len().encode(encoder)?;
                items.iter().try_for_each(|item| item.encode(encoder))
            }
        }
    }
}

impl<'a, 'de: 'a, T: BorrowDecode<'de, C>, C> BorrowDecode<'de, C> for List<'a, T> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        // Nothing is reserved for a length that was only claimed: each item has to show at least a byte first.
        let count = usize::decode(decoder)?;
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
                    found => Err($crate::engine::codec::v1::wire::unknown_number(stringify!($name), found)),
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
                    found => Err($crate::engine::codec::v1::wire::unknown_number(stringify!($name), found)),
                }
            }
        }
    )*};
}

pub(super) use {coded, tagged};

/// A number that version 1 gives no meaning to.
#[cold]
pub(super) fn unknown_number(name: &str, found: u8) -> DecodeError {
    DecodeError::OtherString(format!("{name} has no number {found}"))
}
