//! What grants minted, and how they were given and taken (SEMANTICS §13).

use super::{CreditRow, Due, Posting, Voided};
use crate::amount::{Money, Rate};
use crate::customer::Identity;
use crate::grant::{Grant, GrantKey, Subscription, Upcoming};
use crate::ids::{TrancheId, WalletId};
use crate::time::Timestamp;
use crate::tranche::Terms;
use crate::unit::{Currency, Unit};

/// A period of a grant: its one tranche, or why it has none. Rows: one, if it landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Which grant.
    pub key: GrantKey,
    /// The index of the period.
    pub period: u32,
    /// Its beginning: the row's `effective_at`.
    pub at: Timestamp,
    /// Its end; `None` = the grant is for once.
    pub ends_at: Option<Timestamp>,
    /// The period after it.
    pub next: Upcoming,
    /// What it minted.
    pub landed: Landed,
}

/// What became of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landed {
    /// A tranche.
    Minted {
        /// Its wallet.
        wallet: WalletId,
        /// The wallet had to be made.
        made: Option<MadeWallet>,
        /// The wallet's currency.
        currency: Currency,
        /// The tranche and its row.
        row: Box<CreditRow>,
    },
    /// Nothing: it would have been more than a wallet can hold.
    Skipped(Skipped),
}

/// Why a period minted nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skipped {
    /// The wallet's credit would have more than 12 integer digits.
    Overflow,
    /// What is left of the period by proration rounds to nothing.
    Nothing,
}

impl Skipped {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overflow => "amount_overflow",
            Self::Nothing => "nothing_left_of_the_period",
        }
    }
}

/// A PRE_PAID wallet that a grant made, because no other could take it. All else of it is as a new wallet has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeWallet {
    /// Its id.
    pub id: WalletId,
    /// What it counts in.
    pub unit: Unit,
    /// Money per credit when buying.
    pub topup_conversion_rate: Rate,
}

/// Credit of an ending period that goes on into the next. Rows: out of the one tranche, into the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledOver {
    /// Which grant.
    pub key: GrantKey,
    /// The index of the period into which it goes.
    pub period: u32,
    /// The instant: the rows' `effective_at`.
    pub at: Timestamp,
    /// The tranche that ends.
    pub from: TrancheId,
    /// Its terms.
    pub from_terms: Terms,
    /// The balance around its leaving.
    pub out: Posting,
    /// The tranche that goes on.
    pub tranche: TrancheId,
    /// Its terms: `original` is what goes on, with its share of the paid money.
    pub terms: Terms,
    /// The same in money at the topup rate, half-even at 15 digits.
    pub amount: Money,
    /// The wallet's currency.
    pub currency: Currency,
    /// The balance around its arrival.
    pub posting: Posting,
}

/// A customer was enrolled in a plan. Rows: those of `minted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// The customer, if this made it.
    pub customer: Option<Box<Identity>>,
    /// The subscription.
    pub subscription: Subscription,
    /// The plan's grants, as they begin.
    pub grants: Vec<Grant>,
    /// The version of the catalog that this followed.
    pub plans_seen: u64,
    /// What is due of them at once.
    pub minted: Vec<Due>,
}

/// A customer left a plan. Rows: one per entry of `voided`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribed {
    /// The subscription that it was.
    pub subscription: Subscription,
    /// What was left of its grants, if that was to be taken back.
    pub voided: Vec<Voided>,
}

/// A grant of the customer's own is this now. Rows: those of `minted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantSet {
    /// As it is before `minted`.
    pub grant: Grant,
    /// The name of its subscription.
    pub subscription: Option<Box<str>>,
    /// What is due of it at once.
    pub minted: Vec<Due>,
}

/// A grant of the customer's own is gone. Rows: one per entry of `voided`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRemoved {
    /// Which one.
    pub key: GrantKey,
    /// What was left of it, if that was to be taken back.
    pub voided: Vec<Voided>,
}

/// The customer's copies of a plan's grants follow a change of their template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlansFollowed {
    /// The version of the catalog that they follow now.
    pub seen: u64,
    /// Grants that came or changed.
    pub set: Vec<Grant>,
    /// Grants that are gone.
    pub removed: Vec<GrantKey>,
}
