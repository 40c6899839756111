//! The form of inputs that stand for files: short, because a file of the log is mostly zeros and padding.
//!
//! An input is a byte of flags and then files: place, number, pieces. A piece is its kind, a length of 16 bits, and for literal
//! bytes these. Whatever is there means something, so that no mutation is lost.

use crate::batch::PADDING_BYTE;

/// A file longer than this is cut.
const FILE_BYTES_MAX: usize = 64 << 10;
/// More files than this are left out.
const FILES_MAX: usize = 12;
/// A run shorter than this is cheaper as it is.
const RUN_BYTES_MIN: usize = 8;

const ZEROS: u8 = 0;
const PADDING: u8 = 1;
const LITERAL: u8 = 2;
const END: u8 = 3;

/// Where a file belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The control file.
    Control,
    /// The hot log.
    Segment,
    /// The archive.
    Archive,
    /// The snapshots.
    Snapshot,
}

/// A file of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedFile {
    /// Where it belongs.
    pub place: Place,
    /// The number in its name.
    pub number: u8,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Files as an input. `mended` asks for their checksums to be made right.
#[must_use]
pub fn pack(mended: bool, files: &[PackedFile]) -> Vec<u8> {
    let mut out = vec![u8::from(mended)];
    for file in files {
        let place = match file.place {
            Place::Control => 0,
            Place::Segment => 1,
            Place::Archive => 2,
            Place::Snapshot => 3,
        };
        out.extend([place, file.number]);
        put_pieces(&mut out, &file.bytes);
        out.push(END);
    }
    out
}

fn put_pieces(out: &mut Vec<u8>, bytes: &[u8]) {
    let (mut at, mut literal_from) = (0, 0);
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|byte| **byte == bytes[at]).count();
        let kind = match bytes[at] {
            0 => ZEROS,
            PADDING_BYTE => PADDING,
            _ => LITERAL,
        };
        if kind == LITERAL || run < RUN_BYTES_MIN {
            at += run;
            continue;
        }
        put_literal(out, &bytes[literal_from..at]);
        put_head(out, kind, run);
        at += run;
        literal_from = at;
    }
    put_literal(out, &bytes[literal_from..]);
}

fn put_literal(out: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_head(out, LITERAL, bytes.len());
        out.extend_from_slice(bytes);
    }
}

fn put_head(out: &mut Vec<u8>, kind: u8, bytes: usize) {
    out.push(kind);
    out.extend(u16::try_from(bytes).expect("files of inputs are below 64 KiB").to_le_bytes());
}

/// The files of an input, and whether their checksums shall be made right.
pub(super) fn unpack(data: &[u8]) -> (bool, Vec<PackedFile>) {
    let Some((flags, mut rest)) = data.split_first() else { return (false, Vec::new()) };
    let mut files = Vec::new();
    while let ([place, number, after @ ..], true) = (rest, files.len() < FILES_MAX) {
        let place = match place % 4 {
            0 => Place::Control,
            1 => Place::Segment,
            2 => Place::Archive,
            _ => Place::Snapshot,
        };
        let (bytes, after) = take_pieces(after);
        files.push(PackedFile { place, number: *number, bytes });
        rest = after;
    }
    (flags & 1 == 1, files)
}

fn take_pieces(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut bytes = Vec::new();
    loop {
        let Some((kind, after)) = rest.split_first() else { return (bytes, rest) };
        if kind % 4 == END {
            return (bytes, after);
        }
        let Some((length, after)) = after.split_first_chunk() else { return (bytes, &[]) };
        let length = usize::from(u16::from_le_bytes(*length));
        let room = FILE_BYTES_MAX.saturating_sub(bytes.len()).min(length);
        rest = after;
        match kind % 4 {
            ZEROS => bytes.resize(bytes.len() + room, 0),
            PADDING => bytes.resize(bytes.len() + room, PADDING_BYTE),
            _ => {
                let (literal, after) = after.split_at(length.min(after.len()));
                bytes.extend_from_slice(&literal[..room.min(literal.len())]);
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let bytes =
            [vec![0; 5000], b"words".to_vec(), vec![0; 3], vec![PADDING_BYTE; 100], vec![9; 40]].concat();
        let files = [
            PackedFile { place: Place::Control, number: 0, bytes: bytes.clone() },
            PackedFile { place: Place::Snapshot, number: 7, bytes: Vec::new() },
            PackedFile { place: Place::Segment, number: 255, bytes },
        ];
        let packed = pack(true, &files);
        assert!(packed.len() < 200, "{}", packed.len());
        assert_eq!(unpack(&packed), (true, files.to_vec()));
    }
}
