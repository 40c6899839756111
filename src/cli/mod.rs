//! The command line: parses, calls, prints, and turns every outcome into an exit code.
//!
//! Each command is a file. Nothing is decided here that the engine or the HTTP front could decide. Tested in `tests/cli/`
//! with the real program.

mod archive;
mod as_of;
mod audit;
mod books;
pub(crate) mod child;
pub(crate) mod client;
mod completions;
mod config_show;
mod customers;
pub(crate) mod exit;
mod export;
#[cfg(feature = "failpoints")]
mod faulty;
mod history;
mod instant;
mod keys;
pub(crate) mod output;
pub(crate) mod progress;
mod replay;
pub(crate) mod serve;
mod settings_args;
mod snapshot;
pub(crate) mod start;
mod wal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::{CliError, Code};
pub(crate) use settings_args::SettingsArgs;

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(
    name = "coffer",
    version,
    about = "A wallet engine for prepaid credits: exact, durable debits behind an HTTP API."
)]
#[command(after_help = exit::HELP, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server. Needs no configuration: makes ./coffer-data and prints the first admin key once
    Serve(serve::ServeArgs),
    /// Make, list and revoke API keys
    Keys(keys::KeysArgs),
    /// Check, show and repair the write-ahead log of a stopped server
    Wal(wal::WalArgs),
    /// Show a customer as it was, or what changed between two instants, from a stopped server's directory
    AsOf(as_of::AsOfArgs),
    /// List the archived segments of a stopped server, or remove the oldest
    Archive(archive::ArchiveArgs),
    /// Prove that the ledger is whole, to yourself and to others
    Audit(audit::AuditArgs),
    /// Take or check snapshots of a stopped server
    Snapshot(snapshot::SnapshotArgs),
    /// Make the searchable history of a stopped server anew
    History(history::HistoryArgs),
    /// Decide a stopped server's requests again: to check the log, or under other rules (what-if)
    Replay(Box<replay::ReplayArgs>),
    /// Write the ledger of a stopped server to files: CSV, JSON Lines, Parquet
    Export(export::ExportArgs),
    /// Erase everything personal about a customer
    Customers(customers::CustomersArgs),
    /// The books of a period, from a stopped server's directory: opening, what came and went, closing, revenue
    Books(books::BooksArgs),
    /// The double entries of a period, from a stopped server's directory
    Journal(books::JournalArgs),
    /// A customer's statement, from a stopped server's directory, as JSON, CSV or a page to print
    Statement(books::StatementArgs),
    /// Show the settings in force
    Config(config_show::ConfigArgs),
    /// Debit a real hour of LLM traffic, kill the server in the middle, and check every balance, slice and refusal
    Demo(crate::demo::DemoArgs),
    /// Load a server, kill it, bring it back, check everything that it acknowledged, again and again; or break it on purpose
    Drill(crate::drill::DrillArgs),
    /// Measure this machine: the engine alone, and over HTTP beside a handler that only echoes
    Bench(crate::bench::BenchArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

/// Runs the program with the arguments of this process.
#[must_use]
pub fn run() -> ExitCode {
    match dispatch(Cli::parse().command).and_then(|()| output::check()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(format!("coffer: {error}"));
            error.code.into()
        }
    }
}

fn dispatch(command: Command) -> Result<(), CliError> {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Keys(args) => keys::run(args),
        Command::Wal(args) => wal::run(args),
        Command::AsOf(args) => as_of::run(args),
        Command::Audit(args) => audit::run(args),
        Command::Snapshot(args) => snapshot::run(args),
        Command::History(args) => history::run(args),
        Command::Replay(args) => replay::run(&args),
        Command::Export(args) => export::run(args),
        Command::Archive(args) => archive::run(args),
        Command::Customers(args) => customers::run(args),
        Command::Books(args) => books::run(args),
        Command::Journal(args) => books::run_journal(args),
        Command::Statement(args) => books::run_statement(args),
        Command::Config(args) => config_show::run(&args),
        Command::Demo(args) => block_on(0, crate::demo::run(args))?,
        Command::Drill(args) => block_on(0, crate::drill::run(args))?,
        Command::Bench(args) => block_on(0, crate::bench::run(args))?,
        Command::Completions(args) => {
            completions::run(&args);
            Ok(())
        }
    }
}

/// Runs a future to its end on a runtime of its own; 0 threads = one per core. What still runs then is left behind: a second
/// signal or a halt must not wait for a disk.
pub(crate) fn block_on<T>(threads: usize, work: impl Future<Output = T>) -> Result<T, CliError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Code::Internal, format!("no threads to run on: {error}")))?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(result)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_arguments_fit_each_other() {
        Cli::command().debug_assert();
    }
}
