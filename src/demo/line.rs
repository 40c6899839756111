//! One worker's side of the conversation: asks in order, some things twice on purpose, and notes what became of each.

use std::sync::Arc;

use hdrhistogram::Histogram;

use super::caller::{Answer, Ask, Caller, Run};
use crate::cli::client::Reply;
use crate::cli::exit::CliError;

/// What became of one request.
#[derive(Clone, Debug)]
pub(crate) struct Outcome<R> {
    /// What it was.
    pub(crate) request: R,
    /// As it was sent.
    pub(crate) ask: Ask,
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
pub(crate) struct Seen<R> {
    /// In the order asked.
    pub(crate) outcomes: Vec<Outcome<R>>,
    /// Microseconds of the requests that were answered at once.
    pub(crate) latencies_us: Histogram<u64>,
}

/// A worker's connection, and a second one for what is sent twice.
pub(crate) struct Line<R> {
    run: Arc<Run>,
    caller: Caller,
    twin: Caller,
    seen: Seen<R>,
}

/// Whether something is sent twice on purpose.
#[derive(Clone, Copy)]
pub(crate) enum Repetition {
    /// Once.
    None,
    /// Again after its answer.
    Afterwards,
    /// Over two connections at once.
    AtTheSameTime,
}

impl Repetition {
    /// Of the number-th request: every 97th at the same time, every 10th afterwards.
    pub(crate) fn of(number: usize) -> Self {
        match number {
            number if number.is_multiple_of(97) => Self::AtTheSameTime,
            number if number % 10 == 3 => Self::Afterwards,
            _ => Self::None,
        }
    }
}

impl<R> Line<R> {
    /// To the server that runs now.
    pub(crate) fn new(run: &Arc<Run>) -> Result<Self, CliError> {
        let (caller, twin) = (Caller::new(Arc::clone(run))?, Caller::new(Arc::clone(run))?);
        Ok(Self { run: Arc::clone(run), caller, twin, seen: Seen::nothing() })
    }

    /// Asks until there is an answer, notes it and tells it.
    pub(crate) async fn ask(
        &mut self,
        request: R,
        ask: Ask,
        repetition: Repetition,
    ) -> Result<Reply, CliError> {
        let Self { run, caller, twin, seen } = self;
        let (sent_ns, began_ns) = (run.clock.now_ns(), run.clock.monotonic_ns());
        let (first, again) = match repetition {
            Repetition::None => (caller.ask(&ask).await?, None),
            Repetition::Afterwards => {
                let first = caller.ask(&ask).await?;
                (first, Some(twin.ask(&ask).await?))
            }
            Repetition::AtTheSameTime => {
                let (first, again) = tokio::join!(caller.ask(&ask), twin.ask(&ask));
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
        let told = reply.clone();
        seen.outcomes.push(Outcome { request, ask, sent_ns, received_ns, unanswered, reply, again });
        Ok(told)
    }

    /// All that was noted.
    pub(crate) fn end(self) -> Seen<R> {
        self.seen
    }
}

impl<R> Outcome<R> {
    /// Whether the first answer says that it was done.
    pub(crate) fn is_done(&self) -> bool {
        is_success(&self.reply)
    }
}

/// Whether an answer says that what was asked was done.
pub(crate) fn is_success(reply: &Reply) -> bool {
    (200..300).contains(&reply.status)
}

impl<R> Seen<R> {
    /// Nothing yet.
    pub(crate) fn nothing() -> Self {
        Self { outcomes: Vec::new(), latencies_us: new_histogram() }
    }

    /// Adds what another worker saw.
    pub(crate) fn add(&mut self, other: Self) {
        self.outcomes.extend(other.outcomes);
        self.latencies_us.add(other.latencies_us).expect("all of them have the same bounds");
    }
}

/// Microseconds up to a minute, to three digits.
fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("these bounds are allowed")
}
