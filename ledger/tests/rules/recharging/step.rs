//! One operation on the model: what is due, the operation or the recharge that lets it pass, what that sets off.

use std::collections::BTreeSet;

use coffer_ledger::alert::{AlertSettings, AlertState};
use coffer_ledger::auto_topup::AutoTopup;
use coffer_ledger::command::{
    Asked, AutoTopupChange, Charge, Command, CreateWallet, CreditReason, HoldAsked, OverCapture, Quantity,
    TopUp,
};
use coffer_ledger::ids::{RechargeId, WalletId};
use coffer_ledger::recharge::{RechargeReason, RechargeStatus};
use coffer_ledger::time::Timestamp;
use coffer_ledger::wallet::WalletStatus;

use super::guards::{Wanted, failures, price};
use super::model::{Chapter, End, Model, No, Pinned, Pot, Told};

impl Model {
    /// What the operation did beside its own effect; a refusal changes nothing.
    pub(crate) fn step(&mut self, command: &Command, now: Timestamp) -> Result<Told, No> {
        let mut next = self.clone();
        (next.touched, next.lacked) = (BTreeSet::new(), false);
        let (was_due, ended) = next.catch_up(now);
        let due_done = next.clone();
        if *command == Command::Tick && !was_due {
            return Err(No::Else);
        }
        let mut told = Told { ended, ..Told::default() };
        let acted = next.act(command, now, &mut told);
        if acted == Err(No::Else) {
            return Err(No::Else);
        }
        let mut lack = None;
        if acted == Err(No::Lack) || next.lacked {
            if let Some((index, rescued)) = due_done.rescued(command, now, &mut told) {
                told.before = Some(rescued.buys[index].clone());
                next = rescued;
            } else {
                // Usage has happened: it is as if it had been refused, and is not.
                acted?;
                lack = due_done.by_lack(command, now);
            }
        }
        next.end_with_its_wallet(command, now, &mut told);
        let touched = next.touched.clone();
        next.recharge_what_was_lowered(&due_done, lack, now, &mut told);
        next.judge(&due_done, &mut told);
        let shown = touched.iter().map(|wallet| next.pots[*wallet].alert).max();
        let shows = !matches!(command, Command::PlaceHold(_) | Command::Capture(_) | Command::Release { .. });
        told.alert = shows.then(|| shown.unwrap_or_default());
        *self = next;
        Ok(told)
    }

    /// What a request that was refused for lack of credit sets off by itself; `None` = nothing.
    pub(crate) fn refused(&mut self, command: &Command, now: Timestamp) -> Option<Told> {
        let mut next = self.clone();
        (next.touched, next.lacked) = (BTreeSet::new(), false);
        let (_, ended) = next.catch_up(now);
        let due_done = next.clone();
        let mut told = Told { ended, ..Told::default() };
        let (wallet, would_pass) = due_done.by_lack(command, now)?;
        let touched = next.touched.clone();
        match due_done.wanted_for(wallet, would_pass, now)? {
            Ok(credits) => {
                let index = next.begin(wallet, credits, now);
                told.after.push(next.buys[index].clone());
            }
            Err((by, until)) => {
                next.pots[wallet].story.push(Chapter::HeldBack(by));
                told.held_back.push((wallet, by, until));
            }
        }
        next.judge(&due_done, &mut told);
        told.alert = Some(touched.iter().map(|wallet| next.pots[*wallet].alert).max().unwrap_or_default());
        *self = next;
        Some(told)
    }

    /// Which wallet a lack of credit recharges, or finds held back for a new reason; and whether only as one amount lets the request pass.
    fn by_lack(&self, command: &Command, now: Timestamp) -> Option<(usize, bool)> {
        self.payers(command).into_iter().find_map(|wallet| {
            let wanted = self.wanted(wallet, now);
            if matches!(wanted, Some(Ok(_))) {
                return Some((wallet, false));
            }
            if let Some(Ok(credits)) = self.wanted_to_pass(wallet, now) {
                let mut paid = self.clone();
                let charged = price(credits, self.pots[wallet].rate);
                paid.enter_at((wallet, credits, 0, charged), (now, now), None);
                if paid.passes(command, now, &mut Told::default()) {
                    return Some((wallet, true));
                }
            }
            let is_news = matches!(wanted, Some(Err((by, _))) if self.is_news(wallet, by));
            is_news.then_some((wallet, false))
        })
    }

