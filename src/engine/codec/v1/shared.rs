//! What records and states have in common: terms, heads, identities. No personal string stands here.

use bincode::{BorrowDecode, Encode};

use super::wire::{Amount, List, Stamp, Thing, coded, tagged};

/// A set of price types: 1 usage, 2 fixed, 4 given as `ALL`.
#[derive(Clone, Copy, Encode, BorrowDecode)]
pub struct PriceTypes {
    /// The bits.
    pub bits: u8,
}

coded! {
    /// Where credit came from.
    pub enum Source { 0 = Purchased, 1 = Promotional, 2 = PlanIncluded, 3 = Refund, 4 = Adjustment, 5 = Rollover }
    /// Whether a wallet takes part.
    pub enum WalletStatus { 0 = Active, 1 = Frozen, 2 = Closed }
    /// PRE_PAID or POST_PAID.
    pub enum WalletType { 0 = PrePaid, 1 = PostPaid }
    /// What a charge is for.
    pub enum PriceType { 0 = Usage, 1 = Fixed }
    /// Why credit came in.
    pub enum CreditReason {
        0 = FreeCreditGrant,
        1 = PurchasedCreditDirect,
        2 = PurchasedCreditBonus,
        3 = SubscriptionCreditGrant,
        4 = CreditNote,
        5 = InvoiceVoidRefund,
        6 = CreditAdjustment,
    }
    /// What becomes of a closing wallet's credit.
    pub enum Remainder { 0 = Forfeit, 1 = Refund }
}

/// What a tranche or a charge may pay for.
#[derive(Encode, BorrowDecode)]
pub struct Scope<'a> {
    /// Which price types.
    pub price_types: PriceTypes,
    /// Which features; absent = all.
    pub features: Option<List<'a, &'a str>>,
}

/// What never changes about a tranche.
#[derive(Encode, BorrowDecode)]
pub struct Terms<'a> {
    /// Where the credit came from.
    pub source: Source,
    /// Lower burns first.
    pub priority: u32,
    /// What it may pay for.
    pub scope: Scope<'a>,
    /// Credits when minted.
    pub original: Amount,
    /// Money paid for them.
    pub paid: Amount,
    /// First instant at which it can be spent.
    pub effective_at: Stamp,
    /// First instant at which it cannot any more.
    pub expires_at: Option<Stamp>,
}

/// What a wallet counts in.
#[derive(Encode, BorrowDecode)]
pub struct Unit<'a> {
    /// ISO 4217, lower case.
    pub currency: [u8; 3],
    /// The caller's own code.
    pub price_unit: Option<&'a str>,
    /// Money per credit when spending.
    pub conversion_rate: Amount,
}

/// A wallet without tranches, name, description and metadata.
#[derive(Encode, BorrowDecode)]
pub struct WalletHead<'a> {
    /// Its id.
    pub id: Thing,
    /// What it counts in.
    pub unit: Unit<'a>,
    /// Money per credit when buying.
    pub topup_conversion_rate: Amount,
    /// PRE_PAID or POST_PAID.
    pub wallet_type: WalletType,
    /// Active, frozen or closed.
    pub status: WalletStatus,
    /// Lower pays first.
    pub priority: u32,
    /// Which charges it admits.
    pub allowed_price_types: PriceTypes,
    /// How far below zero.
    pub overdraft_limit: Amount,
    /// When it was made.
    pub created_at: Stamp,
    /// When its settings last changed.
    pub updated_at: Stamp,
    /// Number of its last ledger row.
    pub sequence: u64,
    /// Σ usable − debt.
    pub posted: Amount,
    /// Σ pinned.
    pub held: Amount,
    /// Overdraft not repaid.
    pub debt: Amount,
}

tagged! {
    /// What replies call a customer.
    pub enum CustomerId { 0 = Named(()), 1 = Minted(Thing) }
}

/// A customer without external id and profile.
#[derive(Encode, BorrowDecode)]
pub struct Identity {
    /// What replies call it.
    pub id: CustomerId,
    /// When it was made.
    pub created_at: Stamp,
    /// When its profile last changed.
    pub updated_at: Stamp,
    /// Whether it was deleted.
    pub deleted: bool,
}
