//! Sequential reading and writing of whole files past the page cache, in large aligned pieces.
//!
//! Snapshots and archived segments are written once, from front to back, and read the same way; done
//! through the page cache they would push out what the machine needs. Lengths are multiples of a block, so
//! that no file is truncated after it was written. Tested below and by the files that use it.

use std::io;

use super::{AlignedBuf, BLOCK_BYTES, File, read_up_to, write_all_at};

/// Bytes per request: large enough that the device's latency does not count.
const PIECE_BYTES: usize = 1 << 20;

/// Writes a new file from front to back.
pub(crate) struct StreamWriter {
    file: Box<dyn File>,
    buf: AlignedBuf,
    flushed: u64,
}

impl StreamWriter {
    /// Writes to `file`, which must be empty.
    pub(crate) fn new(file: Box<dyn File>) -> StreamWriter {
        StreamWriter { file, buf: AlignedBuf::with_capacity(PIECE_BYTES), flushed: 0 }
    }

    /// Bytes pushed so far: the offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.flushed + self.buf.len() as u64
    }

    /// Bytes pushed that are not in the file yet.
    pub(crate) fn unwritten(&self) -> u64 {
        self.buf.len() as u64
    }

    /// Appends `bytes`.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = PIECE_BYTES - self.buf.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buf.extend_from_slice(now);
            bytes = later;
            if self.buf.len() == PIECE_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what is left and returns the file, not yet synced. The length must be a multiple of a block.
    pub(crate) fn finish(mut self) -> io::Result<Box<dyn File>> {
        assert!(self.buf.len().is_multiple_of(BLOCK_BYTES), "files end on a block boundary");
        self.flush()?;
        Ok(self.file)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buf.is_empty() {
            write_all_at(self.file.as_ref(), &self.buf, self.flushed)?;
            self.flushed += self.buf.len() as u64;
            self.buf.clear();
        }
        Ok(())
    }
}

/// Reads a file from front to back.
pub(crate) struct StreamReader {
    file: Box<dyn File>,
    buf: AlignedBuf,
    taken: usize,
    next_piece: u64,
}

impl StreamReader {
    /// Reads `file` from its first byte.
    pub(crate) fn new(file: Box<dyn File>) -> StreamReader {
        StreamReader { file, buf: AlignedBuf::with_capacity(PIECE_BYTES), taken: 0, next_piece: 0 }
    }

    /// The offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.next_piece - (self.buf.len() - self.taken) as u64
    }

    /// Appends the next `bytes` to `out`. `UnexpectedEof` when the file ends before.
    pub(crate) fn read_onto(&mut self, out: &mut Vec<u8>, bytes: usize) -> io::Result<()> {
        let mut missing = bytes;
        while missing > 0 {
            if self.taken == self.buf.len() {
                self.refill()?;
            }
            let now = missing.min(self.buf.len() - self.taken);
            out.extend_from_slice(&self.buf[self.taken..self.taken + now]);
            self.taken += now;
            missing -= now;
        }
        Ok(())
    }

    fn refill(&mut self) -> io::Result<()> {
        self.buf.resize(PIECE_BYTES, 0);
        let read = read_up_to(self.file.as_ref(), &mut self.buf, self.next_piece)?;
        self.buf.truncate(read);
        self.taken = 0;
        self.next_piece += read as u64;
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::storage::crash::CrashStorage;
    use crate::storage::{Access, Storage};

    #[test]
    fn what_is_streamed_in_odd_pieces_is_read_back_in_other_odd_pieces() {
        let disk = CrashStorage::new();
        let path = Path::new("/file");
        let mut writer = StreamWriter::new(disk.open(path, Access::CreateNewDirect).unwrap());
        let content: Vec<u8> = (0..=250).cycle().take(600 * BLOCK_BYTES).collect();
        for piece in content.chunks(70_001) {
            writer.push(piece).unwrap();
        }
        assert_eq!(writer.offset(), content.len() as u64);
        drop(writer.finish().unwrap());
        let mut reader = StreamReader::new(disk.open(path, Access::ReadDirect).unwrap());
        let mut read = Vec::new();
        while read.len() < content.len() {
            assert_eq!(reader.offset(), read.len() as u64);
            let piece = 33_333.min(content.len() - read.len());
            reader.read_onto(&mut read, piece).unwrap();
        }
        assert_eq!(read, content);
        let end = reader.read_onto(&mut read, 1).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    }
}
