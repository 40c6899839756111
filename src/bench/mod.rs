//! `coffer bench`: what this machine does, in one run. The engine embedded; then over HTTP beside the yardstick, a handler that
//! only echoes; each in alternating rounds, so that all that is compared sees the same machine.
//!
//! Servers are child processes. The load comes from `wrk` where it is installed, else from a client in this process, which
//! takes more CPU than wrk and so makes both sides, and their ratio, look different: the report says which it was.
//! Absent on purpose: comparison with other products, which is a script (benches/compare, `just compare`).

mod disk;
mod echo;
mod embedded;
mod followers;
mod grants;
mod http;
mod latency;
mod load;
mod memory;
mod offer;
mod overload;
mod report;
mod scale;
mod schedule;
mod sheet;
mod sizes;
mod world;
mod wrk;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tempfile::TempDir;

use crate::cli::child::{Server, serve_command};
use crate::cli::exit::{CliError, Code};
use crate::cli::serve::raise_file_limit;
use crate::cli::{output, start};
use crate::env::Env;
use report::Report;
use sizes::{FLOOD_CONNECTIONS_MAX, Sizes};

/// Arguments of `coffer bench`.
#[derive(Args, Clone, Debug)]
pub(crate) struct BenchArgs {
    /// Seconds per measurement
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Rounds, alternating between what is measured; the report has their medians
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Connections over HTTP, one measurement each
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256], value_parser = clap::value_parser!(u32).range(1..=4096))]
    connections: Vec<u32>,
    /// Measure only this part; followers, scale, overload, latency and grants take minutes and are measured only when named
    #[arg(long)]
    only: Option<Part>,
    #[command(flatten)]
    sizes: Sizes,
    /// What makes the load over HTTP [default: wrk where it is installed]
    #[arg(long)]
    client: Option<ClientKind>,
    /// Make the data directories in here; must be on the disk to measure [default: the system's temporary directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Serve the echo-only handler; used by the benchmark itself
    #[arg(long, hide = true)]
    serve_echo: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The engine in this process.
    Embedded,
    /// A server, beside a handler that only echoes.
    Http,
    /// What the history, a stream and a webhook endpoint cost debits.
    Followers,
    /// A million customers, ten million keys.
    Scale,
    /// More than the engine can do, and too many connections.
    Overload,
    /// Many customers of one plan, granted their next period at one instant.
    Grants,
    /// What a caller waits for, at shares of the peak.
    Latency,
}

/// What makes the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientKind {
    /// The wrk program.
    Wrk,
    /// The client in this process.
    BuiltIn,
}

/// Customers of every measurement that is spread.
pub(crate) const CUSTOMERS: usize = 1_000;

/// Runs it.
///
/// # Errors
/// When a server did not start or a request was not answered as it should be.
pub(crate) async fn run(args: BenchArgs) -> Result<(), CliError> {
    if args.serve_echo {
        return echo::serve().await;
    }
    let bench = Bench::new(args)?;
    let mut report = Report { sync: disk::sync_time(&bench.env, bench.dir.path())?, ..Report::default() };
    let only = bench.args.only;
    if matches!(only, None | Some(Part::Embedded)) {
        report.embedded = embedded::measure(&bench).await?;
    }
    if !matches!(only, Some(Part::Embedded | Part::Grants)) {
        report.client = Some(bench.client());
    }
    if matches!(only, None | Some(Part::Http)) {
        report.http = http::measure(&bench).await?;
    }
    if only == Some(Part::Followers) {
        report.followers = followers::measure(&bench).await?;
    }
    if only == Some(Part::Scale) {
        report.scale = scale::measure(&bench).await?;
    }
    if only == Some(Part::Overload) {
        // Thousands of connections are this process's open files.
        raise_file_limit(FLOOD_CONNECTIONS_MAX.into());
        report.overload = overload::measure(&bench).await?;
    }
    if only == Some(Part::Grants) {
        report.grants = grants::measure(&bench).await?;
    }
    if only == Some(Part::Latency) {
        report.latency = latency::measure(&bench).await?;
    }
    report.print(bench.args.json);
    Ok(())
}

/// What every measurement needs.
pub(crate) struct Bench {
    pub(crate) env: Env,
    pub(crate) dir: TempDir,
    args: BenchArgs,
}

impl Bench {
    fn new(args: BenchArgs) -> Result<Self, CliError> {
        let parent = args.dir.clone().unwrap_or_else(std::env::temp_dir);
        if is_memory(&parent) {
            let line =
                format!("{} is in memory and has no sync time; name a disk with --dir", parent.display());
            return Err(CliError::new(Code::Usage, line));
        }
        let dir = tempfile::Builder::new().prefix("coffer-bench-").tempdir_in(&parent);
        let dir =
            dir.map_err(|error| CliError::new(Code::CannotCreate, format!("{}: {error}", parent.display())))?;
        Ok(Self { env: start::machine(true), dir, args })
    }

    /// `coffer serve` on a directory of this bench's, with settings of its own. It keeps no history unless they say so: debits are
    /// measured, and what follows them apart from them.
    async fn serve(&self, dir: &str, settings: &[(&str, &str)]) -> Result<Server, CliError> {
        let mut command = serve_command(&self.dir.path().join(dir), http::API_KEY)?;
        command.env("COFFER_HISTORY_ENABLED", "false").envs(settings.iter().copied());
        Server::spawn(command, &self.env.clock).await
    }

    /// How long one measurement takes.
    pub(crate) fn span(&self) -> Duration {
        Duration::from_secs(self.args.seconds)
    }

    /// Rounds of everything.
    pub(crate) fn rounds(&self) -> u64 {
        self.args.rounds
    }

    /// Sizes of the long parts.
    pub(crate) fn sizes(&self) -> &Sizes {
        &self.args.sizes
    }

    /// Connections over HTTP.
    pub(crate) fn connections(&self) -> &[u32] {
        &self.args.connections
    }

    /// What makes the load.
    pub(crate) fn client(&self) -> ClientKind {
        let found = if wrk::is_installed() { ClientKind::Wrk } else { ClientKind::BuiltIn };
        self.args.client.unwrap_or(found)
    }

    /// Tells what is being measured.
    pub(crate) fn note(&self, text: &str) {
        output::note(format!("measuring {text}"));
    }
}

/// Whether a directory is on a file system in memory.
fn is_memory(dir: &Path) -> bool {
    /// `TMPFS_MAGIC` and `RAMFS_MAGIC` of the Linux kernel.
    const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];
    rustix::fs::statfs(dir)
        .is_ok_and(|found| IN_MEMORY.iter().any(|magic| i128::from(found.f_type) == i128::from(*magic)))
}
