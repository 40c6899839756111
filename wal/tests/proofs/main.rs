//! The log proven from outside: against crashes, damage, failing calls, chance, and its own format.
//!
//! All but a few tests run on an in-memory disk that loses what was not durable, one step after the other, so
//! that every run is the same. `COFFER_TEST_LONG=1` makes the exhaustive ones larger.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod archive;
mod crash;
mod damage;
mod faults;
mod golden;
mod inspect;
mod random;
mod seeds;
mod threads;
mod world;
