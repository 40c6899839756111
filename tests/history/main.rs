//! The history store beside a real engine on a real disk: every row once, whatever happens to the file.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its failure report")]
#![expect(
    clippy::disallowed_methods,
    reason = "these tests do to the file what a simulation cannot do to SQLite's"
)]

mod agree;
mod broken;
mod files;
mod filters;
mod kept;
mod killed;
mod periods;
mod program;
mod rows;
mod rules;
mod statements;
mod support;
mod verified;
