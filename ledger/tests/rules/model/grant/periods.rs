//! What a period does when it begins: it takes over what is left of the one before, and mints its own.

use coffer_ledger::command::CreditReason;
use coffer_ledger::grant::{Cadence, Life, Rule};
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Source;
use coffer_ledger::unit::{Currency, PriceType};
use coffer_ledger::wallet::{WalletStatus, WalletType};

use super::dates::{boundary, plus};
use super::{DAY, Giving, within};
use crate::model::Model;
use crate::model::credit::new_block;
use crate::model::number::{DIGITS, Q, leaves_12_digits};
use crate::model::outcome::{Credited, Happened};
use crate::model::state::{Block, Purse};

impl Model {
    /// The grant whose next period takes over what is left of a tranche that ends when it begins, and how much.
    pub(in crate::model) fn rolls(&self, tranche: usize) -> Option<(usize, Q)> {
        let end = self.tranches[tranche].expires_at?;
        let giving = self.open_givings().find(|giving| {
            let giving = &self.givings[*giving];
            let has_rolled =
                giving.minted.iter().any(|(_, period, rolled)| *rolled && *period == giving.period);
            giving.next_at == Some(end)
                && giving.rule.rollover.is_some()
                && !has_rolled
                && giving.minted.iter().any(|(minted, _, rolled)| *minted == tranche && !rolled)
        })?;
        let rollover = self.givings[giving].rule.rollover.as_ref()?;
        let share = (&self.unpinned(tranche) * &Q::raw(rollover.share.0)).down(DIGITS);
        let carried = rollover.cap.map_or(share.clone(), |cap| share.min(Q::raw(cap.0)));
        carried.is_positive().then_some((giving, carried))
    }

    pub(in crate::model) fn roll_over(&mut self, from: usize, at: Timestamp) -> Happened {
        let (giving, credits) = self.rolls(from).expect("it was found coming");
        let (period, next) = (self.givings[giving].period, self.after(giving));
        let rollover = self.givings[giving].rule.rollover.expect("it rolls");
        let old = self.tranches[from].clone();
        let expires_at = match rollover.life {
            Life::Never => None,
            Life::After(span) => Some(Timestamp(plus(at.0, span, self.ahead(&self.givings[giving])))),
            Life::Period => Some(Timestamp(next.1)),
        };
        let paid = self.tranches[from].share_of_next(&credits);
        let before = self.posted(old.wallet);
        self.tranches[from].left.push(credits.clone());
        let out = self.write_row(old.wallet, before);
        self.line(old.wallet, "debit", "ROLLOVER", &credits, Some(out.clone()));
        let before = self.posted(old.wallet);
        let plain = new_block(old.wallet, CreditReason::SubscriptionCreditGrant, credits.clone(), paid, at);
        let (source, started) = (Source::Rollover, true);
        let block = Block { priority: old.priority, scope: old.scope, source, expires_at, started, ..plain };
        let tranche = self.tranches.len();
        self.tranches.push(block.clone());
        let back = self.write_row(old.wallet, before);
        self.line(old.wallet, "credit", "ROLLOVER", &credits, Some(back.clone()));
        self.givings[giving].minted.push((tranche, period, true));
        Happened::RolledOver {
            grant: giving,
            period,
            at,
            from,
            tranche,
            kind: block.kind(),
            rows: [out, back],
        }
    }

    /// The period after the one that comes next: the first boundary behind its beginning.
    fn after(&self, giving: usize) -> (u32, u64) {
        let giving = &self.givings[giving];
        let at = giving.next_at.expect("it comes").0;
        let Cadence::Recurring(span) = giving.rule.cadence else { return (giving.period + 1, u64::MAX) };
        let ahead = self.ahead(giving);
        let next = |period| (period, boundary(giving.anchor, span, period, ahead));
        (giving.period + 1..).map(next).find(|(_, begins)| *begins > at).expect("there is a later one")
    }

