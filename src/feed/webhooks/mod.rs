//! Webhooks: a tenant's events to the endpoints that it named, by the Standard Webhooks specification.
//!
//! Endpoints are records of the tenant. One thread does everything else, with a file of its own (`store`) and a runtime of its own, so that a
//! slow or dead endpoint is nobody else's matter and never a debit's. It enters what each endpoint is to get, from the log, as far as there
//! is room (`plan`): the log is the queue, and an endpoint that is behind has a cursor that is behind. It sends (`client`) what is due,
//! several customers at a time, each customer's events one after the other.
//!
//! At least once: a delivery is done when the endpoint has taken it and the file says so. Absent on purpose: payloads at rest. Tested in `tests/http/webhooks.rs`,
//! `tests/http/webhook_repairs.rs`, `tests/cli/webhooks.rs` (kills) and, with another language's own library, `tests/python/webhooks.py`.

mod address;
mod client;
mod plan;
mod schedule;
mod sign;
mod store;
mod time;
mod work;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::Uri;
use coffer_ledger::ids::WebhookEndpointId;
use coffer_wal::Urgency;
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use self::sign::shown as shown_secret;
pub(crate) use self::store::{Delivery, DeliveryQuery, DeliveryState};
use self::time::Time;
use crate::engine::Engine;
use crate::env::Env;

/// Questions that wait for the thread at most.
const QUESTIONS: usize = 256;

/// How webhooks are delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookOptions {
    /// The file of what is to be sent and what was.
    pub path: PathBuf,
    /// Seconds that an answer may take over a connection, from the name's lookup to the status.
    pub timeout_s: u64,
    /// Attempts at a time, to all endpoints.
    pub in_flight_max: usize,
    /// Attempts at a time, to one endpoint.
    pub in_flight_per_endpoint_max: usize,
    /// Deliveries of an endpoint that wait at most; then its place in the log stands still.
    pub pending_max: u64,
    /// Deliveries of an endpoint that are kept to be looked at when they are over.
    pub deliveries_kept: u64,
    /// After how long without a success an endpoint that fails is disabled; zero = never.
    pub disable_after: Duration,
    /// Whether endpoints may be reached without encryption.
    pub allow_http: bool,
    /// Whether endpoints may have addresses that are not of the open Internet.
    pub allow_private_addresses: bool,
    /// Thousandths of the waits between attempts: less than 1,000 only in tests.
    pub wait_scale: u64,
}

impl WebhookOptions {
    /// Defaults, with the file at this path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            timeout_s: 15,
            in_flight_max: 256,
            in_flight_per_endpoint_max: 8,
            pending_max: 100_000,
            deliveries_kept: 10_000,
            disable_after: Duration::from_secs(120 * 3_600),
            allow_http: false,
            allow_private_addresses: false,
            wait_scale: 1_000,
        }
    }
}

/// Why a URL is none that events are sent to.
pub(crate) fn check_url(options: &WebhookOptions, text: &str) -> Result<(), String> {
    const BYTES_MAX: usize = 2_048;
    if text.len() > BYTES_MAX {
        return Err(format!("at most {BYTES_MAX} bytes"));
    }
    let url: Uri = text.parse().map_err(|_| "a URL, such as https://example.com/hook".to_owned())?;
    match url.scheme_str() {
        Some("https") => {}
        Some("http") if options.allow_http => {}
        Some("http") => return Err("https only: webhook_allow_http is not set".to_owned()),
        _ => return Err("a URL that begins with https://".to_owned()),
    }
    let host = client::host_of(&url).filter(|host| !host.is_empty()).ok_or("a URL with a host")?;
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("a URL without user and password".to_owned());
    }
    let refused = |address| !options.allow_private_addresses && !address::is_public(address);
    if host.parse().is_ok_and(refused) {
        return Err("an address of the open Internet: webhook_allow_private_addresses is not set".to_owned());
    }
    Ok(())
}

