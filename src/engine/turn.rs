//! One turn (DESIGN decision 4): find the key · stamp the time · write what is overdue · decide → encode → limits → apply →
//! invariants → append → key.
//!
//! Everything here is synchronous and runs inside the customer's actor. A panic while deciding or encoding is answered with
//! 500 and leaves the state as it was; a panic while applying, or a broken invariant, makes the state worthless: nothing of that
//! operation was logged, and the actor rebuilds from the log.

mod due;
mod erasing;
mod following;
mod holding;
mod position;
mod refusing;
mod runways;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use coffer_ledger::apply::{apply, bind};
use coffer_ledger::command::Command;
use coffer_ledger::customer::Customer;
use coffer_ledger::decide::{Context, decide};
use coffer_ledger::fact::{Effect, Facts};
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber, TransferId};
use coffer_ledger::invariants;
use coffer_ledger::limits::Limits;
use coffer_ledger::looked_up::LookedUp;
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_wal::Lsn;

use super::codec::{self, EncodeError};
use super::core::Core;
use super::counters::Counters;
use super::gate::{Done, Outcome, SameBy, Turned};
use super::intents;
use super::keys::KeyHash;
use super::message::Keyed;
use super::names::names_of;
use super::operation::{Committed, CustomerNames, Failure, Operation};
use super::tenant_view::PinnedView;
#[cfg(feature = "server")]
pub(crate) use due::DUE_BESIDE_A_COMMAND_MAX;
use position::may_need_position;

/// Frames gathered beyond this are appended before the next operation of an envelope.
const SCRATCH_BYTES_MAX: usize = 256 * 1024;
/// What an actor keeps of its scratch between messages: tens of thousands of actors each have one.
const SCRATCH_BYTES_KEPT: usize = 2 * 1024;

/// The state of one customer in its actor, and what has been decided but not handed to the log yet.
pub(crate) struct Seat {
    pub(crate) core: Arc<Core>,
    pub(crate) number: CustomerNumber,
    pub(crate) tenant: TenantNumber,
    pub(crate) customer: Customer,
    pub(crate) names: Arc<CustomerNames>,
    /// The tenant as this turn sees it.
    view: PinnedView,
    scratch: Vec<u8>,
    /// Records in `scratch`.
    gathered: u32,
    gathered_keys: Vec<(KeyHash, u32, Timestamp)>,
    /// The first record of this turn's first append, which took what was gathered before along.
    appended: Option<Lsn>,
    /// The earliest instant for which the timer has an entry.
    timer_at: Timestamp,
    /// The deletion of this customer is gathered.
    deleted_now: bool,
    /// The end of a subscription is gathered.
    left_now: bool,
    /// The version of the tenant's plans of which this customer has followed all that is about it.
    plans_checked: u64,
    /// When the wallets' runways are looked at next; [`Timestamp::MAX`] = not before something is spent.
    looks_at: Timestamp,
    /// Whether a wallet warns of its runway.
    has_runways: bool,
}

/// The state cannot be trusted any more: rebuild it.
#[derive(Debug)]
pub(crate) struct Broken;

impl Seat {
    /// Seats a state that is a fold of durable or appended records.
    pub(crate) fn new(core: Arc<Core>, customer: Customer) -> Self {
        fail::fail_point!("turn::seat");
        let (number, tenant) = (customer.number, customer.tenant);
        let (names, view) = (names_of(&customer), core.views.pin(tenant));
        let mut seat = Self {
            core,
            number,
            tenant,
            customer,
            names,
            view,
            scratch: Vec::new(),
            gathered: 0,
            gathered_keys: Vec::new(),
            appended: None,
            timer_at: Timestamp::MAX,
            deleted_now: false,
            left_now: false,
            plans_checked: 0,
            looks_at: Timestamp::MAX,
            has_runways: false,
        };
        seat.begin_to_look();
        seat.schedule();
        seat.resume_transfers();
        seat
    }

    /// Whoever seats a state with transfers on their way makes sure that somebody drives them.
    fn resume_transfers(&self) {
        for out in self.customer.transfers_out.values() {
            intents::drive(&self.core, self.tenant, self.number, out);
        }
        for (id, received) in &self.customer.transfers_in {
            intents::forget_when_over(&self.core, self.tenant, self.number, (*id, received.from));
        }
    }

