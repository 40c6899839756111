//! Sends the trace: one worker per connection, a customer's requests always on the same worker and in order, each under a key
//! of its own. What gets no answer is sent again under that key, to whatever server there is then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coffer_wal::Clock;
use hdrhistogram::Histogram;
use hyper::Method;
use hyper::body::Bytes;
use tokio::sync::{Notify, watch};

use super::api;
use super::setup::connect;
use super::trace::Request;
use crate::cli::client::{Client, ClientError, Reply};
use crate::cli::exit::{CliError, Code};

/// How long a worker waits for a killed server to come back.
const RESTART_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause before a request that was answered 503 is sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// Such pauses until the demo gives up.
const RETRIES_MAX: u32 = 500;

/// Where the server is. The generation counts its starts.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) generation: u32,
    pub(crate) url: String,
}

/// What the workers share.
pub(crate) struct Run {
    pub(crate) addresses: watch::Receiver<Address>,
    pub(crate) api_key: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) accounts: Vec<String>,
    /// Trace time runs this many times as fast as the clock; 0 = as fast as the server answers.
    pub(crate) speed: u64,
    pub(crate) started_ns: u64,
    /// Rows answered so far.
    pub(crate) answered: AtomicUsize,
    /// Answers at which the server is killed, in order; the next one is told through `kill`.
    pub(crate) kill_points: Vec<usize>,
    pub(crate) kill: Notify,
}

/// What became of one row.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The row.
    pub(crate) request: Request,
    /// Wall time before the first try, in nanoseconds since the epoch.
    pub(crate) sent_ns: u64,
    /// Wall time after the reply.
    pub(crate) received_ns: u64,
    /// Times that it was sent without an answer.
    pub(crate) unanswered: u32,
    /// The answer.
    pub(crate) reply: Reply,
    /// The answer to the same request under the same key, where it was sent twice on purpose.
    pub(crate) again: Option<Reply>,
}

/// What one worker saw.
pub(crate) struct Seen {
    pub(crate) outcomes: Vec<Outcome>,
    /// Microseconds of the requests that were answered at once.
    pub(crate) latencies_us: Histogram<u64>,
}

/// An answer, and what it took to get it.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    /// Times that the request was sent without an answer.
    pub(crate) unanswered: u32,
    /// Whether a server was waited for.
    waited: bool,
}

/// A connection that follows the server through its restarts.
pub(crate) struct Caller {
    run: Arc<Run>,
    addresses: watch::Receiver<Address>,
    generation: u32,
    client: Client,
}

impl Run {
    fn count_answer(&self) {
        let answered = self.answered.fetch_add(1, Ordering::Relaxed) + 1;
        if self.kill_points.contains(&answered) {
            self.kill.notify_one();
        }
    }

    /// Waits until a row is due, when the trace runs by the clock.
    async fn wait_until_due(&self, request: &Request) {
        if self.speed == 0 {
            return;
        }
        let due_ns = self.started_ns + request.at_us * 1_000 / self.speed;
        let now_ns = self.clock.monotonic_ns();
        tokio::time::sleep(Duration::from_nanos(due_ns.saturating_sub(now_ns))).await;
    }
}

impl Caller {
    /// A caller of the server that runs now.
    pub(crate) fn new(run: Arc<Run>) -> Result<Self, CliError> {
        let addresses = run.addresses.clone();
        let Address { generation, url } = addresses.borrow().clone();
        let client = connect(&url, &run.api_key)?;
        Ok(Self { run, addresses, generation, client })
    }

    /// Sends a row until there is an answer.
    pub(crate) async fn debit(&mut self, request: &Request) -> Result<Answer, CliError> {
        let path = format!("/v1/customers/{}/debits", self.run.accounts[request.customer()]);
        let key = format!("row-{}", request.row);
        let body = Bytes::from(api::debit_body(request));
        let (mut unanswered, mut retries, mut waited) = (0, 0, false);
        loop {
            match self.client.send(Method::POST, &path, &[("idempotency-key", &key)], body.clone()).await {
                Ok(reply) if reply.status == 503 && retries < RETRIES_MAX => {
                    retries += 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Ok(reply) => return Ok(Answer { reply, unanswered, waited }),
                // Nothing was sent: there is no server until the next start.
                Err(ClientError::Unreachable { .. }) => {
                    waited = true;
                    self.follow().await?;
                }
                Err(error) if retries == RETRIES_MAX => {
                    return Err(CliError::new(Code::Failed, format!("{key}: {error}")));
                }
                Err(_) => {
                    unanswered += 1;
                    retries += 1;
                }
            }
        }
    }

    /// Waits for the next start of the server, unless it has been already.
    async fn follow(&mut self) -> Result<(), CliError> {
        let known = self.generation;
        let restarted = self.addresses.wait_for(|address| address.generation > known);
        let restarted = tokio::time::timeout(RESTART_TIMEOUT, restarted).await;
        let Ok(Ok(address)) = restarted.map(|waited| waited.map(|address| address.clone())) else {
            return Err(CliError::new(Code::Failed, "the server gave no answer and was not started again"));
        };
        self.generation = address.generation;
        self.client = connect(&address.url, &self.run.api_key)?;
        Ok(())
    }
}

/// Sends the rows of one worker, in order.
pub(crate) async fn work(run: Arc<Run>, rows: Vec<Request>) -> Result<Seen, CliError> {
    let mut caller = Caller::new(Arc::clone(&run))?;
    let mut twin = Caller::new(Arc::clone(&run))?;
    let mut seen = Seen { outcomes: Vec::with_capacity(rows.len()), latencies_us: new_histogram() };
    for request in rows {
        run.wait_until_due(&request).await;
        let (sent_ns, began_ns) = (run.clock.now_ns(), run.clock.monotonic_ns());
        let (first, again) = match repetition(&request) {
            Repetition::None => (caller.debit(&request).await?, None),
            Repetition::Afterwards => {
                let first = caller.debit(&request).await?;
                (first, Some(twin.debit(&request).await?))
            }
            Repetition::AtTheSameTime => {
                let (first, again) = tokio::join!(caller.debit(&request), twin.debit(&request));
                (first?, Some(again?))
            }
        };
        let Answer { reply, unanswered, waited } = first;
        let took_us = (run.clock.monotonic_ns() - began_ns) / 1_000;
        if unanswered == 0 && !waited && again.is_none() {
            seen.latencies_us.saturating_record(took_us);
        }
        let received_ns = run.clock.now_ns();
        let again = again.map(|answer| answer.reply);
        seen.outcomes.push(Outcome { request, sent_ns, received_ns, unanswered, reply, again });
        run.count_answer();
    }
    Ok(seen)
}

/// Whether a row is sent twice on purpose, by a fixed rule.
enum Repetition {
    None,
    /// Every 10th row, after its answer.
    Afterwards,
    /// Every 97th row, over two connections at once.
    AtTheSameTime,
}

fn repetition(request: &Request) -> Repetition {
    match request.row {
        row if row.is_multiple_of(97) => Repetition::AtTheSameTime,
        row if row % 10 == 3 => Repetition::Afterwards,
        _ => Repetition::None,
    }
}

/// Microseconds up to a minute, to three digits.
pub(crate) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("these bounds are allowed")
}
