//! The log's machines and the threads that loop them.
//!
//! Each machine is a struct with a `step`; a simulation steps them by hand, `Machines::spawn` gives each a
//! thread. The lock on the directory lives until the last of them has ended, so that no other process opens
//! the log while one of ours may still touch a file.
//! Absent on purpose: any work. Tested in `log/tests.rs`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::env::{Spawn, Urgency};
use crate::hot_log::HotLog;
use crate::open_batch::Completion;
use crate::sealer::{SealError, SealStep, Sealer};
use crate::storage::LockGuard;
use crate::writer::Writer;
use crate::zero_fill::ZeroFiller;

/// Pause after the sealer failed, and the longest it sleeps.
const SEALER_PAUSE: Duration = Duration::from_secs(5);

/// The machines of a log that are stepped by hand. Step the writer until it has stopped before the log is
/// closed, or closing waits for ever.
pub struct Machines<C: Completion> {
    /// Writes batches and the witness.
    pub writer: Writer<C>,
    /// Makes spare segments.
    pub zero_filler: ZeroFiller,
    /// Archives sealed segments.
    pub sealer: SealerMachine,
}

/// The sealer and what it waits for.
pub struct SealerMachine {
    sealer: Sealer,
    hot: Arc<HotLog>,
    running: Arc<Running>,
}

/// What still runs, and the lock that it runs under.
pub(crate) struct Running {
    threads: Mutex<usize>,
    ended: Condvar,
    closing: AtomicBool,
    lock: Mutex<Option<Arc<dyn LockGuard>>>,
}

/// Counts a thread while it lives, however it ends.
struct Counted(Arc<Running>);

impl<C: Completion> Machines<C> {
    /// Runs each machine on a thread of its own.
    pub(crate) fn spawn(self, spawn: &dyn Spawn, running: &Arc<Running>) -> std::io::Result<()> {
        let Machines { writer, zero_filler, sealer } = self;
        running.spawn(spawn, "wal-writer", Urgency::Now, Box::new(move || writer.run()))?;
        running.spawn(spawn, "wal-zero-fill", Urgency::Now, Box::new(move || zero_filler.run()))?;
        running.spawn(spawn, "wal-sealer", Urgency::Later, Box::new(move || sealer.run()))
    }
}

impl SealerMachine {
    pub(crate) fn new(sealer: Sealer, hot: Arc<HotLog>, running: Arc<Running>) -> SealerMachine {
        SealerMachine { sealer, hot, running }
    }

    /// Archives the oldest sealed segment that is not archived yet.
    ///
    /// # Errors
    /// [`SealError`]; the hot file stays, and the log goes on.
    pub fn step(&mut self) -> Result<SealStep, SealError> {
        self.sealer.step()
    }

    fn run(mut self) {
        let mut seen = 0;
        while !self.running.closing.load(Ordering::Acquire) {
            match self.step() {
                Ok(SealStep::Archived { number }) => tracing::debug!(number, "archived a segment"),
                Ok(SealStep::Idle) => seen = self.hot.wait_sealed(seen, SEALER_PAUSE),
                Err(error) => {
                    tracing::error!(%error, "a sealed segment could not be archived");
                    let now = self.hot.wait_sealed(seen, Duration::ZERO);
                    seen = self.hot.wait_sealed(now, SEALER_PAUSE);
                }
            }
        }
    }
}

impl Running {
    pub(crate) fn new(lock: Arc<dyn LockGuard>) -> Running {
        Running {
            threads: Mutex::new(0),
            ended: Condvar::new(),
            closing: AtomicBool::new(false),
            lock: Mutex::new(Some(lock)),
        }
    }

    fn spawn(
        self: &Arc<Running>,
        spawn: &dyn Spawn,
        name: &str,
        urgency: Urgency,
        body: Box<dyn FnOnce() + Send + 'static>,
    ) -> std::io::Result<()> {
        *self.threads.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let counted = Counted(Arc::clone(self));
        spawn.spawn(
            name,
            urgency,
            Box::new(move || {
                let _counted = counted;
                body();
            }),
        )
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Waits until no thread runs any more and lets go of the lock on the directory.
    pub(crate) fn wait_all_ended(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        while *threads > 0 {
            threads = self.ended.wait(threads).unwrap_or_else(PoisonError::into_inner);
        }
        // Not left to the last owner of `self`: a thread that counts as ended may still hold it for a moment.
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        *self.0.threads.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.ended.notify_all();
    }
}
