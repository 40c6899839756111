//! A tenant's records. What was decided, and its words, have the shapes of version 3; the request has no words.

use bincode::{BorrowDecode, Encode};

use super::wire::tagged;
use crate::engine::codec::v1::wire::Thing;

/// Of the settings, what changes.
#[derive(Encode, BorrowDecode)]
pub struct SettingsChange<'a> {
    /// New burn priority of purchased credit.
    pub purchased: Option<u32>,
    /// Of promotional credit.
    pub promotional: Option<u32>,
    /// Of a plan's credit.
    pub plan_included: Option<u32>,
    /// Of refunds.
    pub refund: Option<u32>,
    /// Of adjustments.
    pub adjustment: Option<u32>,
    /// New currency of a wallet that names none, or none any more.
    pub default_currency: Option<Option<[u8; 3]>>,
    /// New IANA time zone, or none any more.
    pub time_zone: Option<Option<&'a str>>,
    /// Credit of invoiced purchases is there at once, or not any more.
    pub auto_complete: Option<bool>,
    /// Results of payments are reported, or not any more.
    pub payment_result: Option<bool>,
}

tagged! {
    /// What was asked of a tenant.
    pub enum Command<'a> { 0 = ChangeSettings(SettingsChange<'a>) }
}

/// Last in the public part.
#[derive(Encode, BorrowDecode)]
pub struct PublicRequest<'a> {
    /// The API key that was shown.
    pub by: Option<Thing>,
    /// What was asked.
    pub command: Command<'a>,
}
