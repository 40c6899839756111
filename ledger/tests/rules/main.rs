//! The ledger's rules as a specification: every operation of every test here is asked of the crate and of a naive model that
//! was written from `SEMANTICS` alone ([`model`]); both must answer alike to the last digit, and all invariants must hold
//! after each step ([`harness`]).
//!
//! [`properties`] runs random programs; [`recharging`] others, of recharges and alerts. The other modules are examples and edges, named after what they say.

mod asks;
mod closing;
mod credits;
mod debits;
mod examples;
mod harness;
mod lifetimes;
mod model;
mod money;
mod program;
mod properties;
mod recharging;
mod refusals;
mod tally;