    fn wanted_for(&self, wallet: usize, would_pass: bool, now: Timestamp) -> Option<Wanted> {
        let to_pass = self.wanted_to_pass(wallet, now).filter(|to_pass| would_pass && to_pass.is_ok());
        match (self.wanted(wallet, now), to_pass) {
            (Some(Err(_)), Some(to_pass)) => Some(to_pass),
            (wanted, to_pass) => wanted.or(to_pass),
        }
    }

    /// Accepted, and nothing lacks.
    fn passes(&mut self, command: &Command, now: Timestamp, told: &mut Told) -> bool {
        self.act(command, now, told).is_ok() && !self.lacked
    }

    /// The recharge whose credit is there at once and lets the request pass.
    fn rescued(&self, command: &Command, now: Timestamp, told: &mut Told) -> Option<(usize, Self)> {
        self.payers(command).into_iter().find_map(|wallet| {
            let invoicing = self.pots[wallet].rule.as_ref()?.invoicing;
            if invoicing && !self.world.auto_complete {
                return None;
            }
            let either = [self.wanted(wallet, now), self.wanted_to_pass(wallet, now)];
            either.into_iter().flatten().flatten().find_map(|credits| {
                let mut ready = self.clone();
                let index = ready.begin(wallet, credits, now);
                ready.touched = self.touched.clone();
                ready.passes(command, now, told).then_some((index, ready))
            })
        })
    }

    /// The wallets that may pay what was asked, in order.
    fn payers(&self, command: &Command) -> Vec<usize> {
        match command {
            Command::Debit(ask) => self.charged(&ask.charge),
            Command::PlaceHold(ask) => self.charged(&ask.charge),
            Command::Event(ask) => self.charged(&ask.charge),
            Command::Capture(ask) => {
                self.hold(ask.hold).map_or(vec![], |hold| self.charged(&self.holds[hold].charge))
            }
            Command::Atomic(items) => {
                let (mut so_far, mut short) = (self.clone(), None);
                for item in items {
                    if so_far.act(item, Timestamp(0), &mut Told::default()).is_err() {
                        return self.payers(item);
                    }
                    short = short.or(so_far.lacked.then_some(item));
                }
                short.map_or(vec![], |item| self.payers(item))
            }
            _ => vec![],
        }
    }

    fn charged(&self, charge: &Charge) -> Vec<usize> {
        let meant = |wallet: &usize| charge.wallet.is_none_or(|id| self.pots[*wallet].id == id);
        (0..self.pots.len()).filter(meant).filter(|wallet| self.pots[*wallet].is_active()).collect()
    }

    fn end_with_its_wallet(&mut self, command: &Command, now: Timestamp, told: &mut Told) {
        let Command::Close { wallet, .. } = command else { return };
        let wallet = self.find(*wallet).expect("it was closed");
        for buy in 0..self.buys.len() {
            if self.buys[buy].wallet == wallet && self.buys[buy].is_waited_for() {
                let how = (RechargeStatus::Cancelled, Some(RechargeReason::WalletClosed));
                told.ended.push(self.end(buy, how, now));
            }
        }
    }

    /// With every operation that lowers own, and with usage that found too little; what is due by itself is none.
    fn recharge_what_was_lowered(
        &mut self,
        due_done: &Self,
        lack: Option<(usize, bool)>,
        now: Timestamp,
        told: &mut Told,
    ) {
        for wallet in 0..self.pots.len() {
            let was = if wallet < due_done.pots.len() { due_done.own(wallet) } else { 0 };
            let has_one = told.before.as_ref().is_some_and(|before| before.wallet == wallet);
            let lack = lack.filter(|(lacks, _)| *lacks == wallet);
            if has_one || (self.own(wallet) >= was && lack.is_none()) {
                continue;
            }
            match self.wanted_for(wallet, lack.is_some_and(|(_, would_pass)| would_pass), now) {
                Some(Ok(credits)) => {
                    let index = self.begin(wallet, credits, now);
                    told.after.push(self.buys[index].clone());
                }
                Some(Err((by, until))) if self.is_news(wallet, by) => {
                    told.held_back.push((wallet, by, until));
                    self.pots[wallet].story.push(Chapter::HeldBack(by));
                }
                Some(Err(_)) | None => {}
            }
        }
    }

