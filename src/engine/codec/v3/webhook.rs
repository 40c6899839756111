//! Webhook endpoints. What they are called and what signs stands in a record's personal part.

use bincode::{BorrowDecode, Encode};

use super::wire::coded;
use crate::engine::codec::v1::wire::{List, Stamp, Thing};

coded! {
    /// Why nothing is sent.
    pub enum WebhookDisabled { 0 = ByRequest, 1 = Gone, 2 = Failing }
}

/// Since when and why nothing is sent.
#[derive(Encode, BorrowDecode)]
pub struct Disabled {
    /// Since when.
    pub at: Stamp,
    /// Why.
    pub why: WebhookDisabled,
}

/// An endpoint, without words and secrets.
#[derive(Encode, BorrowDecode)]
pub struct Endpoint {
    /// Its id.
    pub id: Thing,
    /// Until when the secret before this one signs, too.
    pub previous_until: Option<Stamp>,
    /// Whether anything is sent.
    pub disabled: Option<Disabled>,
    /// When it was made.
    pub created_at: Stamp,
    /// When it was changed last.
    pub updated_at: Stamp,
    /// The record that made it.
    pub position: u64,
}

/// Its words and secrets.
#[derive(Encode, BorrowDecode)]
pub struct EndpointText<'a> {
    /// Where to.
    pub url: &'a str,
    /// Text for people.
    pub description: Option<&'a str>,
    /// Kinds of events.
    pub events: List<'a, &'a str>,
    /// What signs.
    pub secret: [u8; 32],
    /// What signs beside it.
    pub previous: Option<[u8; 32]>,
}

/// An endpoint whole.
#[derive(Encode, BorrowDecode)]
pub struct WholeEndpoint<'a> {
    /// Without words and secrets.
    pub endpoint: Endpoint,
    /// The words and secrets.
    pub text: EndpointText<'a>,
}

/// A change, without words.
#[derive(Encode, BorrowDecode)]
pub struct UpdateEndpoint {
    /// Which one.
    pub id: Thing,
    /// Whether anything is sent.
    pub enabled: Option<bool>,
}

/// The words of a change.
#[derive(Encode, BorrowDecode)]
pub struct UpdateText<'a> {
    /// Where to.
    pub url: Option<&'a str>,
    /// Text for people.
    pub description: Option<&'a str>,
    /// Kinds of events.
    pub events: Option<List<'a, &'a str>>,
}

/// An exchange of secrets, without them.
#[derive(Encode, BorrowDecode)]
pub struct RotateSecret {
    /// Of which endpoint.
    pub id: Thing,
    /// Seconds for which the old one signs, too.
    pub overlap_s: u32,
}

/// An endpoint that is disabled.
#[derive(Encode, BorrowDecode)]
pub struct DisableEndpoint {
    /// Which one.
    pub id: Thing,
    /// Why.
    pub why: WebhookDisabled,
}
