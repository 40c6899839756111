//! A segmented, hash-chained, fsync'd write-ahead log with group commit.

pub mod storage;
