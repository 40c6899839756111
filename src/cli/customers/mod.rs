//! `coffer customers`: erase everything personal about a customer, in a stopped server's directory.

mod erase;

use clap::{Args, Subcommand};

use super::exit::CliError;
use super::{SettingsArgs, block_on};

/// Arguments of `coffer customers`.
#[derive(Args, Debug)]
pub(crate) struct CustomersArgs {
    #[command(subcommand)]
    command: CustomersCommand,
}

#[derive(Debug, Subcommand)]
enum CustomersCommand {
    /// Erase everything personal about a customer from log, archive, snapshots and history; balances, rows and proofs stay
    ///
    /// Names, address, metadata, descriptions, references, idempotency keys and the customer's own name (external id) go for good.
    /// Amounts, times, ids, invoice ids, features, meters and budget names stay. Needs free space for one archived segment
    /// and two snapshots. Interrupted, it is finished by running it again.
    Erase(EraseArgs),
}

/// Arguments of `coffer customers erase`.
#[derive(Args, Debug)]
pub(super) struct EraseArgs {
    #[command(flatten)]
    pub(super) settings: SettingsArgs,
    /// The customer's id or external id
    pub(super) customer: String,
    /// The customer's tenant
    #[arg(long, default_value = "default")]
    pub(super) tenant: String,
    /// Only say which files, records and fields would change
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Runs it.
///
/// # Errors
/// When the data directory cannot be used, there is no such customer, or not everything could be erased yet.
pub(crate) fn run(args: CustomersArgs) -> Result<(), CliError> {
    match args.command {
        CustomersCommand::Erase(args) => block_on(0, erase::run(args))?,
    }
}
