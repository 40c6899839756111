//! Holds, and what became of them.

use bincode::{BorrowDecode, Encode};

use super::charge::{BudgetMove, Charge, Debited, Priced};
use super::wire::coded;
use crate::engine::codec::v1::record::{Posting, Slice};
use crate::engine::codec::v1::shared::Terms;
use crate::engine::codec::v1::wire::{Amount, List, Stamp, Thing};

coded! {
    /// How far a hold is.
    pub enum HoldStatus { 0 = Open, 1 = Captured, 2 = Released, 3 = Expired }
    /// What a capture of more does.
    pub enum OverCapture { 0 = Reject, 1 = Draw, 2 = Overdraft }
    /// Which verb a step is.
    pub enum HoldVerb { 0 = Placed, 1 = Grown, 2 = Extended, 3 = Captured, 4 = Released }
}

/// A hold.
#[derive(Encode, BorrowDecode)]
pub struct Hold<'a> {
    /// Its id.
    pub id: Thing,
    /// How far it is.
    pub status: HoldStatus,
    /// The wallet of its first pin.
    pub wallet: Thing,
    /// For what, and who pays.
    pub charge: Charge<'a>,
    /// The rate card that priced it.
    pub priced: Option<Priced>,
    /// What a capture of more does.
    pub over_capture: OverCapture,
    /// When it was placed.
    pub placed_at: Stamp,
    /// The first instant at which it is gone.
    pub expires_at: Stamp,
    /// All that was ever pinned.
    pub credits: Amount,
    /// All that was captured.
    pub captured: Amount,
    /// What was given back.
    pub released: Amount,
    /// What it pins, in the order of consuming.
    pub pins: List<'a, Slice<'a>>,
    /// What it counts in budgets.
    pub budget: List<'a, BudgetMove<'a>>,
}

/// Credit that came back to what is gone.
#[derive(Encode, BorrowDecode)]
pub struct Lapsed<'a> {
    /// Which tranche.
    pub tranche: Thing,
    /// How much.
    pub credits: Amount,
    /// Its terms.
    pub terms: Terms<'a>,
    /// Voided, or else ended.
    pub voided: bool,
    /// The balance around it.
    pub posting: Posting,
}

/// One step of a hold.
#[derive(Encode, BorrowDecode)]
pub struct HoldStep<'a> {
    /// Which verb.
    pub verb: HoldVerb,
    /// The hold after it.
    pub hold: Hold<'a>,
    /// What is pinned now.
    pub pinned: List<'a, Slice<'a>>,
    /// What was pinned and is spent.
    pub consumed: List<'a, Slice<'a>>,
    /// What was pinned and came back.
    pub returned: List<'a, Slice<'a>>,
    /// What left.
    pub taken: Option<Debited<'a>>,
    /// What of `returned` is gone.
    pub lapsed: List<'a, Lapsed<'a>>,
    /// What counts in budgets now.
    pub used: List<'a, BudgetMove<'a>>,
    /// What does not any more.
    pub freed: List<'a, BudgetMove<'a>>,
}

/// A hold that ended without being asked.
#[derive(Encode, BorrowDecode)]
pub struct HoldEnd<'a> {
    /// The instant that counts.
    pub at: Stamp,
    /// The hold after it.
    pub hold: Hold<'a>,
    /// What was pinned and came back.
    pub returned: List<'a, Slice<'a>>,
    /// What of it is gone.
    pub lapsed: List<'a, Lapsed<'a>>,
    /// What does not count in budgets any more.
    pub freed: List<'a, BudgetMove<'a>>,
}