    /// A period begins.
    pub(in crate::model) fn mint(&mut self, giving: usize, at: Timestamp) -> Happened {
        let (period, next) = (self.givings[giving].period, self.after(giving));
        let known = self.givings[giving].clone();
        let is_recurring = known.rule.cadence != Cadence::OneTime;
        let ends_at = is_recurring.then_some(next.1);
        let begun = self.begun(&known, at.0);
        let credits = self.prorated(&known, (begun, at.0), ends_at);
        let ahead = self.ahead(&known);
        let expires_at = match known.rule.life {
            Life::Never => None,
            Life::Period => ends_at,
            Life::After(span) => {
                let from = if known.rule.start.is_some() { at.0 } else { begun };
                let end = plus(from, span, ahead);
                Some(if end > at.0 { end } else { plus(at.0, span, ahead) })
            }
        };
        let landed = self.land(&known, credits, at, expires_at.map(Timestamp));
        let minted = landed.as_ref().map(|(_, credited)| (credited.tranche, period, false));
        let giving_now = &mut self.givings[giving];
        giving_now.minted.extend(minted);
        giving_now.period = next.0;
        giving_now.next_at = Some(Timestamp(next.1)).filter(|_| is_recurring);
        if let (Some(at), rule) = (giving_now.next_at, known.rule) {
            giving_now.next_at = within(&rule, at.0);
        }
        let recent = next.0.saturating_sub(2);
        let live: Vec<bool> = self.tranches.iter().map(Block::is_live).collect();
        self.givings[giving].minted.retain(|(tranche, period, _)| *period >= recent || live[*tranche]);
        Happened::Granted {
            grant: giving,
            period,
            at,
            ends_at: ends_at.map(Timestamp),
            landed: landed.map(Box::new),
        }
    }

    /// When the period began by the calendar: before the customer had it, if it came within it.
    fn begun(&self, giving: &Giving, at: u64) -> u64 {
        match giving.rule.cadence {
            Cadence::Recurring(span) if at == giving.enrolled_at => {
                boundary(giving.anchor, span, giving.period, self.ahead(giving)).min(at)
            }
            Cadence::OneTime if giving.rule.start.is_none() => giving.anchor.0.min(at),
            Cadence::Recurring(_) | Cadence::OneTime => at,
        }
    }

    fn prorated(&self, giving: &Giving, (begun, at): (u64, u64), ends_at: Option<u64>) -> Q {
        let all = Q::raw(giving.rule.credits.0);
        let (true, Some(end)) = (giving.rule.prorated && begun < at, ends_at) else { return all };
        let ahead = self.ahead(giving);
        let day = |at: u64| i64::try_from((at + ahead) / DAY).expect("few");
        let (days, left) = (day(end) - day(begun), day(end) - day(at));
        if days == 0 { all } else { (&all * &Q::whole(left.min(days))).over(&Q::whole(days)).down(DIGITS) }
    }

    /// The wallet that takes what a grant mints.
    pub(in crate::model) fn landing(&self, giving: &Giving) -> Option<usize> {
        let fits = |purse: &Purse| {
            let of_unit = match giving.rule.currency {
                Some(currency) => purse.currency == currency && purse.price_unit == giving.rule.price_unit,
                None => giving.rule.price_unit.is_none() || purse.price_unit == giving.rule.price_unit,
            };
            purse.is_active() && purse.admits(PriceType::Usage) && of_unit
        };
        giving.wallet.or_else(|| self.wallets.iter().position(fits))
    }

    /// Into which wallet, and whether that had to be made. Nothing, where it would be too much.
    fn land(
        &mut self,
        giving: &Giving,
        credits: Q,
        at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> Option<(bool, Credited)> {
        if !credits.is_positive() {
            return None;
        }
        let found = self.landing(giving);
        let is_too_much = |wallet: usize| leaves_12_digits(&(&self.all_of(wallet) + &credits));
        let made = made_purse(&giving.rule, at);
        let rate = &found.map_or(&made, |wallet| &self.wallets[wallet]).topup_rate;
        if found.is_some_and(is_too_much) || leaves_12_digits(&(&credits * rate).half_even(DIGITS)) {
            return None;
        }
        let wallet = found.unwrap_or(self.wallets.len());
        if found.is_none() {
            self.wallets.push(made);
        }
        let plain = new_block(wallet, CreditReason::SubscriptionCreditGrant, credits, Q::zero(), at);
        let anything = Scope { price_types: PriceTypes::ALL, features: None };
        let scope = giving.rule.scope.clone().unwrap_or(anything);
        let credited = self.credit(Block { priority: giving.priority, scope, expires_at, ..plain }, None, at);
        Some((found.is_none(), credited))
    }
}

fn made_purse(rule: &Rule, at: Timestamp) -> Purse {
    let rate = rule.conversion_rate.map_or(Q::whole(1), |rate| Q::raw(rate.0));
    let currency = rule.currency.unwrap_or(Currency(*b"usd"));
    Purse {
        id: None,
        currency,
        price_unit: rule.price_unit.clone(),
        topup_rate: rule.topup_conversion_rate.map_or(rate.clone(), |rate| Q::raw(rate.0)),
        rate,
        kind: WalletType::PrePaid,
        name: crate::model::life::default_name(WalletType::PrePaid, currency),
        description: None,
        metadata: Vec::new(),
        status: WalletStatus::Active,
        priority: 50,
        admits: PriceTypes::USAGE,
        limit: Q::zero(),
        created_at: at,
        updated_at: at,
        debt_moves: Vec::new(),
        rows: Vec::new(),
    }
}
