//! Erasing a customer, on real files: what is personal is gone from every byte, everything else is as it was, and wherever it is
//! interrupted it can be finished.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]
#![expect(clippy::disallowed_methods, reason = "these tests look at bytes of real files, and damage them")]

mod directory;
mod erased;
mod interrupted;
mod kept;
mod live;
mod program;
mod pruned;
mod recharging;
