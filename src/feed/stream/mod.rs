//! Streams: events of one customer, or of a whole tenant, to whoever stays connected.
//!
//! A stream is a place in the log and a channel of limited room. While there are streams, one thread (`hub`) follows the durable log
//! and pushes what each wants; while there are none it does not run, and nothing is read. Whoever comes with an older place first reads
//! what came since from the log (`catch_up`) and then joins without a gap. A channel that is full means a reader that is too slow: its
//! stream ends, after what is in the channel, with a hint where to go on. No write ever waits for any of this, and nothing is sent that is not durable.
//!
//! Absent on purpose: HTTP, and anything kept: a stream that ends is gone. Tested in `tests/http/event_stream.rs`.

mod catch_up;
mod hub;
mod place;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

pub use self::place::StreamPlace;
use super::events::{Event, EventFilter};
use crate::engine::Engine;

/// How streams run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// Open streams of all tenants.
    pub streams_max: usize,
    /// Open streams of one tenant.
    pub streams_per_tenant_max: usize,
    /// Events that wait for a stream's reader; above it the stream ends.
    pub stream_buffer_events: usize,
    /// Seconds without an event after which a comment is sent.
    pub stream_heartbeat_s: u64,
    /// Records of the log that a stream which goes on from an older place may have to read.
    pub stream_resume_records_max: u64,
    /// Streams that read older records at a time. Others wait, and none reads while its reader has enough to read.
    pub stream_resumes_max: usize,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            streams_max: 5_000,
            streams_per_tenant_max: 1_000,
            stream_buffer_events: 1_024,
            stream_heartbeat_s: 15,
            stream_resume_records_max: 10_000_000,
            stream_resumes_max: 2,
        }
    }
}

/// Whose events, and which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Of this tenant …
    pub(crate) tenant: TenantNumber,
    /// … and, unless all of its customers', of this customer.
    pub(crate) customer: Option<CustomerNumber>,
    /// Of these kinds.
    pub(crate) filter: EventFilter,
}

/// Why there is no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StreamFailure {
    /// As many as may be are open.
    #[error("as many streams as may be are open")]
    Full {
        /// The limit's name.
        limit: &'static str,
        /// Its value.
        max: usize,
    },
    /// The place is not in this log.
    #[error("the log ends at {durable}")]
    Ahead {
        /// Its last record.
        durable: u64,
    },
    /// The place is too far back.
    #[error("{records} records were written since: more than may be read again")]
    TooFar {
        /// How many.
        records: u64,
    },
    /// The records since are not all there any more.
    #[error("records up to {removed} were removed")]
    Gone {
        /// The last of those.
        removed: u64,
    },
    /// The server is stopping, or the machine has no thread to give.
    #[error("streams are not served now")]
    Closed,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its reader was too slow.
    SlowReader,
    /// The server stops.
    Stopping,
    /// The log could not be read.
    Failed,
    /// Its reader's key is good no more.
    KeyRevoked,
}

impl Ended {
    const ALL: [Self; 4] = [Self::SlowReader, Self::Stopping, Self::Failed, Self::KeyRevoked];

    /// In a word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::SlowReader => "slow_reader",
            Self::Stopping => "server_stopping",
            Self::Failed => "log_unreadable",
            Self::KeyRevoked => "key_revoked",
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::SlowReader => 1,
            Self::Stopping => 2,
            Self::Failed => 3,
            Self::KeyRevoked => 4,
        }
    }
}

/// Why a stream ended, once it has.
#[derive(Debug, Default)]
struct Reason(AtomicU8);

impl Reason {
    fn set(&self, ended: Ended) {
        // The first one is the reason.
        let _ = self.0.compare_exchange(0, ended.code(), Ordering::Relaxed, Ordering::Relaxed);
    }

    fn get(&self) -> Option<Ended> {
        Ended::ALL.into_iter().find(|ended| ended.code() == self.0.load(Ordering::Relaxed))
    }
}

