//! Erasing a customer, on real files: what is personal is gone from every byte, everything else is as it was, and wherever it is
//! interrupted it can be finished.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod directory;
mod erased;
mod interrupted;
mod program;
mod pruned;
