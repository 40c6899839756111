//! The crate and the model side by side. Every operation is asked of both; every answer and every state must agree, every
//! invariant must hold, and the records alone must lead to the same state (SEMANTICS §17).

pub(crate) mod books;
pub(crate) mod compare;
pub(crate) mod look_up;
pub(crate) mod moves;
pub(crate) mod pair;
pub(crate) mod translate;

use std::collections::BTreeMap;

use coffer_ledger::apply;
use coffer_ledger::budget::Window;
use coffer_ledger::catalog::grant::{PlanGrant, Plans};
use coffer_ledger::catalog::rate_card::RateCard;
use coffer_ledger::catalog::tenant::Settings;
use coffer_ledger::command::{Command, Origin};
use coffer_ledger::customer::Customer;
use coffer_ledger::decide::{Context, decide};
use coffer_ledger::expiry;
use coffer_ledger::fact::{Effect, Facts, HoldVerb};
use coffer_ledger::grant::GrantKey;
use coffer_ledger::ids::{
    CustomerNumber, HoldId, LogPosition, RechargeId, TenantNumber, TransferId, WalletId,
};
use coffer_ledger::invariants;
use coffer_ledger::limits::Limits;
use coffer_ledger::looked_up::{LookedUp, Receiver};
use coffer_ledger::record::Record;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::time::Timestamp;

use crate::model::outcome::{No, Outcome};
use crate::model::{Circumstances, Model};
use books::Books;

/// When every program begins.
pub(crate) const DAWN: Timestamp = Timestamp(1_775_001_600_000_000_000);

