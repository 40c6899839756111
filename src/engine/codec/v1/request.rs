//! What was asked of a customer, without its words.

use bincode::{BorrowDecode, Encode};

use super::shared::{CreditReason, PriceType, PriceTypes, Remainder, Scope, WalletType};
use super::wire::{Amount, Stamp, Thing, tagged};

tagged! {
    /// How much.
    pub enum Quantity { 0 = Credits(Amount), 1 = Amount(Amount) }
}

/// Free credit on top of a purchase.
#[derive(Encode, BorrowDecode)]
pub struct Bonus {
    /// How much.
    pub credits: Amount,
    /// When it ends.
    pub expires_at: Option<Stamp>,
}

/// A wallet's creation.
#[derive(Encode, BorrowDecode)]
pub struct CreateWallet<'a> {
    /// ISO 4217, lower case.
    pub currency: [u8; 3],
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
}

/// A wallet's change.
#[derive(Encode, BorrowDecode)]
pub struct UpdateWallet {
    /// Which wallet.
    pub wallet: Thing,
    /// New priority.
    pub priority: Option<u32>,
    /// New admission.
    pub allowed_price_types: Option<PriceTypes>,
    /// New limit.
    pub overdraft_limit: Option<Amount>,
}

/// Credit in.
#[derive(Encode, BorrowDecode)]
pub struct TopUp<'a> {
    /// Which wallet.
    pub wallet: Thing,
    /// How much.
    pub quantity: Quantity,
    /// Why.
    pub reason: CreditReason,
    /// From when it can be spent.
    pub effective_at: Option<Stamp>,
    /// When it ends.
    pub expires_at: Option<Stamp>,
    /// Burn priority.
    pub priority: Option<u32>,
    /// What it may pay for.
    pub scope: Option<Scope<'a>>,
    /// Money paid.
    pub paid: Option<Amount>,
    /// Free credit on top.
    pub bonus: Option<Bonus>,
}

/// Credit out, for a charge.
#[derive(Encode, BorrowDecode)]
pub struct Debit<'a> {
    /// How much.
    pub quantity: Quantity,
    /// Only this wallet pays.
    pub wallet: Option<Thing>,
    /// Only wallets of this currency pay.
    pub currency: Option<[u8; 3]>,
    /// Only wallets of this price unit pay.
    pub price_unit: Option<&'a str>,
    /// What the charge is for.
    pub price_type: PriceType,
    /// The feature used.
    pub feature: Option<&'a str>,
    /// Take what there is.
    pub partial: bool,
}

/// Credit out, by hand.
#[derive(Encode, BorrowDecode)]
pub struct ManualDebit {
    /// Which wallet.
    pub wallet: Thing,
    /// How much.
    pub credits: Amount,
}

/// End of a wallet.
#[derive(Encode, BorrowDecode)]
pub struct Close {
    /// Which wallet.
    pub wallet: Thing,
    /// What becomes of its credit.
    pub remainder: Remainder,
}

tagged! {
    /// Everything that can be asked.
    pub enum Command<'a> {
        0 = Tick(()),
        1 = CreateCustomer(()),
        2 = UpdateCustomer(()),
        3 = DeleteCustomer(()),
        4 = CreateWallet(CreateWallet<'a>),
        5 = UpdateWallet(UpdateWallet),
        6 = TopUp(TopUp<'a>),
        7 = Debit(Debit<'a>),
        8 = ManualDebit(ManualDebit),
        9 = Freeze(Thing),
        10 = Unfreeze(Thing),
        11 = Close(Close),
    }
}
