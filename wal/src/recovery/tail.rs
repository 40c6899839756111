//! What stands where no valid next batch does: a write that a crash cut short, or damage.

use crate::batch::{BATCH_BYTES_LIMIT, BatchHeader, ChainEnd, has_unwritten_sector, is_unwritten};
use crate::bytes::index;
use crate::segment::SegmentHeader;
use crate::storage::{AlignedBuf, BLOCK_BYTES, File, SECTOR_BYTES, read_up_to};

/// Bytes read at once while looking at what should be zeros.
const PIECE_BYTES: usize = 1 << 20;

/// What follows a position of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// One past the last byte that is not zero.
    pub(super) nonzero_end: Option<u64>,
    /// Where, after the position itself, a sound batch header stands.
    pub(super) later_header: Option<u64>,
}

/// Reads from `from` to `to`; looks for sound headers when a salt is given.
pub(super) fn look_at_tail(file: &dyn File, from: u64, to: u64, salt: Option<u64>) -> std::io::Result<Tail> {
    let mut tail = Tail::default();
    let mut piece = AlignedBuf::zeroed(PIECE_BYTES);
    let mut offset = from;
    while offset < to {
        let read = read_up_to(file, &mut piece, offset)?;
        if read == 0 {
            break;
        }
        if !is_unwritten(&piece[..read]) {
            let last = piece[..read].iter().rposition(|byte| *byte != 0).expect("some byte is not zero");
            tail.nonzero_end = Some(offset + last as u64 + 1);
        }
        for (at, block) in (offset..).step_by(BLOCK_BYTES).zip(piece[..read].chunks(BLOCK_BYTES)) {
            let sound = salt.is_some_and(|salt| BatchHeader::decode(block, salt).is_ok());
            if sound && at > from && tail.later_header.is_none() {
                tail.later_header = Some(at);
            }
        }
        offset += read as u64;
    }
    Ok(tail)
}

/// The blocks that the write at a position may have covered.
pub(super) enum Extent {
    /// The first sector was never written; the write may have covered this much.
    HeaderUnwritten { bytes_max: u64 },
    /// The header is sound and the next one; `hole` tells whether a sector of the extent was never written.
    HeaderSound { bytes: u64, hole: bool },
    /// The first sector holds something else.
    Other,
}

/// Looks at the blocks that begin at `offset`, where the batch after `chain` should be.
pub(super) fn read_extent(
    file: &dyn File,
    offset: u64,
    segment: &SegmentHeader,
    chain: &ChainEnd,
) -> std::io::Result<Extent> {
    let mut block = AlignedBuf::zeroed(BLOCK_BYTES);
    read_up_to(file, &mut block, offset)?;
    if is_unwritten(&block[..SECTOR_BYTES]) {
        return Ok(Extent::HeaderUnwritten { bytes_max: BATCH_BYTES_LIMIT as u64 });
    }
    let Ok(header) = BatchHeader::decode(&block, segment.salt) else { return Ok(Extent::Other) };
    let bytes = header.extent_bytes() as u64;
    let is_next = chain.followed_by(&header).is_some() && header.epoch == segment.epoch;
    if !is_next || offset + bytes > segment.bytes {
        return Ok(Extent::Other);
    }
    let mut extent = AlignedBuf::zeroed(index(bytes));
    let read = read_up_to(file, &mut extent, offset)?;
    Ok(Extent::HeaderSound { bytes, hole: has_unwritten_sector(&extent[..read]) })
}

/// What stands at a position that holds no valid batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Torn,
    Corrupt(Option<&'static str>),
}

/// The rule itself: whether what stands at `offset` can be a write that did not finish.
pub(super) fn judge(extent: &Extent, offset: u64, tail: &Tail) -> Verdict {
    let nonzero_end = tail.nonzero_end.unwrap_or(offset);
    if tail.later_header.is_some() {
        return Verdict::Corrupt(Some("a sound batch stands after it"));
    }
    match extent {
        Extent::HeaderUnwritten { bytes_max } if nonzero_end <= offset + bytes_max => Verdict::Torn,
        Extent::HeaderSound { bytes, hole: true } if nonzero_end <= offset + bytes => Verdict::Torn,
        Extent::HeaderUnwritten { .. } | Extent::HeaderSound { hole: true, .. } => {
            Verdict::Corrupt(Some("more bytes stand after it than one write can leave"))
        }
        Extent::HeaderSound { hole: false, .. } => {
            Verdict::Corrupt(Some("every sector of it was written, so the write had finished"))
        }
        Extent::Other => Verdict::Corrupt(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u64 = 8192;

    fn tail(nonzero_end: u64) -> Tail {
        Tail { nonzero_end: Some(nonzero_end), later_header: None }
    }

    #[test]
    fn a_sound_header_with_a_hole_and_zeros_after_it_is_torn() {
        let extent = Extent::HeaderSound { bytes: 8192, hole: true };
        assert_eq!(judge(&extent, AT, &tail(AT + 8192)), Verdict::Torn);
        assert!(matches!(judge(&extent, AT, &tail(AT + 8193)), Verdict::Corrupt(Some(_))));
    }

    #[test]
    fn a_write_without_a_hole_had_finished_and_may_have_been_acknowledged() {
        let extent = Extent::HeaderSound { bytes: 4096, hole: false };
        assert!(matches!(judge(&extent, AT, &tail(AT + 4096)), Verdict::Corrupt(Some(_))));
    }

    #[test]
    fn a_missing_first_sector_is_torn_as_far_as_one_batch_reaches() {
        let limit = BATCH_BYTES_LIMIT as u64;
        let extent = Extent::HeaderUnwritten { bytes_max: limit };
        assert_eq!(judge(&extent, AT, &tail(AT + limit)), Verdict::Torn);
        assert!(matches!(judge(&extent, AT, &tail(AT + limit + 1)), Verdict::Corrupt(Some(_))));
    }

    #[test]
    fn anything_before_a_later_batch_is_damage() {
        let later = Tail { nonzero_end: Some(AT + 9000), later_header: Some(AT + 8192) };
        for extent in [
            Extent::HeaderUnwritten { bytes_max: 1 << 20 },
            Extent::HeaderSound { bytes: 8192, hole: true },
            Extent::Other,
        ] {
            assert!(matches!(judge(&extent, AT, &later), Verdict::Corrupt(Some(_))));
        }
    }

    #[test]
    fn a_first_sector_that_is_neither_empty_nor_the_next_header_is_damage() {
        assert_eq!(judge(&Extent::Other, AT, &tail(AT + 100)), Verdict::Corrupt(None));
    }
}
