//! `coffer demo`: the main job on real input, with a server that is killed in the middle.
//!
//! Starts `coffer serve` as a child process on a temporary directory, gives 200 customers plan, promotional and purchased
//! credit ([`plan`]), sends the 8,819 requests of data/azure_llm_inference_2023_code.csv as debits ([`trace`], [`replay`]), kills
//! the server with SIGKILL at a random point, starts it again, sends what was not answered once more under the same keys, and
//! compares every reply and every balance with a computation that shares no code with the ledger ([`expect`], [`check`]).
//! `--holds` plays the same rows as calls that hold an estimate first ([`holds`]); what both share is the [`arena`].
//! What is credited, expected and compared here serves `coffer drill` too. Tested in `tests/demo.rs`.

pub(crate) mod api;
mod arena;
mod caller;
pub(crate) mod check;
pub(crate) mod decimal;
pub(crate) mod expect;
mod findings;
mod holds;
mod line;
pub(crate) mod plan;
pub(crate) mod random;
mod replay;
mod report;
pub(crate) mod setup;
mod show;
mod stage;
mod standing;
#[cfg(test)]
pub(crate) mod testing;
mod trace;

use std::path::PathBuf;

use clap::Args;

use crate::cli::exit::{CliError, Code};
use crate::cli::{output, start};
use arena::Arena;
pub(crate) use random::Random;

/// Arguments of `coffer demo`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArgs {
    /// Tells a run again: same credit, same kill points [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// Connections
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=200))]
    connections: u16,
    /// Send only the first so many requests of the trace
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(100..))]
    requests: Option<u32>,
    /// How often the server is killed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=20))]
    kills: u8,
    /// Run the trace's hour this many times as fast as it was; 0 = as fast as the server answers
    #[arg(long, default_value_t = 0, value_name = "FACTOR")]
    speed: u64,
    /// Keep the data directory and say where it is
    #[arg(long)]
    keep: bool,
    /// Make the data directory in here [default: the system's temporary directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Play the trace as calls that hold an estimate and settle their real tokens, instead of as debits
    #[arg(long)]
    holds: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When anything is not as it should be, or the demo could not be run.
pub(crate) async fn run(args: DemoArgs) -> Result<(), CliError> {
    let env = start::machine(true);
    let seed = args.seed.unwrap_or_else(|| {
        let mut bytes = [0; 4];
        env.entropy.fill(&mut bytes);
        u64::from(u32::from_le_bytes(bytes))
    });
    let mut builder = tempfile::Builder::new();
    builder.prefix("coffer-demo-");
    let made = args.dir.as_ref().map_or_else(|| builder.tempdir(), |dir| builder.tempdir_in(dir));
    let mut dir =
        made.map_err(|error| CliError::new(Code::CannotCreate, format!("no temporary directory: {error}")))?;
    dir.disable_cleanup(args.keep);
    let arena = Arena { env, seed, args: args.clone(), data_dir: dir.path().join("data") };
    let played = if args.holds {
        holds::play(&arena).await.map(|summary| summary.tell(args.json))
    } else {
        stage::play(&arena).await.map(|summary| summary.tell(args.json))
    };
    if args.keep {
        output::note(format!("the data directory is kept: {}", dir.path().join("data").display()));
    }
    played.map_err(|error| CliError::new(error.code, format!("{error} (seed {seed})")))?
}
