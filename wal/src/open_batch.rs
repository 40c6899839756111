//! The hand-off between many appending threads and the one writer: the log's hot path.
//!
//! One lock guards the batch being filled, those already full, and the completions of the one in flight.
//! Appending copies bytes and pushes a completion; it never waits for a disk and never fails. Invariants:
//! - `appended_lsn ≥ durable_lsn`; LSNs are dense; a batch holds consecutive ones.
//! - A completion fires exactly once, after everything up to its LSN is durable, or with [`Halted`].
//! - Moving `durable_lsn` and taking the completions of that batch happen under one lock, so that a
//!   completion registered meanwhile lands either before (and fires with the batch) or after (and sees that
//!   its LSN is durable). This is what the loom model in `tests/loom_handoff.rs` checks.
//! - Completions fire outside the lock, in bulk, batch by batch in LSN order, and within a batch in the order
//!   in which they were registered.
//!
//! Absent on purpose: pacing (the writer's), any limit on what may be pending (the engine's permits).

use std::collections::VecDeque;
use std::time::Duration;

use crate::batch::{BATCH_HEADER_BYTES, begin_batch};
use crate::frame::{Lsn, frame_length};
use crate::halt::Halted;
use crate::stats::WriterStats;
use crate::storage::AlignedBuf;
use crate::sync::{AtomicU64, Condvar, Mutex, MutexGuard, Ordering};

/// Buffers kept for later batches.
const IDLE_BUFFERS_MAX: usize = 4;

/// What to do once a record is durable, or once it is known that it never will be.
pub trait Completion: Send + 'static {
    /// Called once, outside of every lock of the log: with the first LSN of its append, or with the LSN
    /// that was asked for in `after`.
    fn complete(self, lsn: Lsn, result: Result<(), Halted>);
}

/// For logs whose users only ever wait in place.
impl Completion for () {
    fn complete(self, _lsn: Lsn, _result: Result<(), Halted>) {}
}

type Waiting<C> = Vec<(Lsn, C)>;

/// The shared state between appenders and the writer.
pub struct HandOff<C> {
    state: Mutex<State<C>>,
    writer_wakes: Condvar,
    durable_moves: Condvar,
    appended: AtomicU64,
    durable: AtomicU64,
    batch_bytes_max: usize,
}

struct State<C> {
    open: Filling<C>,
    full: VecDeque<Filling<C>>,
    in_flight: Option<InFlight<C>>,
    appended: Lsn,
    durable: Lsn,
    halted: Option<Halted>,
    closing: bool,
    /// The live segment is to end, though it is not full.
    rotate: bool,
    /// Appends in the open batch at which the sleeping writer wants to be woken; 0 while it is awake.
    wake_at_appends: u32,
    blocked: usize,
    idle_buffers: Vec<AlignedBuf>,
    idle_lists: Vec<Waiting<C>>,
    stats: WriterStats,
}

/// A batch being filled, or full and waiting for its turn.
struct Filling<C> {
    bytes: AlignedBuf,
    last: Lsn,
    count: u32,
    appends: u32,
    waiting: Waiting<C>,
}

struct InFlight<C> {
    last: Lsn,
    bytes: usize,
    waiting: Waiting<C>,
}

/// A batch on its way to disk: a begun buffer with its frames, to be sealed and written.
#[derive(Debug)]
pub struct TakenBatch {
    /// The buffer, as [`begin_batch`] began it.
    pub bytes: AlignedBuf,
    /// The last record's LSN.
    pub last: Lsn,
    /// Records.
    pub count: u32,
    /// Appends that it gathers.
    pub appends: u32,
}

