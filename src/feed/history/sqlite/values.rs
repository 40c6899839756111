//! Values as SQLite keeps them.
//!
//! An id is a blob of 16 bytes, big endian, and sorts by creation. An amount is a blob of 16 bytes too: its units of 10⁻¹⁵, big endian,
//! with the sign bit turned over, so that bytes compare as the numbers do. A time is nanoseconds since 1970; what is later than
//! 2262 wraps into the negative and reads back right.

const SIGN: u128 = 1 << 127;

/// An amount.
pub(super) fn amount(units: i128) -> [u8; 16] {
    (units.cast_unsigned() ^ SIGN).to_be_bytes()
}

/// An amount, read back.
pub(super) fn amount_of(bytes: [u8; 16]) -> i128 {
    (u128::from_be_bytes(bytes) ^ SIGN).cast_signed()
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
        let amounts = [i128::MIN, -(10_i128.pow(27)), -1, 0, 1, 10_i128.pow(15), i128::MAX];
        assert!(amounts.map(amount).is_sorted());
        assert_eq!(amounts.map(amount).map(amount_of), amounts);
    }

    #[test]
    fn every_time_reads_back() {
        for time in [0, 1, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX] {
            assert_eq!(number_of(number(time)), time);
        }
    }
}
