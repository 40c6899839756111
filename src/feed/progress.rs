//! What the feed's thread and the readers tell each other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use coffer_wal::{Clock, LogReader};
use tokio::sync::{oneshot, watch};

use super::history::{Erasable, HistoryStatus, Idle, Place};
use crate::engine::{Engine, Follower};

/// What the feed is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The store is being opened, checked, or made anew.
    Opening,
    /// The store is open.
    Following,
    /// The store cannot be used; it is tried again.
    Failed(Arc<str>),
    /// The feed has ended; the store is as it was left.
    Stopped,
}

/// How far the feed is.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) state: State,
    /// The last record in the store.
    pub(super) position: u64,
    /// Grows with each opening of the store.
    pub(super) generation: u64,
    /// Whether it was as far as the log once, in this generation.
    pub(super) caught_up: bool,
}

impl Progress {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Following | State::Stopped)
    }
}

/// What is asked about what is personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// How many rows there are.
    Count,
    /// To take it out.
    Erase,
}

/// Something that the thread does between two batches, once it is far enough.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) what: Erasable,
    pub(super) asked: Asked,
    pub(super) reply: oneshot::Sender<Result<u64, String>>,
}

/// What the thread is asked.
#[derive(Debug, Default)]
struct Wanted {
    look: bool,
    stop: bool,
    suspect: u64,
    errands: Vec<Errand>,
}

/// Shared by the feed's thread and its readers.
pub(super) struct Shared {
    pub(super) place: Place,
    pub(super) log: LogReader,
    /// Keeps in the archive what is not in the store yet.
    pub(super) follower: Follower,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) progress: watch::Sender<Progress>,
    /// When the log was last seen to end where the store is by now, or before.
    pub(super) level_ns: AtomicU64,
    pub(super) rebuilds: AtomicU64,
    /// Readers that wait for a position.
    waiting: AtomicU64,
    asked: Mutex<Wanted>,
    more: Condvar,
    idle: Mutex<Vec<Idle>>,
}

impl Shared {
    pub(super) fn new(place: Place, engine: &Engine, clock: Arc<dyn Clock>) -> Self {
        let start = Progress { state: State::Opening, position: 0, generation: 0, caught_up: false };
        let level_ns = AtomicU64::new(clock.monotonic_ns());
        Self {
            place,
            log: engine.log_reader(),
            follower: engine.follow(),
            clock,
            progress: watch::Sender::new(start),
            level_ns,
            rebuilds: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            asked: Mutex::default(),
            more: Condvar::new(),
            idle: Mutex::default(),
        }
    }

    /// Asks the thread to look at the log now, and not to rest while this is kept: somebody waits.
    pub(super) fn await_more(&self) -> Awaited<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).look = true;
        self.more.notify_all();
        Awaited(self)
    }

    /// Whether somebody waits.
    pub(super) fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Asks the thread to take what is durable and to end.
    pub(super) fn ask_to_stop(&self) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.more.notify_all();
    }

    /// Asks the thread for something about what is personal. The reply is dropped if it ends before.
    pub(super) fn ask_to_erase(
        &self,
        what: Erasable,
        asked: Asked,
    ) -> oneshot::Receiver<Result<u64, String>> {
        let (reply, told) = oneshot::channel();
        let mut wanted = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.errands.retain(|errand| !errand.reply.is_closed());
        wanted.errands.push(Errand { what, asked, reply });
        wanted.look = true;
        drop(wanted);
        self.more.notify_all();
        told
    }

    /// The next errand that the store is far enough for.
    pub(super) fn errand(&self, position: u64) -> Option<Errand> {
        let mut wanted = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let at = wanted.errands.iter().position(|errand| errand.what.through.0 <= position)?;
        Some(wanted.errands.remove(at))
    }

    /// A reader found damage in this opening of the store.
    pub(super) fn suspect(&self, generation: u64) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).suspect = generation;
        self.more.notify_all();
    }

    /// Whether a reader found damage in this opening of the store.
    pub(super) fn is_suspect(&self, generation: u64) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).suspect == generation
    }

    /// Whether the thread shall end.
    pub(super) fn stopping(&self) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).stop
    }

    /// Blocks until somebody asks for something, or the time is over.
    pub(super) fn rest(&self, time: Duration) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let rested = self.more.wait_timeout_while(asked, time, |asked| !asked.look && !asked.stop);
        rested.unwrap_or_else(PoisonError::into_inner).0.look = false;
    }

    /// A reader of this opening of the store.
    pub(super) fn idle(&self, generation: u64) -> Option<Idle> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|reader| reader.generation == generation);
        idle.pop()
    }

    /// Keeps a reader for the next reader.
    pub(super) fn keep(&self, reader: Idle, idle_max: usize) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < idle_max {
            idle.push(reader);
        }
    }

    /// Lets the readers go that nobody uses.
    pub(super) fn forget_readers(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Everything as figures.
    pub(super) fn status(&self) -> HistoryStatus {
        let progress = self.progress.borrow().clone();
        let lag_records = self.log.durable_lsn().0.saturating_sub(progress.position);
        let since = self.clock.monotonic_ns().saturating_sub(self.level_ns.load(Ordering::Relaxed));
        let (state, reason) = match progress.state {
            State::Opening => ("opening", None),
            State::Following => ("following", None),
            State::Failed(why) => ("failed", Some(why)),
            State::Stopped => ("stopped", None),
        };
        HistoryStatus {
            position: progress.position,
            lag_records,
            lag_seconds: if lag_records == 0 { 0.0 } else { Duration::from_nanos(since).as_secs_f64() },
            state,
            reason,
            rebuilds: self.rebuilds.load(Ordering::Relaxed),
        }
    }
}

/// Somebody waits, as long as this is kept.
pub(super) struct Awaited<'a>(&'a Shared);

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("place", &self.place).finish_non_exhaustive()
    }
}
