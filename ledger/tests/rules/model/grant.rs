//! Credit grants: SEMANTICS §13, in time zones that never change their clocks (§10). Periods are counted one by one, days year by year.
//!
//! Where §13 leaves it open: what a grant minted it remembers for two periods, and while it is live; a plan's grant that names its
//! own start lets those who come later into the period that runs; credit that went on does not go on again.

mod dates;
mod periods;

use coffer_ledger::calendar::Span;
use coffer_ledger::catalog::grant::PlanGrant;
use coffer_ledger::command::{CreateGrant, GrantFor, Subscribe, UpdateGrant};
use coffer_ledger::grant::{Cadence, GrantKey, Life, Rule};
use coffer_ledger::limits::Limits;
use coffer_ledger::time::Timestamp;
use coffer_ledger::wallet::WalletStatus;

use self::dates::boundary;
use super::coming::Coming;
use super::number::Q;
use super::outcome::{Done, Happened, No, Void};
use super::state::Person;
use super::{Circumstances, Model, those, unless};

const HOUR: u64 = 3_600_000_000_000;
const DAY: u64 = 24 * HOUR;

/// A grant at work. `key` is what the ledger called it: the model learns it after the creation.
#[derive(Clone, Debug)]
pub(crate) struct Giving {
    pub(crate) key: Option<GrantKey>,
    pub(crate) rule: Rule,
    pub(crate) wallet: Option<usize>,
    pub(crate) priority: u32,
    /// Its own zone, else the customer's, else this one: the tenant's when it came.
    zones: [Option<String>; 2],
    /// The beginning of period 0, and what clocks showed then.
    anchor: (u64, u64),
    enrolled_at: u64,
    /// The number of the next period; `None` = there is none.
    pub(crate) period: u32,
    pub(crate) next_at: Option<Timestamp>,
    /// Tranche, period, whether it came from the period before.
    minted: Vec<(usize, u32, bool)>,
    /// Templates in their order, then the customer's own as they came.
    order: (bool, usize, usize),
    subscription: Option<usize>,
    pub(crate) gone: bool,
}

/// An enrolment. `name` is what the ledger called it, if nobody named it.
#[derive(Clone, Debug)]
pub(crate) struct Enrolment {
    pub(crate) name: Option<String>,
    zone: Option<String>,
    gone: bool,
}

/// What a grant begins from.
struct Blank<'a> {
    rule: &'a Rule,
    zone: Option<String>,
    /// The subscription's.
    start: Option<Timestamp>,
    enrolled_at: Timestamp,
}

impl Model {
    pub(crate) fn create_grant(&mut self, ask: &CreateGrant, around: Circumstances) -> Result<Done, Vec<No>> {
        let mut faults = rule_faults(&ask.rule);
        faults.extend(self.known().err().unwrap_or_default());
        let (mut wallet, mut subscription) = (None, None);
        let named = match &ask.of {
            GrantFor::Wallet(id) => Some(*id),
            GrantFor::Customer | GrantFor::Subscription(_) => ask.wallet,
        };
        if let GrantFor::Subscription(name) = &ask.of {
            subscription = self.enrolled(name);
            faults.extend(those([(subscription.is_none(), No::NotFound)]));
        }
        if let Some(id) = named {
            match self.find(id) {
                Ok(found) => {
                    wallet = Some(found);
                    let purse = &self.wallets[found];
                    let other = ask.rule.currency.is_some_and(|currency| currency != purse.currency)
                        || ask.rule.price_unit.is_some() && ask.rule.price_unit != purse.price_unit;
                    let closed = purse.status == WalletStatus::Closed;
                    faults.extend(those([(closed, No::Closed), (other, No::UnitMismatch)]));
                }
                Err(more) => faults.extend(more),
            }
        }
        faults.extend(self.room_faults(1, around.limits));
        unless(faults)?;
        let of = subscription.and_then(|at| self.enrolments[at].zone.clone());
        let zone = ask.zone.as_ref().map(ToString::to_string).or(of);
        let enrolled_at = ask.rule.start.unwrap_or(around.now);
        let blank = Blank { rule: &ask.rule, zone, start: None, enrolled_at };
        let giving = Giving {
            wallet,
            order: (true, self.givings.len(), 0),
            subscription,
            ..self.begin(&blank, around)
        };
        unless(self.past_faults(&giving, around))?;
        let first = self.givings.len();
        self.givings.push(giving);
        let minted = self.land_at_once(first, around)?;
        Ok(Done::GrantSet(self.givings.len() - 1, minted))
    }

