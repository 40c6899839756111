//! The gate: every answer that looked at state leaves through the log, when what it shows is durable (DESIGN decision 5).
//!
//! [`Done`] is what the log fires, in bulk, on its writer's thread. It frees the permit and wakes whoever waits, nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use coffer_ledger::ids::LogPosition;
use coffer_wal::{Completion, Halted, Lsn};
use tokio::sync::oneshot;

use super::operation::{Committed, Failure, Operation};
use super::permits::Permit;

/// What a turn made of one operation.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Accepted now.
    Committed(Committed),
    /// Accepted earlier: read that record, compare, render.
    Replay {
        /// That record.
        position: LogPosition,
        /// What is asked now, to be compared with it.
        asked: Box<Operation>,
        /// By what the two are the same request.
        by: SameBy,
    },
}

/// By what a repeat is known (SEMANTICS §9, §14, §19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SameBy {
    /// By its idempotency key: it must ask the same.
    Key,
    /// By its invoice: it must ask the same, under whatever key.
    Invoice,
    /// By its event's source and id: the first one counts.
    Event,
}

/// What the waiting caller gets.
pub(crate) type Answer = Result<Outcome, Failure>;

/// An answer, and where its record stands relative to the append that it went with.
#[derive(Debug)]
pub(crate) struct Turned {
    pub(crate) answer: Answer,
    /// The place in its append of the record that it made, or, of a refusal, that it was decided on; `None` if there is none in it.
    pub(crate) offset: Option<u32>,
}

impl Turned {
    /// An answer that made no record.
    pub(crate) const fn unlogged(answer: Answer) -> Self {
        Self { answer, offset: None }
    }

    /// Enters the position, now that the append's first LSN is known.
    pub(crate) fn place(&mut self, first: Lsn) {
        let Some(offset) = self.offset.take() else { return };
        let position = LogPosition(first.plus(u64::from(offset)).0);
        match &mut self.answer {
            Ok(Outcome::Committed(committed)) => committed.position = position,
            Err(Failure::Refused(refused)) => refused.saw = position,
            Ok(Outcome::Replay { .. }) | Err(_) => {}
        }
    }

    /// The answer once the append's first LSN is known, or the failure if the log halted.
    fn settle(mut self, first: Lsn, result: &Result<(), Halted>) -> Answer {
        if result.is_err() {
            return Err(Failure::Halted);
        }
        self.place(first);
        self.answer
    }
}

/// Answers of one batch request, gathered from many actors.
pub(crate) struct Group {
    answers: Mutex<Vec<Option<Answer>>>,
    open: AtomicUsize,
    ready: Mutex<Option<oneshot::Sender<Vec<Option<Answer>>>>>,
}

impl Group {
    /// Room for `len` answers that arrive in `envelopes` parts.
    pub(crate) fn new(len: usize, envelopes: usize) -> (Arc<Self>, oneshot::Receiver<Vec<Option<Answer>>>) {
        let (ready, waiting) = oneshot::channel();
        let group = Self {
            answers: Mutex::new((0..len).map(|_| None).collect()),
            open: AtomicUsize::new(envelopes),
            ready: Mutex::new(Some(ready)),
        };
        (Arc::new(group), waiting)
    }

    /// Enters the answers of one envelope; the last one wakes the caller.
    pub(crate) fn enter(&self, answers: impl Iterator<Item = (u32, Answer)>) {
        let mut all = self.answers.lock().expect("no gate operation panics");
        for (index, answer) in answers {
            let index = usize::try_from(index).expect("u32 fits");
            all[index] = Some(answer);
        }
        drop(all);
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish();
        }
    }

    fn finish(&self) {
        let answers = std::mem::take(&mut *self.answers.lock().expect("no gate operation panics"));
        if let Some(ready) = self.ready.lock().expect("no gate operation panics").take() {
            // The caller may have gone; its work is done all the same.
            drop(ready.send(answers));
        }
    }
}

/// One envelope's share of a [`Group`]. Dropped unanswered, it answers "outcome unknown" for every item.
pub(crate) struct GroupShare {
    group: Arc<Group>,
    items: Vec<u32>,
}

impl GroupShare {
    pub(crate) const fn new(group: Arc<Group>, items: Vec<u32>) -> Self {
        Self { group, items }
    }

    /// Answers every item, in the order of the envelope.
    pub(crate) fn answer(mut self, answers: impl Iterator<Item = Answer>) {
        let items = std::mem::take(&mut self.items);
        self.group.enter(items.into_iter().zip(answers));
    }
}

impl Drop for GroupShare {
    fn drop(&mut self) {
        if !self.items.is_empty() {
            let items = std::mem::take(&mut self.items);
            self.group.enter(items.into_iter().map(|item| (item, Err(Failure::OutcomeUnknown))));
        }
    }
}

/// Something that looks at the log's verdict and then ends.
pub(crate) type Then = Box<dyn FnOnce(Result<(), Halted>) + Send>;

/// What the log fires when an append, or a position, is durable.
pub(crate) enum Done {
    /// One operation of one caller.
    One { reply: oneshot::Sender<Answer>, turned: Turned, permit: Permit },
    /// One envelope of a batch.
    Envelope { share: GroupShare, turned: Vec<Turned>, permit: Permit },
    /// Anything else: reads, publications, snapshots.
    Then(Then),
}

impl Completion for Done {
    fn complete(self, lsn: Lsn, result: Result<(), Halted>) {
        match self {
            Self::One { reply, turned, permit } => {
                drop(permit);
                // A caller that hung up changes nothing.
                drop(reply.send(turned.settle(lsn, &result)));
            }
            Self::Envelope { share, turned, permit } => {
                drop(permit);
                share.answer(turned.into_iter().map(|turned| turned.settle(lsn, &result)));
            }
            Self::Then(then) => then(result),
        }
    }
}
