//! `coffer snapshot`: take one of a stopped server, check those that there are.
//!
//! A running server takes its own, every `log.snapshot_log_bytes` and at shutdown.

use clap::{Args, Subcommand};
use coffer_wal::SnapshotStore;
use coffer_wal::inspect::stat;
use coffer_wal::options::snapshots_dir;
use serde_json::json;

use super::exit::{CliError, Code};
use super::wal::Shard;
use super::wal::stat::snapshot as shown;
use super::{SettingsArgs, block_on, output, start};
use crate::config::Config;
use crate::engine::SnapshotReport;

/// Arguments of `coffer snapshot`.
#[derive(Args, Debug)]
pub(crate) struct SnapshotArgs {
    #[command(subcommand)]
    command: SnapshotCommand,
}

#[derive(Debug, Subcommand)]
enum SnapshotCommand {
    /// Recover the stopped server's state and write a snapshot of it
    Take {
        #[command(flatten)]
        settings: SettingsArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read every snapshot back whole; exits with 65 if one is damaged
    Verify {
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
/// When the data directory cannot be used, or a snapshot is damaged.
pub(crate) fn run(args: SnapshotArgs) -> Result<(), CliError> {
    match args.command {
        SnapshotCommand::Take { settings, json } => block_on(0, take(settings.load(Vec::new())?, json))?,
        SnapshotCommand::Verify { settings, json } => verify(&Shard::of(&settings)?, json),
    }
}

async fn take(config: Config, as_json: bool) -> Result<(), CliError> {
    let engine = start::open_offline(&config, "a running server takes its own snapshots").await?;
    let taken = engine.take_snapshot().await;
    let closed = engine.shutdown().await;
    let report = taken.map_err(|failure| CliError::new(Code::Io, failure.to_string()))?;
    closed?;
    print(&report, as_json);
    Ok(())
}

fn print(report: &SnapshotReport, as_json: bool) {
    let SnapshotReport { id, start, highest, customers, keys, bytes, seconds } = report;
    if as_json {
        return output::json(&json!({
            "id": id, "start_record": start.0, "highest_record": highest.0, "customers": customers,
            "keys": keys, "bytes": bytes, "seconds": seconds,
        }));
    }
    output::line(format!(
        "snapshot {id}: {customers} customers and {keys} keys as of record {}, {bytes} bytes in {seconds:.3} s",
        highest.0
    ));
}

fn verify(shard: &Shard, as_json: bool) -> Result<(), CliError> {
    let control = stat(&shard.env, &shard.dir)?.control;
    let store = SnapshotStore::new(&shard.env, snapshots_dir(&shard.dir), control.store, control.shard);
    let (mut sound, mut damaged) = (Vec::new(), Vec::new());
    for (name, found) in store.inspect().map_err(|error| CliError::new(Code::Io, error.to_string()))? {
        match found.and_then(|info| store.verify(&info).map(|()| info)) {
            Ok(info) => sound.push(info),
            Err(error) => damaged.push((name, error.to_string())),
        }
    }
    if as_json {
        let damaged: Vec<_> =
            damaged.iter().map(|(file, what)| json!({ "file": file, "what": what })).collect();
        output::json(&json!({ "sound": sound.iter().map(shown).collect::<Vec<_>>(), "damaged": damaged }));
    } else {
        for info in &sound {
            output::line(format!(
                "snapshot {} is sound: up to record {}, {} bytes",
                info.id, info.highest_lsn, info.bytes
            ));
        }
        for (file, what) in &damaged {
            output::line(format!("{file}: {what}"));
        }
    }
    match damaged.len() {
        0 => Ok(()),
        count => Err(CliError::new(
            Code::Corrupt,
            format!("{count} snapshots are damaged; start uses an older one"),
        )),
    }
}
