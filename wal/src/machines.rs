//! The log's machines and the threads that loop them.
//!
//! Each machine is a struct with a `step`; a simulation steps them by hand, `Machines::spawn` gives each a
//! thread. The lock on the directory lives until the last of them has ended, so that no other process opens
//! the log while one of ours may still touch a file.
//! Absent on purpose: any work. Tested in `log/tests.rs`, when the sealer rests below.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::env::{Clock, Spawn, Urgency};
use crate::hot_log::HotLog;
use crate::open_batch::Completion;
use crate::sealer::{SealError, SealStep, Sealer};
use crate::storage::LockGuard;
use crate::writer::Writer;
use crate::zero_fill::ZeroFiller;

/// Pause after the sealer failed, and the longest it sleeps.
const SEALER_PAUSE: Duration = Duration::from_secs(5);

/// How long the sealer works before it rests.
const SEALER_WORK_NS: u64 = 300_000;

/// It rests so many times as long as it worked: a quarter of a core is all that it takes while it keeps up.
const SEALER_REST: u32 = 3;

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
    clock: Arc<dyn Clock>,
    running: Arc<Running>,
}

/// When the sealer rests. A segment's worth of hashing and compressing at once fills a core that others wait for; spread over a few
/// times as long, nobody notices. It does not rest while a second segment waits, nor when the log closes: it must keep up
/// (docs/decisions/0027).
struct Rests<'a> {
    hot: &'a HotLog,
    clock: &'a dyn Clock,
    /// The count of sealings when it began; another count ends all rests.
    seen: u64,
    pressed: bool,
    since_ns: u64,
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
    pub(crate) fn new(
        sealer: Sealer,
        hot: Arc<HotLog>,
        clock: Arc<dyn Clock>,
        running: Arc<Running>,
    ) -> SealerMachine {
        SealerMachine { sealer, hot, clock, running }
    }

    /// Archives the oldest sealed segment that is not archived yet.
    ///
    /// # Errors
    /// [`SealError`]; the hot file stays, and the log goes on.
    pub fn step(&mut self) -> Result<SealStep, SealError> {
        self.sealer.step()
    }

    fn run(self) {
        loop {
            // Counted first: what is sealed or closed after this is not slept through.
            let seen = self.hot.count_sealed();
            if self.running.closing.load(Ordering::Acquire) {
                return;
            }
            let pressed = self.sealer.waiting().nth(1).is_some();
            let mut rests = Rests::new(&self.hot, self.clock.as_ref(), seen, pressed);
            match self.sealer.step_resting(&mut || rests.rest()) {
                Ok(SealStep::Archived { number }) => tracing::debug!(number, "archived a segment"),
                Ok(SealStep::Idle) => drop(self.hot.wait_sealed(seen, SEALER_PAUSE)),
                Err(error) => {
                    tracing::error!(%error, "a sealed segment could not be archived");
                    self.hot.wait_sealed(self.hot.count_sealed(), SEALER_PAUSE);
                }
            }
        }
    }
}

impl<'a> Rests<'a> {
    fn new(hot: &'a HotLog, clock: &'a dyn Clock, seen: u64, pressed: bool) -> Rests<'a> {
        Rests { hot, clock, seen, pressed, since_ns: clock.monotonic_ns() }
    }

    /// Rests if it is time to.
    fn rest(&mut self) {
        if let Some(time) = self.due() {
            self.pressed = self.hot.wait_sealed(self.seen, time) != self.seen;
            self.since_ns = self.clock.monotonic_ns();
        }
    }

    fn due(&self) -> Option<Duration> {
        let worked_ns = self.clock.monotonic_ns().saturating_sub(self.since_ns);
        let due = !self.pressed && worked_ns >= SEALER_WORK_NS;
        due.then(|| Duration::from_nanos(worked_ns) * SEALER_REST)
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::storage::Access;
    use crate::storage::crash::CrashStorage;

    struct Set(AtomicU64);

    impl Clock for Set {
        fn now_ns(&self) -> u64 {
            self.monotonic_ns()
        }

        fn monotonic_ns(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn the_sealer_rests_thrice_as_long_as_it_worked_until_it_is_needed() {
        let hot = HotLog::new(Arc::new(CrashStorage::new()), PathBuf::from("/wal"), Access::Read);
        let clock = Set(AtomicU64::new(77));
        let mut rests = Rests::new(&hot, &clock, hot.count_sealed(), false);
        clock.0.fetch_add(SEALER_WORK_NS - 1, Ordering::Relaxed);
        assert_eq!(rests.due(), None, "too little to rest from");
        clock.0.fetch_add(1, Ordering::Relaxed);
        assert_eq!(rests.due(), Some(Duration::from_micros(900)));
        rests.rest();
        assert_eq!(rests.due(), None, "its work is counted anew");

        hot.wake_sealer();
        clock.0.fetch_add(SEALER_WORK_NS, Ordering::Relaxed);
        rests.rest();
        clock.0.fetch_add(60_000_000_000, Ordering::Relaxed);
        assert_eq!(rests.due(), None, "a segment was sealed meanwhile, or the log closes");

        let rests = Rests::new(&hot, &clock, hot.count_sealed(), true);
        clock.0.fetch_add(SEALER_WORK_NS, Ordering::Relaxed);
        assert_eq!(rests.due(), None, "another segment waits");
    }
}
