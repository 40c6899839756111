//! Lists of ledger rows, from the history store (API §3): of a wallet, of the tenant, and the whole ledger of a customer.
//!
//! Transaction lists hold the rows that move posted; `/ledger` holds all. A row is rendered as [`super::transactions`] renders it. What is
//! left of a credit, how far a row is that was not completed when it was written ([`progress`]), and what the customer is called, comes from
//! the engine, as of now. [`family`]: the relatives of one row.
//! Tested in `tests/http/history.rs` against a straight scan of the log.

pub(crate) mod family;
mod fields;
mod filter;
pub(crate) mod list;
pub(super) mod progress;
pub(super) mod reading;
