//! What-if: the log decided again gives what it says, and other rules give what a hand or a naive model computes.

#![expect(clippy::unwrap_used, reason = "in a test's helpers too, a panic is the failure report")]

mod check;
mod naive;
mod program;
mod recharges;
mod rules;
#[path = "../engine/support.rs"]
mod support;
mod world;
