//! SEMANTICS §11 and §12 once more, written from that page alone, over wallets that are nothing but sums.
//!
//! Every figure is added up anew from all that ever happened to the wallet, and an operation works on a copy of everything. Credit here
//! never expires and every charge fits all of it: which of it is spent and pinned ([`super::blocks`]) counts only where a payment fails.

use std::collections::BTreeSet;

use coffer_ledger::alert::{AlertSettings, AlertState};
use coffer_ledger::auto_topup::{AutoTopup, HeldBackBy};
use coffer_ledger::command::Charge;
use coffer_ledger::ids::{HoldId, RechargeId, WalletId};
use coffer_ledger::recharge::{RechargeReason, RechargeStatus};
use coffer_ledger::time::Timestamp;
use coffer_ledger::wallet::WalletStatus;

use super::alerts::level;
use super::blocks::Block;

/// A wallet.
#[derive(Clone, Debug)]
pub(crate) struct Pot {
    pub(crate) id: WalletId,
    pub(crate) status: WalletStatus,
    /// Money per credit when buying, in 10⁻¹⁵.
    pub(crate) rate: i128,
    /// Everything that ever moved posted.
    pub(crate) moves: Vec<i128>,
    /// What is owed.
    pub(crate) debt: i128,
    pub(crate) alerts: Option<AlertSettings>,
    pub(crate) rule: Option<AutoTopup>,
    /// What the alert is, and what percent are of; from the first rule on.
    pub(crate) alert: AlertState,
    pub(crate) base: Option<i128>,
    /// What automatic top-up did and did not do, oldest first.
    pub(crate) story: Vec<Chapter>,
}

impl Pot {
    pub(crate) fn posted(&self) -> i128 {
        self.moves.iter().sum()
    }

    pub(crate) fn is_active(&self) -> bool {
        self.status == WalletStatus::Active
    }
}

/// Of automatic recharges of one wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chapter {
    /// One began; whether it counted as paid at once.
    Began {
        paid: bool,
    },
    Paid,
    Failed(Timestamp),
    Resumed,
    HeldBack(HeldBackBy),
}

/// A purchase that is paid somewhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Buy {
    pub(crate) id: Option<RechargeId>,
    pub(crate) wallet: usize,
    pub(crate) auto: bool,
    pub(crate) invoiced: bool,
    /// Its credit is there though nobody has proved that it is paid.
    pub(crate) trusted: bool,
    pub(crate) status: RechargeStatus,
    /// With its bonus, and that alone.
    pub(crate) credits: i128,
    pub(crate) bonus: i128,
    pub(crate) charged: i128,
    pub(crate) begun_at: Timestamp,
    /// When its credit counts, once it is there.
    pub(crate) effective_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Buy {
    pub(crate) fn is_waited_for(&self) -> bool {
        self.status == RechargeStatus::Pending && !self.trusted
    }
}

/// An open hold: what it pins, by block, in the order in which a capture takes it, and whether a capture of more draws on whom it charges.
#[derive(Clone, Debug)]
pub(crate) struct Pinned {
    pub(crate) id: Option<HoldId>,
    pub(crate) parts: Vec<(usize, i128)>,
    pub(crate) charge: Charge,
    pub(crate) draws: bool,
    pub(crate) expires_at: Timestamp,
}

/// How a purchase ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) buy: usize,
    pub(crate) status: RechargeStatus,
    pub(crate) reason: Option<RechargeReason>,
    pub(crate) at: Timestamp,
}

/// What an operation told beside its own effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The purchase that was asked for.
    pub(crate) asked: Option<Buy>,
    pub(crate) before: Option<Buy>,
    pub(crate) after: Vec<Buy>,
    pub(crate) ended: Vec<End>,
    pub(crate) held_back: Vec<(usize, HeldBackBy, Option<Timestamp>)>,
    /// Wallet, from, to, posted.
    pub(crate) alerts: Vec<(usize, AlertState, AlertState, i128)>,
    /// The most severe alert of the wallets that it touched; `None` = nobody is told.
    pub(crate) alert: Option<AlertState>,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum No {
    Lack,
    Else,
}

/// What does not change during a program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    /// How many hours the customer's clocks are ahead of UTC.
    pub(crate) hours_ahead: i64,
    pub(crate) auto_complete: bool,
    pub(crate) payment_result: bool,
    pub(crate) pending_expires_in_s: u64,
}

/// A customer.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) world: World,
    pub(crate) pots: Vec<Pot>,
    pub(crate) holds: Vec<Pinned>,
    /// Credit that is there and does not count yet.
    pub(crate) coming: Vec<Block>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) buys: Vec<Buy>,
    /// Wallets that the operation under way touched.
    pub(crate) touched: BTreeSet<usize>,
    /// What alerts were after each instant of what was due: wallet, level, posted.
    pub(crate) passed: Vec<(usize, AlertState, i128)>,
    /// Whether it is usage that happened and found too little.
    pub(crate) lacked: bool,
}

impl Model {
    pub(crate) const fn new(world: World) -> Self {
        Self {
            world,
            pots: Vec::new(),
            holds: Vec::new(),
            coming: Vec::new(),
            blocks: Vec::new(),
            buys: Vec::new(),
            touched: BTreeSet::new(),
            passed: Vec::new(),
            lacked: false,
        }
    }

    pub(crate) fn held(&self, wallet: usize) -> i128 {
        let parts = self.holds.iter().flat_map(|hold| &hold.parts);
        parts.filter(|(of, _)| self.blocks[*of].wallet == wallet).map(|(_, credits)| credits).sum()
    }

