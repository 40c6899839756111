//! The crate beside the model: every step is asked of both, and what they say and what they keep must be the same.

use coffer_ledger::amount::{Credits, Rate};
use coffer_ledger::apply;
use coffer_ledger::catalog::grant::Plans;
use coffer_ledger::catalog::rate_card::{RateCard, Tier};
use coffer_ledger::catalog::tenant::Settings;
use coffer_ledger::command::{Command, Origin};
use coffer_ledger::customer::{Customer, Profile};
use coffer_ledger::decide::{Context, decide, recharge_for_refused};
use coffer_ledger::fact::{Due, Effect, Facts, HoldVerb, RechargeEnd};
use coffer_ledger::ids::{CustomerNumber, LogPosition, RateCardId, RechargeId, TenantNumber, WalletId};
use coffer_ledger::invariants;
use coffer_ledger::limits::Limits;
use coffer_ledger::recharge::{Recharge, RechargeOrigin, RechargeStatus};
use coffer_ledger::record::Record;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::time::Timestamp;

use super::guards::failures;
use super::model::{Buy, End, Model, No, Told, World};

/// 2026-01-27T20:00:00Z: the month ends soon, in Singapore today already.
pub(crate) const DUSK: Timestamp = Timestamp(1_769_544_000_000_000_000);

/// What usage costs: a credit per unit.
fn one_per_unit() -> RateCard {
    RateCard {
        id: RateCardId::new(Timestamp(0), TenantNumber(3), 0),
        version: 1,
        meter: "credits".into(),
        quantity_property: None,
        valid_from: Timestamp(0),
        valid_to: None,
        filters: Vec::new(),
        tiers: vec![Tier { up_to: None, credits_per_unit: Rate(1_000_000_000_000_000) }],
        minimum: Credits::ZERO,
    }
}

/// Both of them.
pub(crate) struct Side {
    pub(crate) customer: Customer,
    pub(crate) model: Model,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    cards: Vec<RateCard>,
    pub(crate) now: Timestamp,
    pub(crate) log: Vec<(Record, LogPosition)>,
    pub(crate) told: Vec<Told>,
    trail: Vec<String>,
}

impl Side {
    /// A customer in this zone, at a tenant in that one.
    pub(crate) fn new(world: World, own: Option<&str>, tenants: Option<&str>) -> Self {
        let settings = Settings {
            time_zone: tenants.map(Into::into),
            auto_complete: world.auto_complete,
            payment_result: world.payment_result,
            ..Settings::default()
        };
        let pending_expires_in_s = u32::try_from(world.pending_expires_in_s).expect("small");
        let mut side = Self {
            customer: Customer::new(TenantNumber(3), CustomerNumber(77)),
            model: Model::new(world),
            settings,
            limits: Limits { pending_expires_in_s, ..Limits::default() },
            cards: vec![one_per_unit()],
            now: DUSK,
            log: Vec::new(),
            told: Vec::new(),
            trail: Vec::new(),
        };
        let profile = Profile { timezone: own.map(Into::into), ..Profile::default() };
        let make = Command::CreateCustomer { external_id: "acme".into(), profile };
        let facts = side.decide(&make).expect("nobody is there");
        side.keep(make, facts);
        side
    }