/// How far a stream has read the log by itself, until it joins the others.
#[derive(Debug)]
struct Reached(AtomicU64);

impl Reached {
    const JOINED: u64 = u64::MAX;

    /// Everything up to this record is in the channel.
    fn set(&self, position: u64) {
        self.0.store(position, Ordering::Release);
    }

    /// From now on it is where the others are.
    fn join(&self) {
        self.set(Self::JOINED);
    }

    /// `None` = where the others are.
    fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Acquire)).filter(|position| *position != Self::JOINED)
    }
}

/// An event on its way to a reader.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// A stream that ends after it goes on from here.
    pub(crate) place: StreamPlace,
    /// The event.
    pub(crate) event: Arc<Event>,
}

impl Frame {
    fn of(event: Event) -> Self {
        let place = StreamPlace::of(&event);
        Self { place, event: Arc::new(event) }
    }
}

/// The sending end of a stream.
#[derive(Clone)]
struct Subscriber {
    wanted: Wanted,
    /// It has everything up to here.
    from: StreamPlace,
    frames: mpsc::Sender<Frame>,
    reason: Arc<Reason>,
    reached: Arc<Reached>,
}

/// The reading end of a stream.
pub(crate) struct Stream {
    frames: mpsc::Receiver<Frame>,
    reason: Arc<Reason>,
    reached: Arc<Reached>,
    room: Room,
}

impl Stream {
    /// How far the log was looked through for it: whoever asks this and then finds no event waiting has seen all up to there.
    pub(crate) fn reached(&self) -> StreamPlace {
        let joined = || self.room.shared.handed_out.load(Ordering::Acquire);
        StreamPlace::after(self.reached.get().unwrap_or_else(joined))
    }

    /// The next event; `None` = it has ended.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        self.frames.poll_recv(cx)
    }

    /// Why it has ended.
    pub(crate) fn ended(&self) -> Ended {
        self.reason.get().unwrap_or(Ended::Stopping)
    }

    /// Its reader's key is good no more: it ends, whatever is in its channel.
    pub(crate) fn revoke(&self) -> Ended {
        self.room.shared.count(Ended::KeyRevoked);
        Ended::KeyRevoked
    }
}

/// Figures for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreamStats {
    /// Open streams.
    pub(crate) open: u64,
    /// Events handed to streams.
    pub(crate) events: u64,
    /// Streams that we ended, by reason.
    pub(crate) ended: Vec<(&'static str, u64)>,
}

/// All streams of an engine. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Streams(Arc<Shared>);

/// What streams, their readers and the thread share.
struct Shared {
    engine: Engine,
    options: StreamOptions,
    resumes: Arc<Semaphore>,
    state: Mutex<State>,
    /// Everything up to here is in the channels of those who have joined.
    handed_out: AtomicU64,
    /// Wakes the thread before its time.
    wake: Condvar,
    events: AtomicU64,
    ended: [AtomicU64; Ended::ALL.len()],
}

#[derive(Default)]
struct State {
    /// Everything up to here was handed out, or is being.
    cursor: u64,
    /// Streams that the thread has not seen yet.
    joining: Vec<Subscriber>,
    /// Streams that read older records, and will join.
    resuming: usize,
    /// Whether there is a thread.
    running: bool,
    closed: bool,
    open: usize,
    open_of: HashMap<TenantNumber, usize>,
}

impl Streams {
    /// None yet, and no thread.
    pub(crate) fn new(engine: Engine, options: StreamOptions) -> Self {
        Self(Arc::new(Shared {
            engine,
            resumes: Arc::new(Semaphore::new(options.stream_resumes_max)),
            options,
            state: Mutex::default(),
            handed_out: AtomicU64::new(0),
            wake: Condvar::new(),
            events: AtomicU64::new(0),
            ended: Default::default(),
        }))
    }

    /// How they run.
    pub(crate) fn options(&self) -> &StreamOptions {
        &self.0.options
    }

