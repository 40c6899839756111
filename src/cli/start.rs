//! The machine as an [`Env`], and an engine opened on it: shared by `serve` and the commands that work on a stopped server.

use std::sync::Arc;

use coffer_wal::storage::os::OsStorage;

use super::exit::{CliError, Code};
use super::progress::Progress;
use crate::config::Config;
use crate::engine::{Engine, EngineOptions, OpenError};
use crate::env::Env;

/// This machine's time, entropy, files and threads.
pub(crate) fn machine(direct_io: bool) -> Env {
    let env = Env::os();
    let env = if direct_io { env } else { Env { storage: Arc::new(OsStorage::buffered()), ..env } };
    #[cfg(feature = "failpoints")]
    let env = super::faulty::machine(env);
    env
}

/// Opens the engine, showing its recovery.
///
/// # Errors
/// Why it did not start.
pub(crate) async fn open_engine(options: EngineOptions, env: &Env) -> Result<Engine, OpenError> {
    let progress = Arc::new(Progress::new(Arc::clone(&env.clock)));
    let opened = Engine::open(options, env.clone(), progress.clone()).await;
    progress.finish();
    opened
}

/// Opens the engine of a stopped server for one short job: no snapshot at its end, and a locked directory says what to do.
///
/// # Errors
/// Why it did not start; also when there is no data directory, which is never made here.
pub(crate) async fn open_offline(config: &Config, instead: &str) -> Result<Engine, CliError> {
    let dir = config.data_dir();
    if !dir.is_dir() {
        let line = format!("there is no data directory {}; `coffer serve` makes one", dir.display());
        return Err(CliError::new(Code::Failed, line));
    }
    let env = machine(config.switch("log.direct_io"));
    let options = EngineOptions { snapshot_at_shutdown: false, ..config.engine_options() };
    match open_engine(options, &env).await {
        Ok(engine) => Ok(engine),
        Err(error @ OpenError::Log(coffer_wal::OpenError::Locked { .. })) => {
            Err(CliError::new(Code::Busy, format!("{error}; {instead}")))
        }
        Err(error) => Err(error.into()),
    }
}
