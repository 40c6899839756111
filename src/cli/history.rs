//! `coffer history`: make the history of a stopped server anew from its archive and log, or compare it with them.
//!
//! A running server catches up, and makes a damaged store anew, by itself; this does it before the start, and says how far it is.

mod verify;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::{Args, Subcommand};
use coffer_wal::Clock;
use serde_json::json;

pub(crate) use verify::{bytes, check, compared, document};

use super::exit::{CliError, Code};
use super::{SettingsArgs, block_on, output, start};
use crate::config::Config;
use crate::feed::{RebuildError, RebuildProgress, Rebuilt, rebuild};

/// How often a line tells how far it is.
const LINE_INTERVAL_NS: u64 = 1_000_000_000;

/// Arguments of `coffer history`.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    #[command(subcommand)]
    command: HistoryCommand,
}

#[derive(Debug, Subcommand)]
enum HistoryCommand {
    /// Compare a stopped server's history with its archive and log, line by line; 65 = damaged, 1 = does not agree
    Verify {
        #[command(flatten)]
        settings: SettingsArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Throw the stopped server's history away and make it anew from archive and log
    Rebuild {
        #[command(flatten)]
        settings: SettingsArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs it.
///
/// # Errors
/// When the data directory cannot be used, or the history cannot be written.
pub(crate) fn run(args: HistoryArgs) -> Result<(), CliError> {
    match args.command {
        HistoryCommand::Verify { settings, json } => verify::run(&settings.load(Vec::new())?, json),
        HistoryCommand::Rebuild { settings, json } => {
            block_on(0, make_anew(settings.load(Vec::new())?, json))?
        }
    }
}

async fn make_anew(config: Config, as_json: bool) -> Result<(), CliError> {
    let Some(options) = config.feed_options() else {
        return Err(CliError::new(Code::Config, "history.enabled is false: this server keeps no history"));
    };
    let engine = start::open_offline(&config, "a running server makes its history anew by itself").await?;
    let (log, place) = (engine.log_reader(), options.place.clone());
    let removed = log.removed_to();
    if !removed.is_none() {
        engine.shutdown().await?;
        let line = format!(
            "records 1 to {removed} were removed from the archive: a history cannot be made anew from what is left. The history is as it was"
        );
        return Err(CliError::new(Code::Failed, line));
    }
    let told = Told::new();
    let making =
        tokio::task::spawn_blocking(move || rebuild(&options.place, &log, options.batch_records, &told));
    let made = making.await.map_err(|_| CliError::new(Code::Internal, "the rebuilding thread panicked"));
    let closed = engine.shutdown().await;
    let Rebuilt { position, rows } = made?.map_err(failed)?;
    closed?;
    if as_json {
        output::json(&json!({ "place": place.to_string(), "record": position, "rows": rows }));
    } else {
        output::line(format!("{place}: {rows} rows, up to record {position}"));
    }
    Ok(())
}

/// Why there is no history.
pub(super) fn failed(error: RebuildError) -> CliError {
    let code = if error.is_of_the_log() { Code::Corrupt } else { Code::Io };
    CliError::new(code, format!("the history was not made: {error}"))
}

/// One line a second.
pub(super) struct Told {
    clock: Arc<dyn Clock>,
    last_ns: AtomicU64,
}

impl Told {
    /// Nothing said yet.
    pub(super) fn new() -> Self {
        Self { clock: start::machine(true).clock, last_ns: AtomicU64::new(0) }
    }
}

impl RebuildProgress for Told {
    fn records(&self, done: u64, all: u64) {
        let now = self.clock.monotonic_ns();
        if now.saturating_sub(self.last_ns.load(Ordering::Relaxed)) >= LINE_INTERVAL_NS {
            self.last_ns.store(now, Ordering::Relaxed);
            let percent = u128::from(done) * 100 / u128::from(all.max(1));
            output::note(format!("{done} of {all} records ({percent} %)"));
        }
    }
}
