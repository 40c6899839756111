//! Open holds (SEMANTICS §5): credit that is reserved, not spent.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use crate::amount::Credits;
use crate::budget::BudgetMove;
use crate::command::{Charge, OverCapture};
use crate::fact::{Priced, Slice};
use crate::ids::{HoldId, WalletId};
use crate::time::Timestamp;

/// How far a hold is. Everything but open is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldStatus {
    /// It pins credit.
    Open,
    /// Settled.
    Captured,
    /// Given back.
    Released,
    /// Its deadline has passed.
    Expired,
}

impl HoldStatus {
    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Captured => "captured",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

/// A hold. `credits = captured from its pins + released + Σ pins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// How far it is.
    pub status: HoldStatus,
    /// For what, and who pays: a draw beyond the hold asks the same wallets.
    pub charge: Charge,
    /// The wallet of its first pin. It says the unit of the hold, and bears the memo of what a capture could not collect.
    pub wallet: WalletId,
    /// The rate card that priced it, if it was placed for usage of a meter.
    pub priced: Option<Priced>,
    /// What a capture of more does.
    pub over_capture: OverCapture,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// The first instant at which it is gone.
    pub expires_at: Timestamp,
    /// All that was ever pinned for it: placing and growing.
    pub credits: Credits,
    /// All that was captured, draws beyond the pins included.
    pub captured: Credits,
    /// What was given back of its pins.
    pub released: Credits,
    /// What it pins now, in the order in which it will be consumed; overdraft last.
    pub pins: SmallVec<[Slice; 1]>,
    /// What it still counts in budgets: given back when its pins are.
    pub budget: Vec<BudgetMove>,
}

impl Hold {
    /// Σ pins.
    #[must_use]
    pub fn held(&self) -> Credits {
        self.pins.iter().map(|pin| pin.credits).sum()
    }

    /// Whether it is one of this wallet's: it pins credit of it, or pins nothing any more and was placed there.
    #[must_use]
    pub fn is_of_wallet(&self, wallet: WalletId) -> bool {
        self.pins.iter().any(|pin| pin.wallet == wallet) || (self.pins.is_empty() && self.wallet == wallet)
    }
}

/// The open holds of a customer, by id and by deadline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    by_id: BTreeMap<HoldId, Hold>,
    by_deadline: BTreeSet<(Timestamp, HoldId)>,
}

impl Holds {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { by_id: BTreeMap::new(), by_deadline: BTreeSet::new() }
    }

    /// Enters an open hold, or replaces it.
    pub fn set(&mut self, hold: Hold) {
        self.remove(hold.id);
        self.by_deadline.insert((hold.expires_at, hold.id));
        self.by_id.insert(hold.id, hold);
    }

    /// Takes a hold out.
    pub fn remove(&mut self, id: HoldId) -> Option<Hold> {
        let hold = self.by_id.remove(&id)?;
        self.by_deadline.remove(&(hold.expires_at, id));
        Some(hold)
    }

    /// An open hold.
    #[must_use]
    pub fn get(&self, id: HoldId) -> Option<&Hold> {
        self.by_id.get(&id)
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Hold> {
        self.by_id.values()
    }

    /// Those whose deadline is at or before `now`, by deadline.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = &Hold> {
        let due = self.by_deadline.iter().take_while(move |(at, _)| *at <= now);
        due.map(|(_, id)| &self.by_id[id])
    }

    /// The next deadline; [`Timestamp::MAX`] without holds.
    #[must_use]
    pub fn next_deadline(&self) -> Timestamp {
        self.by_deadline.first().map_or(Timestamp::MAX, |(at, _)| *at)
    }

    /// Whether each is found by its deadline, and nothing else is.
    #[must_use]
    pub(crate) fn is_indexed(&self) -> bool {
        let found = |hold: &Hold| self.by_deadline.contains(&(hold.expires_at, hold.id));
        self.by_id.len() == self.by_deadline.len() && self.by_id.values().all(found)
    }

    /// Forgets the next deadline, as no operation does.
    #[cfg(test)]
    pub(crate) fn mislay_deadline(&mut self) {
        self.by_deadline.pop_first();
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
