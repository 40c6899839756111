//! `coffer wal`: the log of a stopped server, from outside. All but `recover` read only.

mod dump;
mod recover;
pub(crate) mod stat;
pub(crate) mod summary;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::exit::{CliError, Code};
use super::{SettingsArgs, start};
use crate::config::Config;

/// Arguments of `coffer wal`.
#[derive(Args, Debug)]
pub(crate) struct WalArgs {
    #[command(subcommand)]
    command: WalCommand,
}

#[derive(Debug, Subcommand)]
enum WalCommand {
    /// Check every byte of log, archive and snapshots; exits with 65 if anything is damaged
    Verify {
        #[command(flatten)]
        settings: SettingsArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print records, oldest first
    Dump {
        #[command(flatten)]
        settings: SettingsArgs,
        /// First record to print, by its position
        #[arg(long, default_value_t = 1, value_name = "POSITION")]
        from: u64,
        /// Last record to print
        #[arg(long, default_value_t = u64::MAX, hide_default_value = true, value_name = "POSITION")]
        to: u64,
        /// Print one JSON document per line, with all that the record says
        #[arg(long)]
        json: bool,
    },
    /// Tell how the log stands: where it ends, its files, its snapshots
    Stat {
        #[command(flatten)]
        settings: SettingsArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a damaged log start again by giving up its last batch, which may hold acknowledged requests
    Recover {
        #[command(flatten)]
        settings: SettingsArgs,
        /// What to do; there is only this, and it is never done by itself
        #[arg(long, required = true)]
        drop_last_batch: bool,
        /// Really do it
        #[arg(long)]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs it.
///
/// # Errors
/// When the log cannot be read, or something is wrong with it.
pub(crate) fn run(args: WalArgs) -> Result<(), CliError> {
    match args.command {
        WalCommand::Verify { settings, json } => verify::run(&Shard::of(&settings)?, json),
        WalCommand::Dump { settings, from, to, json } => dump::run(&Shard::of(&settings)?, from, to, json),
        WalCommand::Stat { settings, json } => stat::run(&Shard::of(&settings)?, json),
        WalCommand::Recover { settings, drop_last_batch: _, yes, json } => {
            recover::run(&Shard::of(&settings)?, yes, json)
        }
    }
}

/// A shard's directory on this machine.
pub(crate) struct Shard {
    /// The machine, as the log sees it.
    pub(crate) env: coffer_wal::Env,
    /// The directory.
    pub(crate) dir: PathBuf,
}

impl Shard {
    /// The first shard of the configured data directory, which must be there.
    pub(crate) fn of(settings: &SettingsArgs) -> Result<Self, CliError> {
        let config = settings.load(Vec::new())?;
        let dir = shard_dir(&config);
        if !dir.is_dir() {
            let data_dir = config.data_dir();
            return Err(CliError::new(Code::Failed, format!("there is no log in {}", data_dir.display())));
        }
        Ok(Self { env: start::machine(config.switch("log.direct_io")).for_log(), dir })
    }
}

/// Where the first shard is.
pub(crate) fn shard_dir(config: &Config) -> PathBuf {
    config.data_dir().join("shard-00")
}
