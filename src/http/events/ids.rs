//! Ids for events that came without one.

use coffer_ledger::ids;
use coffer_ledger::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::engine::Engine;

const PREFIX: &str = "evt_";

/// An id that nobody has; sorts by the time of its making.
pub(super) fn new(engine: &Engine, now: Timestamp) -> Box<str> {
    let mut bytes = [0; 16];
    engine.random(&mut bytes[6..]);
    bytes[..6].copy_from_slice(&now.ms().to_be_bytes()[2..]);
    printed(bytes)
}

/// The id that an idempotency key stands for: the same request again is the same event again.
pub(super) fn of_key(key: &str) -> Box<str> {
    let hash = Sha256::digest(key.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    printed(bytes)
}

fn printed(bytes: [u8; 16]) -> Box<str> {
    let text = ids::encode(u128::from_be_bytes(bytes));
    format!("{PREFIX}{}", std::str::from_utf8(&text).expect("the alphabet is ASCII")).into()
}
