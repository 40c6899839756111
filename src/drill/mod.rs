//! `coffer drill`: does this build, on this disk, come back from anything?
//!
//! Starts `coffer serve` as a child process on a temporary directory, gives customers credit ([`plan`]), and then, round after
//! round: debits, batches and credit by many writers at once ([`load`]), SIGKILL at a seeded instant ([`kills`]), recovery,
//! retries of what had no answer, and a check of everything that was acknowledged ([`books`], [`confirm`]). In the end all of
//! it once more, and the log from outside ([`audit`]). [`from_archive`] rebuilds the state from the archive alone, [`faults`] breaks
//! the server and its files on purpose.
//! Tested in `tests/drill.rs`; that the checks find what is wrong in `tests.rs`.

mod audit;
mod books;
mod confirm;
mod faults;
mod findings;
mod from_archive;
mod host;
mod kills;
mod load;
mod operation;
mod plan;
mod report;
mod stage;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tempfile::TempDir;

use crate::cli::exit::{CliError, Code};
use crate::cli::{SettingsArgs, output, start};
use crate::env::Env;
use host::Host;
use report::Summary;
use stage::Stage;

const MORE_HELP: &str = "\
Ends with 0 when nothing is wrong, and with 1 when something acknowledged was lost, happened twice or changed. \
The seed tells the same customers, requests and kill instants again. \
The directory is removed unless --keep is given.";

/// Arguments of `coffer drill`.
#[derive(Args, Clone, Debug)]
#[command(after_help = MORE_HELP)]
pub(crate) struct DrillArgs {
    /// How often: load, kill, recovery, check
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
    /// Writers at once
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    writers: u16,
    /// Customers
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..))]
    customers: u16,
    /// Seconds that the load of a round lasts at most
    #[arg(long, default_value = "2", value_name = "SECONDS", value_parser = seconds)]
    seconds_per_round: Duration,
    /// Tells a drill again [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// Make the data directory in here; must be on the disk to try [default: the system's temporary directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep the data directory and say where it is
    #[arg(long)]
    keep: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Instead: rebuild the whole state from the archive alone, and compare it with what recovery gives
    #[arg(long, conflicts_with_all = ["rounds", "seconds_per_round"])]
    from_archive: bool,
    /// The stopped server whose archive that is; only read [default: one that is loaded for it]
    #[arg(long, value_name = "DIR", requires = "from_archive", conflicts_with_all = ["writers", "customers", "seed", "dir", "keep"])]
    data_dir: Option<PathBuf>,
    /// The configuration file of that server
    #[arg(long, value_name = "FILE", requires = "data_dir")]
    config: Option<PathBuf>,
    #[command(flatten)]
    faults: faults::FaultArgs,
}

/// Runs it.
///
/// # Errors
/// When anything is not as it should be, or the drill could not be run.
pub(crate) async fn run(args: DrillArgs) -> Result<(), CliError> {
    if args.faults.fault.is_some() {
        return faults::run(args.faults, args.json).await;
    }
    if args.from_archive && args.data_dir.is_some() {
        let DrillArgs { data_dir, config, json, .. } = args;
        return from_archive::of_data_dir(&SettingsArgs { config, data_dir }, json).await;
    }
    let env = start::machine(true);
    let seed = args.seed.unwrap_or_else(|| random_seed(&env));
    let dir = temporary_dir(&args)?;
    let host = Host { env, data_dir: dir.path().join("data") };
    let json = args.json;
    let of_seed = |error: CliError| CliError::new(error.code, format!("{error} (seed {seed})"));
    if args.from_archive {
        return from_archive::of_a_load(&host, &args, seed).await.map_err(of_seed);
    }
    let summary = Stage::play(host, args, seed).await.map_err(of_seed)?;
    summary.print(json);
    verdict(&summary)
}

fn verdict(summary: &Summary) -> Result<(), CliError> {
    if summary.is_right() {
        return Ok(());
    }
    let Summary { seed, lost, doubled, changed, .. } = summary;
    let line = format!("lost {lost}, doubled {doubled}, changed {changed} (seed {seed})");
    Err(CliError::new(Code::Failed, line))
}

fn random_seed(env: &Env) -> u64 {
    let mut bytes = [0; 4];
    env.entropy.fill(&mut bytes);
    u64::from(u32::from_le_bytes(bytes))
}

/// A directory for one drill, removed when dropped unless it is to be kept.
fn temporary_dir(args: &DrillArgs) -> Result<TempDir, CliError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("coffer-drill-");
    let made = args.dir.as_ref().map_or_else(|| builder.tempdir(), |dir| builder.tempdir_in(dir));
    let mut dir =
        made.map_err(|error| CliError::new(Code::CannotCreate, format!("no temporary directory: {error}")))?;
    dir.disable_cleanup(args.keep);
    if args.keep {
        output::note(format!("the data directory is kept: {}", dir.path().join("data").display()));
    }
    Ok(dir)
}

/// A tenth of a second to an hour.
fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "a number of seconds from 0.1 to 3600".to_owned();
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let allowed = Duration::from_millis(100)..=Duration::from_secs(3_600);
    seconds.filter(|seconds| allowed.contains(seconds)).ok_or_else(wrong)
}
