//! A connection that follows the server through its restarts: what gets no answer is sent again under the same key, to whatever
//! server there is then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coffer_wal::Clock;
use hyper::Method;
use hyper::body::Bytes;
use tokio::sync::{Notify, watch};

use super::setup::connect;
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

impl Run {
    /// A row more has its answer.
    pub(crate) fn count_answer(&self) {
        let answered = self.answered.fetch_add(1, Ordering::Relaxed) + 1;
        if self.kill_points.contains(&answered) {
            self.kill.notify_one();
        }
    }

    /// Waits until a row of the trace, so many microseconds after the first, is due, when the trace runs by the clock.
    pub(crate) async fn wait_until_due(&self, at_us: u64) {
        if self.speed == 0 {
            return;
        }
        let due_ns = self.started_ns + at_us * 1_000 / self.speed;
        let now_ns = self.clock.monotonic_ns();
        tokio::time::sleep(Duration::from_nanos(due_ns.saturating_sub(now_ns))).await;
    }
}

/// Something asked of the server. Under its key it is one thing, however often it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: Bytes,
}

/// An answer, and what it took to get it.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    /// Times that the request was sent without an answer.
    pub(crate) unanswered: u32,
    /// Whether a server was waited for.
    pub(crate) waited: bool,
}

/// A connection that follows the server through its restarts.
pub(crate) struct Caller {
    run: Arc<Run>,
    addresses: watch::Receiver<Address>,
    generation: u32,
    client: Client,
}

impl Caller {
    /// A caller of the server that runs now.
    pub(crate) fn new(run: Arc<Run>) -> Result<Self, CliError> {
        let addresses = run.addresses.clone();
        let Address { generation, url } = addresses.borrow().clone();
        let client = connect(&url, &run.api_key)?;
        Ok(Self { run, addresses, generation, client })
    }

    /// Asks until there is an answer.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> Result<Answer, CliError> {
        let headers = [("idempotency-key", ask.key.as_str())];
        let (mut unanswered, mut retries, mut waited) = (0, 0, false);
        loop {
            match self.client.send(Method::POST, &ask.path, &headers, ask.body.clone()).await {
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
                    return Err(CliError::new(Code::Failed, format!("{}: {error}", ask.key)));
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
