//! Last in the public part of a customer's record: who asked, and for what, without its words.

use bincode::{BorrowDecode, Encode};

use super::wire::tagged;
use crate::engine::codec::v1::shared::{PriceTypes, WalletType};
use crate::engine::codec::v1::wire::{Amount, Stamp, Thing};
use crate::engine::codec::v3::rules::WalletRules;

/// Who asked, and for what.
#[derive(Encode, BorrowDecode)]
pub struct PublicRequest<'a> {
    /// The API key that was shown. Keys have no owner: nothing is taken out of the id.
    pub by: Option<Thing>,
    /// What was asked.
    pub command: Command<'a>,
}

/// A wallet's creation in the currency of the tenant's settings.
#[derive(Encode, BorrowDecode)]
pub struct CreateWallet<'a> {
    /// The caller's own code.
    pub price_unit: Option<&'a str>,
    /// Money per credit when spending.
    pub conversion_rate: Amount,
    /// Money per credit when buying.
    pub topup_conversion_rate: Amount,
    /// PRE_PAID or POST_PAID.
    pub wallet_type: WalletType,
    /// Lower pays first.
    pub priority: u32,
    /// Which charges it admits.
    pub allowed_price_types: PriceTypes,
    /// How far below zero.
    pub overdraft_limit: Amount,
    /// Free credit from the start.
    pub initial_credits: Amount,
    /// When that ends.
    pub initial_expires_at: Option<Stamp>,
    /// Its rules.
    pub rules: Option<WalletRules>,
}

tagged! {
    /// What was asked.
    pub enum Command<'a> { 0 = ChangeCustomer(()), 1 = CreateWallet(CreateWallet<'a>) }
}
