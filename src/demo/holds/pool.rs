//! A customer's credit while some of it is pinned: tranches in burn order, then the overdrafts of its wallets.
//!
//! A tranche that has ended is worth what is pinned of it, and nothing else has to be done about its end: so there are no rows, no
//! records and no order of events here, only what is there at an instant.

use std::collections::BTreeMap;

use crate::demo::decimal::Amount;
use crate::demo::expect::Tranche;
use crate::demo::setup::Account;
use crate::demo::standing::Standing;

/// Who gives: tranches by their place in burn order, then the overdrafts of wallets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Giver {
    Tranche(usize),
    Overdraft(usize),
}

/// Who gives how much, in order.
pub(crate) type Slices = BTreeMap<Giver, Amount>;

/// A wallet's overdraft.
#[derive(Clone, Copy, Debug, Default)]
struct Overdraft {
    limit: Amount,
    debt: Amount,
    pinned: Amount,
}

/// A customer's credit.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    tranches: Vec<Tranche>,
    /// Of each tranche.
    pinned: Vec<Amount>,
    /// Of each wallet.
    overdrafts: Vec<Overdraft>,
}

impl Pool {
    /// Nothing pinned yet; the first wallet may be overdrawn so far.
    pub(crate) fn new(account: &Account, limit: Amount) -> Self {
        let tranches = account.expected.tranches.clone();
        let mut overdrafts = vec![Overdraft::default(); account.expected.wallets];
        overdrafts[0].limit = limit;
        Self { pinned: vec![Amount::ZERO; tranches.len()], tranches, overdrafts }
    }

    /// A tranche by its place.
    pub(crate) fn tranche(&self, place: usize) -> &Tranche {
        &self.tranches[place]
    }

    /// Whether this is credit that has ended.
    pub(crate) fn has_ended(&self, giver: Giver, at_ns: u64) -> bool {
        match giver {
            Giver::Tranche(place) => !self.tranches[place].usable(at_ns),
            Giver::Overdraft(_) => false,
        }
    }

    /// Up to so many unpinned credits in burn order, then of overdrafts.
    pub(crate) fn find(&self, credits: Amount, overdraft: bool, at_ns: u64) -> Slices {
        let tranches = (0..self.tranches.len()).map(|place| {
            let free = self.worth(place, at_ns) - self.pinned[place];
            (Giver::Tranche(place), free)
        });
        let overdrafts = self.overdrafts.iter().enumerate().filter(|_| overdraft);
        let overdrafts = overdrafts.map(|(wallet, Overdraft { limit, debt, pinned })| {
            (Giver::Overdraft(wallet), *limit - *debt - *pinned)
        });
        first(tranches.chain(overdrafts), credits)
    }

    /// Pins.
    pub(crate) fn pin(&mut self, giver: Giver, credits: Amount) {
        let pinned = self.pinned(giver);
        *pinned = *pinned + credits;
    }

    /// Unpins.
    pub(crate) fn unpin(&mut self, giver: Giver, credits: Amount) {
        let pinned = self.pinned(giver);
        *pinned = *pinned - credits;
    }

    /// Spends what is not pinned.
    pub(crate) fn spend(&mut self, giver: Giver, credits: Amount) {
        match giver {
            Giver::Tranche(place) => {
                self.tranches[place].remaining = self.tranches[place].remaining - credits;
            }
            Giver::Overdraft(wallet) => {
                self.overdrafts[wallet].debt = self.overdrafts[wallet].debt + credits;
            }
        }
    }

    /// What there is at an instant.
    pub(crate) fn standing(&self, at_ns: u64) -> Standing {
        let wallets = 0..self.overdrafts.len();
        Standing {
            posted: wallets.clone().map(|wallet| self.posted(wallet, at_ns)).collect(),
            held: wallets.clone().map(|wallet| self.held(wallet)).sum(),
            available: wallets.map(|wallet| self.available(wallet, at_ns)).sum(),
            remaining: (0..self.tranches.len()).map(|place| self.worth(place, at_ns)).collect(),
        }
    }

    /// What of credit that has ended was never spent. While nothing is pinned, that is breakage.
    pub(crate) fn unspent_at_end(&self, at_ns: u64) -> Amount {
        let ended = self.tranches.iter().filter(|tranche| !tranche.usable(at_ns));
        ended.map(|tranche| tranche.remaining).sum()
    }

    /// Instants at which credit ends.
    pub(crate) fn ends(&self) -> impl Iterator<Item = u64> {
        self.tranches.iter().filter_map(|tranche| tranche.expires_ns)
    }

    fn pinned(&mut self, giver: Giver) -> &mut Amount {
        match giver {
            Giver::Tranche(place) => &mut self.pinned[place],
            Giver::Overdraft(wallet) => &mut self.overdrafts[wallet].pinned,
        }
    }

    /// What is left of a tranche: of one that has ended, what is pinned.
    fn worth(&self, place: usize, at_ns: u64) -> Amount {
        let tranche = &self.tranches[place];
        if tranche.usable(at_ns) { tranche.remaining } else { self.pinned[place] }
    }

    fn posted(&self, wallet: usize, at_ns: u64) -> Amount {
        let of_wallet = (0..self.tranches.len()).filter(|place| self.tranches[*place].wallet == wallet);
        of_wallet.map(|place| self.worth(place, at_ns)).sum::<Amount>() - self.overdrafts[wallet].debt
    }

    fn held(&self, wallet: usize) -> Amount {
        let tranches = self.tranches.iter().zip(&self.pinned);
        let of_wallet = tranches.filter(|(tranche, _)| tranche.wallet == wallet);
        of_wallet.map(|(_, pinned)| *pinned).sum::<Amount>() + self.overdrafts[wallet].pinned
    }

    fn available(&self, wallet: usize, at_ns: u64) -> Amount {
        let own = self.posted(wallet, at_ns) - self.held(wallet);
        (own + self.overdrafts[wallet].limit).max(Amount::ZERO)
    }
}

/// The first so many credits of what there is.
pub(crate) fn first(there: impl Iterator<Item = (Giver, Amount)>, credits: Amount) -> Slices {
    let mut left = credits;
    let mut parts = Slices::new();
    for (giver, credits) in there {
        let part = left.min(credits);
        if part > Amount::ZERO {
            left = left - part;
            parts.insert(giver, part);
        }
    }
    parts
}