    /// Takes one operation through its turn. What it decided stands in the scratch until [`Seat::release`].
    pub(crate) fn turn(&mut self, keyed: Keyed) -> (Turned, Result<(), Broken>) {
        let Keyed { operation, key, looked_up } = keyed;
        self.appended = None;
        let (now, logged_at) = self.begin_turn();
        if let Some((position, by)) = self.repeated(&operation.command, key, logged_at) {
            Counters::count(&self.core.counters.replays);
            return (Turned::unlogged(Ok(Outcome::Replay { position, asked: operation, by })), Ok(()));
        }
        let looked_up = match looked_up.as_deref() {
            Some(Ok(looked_up)) => Some(looked_up),
            Some(Err(failure)) => return (Turned::unlogged(Err(failure.clone())), Ok(())),
            None => None,
        };
        if key.is_some() && self.core.keys.is_full() {
            return (Turned::unlogged(Err(Failure::KeysFull)), Ok(()));
        }
        if let Some(cannot) = self.come_up_to((now, logged_at)) {
            return cannot;
        }
        let claimed = match self.claim(&operation.command) {
            Ok(claimed) => claimed,
            Err(failure) => return (self.refused(failure, None), Ok(())),
        };
        let (turned, sound) = self.answer(operation, looked_up, key, (now, logged_at));
        if let Some(name) = claimed {
            self.core.directory.enrolments.release(self.tenant, &name, self.number);
        }
        (turned, sound)
    }

    /// Decides, and logs what was decided unless it is a dry run.
    fn answer(
        &mut self,
        operation: Box<Operation>,
        looked_up: Option<&LookedUp>,
        key: Option<KeyHash>,
        (now, logged_at): (Timestamp, Timestamp),
    ) -> (Turned, Result<(), Broken>) {
        let facts = match self.decide_to_fit(&operation, looked_up, key.is_some(), (now, logged_at)) {
            Ok(Ok(facts)) => facts,
            Ok(Err(failure)) => return self.refuse(failure, &operation, (now, logged_at)),
            Err(broken) => return (Turned::unlogged(Err(Failure::Internal)), Err(broken)),
        };
        let Operation { command, origin, dry_run } = *operation;
        let record = Box::new(Record { origin, command, facts });
        if dry_run {
            return (Turned::unlogged(Ok(Outcome::Committed(self.committed(record)))), Ok(()));
        }
        let (turned, sound) = self.log(record, logged_at, key);
        // What came in after its end is gone in the same turn: whoever comes next finds nothing due, also on a clock that stands still.
        let sound = sound.and_then(|()| self.catch_up((now, logged_at), 0));
        let sound = sound.and_then(|()| self.look_at_runways((now, logged_at)));
        (turned, sound)
    }

    /// The record that answered this request already.
    fn repeated(
        &self,
        command: &Command,
        key: Option<KeyHash>,
        logged_at: Timestamp,
    ) -> Option<(LogPosition, SameBy)> {
        if let Some(position) = key.and_then(|key| self.core.keys.find(key, logged_at)) {
            let by = if matches!(command, Command::Event(_)) { SameBy::Event } else { SameBy::Key };
            return Some((position, by));
        }
        let Command::Settle(request) = command else { return None };
        let invoice = self.customer.invoices.get(&request.invoice)?;
        Some((invoice.settled, SameBy::Invoice))
    }

    /// Begins a turn: it sees its tenant as that is published now, to its end. Its instant, and the log's (SEMANTICS §10). They differ for a
    /// tenant with a clock of its own.
    pub(crate) fn begin_turn(&mut self) -> (Timestamp, Timestamp) {
        self.view.refresh();
        let logged_at = self.core.time.now();
        let own = self.view.get().and_then(|view| view.test_clock);
        (own.unwrap_or(logged_at).max(self.customer.last_at), logged_at)
    }

    fn decide(
        &mut self,
        (command, looked_up): (&Command, Option<&LookedUp>),
        now: Timestamp,
        keyed: bool,
        limits: &Limits,
    ) -> Result<Facts, Failure> {
        let view = self.view.get().ok_or(Failure::NotFound("tenant"))?;
        let customer = &self.customer;
        let (settings, cards) = (&view.settings, view.rate_cards.as_slice());
        let plans = view.plans();
        let context = Context { now, settings, cards, plans, limits, keyed, looked_up };
        let decided = catch_unwind(AssertUnwindSafe(|| {
            fail::fail_point!("turn::decide");
            decide(customer, command, &context)
        }));
        let decided = decided.map_err(|_| self.report_panic("decide"))?;
        decided.map_err(|refusal| {
            self.core.counters.refused(&refusal);
            refusal.into()
        })
    }

