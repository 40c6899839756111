//! The read side: what follows the durable log and keeps it in another form.
//!
//! One thread reads the log through the engine's reader, behind everything and never past what is durable; it pins nothing, may lag,
//! and no write ever waits for it. Today there is one projection, the [`history`]. The thread is `follower`, how it shares the cores
//! with debits is `pace`, what it takes is `tail`, where it is stands in a `cursor` that is stored with what was taken.
//!
//! Absent on purpose: whatever is sent to others (webhooks, streams), and a store that must be kept: each one can be deleted at any time.
//! Tested in `tests/history/` and `tests/http/history.rs`.

mod cursor;
mod erasing;
pub mod events;
mod follower;
pub mod history;
mod marks;
mod pace;
pub mod payments;
mod progress;
mod rebuild;
pub mod stream;
mod tail;
mod verify;
pub mod webhooks;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use coffer_wal::Urgency;

pub use self::erasing::{Eraser, EraserError, ErasureReport};
use self::history::{History, Place};
use self::pace::{LOOK_EVERY, Pace, REST_MAX};
use self::progress::{Shared, State};
pub use self::rebuild::{RebuildError, RebuildProgress, Rebuilt, catch_up, rebuild};
pub use self::verify::{HistoryCheck, VerifyError, verify};
use crate::engine::Engine;
use crate::env::Env;

/// How the feed runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedOptions {
    /// Where the history is kept.
    pub place: Place,
    /// Records of the log that share a transaction at most.
    pub batch_records: u64,
    /// Records that the store may lack while it gives way to debits; beyond it works without a rest.
    pub lag_records_max: u64,
}

impl FeedOptions {
    /// Defaults with an SQLite file at this path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { place: Place::File(path.into()), batch_records: 20_000, lag_records_max: 100_000 }
    }
}

/// A feed that runs.
#[derive(Clone, Debug)]
pub struct Feed {
    shared: Arc<Shared>,
}

impl Feed {
    /// Starts following the engine's log on a thread of its own.
    ///
    /// # Errors
    /// What the machine says when it has no thread to give.
    pub fn start(engine: &Engine, env: &Env, options: &FeedOptions) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::new(options.place.clone(), engine, Arc::clone(&env.clock)));
        let following = Arc::clone(&shared);
        let FeedOptions { batch_records, lag_records_max, .. } = *options;
        let pace = Pace { batch_records, lag_records_max, look_every: LOOK_EVERY, rest_max: REST_MAX };
        let body = move || follower::run(&following, pace);
        env.spawn.spawn("history", Urgency::Later, Box::new(body))?;
        Ok(Self { shared })
    }

    /// The store that it fills.
    #[must_use]
    pub fn history(&self) -> History {
        History::new(Arc::clone(&self.shared))
    }

    /// Takes what is durable by now and ends; whether it did in this time. Safe to leave out.
    pub async fn stop(&self, time: Duration) -> bool {
        let mut progress = self.shared.progress.subscribe();
        self.shared.ask_to_stop();
        let ended = progress.wait_for(|progress| matches!(progress.state, State::Stopped | State::Failed(_)));
        tokio::time::timeout(time, ended).await.is_ok_and(|seen| seen.is_ok())
    }
}
