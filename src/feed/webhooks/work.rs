//! The thread: enters, sends, settles, answers questions.

mod answers;
mod endpoint;
mod judge;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::Uri;
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::catalog::webhook::{WebhookDisabled, WebhookEndpoint};
use coffer_ledger::command::Origin;
use coffer_ledger::ids::{TenantNumber, WebhookEndpointId};
use coffer_wal::{LogReader, ReadError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::answers::refuse;
pub(super) use self::endpoint::Endpoint;
use self::judge::judge;
use super::client::{Answer, Client, Connection, Letter};
use super::plan::{self, Warm, WarmEvents};
use super::sign::signatures;
use super::store::{self, Delivery, DeliveryState, Health, Store, Tried};
use super::{Outcome, Question, Shared, WebhookFailure, WebhookOptions};
use crate::engine::{Engine, TenantOperation};
use crate::feed::events::{EventFilter, Names};
use crate::feed::tail::FeedError;

/// How often the log is looked at while there are endpoints …
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// … and whether there is one while there is none.
const IDLE_EVERY: Duration = Duration::from_millis(100);
/// After how long a file that could not be used is tried again.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// Deliveries that were settled between two prunings of an endpoint's log.
const PRUNE_EVERY: u64 = 1_000;
const MS_PER_S: u64 = 1_000;
const NS_PER_MS: u64 = 1_000_000;

/// What the thread begins with.
pub(super) struct Start {
    pub(super) engine: Engine,
    pub(super) options: WebhookOptions,
    pub(super) shared: Arc<Shared>,
    pub(super) asked: mpsc::Receiver<Question>,
    pub(super) stopping: watch::Receiver<bool>,
    /// A question that came before there was anything to answer it with.
    pub(super) held: Option<Question>,
}

/// An attempt that has ended.
struct Ended {
    endpoint: WebhookEndpointId,
    delivery: Delivery,
    answer: Answer,
    connection: Option<Connection>,
    took: Duration,
}

struct Worker {
    engine: Engine,
    options: WebhookOptions,
    shared: Arc<Shared>,
    log: LogReader,
    names: Names,
    warm: WarmEvents,
    client: Client,
    store: Store,
    endpoints: HashMap<WebhookEndpointId, Endpoint>,
    /// What was published when they were last looked at.
    seen: u64,
    attempts: JoinSet<Ended>,
}

/// Why the worker begins again.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the file: {0}")]
    File(#[from] rusqlite::Error),
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error("the file: {0}")]
    Open(String),
}

/// Delivers until it is asked to stop.
pub(super) async fn run(mut start: Start) {
    while !*start.stopping.borrow() {
        if !any_endpoint(&start.engine) {
            idle(&mut start).await;
            continue;
        }
        let Err(broken) = session(&mut start).await else { return };
        if start.engine.halted().is_some() {
            return;
        }
        let why = broken.to_string();
        tracing::error!(path = %start.options.path.display(), why, "webhooks cannot be delivered; it is tried again");
        start.shared.set_failed(Some(why));
        rest(&mut start, TRY_EVERY).await;
    }
}

fn any_endpoint(engine: &Engine) -> bool {
    !engine.tenants_with_webhooks().is_empty()
}

/// There is nothing to deliver: waits for the first endpoint, of which whoever has made it may ask at once.
async fn idle(start: &mut Start) {
    let seen = start.engine.published();
    while start.engine.published() == seen && !*start.stopping.borrow() {
        tokio::select! {
            biased;
            _ = start.stopping.changed() => {}
            Some(question) = start.asked.recv() => {
                if any_endpoint(&start.engine) {
                    start.held = Some(question);
                    return;
                }
                refuse(question, WebhookFailure::NotFound("webhook endpoint"));
            }
            () = tokio::time::sleep(IDLE_EVERY) => {}
        }
    }
}

/// Waits, telling whoever asks that there is nothing.
async fn rest(start: &mut Start, time: Duration) {
    let until = tokio::time::Instant::now() + time;
    loop {
        tokio::select! {
            biased;
            _ = start.stopping.changed() => return,
            Some(question) = start.asked.recv() => {
                let why = start.shared.failed().unwrap_or_default();
                refuse(question, WebhookFailure::Unavailable(why));
            }
            () = tokio::time::sleep_until(until) => return,
        }
    }
}

