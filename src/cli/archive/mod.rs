//! `coffer archive`: list the archived segments of a stopped server, and remove the oldest for good.

mod list;
mod prune;

use clap::{Args, Subcommand};

use super::SettingsArgs;
use super::exit::{CliError, Code};
use super::start;
use crate::config::Config;
use crate::engine::retention::{RetentionError, StoppedArchive};
use crate::feed::history;

/// Arguments of `coffer archive`.
#[derive(Args, Debug)]
pub(crate) struct ArchiveArgs {
    #[command(subcommand)]
    command: ArchiveCommand,
}

#[derive(Debug, Subcommand)]
enum ArchiveCommand {
    /// List the archived segments, oldest first
    List {
        #[command(flatten)]
        settings: SettingsArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove the oldest segments for good: what is older, or more, than is to be kept, and needed by nothing any more
    ///
    /// Transactions of removed records answer 410, and proofs of them must have been taken before. Balances, holds and idempotency
    /// keys in their window need none of them.
    Prune(PruneArgs),
}

/// Arguments of `coffer archive prune`.
#[derive(Args, Debug)]
pub(super) struct PruneArgs {
    #[command(flatten)]
    pub(super) settings: SettingsArgs,
    /// Keep segments whose last record is at most so many days old
    #[arg(long, value_name = "N", required_unless_present = "keep_bytes")]
    pub(super) keep_days: Option<u64>,
    /// Keep the newest segments of so many bytes together; K, M, G and T stand for powers of 1,024
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(super) keep_bytes: Option<u64>,
    /// Only say what would go, and what stays why
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Runs it.
///
/// # Errors
/// When the data directory cannot be used.
pub(crate) fn run(args: ArchiveArgs) -> Result<(), CliError> {
    match args.command {
        ArchiveCommand::List { settings, json } => list::run(&settings, json),
        ArchiveCommand::Prune(args) => prune::run(&args),
    }
}

/// Opens the archive of a stopped server.
fn open(config: &Config) -> Result<StoppedArchive, CliError> {
    let dir = config.data_dir();
    if !dir.join("shard-00").is_dir() {
        let line = format!("there is no log in {}", dir.display());
        return Err(CliError::new(Code::Failed, line));
    }
    let followed = config.feed_options().map(|options| history::followed_to(&options.place)).transpose();
    let followed = followed.map_err(|error| CliError::new(Code::Io, error.to_string()))?;
    let env = start::machine(config.switch("log.direct_io"));
    Ok(StoppedArchive::open(&config.engine_options(), &env, followed)?)
}

/// A number of bytes, with or without a unit.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: u64 = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => 1,
        "K" | "KIB" => 1 << 10,
        "M" | "MIB" => 1 << 20,
        "G" | "GIB" => 1 << 30,
        "T" | "TIB" => 1 << 40,
        _ => return Err("a size is a whole number, alone or with K, M, G or T".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "a size is a whole number, alone or with K, M, G or T")?;
    number.checked_mul(unit).ok_or_else(|| "no archive is that large".to_owned())
}

impl From<RetentionError> for CliError {
    fn from(error: RetentionError) -> Self {
        let code = match error {
            RetentionError::Open(error) => return error.into(),
            RetentionError::Snapshots(error) => return crate::engine::OpenError::from(error).into(),
            RetentionError::Panicked => Code::Internal,
            RetentionError::Archive(coffer_wal::ArchiveError::Damaged { .. }) => Code::Corrupt,
            RetentionError::Archive(coffer_wal::ArchiveError::Io { .. }) | RetentionError::Checkpoints(_) => {
                Code::Io
            }
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn a_size_has_a_unit_or_none() {
        assert_eq!(
            (size("17"), size("2K"), size("3GiB"), size("1t")),
            (Ok(17), Ok(2_048), Ok(3 << 30), Ok(1 << 40))
        );
        for wrong in ["", "K", "1.5G", "-1", "1X", "99999999999T"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
