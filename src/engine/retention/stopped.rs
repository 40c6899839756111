//! A stopped engine's archive, to list and to make smaller.

use std::sync::Arc;

use coffer_ledger::ids::LogPosition;
use coffer_wal::{Lsn, Opened};

use super::{Archived, Fate, HOUR_NS, Needs, RetentionError};
use crate::audit::CheckpointStore;
use crate::engine::open::{OpenError, log_options};
use crate::engine::options::EngineOptions;
use crate::env::Env;

/// A stopped engine's archive.
pub struct StoppedArchive {
    opened: Opened,
    checkpoints: CheckpointStore,
    /// Its segments, oldest first.
    pub segments: Vec<Archived>,
    /// What keeps them from going.
    pub needs: Needs,
}

impl StoppedArchive {
    /// Opens it; nobody else can while it is open. `followed_to` is how far the history is, if there is to be one.
    ///
    /// # Errors
    /// [`RetentionError`]: the directory is in use or damaged.
    pub fn open(
        options: &EngineOptions,
        env: &Env,
        followed_to: Option<u64>,
    ) -> Result<Self, RetentionError> {
        let log = log_options(options);
        let opened = coffer_wal::Log::open(log.clone(), env.for_log()).map_err(OpenError::from)?;
        let checkpoints = CheckpointStore::new(Arc::clone(&env.storage), &log.dir);
        let signed = checkpoints.segments().map_err(RetentionError::Checkpoints)?;
        let archive = opened.archive();
        let mut segments = Vec::new();
        for number in archive.numbers() {
            segments.push(Archived::look(archive, number, &signed)?);
        }
        let floor = opened.snapshots().purge_floor().map_err(OpenError::from)?;
        let window_ns = options.idempotency_window_h.saturating_mul(HOUR_NS);
        let needs = Needs {
            oldest_hot: opened.oldest_hot().unwrap_or(0),
            snapshot_start: LogPosition(floor.0),
            keys_since_ns: opened.end().last_time_ns.saturating_sub(window_ns),
            followed_to,
        };
        Ok(Self { opened, checkpoints, segments, needs })
    }

    /// The last record that was removed before; 0 when none was.
    #[must_use]
    pub fn removed_to(&self) -> LogPosition {
        LogPosition(self.opened.archive().removed().map_or(Lsn::NONE, |removed| removed.chain.lsn).0)
    }

    /// Removes what [`judge`](super::judge) said may go; returns how many segments that were. The checkpoint of the newest of them stays, so that
    /// the chain of signed roots goes on from there.
    ///
    /// # Errors
    /// [`RetentionError`]; what is left is whole, and the next removal goes on.
    pub fn remove(&self, fates: &[Fate]) -> Result<usize, RetentionError> {
        let gone = self.segments.iter().zip(fates).take_while(|(_, fate)| **fate == Fate::Goes);
        let Some((last, _)) = gone.last() else { return Ok(0) };
        let removed = self.opened.archive().remove_through(last.number)?;
        self.checkpoints.remove_before(last.number).map_err(RetentionError::Checkpoints)?;
        Ok(removed.len())
    }
}

impl std::fmt::Debug for StoppedArchive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoppedArchive").field("segments", &self.segments).finish_non_exhaustive()
    }
}