/// From opening the file to a stop.
async fn session(start: &mut Start) -> Result<(), Broken> {
    let store = Store::open(&start.options.path, start.engine.store_id()).map_err(Broken::Open)?;
    start.shared.set_failed(None);
    let timeout = Duration::from_secs(start.options.timeout_s);
    let mut worker = Worker {
        log: start.engine.log_reader(),
        names: Names::new(start.engine.clone()),
        warm: WarmEvents::default(),
        client: Client::new(start.options.allow_private_addresses, timeout),
        store,
        endpoints: HashMap::new(),
        seen: 0,
        attempts: JoinSet::new(),
        engine: start.engine.clone(),
        options: start.options.clone(),
        shared: Arc::clone(&start.shared),
    };
    if let Some(question) = start.held.take() {
        worker.answer(question)?;
    }
    loop {
        let stopping = *start.stopping.borrow();
        worker.look_at_endpoints()?;
        let is_level = stopping || !worker.enter().await?;
        if !stopping {
            worker.send_what_is_due().await?;
        }
        worker.publish();
        if stopping && worker.attempts.is_empty() {
            return Ok(());
        }
        let ended = worker.wait(start, if is_level { LOOK_EVERY } else { Duration::ZERO }).await?;
        worker.settle(ended).await?;
    }
}

impl Worker {
    fn now_ms(&self) -> u64 {
        self.engine.now().0 / NS_PER_MS
    }

    /// Takes over what tenants have published since.
    fn look_at_endpoints(&mut self) -> Result<(), Broken> {
        let published = self.engine.published();
        if published == self.seen {
            return Ok(());
        }
        self.seen = published;
        let mut there = HashSet::new();
        for view in self.engine.tenants_with_webhooks() {
            for config in &view.webhooks {
                there.insert(config.id);
                self.take_over(view.number, config)?;
            }
        }
        self.endpoints.retain(|id, _| there.contains(id));
        for id in self.store.known()? {
            if !there.contains(&id) {
                self.store.forget(id)?;
            }
        }
        Ok(())
    }

    fn take_over(&mut self, tenant: TenantNumber, config: &WebhookEndpoint) -> Result<(), Broken> {
        let filter =
            EventFilter::of(config.events.iter().map(|pattern| &**pattern)).unwrap_or(EventFilter::ALL);
        let url: Option<Uri> = config.url.parse().ok();
        if let Some(known) = self.endpoints.get_mut(&config.id) {
            let is_enabled_again = known.config.disabled.is_some() && config.disabled.is_none();
            if known.config.url != config.url {
                known.kept.clear();
            }
            (known.filter, known.url, known.config) = (filter, url, config.clone());
            if is_enabled_again {
                known.health = Health { cursor: known.health.cursor, ..Health::default() };
                known.look_at = 0;
                let health = known.health;
                self.store.at_once(|file| store::set_health(file, config.id, &health, true))?;
            }
            return Ok(());
        }
        let (mut health, pending) = self.store.endpoint(config.id, config.position.0)?;
        let (oldest, durable) = (plan::oldest(&self.log), self.log.durable_lsn().0);
        let cursor = health.cursor.clamp(oldest.min(durable), durable);
        if cursor != health.cursor {
            // The log is an older one, or has lost its beginning.
            tracing::warn!(endpoint = %config.id, from = health.cursor, to = cursor, "a webhook endpoint's place is not in the log");
            self.store.at_once(|file| store::move_cursor(file, config.id, cursor))?;
            health.cursor = cursor;
        }
        if config.disabled.is_none() && health.failing_since.is_some() {
            // Failing for long counts while somebody tries.
            health.failing_since = Some(self.now_ms());
        }
        let endpoint = Endpoint {
            tenant,
            filter,
            health,
            config: config.clone(),
            url,
            pending,
            busy: HashSet::new(),
            kept: Vec::new(),
            look_at: 0,
            settled: 0,
        };
        self.endpoints.insert(config.id, endpoint);
        Ok(())
    }

