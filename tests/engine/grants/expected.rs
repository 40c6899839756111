//! What must have been minted, computed from the rule's text and nothing of the engine's.

use coffer_ledger::amount::ONE;
use coffer_ledger::grant::{Cadence, Life, Rule};

use super::calendar::{DAY_S, Place};

const NS: i64 = 1_000_000_000;

/// A grant as a customer got it.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) rule: Rule,
    pub(crate) place: Place,
    /// The subscription's own start, in nanoseconds.
    pub(crate) start: Option<u64>,
    /// Since when it counts, in nanoseconds.
    pub(crate) enrolled_at: u64,
    /// The credits of periods that begin at this instant or later, for each change.
    pub(crate) changes: Vec<(u64, i128)>,
}

/// A tranche that a period must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Minted {
    pub(crate) period: u32,
    pub(crate) at: u64,
    pub(crate) credits: i128,
    pub(crate) expires_at: Option<u64>,
}

/// What a grant must have done up to an instant.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) minted: Vec<Minted>,
    /// What went on into a period from the one before, in which nothing was spent.
    pub(crate) rolled: Vec<Minted>,
}

impl Done {
    /// What of it can be spent at an instant.
    pub(crate) fn usable(&self, now: u64) -> i128 {
        let all = self.minted.iter().chain(&self.rolled);
        let live = all.filter(|minted| minted.at <= now && minted.expires_at.is_none_or(|end| now < end));
        live.map(|minted| minted.credits).sum()
    }
}

impl Given {
    /// Everything that began by `now`.
    pub(crate) fn done(&self, now: u64) -> Done {
        match self.rule.cadence {
            Cadence::OneTime => self.once(now),
            Cadence::Recurring(_) => self.recurring(now),
        }
    }

    fn once(&self, now: u64) -> Done {
        let at = self.rule.start.map_or(self.enrolled_at, |start| start.0.max(self.enrolled_at));
        let mut done = Done::default();
        if at <= now {
            let from = if self.rule.start.is_some() { at } else { self.anchor().0.min(self.enrolled_at) };
            let expires_at = self.life_end(from, at, None);
            done.minted.push(Minted { period: 0, at, credits: self.credits_at(at), expires_at });
        }
        done
    }

    fn recurring(&self, now: u64) -> Done {
        let mut done = Done::default();
        for period in 0.. {
            let (begins, ends) = (self.boundary(period), self.boundary(period + 1));
            if period > 0 && begins > now {
                break;
            }
            let at = begins.max(self.enrolled_at);
            // Who comes later enters the period that runs then.
            if ends <= self.enrolled_at || at > now || self.rule.end.is_some_and(|end| at >= end.0) {
                continue;
            }
            let credits = self.prorated(begins, at, ends);
            let from = if self.rule.start.is_some() { at } else { begins };
            let expires_at = self.life_end(from, at, Some(ends));
            if let Some(rolled) = done.minted.last().and_then(|before| self.rolled(before, period, at, ends))
            {
                done.rolled.push(rolled);
            }
            if credits > 0 {
                done.minted.push(Minted { period, at, credits, expires_at });
            }
        }
        done
    }

    fn rolled(&self, before: &Minted, period: u32, at: u64, ends: u64) -> Option<Minted> {
        let rollover = self.rule.rollover?;
        let share = before.credits * rollover.share.0 / ONE;
        let credits = rollover.cap.map_or(share, |cap| share.min(cap.0));
        let expires_at = match rollover.life {
            Life::Never => None,
            Life::Period => Some(ends),
            Life::After(span) => Some(self.plus(at, span)),
        };
        (credits > 0).then_some(Minted { period, at, credits, expires_at })
    }

    fn credits_at(&self, at: u64) -> i128 {
        let last = self.changes.iter().rfind(|(since, _)| at >= *since);
        last.map_or(self.rule.credits.0, |(_, credits)| *credits)
    }

    fn prorated(&self, begins: u64, at: u64, ends: u64) -> i128 {
        let credits = self.credits_at(at);
        if !self.rule.prorated || at == begins {
            return credits;
        }
        let day = |at: u64| self.place.day(seconds(at));
        let (days, left) = (day(ends) - day(begins), day(ends) - day(at));
        if days == 0 { credits } else { credits * i128::from(left) / i128::from(days) }
    }

    fn life_end(&self, from: u64, at: u64, ends: Option<u64>) -> Option<u64> {
        match self.rule.life {
            Life::Never => None,
            Life::Period => ends,
            Life::After(span) => {
                Some(self.plus(from, span)).filter(|end| *end > at).or_else(|| Some(self.plus(at, span)))
            }
        }
    }

    /// When period 0 begins, and what clocks show then, in seconds.
    fn anchor(&self) -> (u64, i64) {
        match self.rule.start.map(|start| start.0).or(self.start) {
            Some(start) => (start, self.place.local(seconds(start))),
            None => {
                let midnight = self.place.day(seconds(self.enrolled_at)) * DAY_S;
                (nanoseconds(self.place.instant(midnight)), midnight)
            }
        }
    }

    fn boundary(&self, period: u32) -> u64 {
        let Cadence::Recurring(span) = self.rule.cadence else { panic!("no periods") };
        let (at, local) = self.anchor();
        nanoseconds(self.place.later((seconds(at), local), span, i64::from(period)))
    }

    fn plus(&self, at: u64, span: coffer_ledger::calendar::Span) -> u64 {
        let within_second = at % 1_000_000_000;
        let at = seconds(at);
        nanoseconds(self.place.later((at, self.place.local(at)), span, 1)) + within_second
    }
}

fn seconds(at: u64) -> i64 {
    i64::try_from(at).unwrap() / NS
}

fn nanoseconds(at: i64) -> u64 {
    u64::try_from(at * NS).unwrap()
}
