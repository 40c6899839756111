//! What every call should have done to its customer: holds, captures, draws, overdrafts, shortfalls, deadlines. An own and plain
//! computation on own arithmetic ([`crate::demo::decimal`]); it shares no code with the ledger.

use std::collections::{BTreeMap, BTreeSet};

use super::call::{Call, Move, Policy};
use super::pool::{Giver, Pool, Slices, first};
use crate::demo::decimal::Amount;
use crate::demo::setup::Account;
use crate::demo::standing::Standing;

/// How far a hold is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Open,
    Captured,
    Released,
    Expired,
}

/// A hold as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) status: Status,
    pub(crate) policy: Policy,
    /// All that was pinned for it.
    pub(crate) credits: Amount,
    pub(crate) captured: Amount,
    pub(crate) released: Amount,
    /// What it pins now.
    pub(crate) pins: Slices,
    pub(crate) expires_ns: u64,
}

/// What an accepted capture should say beside the hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) captured_now: Amount,
    /// Of it, beyond the hold.
    pub(crate) drawn: Amount,
    pub(crate) shortfall: Amount,
}

/// What a refusal should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Insufficient { required: Amount, available: Amount },
    OverCapture { held: Amount, asked: Amount },
    Closed,
    Expired,
}

/// A customer as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) pool: Pool,
    /// By row; what is closed stays.
    holds: BTreeMap<usize, Hold>,
    /// Of `holds`, those that are open.
    open: BTreeSet<usize>,
    /// Used and not paid.
    pub(crate) uncollected: Amount,
    /// Captured from credit that had ended while it was pinned.
    pub(crate) outlived: Amount,
    /// Given back to credit that had ended, and so gone.
    pub(crate) lapsed: Amount,
}

impl Status {
    /// The API's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Captured => "captured",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

impl Hold {
    /// What it pins now.
    pub(crate) fn held(&self) -> Amount {
        self.pins.values().copied().sum()
    }
}

impl Book {
    /// Nothing held yet; the first wallet may be overdrawn so far.
    pub(crate) fn new(account: &Account, limit: Amount) -> Self {
        Self {
            pool: Pool::new(account, limit),
            holds: BTreeMap::new(),
            open: BTreeSet::new(),
            uncollected: Amount::ZERO,
            outlived: Amount::ZERO,
            lapsed: Amount::ZERO,
        }
    }

    /// The hold of a row.
    pub(crate) fn hold(&self, row: usize) -> Option<&Hold> {
        self.holds.get(&row)
    }

    /// The rows whose holds ended by themselves.
    pub(crate) fn expired(&self) -> impl Iterator<Item = (usize, &Hold)> {
        let holds = self.holds.iter().map(|(row, hold)| (*row, hold));
        holds.filter(|(_, hold)| hold.status == Status::Expired)
    }

    /// Lets time pass: holds whose deadline has come are gone.
    pub(crate) fn pass(&mut self, at_ns: u64) {
        let is_due = |row: &&usize| self.holds[row].expires_ns <= at_ns;
        let due: Vec<_> = self.open.iter().filter(is_due).copied().collect();
        for row in due {
            let deadline_ns = self.holds[&row].expires_ns;
            self.close(row, Status::Expired, deadline_ns);
        }
    }

    /// Instants in `from_ns..=to_ns` from which on something is different.
    pub(crate) fn turns(&self, from_ns: u64, to_ns: u64) -> impl Iterator<Item = u64> {
        let deadlines = self.open.iter().map(|row| self.holds[row].expires_ns);
        self.pool.ends().chain(deadlines).filter(move |at_ns| (from_ns..=to_ns).contains(at_ns))
    }

    /// Does what a call asks at an instant, or says why not and changes nothing but what time did.
    pub(crate) fn act(&mut self, call: Call, asked: Move, at_ns: u64) -> Result<Option<Taken>, Refusal> {
        self.pass(at_ns);
        match asked {
            Move::Place => self.place(call, at_ns)?,
            Move::Capture { credits, last } => {
                return self.capture(call.row(), credits, last, at_ns).map(Some);
            }
            Move::Grow { credits } => self.grow(call.row(), credits, at_ns)?,
            Move::Extend { seconds } => self.opened(call.row())?.expires_ns = after(at_ns, seconds),
            Move::Release => {
                self.opened(call.row())?;
                self.close(call.row(), Status::Released, at_ns);
            }
        }
        Ok(None)
    }