    /// A stream of everything after `from`. Call it within a runtime.
    ///
    /// # Errors
    /// [`StreamFailure`].
    pub(crate) fn open(&self, wanted: Wanted, from: StreamPlace) -> Result<Stream, StreamFailure> {
        let room = Room::take(&self.0, wanted.tenant)?;
        catch_up::check(&self.0, from)?;
        let (frames, receiver) = mpsc::channel(self.0.options.stream_buffer_events);
        let reason = Arc::new(Reason::default());
        let reached = Arc::new(Reached(AtomicU64::new(from.whole())));
        let subscriber =
            Subscriber { wanted, from, frames, reason: Arc::clone(&reason), reached: Arc::clone(&reached) };
        if let Err(behind) = hub::join(&self.0, subscriber, &Handle::current())? {
            catch_up::begin(&self.0, behind, &Handle::current());
        }
        Ok(Stream { frames: receiver, reason, reached, room })
    }

    /// Ends every stream, and makes no more. Their readers are told where to go on.
    pub(crate) fn close(&self) {
        self.0.lock().closed = true;
        self.0.resumes.close();
        self.0.wake.notify_all();
    }

    /// Figures for operators.
    pub(crate) fn stats(&self) -> StreamStats {
        let count = |value: &AtomicU64| value.load(Ordering::Relaxed);
        StreamStats {
            open: u64::try_from(self.0.lock().open).unwrap_or(u64::MAX),
            events: count(&self.0.events),
            ended: Ended::ALL.iter().map(|why| why.as_str()).zip(self.0.ended.iter().map(count)).collect(),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Ends a stream: what is in its channel is still read.
    fn end(&self, subscriber: &Subscriber, why: Ended) {
        subscriber.reason.set(why);
        self.count(why);
    }

    fn count(&self, why: Ended) {
        self.ended[usize::from(why.code() - 1)].fetch_add(1, Ordering::Relaxed);
    }
}

/// A stream that reads older records, as long as this is kept.
struct Resuming(Arc<Shared>);

impl Resuming {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.lock().resuming += 1;
        Self(Arc::clone(shared))
    }
}

impl Drop for Resuming {
    fn drop(&mut self) {
        self.0.lock().resuming -= 1;
    }
}

/// A place among the open streams, as long as this is kept.
struct Room {
    shared: Arc<Shared>,
    tenant: TenantNumber,
}

impl Room {
    fn take(shared: &Arc<Shared>, tenant: TenantNumber) -> Result<Self, StreamFailure> {
        let options = &shared.options;
        let mut state = shared.lock();
        let (all, of_tenant) = (state.open, state.open_of.get(&tenant).copied().unwrap_or(0));
        if state.closed {
            return Err(StreamFailure::Closed);
        }
        if of_tenant >= options.streams_per_tenant_max {
            let max = options.streams_per_tenant_max;
            return Err(StreamFailure::Full { limit: "streams_per_tenant_max", max });
        }
        if all >= options.streams_max {
            return Err(StreamFailure::Full { limit: "streams_max", max: options.streams_max });
        }
        state.open += 1;
        *state.open_of.entry(tenant).or_insert(0) += 1;
        drop(state);
        Ok(Self { shared: Arc::clone(shared), tenant })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.open -= 1;
        if let Some(open) = state.open_of.get_mut(&self.tenant) {
            *open -= 1;
            if *open == 0 {
                state.open_of.remove(&self.tenant);
            }
        }
    }
}

/// An event in the form of server-sent events.
pub(crate) fn sse(frame: &Frame) -> Bytes {
    let event = &frame.event;
    let mut text = Vec::with_capacity(event.json.len() + 96);
    text.extend_from_slice(format!("id: {}\nevent: {}\ndata: ", frame.place, event.kind.as_str()).as_bytes());
    text.extend_from_slice(&event.json);
    text.extend_from_slice(b"\n\n");
    text.into()
}
