//! The rule that a written sector never looks unwritten: masks, and telling the two apart.
//!
//! A device may leave any sector of an unfinished write as it was, and segments begin as zeros. So as long as
//! each finished sector has some bytes that are not zero, a sector of zeros proves that its write did not
//! finish. Absent on purpose: secrecy; the mask stands in the header. Tested below and in `batch.rs`.

use crate::batch::BATCH_HEADER_BYTES;
use crate::storage::SECTOR_BYTES;

/// Non-zero bytes that each written sector has at least.
pub(crate) const SECTOR_NONZERO_MIN: usize = 8;

/// XORs `body` with the mask's eight bytes, repeated. Doing it twice gives back the original.
pub fn apply_mask(body: &mut [u8], mask: u64) {
    if mask == 0 {
        return;
    }
    let mask = mask.to_le_bytes();
    for piece in body.chunks_mut(mask.len()) {
        for (byte, mask_byte) in piece.iter_mut().zip(mask) {
            *byte ^= mask_byte;
        }
    }
}

/// Finds a mask under which every sector of the padded batch has enough non-zero bytes; 0 when none is
/// needed. The first sector holds the header and never needs one.
pub(crate) fn mask_for(padded: &[u8], length: usize) -> u64 {
    let masked_sectors_look_written = |mask: u64| {
        let mask_bytes = mask.to_le_bytes();
        let first = SECTOR_BYTES..padded.len();
        first.step_by(SECTOR_BYTES).all(|start| sector_looks_written(padded, start, length, mask_bytes))
    };
    (0u64..)
        .map(candidate_mask)
        .find(|mask| masked_sectors_look_written(*mask))
        .expect("each sector rules out one mask at most, and there are more masks than sectors")
}

/// Distinct masks without zero bytes, after the empty one.
pub(crate) fn candidate_mask(attempt: u64) -> u64 {
    if attempt == 0 {
        return 0;
    }
    // Counts in base 255 so that each byte is 1..=255 and no two attempts agree.
    let mut rest = attempt;
    let bytes = [0x5B_u8, 0xC7, 0x39, 0xE1, 0x8D, 0x17, 0xF3, 0x6F].map(|start| {
        let digit = (rest + u64::from(start)) % 255;
        rest /= 255;
        u8::try_from(digit + 1).expect("1 to 255")
    });
    u64::from_le_bytes(bytes)
}

fn sector_looks_written(padded: &[u8], start: usize, length: usize, mask: [u8; 8]) -> bool {
    let sector = &padded[start..start + SECTOR_BYTES];
    let mut nonzero = 0;
    for (at, byte) in (start..).zip(sector) {
        let on_disk = if at < length { byte ^ mask[(at - BATCH_HEADER_BYTES) % 8] } else { *byte };
        nonzero += usize::from(on_disk != 0);
        if nonzero == SECTOR_NONZERO_MIN {
            return true;
        }
    }
    false
}

/// Whether all bytes are zero: nothing was ever written there.
#[must_use]
pub fn is_unwritten(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<64>();
    words.iter().all(|word| *word == [0; 64]) && rest.iter().all(|byte| *byte == 0)
}

/// Whether some sector of a batch's extent was never written, which proves that its write did not finish.
#[must_use]
pub fn has_unwritten_sector(extent: &[u8]) -> bool {
    extent.chunks(SECTOR_BYTES).any(is_unwritten)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_distinct_and_without_zero_bytes() {
        let masks: Vec<u64> = (1..5000).map(candidate_mask).collect();
        let distinct: std::collections::HashSet<&u64> = masks.iter().collect();
        assert_eq!(distinct.len(), masks.len());
        assert!(masks.iter().all(|mask| mask.to_le_bytes().iter().all(|byte| *byte != 0)));
    }

    #[test]
    fn only_zeros_throughout_look_unwritten() {
        let mut sectors = vec![0; 3 * SECTOR_BYTES];
        assert!(is_unwritten(&sectors) && is_unwritten(&[]));
        for at in [0, 511, 700, 3 * SECTOR_BYTES - 1] {
            sectors[at] = 1;
            assert!(!is_unwritten(&sectors), "{at}");
            assert!(has_unwritten_sector(&sectors), "{at}");
            sectors[at] = 0;
        }
        sectors.iter_mut().step_by(SECTOR_BYTES).for_each(|byte| *byte = 1);
        assert!(!has_unwritten_sector(&sectors));
    }
}
