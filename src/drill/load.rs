//! The load: writers that send debits, batches and credit over connections of their own, some of it twice, and read in between,
//! until the server is gone or they are told to stop.
//!
//! What got no answer is kept, not sent again here: the server is gone then. [`retry`] sends it when there is one again, under
//! the same keys. Absent on purpose: judging anything ([`super::books`], [`super::confirm`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use coffer_wal::Clock;
use hyper::Method;
use tokio::task::JoinSet;

use super::operation::{Names, Operation, send_batch};
use super::plan::{Step, Steps};
use crate::cli::client::{Client, ClientError, Reply};
use crate::cli::exit::{CliError, Code};
use crate::demo::setup::connect;

/// Pause before a request that was answered 503 is sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// Such pauses until the drill gives up.
const RETRIES_MAX: u32 = 500;

/// What writers share.
pub(crate) struct Field {
    pub(crate) url: String,
    pub(crate) api_key: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) names: Arc<Vec<Names>>,
    pub(crate) seed: u64,
    pub(crate) round: u32,
    /// Set when enough was sent.
    pub(crate) stop: AtomicBool,
    /// Operations answered so far.
    pub(crate) answered: AtomicU64,
}

/// An operation that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) operation: Operation,
    /// Wall time before it was first sent, in nanoseconds since the epoch.
    pub(crate) sent_ns: u64,
    /// Wall time after the answer.
    pub(crate) received_ns: u64,
    /// Times that it was sent without an answer.
    pub(crate) unanswered: u32,
    pub(crate) reply: Reply,
    /// Other answers under the same key.
    pub(crate) again: Vec<Again>,
}

/// Another answer under the same key.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    pub(crate) reply: Reply,
    /// Whether it was asked for after the first answer, not beside it.
    pub(crate) later: bool,
}

/// An operation without an answer: done or not, its retry tells.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) operation: Operation,
    pub(crate) sent_ns: u64,
    pub(crate) unanswered: u32,
}

/// What a read showed.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) customer: usize,
    pub(crate) sent_ns: u64,
    pub(crate) received_ns: u64,
    pub(crate) reply: Reply,
}

/// What writers saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) answers: Vec<Answer>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) looks: Vec<Look>,
    /// Requests whose answer was none at all, such as a batch as a whole refused.
    pub(crate) strange: Vec<String>,
}

impl Seen {
    /// Takes over what another writer saw.
    pub(crate) fn add(&mut self, other: Self) {
        self.answers.extend(other.answers);
        self.pending.extend(other.pending);
        self.looks.extend(other.looks);
        self.strange.extend(other.strange);
    }
}

/// Starts the writers.
pub(crate) fn start(field: &Arc<Field>, writers: u16) -> Result<JoinSet<Seen>, CliError> {
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let writer = Writer::new(Arc::clone(field), writer)?;
        tasks.spawn(writer.work());
    }
    Ok(tasks)
}

/// What all of them saw.
pub(crate) async fn gather(mut tasks: JoinSet<Seen>) -> Result<Seen, CliError> {
    let mut seen = Seen::default();
    while let Some(ended) = tasks.join_next().await {
        seen.add(ended.map_err(|error| CliError::new(Code::Internal, error.to_string()))?);
    }
    Ok(seen)
}

struct Writer {
    field: Arc<Field>,
    steps: Steps,
    client: Client,
    twin: Client,
    seen: Seen,
}

/// The server is gone.
struct Gone;

impl Writer {
    fn new(field: Arc<Field>, writer: u16) -> Result<Self, CliError> {
        let wallets = field.names.iter().map(|names| names.wallet_ids.len()).collect();
        let steps = Steps::new(field.seed, field.round, writer, wallets);
        let (client, twin) = (connect(&field.url, &field.api_key)?, connect(&field.url, &field.api_key)?);
        Ok(Self { field, steps, client, twin, seen: Seen::default() })
    }

    async fn work(mut self) -> Seen {
        while !self.field.stop.load(Ordering::Relaxed) {
            let done = match self.steps.next(self.field.clock.now_ns()) {
                Step::Send(operation) => self.send(operation).await,
                Step::Twice(operation) => self.twice(operation).await,
                Step::Batch(operations) => self.batch(operations).await,
                Step::Again => self.again().await,
                Step::Read(customer) => self.read(customer).await,
            };
            if done.is_err() {
                break;
            }
        }
        self.seen
    }

    async fn send(&mut self, operation: Operation) -> Result<(), Gone> {
        let sent_ns = self.field.clock.now_ns();
        let reply = operation.send(&mut self.client, &self.field.names).await;
        self.note(operation, sent_ns, reply).map(drop)
    }