/// How an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndpointStatus {
    /// Every event up to this record was entered.
    pub(crate) position: u64,
    /// Durable records after it.
    pub(crate) lag_records: u64,
    /// Deliveries that wait.
    pub(crate) pending: u64,
    /// Attempts in a row without an answer, or with one that says that it is busy; those under way together are one.
    pub(crate) failures: u32,
    /// Since when nothing was taken, in milliseconds.
    pub(crate) failing_since: Option<u64>,
    /// Until when it is left alone, in milliseconds.
    pub(crate) paused_until: Option<u64>,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WebhookFailure {
    /// Nothing of that name here.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The place is not in this log, or not all records since are there any more.
    #[error("the log has records {from} to {to}")]
    Place {
        /// Its oldest record, less one.
        from: u64,
        /// Its last one.
        to: u64,
    },
    /// Nothing is sent to the endpoint.
    #[error("the webhook endpoint is disabled: nothing is sent to it")]
    Disabled,
    /// The file cannot be used.
    #[error("webhooks are not delivered now: {0}")]
    Unavailable(String),
}

type Reply<T> = oneshot::Sender<Result<T, WebhookFailure>>;

/// What the thread is asked.
enum Question {
    Status(WebhookEndpointId, Reply<EndpointStatus>),
    List(WebhookEndpointId, DeliveryQuery, Reply<Vec<Delivery>>),
    Resend(WebhookEndpointId, i64, Reply<i64>),
    Replay(WebhookEndpointId, Option<u64>, Reply<u64>),
}

/// Kinds of outcomes, as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Delivered,
    Refused,
    NoAnswer,
    AddressRefused,
    GivenUp,
}

impl Outcome {
    const ALL: [Self; 5] =
        [Self::Delivered, Self::Refused, Self::NoAnswer, Self::AddressRefused, Self::GivenUp];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::NoAnswer => "no_answer",
            Self::AddressRefused => "address_refused",
            Self::GivenUp => "given_up",
        }
    }
}

/// Figures for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WebhookStats {
    /// Attempts by outcome; deliveries that were given up, beside.
    pub(crate) outcomes: Vec<(&'static str, u64)>,
    /// Deliveries that wait.
    pub(crate) pending: u64,
    /// Durable records that the endpoint which is furthest behind has not had entered.
    pub(crate) lag_records: u64,
    /// Attempts under way.
    pub(crate) in_flight: u64,
    /// Endpoints that are sent to.
    pub(crate) endpoints: u64,
    /// Why nothing is delivered.
    pub(crate) failed: Option<String>,
}

/// What the thread and the rest share.
#[derive(Default)]
struct Shared {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    pending: AtomicU64,
    lag_records: AtomicU64,
    in_flight: AtomicU64,
    endpoints: AtomicU64,
    failed: Mutex<Option<String>>,
}

impl Shared {
    fn count(&self, outcome: Outcome) {
        let at = Outcome::ALL.iter().position(|one| *one == outcome).expect("all are in the list");
        self.outcomes[at].fetch_add(1, Ordering::Relaxed);
    }

    fn set_failed(&self, why: Option<String>) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    fn failed(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Deliveries that run. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    shared: Arc<Shared>,
    options: WebhookOptions,
    questions: mpsc::Sender<Question>,
    stop: Arc<watch::Sender<bool>>,
    ended: watch::Receiver<bool>,
}

impl Webhooks {
    /// Starts delivering, on a thread of its own. Until a tenant has an endpoint it makes no file and reads no log.
    ///
    /// # Errors
    /// What the machine says when it has no thread to give.
    pub fn start(engine: &Engine, env: &Env, options: WebhookOptions) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let (stop, stopping) = watch::channel(false);
        let (tell_ended, ended) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let worker = work::Start {
            engine: engine.clone(),
            time: Arc::new(Time::start(Arc::clone(&env.clock), engine.now())),
            options: options.clone(),
            shared: Arc::clone(&shared),
            asked,
            stopping,
            held: None,
        };
        let body = move || {
            runtime.block_on(work::run(worker));
            // What was under way is sent again after the next start.
            runtime.shutdown_background();
            tell_ended.send_replace(true);
        };
        env.spawn.spawn("webhooks", Urgency::Later, Box::new(body))?;
        Ok(Self { shared, options, questions, stop: Arc::new(stop), ended })
    }

