//! The actor of one tenant: settings and keys, by the same turn as a customer's (DESIGN decision 8).
//!
//! What it decides is published when durable and before the reply leaves. Tenant commands are rare; there is no batch, no
//! resting and no scratch here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use coffer_ledger::catalog::tenant::{self, Tenant, TenantContext, TenantEffect, TenantFacts, TenantRecord};
use coffer_ledger::erasure;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_wal::Lsn;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::codec;
use super::core::{Core, TenantSeat, tenant_subject};
use super::counters::Counters;
use super::gate::Done;
use super::keys::KeyHash;
use super::message::Image;
use super::operation::{Failure, TenantCommitted, TenantOperation};
use super::permits::Permit;

/// What the caller of a tenant gets.
pub(crate) enum TenantOutcome {
    Committed(TenantCommitted),
    Replay { position: LogPosition, asked: Box<TenantOperation> },
}

/// What a tenant's mailbox holds.
pub(crate) enum TenantMessage {
    /// A command.
    Operation {
        operation: Box<TenantOperation>,
        key: Option<KeyHash>,
        reply: oneshot::Sender<Result<TenantOutcome, Failure>>,
        permit: Permit,
    },
    /// The names of this customer's keys go. Answered with the last record when that is durable.
    Erase(CustomerNumber, oneshot::Sender<Result<LogPosition, Failure>>),
    /// Give your image to the snapshot.
    Image(std::sync::mpsc::Sender<Image>),
}

/// The actor. All its data is in [`State`].
pub(crate) struct TenantActor;

/// What the actor owns.
pub(crate) struct State {
    core: Arc<Core>,
    tenant: Tenant,
    /// A fact could not be applied: only a restart helps.
    broken: bool,
}

/// Starts the actor of a tenant and enters its seat; publishes what it starts from.
pub(crate) fn seat(core: &Arc<Core>, tenant: Tenant) {
    let number = tenant.number;
    core.views.publish(&tenant);
    let _runtime = core.runtime.enter();
    let spawned =
        ractor::ActorRuntime::<TenantActor>::spawn_instant(None, TenantActor, (Arc::clone(core), tenant));
    let (mailbox, _) = spawned.expect("only a name in use makes this fail, and actors have no names");
    let seat = TenantSeat { mailbox, in_flight: Arc::default() };
    core.tenants.write().expect("no tenant operation panics").insert(number, seat);
}

impl Actor for TenantActor {
    type Msg = TenantMessage;
    type State = State;
    type Arguments = (Arc<Core>, Tenant);

    async fn pre_start(
        &self,
        _: ActorRef<TenantMessage>,
        start: Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let (core, tenant) = start;
        Ok(State { core, tenant, broken: false })
    }

    async fn handle(
        &self,
        _: ActorRef<TenantMessage>,
        message: TenantMessage,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            TenantMessage::Operation { operation, key, reply, permit } => {
                state.answer(*operation, key, reply, permit)
            }
            TenantMessage::Erase(customer, reply) => state.erase(customer, reply),
            // Half applied: the snapshot fails rather than hold that.
            TenantMessage::Image(_) if state.broken => {}
            TenantMessage::Image(snapshot) => {
                let mut bytes = Vec::new();
                codec::encode_tenant(&state.tenant, &mut bytes);
                drop(snapshot.send(Image { bytes, position: state.tenant.last_position }));
            }
        }
        Ok(())
    }
}

impl State {
    fn answer(
        &mut self,
        operation: TenantOperation,
        key: Option<KeyHash>,
        reply: oneshot::Sender<Result<TenantOutcome, Failure>>,
        permit: Permit,
    ) {
        let answer = self.turn(operation, key);
        let published = matches!(answer, Ok(TenantOutcome::Committed(_))).then(|| self.tenant.clone());
        let changed_plan = match &answer {
            Ok(TenantOutcome::Committed(committed)) => plan_of(&committed.record.facts.effect),
            Ok(TenantOutcome::Replay { .. }) | Err(_) => None,
        };
        let core = Arc::clone(&self.core);
        let then = move |result: Result<(), coffer_wal::Halted>| {
            drop(permit);
            let answer = result.map_err(|_| Failure::Halted).and(answer);
            if let (Ok(_), Some(tenant)) = (&answer, published) {
                core.views.publish(&tenant);
                if let Some(plan) = changed_plan {
                    tell_enrolled(&core, tenant.number, plan);
                }
            }
            drop(reply.send(answer));
        };
        self.core.journal.after(Lsn(self.tenant.last_position.0), Done::Then(Box::new(then)));
    }

    fn erase(&mut self, customer: CustomerNumber, reply: oneshot::Sender<Result<LogPosition, Failure>>) {
        let cleared = self.clear(customer);
        let (tenant, core) = (self.tenant.clone(), Arc::clone(&self.core));
        let then = move |result: Result<(), coffer_wal::Halted>| {
            let answer = result.map_err(|_| Failure::Halted).and(cleared);
            if answer.is_ok() {
                core.views.publish(&tenant);
            }
            drop(reply.send(answer.map(|()| tenant.last_position)));
        };
        self.core.journal.after(Lsn(self.tenant.last_position.0), Done::Then(Box::new(then)));
    }

