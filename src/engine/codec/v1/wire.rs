//! Leaves of the format: what bincode's own encodings would spend too many bytes on, and numbered enums.

use bincode::de::{BorrowDecode, BorrowDecoder, Decode, Decoder, read::Reader};
use bincode::enc::{Encode, Encoder, write::Writer};
use bincode::error::{DecodeError, EncodeError};
use smallvec::{Array, SmallVec};

/// A number of 10⁻¹⁵: credits, money or a rate.
///
/// One tag byte, then the magnitude, little endian, without leading zero bytes. Tag: bits 0–4 bytes of magnitude
/// (0 to 16), bit 5 negative, bits 6–7 the step that the magnitude counts in (see `STEPS`). Zero is the byte 0.
#[derive(Clone, Copy)]
pub struct Amount(pub i128);

/// What an amount's magnitude counts in: 10⁻¹⁵, 10⁻⁶, whole. The writer takes the largest that divides.
const STEPS: [u128; 3] = [1, 1_000_000_000, 1_000_000_000_000_000];
const NEGATIVE: u8 = 1 << 5;
const STEP_SHIFT: u32 = 6;
const MAGNITUDE_BYTES: u8 = 0b0001_1111;

impl Amount {
    fn step(magnitude: u128) -> u8 {
        // 10⁹ has nine factors of two and 10¹⁵ fifteen: most odd amounts never get to the division.
        if magnitude.trailing_zeros() >= 15 && divides(magnitude, STEPS[2]) {
            2
        } else {
            u8::from(magnitude.trailing_zeros() >= 9 && divides(magnitude, STEPS[1]))
        }
    }
}

fn divides(magnitude: u128, step: u128) -> bool {
    match (u64::try_from(magnitude), u64::try_from(step)) {
        (Ok(magnitude), Ok(step)) => magnitude % step == 0,
        _ => magnitude % step == 0,
    }
}

fn divided(magnitude: u128, step: u128) -> u128 {
    match (u64::try_from(magnitude), u64::try_from(step)) {
        (Ok(magnitude), Ok(step)) => u128::from(magnitude / step),
        _ => magnitude / step,
    }
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
        let step = Self::step(magnitude);
        let scaled = divided(magnitude, STEPS[usize::from(step)]);
        let bytes = significant_bytes(u128::BITS - scaled.leading_zeros());
        let sign = if self.0 < 0 { NEGATIVE } else { 0 };
        let mut out = [0; 17];
        out[0] = bytes | sign | step << STEP_SHIFT;
        out[1..].copy_from_slice(&scaled.to_le_bytes());
        encoder.writer().write(&out[..=usize::from(bytes)])
    }
}

impl<C> Decode<C> for Amount {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let tag = u8::decode(decoder)?;
        let bytes = usize::from(tag & MAGNITUDE_BYTES);
        let step = STEPS
            .get(usize::from(tag >> STEP_SHIFT))
            .ok_or(DecodeError::Other("an amount counts in no known step"))?;
        if tag == 0 {
            return Ok(Self(0));
        }
        if !(1..=16).contains(&bytes) {
            return Err(DecodeError::Other("an amount has 1 to 16 bytes"));
        }
        let mut out = [0; 16];
        read_significant(decoder, &mut out[..bytes])?;
        let magnitude = u128::from_le_bytes(out).checked_mul(*step);
        let value = match tag & NEGATIVE {
            0 => magnitude.and_then(|magnitude| i128::try_from(magnitude).ok()),
            _ => magnitude.and_then(|magnitude| 0_i128.checked_sub_unsigned(magnitude)),
        };
        value.map(Self).ok_or(DecodeError::Other("an amount is larger than 127 bits"))
    }
}

bincode::impl_borrow_decode!(Amount);

/// Fills `out`, and refuses a leading zero byte: every value has one encoding.
fn read_significant<D: Decoder>(decoder: &mut D, out: &mut [u8]) -> Result<(), DecodeError> {
    decoder.claim_bytes_read(out.len())?;
    decoder.reader().read(out)?;
    if out.last() == Some(&0) { Err(DecodeError::Other("a number begins with a zero byte")) } else { Ok(()) }
}

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
        let bytes = significant_bytes(u64::BITS - value.leading_zeros());
        let mut out = [0; 9];
        out[0] = bytes | unit;
        out[1..].copy_from_slice(&value.to_le_bytes());
        encoder.writer().write(&out[..=usize::from(bytes)])
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
        let bytes = usize::from(tag & !SECONDS);
        if !(1..=8).contains(&bytes) {
            return Err(DecodeError::Other("an instant has 1 to 8 bytes"));
        }
        let mut out = [0; 8];
        read_significant(decoder, &mut out[..bytes])?;
        let unit = if tag & SECONDS == 0 { 1 } else { NS_PER_SECOND };
        let value = u64::from_le_bytes(out).checked_mul(unit);
        value.map(Self).ok_or(DecodeError::Other("an instant is after the year 2554"))
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

/// How many, then one after the other. Up to the array's length stand on the stack.
pub struct List<A: Array>(pub SmallVec<A>);

impl<A: Array> Encode for List<A>
where
    A::Item: Encode,
{
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.len().encode(encoder)?;
        self.0.iter().try_for_each(|item| item.encode(encoder))
    }
}

impl<'de, A: Array, C> BorrowDecode<'de, C> for List<A>
where
    A::Item: BorrowDecode<'de, C>,
{
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        // Nothing is reserved for a length that was only claimed: each item has to show at least a byte first.
        let len = usize::decode(decoder)?;
        let mut items = SmallVec::new();
        for _ in 0..len {
            items.push(A::Item::borrow_decode(decoder)?);
        }
        Ok(Self(items))
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
