//! The handle through which records enter the log and their durability is awaited.
//!
//! Cheap to clone, usable from any thread, never blocks but in [`Journal::wait_durable`].
//! Absent on purpose: reading (`LogReader`), anything that could fail before a record is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::frame::Lsn;
use crate::halt::Halted;
use crate::open_batch::{Completion, HandOff};
use crate::stats::{Space, WriterStats};

/// Numbers that the log's machines publish for everyone to see.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) segments_live: AtomicU64,
    pub(crate) segments_spare: AtomicU64,
    pub(crate) space_low: AtomicBool,
    pub(crate) free_bytes: AtomicU64,
}

/// Appends records and tells when they are durable.
pub struct Journal<C: Completion> {
    pub(crate) hand_off: Arc<HandOff<C>>,
    pub(crate) gauges: Arc<Gauges>,
}

impl<C: Completion> Journal<C> {
    /// Takes `count` whole frames and returns the LSN of the first. Copies under one lock, never waits for a
    /// disk and never fails. `done` completes once, when the last of them is durable; after a halt it
    /// completes with the error at once, and the LSN returned is never used.
    ///
    /// # Panics
    /// When `count` is 0 or `frames` is empty.
    pub fn append(&self, frames: &[u8], count: u32, done: Option<C>) -> Lsn {
        self.hand_off.append(frames, count, done)
    }

    /// Completes `done` when everything up to `lsn` is durable; on the calling thread, before returning, when
    /// it already is. [`Lsn::NONE`] is always durable.
    pub fn after(&self, lsn: Lsn, done: C) {
        self.hand_off.after(lsn, done);
    }

    /// The last record known to be durable.
    #[must_use]
    pub fn durable_lsn(&self) -> Lsn {
        self.hand_off.durable_lsn()
    }

    /// The last record appended; never below [`Journal::durable_lsn`] read before it.
    #[must_use]
    pub fn appended_lsn(&self) -> Lsn {
        self.hand_off.appended_lsn()
    }

    /// Blocks until everything up to `lsn` is durable.
    ///
    /// # Errors
    /// [`Halted`] when it never will be.
    pub fn wait_durable(&self, lsn: Lsn) -> Result<(), Halted> {
        self.hand_off.wait_durable(lsn)
    }

    /// Asks for a new segment, so that the live one is sealed and archived soon. Does not wait for it.
    pub fn rotate(&self) {
        self.hand_off.ask_to_rotate();
    }

    /// Why the log has stopped, if it has.
    #[must_use]
    pub fn halted(&self) -> Option<Halted> {
        self.hand_off.halted()
    }

    /// Blocks until the log has stopped and says why: for a thread that ends the process then.
    #[must_use]
    pub fn wait_halted(&self) -> Halted {
        self.hand_off.wait_halted()
    }

    /// Whether the disk has room for what comes next.
    #[must_use]
    pub fn space(&self) -> Space {
        if self.gauges.space_low.load(Ordering::Acquire) {
            return Space::Low { free_bytes: self.gauges.free_bytes.load(Ordering::Relaxed) };
        }
        Space::Enough
    }

    /// Cumulative counters.
    #[must_use]
    pub fn stats(&self) -> WriterStats {
        WriterStats {
            segments_live: self.gauges.segments_live.load(Ordering::Relaxed),
            segments_spare: self.gauges.segments_spare.load(Ordering::Relaxed),
            ..self.hand_off.stats()
        }
    }
}

impl<C: Completion> Clone for Journal<C> {
    fn clone(&self) -> Journal<C> {
        Journal { hand_off: Arc::clone(&self.hand_off), gauges: Arc::clone(&self.gauges) }
    }
}

impl<C: Completion> std::fmt::Debug for Journal<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("durable_lsn", &self.durable_lsn())
            .field("appended_lsn", &self.appended_lsn())
            .finish_non_exhaustive()
    }
}
