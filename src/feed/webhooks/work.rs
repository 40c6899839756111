//! The thread: enters, sends, settles, answers questions.

mod answers;
mod attempts;
mod endpoint;
mod judge;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use coffer_ledger::ids::WebhookEndpointId;
use coffer_wal::{LogReader, ReadError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::answers::refuse;
use self::attempts::Ended;
pub(super) use self::endpoint::Endpoint;
use super::client::Client;
use super::plan::{self, WarmEvents};
use super::store::{self, Store};
use super::time::Time;
use super::{Question, Shared, WebhookFailure, WebhookOptions};
use crate::engine::Engine;
use crate::feed::events::Names;
use crate::feed::tail::FeedError;

/// How often the log is looked at while there are endpoints …
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// … and whether there is one while there is none.
const IDLE_EVERY: Duration = Duration::from_millis(100);
/// After how long a file that could not be used is tried again.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// What the thread begins with.
pub(super) struct Start {
    pub(super) engine: Engine,
    pub(super) time: Arc<Time>,
    pub(super) options: WebhookOptions,
    pub(super) shared: Arc<Shared>,
    pub(super) asked: mpsc::Receiver<Question>,
    pub(super) stopping: watch::Receiver<bool>,
    /// A question that came before there was anything to answer it with.
    pub(super) held: Option<Question>,
}

struct Worker {
    engine: Engine,
    time: Arc<Time>,
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
        time: Arc::clone(&start.time),
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
        self.time.now_ms()
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
