//! Exports from a real engine's log: the same bytes however they are cut, and what the lines say.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its failure report")]

mod cuts;
mod focus;
mod grants;
mod lines;
#[path = "../history/program.rs"]
mod program;
mod recharges;
mod support;
