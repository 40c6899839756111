//! Budgets: a tree of caps above a customer's credit (SEMANTICS §18).
//!
//! A window that has ended is not emptied when it ends: whoever comes next finds that its end has passed and counts from nothing in
//! the window that holds now. So budgets need no timer, and the calendar is asked once per window.

use crate::amount::Credits;
use crate::time::Timestamp;
use crate::unit::{Currency, PriceUnit};

/// For how long a cap counts. Calendar windows are those of the customer's time zone; weeks start on Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// For ever.
    Lifetime,
    /// From full hour to full hour, local time.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first to the first.
    Month,
}

impl Window {
    /// All of them, in the order in which they are checked.
    pub const ALL: [Self; 5] = [Self::Lifetime, Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lifetime => "lifetime",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// One cap of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetLimit {
    /// For how long it counts; one cap per window and budget.
    pub window: Window,
    /// At most so many credits; ≥ 0.
    pub credits: Credits,
    /// What was used of it in the window that ends at `ends_at`.
    pub used: Credits,
    /// The first instant after the window; [`Timestamp::MAX`] for `Lifetime`, 0 before its first use.
    pub ends_at: Timestamp,
}

impl BudgetLimit {
    /// What was used as of `now`: nothing if the window has ended.
    #[must_use]
    pub fn used_at(&self, now: Timestamp) -> Credits {
        if now < self.ends_at { self.used } else { Credits::ZERO }
    }
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The caller's name for it, unique per customer.
    pub id: Box<str>,
    /// The budget above it.
    pub parent: Option<Box<str>>,
    /// What it counts: credits of wallets of this currency …
    pub currency: Currency,
    /// … and this price unit.
    pub price_unit: Option<PriceUnit>,
    /// Its caps, by window. None = it only groups.
    pub limits: Vec<BudgetLimit>,
}

/// What a charge used of one cap; the same is given back when the charge is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetMove {
    /// Which budget.
    pub budget: Box<str>,
    /// Which of its caps.
    pub window: Window,
    /// The window that it counts in, by its end.
    pub ends_at: Timestamp,
    /// How much.
    pub credits: Credits,
}