    /// Alerts: after each instant of what was due, then after everything.
    fn judge(&mut self, due_done: &Self, told: &mut Told) {
        let mut steps = due_done.passed.clone();
        for wallet in 0..self.pots.len() {
            if self.warns(wallet) {
                steps.push((wallet, self.level(wallet), self.pots[wallet].posted()));
            } else {
                self.pots[wallet].alert = AlertState::Ok;
            }
        }
        for (wallet, to, posted) in steps {
            if !self.warns(wallet) {
                continue;
            }
            let from = std::mem::replace(&mut self.pots[wallet].alert, to);
            if from != to {
                told.alerts.push((wallet, from, to, posted));
            }
        }
    }

    fn act(&mut self, command: &Command, now: Timestamp, told: &mut Told) -> Result<(), No> {
        match command {
            Command::Tick => Ok(()),
            Command::CreateWallet(ask) => self.make(ask, now),
            Command::UpdateWallet(ask) => {
                let wallet = self.find_open(ask.wallet)?;
                self.set(wallet, ask.alerts.as_deref(), ask.auto_topup.as_deref());
                self.touched.insert(wallet);
                Ok(())
            }
            Command::TopUp(ask) => self.top_up(ask, now, told),
            Command::Debit(ask) => {
                let Asked::Credits(credits) = ask.asked else { return Err(No::Else) };
                for (wallet, part) in self.parts(&ask.charge, credits.0)? {
                    self.spend(wallet, part);
                }
                Ok(())
            }
            Command::PlaceHold(ask) => {
                let HoldAsked::Exactly(credits) = ask.asked else { return Err(No::Else) };
                let parts = self.parts(&ask.charge, credits.0)?;
                let burning = |(wallet, part): (usize, i128)| self.burning(wallet, part);
                let parts = parts.into_iter().flat_map(burning).collect();
                let expires_at = Timestamp(now.0 + u64::from(ask.expires_in_s) * 1_000_000_000);
                let draws = ask.over_capture == OverCapture::Draw;
                self.holds.push(Pinned { id: None, parts, charge: ask.charge.clone(), draws, expires_at });
                Ok(())
            }
            Command::Event(ask) => {
                self.draw(&ask.charge, ask.metered.quantity.0);
                Ok(())
            }
            Command::Capture(ask) => {
                let hold = self.hold(ask.hold)?;
                let pinned: i128 = self.holds[hold].parts.iter().map(|(_, credits)| credits).sum();
                if ask.credits.0 > pinned && !self.holds[hold].draws {
                    return Err(No::Else);
                }
                let mut rest = ask.credits.0;
                for at in 0..self.holds[hold].parts.len() {
                    let (block, credits) = self.holds[hold].parts[at];
                    let part = rest.min(credits);
                    if part > 0 {
                        self.holds[hold].parts[at].1 -= part;
                        self.spend_pinned(block, part);
                    }
                    rest -= part;
                }
                if rest > 0 {
                    let charge = self.holds[hold].charge.clone();
                    self.draw(&charge, rest);
                }
                if ask.last || rest > 0 {
                    self.let_go(hold);
                }
                Ok(())
            }
            Command::Release { hold, .. } => {
                let hold = self.hold(*hold)?;
                self.let_go(hold);
                Ok(())
            }
            Command::Freeze(wallet) => self.turn(*wallet, WalletStatus::Active, WalletStatus::Frozen),
            Command::Unfreeze(wallet) => self.turn(*wallet, WalletStatus::Frozen, WalletStatus::Active),
            Command::Close { wallet, .. } => self.close(*wallet),
            Command::CompleteRecharge(id) => self.complete(*id, now).map(|end| told.ended.push(end)),
            Command::FailRecharge { id, reason } => {
                self.fail(*id, *reason, now).map(|end| told.ended.push(end))
            }
            Command::CancelRecharge(id) => self.cancel(*id, now).map(|end| told.ended.push(end)),
            Command::ResumeAutoTopup(id) => {
                let wallet = self.find_open(*id)?;
                let pot = &mut self.pots[wallet];
                if pot.rule.is_none() || failures(pot).0 == 0 {
                    return Err(No::Else);
                }
                pot.story.push(Chapter::Resumed);
                Ok(())
            }
            Command::Atomic(items) => items.iter().try_for_each(|item| self.act(item, now, told)),
            other => panic!("no program asks for {other:?}"),
        }
    }