    /// Encodes, then applies. After the line nothing may fail.
    fn log(
        &mut self,
        record: Box<Record>,
        logged_at: Timestamp,
        key: Option<KeyHash>,
    ) -> (Turned, Result<(), Broken>) {
        let before = self.scratch.len();
        let encoded = self.encode(&record, logged_at);
        let bytes = self.scratch.len() - before;
        if let Err(failure) = encoded.and_then(|()| self.check_holds(&record.facts.effect, bytes, logged_at))
        {
            self.scratch.truncate(before);
            return (Turned::unlogged(Err(failure)), Ok(()));
        }
        // ---- all checks are done; from here on only mutation ----
        if let Err(broken) = self.apply(&record.facts) {
            self.scratch.truncate(before);
            return (Turned::unlogged(Err(Failure::Internal)), Err(broken));
        }
        let offset = self.gathered;
        self.gathered += 1;
        if let Some(key) = key {
            let keys = [Some(key), self.key_by_subscription(&record)].into_iter().flatten();
            self.gathered_keys.extend(keys.map(|key| (key, offset, logged_at)));
        }
        self.enter_names(&record.facts.effect);
        self.expect_runways(&record.facts);
        self.core.counters.accepted(&record.command);
        let binds = record.facts.needs_position();
        let mut turned =
            Turned { answer: Ok(Outcome::Committed(self.committed(record))), offset: Some(offset) };
        if binds {
            self.bind_now(&mut turned);
        }
        (turned, Ok(()))
    }

    fn encode(&mut self, record: &Record, logged_at: Timestamp) -> Result<(), Failure> {
        let previous = match self.gathered {
            0 => Lsn(self.customer.last_position.0),
            _ => Lsn::JUST_BEFORE,
        };
        let (tenant, number, scratch) = (self.tenant, self.number, &mut self.scratch);
        let encoded = catch_unwind(AssertUnwindSafe(|| {
            fail::fail_point!("turn::encode");
            codec::encode_customer_frame(scratch, record, (tenant, number), logged_at, previous)
        }));
        match encoded {
            Ok(Ok(())) => Ok(()),
            Ok(Err(EncodeError::TooLarge(too))) => Err(Failure::RecordTooLarge { max: too.bytes_max }),
            Ok(Err(EncodeError::Encoder(_))) | Err(_) => Err(self.report_panic("encode")),
        }
    }

    fn apply(&mut self, facts: &Facts) -> Result<(), Broken> {
        let customer = &mut self.customer;
        let applied = catch_unwind(AssertUnwindSafe(|| {
            apply(customer, facts);
            fail::fail_point!("turn::apply");
            customer.last_at = facts.at;
            fail::fail_point!("turn::skew", |_| {
                customer.wallets.clear();
                invariants::check_touched(customer, facts)
            });
            invariants::check_touched(customer, facts)
        }));
        match applied {
            Ok(Ok(())) => Ok(()),
            Ok(Err(violation)) => {
                tracing::error!(customer = self.number.0, %violation, "a rule broke an invariant; nothing was logged");
                Err(Broken)
            }
            Err(_) => {
                self.report_panic("apply");
                Err(Broken)
            }
        }
    }

    /// A record whose place in the log the state must know is appended at once: nothing may build on it before.
    fn bind_now(&mut self, turned: &mut Turned) {
        let Ok(Outcome::Committed(committed)) = &turned.answer else { return };
        let facts = committed.record.facts.clone();
        let offset = turned.offset.map_or(0, u64::from);
        let first = self.append(None);
        let position = LogPosition(first.plus(offset).0);
        bind(&mut self.customer, &facts, position);
        if let Ok(Outcome::Committed(committed)) = &mut turned.answer {
            committed.position = position;
        }
        turned.offset = None;
        if let Effect::TransferSent(sent) = &facts.effect {
            self.drive(sent.out.id);
        }
    }

    /// Makes sure that a transfer which left is driven.
    fn drive(&self, id: TransferId) {
        // One that arrived in the same record is over.
        if let Some(out) = self.customer.transfers_out.get(&id) {
            intents::drive(&self.core, self.tenant, self.number, out);
        }
    }

    /// Whether the envelope should hand over what it gathered before the next operation: it is large, or the next one repeats
    /// a key of it, or is appended at once because the state must know its place.
    pub(crate) fn must_append_before(&self, next: &Keyed) -> bool {
        let repeats = |key: KeyHash| self.gathered_keys.iter().any(|(gathered, ..)| *gathered == key);
        may_need_position(&next.operation.command)
            || self.scratch.len() > SCRATCH_BYTES_MAX
            || next.key.is_some_and(repeats)
    }

    /// Hands what was gathered to the log without waiting, and settles the positions of `turned` that went with it.
    pub(crate) fn append_gathered(&mut self, turned: &mut [Turned]) {
        if self.gathered == 0 {
            return;
        }
        self.appended = None;
        self.append(None);
        self.place_earlier(turned);
    }

