//! Version 3 of what stands in the log and in snapshots: what versions 1 and 2 cannot hold.
//!
//! Alerts, automatic top-up, purchases whose payment is pending, and what an operation sets off. What did not change is nested as it
//! stands in [`super::v2`] (and there as in [`super::v1`]), under the number 0 of an enum or as a struct's first field, and what holds for
//! the bytes of those holds for these.
//!
//! Nothing is written in this version that an older one can hold. A record that one part makes version 3 is version 3 whole:
//!
//! | part | content, in order |
//! |---|---|
//! | public | [`record::PublicFacts`], then [`request::PublicRequest`] |
//! | personal | [`texts::FactTexts`], then [`texts::RequestTexts`] |
//!
//! A state is one byte with the version, then [`state::Customer`] or [`tenant::Tenant`].

pub mod recharge;
pub mod record;
pub mod request;
pub mod rules;
pub mod state;
pub mod tenant;
pub mod texts;
pub mod webhook;
pub mod wire;
