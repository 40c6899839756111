//! `coffer statement`: one customer's statement.

use std::path::PathBuf;

use clap::Args;
use coffer_ledger::customer::Customer;

use super::{PeriodArgs, unreadable, with_history, write};
use crate::books::{Heading, Statement, StatementFormat, StatementOf};
use crate::cli::exit::{CliError, Code};
use crate::cli::{SettingsArgs, block_on};
use crate::engine::Target;

/// Arguments of `coffer statement`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  coffer statement acme --month 2026-11 --format html --out acme.html

A running server gives the same: GET /v1/customers/acme/statement?month=2026-11&format=html")]
pub(crate) struct StatementArgs {
    /// The customer's id or external id
    customer: String,
    #[command(flatten)]
    period: PeriodArgs,
    /// json, csv, or html: a page to print
    #[arg(long, default_value = "json")]
    format: StatementFormat,
    /// Where to [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Runs it.
///
/// # Errors
/// When the data directory cannot be used, there is no such customer, or the statement cannot be written.
pub(in crate::cli) fn run(args: StatementArgs) -> Result<(), CliError> {
    let config = args.settings.load(Vec::new())?;
    let instead = "ask the running server: GET /v1/customers/{id}/statement";
    block_on(
        0,
        with_history(config, instead, async |engine, history| {
            let tenant = args.period.tenant(&engine)?;
            let (period, zone) = (args.period.of(&tenant)?, args.period.zone(&tenant));
            let name = tenant.name.to_string();
            let look = move |customer: &Customer, _| (customer.number, Heading::of(customer, name, zone));
            let seen = engine.read(tenant.number, Target::Customer(&args.customer), look).await?;
            let (customer, heading) = seen.value;
            let of = StatementOf { tenant: tenant.number, customer, period, lines_max: usize::MAX };
            let made = history.look(|look| Statement::of(look, of)).map_err(unreadable)?;
            let statement = made.ok_or_else(|| CliError::new(Code::Internal, "a statement has no end"))?;
            let mut bytes = args.format.write(&statement, &heading);
            if args.format == StatementFormat::Json {
                bytes.push(b'\n');
            }
            write(args.out.as_ref(), &bytes)
        }),
    )?
}
