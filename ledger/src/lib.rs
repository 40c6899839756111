//! The rules of a prepaid-credit wallet, as pure functions.
//!
//! This crate is the ledger of Coffer and nothing else: it reads no clock, draws no random number, opens no file and
//! sends no message. What a rule needs comes in with the command (time, the tenant's published view); what it
//! decides goes out as data.
//!
//! - [`decide`](decide::decide) looks at a [`Customer`](customer::Customer) and a [`Command`](command::Command) and answers
//!   with [`Facts`](fact::Facts) or a [`Refusal`](refusal::Refusal). It changes nothing.
//! - [`apply`](apply::apply) folds facts into the state. It cannot fail, and it is the same function live and on replay.
//! - [`Record`](record::Record) = who asked, what was asked, what was decided. One command makes at most one record.
//!
//! Read in this order: [`amount`], [`ids`], [`customer`], [`wallet`], [`tranche`], [`command`], [`fact`], [`decide`], [`apply`],
//! [`view`], [`invariants`]. Words are those of SEMANTICS §1.

#![deny(clippy::float_arithmetic, clippy::wildcard_enum_match_arm)]

pub mod alert;
pub mod amount;
pub mod apply;
pub mod auto_topup;
pub mod budget;
pub mod burn_order;
pub mod calendar;
pub mod catalog;
pub mod command;
pub mod customer;
pub mod decide;
pub mod erasure;
pub mod expiry;
pub mod fact;
pub mod grant;
pub mod granting;
pub mod hold;
pub mod ids;
pub mod invariants;
mod letting_go;
pub mod limits;
pub mod looked_up;
pub mod recharge;
pub mod record;
pub mod refusal;
pub mod scope;
#[cfg(test)]
mod testing;
pub mod time;
pub mod tranche;
pub mod transfer;
pub mod unit;
pub mod view;
pub mod wallet;
pub mod watch;
