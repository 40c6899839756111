//! An engine with a ledger in it, and exports of it on any disk.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffer::engine::{Engine, EngineOptions, TenantOperation};
use coffer::env::Env;
use coffer::export::{
    Bound, ExportError, Filter, Format, Job, JobOptions, KindInfo, KindOptions, Manifest, Range, Request,
    pipe,
};
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::Origin;
use coffer_ledger::ids::TenantNumber;
use coffer_ledger::time::Timestamp;
use coffer_wal::storage::Storage;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Handle, Runtime};

use crate::program;

/// The tenant of these tests.
pub(crate) const TENANT: TenantNumber = TenantNumber(1);

/// An engine on a directory of its own.
pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) engine: Engine,
    /// The last record, as of when its life ended; what falls due by itself goes on.
    last: Cell<u64>,
    _dir: TempDir,
}

impl World {
    /// With one tenant and nothing else.
    pub(crate) fn empty() -> Self {
        Self::made(false)
    }

    /// The same, with a clock of its own.
    pub(crate) fn with_a_clock() -> Self {
        Self::made(true)
    }

    fn made(test_mode: bool) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let options =
            EngineOptions { segment_bytes: 2 << 20, snapshot_log_bytes: 0, ..EngineOptions::new(dir.path()) };
        let engine = runtime.block_on(async {
            let engine = Engine::open(options, Env::os(), Arc::new(())).await.unwrap();
            let made = if test_mode {
                engine.create_test_tenant("default", Origin::default()).await
            } else {
                engine.create_tenant("default", Origin::default()).await
            };
            made.unwrap();
            engine
        });
        let world = Self { runtime, engine, last: Cell::new(0), _dir: dir };
        world.look();
        world
    }

    /// With what a random program did.
    pub(crate) fn lived(seed: u64, steps: u64) -> Self {
        let world = Self::empty();
        world.live(seed, steps);
        world
    }

    /// More of it.
    pub(crate) fn live(&self, seed: u64, steps: u64) {
        eprintln!("seed {seed}");
        let mut random = program::Random::new(seed);
        let accepted = self.runtime.block_on(async {
            let wallets = program::wallets(&self.engine).await;
            // Once: wallets may be closed after it.
            if !self.engine.tenant_view(TENANT).unwrap().settings.payment_result {
                program::recharging(&self.engine, &wallets).await;
                program::grant(&self.engine, wallets[0].0).await;
            }
            program::run(&self.engine, &wallets, &mut random, steps).await
        });
        assert!(accepted > steps / 3, "only {accepted} of {steps} were accepted");
        self.look();
    }

    /// It is that late now.
    pub(crate) fn move_clock(&self, to: Timestamp) {
        let operation = TenantOperation::new(TenantCommand::MoveClock(to), Origin::default());
        self.runtime.block_on(self.engine.move_clock(TENANT, operation)).unwrap();
    }

    /// The last record, as of the last [`World::look`].
    pub(crate) fn durable(&self) -> u64 {
        self.last.get()
    }

    /// Takes what is durable now for the end.
    pub(crate) fn look(&self) {
        self.last.set(self.engine.log_reader().durable_lsn().0);
    }

    /// A job into files of this disk.
    pub(crate) fn job(
        &self,
        storage: Arc<dyn Storage>,
        options: JobOptions,
    ) -> Result<Manifest, ExportError> {
        let env = Env { storage, ..Env::os() };
        Job::open(options, &self.engine, &env, self.runtime.handle().clone())?.run(&mut |_| {})
    }

    /// What it is as one stream.
    pub(crate) fn piped(&self, kind: &str, format: Format, range: Range, filter: Filter) -> Vec<u8> {
        let mut out = Vec::new();
        let kind = KindInfo::named(kind).unwrap();
        let request = Request { kind, options: KindOptions::default(), format, range, filter };
        let runtime: Handle = self.runtime.handle().clone();
        let manifest = pipe(&self.engine, runtime, request, &mut out).unwrap();
        assert_eq!((manifest.log_from, manifest.log_to), (range.first, range.last));
        assert_eq!(manifest.bytes, u64::try_from(out.len()).unwrap());
        out
    }

    /// The lines of all that is there, as JSON.
    pub(crate) fn lines(&self, kind: &str) -> Vec<Value> {
        objects(&self.piped(kind, Format::Jsonl, Range { first: 1, last: self.durable() }, Filter::default()))
    }
}

/// The objects of JSON Lines.
pub(crate) fn objects(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A job with small files and many checkpoints.
pub(crate) fn options(kind: &str, format: Format, out: &Path, to: u64) -> JobOptions {
    JobOptions {
        kind: KindInfo::named(kind).unwrap(),
        options: KindOptions::default(),
        format,
        from: None,
        to: Some(Bound::Position(to)),
        filter: Filter::default(),
        out: PathBuf::from(out),
        resume: false,
        file_rows: 1_000,
        checkpoint_bytes: 10_000,
    }
}
