//! The walk: each record of the log is folded into what happened, and its request is decided again in the shadow.
//!
//! Records are taken in the log's order over all customers, so that both sides of a transfer agree. Time is the records': what
//! falls due in the shadow does so before its customer's next request, as it does live; a tick of the log is one in the shadow
//! only if something is due there.

use std::sync::Arc;

use coffer_ledger::command::{Command, Origin};
use coffer_ledger::customer::Customer;
use coffer_ledger::decide::{Context, decide, is_behind};
use coffer_ledger::erasure;
use coffer_ledger::expiry;
use coffer_ledger::fact::{Due, Effect, Facts};
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_ledger::invariants::Violation;
use coffer_ledger::limits::Limits;
use coffer_ledger::looked_up::{LookedUp, Receiver};
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_ledger::wallet::WalletStatus;
use hashbrown::HashMap;

use super::closed::{Closed, NotFound, Side};
use super::life::Life;
use super::names::Missing;
use super::refused::{Refused, Why, moved, word};
use super::rules::Rules;
use super::tenants::{Tenants, View};
use super::{Difference, REFUSALS_KEPT_MAX, Watch, WhatIfError};
use crate::engine::DUE_BESIDE_A_COMMAND_MAX;
use crate::engine::codec;
use crate::engine::stopped_log::{PastRecord, StateBefore};

/// The walk so far.
pub(super) struct Run<'a> {
    pub(super) rules: &'a Rules,
    pub(super) limits: Limits,
    /// Only this tenant's records.
    pub(super) only: Option<&'a str>,
    pub(super) before: StateBefore,
    pub(super) tenants: Tenants,
    pub(super) lives: HashMap<CustomerNumber, Box<Life>>,
    pub(super) closed: Closed,
    /// Records of customers.
    pub(super) records: u64,
    /// The log's time at the last record.
    pub(super) last_at: Timestamp,
    pub(super) watch: &'a mut dyn Watch,
}

/// What became of a request in the shadow; `None` = nothing was due.
type Outcome = Option<Result<Facts, Why>>;