    pub(crate) fn subscribe(&mut self, ask: &Subscribe, around: Circumstances) -> Result<Done, Vec<No>> {
        let customer = self.person.is_none();
        if !customer {
            self.known()?;
        }
        let name = ask.id.as_ref().map(ToString::to_string);
        let twice = name.as_ref().is_some_and(|name| self.enrolled(name).is_some());
        let open = self.enrolments.iter().filter(|enrolment| !enrolment.gone).count();
        let max = around.limits.subscriptions_max;
        let of_plan = |(_, grant): &(usize, &PlanGrant)| !grant.deleted && grant.plan == ask.plan;
        let zone = ask.zone.as_ref().map(ToString::to_string);
        let at = self.enrolments.len();
        let givings: Vec<Giving> = (around.plans.iter().enumerate())
            .filter(of_plan)
            .map(|(template, grant)| {
                let enrolled_at = ask.start.unwrap_or(around.now);
                let blank = Blank { rule: &grant.rule, zone: zone.clone(), start: ask.start, enrolled_at };
                let order = (false, template, at);
                Giving { order, subscription: Some(at), ..self.begin(&blank, around) }
            })
            .collect();
        let mut faults =
            those([(twice, No::AlreadyExists), (open >= max, No::Limit("subscriptions_max", max as u64))]);
        faults.extend(self.room_faults(givings.len(), around.limits));
        faults.extend(givings.iter().flat_map(|giving| self.past_faults(giving, around)));
        unless(faults)?;
        if customer {
            let external_id = ask.customer.to_string();
            self.person = Some(Person { external_id, minted: false, deleted: false, zone: None });
        }
        self.enrolments.push(Enrolment { name, zone, gone: false });
        let first = self.givings.len();
        self.givings.extend(givings);
        let grants = (first..self.givings.len()).collect();
        let minted = self.land_at_once(first, around)?;
        Ok(Done::Subscribed { customer, grants, minted })
    }

    /// What new grants mint at once. What is known then must be within the limits: what they mint, and the wallet that they need some day.
    fn land_at_once(&mut self, first: usize, around: Circumstances) -> Result<Vec<Happened>, Vec<No>> {
        let limits = around.limits;
        let (wallets_max, tranches_max) = (limits.wallets_max, limits.tranches_max);
        let (wallets, live) = (self.wallets.len(), self.live_count());
        let homeless = self.givings[first..].iter().any(|giving| self.landing(giving).is_none());
        let minted = self.catch_up(around.now, limits.due_per_record_max);
        let no_wallet = No::Limit("wallets_max", wallets_max as u64);
        unless(those([
            (homeless && wallets >= wallets_max, no_wallet.clone()),
            (self.wallets.len() > wallets.max(wallets_max), no_wallet),
            (self.live_count() > live.max(tranches_max), No::Limit("tranches_max", tranches_max as u64)),
        ]))?;
        Ok(minted)
    }

    pub(crate) fn unsubscribe(
        &mut self,
        name: &str,
        void_remaining: bool,
        around: Circumstances,
    ) -> Result<Done, Vec<No>> {
        self.known()?;
        let at = self.enrolled(name).ok_or_else(|| vec![No::NotFound])?;
        let of_it = |giving: &usize| self.givings[*giving].subscription == Some(at);
        let mut givings: Vec<usize> = self.open_givings().filter(of_it).collect();
        givings.sort_by_key(|giving| self.givings[*giving].order);
        let voids = if void_remaining { self.take_back(&givings, around) } else { Vec::new() };
        givings.iter().for_each(|giving| self.givings[*giving].gone = true);
        self.enrolments[at].gone = true;
        Ok(Done::Left(voids))
    }

    pub(crate) fn update_grant(&mut self, ask: &UpdateGrant, now: Timestamp) -> Result<Done, Vec<No>> {
        self.known()?;
        let giving = self.own_grant(|key| key.grant == ask.id)?;
        let old = self.givings[giving].rule.clone();
        let rule = Rule {
            credits: ask.change.credits.unwrap_or(old.credits),
            priority: ask.change.priority.or(old.priority),
            end: ask.change.end.or(old.end),
            ..old
        };
        unless(rule_faults(&rule))?;
        self.change(giving, rule, now);
        Ok(Done::GrantSet(giving, Vec::new()))
    }

