//! What is written is read, and what contradicts itself is refused.

use proptest::prelude::*;

use super::*;
use crate::frame::{FrameHeader, encode_frame};
use crate::mask::{SECTOR_NONZERO_MIN, candidate_mask};
use crate::storage::SECTOR_BYTES;

const OWNER: BatchOwner = BatchOwner { shard: 3, epoch: 9, salt: 0x1122_3344_5566_7788 };

fn chain() -> ChainEnd {
    ChainEnd { sequence: 4, lsn: Lsn(10), hash: [6; 32], time_ns: 1_000 }
}

fn batch_of(bodies: &[Vec<u8>]) -> (AlignedBuf, BatchHeader, Vec<u8>) {
    let mut frames = Vec::new();
    for (time_ns, body) in (990..).zip(bodies) {
        encode_frame(&mut frames, &FrameHeader { time_ns, ..FrameHeader::default() }, body, b"").unwrap();
    }
    let mut buf = AlignedBuf::default();
    begin_batch(&mut buf);
    buf.extend_from_slice(&frames);
    let count = u32::try_from(bodies.len()).unwrap();
    let header = seal_batch(&mut buf, count, &chain(), OWNER).unwrap();
    (buf, header, frames)
}

#[test]
fn a_sealed_batch_opens_to_the_same_frames_and_follows_its_chain() {
    let (mut buf, sealed, frames) = batch_of(&[vec![1; 100], vec![2; 5000]]);
    let header = BatchHeader::decode(&buf, OWNER.salt).unwrap();
    assert_eq!(header, sealed);
    assert_eq!((header.mask, header.time_ns, header.last_lsn()), (0, 1_000, Lsn(12)));
    assert_eq!(buf.len(), header.extent_bytes());
    assert_eq!(open_batch_body(&header, &mut buf).unwrap(), frames);
    let end = chain().followed_by(&header).unwrap();
    assert_eq!((end.sequence, end.lsn, end.hash), (5, Lsn(12), header.hash()));
    assert_eq!(end.followed_by(&header), None);
}

#[test]
fn a_sound_header_with_numbers_that_no_log_reaches_is_refused() {
    let (_, header, _) = batch_of(&[vec![1]]);
    for impossible in [
        BatchHeader { sequence: COUNT_LIMIT, ..header },
        BatchHeader { sequence: u64::MAX, ..header },
        BatchHeader { first_lsn: Lsn(COUNT_LIMIT - 1), ..header },
        BatchHeader { first_lsn: Lsn(u64::MAX), ..header },
    ] {
        let decoded = BatchHeader::decode(&impossible.encode(OWNER.salt), OWNER.salt);
        assert_eq!(decoded, Err(BatchError::HeaderFields), "{impossible:?}");
    }
}

#[test]
fn a_body_of_zeros_is_masked_so_that_every_sector_looks_written() {
    let (mut buf, header, frames) = batch_of(&[vec![0; 20_000]]);
    assert_ne!(header.mask, 0);
    assert!(!has_unwritten_sector(&buf));
    assert_eq!(open_batch_body(&header, &mut buf).unwrap(), frames);
}

#[test]
fn a_body_made_of_the_first_masks_is_masked_with_another_one() {
    let hostile = |attempt| candidate_mask(attempt).to_le_bytes().repeat(256);
    let body = [vec![0; 2048], hostile(1), hostile(2), hostile(3)].concat();
    // Frames shift the body by 48 bytes, a multiple of the mask's 8, so the sectors do meet the masks.
    let (mut buf, header, frames) = batch_of(&[body]);
    assert_eq!(header.mask, candidate_mask(4));
    assert_eq!(open_batch_body(&header, &mut buf).unwrap(), frames);
}

#[test]
fn any_flipped_bit_of_a_batch_is_found() {
    let (original, _, _) = batch_of(&[vec![0; 700], vec![5; 40]]);
    for bit in 0..original.len() * 8 {
        let mut damaged = original.as_slice().to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let opened = BatchHeader::decode(&damaged, OWNER.salt)
            .and_then(|header| open_batch_body(&header, &mut damaged).map(<[u8]>::len));
        assert!(opened.is_err(), "bit {bit}");
    }
}

#[test]
fn a_batch_of_another_segment_is_no_batch_here() {
    let (buf, _, _) = batch_of(&[vec![1; 10]]);
    assert_eq!(BatchHeader::decode(&buf, OWNER.salt + 1), Err(BatchError::HeaderChecksum));
}

#[test]
fn a_body_with_another_count_or_half_a_frame_cannot_be_sealed() {
    let mut buf = AlignedBuf::default();
    begin_batch(&mut buf);
    let mut frame = Vec::new();
    encode_frame(&mut frame, &FrameHeader::default(), &[1; 20], b"").unwrap();
    buf.extend_from_slice(&frame);
    assert_eq!(seal_batch(&mut buf, 2, &chain(), OWNER), Err(BatchError::Count));
    buf.extend_from_slice(&frame[..30]);
    let sealed = seal_batch(&mut buf, 2, &chain(), OWNER);
    assert!(matches!(sealed, Err(BatchError::Frames(FrameError::Short { .. }))));
}

#[test]
fn a_frame_whose_fixed_fields_contradict_each_other_is_sealed_into_no_batch() {
    for (at, byte) in [(12, 21), (17, 1)] {
        let mut frame = Vec::new();
        encode_frame(&mut frame, &FrameHeader::default(), &[1; 20], b"").unwrap();
        frame[at] = byte;
        let mut buf = AlignedBuf::default();
        begin_batch(&mut buf);
        buf.extend_from_slice(&frame);
        let sealed = seal_batch(&mut buf, 1, &chain(), OWNER);
        assert_eq!(sealed, Err(BatchError::Frames(FrameError::Fields)), "byte {at}");
    }
}

proptest! {
    #[test]
    fn whatever_the_records_hold_every_sector_looks_written_and_the_records_come_back(
        bodies in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                (any::<u8>(), 0usize..6000).prop_map(|(byte, bytes)| vec![byte; bytes]),
                (1u64..9, 1usize..800)
                    .prop_map(|(attempt, times)| candidate_mask(attempt).to_le_bytes().repeat(times)),
            ],
            1..12,
        )
    ) {
        let (mut buf, header, frames) = batch_of(&bodies);
        for sector in buf.chunks(SECTOR_BYTES) {
            prop_assert!(sector.iter().filter(|byte| **byte != 0).count() >= SECTOR_NONZERO_MIN);
        }
        prop_assert_eq!(open_batch_body(&header, &mut buf).unwrap(), frames);
    }
}
