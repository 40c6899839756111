//! How far a row is that was not completed when it was written: a purchase that waits for its payment, credit that starts later
//! (SEMANTICS §6).
//!
//! Such a row never changes. What becomes of it stands in later records, and the state remembers as much as it needs: so this may not know.

use crate::customer::Customer;
use crate::decide;
use crate::ids::{RowId, TrancheId};
use crate::recharge::{Recharge, RechargeStatus};
use crate::time::Timestamp;
use crate::tranche::Tranche;

use super::{RowStatus, RowView};

/// A row that was not completed when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Which one.
    pub id: RowId,
    /// The tranche that its credit is or would be.
    pub tranche: TrancheId,
    /// Whether it waits for a payment; else for its start.
    pub pending: bool,
    /// When its credit counts, once it is there.
    pub effective_at: Timestamp,
}

impl Begun {
    /// The row, if it is one of these.
    #[must_use]
    pub fn of(row: &RowView<'_>) -> Option<Self> {
        let pending = match row.status {
            RowStatus::Pending => true,
            RowStatus::Scheduled => false,
            RowStatus::Completed => return None,
        };
        Some(Self { id: row.id, tranche: row.tranche?, pending, effective_at: row.effective_at })
    }
}

/// How far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProgressStatus {
    /// Its payment is waited for.
    Pending,
    /// Its credit starts later.
    Scheduled,
    /// Its credit came in.
    Completed,
    /// It was not paid.
    Failed,
    /// It was called off, or taken back before it started.
    Cancelled,
}

impl ProgressStatus {
    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Scheduled => "scheduled",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How far a row is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How far.
    pub status: ProgressStatus,
    /// The row that brought its credit into the balance, where that is known and written.
    pub completed_by: Option<RowId>,
}

impl Progress {
    /// Of which nothing more is known.
    #[must_use]
    pub const fn only(status: ProgressStatus) -> Self {
        Self { status, completed_by: None }
    }
}

/// How far a row is at an instant, as far as the state knows it: `None` = its credit is not there any more, or never was.
#[must_use]
pub fn progress(customer: &Customer, now: Timestamp, begun: &Begun) -> Option<Progress> {
    let customer = decide::caught_up(customer, now);
    let mut tranches = customer.wallets.iter().flat_map(|wallet| &wallet.tranches);
    let live = tranches.find(|tranche| tranche.id == begun.tranche);
    if begun.pending
        && let Some((recharge, number)) = purchase(&customer, begun.id)
    {
        return of_purchase(recharge, number, live, now);
    }
    // A purchase that is forgotten has ended: nobody knows how, unless its credit is there.
    of_credit(live, begun.effective_at, now).filter(|_| live.is_some() || !begun.pending)
}

/// The purchase that began with a row, and the row's number in it.
fn purchase(customer: &Customer, row: RowId) -> Option<(&Recharge, u32)> {
    let of = |recharge: &Recharge| {
        let (position, first) = recharge.row;
        let number = row.row().checked_sub(first)?;
        let is_one = usize::try_from(number).is_ok_and(|number| number < recharge.rows.len());
        (position == row.position() && is_one).then_some(number)
    };
    customer.recharges.iter().find_map(|recharge| of(recharge).map(|number| (recharge, number)))
}

fn of_purchase(recharge: &Recharge, number: u32, live: Option<&Tranche>, now: Timestamp) -> Option<Progress> {
    match recharge.status {
        RechargeStatus::Pending => Some(Progress::only(ProgressStatus::Pending)),
        RechargeStatus::Failed => Some(Progress::only(ProgressStatus::Failed)),
        RechargeStatus::Cancelled => Some(Progress::only(ProgressStatus::Cancelled)),
        RechargeStatus::Completed => {
            let ended_at = recharge.ended_at?;
            let terms = &recharge.rows.get(usize::try_from(number).ok()?)?.terms;
            if terms.effective_at > ended_at {
                return of_credit(live, terms.effective_at, now);
            }
            let (position, first) = recharge.came_in;
            let completed_by = (position.0 > 0).then(|| RowId::new(ended_at, position, first + number));
            Some(Progress { status: ProgressStatus::Completed, completed_by })
        }
    }
}

/// Credit that is there counts, or will; credit that is not there before its start was taken back.
fn of_credit(live: Option<&Tranche>, effective_at: Timestamp, now: Timestamp) -> Option<Progress> {
    match live {
        Some(tranche) if tranche.scheduled => Some(Progress::only(ProgressStatus::Scheduled)),
        Some(_) => Some(Progress::only(ProgressStatus::Completed)),
        None if effective_at > now => Some(Progress::only(ProgressStatus::Cancelled)),
        None => None,
    }
}
