//! Values as SQLite keeps them.
//!
//! An id is a blob of 16 bytes, big endian, and sorts by creation. An amount is a blob of 16 bytes too: its units of 10⁻¹⁵, big endian,
//! with the sign bit turned over, so that bytes compare as the numbers do. A time is nanoseconds since 1970; what is later than
//! 2262 wraps into the negative and reads back right.

use rusqlite::types::{FromSqlError, Value};

/// Bits of a row's key that number the row within its record.
const ROW_BITS: u32 = 16;
const SIGN: u128 = 1 << 127;

/// An amount.
pub(in crate::feed::history) fn amount(units: i128) -> [u8; 16] {
    (units.cast_unsigned() ^ SIGN).to_be_bytes()
}

/// An amount, read back.
pub(in crate::feed::history) fn amount_of(bytes: [u8; 16]) -> i128 {
    (u128::from_be_bytes(bytes) ^ SIGN).cast_signed()
}

/// An id.
pub(in crate::feed::history) const fn id(bits: u128) -> [u8; 16] {
    bits.to_be_bytes()
}

/// A time, or any other number of 64 bits.
pub(in crate::feed::history) const fn number(value: u64) -> i64 {
    value.cast_signed()
}

/// Such a number, read back.
pub(in crate::feed::history) const fn number_of(value: i64) -> u64 {
    value.cast_unsigned()
}

/// A row's key: rows sort by it as they stand in the log. `None`: a record further in the log, or with more rows, than a key can say.
pub(in crate::feed::history) fn key(position: u64, row: u32) -> Option<i64> {
    if row >> ROW_BITS != 0 {
        return None;
    }
    let position = i64::try_from(position).ok()?.checked_mul(1 << ROW_BITS)?;
    Some(position | i64::from(row))
}

/// The record and the row that a key names.
pub(in crate::feed::history) fn place_of(key: i64) -> Result<(u64, u32), FromSqlError> {
    let out_of_range = |_| FromSqlError::OutOfRange(key);
    let row = u32::try_from(key & ((1 << ROW_BITS) - 1)).map_err(out_of_range)?;
    Ok((u64::try_from(key >> ROW_BITS).map_err(out_of_range)?, row))
}

/// A blob as a parameter of a query.
pub(in crate::feed::history) fn blob(bytes: [u8; 16]) -> Value {
    Value::Blob(bytes.to_vec())
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
    fn keys_sort_as_the_log_does_and_say_what_they_cannot_hold() {
        let places = [(1, 0), (1, 65_535), (2, 0), ((1 << 47) - 1, 65_535)];
        let keys = places.map(|(position, row)| key(position, row).unwrap());
        assert!(keys.is_sorted());
        assert_eq!(keys.map(|key| place_of(key).unwrap()), places);
        assert_eq!((key(1 << 47, 0), key(1, 65_536)), (None, None));
    }

    #[test]
    fn every_time_reads_back() {
        for time in [0, 1, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX] {
            assert_eq!(number_of(number(time)), time);
        }
    }
}