    fn hold(&self, id: coffer_ledger::ids::HoldId) -> Result<usize, No> {
        self.holds.iter().position(|hold| hold.id == Some(id)).ok_or(No::Else)
    }

    /// Who pays how much: wallets oldest first, none below nothing.
    fn parts(&self, charge: &Charge, credits: i128) -> Result<Vec<(usize, i128)>, No> {
        if let Some(id) = charge.wallet
            && !self.pots[self.find(id)?].is_active()
        {
            return Err(No::Else);
        }
        let (parts, rest) = self.found(charge, credits);
        if rest > 0 { Err(No::Lack) } else { Ok(parts) }
    }

    /// Who pays how much of it, and what nobody does.
    fn found(&self, charge: &Charge, credits: i128) -> (Vec<(usize, i128)>, i128) {
        let (mut rest, mut parts) = (credits, Vec::new());
        for wallet in self.charged(charge) {
            let part = self.own(wallet).clamp(0, rest);
            if part > 0 {
                parts.push((wallet, part));
                rest -= part;
            }
        }
        (parts, rest)
    }

    /// Usage that happened: what there is pays.
    fn draw(&mut self, charge: &Charge, credits: i128) {
        let (parts, rest) = self.found(charge, credits);
        parts.into_iter().for_each(|(wallet, part)| self.spend(wallet, part));
        self.lacked |= rest > 0;
    }

    fn make(&mut self, ask: &CreateWallet, now: Timestamp) -> Result<(), No> {
        let wallet = self.pots.len();
        self.pots.push(Pot {
            // What the ledger calls it is learnt later.
            id: WalletId(coffer_ledger::ids::ThingId::new(
                Timestamp(0),
                coffer_ledger::ids::CustomerNumber(0),
                wallet as u64,
            )),
            status: WalletStatus::Active,
            rate: ask.topup_conversion_rate.0,
            moves: Vec::new(),
            debt: 0,
            alerts: ask.rules.as_ref().and_then(|rules| rules.alerts.clone()),
            rule: ask.rules.as_ref().and_then(|rules| rules.auto_topup.clone()),
            alert: AlertState::Ok,
            base: ask.rules.as_ref().map(|_| ask.initial_credits.0),
            story: Vec::new(),
        });
        let initial = ask.initial_credits.0;
        self.enter_at((wallet, initial, initial, 0), (now, now), None);
        self.touched.insert(wallet);
        Ok(())
    }

    /// Alerts are replaced whole, of automatic top-up what is named. To switch off what never was sets nothing.
    fn set(&mut self, wallet: usize, alerts: Option<&AlertSettings>, change: Option<&AutoTopupChange>) {
        let pot = &mut self.pots[wallet];
        if let Some(alerts) = alerts.filter(|alerts| alerts.enabled || pot.alerts.is_some()) {
            pot.alerts = Some(alerts.clone());
        }
        if let Some(change) = change {
            pot.rule = match (&pot.rule, change.threshold) {
                (Some(rule), None) => {
                    Some(AutoTopup { enabled: change.enabled.unwrap_or(rule.enabled), ..rule.clone() })
                }
                (None, None) => None,
                (_, Some(threshold)) => Some(AutoTopup {
                    enabled: change.enabled.expect("named"),
                    threshold,
                    amount: change.amount.expect("named"),
                    invoicing: change.invoicing.expect("named"),
                    target_balance: change.target_balance.expect("named"),
                    cooldown_s: change.cooldown_s.expect("named"),
                    count_max: change.count_max.expect("named"),
                    amount_max: change.amount_max.expect("named"),
                    failures_max: change.failures_max.expect("named"),
                }),
            };
        }
        if pot.base.is_none() && (pot.alerts.is_some() || pot.rule.is_some()) {
            pot.base = Some(pot.posted());
        }
    }

