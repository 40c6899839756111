//! What happens by itself: starts, deadlines, ends, what goes on into a next period, periods that begin (§8, §13).

use coffer_ledger::hold::HoldStatus;
use coffer_ledger::time::Timestamp;

use super::Model;
use super::outcome::Happened;
use super::state::burns_before;

/// Something that happens by itself. The order is that of happening at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Coming {
    Start(usize),
    Deadline(usize),
    Roll(usize),
    End(usize),
    /// By the order of grants.
    Period((bool, usize, usize), usize),
}

impl Model {
    /// As [`Model::catch_up_in_parts`], with every end of a hold whole.
    pub(crate) fn catch_up(&mut self, now: Timestamp, at_most: usize) -> Vec<Happened> {
        self.catch_up_in_parts(now, at_most, usize::MAX)
    }

    /// Lets time pass: starts and ends in the order of their instants, then by wallet, then in burn order. A hold that pins more than
    /// `pins` gives back that many, and nothing that comes after it happens before the rest of it.
    pub(crate) fn catch_up_in_parts(&mut self, now: Timestamp, at_most: usize, pins: usize) -> Vec<Happened> {
        let mut happened = Vec::new();
        while happened.len() < at_most {
            let Some((at, coming)) = self.next_event().filter(|(at, _)| *at <= now) else { break };
            if let Coming::Deadline(hold) = coming
                && self.holds[hold].pins.len() > pins
            {
                happened.push(Happened::HoldEnded(self.end_hold_in_part(hold, pins, at)));
                break;
            }
            happened.push(match coming {
                Coming::Start(tranche) => self.start(tranche, at),
                Coming::Deadline(hold) => Happened::HoldEnded(self.end_hold(hold, HoldStatus::Expired, at)),
                Coming::Roll(tranche) => self.roll_over(tranche, at),
                Coming::End(tranche) => self.expire(tranche, at),
                Coming::Period(_, giving) => self.mint(giving, at),
            });
        }
        happened
    }

    /// When the next thing happens by itself.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.next_event().map(|(at, _)| at)
    }

    /// The next thing that happens by itself. At one instant: starts, deadlines, what goes on into a next period, ends, periods that begin.
    fn next_event(&self) -> Option<(Timestamp, Coming)> {
        let of_tranche = |tranche: usize| {
            let block = &self.tranches[tranche];
            match (block.is_live(), block.started) {
                (false, _) => None,
                (true, false) => Some((block.effective_at, Coming::Start(tranche))),
                (true, true) if !self.unpinned(tranche).is_positive() => None,
                (true, true) => block.expires_at.map(|end| {
                    let rolls = self.rolls(tranche).is_some();
                    (end, if rolls { Coming::Roll(tranche) } else { Coming::End(tranche) })
                }),
            }
        };
        let mut coming: Vec<_> = (0..self.tranches.len()).filter_map(of_tranche).collect();
        let open = self.holds.iter().enumerate().filter(|(_, hold)| hold.is_open());
        coming.extend(open.map(|(at, hold)| (hold.expires_at, Coming::Deadline(at))));
        coming.extend(self.coming_periods());
        coming.sort_by(|a, b| a.0.cmp(&b.0).then(self.comes_before(a.1, b.1)));
        coming.first().copied()
    }

    fn comes_before(&self, a: Coming, b: Coming) -> std::cmp::Ordering {
        match (a, b) {
            (Coming::Start(a), Coming::Start(b))
            | (Coming::Roll(a), Coming::Roll(b))
            | (Coming::End(a), Coming::End(b)) => {
                let (first, second) = (&self.tranches[a], &self.tranches[b]);
                first.wallet.cmp(&second.wallet).then(burns_before((a, first), (b, second)))
            }
            _ => a.cmp(&b),
        }
    }

    fn expire(&mut self, tranche: usize, at: Timestamp) -> Happened {
        let wallet = self.tranches[tranche].wallet;
        let before = self.posted(wallet);
        let credits = self.unpinned(tranche);
        self.tranches[tranche].left.push(credits.clone());
        self.tranches[tranche].unused.push(credits.clone());
        let row = self.write_row(wallet, before);
        self.line(wallet, "debit", "CREDIT_EXPIRED", &credits, Some(row.clone()));
        Happened::Expired { tranche, at, credits, row }
    }

    fn start(&mut self, tranche: usize, at: Timestamp) -> Happened {
        let wallet = self.tranches[tranche].wallet;
        let before = self.posted(wallet);
        let credits = self.tranches[tranche].original.clone();
        self.tranches[tranche].started = true;
        let repaid = self.repay(tranche);
        let row = self.write_row(wallet, before);
        self.line(wallet, "credit", "SCHEDULED_CREDIT", &credits, Some(row.clone()));
        Happened::Started { tranche, at, credits, repaid, row }
    }
}
