//! `coffer books`, `coffer journal`, `coffer statement`: what finance people read, from a stopped server's directory.
//!
//! The history is brought up to date with the log first, and made where there is none; it stays for the next time, and can be deleted
//! at any time. A running server gives the same over HTTP. Tested in `tests/cli/books.rs`.

mod journal;
mod statement;
mod table;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use coffer_ledger::calendar::Zone;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;

pub(super) use self::journal::{JournalArgs, run as run_journal};
pub(super) use self::statement::{StatementArgs, run as run_statement};
use super::exit::{CliError, Code};
use super::history::Told;
use super::{SettingsArgs, block_on, output, start};
use crate::books::{Books, Period, PeriodError, Shown};
use crate::config::Config;
use crate::engine::{Engine, TenantView};
use crate::feed::catch_up;
use crate::feed::history::{HistoryError, HistoryFile};
use crate::rfc3339;

/// Arguments of `coffer books`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  coffer books --month 2026-11
  coffer books --tenant default --from 2026-10-01T00:00:00+02:00 --to 2026-11-01T00:00:00+01:00 --csv

A running server gives the same: GET /v1/books?month=2026-11")]
pub(crate) struct BooksArgs {
    #[command(flatten)]
    period: PeriodArgs,
    /// Only units of this currency
    #[arg(long, value_parser = currency)]
    currency: Option<Currency>,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Whose, and of when.
#[derive(Args, Debug)]
pub(super) struct PeriodArgs {
    /// The tenant's name [default: the only one]
    #[arg(long)]
    tenant: Option<String>,
    /// The first instant that counts, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = instant, requires = "to", required_unless_present = "month")]
    from: Option<Timestamp>,
    /// The first instant that does not any more, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = instant, requires = "from")]
    to: Option<Timestamp>,
    /// A month such as 2026-11, instead of --from and --to
    #[arg(long, conflicts_with_all = ["from", "to"])]
    month: Option<String>,
    /// Whose clocks the month is by, such as Europe/Berlin [default: the tenant's]
    #[arg(long, value_parser = zone)]
    time_zone: Option<Zone>,
}

/// Runs `coffer books`.
///
/// # Errors
/// When the data directory cannot be used, or the history cannot be brought up to date.
pub(super) fn run(args: BooksArgs) -> Result<(), CliError> {
    let config = args.settings.load(Vec::new())?;
    block_on(
        0,
        with_history(config, "ask the running server: GET /v1/books", async |engine, history| {
            let tenant = args.period.tenant(&engine)?;
            let period = args.period.of_books(&tenant)?;
            let made = history.look(|look| Books::of(look, tenant.number, period, args.currency));
            show(&args, &made.map_err(unreadable)?);
            Ok(())
        }),
    )?
}

fn show(args: &BooksArgs, books: &Books) {
    if args.json {
        output::json(&Shown::of(books));
    } else if args.csv {
        output::bytes(&Shown::csv(books));
    } else {
        output::line(table::of(books));
    }
}

/// Opens the directory of a stopped server, brings its history up to date, does the work, closes.
pub(super) async fn with_history<T>(
    config: Config,
    instead: &str,
    work: impl AsyncFnOnce(Engine, HistoryFile) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let engine = start::open_offline(&config, instead).await?;
    let done = match history(&engine, &config).await {
        Ok(history) => work(engine.clone(), history).await,
        Err(error) => Err(error),
    };
    let closed = engine.shutdown().await;
    let done = done?;
    closed?;
    Ok(done)
}

async fn history(engine: &Engine, config: &Config) -> Result<HistoryFile, CliError> {
    let options = config.history_options();
    let (log, told) = (engine.log_reader(), Told::new());
    let catching = move || catch_up(&options.place, &log, options.batch_records, &told);
    let caught = tokio::task::spawn_blocking(catching).await;
    caught
        .map_err(|_| CliError::new(Code::Internal, "the thread that fills the history panicked"))?
        .map_err(super::history::failed)
}

impl PeriodArgs {
    /// Whose.
    pub(super) fn tenant(&self, engine: &Engine) -> Result<Arc<TenantView>, CliError> {
        let tenants = engine.tenants();
        let found = match (&self.tenant, tenants.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(name), all) => all.iter().find(|view| *view.name == **name),
        };
        found.cloned().ok_or_else(|| {
            let names: Vec<_> = tenants.iter().map(|view| &*view.name).collect();
            CliError::new(Code::Failed, format!("--tenant must be one of: {}", names.join(", ")))
        })
    }

    /// By whose clocks.
    pub(super) fn zone(&self, tenant: &TenantView) -> Zone {
        let setting = || tenant.settings.time_zone.as_deref().and_then(Zone::named);
        self.time_zone.or_else(setting).unwrap_or(Zone::UTC)
    }

    /// Of when.
    pub(super) fn of(&self, tenant: &TenantView) -> Result<Period, CliError> {
        let period = match (&self.month, self.from, self.to) {
            (Some(month), ..) => Period::month(month, self.zone(tenant)),
            (None, Some(from), Some(to)) => Period::new(from, to),
            (None, ..) => Err(PeriodError::Empty),
        };
        period.map_err(wrong)
    }

    /// The same, on quarters of an hour.
    pub(super) fn of_books(&self, tenant: &TenantView) -> Result<Period, CliError> {
        self.of(tenant)?.in_quarters().map_err(wrong)
    }
}

fn wrong(error: PeriodError) -> CliError {
    CliError::new(Code::Usage, error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn unreadable(error: HistoryError) -> CliError {
    CliError::new(Code::Io, error.to_string())
}

/// Writes to a file, or to standard output.
#[expect(clippy::disallowed_methods, reason = "a file of the caller's, not the engine's")]
fn write(out: Option<&PathBuf>, bytes: &[u8]) -> Result<(), CliError> {
    let Some(path) = out.filter(|path| path.as_os_str() != "-") else {
        output::bytes(bytes);
        return Ok(());
    };
    std::fs::write(path, bytes)
        .map_err(|error| CliError::new(Code::CannotCreate, format!("{}: {error}", path.display())))?;
    output::note(format!("{}: {} bytes", path.display(), bytes.len()));
    Ok(())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    rfc3339::parse(text)
        .ok_or_else(|| "a time such as 2027-01-01T00:00:00Z, between 1970 and 2262".to_owned())
}

fn zone(name: &str) -> Result<Zone, String> {
    Zone::named(name).ok_or_else(|| "an IANA name such as Europe/Berlin".to_owned())
}

fn currency(text: &str) -> Result<Currency, String> {
    Currency::parse(text).map_err(|error| error.to_string())
}