    pub(crate) fn own(&self, wallet: usize) -> i128 {
        self.pots[wallet].posted() - self.held(wallet)
    }

    /// Bought and not paid (§1).
    pub(crate) fn pending(&self, wallet: usize) -> i128 {
        let open = self.buys.iter().filter(|buy| buy.wallet == wallet && buy.is_waited_for());
        open.map(|buy| buy.credits).sum()
    }

    pub(crate) fn find(&self, id: WalletId) -> Result<usize, No> {
        self.pots.iter().position(|pot| pot.id == id).ok_or(No::Else)
    }

    pub(crate) fn find_open(&self, id: WalletId) -> Result<usize, No> {
        let wallet = self.find(id)?;
        if self.pots[wallet].status == WalletStatus::Closed { Err(No::Else) } else { Ok(wallet) }
    }

    /// When the next thing happens by itself.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let starts = self.coming.iter().map(|coming| coming.effective_at);
        let deadlines = self.holds.iter().map(|hold| hold.expires_at);
        let waited_for = self.buys.iter().filter(|buy| buy.status == RechargeStatus::Pending);
        starts.chain(deadlines).chain(waited_for.filter_map(|buy| buy.expires_at)).min()
    }

    /// Everything that is due by itself.
    pub(crate) fn catch_up(&mut self, now: Timestamp) -> (bool, Vec<End>) {
        let (mut anything, mut ended) = (false, Vec::new());
        self.passed.clear();
        while let Some(at) = self.next_due().filter(|at| *at <= now) {
            anything = true;
            while let Some(index) = self.coming.iter().position(|coming| coming.effective_at == at) {
                let coming = self.coming.remove(index);
                self.enter(coming);
            }
            while let Some(hold) = self.holds.iter().position(|hold| hold.expires_at == at) {
                self.let_go(hold);
            }
            for buy in 0..self.buys.len() {
                if self.buys[buy].status == RechargeStatus::Pending && self.buys[buy].expires_at == Some(at) {
                    let how = (RechargeStatus::Failed, Some(RechargeReason::Expired));
                    ended.push(self.end(buy, how, at));
                }
            }
            let warn = (0..self.pots.len()).filter(|wallet| self.pots[*wallet].alerts.is_some());
            let levels: Vec<_> =
                warn.map(|wallet| (wallet, self.level(wallet), self.pots[wallet].posted())).collect();
            self.passed.extend(levels);
        }
        (anything, ended)
    }

    /// Credit comes in: what percent are of is what is there then.
    fn enter(&mut self, block: Block) {
        let wallet = block.wallet;
        self.touched.insert(wallet);
        self.come(block);
        let pot = &mut self.pots[wallet];
        if pot.base.is_some() {
            pot.base = Some(pot.posted());
        }
    }

    /// Credit of a purchase or of a top-up comes in, or is there from later on.
    pub(crate) fn enter_at(
        &mut self,
        (wallet, credits, bonus, charged): (usize, i128, i128, i128),
        (effective_at, now): (Timestamp, Timestamp),
        of_buy: Option<usize>,
    ) {
        for (credits, free) in [(credits - bonus, charged == 0), (bonus, true)] {
            let block =
                Block { wallet, of_buy, free, effective_at, original: credits, left: credits, unpaid: false };
            if credits == 0 {
                continue;
            }
            if effective_at > now {
                self.coming.push(block);
            } else {
                self.enter(block);
            }
        }
    }

    /// A purchase ends; each ends once, whoever asks.
    pub(crate) fn end(
        &mut self,
        index: usize,
        (status, reason): (RechargeStatus, Option<RechargeReason>),
        at: Timestamp,
    ) -> End {
        let was_there = self.buys[index].trusted;
        let buy = &mut self.buys[index];
        (buy.status, buy.trusted) = (status, false);
        let buy = self.buys[index].clone();
        match status {
            RechargeStatus::Completed if !was_there => {
                let what = (buy.wallet, buy.credits, buy.bonus, buy.charged);
                self.enter_at(what, (buy.effective_at, at), Some(index));
            }
            RechargeStatus::Failed if was_there && self.pots[buy.wallet].status != WalletStatus::Closed => {
                self.coming.retain(|coming| coming.of_buy != Some(index));
                self.take_back(index);
            }
            RechargeStatus::Pending
            | RechargeStatus::Completed
            | RechargeStatus::Failed
            | RechargeStatus::Cancelled => {}
        }
        if buy.auto {
            let story = &mut self.pots[buy.wallet].story;
            match status {
                RechargeStatus::Completed => story.push(Chapter::Paid),
                RechargeStatus::Failed => story.push(Chapter::Failed(at)),
                RechargeStatus::Pending | RechargeStatus::Cancelled => {}
            }
        }
        End { buy: index, status, reason, at }
    }

    /// What the alert of a wallet should be: nothing if it is switched off, or the wallet is closed.
    pub(crate) fn level(&self, wallet: usize) -> AlertState {
        let pot = &self.pots[wallet];
        if pot.status == WalletStatus::Closed {
            return AlertState::Ok;
        }
        let base = pot.base.unwrap_or_default();
        pot.alerts.as_ref().map_or(AlertState::Ok, |alerts| level(alerts, pot.posted(), base))
    }

    pub(crate) fn warns(&self, wallet: usize) -> bool {
        self.pots[wallet].alerts.as_ref().is_some_and(|alerts| alerts.enabled)
    }
}
