//! A tenant's records and state. Same order of parts as a customer's. Ids of keys and cards stand whole.

use bincode::{BorrowDecode, Encode};

use super::webhook;
use super::wire::tagged;
use crate::engine::codec::v1::tenant as v1;
use crate::engine::codec::v1::wire::{List, Stamp, Thing};
use crate::engine::codec::v2::tenant as v2;

/// Settings.
#[derive(Encode, BorrowDecode)]
pub struct Settings<'a> {
    /// What version 1 has of them.
    pub plain: v1::Settings<'a>,
    /// Credit of invoiced purchases is there at once.
    pub auto_complete: bool,
    /// Results of payments are reported.
    pub payment_result: bool,
}

tagged! {
    /// What changed about a tenant.
    pub enum Effect<'a> {
        0 = V2(v2::Effect<'a>),
        1 = SettingsSet(Settings<'a>),
        2 = WebhookEndpointSet(webhook::Endpoint),
        3 = WebhookEndpointDeleted(Thing),
    }
    /// What was asked of a tenant.
    pub enum Command<'a> {
        0 = V2(v2::Command<'a>),
        1 = SetSettings(Settings<'a>),
        2 = CreateWebhookEndpoint(()),
        3 = UpdateWebhookEndpoint(webhook::UpdateEndpoint),
        4 = RotateWebhookSecret(webhook::RotateSecret),
        5 = DisableWebhookEndpoint(webhook::DisableEndpoint),
        6 = DeleteWebhookEndpoint(Thing),
    }
    /// The words of either.
    pub enum Text<'a> {
        0 = V2(v2::Text<'a>),
        1 = WebhookEndpoint(webhook::EndpointText<'a>),
        2 = WebhookEndpointChange(webhook::UpdateText<'a>),
        3 = WebhookSecret([u8; 32]),
    }
}

/// First in the public part.
#[derive(Encode, BorrowDecode)]
pub struct PublicFacts<'a> {
    /// The instant of the turn.
    pub at: Stamp,
    /// What changed.
    pub effect: Effect<'a>,
}

/// Last in the public part.
#[derive(Encode, BorrowDecode)]
pub struct PublicRequest<'a> {
    /// The API key that was shown.
    pub by: Option<Thing>,
    /// What was asked.
    pub command: Command<'a>,
}

/// First in the personal part; the words of the request follow it.
#[derive(Encode, BorrowDecode)]
pub struct FactTexts<'a> {
    /// The idempotency key.
    pub idempotency_key: Option<&'a str>,
    /// Words of the facts.
    pub effect: Text<'a>,
}

/// A tenant at rest.
#[derive(Encode, BorrowDecode)]
pub struct Tenant<'a> {
    /// What version 2 has of it.
    pub plain: v2::Tenant<'a>,
    /// Credit of invoiced purchases is there at once.
    pub auto_complete: bool,
    /// Results of payments are reported.
    pub payment_result: bool,
    /// Where events are sent, oldest first.
    pub webhooks: List<'a, webhook::WholeEndpoint<'a>>,
    /// How many endpoints were ever made.
    pub webhooks_made: u64,
}