    fn context<'a>(&'a self, settings: &'a Settings, limits: &'a Limits) -> Context<'a> {
        Context {
            now: self.now,
            settings,
            cards: &self.cards,
            plans: Plans::NONE,
            limits,
            keyed: true,
            looked_up: None,
        }
    }

    fn decide(&self, command: &Command) -> Result<Facts, Refusal> {
        decide(&self.customer, command, &self.context(&self.settings, &self.limits))
    }

    /// Asks both; of a request that was refused, what it sets off by itself too.
    pub(crate) fn ask(&mut self, command: Command) {
        self.trail.push(format!("{} {command:?}", self.now));
        let expected = self.model.step(&command, self.now);
        match (self.decide(&command), expected) {
            (Ok(facts), Ok(told)) => self.accept(command, facts, &told),
            (Err(refusal), Err(no)) => {
                let lacks = |refusal: &Refusal| matches!(refusal, Refusal::InsufficientCredits { .. });
                let is_lack = match &refusal {
                    Refusal::Item { refusal, .. } => lacks(refusal),
                    other => lacks(other),
                };
                assert_eq!(is_lack, no == No::Lack, "{refusal:?}{}", self.story());
                if is_lack {
                    self.after_refusal(&command, &refusal);
                }
            }
            (told, expected) => {
                panic!("one refuses\nledger: {told:#?}\nmodel: {expected:#?}{}", self.story())
            }
        }
    }

    fn after_refusal(&mut self, command: &Command, refusal: &Refusal) {
        let context = self.context(&self.settings, &self.limits);
        let due = recharge_for_refused(&self.customer, command, refusal, &context);
        let expected = self.model.refused(command, self.now);
        match (due, expected) {
            (None, None) => {}
            (Some(due), Some(told)) => {
                let command = Command::Recharge(due);
                self.trail.push(format!("{} {command:?}", self.now));
                let facts = self.decide(&command).unwrap_or_else(|no| panic!("{no:?}{}", self.story()));
                self.accept(command, facts, &told);
            }
            (due, expected) => {
                panic!("one recharges\nledger: {due:#?}\nmodel: {expected:#?}{}", self.story())
            }
        }
    }

    fn accept(&mut self, command: Command, facts: Facts, expected: &Told) {
        self.keep(command, facts);
        let facts = self.log.last().expect("kept").0.facts.clone();
        self.teach(&facts);
        let mut told = self.told(&facts);
        if expected.alert.is_none() {
            told.alert = None;
        }
        let mut expected = expected.clone();
        let ids: Vec<Option<RechargeId>> = self.model.buys.iter().map(|buy| buy.id).collect();
        let known = ids.len() - expected.clone().begun().count();
        expected.begun().zip(ids.into_iter().skip(known)).for_each(|(buy, id)| buy.id = id);
        assert_eq!(told, expected, "{facts:#?}{}", self.story());
        self.compare();
        self.told.push(told);
    }

    fn keep(&mut self, command: Command, facts: Facts) {
        apply::apply(&mut self.customer, &facts);
        let touched = invariants::check_touched(&self.customer, &facts);
        let position = LogPosition(self.customer.last_position.0 + 2);
        apply::bind(&mut self.customer, &facts, position);
        let all = touched.and_then(|()| invariants::check_all(&self.customer));
        all.unwrap_or_else(|violation| panic!("{violation:?}\n{facts:#?}{}", self.story()));
        self.log.push((Record { origin: Origin::default(), command, facts }, position));
    }

    /// What the ledger calls things.
    fn teach(&mut self, facts: &Facts) {
        for (pot, wallet) in self.model.pots.iter_mut().zip(&self.customer.wallets) {
            pot.id = wallet.head.id;
        }
        if let Effect::Held(step) = &facts.effect
            && step.verb == HoldVerb::Placed
        {
            self.model.holds.last_mut().expect("placed").id = Some(step.hold.id);
        }
        let mut begun: Vec<RechargeId> = begun(facts).map(|recharge| recharge.id).collect();
        let unnamed = self.model.buys.iter_mut().filter(|buy| buy.id.is_none());
        begun.reverse();
        unnamed.for_each(|buy| buy.id = begun.pop());
    }

    fn told(&self, facts: &Facts) -> Told {
        let set_off = facts.set_off.as_deref();
        let asked =
            if let Effect::Recharged { recharge, .. } = &facts.effect { Some(&**recharge) } else { None };
        let of_due = facts.due.iter().filter_map(|due| match due {
            Due::RechargeExpired(end) => Some(&**end),
            Due::Expired { .. }
            | Due::Started { .. }
            | Due::HoldExpired(_)
            | Due::RolledOver(_)
            | Due::Granted(_) => None,
        });
        let of_effect = if let Effect::RechargeEnded(end) = &facts.effect { Some(&**end) } else { None };
        let ended = of_due.chain(of_effect).chain(set_off.iter().flat_map(|set_off| &set_off.ended));
        Told {
            asked: asked.map(|recharge| self.buy(recharge)),
            before: set_off.and_then(|set_off| set_off.before.as_ref()).map(|recharge| self.buy(recharge)),
            after: set_off.iter().flat_map(|set_off| &set_off.after).map(|one| self.buy(one)).collect(),
            ended: ended.map(|end| self.end(end)).collect(),
            held_back: (set_off.iter().flat_map(|set_off| &set_off.held_back))
                .map(|(wallet, held)| {
                    assert_eq!(held.at, self.now, "held back at another time{}", self.story());
                    (self.number(*wallet), held.by, held.until)
                })
                .collect(),
            alerts: (set_off.iter().flat_map(|set_off| &set_off.alerts))
                .map(|change| (self.number(change.wallet), change.from, change.to, change.posted.0))
                .collect(),
            alert: Some(facts.alert_state()),
        }
    }

    fn number(&self, id: WalletId) -> usize {
        let found = self.customer.wallets.iter().position(|wallet| wallet.head.id == id);
        found.unwrap_or_else(|| panic!("{id:?} is nobody's{}", self.story()))
    }

    fn buy(&self, recharge: &Recharge) -> Buy {
        Buy {
            id: Some(recharge.id),
            wallet: self.number(recharge.wallet),
            auto: recharge.origin == RechargeOrigin::Auto,
            invoiced: recharge.invoice.is_some(),
            trusted: recharge.trusted,
            status: recharge.status,
            credits: recharge.credits().0,
            bonus: recharge.rows.get(1).map_or(0, |bonus| bonus.terms.original.0),
            charged: recharge.charged().0,
            begun_at: recharge.begun_at,
            effective_at: recharge.rows[0].terms.effective_at,
            expires_at: recharge.expires_at,
        }
    }

    fn end(&self, end: &RechargeEnd) -> End {
        let id = end.recharge.id;
        let buy = self.model.buys.iter().position(|buy| buy.id == Some(id));
        End {
            buy: buy.unwrap_or_else(|| panic!("{id:?} never began{}", self.story())),
            status: end.recharge.status,
            reason: end.recharge.reason,
            at: end.recharge.ended_at.expect("it ended"),
        }
    }

    /// What both keep.
    fn compare(&self) {
        let next = self.model.next_due().unwrap_or(Timestamp::MAX);
        assert_eq!(self.customer.next_due(), next, "next_due{}", self.story());
        for (number, (wallet, pot)) in self.customer.wallets.iter().zip(&self.model.pots).enumerate() {
            let head = &wallet.head;
            let told = (head.posted.0, head.held.0, self.customer.recharges.pending(head.id).0, head.status);
            let (held, pending) = (self.model.held(number), self.model.pending(number));
            let expected = (pot.posted(), held, pending, pot.status);
            assert_eq!(told, expected, "posted, held, pending, status of {number}{}", self.story());
            let rules = head.rules.as_deref().cloned().unwrap_or_default();
            assert_eq!((&rules.alerts, &rules.auto_topup), (&pot.alerts, &pot.rule), "{}", self.story());
            let watch = wallet.watch.as_deref();
            assert_eq!(watch.map(|watch| watch.base.0), pot.base, "base of {number}{}", self.story());
            let Some(watch) = watch else { continue };
            assert_eq!(watch.state, pot.alert, "alert of {number}{}", self.story());
            let waits = (watch.recharging.failures, watch.recharging.backs_off_until);
            assert_eq!(waits, failures(pot), "failures of {number}{}", self.story());
        }
        let told: Vec<_> = self.customer.recharges.iter().map(|one| (Some(one.id), one.status)).collect();
        let mut expected: Vec<_> = self.model.buys.iter().map(|buy| (buy.id, buy.status)).collect();
        expected.sort_unstable_by_key(|(id, _)| *id);
        assert_eq!(told, expected, "recharges{}", self.story());
        let open = |status: &RechargeStatus| *status == RechargeStatus::Pending;
        let count = self.model.buys.iter().filter(|buy| open(&buy.status)).count();
        assert_eq!(self.customer.recharges.open_count(), count, "open{}", self.story());
    }

    /// I6: the records alone give the same state.
    pub(crate) fn check_replay(&self) {
        let mut again = Customer::new(self.customer.tenant, self.customer.number);
        for (record, position) in &self.log {
            apply::apply(&mut again, &record.facts);
            apply::bind(&mut again, &record.facts, *position);
        }
        assert_eq!(again, self.customer, "replay gives another state{}", self.story());
    }

    pub(crate) fn story(&self) -> String {
        format!("\nasked so far:\n  {}\n", self.trail.join("\n  "))
    }
}

impl Told {
    /// The purchases that it began, in the order in which they began.
    fn begun(&mut self) -> impl Iterator<Item = &mut Buy> {
        self.before.iter_mut().chain(&mut self.asked).chain(&mut self.after)
    }
}

/// The purchases that a record began, in the order of its rows.
pub(crate) fn begun(facts: &Facts) -> impl Iterator<Item = &Recharge> {
    let set_off = facts.set_off.as_deref();
    let before = set_off.and_then(|set_off| set_off.before.as_deref());
    let asked = if let Effect::Recharged { recharge, .. } = &facts.effect { Some(&**recharge) } else { None };
    before.into_iter().chain(asked).chain(set_off.into_iter().flat_map(|set_off| &set_off.after))
}
