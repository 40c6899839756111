//! `coffer replay`: the log's requests again, to check that they give what the log says, or under other rules.
//!
//! Differences are the answer, not a failure: with `--with` the exit code is 0 whether there are any or not. Without it nothing may
//! differ, and 1 says that something does. Tested in `tests/cli/replay.rs`.

mod document;
mod out;
mod page;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use coffer_ledger::ids::LogPosition;
use coffer_ledger::time::Timestamp;

use self::out::Out;
use super::exit::{CliError, Code};
use super::progress::Progress;
use super::{SettingsArgs, output, start};
use crate::engine::EngineOptions;
use crate::whatif::{self, Answer, At, Question, Rules, WhatIfError};

const LONG_ABOUT: &str = "\
Decide the requests of a stopped server's archive and log again, in a shadow: under other rules (--with), or under the same ones to \
check that they give what the log says, fact by fact (without --with, or --check).

The directory may be a copy; no file in it is changed. Requests that were refused are not in the log: what-if finds new refusals \
only, never requests that other rules would have let through, and it does not guess what clients would have done after another answer.

With --with the exit code is 0 whether anything differs or not; the check ends with 1 if something does.";

/// Arguments of `coffer replay`.
#[derive(Args, Debug)]
#[command(long_about = LONG_ABOUT)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Other rules: a TOML file, see config/what-if.example.toml
    #[arg(long = "with", value_name = "RULES.TOML")]
    rules: Option<PathBuf>,
    /// Check that the log decided again gives what it says; this is what happens without --with
    #[arg(long, conflicts_with = "rules")]
    check: bool,
    /// First record: a log position, or a time (2026-03-01, 2026-03-01T12:00:00Z) [default: the first record]
    #[arg(long, value_name = "PLACE", value_parser = place)]
    from: Option<At>,
    /// Last record: a log position, or the time before which it was [default: the last record]
    #[arg(long, value_name = "PLACE", value_parser = place)]
    to: Option<At>,
    /// Only this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<Box<str>>,
    /// Show only these customers (transfers still meet the others)
    #[arg(long, value_name = "ID")]
    customer: Vec<Box<str>>,
    /// Customers on the page, those with the largest differences
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    /// Print JSON with everything
    #[arg(long)]
    json: bool,
    /// Also write a JSON line for each customer, and for each new refusal as it is found
    #[arg(long, value_name = "FILE.JSONL")]
    out: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// When the log or the rules cannot be read, or a check finds a difference.
pub(crate) fn run(args: &ReplayArgs) -> Result<(), CliError> {
    let rules = args.rules.as_ref().map(read_rules).transpose()?;
    let config = args.settings.load(Vec::new())?;
    let dir = config.data_dir();
    if !dir.is_dir() {
        let line = format!("there is no data directory {}", dir.display());
        return Err(CliError::new(Code::Failed, line));
    }
    let env = start::machine(config.switch("log.direct_io"));
    let (is_check, rules) = (rules.is_none(), rules.unwrap_or_default());
    let question = Question { from: args.from, to: args.to, rules, tenant: args.tenant.clone() };
    let mut out = Out::open(args.out.as_ref(), Arc::clone(&env.clock), is_check, &args.customer)?;
    let progress = Arc::new(Progress::new(Arc::clone(&env.clock)));
    let answer = answer(&config.engine_options(), &env, &question, &progress, &mut out);
    let mut answer = answer.map_err(|error| failed(error, &dir))?;
    if answer.to < answer.from && (args.from.is_some() || args.to.is_some()) {
        let line =
            format!("no record of the log lies in the range; its last record is {}", answer.from.0 - 1);
        return Err(CliError::new(Code::Failed, line));
    }
    keep_named(&mut answer, &args.customer)?;
    out.finish(&answer)?;
    if args.json {
        output::json(&document::of(&answer, args.rules.as_deref()));
    } else {
        page::print(&answer, args.top, is_check);
    }
    if is_check && answer.differing > 0 {
        let line = format!("{} of {} records came out differently", answer.differing, answer.records);
        return Err(CliError::new(Code::Failed, line));
    }
    Ok(())
}

fn answer(
    options: &EngineOptions,
    env: &crate::env::Env,
    question: &Question,
    progress: &Arc<Progress>,
    out: &mut Out,
) -> Result<Answer, WhatIfError> {
    let recovering: Arc<dyn crate::engine::RecoveryProgress> = Arc::clone(progress) as _;
    let answer = whatif::run(options, env, question, &recovering, out);
    progress.finish();
    answer
}

fn read_rules(path: &PathBuf) -> Result<Rules, CliError> {
    let bad = |problem: String| CliError::new(Code::Config, format!("{}: {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    Rules::parse(&text).map_err(|error| bad(error.to_string().trim_end().to_owned()))
}

/// Leaves only the customers that were named.
fn keep_named(answer: &mut Answer, names: &[Box<str>]) -> Result<(), CliError> {
    if names.is_empty() {
        return Ok(());
    }
    let is_it = |name: &str, customer: &whatif::CustomerAnswer| {
        *name == *customer.external_id || *name == *customer.id
    };
    let unknown = names.iter().find(|name| !answer.customers.iter().any(|known| is_it(name, known)));
    if let Some(unknown) = unknown {
        let line =
            format!("no customer {unknown:?} has a record between {} and {}", answer.from.0, answer.to.0);
        return Err(CliError::new(Code::Failed, line));
    }
    answer.only(|customer| names.iter().any(|name| is_it(name, customer)));
    Ok(())
}

fn failed(error: WhatIfError, dir: &std::path::Path) -> CliError {
    match error {
        WhatIfError::Open(error) => {
            let mut error = CliError::from(error);
            if error.code == Code::Busy {
                error.message = format!(
                    "{}; stop the server, or copy {} and name the copy",
                    error.message,
                    dir.display()
                );
            }
            error
        }
        WhatIfError::NoTenant(_) => CliError::new(Code::Failed, error.to_string()),
        WhatIfError::State(_) | WhatIfError::Unreadable(..) | WhatIfError::Gap { .. } => {
            CliError::new(Code::Corrupt, error.to_string())
        }
        WhatIfError::Violation(..) => CliError::new(Code::Internal, error.to_string()),
    }
}

/// A log position, or an instant: a date is its first one in UTC.
fn place(text: &str) -> Result<At, String> {
    if let Ok(position) = text.parse::<u64>() {
        return Ok(At::Position(LogPosition(position)));
    }
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let at = chrono::DateTime::parse_from_rfc3339(&whole)
        .map_err(|_| "neither a log position nor a time as 2026-03-01 or 2026-03-01T12:00:00Z".to_owned())?;
    let ns = at.timestamp_nanos_opt().and_then(|ns| u64::try_from(ns).ok());
    Ok(At::Time(Timestamp(ns.ok_or("a time must be between 1970 and 2262")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_position_a_date_or_a_time() {
        assert_eq!(place("17"), Ok(At::Position(LogPosition(17))));
        let midnight = Ok(At::Time(Timestamp(1_772_323_200_000_000_000)));
        assert_eq!(place("2026-03-01"), midnight);
        assert_eq!(place("2026-03-01T01:00:00+01:00"), midnight);
        assert!(place("yesterday").is_err() && place("-3").is_err());
    }
}
