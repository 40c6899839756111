//! Fixed-width little-endian fields in byte slices, and conversions that cannot lose anything here.
//!
//! Reading past the end is a bug of the caller and panics: every caller checks lengths first.

/// Copies `N` bytes at `at`.
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// The `u16` at `at`.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

/// The `u32` at `at`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

/// The `u64` at `at`.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

/// Overwrites the bytes at `at` with `field`.
pub(crate) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

/// A length from disk as an index. Lengths are bounded long before they get here.
pub(crate) fn index(value: u64) -> usize {
    usize::try_from(value).expect("lengths of log files fit the address space")
}

/// A `u32` length from disk as an index.
pub(crate) fn index32(value: u32) -> usize {
    usize::try_from(value).expect("a usize has at least 32 bits")
}
