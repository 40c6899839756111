//! The engine as a program that embeds it sees it: on a disk in memory that can lose power, with a clock that the test moves.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod concurrency;
mod crashes;
mod full_disk;
mod grants;
mod idempotency;
mod large_holds;
mod past;
mod places;
mod plans;
#[path = "../history/program.rs"]
mod program;
mod recharges;
mod support;
mod tenants;
mod time;
mod transfers;
