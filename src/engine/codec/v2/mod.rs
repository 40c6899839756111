//! Version 2 of what stands in the log and in snapshots: what version 1 cannot hold. Frozen shapes.
//!
//! Holds, budgets, refunds, invoices, transfers, events, atomic batches, rate cards, test clocks. What did not change is
//! nested as it stands in [`super::v1`], under the number 0 of an enum or as a struct's first field, and what holds for
//! the bytes of version 1 holds for these. **Never edit a file in this folder**: a test holds their SHA-256.
//!
//! Nothing is written in this version that version 1 can hold. A record that one part makes version 2 is version 2 whole:
//!
//! | part | content, in order |
//! |---|---|
//! | public | [`record::PublicFacts`], then [`request::PublicRequest`] |
//! | personal | [`texts::FactTexts`], then [`texts::RequestTexts`] |
//!
//! A batch is a list of what is one command or one effect elsewhere; its words are a list of the same length. No batch
//! stands in another, so nothing here is read by recursion. Personal are: what callers call customers, invoices, their
//! lines and events; where events come from and their properties; memos; the filters of rate cards. Meters, features, budgets
//! and the names of properties are identifiers and stand in public parts.
//!
//! A state is one byte with the version, then [`state::Customer`] or [`tenant::Tenant`].

pub mod back;
pub mod charge;
pub mod hold;
pub mod invoice;
pub mod record;
pub mod request;
pub mod state;
pub mod tenant;
pub mod texts;
pub mod transfer;
pub mod wire;