    pub(crate) fn delete_grant(
        &mut self,
        id: coffer_ledger::ids::GrantId,
        (effective_at, void_remaining): (Option<Timestamp>, bool),
        around: Circumstances,
    ) -> Result<Done, Vec<No>> {
        self.known()?;
        let giving = self.own_grant(|key| key.grant == id)?;
        if let Some(end) = effective_at.filter(|end| *end > around.now) {
            unless(those([(void_remaining, No::Invalid)]))?;
            let rule = self.givings[giving].rule.clone();
            let end = rule.end.map_or(end, |known| known.min(end));
            self.change(giving, Rule { end: Some(end), ..rule }, around.now);
            return Ok(Done::GrantSet(giving, Vec::new()));
        }
        let voids = if void_remaining { self.take_back(&[giving], around) } else { Vec::new() };
        self.givings[giving].gone = true;
        Ok(Done::GrantGone(voids))
    }

    /// Nothing is granted any more.
    pub(crate) fn end_grants(&mut self) {
        self.givings.iter_mut().for_each(|giving| giving.gone = true);
        self.enrolments.iter_mut().for_each(|enrolment| enrolment.gone = true);
    }

    /// What lands in a closed wallet never lands.
    pub(crate) fn end_grants_of(&mut self, wallet: usize) {
        let of_it = self.givings.iter_mut().filter(|giving| giving.wallet == Some(wallet));
        of_it.for_each(|giving| giving.next_at = None);
    }

    pub(crate) fn open_givings(&self) -> impl Iterator<Item = usize> {
        (0..self.givings.len()).filter(|giving| !self.givings[*giving].gone)
    }

    fn own_grant(&self, is_it: impl Fn(GrantKey) -> bool) -> Result<usize, Vec<No>> {
        let mut own = self.open_givings().filter(|giving| self.givings[*giving].order.0);
        let found = own.find(|giving| self.givings[*giving].key.is_some_and(&is_it));
        found.ok_or_else(|| vec![No::NotFound])
    }

    fn enrolled(&self, name: &str) -> Option<usize> {
        self.enrolments
            .iter()
            .position(|enrolment| !enrolment.gone && enrolment.name.as_deref() == Some(name))
    }

    fn room_faults(&self, more: usize, limits: &Limits) -> Vec<No> {
        let max = limits.grants_max;
        those([(self.open_givings().count() + more > max, No::Limit("grants_max", max as u64))])
    }

    /// Periods that would have to be caught up at once.
    fn past_faults(&self, giving: &Giving, around: Circumstances) -> Vec<No> {
        let max = around.limits.grant_periods_past_max;
        let until = giving.rule.end.map_or(around.now, |end| end.min(around.now));
        let Cadence::Recurring(span) = giving.rule.cadence else { return Vec::new() };
        let behind = self.running(giving, span, until.0).saturating_sub(giving.period);
        those([(behind as usize > max, No::Limit("grant_periods_past_max", max as u64))])
    }

    /// The period that runs at an instant; 0 before the first.
    fn running(&self, giving: &Giving, span: Span, at: u64) -> u32 {
        let ahead = self.ahead(giving);
        (1..).take_while(|period| boundary(giving.anchor, span, *period, ahead) <= at).last().unwrap_or(0)
    }

    fn begin(&self, blank: &Blank<'_>, around: Circumstances) -> Giving {
        let Blank { rule, zone, start, enrolled_at } = blank;
        let mut giving = Giving {
            key: None,
            rule: (*rule).clone(),
            wallet: None,
            priority: rule.priority.unwrap_or(around.settings.default_priorities.plan_included),
            zones: [zone.clone(), around.settings.time_zone.as_ref().map(ToString::to_string)],
            anchor: (0, 0),
            enrolled_at: enrolled_at.0,
            period: 0,
            next_at: None,
            minted: Vec::new(),
            order: (false, 0, 0),
            subscription: None,
            gone: false,
        };
        let ahead = self.ahead(&giving);
        let local = enrolled_at.0 + ahead;
        giving.anchor = match rule.start.or(*start) {
            Some(start) => (start.0, start.0 + ahead),
            None => (local - local % DAY - ahead, local - local % DAY),
        };
        let at = match rule.cadence {
            Cadence::OneTime => rule.start.map_or(enrolled_at.0, |start| start.0.max(enrolled_at.0)),
            Cadence::Recurring(span) => {
                giving.period = self.running(&giving, span, enrolled_at.0);
                boundary(giving.anchor, span, giving.period, ahead).max(enrolled_at.0)
            }
        };
        giving.next_at = within(rule, at);
        giving
    }

