//! What the log needs from outside: files, time, entropy and threads, each behind a small trait.
//!
//! Nothing else in this crate touches any of them, so a simulation can stand in for all four.
//! Absent on purpose: defaults that reach for the real machine, except [`OsEnv`], which says so.

use std::fmt;
use std::sync::Arc;

use crate::storage::Storage;

/// Wall time and a steady count.
pub trait Clock: Send + Sync + 'static {
    /// Nanoseconds since 1970 UTC. May step in either direction.
    fn now_ns(&self) -> u64;
    /// Nanoseconds since some fixed start. Never steps back.
    fn monotonic_ns(&self) -> u64;
}

/// Random bytes for store ids and salts. Need not be cryptographic, must not repeat.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `out`.
    fn fill(&self, out: &mut [u8]);
}

/// How much a thread's work presses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits for it.
    Now,
    /// It may lag behind what somebody waits for: sealing, which catches up when the machine has time.
    Later,
}

/// Starts the log's threads.
pub trait Spawn {
    /// Runs `body` on a thread called `name` until it returns.
    ///
    /// # Errors
    /// What the machine says when it has no thread to give.
    fn spawn(
        &self,
        name: &str,
        urgency: Urgency,
        body: Box<dyn FnOnce() + Send + 'static>,
    ) -> std::io::Result<()>;
}

/// The log's outside world.
#[derive(Clone)]
pub struct Env {
    /// Files.
    pub storage: Arc<dyn Storage>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}

pub use os::OsEnv;

/// The real machine's clock, entropy and threads.
mod os {
    #![expect(clippy::disallowed_methods, reason = "this is the door to the machine's time and threads")]

    use std::io::Read;
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    use super::{Clock, Entropy, Spawn, Urgency};

    /// How nice work is that may lag: about a tenth of a busy core, all of an idle one.
    const LATER_NICE: i32 = 10;

    /// The machine's own time, entropy and threads, for programs that embed the log and have no `Env`.
    #[derive(Clone, Copy, Debug)]
    pub struct OsEnv {
        started: Instant,
    }

    impl OsEnv {
        /// Starts counting now.
        #[must_use]
        pub fn new() -> OsEnv {
            OsEnv { started: Instant::now() }
        }
    }

    impl Default for OsEnv {
        fn default() -> OsEnv {
            OsEnv::new()
        }
    }

    impl Clock for OsEnv {
        fn now_ns(&self) -> u64 {
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
        }

        fn monotonic_ns(&self) -> u64 {
            u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
        }
    }

    impl Entropy for OsEnv {
        fn fill(&self, out: &mut [u8]) {
            let mut source = std::fs::File::open("/dev/urandom").expect("the system has a random device");
            source.read_exact(out).expect("the random device never ends");
        }
    }

    impl Spawn for OsEnv {
        fn spawn(
            &self,
            name: &str,
            urgency: Urgency,
            body: Box<dyn FnOnce() + Send + 'static>,
        ) -> std::io::Result<()> {
            let body = move || {
                if urgency == Urgency::Later {
                    // Of the calling thread only, on Linux. Where it is not allowed the work presses as all other.
                    let _ = rustix::process::nice(LATER_NICE);
                }
                body();
            };
            std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
        }
    }
}