/// One customer, twice.
pub(crate) struct World {
    pub(crate) customer: Customer,
    pub(crate) model: Model,
    pub(crate) settings: Settings,
    pub(crate) cards: Vec<RateCard>,
    pub(crate) plans: Vec<PlanGrant>,
    pub(crate) limits: Limits,
    pub(crate) now: Timestamp,
    pub(crate) log: Vec<(Record, LogPosition)>,
    /// Every refusal so far.
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) books: Books,
    /// Every hold and every transfer to another customer, in the order of creation.
    pub(crate) holds: Vec<HoldId>,
    pub(crate) sendings: Vec<TransferId>,
    /// Every grant and every subscription, in the order of creation.
    pub(crate) grants: Vec<GrantKey>,
    subscriptions: Vec<String>,
    /// Every purchase that was trusted, in the order of creation.
    pub(crate) purchases: Vec<RechargeId>,
    /// The other customer, whom transfers to `other` reach.
    pub(crate) neighbour: Option<Receiver>,
    /// What the ledger calls the windows of budgets, and which counting from nothing each is.
    windows: BTreeMap<(String, Window, Timestamp), usize>,
    /// A copy of the state after so many records.
    snapshot: (usize, Customer),
    trail: Vec<String>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Self::of(CustomerNumber(77), limits)
    }

    /// The world of a customer of that number.
    pub(crate) fn of(number: CustomerNumber, limits: Limits) -> Self {
        Self {
            customer: Customer::new(TenantNumber(3), number),
            model: Model::default(),
            settings: Settings::default(),
            cards: Vec::new(),
            plans: Vec::new(),
            limits,
            now: DAWN,
            log: Vec::new(),
            refusals: Vec::new(),
            books: Books::default(),
            holds: Vec::new(),
            sendings: Vec::new(),
            grants: Vec::new(),
            subscriptions: Vec::new(),
            purchases: Vec::new(),
            neighbour: None,
            windows: BTreeMap::new(),
            snapshot: (0, Customer::new(TenantNumber(3), number)),
            trail: Vec::new(),
        }
    }

    /// Lets so many nanoseconds pass.
    pub(crate) fn wait(&mut self, ns: u64) {
        self.now = Timestamp(self.now.0 + ns);
    }

    /// Asks with an idempotency key.
    pub(crate) fn ask(&mut self, command: Command) -> Result<Facts, Refusal> {
        self.ask_as(command, true)
    }

    /// Asks both; what does not fit one record of due things goes into records of its own first, as the engine does it.
    pub(crate) fn ask_as(&mut self, command: Command, keyed: bool) -> Result<Facts, Refusal> {
        while command != Command::Tick
            && expiry::due_count(&self.customer, self.now) > self.limits.due_per_record_max
        {
            self.step(Command::Tick, true).expect("something is due");
        }
        self.step(command, keyed)
    }

    fn step(&mut self, command: Command, keyed: bool) -> Result<Facts, Refusal> {
        self.trail.push(format!("{} keyed={keyed} {command:?}", self.now));
        let (settings, limits) = (self.settings.clone(), self.limits);
        let plans = self.plans.clone();
        let (cards, looked_up) = (self.cards.clone(), self.look_up(&command));
        let told = looked_up.clone().and_then(|looked_up| {
            let context = Context {
                now: self.now,
                settings: &settings,
                cards: &cards,
                plans: Plans { version: plans.len() as u64, grants: &plans },
                limits: &limits,
                keyed,
                looked_up: looked_up.as_ref(),
            };
            let told = decide(&self.customer, &command, &context);
            let again = decide(&self.customer, &command, &context);
            assert_eq!(told, again, "decide is not pure{}", self.story());
            told
        });
        let receiver = match &looked_up {
            Ok(Some(LookedUp::Receiver(receiver))) => Some(receiver),
            _ => None,
        };
        let around = Circumstances {
            now: self.now,
            settings: &settings,
            cards: &cards,
            plans: &plans,
            limits: &limits,
            keyed,
            own: self.customer.number,
            receiver,
        };
        let expected = self.model.step(&command, around);
        match (told, expected) {
            (Ok(facts), Ok(outcome)) => {
                self.accept(command, keyed, &facts, &outcome);
                Ok(facts)
            }
            (Err(refusal), Err(reasons)) => {
                self.check_refusal(&refusal, &reasons);
                self.refusals.push(refusal.clone());
                Err(refusal)
            }
            (told, expected) => {
                panic!("one refuses\nledger: {told:#?}\nmodel: {expected:#?}{}", self.story())
            }
        }
    }

    fn check_refusal(&self, refusal: &Refusal, reasons: &[No]) {
        let fits = reasons.iter().any(|no| no.is(refusal));
        assert!(fits, "another refusal\nledger: {refusal:?}\nmodel: {reasons:?}{}", self.story());
    }

    fn accept(&mut self, command: Command, keyed: bool, facts: &Facts, outcome: &Outcome) {
        apply::apply(&mut self.customer, facts);
        self.check_invariants(facts);
        let position = LogPosition(self.customer.last_position.0 + 2);
        apply::bind(&mut self.customer, facts, position);
        self.check_invariants(facts);
        if let Err(problem) = self.books.write(facts, position, self.customer.number) {
            panic!("{problem}\n{facts:#?}{}", self.story());
        }
        self.collect_names(&facts.effect);
        self.teach_names(&facts.effect, position);
        let told = self.told(facts, outcome);
        assert!(told == *outcome, "ledger: {told:#?}\nmodel: {outcome:#?}{}", self.story());
        let origin = Origin { by: None, idempotency_key: keyed.then(|| "key".into()) };
        self.log.push((Record { origin, command, facts: facts.clone() }, position));
        self.compare_state();
        self.check_windows();
        self.compare_rows();
        self.compare_views();
    }

    /// The holds, transfers, grants and subscriptions that an effect made.
    fn collect_names(&mut self, effect: &Effect) {
        match effect {
            Effect::Held(step) if step.verb == HoldVerb::Placed => self.holds.push(step.hold.id),
            Effect::TransferSent(sent) if sent.arrived.is_none() => self.sendings.push(sent.out.id),
            Effect::Subscribed(subscribed) => {
                self.grants.extend(subscribed.grants.iter().map(|grant| grant.key));
                self.subscriptions.push(subscribed.subscription.name.to_string());
            }
            Effect::GrantSet(set) if !self.grants.contains(&set.grant.key) => {
                self.grants.push(set.grant.key);
            }
            Effect::Atomic(effects) => effects.iter().for_each(|effect| self.collect_names(effect)),
            _ => {}
        }
    }

    /// The model calls things by number; it learns what the ledger calls them.
    fn teach_names(&mut self, effect: &Effect, position: LogPosition) {
        for (purse, wallet) in self.model.wallets.iter_mut().zip(&self.customer.wallets) {
            purse.id = Some(wallet.head.id);
        }
        for (block, minted) in self.model.tranches.iter_mut().zip(&self.books.minted) {
            block.id = Some(minted.id);
        }
        for (booking, id) in self.model.holds.iter_mut().zip(&self.holds) {
            booking.id = Some(*id);
        }
        for (sending, id) in self.model.sendings.iter_mut().zip(&self.sendings) {
            sending.id = Some(*id);
        }
        if let Effect::Recharged { recharge, .. } = effect {
            self.model.purchases.last_mut().expect("just bought").id = Some(recharge.id);
            self.purchases.push(recharge.id);
        }
        for (giving, key) in self.model.givings.iter_mut().zip(&self.grants) {
            giving.key = Some(*key);
        }
        for (enrolment, name) in self.model.enrolments.iter_mut().zip(&self.subscriptions) {
            enrolment.name = Some(name.clone());
        }
        self.model.past.last_mut().expect("just accepted").position = Some(position);
        if let (Effect::BudgetSet(budget), Some(node)) = (effect, self.model.budgets.remove("")) {
            self.model.budgets.insert(budget.id.to_string(), node);
        }
    }

    fn check_invariants(&self, facts: &Facts) {
        let found = invariants::check_touched(&self.customer, facts)
            .and_then(|()| invariants::check_all(&self.customer));
        if let Err(violation) = found {
            panic!("{violation:?}\n{facts:#?}{}", self.story());
        }
    }

    /// I6: the records alone, folded onto a customer that nobody touched and onto a copy of an earlier state, give exactly the live
    /// state. The copy is then made anew.
    pub(crate) fn check_replay(&mut self) {
        let nobody = Customer::new(self.customer.tenant, self.customer.number);
        for (from, mut again) in [(0, nobody), self.snapshot.clone()] {
            for (record, position) in &self.log[from..] {
                apply::apply(&mut again, &record.facts);
                apply::bind(&mut again, &record.facts, *position);
            }
            assert_eq!(again, self.customer, "replay from {from} gives another state{}", self.story());
        }
        self.snapshot = (self.log.len(), self.customer.clone());
    }

    /// The n-th wallet's id, or one that nobody has.
    pub(crate) fn wallet(&self, index: usize) -> WalletId {
        use coffer_ledger::ids::ThingId;
        let nobodys = || WalletId(ThingId::new(DAWN, self.customer.number, (1 << 40) - 1));
        self.customer.wallets.get(index).map_or_else(nobodys, |wallet| wallet.head.id)
    }

    /// Everything that was asked so far, for the report of a failure.
    pub(crate) fn story(&self) -> String {
        format!("\nasked so far:\n  {}\n", self.trail.join("\n  "))
    }
}