    /// Settles the positions of an envelope's operations before this turn, if it handed their records to the log: a hold may reach
    /// its deadline between two of them, and its end must have its place at once.
    pub(crate) fn place_earlier(&mut self, turned: &mut [Turned]) {
        if let Some(first) = self.appended.take() {
            turned.iter_mut().for_each(|turned| turned.place(first));
        }
    }

    /// The answer leaves: with the append if something was gathered, else when what it looked at is durable.
    pub(crate) fn release(&mut self, done: Done) {
        if self.gathered == 0 {
            self.core.journal.after(Lsn(self.customer.last_position.0), done);
        } else {
            self.append(Some(done));
        }
    }

    fn append(&mut self, done: Option<Done>) -> Lsn {
        let first = self.core.journal.append(&self.scratch, self.gathered, done);
        self.appended.get_or_insert(first);
        self.customer.last_position = LogPosition(first.plus(u64::from(self.gathered - 1)).0);
        for (key, offset, at) in self.gathered_keys.drain(..) {
            self.core.keys.insert(key, LogPosition(first.plus(u64::from(offset)).0), at);
        }
        self.gathered = 0;
        if std::mem::take(&mut self.deleted_now) {
            self.forget_name_when_durable();
        }
        if std::mem::take(&mut self.left_now) {
            self.core.directory.enrolments.note(&self.customer);
        }
        self.scratch.clear();
        self.scratch.shrink_to(SCRATCH_BYTES_KEPT);
        self.schedule();
        first
    }

    fn forget_name_when_durable(&self) {
        let (core, customer) = (Arc::clone(&self.core), self.customer.clone());
        let forget = move |durable: Result<(), coffer_wal::Halted>| {
            if durable.is_ok() {
                core.directory.note(&customer);
            }
        };
        self.core.after(self.customer.last_position, Box::new(forget));
    }

    /// Makes sure that the timer knows when this customer is due.
    fn schedule(&mut self) {
        // The timer looks at the engine's clock; one that stands still is caught up when it is moved.
        if self.view.get().is_some_and(|view| view.test_clock.is_some()) {
            return;
        }
        let due = self.customer.next_due().min(self.looks_at);
        if due < self.timer_at {
            self.core.timers.schedule(due, self.tenant, self.number);
            self.timer_at = due;
        }
    }

    /// The timer's entry has been used up.
    pub(crate) fn timer_has_fired(&mut self) {
        self.timer_at = Timestamp::MAX;
    }

    fn committed(&self, record: Box<Record>) -> Committed {
        let customer = Arc::clone(&self.names);
        Committed { position: LogPosition(0), record, customer, replayed: false }
    }

    /// The directory and the names in replies follow the customer.
    fn enter_names(&mut self, effect: &Effect) {
        match effect {
            // A name is free again when nothing can bring its owner back.
            Effect::CustomerSet(identity) if identity.deleted => self.deleted_now = true,
            Effect::CustomerSet(_)
            | Effect::WalletCreated { customer: Some(_), .. }
            | Effect::EventRecorded { customer: Some(_), .. } => {
                self.names = names_of(&self.customer);
                self.core.directory.note(&self.customer);
            }
            Effect::Subscribed(subscribed) => {
                if subscribed.customer.is_some() {
                    self.names = names_of(&self.customer);
                }
                self.core.directory.note(&self.customer);
            }
            // Its name goes when its key leads here: a repeat finds one or the other.
            Effect::Unsubscribed(_) => self.left_now = true,
            Effect::PlansFollowed(_) => self.core.directory.enrolments.note(&self.customer),
            Effect::Ticked
            | Effect::GrantSet(_)
            | Effect::GrantRemoved(_)
            | Effect::WalletCreated { customer: None, .. }
            | Effect::WalletSet(_)
            | Effect::ToppedUp { .. }
            | Effect::Debited(_)
            | Effect::ManuallyDebited { .. }
            | Effect::WalletClosed { .. }
            | Effect::Held(_)
            | Effect::Refunded(_)
            | Effect::CreditVoided(_)
            | Effect::InvoiceSettled(_)
            | Effect::InvoiceVoided { .. }
            | Effect::TransferSent(_)
            | Effect::TransferReceived { .. }
            | Effect::TransferDone(_)
            | Effect::TransferReturned { .. }
            | Effect::TransferForgotten(_)
            | Effect::BudgetSet(_)
            | Effect::BudgetDeleted(_)
            | Effect::EventRecorded { customer: None, .. }
            | Effect::Recharged { .. }
            | Effect::RechargeEnded(_)
            | Effect::AutoTopupResumed(_)
            | Effect::Atomic(_) => {}
        }
    }

    fn report_panic(&self, place: &'static str) -> Failure {
        tracing::error!(customer = self.number.0, place, "a rule panicked; nothing was logged");
        Failure::Internal
    }
}
