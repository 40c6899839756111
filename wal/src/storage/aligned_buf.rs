//! A growable byte buffer whose first byte lies on a block boundary, as direct I/O demands, in safe code.
//!
//! It over-allocates a plain `Vec` by one block and starts at the first aligned byte. The vector never
//! reallocates behind our back: growing makes a new one and copies.

use super::BLOCK_BYTES;

/// A growable buffer aligned to [`BLOCK_BYTES`].
pub struct AlignedBuf {
    raw: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBuf {
    /// A buffer that holds `capacity_bytes` (rounded up to a block) without growing.
    #[must_use]
    pub fn with_capacity(capacity_bytes: usize) -> AlignedBuf {
        let raw = vec![0; capacity_bytes.next_multiple_of(BLOCK_BYTES) + BLOCK_BYTES];
        let start = raw.as_ptr().align_offset(BLOCK_BYTES);
        assert!(start <= BLOCK_BYTES, "a byte pointer can always be aligned");
        AlignedBuf { raw, start, len: 0 }
    }

    /// A buffer of `len` zero bytes.
    #[must_use]
    pub fn zeroed(len: usize) -> AlignedBuf {
        let mut buf = AlignedBuf::with_capacity(len);
        buf.len = len;
        buf
    }

    /// Bytes in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no byte is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that fit without growing; a multiple of [`BLOCK_BYTES`].
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.raw.len() - BLOCK_BYTES
    }

    /// The bytes in use.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.raw[self.start..self.start + self.len]
    }

    /// The bytes in use, to change in place.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.raw[self.start..self.start + self.len]
    }

    /// Forgets the bytes and keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Shortens to `len` bytes; longer is left as it is.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Sets the length; bytes that are new hold `fill`.
    pub fn resize(&mut self, len: usize, fill: u8) {
        if len > self.len {
            self.reserve(len - self.len);
            let old_end = self.start + self.len;
            self.raw[old_end..self.start + len].fill(fill);
        }
        self.len = len;
    }

    /// Appends a copy of `bytes`.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        let end = self.start + self.len;
        self.raw[end..end + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Pads with `fill` to the next multiple of `unit_bytes`.
    pub fn pad_to_multiple(&mut self, unit_bytes: usize, fill: u8) {
        self.resize(self.len.next_multiple_of(unit_bytes), fill);
    }

    /// Makes room for `more_bytes`, at least doubling when it has to grow.
    pub fn reserve(&mut self, more_bytes: usize) {
        let needed = self.len + more_bytes;
        if needed <= self.capacity() {
            return;
        }
        let mut grown = AlignedBuf::with_capacity(needed.max(2 * self.capacity()));
        grown.raw[grown.start..grown.start + self.len].copy_from_slice(self.as_slice());
        grown.len = self.len;
        *self = grown;
    }
}

impl Default for AlignedBuf {
    fn default() -> AlignedBuf {
        AlignedBuf::with_capacity(0)
    }
}

impl std::ops::Deref for AlignedBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl std::ops::DerefMut for AlignedBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.as_mut_slice()
    }
}

impl std::fmt::Debug for AlignedBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AlignedBuf({} of {} bytes)", self.len, self.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_aligned(buf: &AlignedBuf) -> bool {
        buf.as_slice().as_ptr().align_offset(BLOCK_BYTES) == 0
    }

    #[test]
    fn stays_aligned_and_keeps_its_bytes_while_it_grows() {
        let mut buf = AlignedBuf::default();
        let mut expected = Vec::new();
        for round in 0..40u8 {
            let piece = vec![round; 997];
            buf.extend_from_slice(&piece);
            expected.extend_from_slice(&piece);
            assert!(is_aligned(&buf));
            assert_eq!(buf.as_slice(), expected);
        }
    }

    #[test]
    fn bytes_made_by_resizing_hold_the_fill_even_over_old_content() {
        let mut buf = AlignedBuf::zeroed(10);
        buf.fill(7);
        buf.clear();
        buf.extend_from_slice(&[1, 2, 3]);
        buf.pad_to_multiple(8, 0xA5);
        assert_eq!(buf.as_slice(), [1, 2, 3, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5]);
    }

    #[test]
    fn moving_the_buffer_keeps_its_alignment() {
        let boxed = Box::new(AlignedBuf::zeroed(5000));
        let moved = *boxed;
        assert!(is_aligned(&moved));
        assert_eq!(moved.len(), 5000);
    }
}
