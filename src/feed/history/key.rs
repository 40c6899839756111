//! The key of a row in every store: rows sort by it as they stand in the log.

/// Bits of a key that number the row within its record.
const ROW_BITS: u32 = 16;

/// The key of a row of a record. `None`: a record further in the log, or with more rows, than a key can say.
pub(super) fn key(position: u64, row: u32) -> Option<i64> {
    if row >> ROW_BITS != 0 {
        return None;
    }
    let position = i64::try_from(position).ok()?.checked_mul(1 << ROW_BITS)?;
    Some(position | i64::from(row))
}

/// The record and the row that a key names; `None`: it is no key.
pub(super) fn place_of(key: i64) -> Option<(u64, u32)> {
    let row = u32::try_from(key & ((1 << ROW_BITS) - 1)).ok()?;
    Some((u64::try_from(key >> ROW_BITS).ok()?, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_the_log_does_and_say_what_they_cannot_hold() {
        let places = [(1, 0), (1, 65_535), (2, 0), ((1 << 47) - 1, 65_535)];
        let keys = places.map(|(position, row)| key(position, row).unwrap());
        assert!(keys.is_sorted());
        assert_eq!(keys.map(|key| place_of(key).unwrap()), places);
        assert_eq!((key(1 << 47, 0), key(1, 65_536), place_of(-1)), (None, None, None));
    }
}