    /// Another rule of the same cadence, from the next period.
    fn change(&mut self, giving: usize, rule: Rule, now: Timestamp) {
        let known = self.givings[giving].clone();
        let mut changed = Giving { priority: rule.priority.unwrap_or(known.priority), rule, ..known.clone() };
        match known.next_at {
            Some(at) => changed.next_at = within(&changed.rule, at.0),
            None => self.begin_again(&known, &mut changed, now.0),
        }
        self.givings[giving] = changed;
    }

    /// A grant that was over may go on with a later end. What was minted is not minted again.
    fn begin_again(&self, known: &Giving, changed: &mut Giving, now: u64) {
        let closed = known.wallet.is_some_and(|at| self.wallets[at].status == WalletStatus::Closed);
        let spent = known.rule.cadence == Cadence::OneTime && known.period > 0;
        if closed || spent || changed.rule.end == known.rule.end {
            return;
        }
        let (period, at) = match changed.rule.cadence {
            Cadence::OneTime => (0, changed.rule.start.map_or(now, |start| start.0.max(now))),
            Cadence::Recurring(span) => {
                let ahead = self.ahead(changed);
                let at = |period| boundary(changed.anchor, span, period, ahead);
                let period = (0..).find(|period| at(*period) >= now).expect("there is a later one");
                (period, at(period))
            }
        };
        if period >= known.period {
            (changed.period, changed.next_at) = (period, within(&changed.rule, at));
        }
    }

    /// How far its clocks are ahead of UTC.
    fn ahead(&self, giving: &Giving) -> u64 {
        let own = self.person.as_ref().and_then(|person| person.zone.as_deref());
        match giving.zones[0].as_deref().or(own).or(giving.zones[1].as_deref()) {
            None | Some("UTC") => 0,
            Some("Asia/Singapore") => 8 * HOUR,
            Some(other) => panic!("the model does not know {other}"),
        }
    }

    /// The periods that have not begun.
    pub(super) fn coming_periods(&self) -> impl Iterator<Item = (Timestamp, Coming)> {
        self.open_givings().filter_map(|giving| {
            self.givings[giving].next_at.map(|at| (at, Coming::Period(self.givings[giving].order, giving)))
        })
    }

    /// What is left of what grants minted goes; what is pinned goes when its hold lets it go.
    fn take_back(&mut self, givings: &[usize], around: Circumstances) -> Vec<Void> {
        let minted: Vec<usize> = givings
            .iter()
            .flat_map(|giving| self.givings[*giving].minted.iter().map(|minted| minted.0))
            .collect();
        let mut voids = Vec::new();
        for tranche in minted {
            let block = &self.tranches[tranche];
            if block.is_live() && !block.voided && self.wallets[block.wallet].status != WalletStatus::Closed {
                voids.push(self.void(tranche, around));
            }
        }
        voids
    }
}

/// Nothing begins at or after the end.
fn within(rule: &Rule, at: u64) -> Option<Timestamp> {
    Some(Timestamp(at)).filter(|at| rule.end.is_none_or(|end| *at < end))
}

/// What a rule cannot be.
fn rule_faults(rule: &Rule) -> Vec<No> {
    let rates = [rule.conversion_rate, rule.topup_conversion_rate];
    let mut faults = super::range_faults(coffer_ledger::command::Quantity::Credits(rule.credits));
    faults.extend(those([
        (rates.iter().flatten().any(|rate| rate.0 <= 0), No::AmountInvalid),
        (rule.cadence == Cadence::OneTime && rule.life == Life::Period, No::Invalid),
        (rule.start.zip(rule.end).is_some_and(|(start, end)| end <= start), No::Invalid),
    ]));
    if let Some(rollover) = &rule.rollover {
        let one = Q::whole(1);
        let share = Q::raw(rollover.share.0);
        faults.extend(those([
            (rule.life != Life::Period, No::Invalid),
            ((&Q::zero() - &share).is_positive() || (&share - &one).is_positive(), No::Invalid),
            (rollover.cap.is_some_and(|cap| cap.0 < 0), No::AmountInvalid),
        ]));
    }
    faults
}