impl<C: Completion> HandOff<C> {
    /// A hand-off for a log whose last durable record is `last`.
    pub fn new(last: Lsn, batch_bytes_max: usize) -> HandOff<C> {
        HandOff {
            state: Mutex::new(State {
                open: Filling::new(AlignedBuf::default(), last, Vec::new()),
                full: VecDeque::new(),
                in_flight: None,
                appended: last,
                durable: last,
                halted: None,
                closing: false,
                rotate: false,
                wake_at_appends: 0,
                blocked: 0,
                idle_buffers: Vec::new(),
                idle_lists: Vec::new(),
                stats: WriterStats::default(),
            }),
            writer_wakes: Condvar::new(),
            durable_moves: Condvar::new(),
            appended: AtomicU64::new(last.0),
            durable: AtomicU64::new(last.0),
            batch_bytes_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().expect("nothing that can panic runs under this lock")
    }

    /// See [`crate::Journal::append`].
    pub fn append(&self, frames: &[u8], count: u32, done: Option<C>) -> Lsn {
        assert!(count > 0 && !frames.is_empty(), "an append holds at least one record");
        let mut state = self.lock();
        let first = state.appended.next();
        let last = state.appended.plus(u64::from(count));
        state.appended = last;
        self.appended.store(last.0, Ordering::Release);
        if let Some(halted) = state.halted.clone() {
            drop(state);
            if let Some(done) = done {
                done.complete(first, Err(halted));
            }
            return first;
        }
        state.push(frames, count, self.batch_bytes_max);
        state.open.appends += 1;
        if let Some(done) = done {
            state.open.waiting.push((first, done));
        }
        let wake = state.writer_should_wake();
        drop(state);
        if wake {
            self.writer_wakes.notify_one();
        }
        first
    }

    /// See [`crate::Journal::after`].
    pub fn after(&self, lsn: Lsn, done: C) {
        if lsn <= self.durable_lsn() {
            return done.complete(lsn, Ok(()));
        }
        debug_assert!(lsn <= self.appended_lsn(), "nobody waits for a record that nobody has appended");
        let mut state = self.lock();
        if lsn <= state.durable {
            drop(state);
            return done.complete(lsn, Ok(()));
        }
        if let Some(halted) = state.halted.clone() {
            drop(state);
            return done.complete(lsn, Err(halted));
        }
        state.list_of(lsn).push((lsn, done));
    }

    /// The last record known to be durable.
    pub fn durable_lsn(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    /// The last record appended.
    pub fn appended_lsn(&self) -> Lsn {
        Lsn(self.appended.load(Ordering::Acquire))
    }

    /// Blocks until everything up to `lsn` is durable.
    ///
    /// # Errors
    /// [`Halted`] when it never will be.
    pub fn wait_durable(&self, lsn: Lsn) -> Result<(), Halted> {
        let mut state = self.lock();
        loop {
            if lsn <= state.durable {
                return Ok(());
            }
            if let Some(halted) = state.halted.clone() {
                return Err(halted);
            }
            state.blocked += 1;
            state = self.durable_moves.wait(state).expect("nothing that can panic runs under this lock");
            state.blocked -= 1;
        }
    }

    /// Why the log has stopped, if it has.
    pub fn halted(&self) -> Option<Halted> {
        self.lock().halted.clone()
    }

    /// Blocks until the log has stopped and says why.
    pub fn wait_halted(&self) -> Halted {
        let mut state = self.lock();
        loop {
            if let Some(halted) = state.halted.clone() {
                return halted;
            }
            state = self.durable_moves.wait(state).expect("nothing that can panic runs under this lock");
        }
    }

    /// What the writer has done so far.
    pub fn stats(&self) -> WriterStats {
        let state = self.lock();
        let in_flight = state.in_flight.as_ref().map_or(0, |batch| batch.bytes);
        let waiting: usize = state.full.iter().chain([&state.open]).map(Filling::frame_bytes).sum();
        WriterStats { pending_bytes: (in_flight + waiting) as u64, ..state.stats.clone() }
    }

    /// Asks the writer to drain and stop.
    pub fn close(&self) {
        self.lock().closing = true;
        self.writer_wakes.notify_all();
    }

    /// Asks the writer to begin a new segment.
    pub fn ask_to_rotate(&self) {
        self.lock().rotate = true;
        self.writer_wakes.notify_all();
    }

    /// Whether that was asked for, once.
    pub fn take_rotation(&self) -> bool {
        std::mem::take(&mut self.lock().rotate)
    }

    /// Whether [`HandOff::close`] was called.
    pub fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Takes the next batch: the oldest full one, else the open one once it gathers `appends_min` appends.
    /// The one before must have been given to [`HandOff::complete`].
    pub fn take(&self, appends_min: u32) -> Option<TakenBatch> {
        let mut state = self.lock();
        assert!(state.in_flight.is_none(), "one batch is in flight at a time");
        if state.halted.is_some() {
            return None;
        }
        let batch = match state.full.pop_front() {
            Some(full) => full,
            None if state.open.count > 0 && (state.open.appends >= appends_min || state.closing) => {
                state.replace_open()
            }
            None => return None,
        };
        let Filling { bytes, last, count, appends, waiting } = batch;
        state.in_flight = Some(InFlight { last, bytes: bytes.len(), waiting });
        Some(TakenBatch { bytes, last, count, appends })
    }

    /// Says that a taken batch is durable: moves `durable_lsn`, then fires its completions. Returns how many
    /// appends were waiting in the open batch at that moment.
    pub fn complete(&self, taken: TakenBatch, sync_ns: u64) -> u32 {
        let mut state = self.lock();
        let in_flight = state.in_flight.take().expect("a batch that completes was in flight");
        assert_eq!(in_flight.last, taken.last, "batches complete in the order they were taken");
        assert!(state.durable < taken.last, "durable_lsn only moves forward");
        state.durable = taken.last;
        self.durable.store(taken.last.0, Ordering::Release);
        state.stats.add_batch(taken.count, taken.bytes.len(), sync_ns);
        state.keep_buffer(taken.bytes);
        let others = state.full.iter().map(|full| full.appends).sum::<u32>() + state.open.appends;
        let blocked = state.blocked > 0;
        drop(state);
        if blocked {
            self.durable_moves.notify_all();
        }
        let mut waiting = in_flight.waiting;
        for (lsn, done) in waiting.drain(..) {
            done.complete(lsn, Ok(()));
        }
        self.lock().keep_list(waiting);
        others
    }

    /// Stops for good: everything pending, and everything later, completes with `halted`. Only the first
    /// call counts.
    pub fn halt(&self, halted: &Halted) {
        let mut state = self.lock();
        if state.halted.is_some() {
            return;
        }
        state.halted = Some(halted.clone());
        let in_flight = state.in_flight.take().map(|batch| batch.waiting);
        let full: Vec<Filling<C>> = state.full.drain(..).collect();
        let open = state.replace_open();
        drop(state);
        self.durable_moves.notify_all();
        self.writer_wakes.notify_all();
        let lists = in_flight.into_iter().chain(full.into_iter().chain([open]).map(|batch| batch.waiting));
        for (lsn, done) in lists.flatten() {
            done.complete(lsn, Err(halted.clone()));
        }
    }

    /// Puts the writer to sleep until the open batch gathers `appends_min` appends, some batch is full, the
    /// log closes or halts, a new segment is asked for, or the time is over. May return early.
    pub fn sleep(&self, appends_min: u32, time: Option<Duration>) {
        let mut state = self.lock();
        state.wake_at_appends = appends_min.max(1);
        if state.closing || state.rotate || state.halted.is_some() || state.is_ready() {
            state.wake_at_appends = 0;
            return;
        }
        let mut state = match time {
            None => self.writer_wakes.wait(state).expect("nothing that can panic runs under this lock"),
            Some(time) => {
                let waited = self.writer_wakes.wait_timeout(state, time);
                waited.expect("nothing that can panic runs under this lock").0
            }
        };
        state.wake_at_appends = 0;
    }
}

impl<C> State<C> {
    /// Copies frames into the open batch, closing it first when it has no room. An append larger than a
    /// batch is split between its frames.
    fn push(&mut self, frames: &[u8], count: u32, bytes_max: usize) {
        if self.open.bytes.len() + frames.len() <= bytes_max {
            return self.open.add(frames, count, self.appended);
        }
        self.close_open();
        if BATCH_HEADER_BYTES + frames.len() <= bytes_max {
            return self.open.add(frames, count, self.appended);
        }
        self.push_one_by_one(frames, count, bytes_max);
    }

    fn push_one_by_one(&mut self, mut frames: &[u8], count: u32, bytes_max: usize) {
        let mut last = Lsn(self.appended.0 - u64::from(count));
        while !frames.is_empty() {
            // What is no frame goes along whole; sealing the batch finds it and halts.
            let length = frame_length(frames).unwrap_or(frames.len());
            let (frame, rest) = frames.split_at(length);
            if self.open.count > 0 && self.open.bytes.len() + length > bytes_max {
                self.close_open();
            }
            last = last.next();
            self.open.add(frame, 1, last);
            frames = rest;
        }
    }

    fn close_open(&mut self) {
        if self.open.count > 0 {
            let full = self.replace_open();
            self.full.push_back(full);
        }
    }

    fn replace_open(&mut self) -> Filling<C> {
        let buffer = self.idle_buffers.pop().unwrap_or_default();
        let list = self.idle_lists.pop().unwrap_or_default();
        std::mem::replace(&mut self.open, Filling::new(buffer, self.appended, list))
    }

    fn list_of(&mut self, lsn: Lsn) -> &mut Waiting<C> {
        if let Some(batch) = self.in_flight.as_mut().filter(|batch| lsn <= batch.last) {
            return &mut batch.waiting;
        }
        match self.full.iter_mut().find(|batch| lsn <= batch.last) {
            Some(batch) => &mut batch.waiting,
            None => &mut self.open.waiting,
        }
    }

    fn is_ready(&self) -> bool {
        !self.full.is_empty() || self.open.appends >= self.wake_at_appends
    }

    /// True once per sleep, for the append that gives the writer what it waits for.
    fn writer_should_wake(&mut self) -> bool {
        let wake = self.wake_at_appends > 0 && self.is_ready();
        if wake {
            self.wake_at_appends = 0;
        }
        wake
    }

    fn keep_buffer(&mut self, buffer: AlignedBuf) {
        if self.idle_buffers.len() < IDLE_BUFFERS_MAX {
            self.idle_buffers.push(buffer);
        }
    }

    fn keep_list(&mut self, list: Waiting<C>) {
        if self.idle_lists.len() < IDLE_BUFFERS_MAX {
            self.idle_lists.push(list);
        }
    }
}

impl<C> Filling<C> {
    fn new(mut bytes: AlignedBuf, last: Lsn, waiting: Waiting<C>) -> Filling<C> {
        begin_batch(&mut bytes);
        Filling { bytes, last, count: 0, appends: 0, waiting }
    }

    fn add(&mut self, frames: &[u8], count: u32, last: Lsn) {
        self.bytes.extend_from_slice(frames);
        self.count += count;
        self.last = last;
    }

    fn frame_bytes(&self) -> usize {
        self.bytes.len() - BATCH_HEADER_BYTES
    }
}