    /// Enters what endpoints are to get of the next records; whether there may be more.
    async fn enter(&mut self) -> Result<bool, Broken> {
        let (durable, pending_max) = (self.log.durable_lsn().0, self.options.pending_max);
        let Some((from, to)) = plan::next(&self.endpoints, durable, pending_max) else { return Ok(false) };
        self.warm.forget_erased(self.engine.erasures());
        let (log, names, warm) = (&self.log, &mut self.names, &mut self.warm);
        let read = plan::read(log, names, warm, &self.endpoints, (from, to), pending_max).await;
        let all = match read {
            Err(FeedError::Log(ReadError::Gone { .. })) => return self.skip_what_is_gone(from),
            read => read?,
        };
        let now = self.now_ms();
        self.store.at_once(|file| {
            for (id, new) in &all {
                store::enter(file, *id, new, now)?;
                store::move_cursor(file, *id, to)?;
            }
            Ok(())
        })?;
        for (id, new) in &all {
            let Some(endpoint) = self.endpoints.get_mut(id) else { continue };
            endpoint.health.cursor = to;
            if !new.is_empty() {
                endpoint.pending += u64::try_from(new.len()).unwrap_or(u64::MAX);
                endpoint.look_at = 0;
            }
        }
        Ok(to < durable)
    }

    /// Records were removed before they were entered.
    fn skip_what_is_gone(&mut self, from: u64) -> Result<bool, Broken> {
        let oldest = plan::oldest(&self.log);
        let behind = self.endpoints.iter_mut().filter(|(_, one)| one.health.cursor == from);
        for (id, endpoint) in behind {
            tracing::error!(endpoint = %id, after = from, up_to = oldest, "events of records that were removed are not delivered");
            endpoint.health.cursor = oldest;
            self.store.at_once(|file| store::move_cursor(file, *id, oldest))?;
        }
        Ok(oldest > from)
    }

    /// Starts the attempts that are due and for which there is room.
    async fn send_what_is_due(&mut self) -> Result<(), Broken> {
        let now = self.now_ms();
        let ids: Vec<_> = self.endpoints.keys().copied().collect();
        for id in ids {
            let endpoint = &self.endpoints[&id];
            let room = endpoint.room(&self.options, now);
            let room = room.min(self.options.in_flight_max.saturating_sub(self.attempts.len()));
            if room == 0 {
                continue;
            }
            let due = self.store.due(id, now, room, &|lane| endpoint.busy.contains(&lane))?;
            if due.len() < room {
                // Until then nothing changes but by us.
                let next = self.store.next_due(id, now)?.unwrap_or(u64::MAX);
                self.endpoints.entry(id).and_modify(|one| one.look_at = next);
            }
            for delivery in due {
                let place = (delivery.position, delivery.event);
                self.warm.forget_erased(self.engine.erasures());
                let found = plan::event(&self.log, &mut self.names, &self.warm, place).await?;
                self.begin(id, delivery, found);
            }
        }
        Ok(())
    }

