//! What became of a hold (SEMANTICS §5).

use smallvec::SmallVec;

use super::{Debited, Giver, Posting, Slice};
use crate::amount::Credits;
use crate::budget::BudgetMove;
use crate::hold::{Hold, HoldStatus};
use crate::ids::TrancheId;
use crate::time::Timestamp;
use crate::tranche::Terms;

/// Credit that came back to a tranche that has ended, or was voided, and is gone with the same step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapsed {
    /// Which tranche.
    pub tranche: TrancheId,
    /// What is gone; > 0.
    pub credits: Credits,
    /// Its terms.
    pub terms: Terms,
    /// Why: its credit was voided (CREDIT_VOIDED), else it has ended (CREDIT_EXPIRED).
    pub voided: bool,
    /// The balance around it.
    pub posting: Posting,
}

/// Which of a hold's verbs a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldVerb {
    /// It was placed.
    Placed,
    /// It pins more.
    Grown,
    /// Its deadline moved.
    Extended,
    /// It was captured, in part or whole.
    Captured,
    /// It was released.
    Released,
}

/// One step of a hold. Rows, in order: one `hold` row per wallet of `pinned`; the rows of `taken`; one `release` row per wallet of
/// `returned`; one per entry of `lapsed`; the UNCOLLECTED memo if `taken` has a shortfall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldStep {
    /// Which verb.
    pub verb: HoldVerb,
    /// The hold after it. What is not open has left the state.
    pub hold: Hold,
    /// What is pinned now and was not before.
    pub pinned: SmallVec<[Slice; 1]>,
    /// What was pinned and is spent: the first slices of `taken`.
    pub consumed: SmallVec<[Slice; 1]>,
    /// What was pinned and came back: first what was captured though its credit was never paid ([`HoldStep::unpaid`]).
    pub returned: SmallVec<[Slice; 1]>,
    /// What left, by a capture: the pins first, then, as debt, those whose credit was never paid, then what was drawn. Its `budget` says
    /// what a refund gives back.
    pub taken: Option<Debited>,
    /// What of `returned` is gone at once.
    pub lapsed: Vec<Lapsed>,
    /// What counts in budgets from now on.
    pub used: Vec<BudgetMove>,
    /// What does not any more.
    pub freed: Vec<BudgetMove>,
}

impl HoldStep {
    /// How many of `returned`, from the first, were captured and are debt, since nobody ever paid for their credit (SEMANTICS §11): each is a
    /// slice of overdraft behind `consumed`, and lapses. A capture that gives pins back beside them takes nothing beyond its pins, so
    /// nothing else looks alike.
    #[must_use]
    pub fn unpaid(&self) -> usize {
        let taken = self.taken.iter().flat_map(|taken| &taken.slices).skip(self.consumed.len());
        let parts = taken.zip(&self.returned).zip(&self.lapsed);
        let is_one = |((taken, returned), lapsed): &((&Slice, &Slice), &Lapsed)| {
            let is_of = matches!(&returned.giver, Giver::Tranche { id, .. } if *id == lapsed.tranche);
            taken.giver == Giver::Overdraft
                && (taken.wallet, taken.credits) == (returned.wallet, returned.credits)
                && is_of
                && lapsed.voided
                && lapsed.credits == returned.credits
        };
        parts.take_while(is_one).count()
    }
}

/// A hold that ended without being asked: at its deadline, or because its wallet was closed. Rows: one `release` row per wallet of
/// `returned`, then one per entry of `lapsed`.
///
/// A deadline whose end does not fit one record is written in parts: each gives back the first of the pins and leaves the hold open with
/// the others, and the last one ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldEnd {
    /// The instant that counts.
    pub at: Timestamp,
    /// The hold after it; open after every part but the last.
    pub hold: Hold,
    /// What was pinned and came back.
    pub returned: SmallVec<[Slice; 1]>,
    /// What of it is gone at once.
    pub lapsed: Vec<Lapsed>,
    /// What does not count in budgets any more.
    pub freed: Vec<BudgetMove>,
}

impl HoldStep {
    /// The largest step that may have to end a hold: all that it pins comes back and is gone at once, with balances of the most digits.
    /// What captures it whole is no larger but for the rows of its wallets: a slice as it was pinned is smaller than a lapse.
    #[must_use]
    pub fn largest_end(hold: &Hold) -> Self {
        let mut hold = Hold { status: HoldStatus::Released, ..hold.clone() };
        let returned = std::mem::take(&mut hold.pins);
        let freed = std::mem::take(&mut hold.budget);
        let most = Credits(i128::MAX);
        let lapsed = returned.iter().filter_map(|slice| {
            let Giver::Tranche { id, terms } = &slice.giver else { return None };
            let posting = Posting { wallet: slice.wallet, sequence: u64::MAX, before: most, after: most };
            Some(Lapsed { tranche: *id, credits: slice.credits, terms: terms.clone(), voided: true, posting })
        });
        Self {
            verb: HoldVerb::Released,
            lapsed: lapsed.collect(),
            hold,
            returned,
            pinned: SmallVec::new(),
            consumed: SmallVec::new(),
            taken: None,
            used: Vec::new(),
            freed,
        }
    }
}

impl HoldEnd {
    /// Whether the hold still pins something after it: more of its end follows.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.hold.status == HoldStatus::Open
    }
}
