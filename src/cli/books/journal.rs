//! `coffer journal`: the double entries of a period, which add up to its books.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use clap::Args;
use tokio::runtime::Handle;

use super::{PeriodArgs, unreadable, with_history};
use crate::cli::exit::{CliError, Code};
use crate::cli::{SettingsArgs, block_on, output};
use crate::engine::Engine;
use crate::export::{ExportError, Format, JournalRequest, Names, Rows, journal_into};

/// Arguments of `coffer journal`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  coffer journal --month 2026-11 --format csv --out november.csv

The journal of a range of the log, which can be resumed, is `coffer export journal`.
A running server gives the same: GET /v1/journal?month=2026-11")]
pub(crate) struct JournalArgs {
    #[command(flatten)]
    period: PeriodArgs,
    /// jsonl or csv
    #[arg(long, default_value = "jsonl")]
    format: Format,
    /// Where to [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Runs it.
///
/// # Errors
/// When the data directory cannot be used, or the journal cannot be written.
pub(in crate::cli) fn run(args: JournalArgs) -> Result<(), CliError> {
    let config = args.settings.load(Vec::new())?;
    if args.format == Format::Parquet {
        return Err(CliError::new(Code::Usage, "--format: csv or jsonl; Parquet is `coffer export journal`"));
    }
    block_on(
        0,
        with_history(config, "ask the running server: GET /v1/journal", async |engine, history| {
            let tenant = args.period.tenant(&engine)?;
            let period = args.period.of_books(&tenant)?;
            let position = history.look(|look| look.position()).map_err(unreadable)?;
            let request = JournalRequest { tenant: tenant.number, period, position, format: args.format };
            if let Some(bytes) = write(&engine, Rows::File(history), request, args.out).await? {
                output::note(format!("{bytes} bytes, up to record {position} of the log"));
            }
            Ok(())
        }),
    )?
}

/// Bytes written; `None` = whoever read them has gone.
async fn write(
    engine: &Engine,
    rows: Rows,
    request: JournalRequest,
    out: Option<PathBuf>,
) -> Result<Option<u64>, CliError> {
    let printed = is_printed(out.as_ref());
    let mut names = Names::new(engine.clone(), Handle::current());
    let writing = move || {
        let mut written = 0;
        let mut target = target(out.as_ref()).map_err(ExportError::io(shown(out.as_ref())))?;
        let mut send = |bytes: Vec<u8>| {
            written += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            target.write_all(&bytes).map_err(ExportError::io(shown(out.as_ref())))
        };
        journal_into(&rows, &mut names, &request, &mut send)?;
        target.flush().map_err(ExportError::io(shown(out.as_ref())))?;
        Ok(written)
    };
    let written = tokio::task::spawn_blocking(writing).await;
    let written = written.map_err(|_| CliError::new(Code::Internal, "the writing thread panicked"))?;
    match written {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ExportError::Io { source, .. }) if printed && source.kind() == ErrorKind::BrokenPipe => Ok(None),
        Err(error @ ExportError::Io { .. }) if !printed => {
            Err(CliError::new(Code::CannotCreate, error.to_string()))
        }
        Err(error) => Err(CliError::new(Code::Io, format!("the journal was not made: {error}"))),
    }
}

fn is_printed(out: Option<&PathBuf>) -> bool {
    out.is_none_or(|path| path.as_os_str() == "-")
}

fn shown(out: Option<&PathBuf>) -> PathBuf {
    out.cloned().unwrap_or_else(|| "standard output".into())
}

#[expect(clippy::disallowed_methods, reason = "a file of the caller's, not the engine's")]
fn target(out: Option<&PathBuf>) -> std::io::Result<Box<dyn Write>> {
    Ok(match out.filter(|path| path.as_os_str() != "-") {
        Some(path) => Box::new(std::fs::File::create(path)?),
        None => Box::new(std::io::stdout()),
    })
}
