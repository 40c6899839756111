//! What credit is asked for, how usage was priced, what counts in which budget.

use bincode::{BorrowDecode, Encode};

use super::wire::coded;
use crate::engine::codec::v1::record as v1;
use crate::engine::codec::v1::shared::PriceType;
use crate::engine::codec::v1::wire::{Amount, List, Stamp, Thing};

coded! {
    /// For how long a cap counts.
    pub enum Window { 0 = Lifetime, 1 = Hour, 2 = Day, 3 = Week, 4 = Month }
}

/// For what, and who pays.
#[derive(Encode, BorrowDecode)]
pub struct Charge<'a> {
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
    /// The leaf of the budgets.
    pub budget: Option<&'a str>,
}

/// Usage, without its properties.
#[derive(Encode, BorrowDecode)]
pub struct Metered<'a> {
    /// Which meter.
    pub meter: &'a str,
    /// How much was used.
    pub quantity: Amount,
}

/// The price of usage.
#[derive(Encode, BorrowDecode)]
pub struct Priced {
    /// Which card. Cards have no owner: nothing is taken out of the id.
    pub card: Thing,
    /// How often it had been set.
    pub version: u64,
    /// The price.
    pub credits: Amount,
}

/// What a charge used of one cap.
#[derive(Encode, BorrowDecode)]
pub struct BudgetMove<'a> {
    /// Which budget.
    pub budget: &'a str,
    /// Which of its caps.
    pub window: Window,
    /// The window, by its end.
    pub ends_at: Stamp,
    /// How much.
    pub credits: Amount,
}

/// One cap of a budget.
#[derive(Encode, BorrowDecode)]
pub struct BudgetLimit {
    /// For how long it counts.
    pub window: Window,
    /// At most so many.
    pub credits: Amount,
    /// What was used of it.
    pub used: Amount,
    /// The first instant after the window.
    pub ends_at: Stamp,
}

/// A budget.
#[derive(Encode, BorrowDecode)]
pub struct Budget<'a> {
    /// Its name.
    pub id: &'a str,
    /// The budget above it.
    pub parent: Option<&'a str>,
    /// ISO 4217, lower case.
    pub currency: [u8; 3],
    /// The caller's own code.
    pub price_unit: Option<&'a str>,
    /// Its caps.
    pub limits: List<'a, BudgetLimit>,
}

/// What few debits have.
#[derive(Encode, BorrowDecode)]
pub struct DebitExtra<'a> {
    /// How it was priced.
    pub priced: Option<Priced>,
    /// What it counts as in budgets.
    pub budget: List<'a, BudgetMove<'a>>,
}

/// A debit.
#[derive(Encode, BorrowDecode)]
pub struct Debited<'a> {
    /// What every debit has.
    pub plain: v1::Debited<'a>,
    /// What few have.
    pub extra: Option<DebitExtra<'a>>,
}

/// Usage that was not paid for.
#[derive(Encode, BorrowDecode)]
pub struct Uncollected {
    /// The wallet that should have paid.
    pub wallet: Option<Thing>,
    /// How much.
    pub credits: Amount,
}
