//! What the fuzz targets call: one function for each, over any bytes. A function returns when all is well and panics when it
//! found something; that is its whole contract.
//!
//! The same functions are fed by `fuzz/` (coverage-guided, see CONTRIBUTING.md) and by `tests/fuzz_corpus.rs`, which replays the
//! corpus and every input that once found something. Behind the feature `fuzzing`, and in no binary.
//! Absent on purpose: anything random, for an input must always do the same.

mod amount;
mod codec;

pub use amount::amount;
pub use codec::codec;
pub use coffer_wal::fuzzing::{archive, frames, snapshot, store};

pub use crate::http::fuzzing::{request as http, texts as http_texts};

/// What a target is called, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, by the name that its corpus has.
pub const TARGETS: [Target; 8] = [
    ("amount", amount),
    ("archive", archive),
    ("codec", codec),
    ("frames", frames),
    ("http", http),
    ("http_texts", http_texts),
    ("snapshot", snapshot),
    ("store", store),
];