    fn clear(&mut self, customer: CustomerNumber) -> Result<(), Failure> {
        if self.broken {
            return Err(Failure::Quarantined);
        }
        let now = self.core.time.now().max(self.tenant.last_at);
        for record in erasure::clearing_keys(&self.tenant, customer, now) {
            let mut frame = Vec::new();
            codec::encode_tenant_frame(
                &mut frame,
                &record,
                self.tenant.number,
                Lsn(self.tenant.last_position.0),
            )
            .map_err(|_| Failure::RecordTooLarge { max: coffer_wal::frame::RECORD_BYTES_LIMIT })?;
            self.log(&record.facts, &frame)?;
        }
        Ok(())
    }

    fn turn(&mut self, operation: TenantOperation, key: Option<KeyHash>) -> Result<TenantOutcome, Failure> {
        if self.broken {
            return Err(Failure::Quarantined);
        }
        let now = self.core.time.now().max(self.tenant.last_at);
        if let Some(position) = key.and_then(|key| self.core.keys.find(key, now)) {
            Counters::count(&self.core.counters.replays);
            return Ok(TenantOutcome::Replay { position, asked: Box::new(operation) });
        }
        if key.is_some() && self.core.keys.is_full() {
            return Err(Failure::KeysFull);
        }
        let context = TenantContext { now, limits: &self.core.options.tenant_limits };
        let decided =
            catch_unwind(AssertUnwindSafe(|| tenant::decide(&self.tenant, &operation.command, &context)));
        let facts = decided
            .map_err(|_| Failure::Internal)?
            .inspect_err(|refusal| self.core.counters.refused(refusal))?;
        let operation_is_dry = operation.dry_run;
        let record = TenantRecord { origin: operation.origin, command: operation.command, facts };
        let mut frame = Vec::new();
        codec::encode_tenant_frame(&mut frame, &record, self.tenant.number, Lsn(self.tenant.last_position.0))
            .map_err(|_| Failure::RecordTooLarge { max: coffer_wal::frame::RECORD_BYTES_LIMIT })?;
        if operation_is_dry {
            let committed =
                TenantCommitted { position: LogPosition(0), record: Box::new(record), replayed: false };
            return Ok(TenantOutcome::Committed(committed));
        }
        // ---- all checks are done; from here on only mutation ----
        let position = self.log(&record.facts, &frame)?;
        if let Some(key) = key {
            self.core.keys.insert(key, position, now);
        }
        Counters::count(&self.core.counters.other_commands);
        Ok(TenantOutcome::Committed(TenantCommitted { position, record: Box::new(record), replayed: false }))
    }

    fn log(&mut self, facts: &TenantFacts, frame: &[u8]) -> Result<LogPosition, Failure> {
        let tenant = &mut self.tenant;
        if catch_unwind(AssertUnwindSafe(|| tenant::apply(tenant, facts))).is_err() {
            tracing::error!(
                tenant = self.tenant.number.0,
                "applying a tenant's facts panicked; nothing was logged"
            );
            self.broken = true;
            return Err(Failure::Internal);
        }
        let position = LogPosition(self.core.journal.append(frame, 1, None).0);
        tenant::bind(&mut self.tenant, facts, position);
        Ok(position)
    }
}

/// The plan that a tenant's effect changed.
fn plan_of(effect: &TenantEffect) -> Option<Box<str>> {
    if let TenantEffect::PlanGrantSet(grant) = effect { Some(grant.plan.clone()) } else { None }
}

/// Customers told at once before others get their turn.
const TOLD_AT_ONCE: usize = 1_024;

/// Lets everybody who is enrolled follow a change, by the timer and at its pace. Whoever comes by itself before follows then.
fn tell_enrolled(core: &Arc<Core>, tenant: TenantNumber, plan: Box<str>) {
    let told = Arc::clone(core);
    core.runtime.spawn(async move {
        for some in told.directory.enrolments.of_plan(tenant, &plan).chunks(TOLD_AT_ONCE) {
            let now = told.time.now();
            some.iter().for_each(|number| told.timers.schedule(now, tenant, *number));
            tokio::task::yield_now().await;
        }
    });
}

/// Lets those follow who had not when the engine stopped.
pub(crate) fn tell_those_behind(core: &Core, tenant: TenantNumber) {
    let Some(view) = core.views.get(tenant) else { return };
    for template in &view.plan_grants {
        for number in core.directory.enrolments.behind(tenant, &template.plan, template.version) {
            core.timers.schedule(core.time.now(), tenant, number);
        }
    }
}

/// Folds one tenant record in; the same `apply` as live.
pub(crate) fn fold(tenant: &mut Tenant, facts: &TenantFacts, position: LogPosition) {
    if position > tenant.last_position {
        tenant::apply(tenant, facts);
        tenant::bind(tenant, facts, position);
    }
}

/// The key scope of a tenant's own calls (SEMANTICS §9).
pub(crate) fn key_hash(core: &Core, number: TenantNumber, key: &str) -> KeyHash {
    core.keys.hash(tenant_subject(number), key)
}
