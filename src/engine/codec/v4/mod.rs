//! Version 4 of what stands in the log: requests that versions 1 to 3 cannot hold. Frozen shapes.
//!
//! Requests that say only what changes (of a customer's personal data, of a tenant's settings), and wallets in the currency that the tenant's
//! settings say. What was decided has the shapes of [`super::v3`], to the byte, and states are never of this version.
//! **Never edit a file in this folder**: a test holds their SHA-256.
//!
//! Nothing is written in this version that an older one can hold. None of these requests stands in a batch, so a record has one:
//!
//! | part | content, in order |
//! |---|---|
//! | public | [`super::v3::record::PublicFacts`], then [`request::PublicRequest`] |
//! | personal | [`super::v3::texts::FactTexts`], then [`texts::RequestText`] |

pub mod request;
pub mod tenant;
pub mod texts;
pub mod wire;
