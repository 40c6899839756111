//! Values as SQLite keeps them.
//!
//! An id is a blob of 16 bytes, big endian, and sorts by creation. An amount is a blob of 1 to 17 bytes that compare as the numbers do: its
//! units of 10⁻¹⁵ as two's complement, big endian, without the bytes in front that say nothing, and before them a byte with their
//! number: 128 more of it for what is not negative, 127 less it for what is. A time is nanoseconds since 1970; what is later than 2262
//! wraps into the negative and reads back right.

use std::ops::Deref;

/// The first byte of an amount that has no others: 0, and −1.
const ZERO: u8 = 0x80;
const MINUS_ONE: u8 = 0x7f;
/// Bytes of an amount behind its first, at most.
const UNITS_BYTES_MAX: u8 = 16;

/// An amount's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    bytes: [u8; 17],
    length: u8,
}

impl Deref for Packed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// An amount.
pub(super) fn amount(units: i128) -> Packed {
    let telling = if units < 0 { !units } else { units };
    let count = 16 - telling.leading_zeros() / 8;
    let units_bytes = units.to_be_bytes();
    let told = &units_bytes[16 - count as usize..];
    let count = u8::try_from(count).expect("at most 16");
    let mut bytes = [0; 17];
    bytes[0] = if units < 0 { MINUS_ONE - count } else { ZERO + count };
    bytes[1..=told.len()].copy_from_slice(told);
    Packed { bytes, length: count + 1 }
}

/// How many bytes an amount has that begins with this one.
pub(super) fn length_of(first: u8) -> Option<usize> {
    let count = if first < ZERO { MINUS_ONE - first } else { first - ZERO };
    (count <= UNITS_BYTES_MAX).then_some(usize::from(count) + 1)
}

/// An amount, read back. `None`: these bytes are none.
pub(super) fn amount_of(bytes: &[u8]) -> Option<i128> {
    let (first, told) = bytes.split_first()?;
    let filler = if *first < ZERO { 0xff } else { 0 };
    if length_of(*first)? != bytes.len() || told.first() == Some(&filler) {
        return None;
    }
    let mut units = [filler; 16];
    units[16 - told.len()..].copy_from_slice(told);
    Some(i128::from_be_bytes(units))
}

/// An id.
pub(super) const fn id(bits: u128) -> [u8; 16] {
    bits.to_be_bytes()
}

/// A time, or any other number of 64 bits.
pub(super) const fn number(value: u64) -> i64 {
    value.cast_signed()
}

/// Such a number, read back.
pub(super) const fn number_of(value: i64) -> u64 {
    value.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_compare_as_their_bytes_do_and_read_back() {
        let mut amounts = vec![i128::MIN, i128::MAX, 0, -1];
        for power in 0..127 {
            let one = 1_i128 << power;
            amounts.extend([one - 1, one, one + 1, -one - 1, -one, 1 - one]);
        }
        amounts.extend((0..38).flat_map(|power| [10_i128.pow(power), -(10_i128.pow(power))]));
        amounts.sort_unstable();
        amounts.dedup();
        let bytes: Vec<Vec<u8>> = amounts.iter().map(|units| amount(*units).to_vec()).collect();
        assert!(bytes.is_sorted());
        for (units, bytes) in amounts.iter().zip(&bytes) {
            assert_eq!((amount_of(bytes), length_of(bytes[0])), (Some(*units), Some(bytes.len())));
        }
        assert_eq!((amount(0).to_vec(), amount(256).to_vec()), (vec![0x80], vec![0x82, 1, 0]));
        assert_eq!((amount(-1).to_vec(), amount(-257).to_vec()), (vec![0x7f], vec![0x7d, 0xfe, 0xff]));
    }

    #[test]
    fn what_no_amount_is_written_as_is_none() {
        for bytes in [&[][..], &[0x82, 1], &[0x82, 0, 1], &[0x7d, 0xff, 0], &[0x91; 18], &[0x80, 0]] {
            assert_eq!(amount_of(bytes), None, "{bytes:02x?}");
        }
    }

    #[test]
    fn every_time_reads_back() {
        for time in [0, 1, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX] {
            assert_eq!(number_of(number(time)), time);
        }
    }
}
