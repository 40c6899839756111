//! The one door through which time, entropy, files and threads enter (DESIGN decision 17).
//!
//! `main` makes one [`Env`] and everything below it asks that; a simulation makes another.

use std::sync::Arc;

pub use coffer_wal::{Clock, Entropy, Spawn};
use coffer_wal::storage::Storage;

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
    pub spawn: Arc<dyn Spawn>,
}
