//! The disk's sync time: 4 KiB, written past the page cache and durable when the call returns, over space that was written
//! before. It bounds what a log can do, so it stands beside every figure.

use std::path::Path;

use coffer_wal::storage::{Access, AlignedBuf, BLOCK_BYTES};
use serde::Serialize;

use crate::cli::exit::{CliError, Code};
use crate::env::Env;

const WRITES: u64 = 1_000;
const FILE_BLOCKS: u64 = 256;

/// Microseconds per write and sync.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct SyncTime {
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) max_us: u64,
    /// Whether the page cache was passed by; if not, the figure is that of `fdatasync`.
    pub(crate) direct: bool,
}

/// Measures it in a directory.
pub(crate) fn sync_time(env: &Env, dir: &Path) -> Result<SyncTime, CliError> {
    measure(env, dir).map_err(|error| CliError::new(Code::Io, format!("{}: {error}", dir.display())))
}

fn measure(env: &Env, dir: &Path) -> std::io::Result<SyncTime> {
    let path = dir.join("sync-time");
    let mut block = AlignedBuf::with_capacity(BLOCK_BYTES);
    block.extend_from_slice(&[0x5a; BLOCK_BYTES]);
    let block_bytes = u64::try_from(BLOCK_BYTES).expect("4096 fits");
    let prepared = env.storage.open(&path, Access::CreateNewDirect)?;
    for index in 0..FILE_BLOCKS {
        prepared.write_at(block.as_slice(), index * block_bytes)?;
    }
    prepared.sync()?;
    drop(prepared);
    let file = env.storage.open(&path, Access::WriteDirectSync)?;
    let mut histogram = super::report::new_histogram();
    for index in 0..WRITES {
        let began_ns = env.clock.monotonic_ns();
        file.write_at(block.as_slice(), index % FILE_BLOCKS * block_bytes)?;
        histogram.saturating_record((env.clock.monotonic_ns() - began_ns) / 1_000);
    }
    let direct = file.is_direct();
    env.storage.remove(&path)?;
    Ok(SyncTime {
        p50_us: histogram.value_at_quantile(0.5),
        p99_us: histogram.value_at_quantile(0.99),
        max_us: histogram.max(),
        direct,
    })
}
