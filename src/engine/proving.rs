//! Signing what is archived, and proving single transactions by it. Nothing here is on a write's way.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use coffer_ledger::ids::RowId;

use super::core::Core;
use crate::audit::{self, Checkpoint, NotaryError, Proof, ProveFailure};

/// How long sealing may take without one more segment being archived.
const SEALING_PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointFailure {
    /// The sealer comes to no end.
    #[error("segment {} could not be archived; the log says why", path.display())]
    NotSealed {
        /// The hot segment.
        path: PathBuf,
    },
    /// The notary.
    #[error(transparent)]
    Notary(#[from] NotaryError),
    /// A bug.
    #[error("signing panicked")]
    Panicked,
}

/// Signs every archived segment that is not signed yet.
pub(crate) async fn sign(core: &Arc<Core>) -> Result<Vec<Checkpoint>, CheckpointFailure> {
    let signing = Arc::clone(core);
    let signed = core
        .runtime
        .spawn_blocking(move || signing.notary.lock().expect("nothing panics while it is held").sign_all());
    Ok(signed.await.map_err(|_| CheckpointFailure::Panicked)??)
}

/// Waits until every sealed segment is archived, then signs.
pub(crate) async fn seal_and_sign(core: &Arc<Core>) -> Result<Vec<Checkpoint>, CheckpointFailure> {
    let (mut waited, mut archived) = (Duration::ZERO, 0);
    while let Some(path) = unarchived(core) {
        let now = core.archive.numbers().len();
        waited = if now > archived { Duration::ZERO } else { waited + LOOK_EVERY };
        archived = now;
        if waited > SEALING_PATIENCE {
            return Err(CheckpointFailure::NotSealed { path });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    sign(core).await
}

/// A sealed segment that is not archived; none any more once the log is closed.
fn unarchived(core: &Core) -> Option<PathBuf> {
    let log = core.log.lock().expect("nothing panics while it is held");
    let sealed = log.as_ref()?.hot_log().sealed();
    sealed.into_iter().find(|segment| !core.archive.holds(segment.header.number)).map(|segment| segment.path)
}

/// The proof of a transaction whose record is there.
pub(crate) async fn prove(core: &Arc<Core>, row: RowId) -> Result<Proof, ProveFailure> {
    let proving = Arc::clone(core);
    let proof =
        core.runtime.spawn_blocking(move || audit::prove(&proving.archive, &proving.checkpoints, row)).await;
    proof.unwrap_or_else(|_| Err(ProveFailure::Damaged("proving panicked".to_owned())))
}
