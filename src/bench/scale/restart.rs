//! How long a start takes: from a snapshot, and by replay of a long log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coffer_wal::Clock;

use super::options;
use crate::bench::Bench;
use crate::bench::sheet::{Goal, Sheet};
use crate::bench::world::World;
use crate::cli::exit::CliError;
use crate::engine::{Engine, EngineOptions, RecoveryProgress};

/// When each stage was last heard of, in nanoseconds.
struct Stages {
    clock: Arc<dyn Clock>,
    snapshot_ns: AtomicU64,
    replay_ns: AtomicU64,
    replayed: AtomicU64,
}

impl RecoveryProgress for Stages {
    fn snapshot(&self, _: u64, _: u64, _: u64) {
        self.snapshot_ns.store(self.clock.monotonic_ns(), Ordering::Relaxed);
    }

    fn replay(&self, records: u64, _: u64, _: u64) {
        self.replay_ns.store(self.clock.monotonic_ns(), Ordering::Relaxed);
        self.replayed.store(records, Ordering::Relaxed);
    }

    fn note(&self, line: &str) {
        crate::cli::output::note(line);
    }
}

/// What a start took.
struct Start {
    engine: Engine,
    all_s: f64,
    snapshot_s: f64,
    replay_s: f64,
    replayed: u64,
}

async fn start(bench: &Bench, options: EngineOptions) -> Result<Start, CliError> {
    let clock = Arc::clone(&bench.env.clock);
    let began_ns = clock.monotonic_ns();
    let stages = Arc::new(Stages {
        clock: Arc::clone(&clock),
        snapshot_ns: AtomicU64::new(began_ns),
        replay_ns: AtomicU64::new(0),
        replayed: AtomicU64::new(0),
    });
    let engine = Engine::open(options, bench.env.clone(), stages.clone()).await?;
    let all_s = (clock.monotonic_ns() - began_ns) as f64 / 1e9;
    let snapshot_ns = stages.snapshot_ns.load(Ordering::Relaxed);
    let replay_ns = stages.replay_ns.load(Ordering::Relaxed).max(snapshot_ns);
    let snapshot_s = (snapshot_ns - began_ns) as f64 / 1e9;
    let replay_s = (replay_ns - snapshot_ns) as f64 / 1e9;
    Ok(Start { engine, all_s, snapshot_s, replay_s, replayed: stages.replayed.load(Ordering::Relaxed) })
}

/// After a clean shutdown: everybody is in the snapshot, nothing is replayed.
pub(super) async fn from_snapshot(
    bench: &Bench,
    world: World,
    sheet: &mut Sheet,
) -> Result<Engine, CliError> {
    bench.note("a start from the snapshot");
    // The next stop leaves its log to be replayed.
    let options = EngineOptions { snapshot_at_shutdown: false, ..options(bench) };
    let Start { engine, all_s, .. } = start(bench, options).await?;
    let found = engine.stats().customers;
    if found != world.customers {
        let line = format!("{} customers were made and {found} came back", world.customers);
        return Err(CliError::new(crate::cli::exit::Code::Failed, line));
    }
    sheet.judge("start from a snapshot of the customers", all_s, "s", Goal::AtMost(5.0));
    Ok(engine)
}

/// After a stop without a snapshot: what was debited since is replayed.
pub(super) async fn with_replay(
    bench: &Bench,
    engine: Engine,
    sheet: &mut Sheet,
) -> Result<Engine, CliError> {
    engine.shutdown().await?;
    // Not before: an actor enters its keys after the append, and the last answers may overtake it.
    let keys = engine.stats().keys;
    drop(engine);
    bench.note("a start that replays the debits");
    let Start { engine, all_s, snapshot_s, replay_s, replayed } = start(bench, options(bench)).await?;
    let found = engine.stats().keys;
    if found != keys {
        let line = format!("{keys} keys were remembered and {found} came back");
        return Err(CliError::new(crate::cli::exit::Code::Failed, line));
    }
    sheet.put("start by replay: all of it", all_s, "s");
    sheet.put("start by replay: reading the snapshot", snapshot_s, "s");
    sheet.put("start by replay: records after it", replayed as f64, "");
    let rate = replayed as f64 / replay_s.max(1e-9);
    sheet.judge("start by replay: records per second", rate, "records/s", Goal::AtLeast(1_000_000.0));
    Ok(engine)
}
