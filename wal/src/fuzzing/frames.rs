//! Single structures: frames, batches, the header of a segment, the control file.

use crate::batch::{BatchHeader, ChainEnd, PADDING_BYTE, open_batch_body};
use crate::bytes::{index32, put};
use crate::control::{CONTROL_BYTES, decode_control};
use crate::frame::{Lsn, Record, decode_frame, decode_frame_unchecked, encode_erased_frame, encode_frame};
use crate::segment::SegmentHeader;
use crate::storage::BLOCK_BYTES;
use crate::walk::WalkedBatch;

use super::mend;

/// Any bytes as each of them, as they are and with their checksums made right.
///
/// # Panics
/// When what was read does not come back after it was written.
pub fn frames(data: &[u8]) {
    frame(data);
    batch(data, 0);
    segment_header(padded(data, BLOCK_BYTES));
    control(padded(data, CONTROL_BYTES));
    let mut mended = data.to_vec();
    mend::mend_frame(&mut mended);
    frame(&mended);
    let mut mended = data.to_vec();
    mend_batch_that_fills(&mut mended);
    batch(&mended, 0);
    let mut mended = padded(data, BLOCK_BYTES);
    mend::mend_segment_header(&mut mended);
    segment_header(mended);
    let mut mended = padded(data, CONTROL_BYTES);
    mend::mend_control_slots(&mut mended);
    control(mended);
}

fn padded(data: &[u8], bytes: usize) -> Vec<u8> {
    let mut out = data.to_vec();
    out.resize(bytes, PADDING_BYTE);
    out
}

fn frame(mut bytes: &[u8]) {
    let mut lsn = Lsn::FIRST;
    while let Ok((record, rest)) = decode_frame(bytes, lsn) {
        assert_eq!(decode_frame_unchecked(bytes, lsn), Ok((record, rest)));
        assert_eq!(record.frame_bytes(), bytes.len() - rest.len());
        comes_back(&record);
        (bytes, lsn) = (rest, lsn.next());
    }
    let _ = decode_frame_unchecked(bytes, Lsn(u64::MAX - 1));
}

fn comes_back(record: &Record<'_>) {
    let mut written = Vec::new();
    let encoded = match record.erased {
        None => encode_frame(&mut written, &record.header, record.public, record.personal),
        Some(_) => encode_erased_frame(&mut written, record, record.personal),
    };
    encoded.expect("it was one frame");
    assert_eq!(decode_frame(&written, record.lsn), Ok((*record, &[][..])));
}

fn mend_batch_that_fills(bytes: &mut [u8]) {
    if let (129.., Ok(length)) = (bytes.len(), u32::try_from(bytes.len())) {
        put(bytes, 4, &length.to_le_bytes());
        mend::mend_batch(bytes, 0);
    }
}

fn batch(bytes: &[u8], salt: u64) {
    let Ok(header) = BatchHeader::decode(bytes, salt) else { return };
    assert_eq!(BatchHeader::decode(&header.encode(salt), salt), Ok(header));
    let before = ChainEnd {
        sequence: header.sequence.wrapping_sub(1),
        lsn: header.first_lsn.previous(),
        hash: header.previous_hash,
        time_ns: header.time_ns,
    };
    let after = before.followed_by(&header).expect("it follows what it says it follows");
    let _ = after.followed_by(&header);
    let Some(content) = bytes.get(..index32(header.length)) else { return };
    let mut extent = padded(content, header.extent_bytes());
    let Ok(frames) = open_batch_body(&header, &mut extent) else { return };
    let walked = WalkedBatch { header, offset: 0, frames };
    let lsns = walked.records().map(|record| record.expect("the batch was found sound").lsn);
    assert_eq!(lsns.last(), Some(header.last_lsn()));
}

fn segment_header(block: Vec<u8>) {
    if let Ok(header) = SegmentHeader::decode(&block) {
        assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
        let _ = header.first_lsn();
    }
}

fn control(bytes: Vec<u8>) {
    if let Ok((control, _)) = decode_control(&bytes) {
        let (again, damaged) =
            decode_control(&[control.encode(), control.encode()].concat()).expect("two slots");
        assert_eq!((again, damaged), (control, false));
    }
}
