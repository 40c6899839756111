//! `coffer drill`: what operators rely on, tried on the real program.

pub(crate) mod faults;

use clap::Args;

use crate::cli::exit::{CliError, Code};

/// Arguments of `coffer drill`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DrillArgs {
    #[command(flatten)]
    faults: faults::FaultArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When anything is not as it should be, or the drill could not be run.
pub(crate) async fn run(args: DrillArgs) -> Result<(), CliError> {
    if args.faults.fault.is_some() {
        return faults::run(args.faults, args.json).await;
    }
    Err(CliError::new(Code::Usage, "say what to drill: --fault"))
}