    async fn twice(&mut self, operation: Operation) -> Result<(), Gone> {
        let sent_ns = self.field.clock.now_ns();
        let names = &self.field.names;
        let (first, second) =
            tokio::join!(operation.send(&mut self.client, names), operation.send(&mut self.twin, names));
        let (first, second) =
            if is_done(&second) && !is_done(&first) { (second, first) } else { (first, second) };
        let filed = self.note(operation, sent_ns, first)?;
        let reply = second.map_err(|_| Gone)?;
        if filed
            && reply.status != 503
            && let Some(answer) = self.seen.answers.last_mut()
        {
            answer.again.push(Again { reply, later: false });
        }
        Ok(())
    }

    async fn batch(&mut self, operations: Vec<Operation>) -> Result<(), Gone> {
        let sent_ns = self.field.clock.now_ns();
        match send_batch(&mut self.client, &self.field.names, &operations).await {
            Ok(Ok(replies)) => {
                for (operation, reply) in operations.into_iter().zip(replies) {
                    self.note(operation, sent_ns, Ok(reply))?;
                }
                Ok(())
            }
            Ok(Err(problem)) => {
                self.seen.strange.push(problem);
                Ok(())
            }
            Err(ClientError::Unreachable { .. }) => Err(Gone),
            Err(_) => {
                let pending = |operation| Pending { operation, sent_ns, unanswered: 1 };
                self.seen.pending.extend(operations.into_iter().map(pending));
                Err(Gone)
            }
        }
    }

    async fn again(&mut self) -> Result<(), Gone> {
        if self.seen.answers.is_empty() {
            return Ok(());
        }
        let place = self.steps.pick(self.seen.answers.len());
        let answer = &mut self.seen.answers[place];
        // A refusal leaves nothing behind: its key is free, and the same request would be a new one.
        if answer.reply.status != 200 {
            return Ok(());
        }
        let reply = answer.operation.send(&mut self.client, &self.field.names).await.map_err(|_| Gone)?;
        if reply.status != 503 {
            answer.again.push(Again { reply, later: true });
        }
        Ok(())
    }

    async fn read(&mut self, customer: usize) -> Result<(), Gone> {
        let sent_ns = self.field.clock.now_ns();
        let path = format!("/v1/customers/{}/balance", self.field.names[customer].name);
        let reply = self.client.send(Method::GET, &path, &[], String::new()).await.map_err(|_| Gone)?;
        self.seen.looks.push(Look { customer, sent_ns, received_ns: self.field.clock.now_ns(), reply });
        Ok(())
    }

    /// Files an answer, or the lack of one; tells whether there was an answer. When nothing was sent, nothing is filed.
    fn note(
        &mut self,
        operation: Operation,
        sent_ns: u64,
        reply: Result<Reply, ClientError>,
    ) -> Result<bool, Gone> {
        match reply {
            Ok(reply) if reply.status == 503 => {
                self.seen.pending.push(Pending { operation, sent_ns, unanswered: 0 });
                Ok(false)
            }
            Ok(reply) => {
                let received_ns = self.field.clock.now_ns();
                let answer =
                    Answer { operation, sent_ns, received_ns, unanswered: 0, reply, again: Vec::new() };
                self.seen.answers.push(answer);
                self.field.answered.fetch_add(1, Ordering::Relaxed);
                Ok(true)
            }
            Err(ClientError::Unreachable { .. }) => Err(Gone),
            Err(_) => {
                self.seen.pending.push(Pending { operation, sent_ns, unanswered: 1 });
                Err(Gone)
            }
        }
    }
}

fn is_done(reply: &Result<Reply, ClientError>) -> bool {
    reply.as_ref().is_ok_and(|reply| reply.status == 200)
}

/// Starts to send what has no answer once more. Whoever is not answered again stays pending.
pub(crate) fn retry(
    field: &Arc<Field>,
    writers: u16,
    pending: Vec<Pending>,
) -> Result<JoinSet<Seen>, CliError> {
    let mut tasks = JoinSet::new();
    let share = pending.len().div_ceil(usize::from(writers)).max(1);
    for share in pending.chunks(share).map(<[_]>::to_vec) {
        let client = connect(&field.url, &field.api_key)?;
        tasks.spawn(retry_share(Arc::clone(field), client, share));
    }
    Ok(tasks)
}

async fn retry_share(field: Arc<Field>, mut client: Client, pending: Vec<Pending>) -> Seen {
    let mut seen = Seen::default();
    for mut pending in pending {
        let mut pauses = 0;
        let answered = loop {
            match pending.operation.send(&mut client, &field.names).await {
                Ok(reply) if reply.status == 503 && pauses < RETRIES_MAX => {
                    pauses += 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Ok(reply) => break Some(reply),
                Err(error) => {
                    pending.unanswered += u32::from(!matches!(error, ClientError::Unreachable { .. }));
                    break None;
                }
            }
        };
        let received_ns = field.clock.now_ns();
        let Some(reply) = answered else {
            seen.pending.push(pending);
            continue;
        };
        let Pending { operation, sent_ns, unanswered } = pending;
        seen.answers.push(Answer { operation, sent_ns, received_ns, unanswered, reply, again: Vec::new() });
    }
    seen
}