    /// Starts no further attempt, waits for those under way, and ends; whether it did in this time. Safe to leave out.
    pub async fn stop(&self, time: Duration) -> bool {
        self.stop.send_replace(true);
        let mut ended = self.ended.clone();
        let end = ended.wait_for(|ended| *ended);
        tokio::time::timeout(time, end).await.is_ok_and(|seen| seen.is_ok())
    }

    /// How they are delivered.
    pub(crate) fn options(&self) -> &WebhookOptions {
        &self.options
    }

    /// How an endpoint is.
    pub(crate) async fn status(&self, id: WebhookEndpointId) -> Result<EndpointStatus, WebhookFailure> {
        self.ask(|reply| Question::Status(id, reply)).await
    }

    /// Deliveries of an endpoint, newest first.
    pub(crate) async fn list(
        &self,
        id: WebhookEndpointId,
        query: DeliveryQuery,
    ) -> Result<Vec<Delivery>, WebhookFailure> {
        self.ask(|reply| Question::List(id, query, reply)).await
    }

    /// Sends an event again, at once and beside the order, also to an endpoint that is left alone; the number of the new delivery.
    pub(crate) async fn resend(&self, id: WebhookEndpointId, number: i64) -> Result<i64, WebhookFailure> {
        self.ask(|reply| Question::Resend(id, number, reply)).await
    }

    /// Begins again after a record; `None` = only what comes from now on. Where it begins.
    pub(crate) async fn replay(
        &self,
        id: WebhookEndpointId,
        after: Option<u64>,
    ) -> Result<u64, WebhookFailure> {
        self.ask(|reply| Question::Replay(id, after, reply)).await
    }

    async fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> Question) -> Result<T, WebhookFailure> {
        let gone = || WebhookFailure::Unavailable("it has ended".to_owned());
        let (reply, answer) = oneshot::channel();
        self.questions.send(question(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Figures for operators.
    pub(crate) fn stats(&self) -> WebhookStats {
        let value = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let shared = &self.shared;
        let counts = shared.outcomes.iter().map(value);
        WebhookStats {
            outcomes: Outcome::ALL.iter().map(|outcome| outcome.as_str()).zip(counts).collect(),
            pending: value(&shared.pending),
            lag_records: value(&shared.lag_records),
            in_flight: value(&shared.in_flight),
            endpoints: value(&shared.endpoints),
            failed: shared.failed(),
        }
    }
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks").field("options", &self.options).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_that_may_be_sent_to_pass() {
        let strict = WebhookOptions::new("x");
        for good in [
            "https://example.com",
            "https://example.com:8443/a?b=c",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(check_url(&strict, good), Ok(()), "{good}");
        }
        for (bad, word) in [
            ("", "URL"),
            ("example.com/hook", "URL"),
            ("ftp://example.com", "https://"),
            ("http://example.com", "webhook_allow_http"),
            ("https://user:secret@example.com/", "password"),
            ("https://127.0.0.1/", "webhook_allow_private_addresses"),
            ("https://[::1]:9/", "webhook_allow_private_addresses"),
            ("https://169.254.169.254/latest", "webhook_allow_private_addresses"),
            (&format!("https://example.com/{}", "a".repeat(2_048)), "2048 bytes"),
        ] {
            assert!(check_url(&strict, bad).unwrap_err().contains(word), "{bad}");
        }
        let lax = WebhookOptions { allow_http: true, allow_private_addresses: true, ..strict };
        assert_eq!(check_url(&lax, "http://127.0.0.1:8080/hook"), Ok(()));
    }
}