impl From<NotFound> for Why {
    fn from(not_found: NotFound) -> Self {
        match not_found {
            NotFound::Missing(missing) => missing.into(),
            NotFound::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

/// A record that is being taken.
struct Taken<'r> {
    position: LogPosition,
    tenant: TenantNumber,
    number: CustomerNumber,
    keyed: bool,
    facts: &'r Facts,
    /// What the request is called; `None` for the engine's own.
    word: Option<&'static str>,
}

impl Run<'_> {
    /// Takes one record.
    ///
    /// # Errors
    /// It cannot be read or does not follow; or the shadow breaks an invariant, which is a bug.
    pub(super) fn take(&mut self, record: &PastRecord<'_>) -> Result<(), WhatIfError> {
        self.last_at = self.last_at.max(record.logged_at);
        let unreadable = |error| WhatIfError::Unreadable(record.position.0, error);
        let Some(number) = record.customer else {
            let decoded = codec::decode_tenant_for_replay(record.version, record.public, record.personal);
            let facts = decoded.map_err(unreadable)?.facts;
            self.tenants.take(record.tenant, &facts, record.position, self.rules);
            return Ok(());
        };
        if self.only.is_some_and(|only| self.tenants.name(record.tenant) != Some(only)) {
            return Ok(());
        }
        let decoded = codec::decode_record(record.version, record.public, record.personal);
        let Record { origin, mut command, facts } = decoded.map_err(unreadable)?;
        erasure::recall(&mut command, &facts.effect);
        // Out of the map while it is worked on: others are looked at meanwhile.
        let mut life = match self.lives.remove(&number) {
            Some(life) => life,
            None => self.begin(record.tenant, number)?,
        };
        let known = life.state(Side::Log).last_position;
        if known != record.previous {
            return Err(WhatIfError::Gap {
                position: record.position.0,
                named: record.previous.0,
                known: known.0,
            });
        }
        let taken = Taken {
            position: record.position,
            tenant: record.tenant,
            number,
            keyed: has_key(&origin),
            facts: &facts,
            word: word(&command),
        };
        self.records += 1;
        life.records += 1;
        let result = self.step(&mut life, &taken, command);
        self.lives.insert(number, life);
        result.map_err(|violation| WhatIfError::Violation(record.position.0, violation))
    }

    fn begin(&self, tenant: TenantNumber, number: CustomerNumber) -> Result<Box<Life>, WhatIfError> {
        let customer =
            self.before.take(tenant, number).map_err(|error| WhatIfError::State(error.to_string()))?;
        Ok(Box::new(Life::new(customer, self.rules)))
    }

    fn step(&mut self, life: &mut Life, taken: &Taken<'_>, command: Command) -> Result<(), Violation> {
        let view = self.view(life, taken, &command);
        if life.apart().is_none() {
            let outcome = self.decided(life, taken, &view, command);
            if let Some(Ok(facts)) = &outcome
                && facts == taken.facts
            {
                life.both(facts, taken.position);
                self.keep(taken, Some(facts));
                return Ok(());
            }
            life.part();
            return self.conclude(life, taken, outcome);
        }
        let outcome = self.decided_apart(life, taken, &view, command)?;
        self.conclude(life, taken, outcome)
    }

    /// Decides in a shadow that is not what happened any more: first what is due there.
    fn decided_apart(
        &mut self,
        life: &mut Life,
        taken: &Taken<'_>,
        view: &View,
        mut command: Command,
    ) -> Result<Outcome, Violation> {
        let now = taken.facts.at;
        if command == Command::Tick {
            let is_due = life.state(Side::Shadow).next_due() <= now;
            return Ok(if is_due { self.decided(life, taken, view, command) } else { None });
        }
        if command == Command::FollowPlans {
            let behind = is_behind(life.state(Side::Shadow), view.plans());
            return Ok(if behind { self.decided(life, taken, view, command) } else { None });
        }
        self.make_room(life, now, taken.position, view)?;
        self.rules.change(&mut command, &taken.facts.effect, now);
        let apart = life.part();
        let states = (&apart.log, &apart.shadow);
        Ok(match apart.names.translate(&mut command, states, &taken.facts.effect) {
            Ok(()) => Some(self.asked(life, taken, view, command)),
            Err(missing) => Some(Err(missing.into())),
        })
    }

    /// As the engine does: no more falls due with a command than may share its record.
    fn make_room(
        &self,
        life: &mut Life,
        now: Timestamp,
        position: LogPosition,
        view: &View,
    ) -> Result<(), Violation> {
        let shadow = life.state(Side::Shadow);
        if now < shadow.next_due() {
            return Ok(());
        }
        let beside_max = self.limits.due_per_record_max.min(DUE_BESIDE_A_COMMAND_MAX);
        let left_max = if expiry::write_apart(shadow) { 0 } else { beside_max };
        while expiry::is_more_due_than(life.state(Side::Shadow), now, left_max) {
            let context = context(view, &self.limits, now);
            let Ok(facts) = decide(life.state(Side::Shadow), &Command::Tick, &context) else { break };
            life.part().names.learn_recharges(None, Some(&facts));
            life.would_have(&facts, position, self.rules)?;
        }
        Ok(())
    }

    /// Decides while both sides are the same, and ticks.
    fn decided(&self, life: &Life, taken: &Taken<'_>, view: &View, mut command: Command) -> Outcome {
        if command == Command::Tick {
            let limits = as_much_as(taken.facts, taken.facts.due.len().max(1), &self.limits);
            let context = context(view, &limits, taken.facts.at);
            return Some(decide(life.state(Side::Shadow), &command, &context).map_err(Why::Refused));
        }
        if command == Command::FollowPlans {
            // What was due before the change may have taken this record and more.
            let due_per_record_max = match taken.facts.effect {
                Effect::Ticked => taken.facts.due.len().max(1),
                _ => self.limits.due_per_record_max.max(taken.facts.due.len()),
            };
            let limits = as_much_as(taken.facts, due_per_record_max, &self.limits);
            let context = context(view, &limits, taken.facts.at);
            return Some(decide(life.state(Side::Shadow), &command, &context).map_err(Why::Refused));
        }
        self.rules.change(&mut command, &taken.facts.effect, taken.facts.at);
        Some(self.asked(life, taken, view, command))
    }

    /// Decides a request that is already what the shadow has to be asked.
    fn asked(&self, life: &Life, taken: &Taken<'_>, view: &View, mut command: Command) -> Result<Facts, Why> {
        let effect = &taken.facts.effect;
        self.meet_others(life, &mut command)?;
        let looked_up = self.looked_up(life, taken.number, (&mut command, effect), Side::Shadow)?;
        let context = Context {
            keyed: taken.keyed,
            looked_up: looked_up.as_ref(),
            ..context(view, &self.limits, taken.facts.at)
        };
        let (shadow, at) = (life.state(Side::Shadow), taken.facts.at);
        decide(shadow, &command, &context).or_else(|refusal| {
            // An erasure clears also what the API does not update.
            let cleared = erasure::cleared(shadow, &command, at);
            let facts = cleared.map(|effect| Facts { at, due: Vec::new(), effect, set_off: None });
            facts.ok_or(Why::Refused(refusal))
        })
    }

    /// Folds both outcomes in, after the parting, and notes what the shadow refused.
    fn conclude(&mut self, life: &mut Life, taken: &Taken<'_>, outcome: Outcome) -> Result<(), Violation> {
        let shadow = outcome.as_ref().and_then(|decided| decided.as_ref().ok());
        let names = &mut life.part().names;
        names.learn(&taken.facts.effect, shadow.map(|facts| &facts.effect));
        names.learn_wallets(taken.facts, shadow);
        names.learn_recharges(Some(taken.facts), shadow);
        if let Some(facts) = shadow {
            life.would_have(facts, taken.position, self.rules)?;
        }
        life.happened(taken.facts, taken.position);
        self.keep(taken, shadow);
        if shadow != Some(taken.facts) {
            life.differing += 1;
            self.watch.difference(&Difference {
                position: taken.position,
                customer: taken.number,
                log: taken.facts,
                shadow,
            });
        }
        if let (Some(Err(why)), Some(request)) = (outcome, taken.word) {
            let credits = moved(life.state(Side::Log), &taken.facts.effect);
            let (position, at) = (taken.position, taken.facts.at);
            let refused = Refused { position, at, request, credits, why };
            self.watch.refused(life.state(Side::Log), &refused);
            life.refusals.push(refused, REFUSALS_KEPT_MAX);
        }
        Ok(())
    }

    fn keep(&mut self, taken: &Taken<'_>, shadow: Option<&Facts>) {
        if self.closed.is_named(taken.position) {
            self.closed.keep(taken.position, taken.facts, shadow);
        }
    }

    /// What the record was decided under. Right after a change of the tenant's the record itself has to tell.
    fn view(&mut self, life: &Life, taken: &Taken<'_>, command: &Command) -> Arc<View> {
        let Some(views) = self.tenants.views(taken.tenant, taken.position) else { return Arc::default() };
        let newest = Arc::clone(views.newest);
        // How a recharge is paid, and in which day it counts, is settings.
        if views.is_clear() || !(depends_on_view(command) || taken.facts.set_off.is_some()) {
            return newest;
        }
        let all: Vec<_> = views.all().cloned().collect();
        let mut command = command.clone();
        let asked = (&mut command, &taken.facts.effect);
        let Ok(looked_up) = self.looked_up(life, taken.number, asked, Side::Log) else { return newest };
        let gives_it = |view: &&Arc<View>| {
            let (settings, cards) = (&view.settings, view.cards.as_slice());
            let (limits, looked_up) = (&self.limits, looked_up.as_ref());
            let context = Context {
                now: taken.facts.at,
                settings,
                cards,
                plans: view.plans(),
                limits,
                keyed: taken.keyed,
                looked_up,
            };
            decide(life.state(Side::Log), &command, &context).as_ref() == Ok(taken.facts)
        };
        all.iter().find(gives_it).map_or(newest, Arc::clone)
    }

    /// What a transfer's halves are about in the shadow: what its sender sent, and whether its receiver took it.
    fn meet_others(&self, life: &Life, command: &mut Command) -> Result<(), Missing> {
        const TRANSFER: Missing = Missing("the transfer");
        match command {
            Command::TransferIn(request) => {
                if let Some(sender) = self.lives.get(&request.from).and_then(|sender| sender.apart()) {
                    request.transfer = sender.names.transfer(request.transfer)?;
                    let out = sender.shadow.transfers_out.get(&request.transfer).ok_or(TRANSFER)?;
                    request.moved.clone_from(&out.moved);
                }
            }
            Command::TransferDone(id) => {
                let out = life.state(Side::Shadow).transfers_out.get(id).ok_or(TRANSFER)?;
                let receiver = self.lives.get(&out.to).map(|receiver| receiver.state(Side::Shadow));
                if receiver.is_some_and(|receiver| !receiver.transfers_in.contains_key(id)) {
                    *command = Command::TransferBack(*id);
                }
            }
            Command::TransferBack(id) => {
                life.state(Side::Shadow).transfers_out.get(id).ok_or(TRANSFER)?;
            }
            Command::TransferForget(id) => {
                if let Some(sender) = self.lives.get(&id.0.customer()).and_then(|sender| sender.apart()) {
                    *id = sender.names.transfer(*id)?;
                }
                life.state(Side::Shadow).transfers_in.get(id).ok_or(TRANSFER)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What the engine would look up for the command, on one side. `effect` is what the log says came of it.
    fn looked_up(
        &self,
        life: &Life,
        number: CustomerNumber,
        (command, effect): (&mut Command, &Effect),
        side: Side,
    ) -> Result<Option<LookedUp>, NotFound> {
        Ok(match command {
            Command::Refund(request) => {
                let (row, debit) = self.closed.debit(request.row, side)?;
                request.row = row;
                Some(LookedUp::Debit(debit))
            }
            Command::VoidCredit(request) => {
                let (row, credits) = self.closed.credits(request.row, side)?;
                request.row = row;
                Some(LookedUp::Credits(credits))
            }
            Command::VoidInvoice { invoice } => {
                let settled = life.state(side).invoices.get(invoice).map(|known| known.settled);
                let settled = settled.ok_or(NotFound::Missing(Missing("the invoice")))?;
                Some(LookedUp::Debit(self.closed.settlement(settled, side)?))
            }
            Command::Transfer(request) => {
                let receiver = self.receiver(life, number, effect, side).map_err(NotFound::Missing)?;
                if request.to_wallet.is_some() {
                    request.to_wallet = receiver.wallets.first().map(|(wallet, ..)| *wallet);
                }
                Some(LookedUp::Receiver(receiver))
            }
            Command::Atomic(items) => {
                let effects = match effect {
                    Effect::Atomic(effects) => effects.as_slice(),
                    _ => &[],
                };
                let mut each = Vec::with_capacity(items.len());
                for (item, effect) in items.iter_mut().zip(effects) {
                    each.push(self.looked_up(life, number, (item, effect), side)?);
                }
                each.iter().any(Option::is_some).then_some(LookedUp::Each(each))
            }
            _ => None,
        })
    }

    /// Who receives: the log says which of the receiver's wallets, and rules change none.
    fn receiver(
        &self,
        life: &Life,
        number: CustomerNumber,
        effect: &Effect,
        side: Side,
    ) -> Result<Receiver, Missing> {
        let Effect::TransferSent(sent) = effect else { return Err(Missing("the transfer")) };
        let (customer, wallet) = (sent.out.to, sent.out.to_wallet);
        let other =
            if customer == number { Some(life) } else { self.lives.get(&customer).map(|life| &**life) };
        let names = other.filter(|_| side == Side::Shadow).and_then(Life::apart).map(|apart| &apart.names);
        let wallet = names.map_or(Ok(wallet), |names| names.wallet(wallet))?;
        let unit_of = |row: &coffer_ledger::fact::DebitRow| {
            life.state(Side::Log).wallet(row.posting.wallet).map(|giver| giver.head.unit.clone())
        };
        let unit = sent.taken.rows.first().and_then(unit_of).ok_or(Missing("the transfer's wallet"))?;
        Ok(Receiver { customer, wallets: vec![(wallet, unit, WalletStatus::Active)] })
    }

    /// What is due by the end of the walk and not written yet, on both sides.
    ///
    /// # Errors
    /// The shadow breaks an invariant: a bug.
    pub(super) fn run_out(&mut self, until: Timestamp) -> Result<(), WhatIfError> {
        let mut lives = std::mem::take(&mut self.lives);
        for life in lives.values_mut() {
            let (tenant, position) = {
                let customer = life.state(Side::Log);
                (customer.tenant, customer.last_position)
            };
            let now = self.tenants.test_clock(tenant).unwrap_or(until);
            let ran = self.run_out_one(life, now, position);
            ran.map_err(|violation| WhatIfError::Violation(position.0, violation))?;
        }
        self.lives = lives;
        Ok(())
    }

    fn run_out_one(&self, life: &mut Life, now: Timestamp, position: LogPosition) -> Result<(), Violation> {
        let view = View::default();
        while let Some(facts) = self.still_due(life.state(Side::Log), &view, now) {
            if life.apart().is_none() {
                life.both(&facts, position);
            } else {
                life.happened(&facts, position);
            }
        }
        while let Some(facts) = self.still_due(life.state(Side::Shadow), &view, now) {
            life.would_have(&facts, position, self.rules)?;
        }
        Ok(())
    }

    fn still_due(&self, customer: &Customer, view: &View, now: Timestamp) -> Option<Facts> {
        let now = now.max(customer.last_at);
        if !expiry::is_more_due_than(customer, now, 0) {
            return None;
        }
        decide(customer, &Command::Tick, &context(view, &self.limits, now)).ok()
    }
}

/// A context of the shadow's, without what few commands need.
fn context<'a>(view: &'a View, limits: &'a Limits, now: Timestamp) -> Context<'a> {
    let (settings, cards) = (&view.other_settings, view.other_cards.as_slice());
    Context { now, settings, cards, plans: view.plans(), limits, keyed: false, looked_up: None }
}

/// Limits under which a record takes as much of what was due as this one did: so many things, and of a hold that ended in parts its pins.
fn as_much_as(facts: &Facts, due_per_record_max: usize, limits: &Limits) -> Limits {
    let pins = match facts.due.last() {
        Some(Due::HoldExpired(end)) if end.is_part() => end.returned.len(),
        _ => usize::MAX,
    };
    Limits { due_per_record_max, hold_pins_per_record_max: pins, ..*limits }
}

const fn has_key(origin: &Origin) -> bool {
    origin.idempotency_key.is_some()
}

/// Whether what is decided can depend on the tenant's settings or rate cards.
fn depends_on_view(command: &Command) -> bool {
    use coffer_ledger::command::{Asked, HoldAsked};
    match command {
        Command::CreateWallet(_)
        | Command::TopUp(_)
        | Command::SetBudget(_)
        | Command::Subscribe(_)
        | Command::CreateGrant(_)
        | Command::FollowPlans
        | Command::Event(_) => true,
        Command::Debit(request) => {
            matches!(request.asked, Asked::Metered(_)) || request.charge.budget.is_some()
        }
        Command::PlaceHold(request) => {
            matches!(request.asked, HoldAsked::Metered(_)) || request.charge.budget.is_some()
        }
        Command::Capture(_) | Command::Grow { .. } => true,
        Command::Atomic(items) => items.iter().any(depends_on_view),
        _ => false,
    }
}