    fn begin(&mut self, id: WebhookEndpointId, delivery: Delivery, event: Option<Warm>) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return };
        endpoint.busy.insert(delivery.lane);
        let (client, kept) = (self.client.clone(), endpoint.kept.pop());
        let letter = event.zip(endpoint.url.clone()).map(|(event, url)| {
            let (now, id) = (self.engine.now(), event.id.to_string());
            let timestamp_s = now.0 / NS_PER_MS / MS_PER_S;
            let signatures = signatures(endpoint.config.secrets(now), (&id, timestamp_s), &event.json);
            Letter { url, id, timestamp_s, signatures, body: event.json }
        });
        self.attempts.spawn(async move {
            let start = tokio::time::Instant::now();
            let (answer, connection) = match &letter {
                Some(letter) => client.send(letter, kept).await,
                None => (Answer::Gone, kept),
            };
            Ended { endpoint: id, delivery, answer, connection, took: start.elapsed() }
        });
    }

    /// What ended meanwhile, once something did, somebody asked something, or the time is over.
    async fn wait(&mut self, start: &mut Start, time: Duration) -> Result<Vec<Ended>, Broken> {
        let mut ended = Vec::new();
        tokio::select! {
            biased;
            Some(one) = self.attempts.join_next() => ended.extend(one.ok()),
            Some(question) = start.asked.recv() => self.answer(question)?,
            () = tokio::time::sleep(time) => {}
        }
        while let Some(one) = self.attempts.try_join_next() {
            ended.extend(one.ok());
        }
        Ok(ended)
    }

    /// Writes down how attempts ended.
    async fn settle(&mut self, all: Vec<Ended>) -> Result<(), Broken> {
        let (now, mut disable, mut settled) = (self.now_ms(), Vec::new(), Vec::new());
        for one in all {
            let Some(endpoint) = self.endpoints.get_mut(&one.endpoint) else { continue };
            endpoint.busy.remove(&one.delivery.lane);
            endpoint.look_at = 0;
            if endpoint.kept.len() < self.options.in_flight_per_endpoint_max {
                endpoint.kept.extend(one.connection);
            }
            let mut random = [0; 8];
            self.engine.random(&mut random);
            let judged = judge(
                &one.answer,
                &one.delivery,
                &mut endpoint.health,
                now,
                self.options.wait_scale,
                u64::from_le_bytes(random),
            );
            self.shared.count(judged.outcome);
            if judged.tried.state == DeliveryState::Failed {
                self.shared.count(Outcome::GivenUp);
            }
            let since = endpoint.health.failing_since;
            let patience = u64::try_from(self.options.disable_after.as_millis()).unwrap_or(u64::MAX);
            let is_long = patience > 0 && since.is_some_and(|since| now.saturating_sub(since) >= patience);
            if judged.is_gone {
                disable.push((endpoint.tenant, one.endpoint, WebhookDisabled::Gone));
            } else if is_long {
                disable.push((endpoint.tenant, one.endpoint, WebhookDisabled::Failing));
            }
            let took_ms = u64::try_from(one.took.as_millis()).unwrap_or(u64::MAX);
            settled.push((
                one.endpoint,
                one.delivery,
                Tried { took_ms, ..judged.tried },
                endpoint.health,
                judged.is_well_again,
            ));
        }
        if settled.is_empty() {
            return Ok(());
        }
        let done = self.store.at_once(|file| {
            settled
                .iter()
                .map(|(id, delivery, tried, health, is_well_again)| {
                    let was_there = store::settle(file, *id, delivery, tried)?;
                    store::set_health(file, *id, health, *is_well_again)?;
                    Ok(was_there && tried.state != DeliveryState::Pending)
                })
                .collect::<rusqlite::Result<Vec<bool>>>()
        })?;
        for ((id, ..), is_over) in settled.iter().zip(done) {
            let Some(endpoint) = self.endpoints.get_mut(id).filter(|_| is_over) else { continue };
            endpoint.pending = endpoint.pending.saturating_sub(1);
            endpoint.settled += 1;
            if endpoint.settled.is_multiple_of(PRUNE_EVERY) {
                self.store.prune(*id, self.options.deliveries_kept)?;
            }
        }
        for (tenant, id, why) in disable {
            self.disable(tenant, id, why).await;
        }
        Ok(())
    }

    /// Makes a record of it, from which everybody learns it. If that fails, the next failure tries again.
    async fn disable(&mut self, tenant: TenantNumber, id: WebhookEndpointId, why: WebhookDisabled) {
        let command = TenantCommand::DisableWebhookEndpoint { id, why };
        let done = self.engine.submit_tenant(tenant, TenantOperation::new(command, Origin::default())).await;
        match done {
            Ok(_) => tracing::warn!(endpoint = %id, why = why.as_str(), "a webhook endpoint is disabled"),
            Err(failure) => tracing::debug!(endpoint = %id, %failure, "a webhook endpoint is not disabled"),
        }
    }

    /// Figures for operators.
    fn publish(&self) {
        let durable = self.log.durable_lsn().0;
        let enabled = self.endpoints.values().filter(|one| one.config.disabled.is_none());
        let (mut pending, mut lag, mut count) = (0, 0, 0);
        for one in enabled {
            pending += one.pending;
            lag = lag.max(durable.saturating_sub(one.health.cursor));
            count += 1;
        }
        let in_flight = u64::try_from(self.attempts.len()).unwrap_or(u64::MAX);
        let shared = &self.shared;
        for (gauge, value) in [
            (&shared.pending, pending),
            (&shared.lag_records, lag),
            (&shared.endpoints, count),
            (&shared.in_flight, in_flight),
        ] {
            gauge.store(value, Ordering::Relaxed);
        }
    }
}
