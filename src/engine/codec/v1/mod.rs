//! Version 1 of what stands in the log and in snapshots: frozen shapes.
//!
//! These structs are the format. They mirror the ledger's types and know nothing of them; `super::convert` goes to and
//! fro. **Never edit a file in this folder**: a test holds their SHA-256. A new shape is a new folder, a conversion and
//! golden bytes beside these.
//!
//! All of it is bincode 2, little endian, variable-length integers, fields in the order written here. Amounts, instants
//! and ids have encodings of their own ([`wire`]). An enum is one byte with the number that its declaration shows. A record
//! has two parts, and public bytes hold no personal string:
//!
//! | part | content, in order |
//! |---|---|
//! | public | [`record::PublicFacts`], then [`record::PublicRequest`] |
//! | personal | [`texts::FactTexts`], then [`texts::RequestText`] |
//!
//! Facts and the idempotency key come first in their parts, so that a replay reads no further. A state (the resting form
//! and the snapshot's) is one byte with the version, then [`state::Customer`] or [`tenant::Tenant`].

pub mod record;
pub mod request;
pub mod shared;
pub mod state;
pub mod tenant;
pub mod texts;
pub mod wire;