    fn top_up(&mut self, ask: &TopUp, now: Timestamp, told: &mut Told) -> Result<(), No> {
        let wallet = self.find_open(ask.wallet)?;
        self.touched.insert(wallet);
        let Quantity::Credits(credits) = ask.quantity else { return Err(No::Else) };
        let bonus = ask.bonus.as_ref().map_or(0, |bonus| bonus.credits.0);
        let all = credits.0 + bonus;
        let when = (ask.effective_at.unwrap_or(now), now);
        let charged = price(credits.0, self.pots[wallet].rate);
        if ask.reason == CreditReason::PurchasedCreditInvoiced {
            let index = self.buy((wallet, all, bonus, charged), (false, true), when);
            told.asked = Some(self.buys[index].clone());
        } else {
            self.enter_at((wallet, all, bonus, charged), when, None);
        }
        Ok(())
    }

    fn turn(&mut self, id: WalletId, from: WalletStatus, to: WalletStatus) -> Result<(), No> {
        let wallet = self.find_open(id)?;
        if self.pots[wallet].status != from {
            return Err(No::Else);
        }
        self.pots[wallet].status = to;
        self.touched.insert(wallet);
        Ok(())
    }

    /// Holds are let go, nothing is left, nothing comes any more.
    fn close(&mut self, id: WalletId) -> Result<(), No> {
        let wallet = self.find_open(id)?;
        let is_of = |model: &Self, hold: &Pinned| {
            hold.parts.iter().any(|(block, left)| *left > 0 && model.blocks[*block].wallet == wallet)
        };
        while let Some(hold) = self.holds.iter().position(|hold| is_of(self, hold)) {
            self.let_go(hold);
        }
        self.coming.retain(|coming| coming.wallet != wallet);
        let posted = self.pots[wallet].posted();
        self.pots[wallet].moves.push(-posted);
        self.pots[wallet].debt = 0;
        self.blocks.iter_mut().filter(|block| block.wallet == wallet).for_each(|block| block.left = 0);
        self.pots[wallet].status = WalletStatus::Closed;
        self.touched.insert(wallet);
        Ok(())
    }

    fn bought(&self, id: RechargeId) -> Result<usize, No> {
        self.buys.iter().position(|buy| buy.id == Some(id)).ok_or(No::Else)
    }

    fn complete(&mut self, id: RechargeId, now: Timestamp) -> Result<End, No> {
        let index = self.bought(id)?;
        let buy = &self.buys[index];
        let is_gone = self.pots[buy.wallet].status == WalletStatus::Closed && !buy.trusted;
        if buy.status != RechargeStatus::Pending || is_gone {
            return Err(No::Else);
        }
        Ok(self.end(index, (RechargeStatus::Completed, None), now))
    }

    fn fail(&mut self, id: RechargeId, reason: RechargeReason, now: Timestamp) -> Result<End, No> {
        let index = self.bought(id)?;
        let buy = &self.buys[index];
        let late = buy.status == RechargeStatus::Completed && buy.trusted;
        if buy.status != RechargeStatus::Pending && !late {
            return Err(No::Else);
        }
        Ok(self.end(index, (RechargeStatus::Failed, Some(reason)), now))
    }

    fn cancel(&mut self, id: RechargeId, now: Timestamp) -> Result<End, No> {
        let index = self.bought(id)?;
        if !self.buys[index].is_waited_for() {
            return Err(No::Else);
        }
        Ok(self.end(index, (RechargeStatus::Cancelled, Some(RechargeReason::Cancelled)), now))
    }
}
