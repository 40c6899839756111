//! One block of credit with its own remaining, source, priority, scope, paid money and life span (SEMANTICS §1, §6).

use crate::amount::{Credits, Money};
use crate::ids::{LogPosition, RowId, TrancheId};
use crate::scope::Scope;
use crate::time::Timestamp;

/// Where a tranche's credit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Bought.
    Purchased,
    /// Given: a free grant or the bonus of a purchase.
    Promotional,
    /// Part of a plan.
    PlanIncluded,
    /// A credit note or the refund of a voided invoice.
    Refund,
    /// Put right by hand.
    Adjustment,
    /// What was left of an earlier period's grant.
    Rollover,
}

impl Source {
    /// All of them, in a fixed order.
    pub const ALL: [Self; 6] = [
        Self::Purchased,
        Self::Promotional,
        Self::PlanIncluded,
        Self::Refund,
        Self::Adjustment,
        Self::Rollover,
    ];

    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Purchased => "purchased",
            Self::Promotional => "promotional",
            Self::PlanIncluded => "plan_included",
            Self::Refund => "refund",
            Self::Adjustment => "adjustment",
            Self::Rollover => "rollover",
        }
    }
}

/// Everything about a tranche that never changes: enough to make it anew (DESIGN decision 11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Where the credit came from.
    pub source: Source,
    /// Lower burns first.
    pub priority: u32,
    /// What it may pay for.
    pub scope: Scope,
    /// Credits when minted.
    pub original: Credits,
    /// Money that was paid for `original`; 0 for free credit.
    pub paid: Money,
    /// First instant at which it can be spent.
    pub effective_at: Timestamp,
    /// First instant at which it cannot be spent any more; `None` = never.
    pub expires_at: Option<Timestamp>,
}

/// A live tranche. `0 ≤ pinned ≤ remaining ≤ terms.original` (I2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tranche {
    /// Its id; also the last word in the burn order (creation, oldest first).
    pub id: TrancheId,
    /// What never changes.
    pub terms: Terms,
    /// Not yet spent.
    pub remaining: Credits,
    /// Reserved by open holds.
    pub pinned: Credits,
    /// The record that minted it; with `credit_row`, the ledger row. 0 until that record has a position, and for a tranche that a
    /// refund made anew (a debit's slices do not say which row brought the credit in).
    pub credit_position: LogPosition,
    /// Row of that record.
    pub credit_row: u32,
    /// Whether it was minted for the future and its start has not been written yet: in no balance (SEMANTICS §1 "scheduled").
    pub scheduled: bool,
    /// Whether its credit was voided, or never paid: what open holds still pin goes when they let it go.
    pub voided: bool,
}

impl Tranche {
    /// What is neither spent nor reserved.
    #[must_use]
    pub fn unpinned(&self) -> Credits {
        self.remaining - self.pinned
    }

    /// Whether nothing is left of it, so that it leaves the live state.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.remaining.is_zero()
    }

    /// The next instant at which something happens to it by itself: it starts, or its unpinned part ends.
    /// [`Timestamp::MAX`] if nothing will.
    #[must_use]
    pub fn due_at(&self) -> Timestamp {
        match self.terms.expires_at {
            _ if self.scheduled => self.terms.effective_at,
            Some(end) if self.pinned < self.remaining => end,
            Some(_) | None => Timestamp::MAX,
        }
    }

    /// The ledger row that minted it, if it is known.
    #[must_use]
    pub fn credit_row_id(&self) -> Option<RowId> {
        let known = self.credit_position.0 > 0;
        known.then(|| RowId::at_ms(self.id.0.ms(), self.credit_position, self.credit_row))
    }
}

impl Terms {
    /// The money that was paid for the last `unspent` of the original credits ([`Money::unspent_share`]).
    #[must_use]
    pub fn unspent_share(&self, unspent: Credits) -> Money {
        Money::unspent_share(self.paid, unspent, self.original)
    }
}