    /// What the customer should have at an instant.
    pub(crate) fn standing(&self, at_ns: u64) -> Standing {
        let mut at = self.clone();
        at.pass(at_ns);
        at.pool.standing(at_ns)
    }

    fn place(&mut self, call: Call, at_ns: u64) -> Result<(), Refusal> {
        let (least, most) = call.asked();
        let found = self.pool.find(most, true, at_ns);
        let credits: Amount = found.values().copied().sum();
        if credits < least {
            return Err(Refusal::Insufficient { required: least, available: credits });
        }
        let hold = Hold {
            status: Status::Open,
            policy: call.policy(),
            credits,
            captured: Amount::ZERO,
            released: Amount::ZERO,
            pins: Slices::new(),
            expires_ns: after(at_ns, call.expires_in_s()),
        };
        self.holds.insert(call.row(), hold);
        self.open.insert(call.row());
        self.pin(call.row(), found);
        Ok(())
    }

    fn grow(&mut self, row: usize, credits: Amount, at_ns: u64) -> Result<(), Refusal> {
        self.opened(row)?;
        let found = self.pool.find(credits, true, at_ns);
        let available = found.values().copied().sum();
        if available < credits {
            return Err(Refusal::Insufficient { required: credits, available });
        }
        let hold = self.opened(row)?;
        hold.credits = hold.credits + credits;
        self.pin(row, found);
        Ok(())
    }

    fn capture(&mut self, row: usize, credits: Amount, last: bool, at_ns: u64) -> Result<Taken, Refusal> {
        let hold = self.opened(row)?;
        let (held, policy) = (hold.held(), hold.policy);
        let beyond = (credits - held).max(Amount::ZERO);
        if beyond > Amount::ZERO && policy == Policy::Reject {
            return Err(Refusal::OverCapture { held, asked: credits });
        }
        let pins = hold.pins.clone().into_iter();
        let drawn = self.pool.find(beyond, policy == Policy::Overdraft, at_ns);
        for (giver, part) in first(pins, credits - beyond) {
            self.unpin(row, giver, part);
            self.pool.spend(giver, part);
            if self.pool.has_ended(giver, at_ns) {
                self.outlived = self.outlived + part;
            }
        }
        drawn.iter().for_each(|(giver, part)| self.pool.spend(*giver, *part));
        let drawn = drawn.values().copied().sum();
        let shortfall = beyond - drawn;
        let captured_now = credits - shortfall;
        self.uncollected = self.uncollected + shortfall;
        let hold = self.opened(row)?;
        hold.captured = hold.captured + captured_now;
        if last || beyond > Amount::ZERO {
            self.close(row, Status::Captured, at_ns);
        }
        Ok(Taken { captured_now, drawn, shortfall })
    }

    /// Gives back what is still pinned; what goes to credit that has ended is gone.
    fn close(&mut self, row: usize, status: Status, at_ns: u64) {
        for (giver, credits) in self.holds[&row].pins.clone() {
            self.unpin(row, giver, credits);
            if self.pool.has_ended(giver, at_ns) {
                self.lapsed = self.lapsed + credits;
            }
            let hold = self.at(row);
            hold.released = hold.released + credits;
        }
        self.at(row).status = status;
        self.open.remove(&row);
    }

    /// A hold that is there.
    fn at(&mut self, row: usize) -> &mut Hold {
        self.holds.get_mut(&row).expect("whoever asks has placed it")
    }

    fn opened(&mut self, row: usize) -> Result<&mut Hold, Refusal> {
        let hold = self.holds.get_mut(&row).ok_or(Refusal::Closed)?;
        match hold.status {
            Status::Open => Ok(hold),
            Status::Expired => Err(Refusal::Expired),
            Status::Captured | Status::Released => Err(Refusal::Closed),
        }
    }

    fn pin(&mut self, row: usize, slices: Slices) {
        for (giver, credits) in slices {
            self.pool.pin(giver, credits);
            let pin = self.at(row).pins.entry(giver).or_default();
            *pin = *pin + credits;
        }
    }

    fn unpin(&mut self, row: usize, giver: Giver, credits: Amount) {
        self.pool.unpin(giver, credits);
        let pins = &mut self.at(row).pins;
        let left = pins[&giver] - credits;
        pins.insert(giver, left);
        pins.retain(|_, left| *left > Amount::ZERO);
    }
}

fn after(at_ns: u64, seconds: u32) -> u64 {
    at_ns + u64::from(seconds) * 1_000_000_000
}
