//! The one door through which time, entropy, files and threads enter (DESIGN decision 17).
//!
//! `main` makes one [`Env`] and everything below it asks that; a simulation makes another.

use std::sync::Arc;

use coffer_wal::storage::Storage;
pub use coffer_wal::{Clock, Entropy, Spawn};

/// Time, entropy, files and threads.
#[derive(Clone)]
pub struct Env {
    /// Wall and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Files.
    pub storage: Arc<dyn Storage>,
    /// Threads.
    pub spawn: Arc<dyn Spawn + Send + Sync>,
}

impl Env {
    /// The real machine.
    #[must_use]
    pub fn os() -> Self {
        let os = Arc::new(coffer_wal::OsEnv::new());
        Self {
            clock: os.clone(),
            entropy: os.clone(),
            storage: Arc::new(coffer_wal::storage::os::OsStorage::default()),
            spawn: os,
        }
    }

    /// What the log needs of it.
    #[must_use]
    pub fn for_log(&self) -> coffer_wal::Env {
        coffer_wal::Env {
            storage: Arc::clone(&self.storage),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
        }
    }
}
