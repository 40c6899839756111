//! What is written is read, and what contradicts itself is refused.

use super::*;

fn header() -> FrameHeader {
    FrameHeader {
        record_type: 0x1234,
        version: 3,
        flags: 0x80,
        subject: Subject { kind: 2, tenant: 0xDEAD_BEEF, number: u64::MAX - 1 },
        time_ns: 1_763_750_000_000_000_001,
        previous: Lsn(41),
    }
}

#[test]
fn a_frame_gives_back_what_was_put_in() {
    let mut out = b"before".to_vec();
    encode_frame(&mut out, &header(), b"public part", b"personal").unwrap();
    encode_frame(&mut out, &FrameHeader::default(), b"", b"").unwrap();
    let (record, rest) = decode_frame(&out[6..], Lsn(42)).unwrap();
    assert_eq!(record.lsn, Lsn(42));
    assert_eq!(record.header, header());
    assert_eq!((record.public, record.personal), (&b"public part"[..], &b"personal"[..]));
    assert_eq!(record.to_owned().as_record(), record);
    let (empty, rest) = decode_frame(rest, Lsn(43)).unwrap();
    assert_eq!((empty.header, empty.frame_bytes(), rest.len()), (FrameHeader::default(), 48, 0));
}

#[test]
fn a_record_framed_before_its_lsn_is_known_names_the_one_just_before_it() {
    let mut out = Vec::new();
    encode_frame(&mut out, &FrameHeader { previous: Lsn::JUST_BEFORE, ..header() }, b"", b"").unwrap();
    assert_eq!(decode_frame(&out, Lsn(42)).unwrap().0.header.previous, Lsn(41));
}

#[test]
fn an_erased_frame_says_what_was_there_and_keeps_its_leaf() {
    let (mut written, mut erased, mut again) = (Vec::new(), Vec::new(), Vec::new());
    encode_frame(&mut written, &header(), b"public part", b"personal").unwrap();
    let (before, _) = decode_frame(&written, Lsn(42)).unwrap();
    encode_erased_frame(&mut erased, &before, b"-").unwrap();
    let (after, _) = decode_frame(&erased, Lsn(42)).unwrap();
    assert_eq!((after.public, after.personal), (before.public, &b"-"[..]));
    assert_eq!((before.erased, after.erased), (None, Some(&personal_hash(b"personal"))));
    assert_eq!((after.header, after.frame_bytes()), (before.header, erased.len()));
    assert_eq!(crate::audit::leaf_of_record(&after), crate::audit::leaf_of_record(&before));
    encode_erased_frame(&mut again, &after, b"-").unwrap();
    assert_eq!(again, erased, "the hash is of what was written first");
}

#[test]
fn an_erased_record_may_be_longer_than_one_that_is_written_but_not_without_end() {
    let (mut written, mut erased) = (Vec::new(), Vec::new());
    encode_frame(&mut written, &header(), &vec![0; RECORD_BYTES_LIMIT - FRAME_HEADER_BYTES], b"").unwrap();
    let (record, _) = decode_frame(&written, Lsn(1)).unwrap();
    encode_erased_frame(&mut erased, &record, b"").unwrap();
    assert!(decode_frame(&erased, Lsn(1)).is_ok() && erased.len() > RECORD_BYTES_LIMIT);
    let refused = encode_erased_frame(&mut erased, &record, &[0; ERASED_GROWTH_BYTES_LIMIT]);
    assert!(refused.is_err());
}

#[test]
fn any_flipped_bit_of_a_frame_is_found() {
    let mut frame = Vec::new();
    encode_frame(&mut frame, &header(), &[7; 30], &[9; 13]).unwrap();
    for bit in 0..frame.len() * 8 {
        frame[bit / 8] ^= 1 << (bit % 8);
        assert!(decode_frame(&frame, Lsn(1)).is_err(), "bit {bit}");
        frame[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(decode_frame(&frame, Lsn(1)).is_ok());
}

#[test]
fn a_frame_over_the_limit_is_refused_and_leaves_the_buffer_as_it_was() {
    let mut out = vec![1, 2, 3];
    let just_fits = vec![0; RECORD_BYTES_LIMIT - FRAME_HEADER_BYTES];
    encode_frame(&mut out, &header(), &just_fits, b"").unwrap();
    out.truncate(3);
    let refused = encode_frame(&mut out, &header(), &just_fits, b"x").unwrap_err();
    assert_eq!(refused, RecordTooLarge { bytes: RECORD_BYTES_LIMIT + 1, bytes_max: RECORD_BYTES_LIMIT });
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn a_cut_frame_says_how_much_is_missing() {
    let mut frame = Vec::new();
    encode_frame(&mut frame, &header(), &[1; 10], &[]).unwrap();
    assert_eq!(decode_frame(&frame[..57], Lsn(1)), Err(FrameError::Short { needed: 58, present: 57 }));
    assert_eq!(decode_frame(&frame[..20], Lsn(1)), Err(FrameError::Short { needed: 48, present: 20 }));
    assert_eq!(frame_length(&[0; 48]), Err(FrameError::Length { bytes: 0 }));
}
