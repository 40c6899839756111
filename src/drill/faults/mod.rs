//! `coffer drill --fault`: every fault of docs/WAL_FORMAT.md done to a real `coffer serve` and its files, beside what that page
//! says comes of it.
//!
//! Each row is a fault ([`row`]): writes that fail under load ([`writes`]), two servers on one directory ([`owners`]), a full disk
//! ([`full`]), damaged files of a killed server ([`files`], [`damage`]). What was acknowledged stands in a [`book`] and is asked for
//! again after the next start. A row that this machine cannot play says why, and the command does not pass then.
//! Tested in `tests/faults.rs`.

mod book;
mod damage;
mod files;
mod full;
mod ground;
mod owners;
mod report;
mod row;
mod writes;

use clap::Args;

use crate::cli::exit::{CliError, Code};
use ground::Ground;
use report::{Line, Report, Verdict};
use row::{Outcome, ROWS, Row};

/// Arguments of `coffer drill --fault`.
#[derive(Args, Clone, Debug)]
pub(crate) struct FaultArgs {
    /// Do these faults to a real server and its files, all without a name; compare what comes of it with docs/WAL_FORMAT.md
    #[arg(long, value_name = "NAME", num_args = 0.., conflicts_with_all = ["rounds", "seconds_per_round", "writers", "customers", "seed", "dir", "keep", "from_archive"])]
    pub(crate) fault: Option<Vec<String>>,
    /// Only list the faults
    #[arg(long, requires = "fault")]
    list: bool,
}

/// Plays the rows.
///
/// # Errors
/// [`Code::Failed`] when a row is not as documented, [`Code::NotRun`] when all that could be played are, but not all could.
pub(crate) async fn run(args: FaultArgs, json: bool) -> Result<(), CliError> {
    let rows = chosen(&args.fault.unwrap_or_default())?;
    if args.list {
        report::list(&rows, json);
        return Ok(());
    }
    let dir = tempfile::Builder::new().prefix("coffer-fault-").tempdir();
    let dir =
        dir.map_err(|error| CliError::new(Code::CannotCreate, format!("no temporary directory: {error}")))?;
    let ground = Ground::new(dir.path());
    let mut report = Report::default();
    for row in rows {
        let line = line(row, &ground).await;
        report.add(line, json);
    }
    report.print(json);
    verdict(&report)
}

async fn line(row: &Row, ground: &Ground) -> Line {
    let (observed, verdict) = match row.play(ground).await {
        Ok(Outcome::Played(seen)) if seen.is_right() => (seen.describe(), Verdict::Ok),
        Ok(Outcome::Played(seen)) => (seen.describe(), Verdict::Differs),
        Ok(Outcome::NotRun(why)) => (format!("not run: {why}"), Verdict::NotRun),
        Err(error) => (format!("could not be played: {error}"), Verdict::Differs),
    };
    // The scratch directory has another name each time.
    let observed = observed.replace(&*ground.place("").to_string_lossy(), "");
    Line {
        name: row.name,
        fault: row.fault,
        done_to: row.done_to,
        expected: row.expected(),
        observed,
        verdict,
    }
}

fn chosen(names: &[String]) -> Result<Vec<&'static Row>, CliError> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    let find = |name: &String| {
        let unknown = || {
            CliError::new(
                Code::Usage,
                format!("there is no fault {name:?}; see `coffer drill --fault --list`"),
            )
        };
        ROWS.iter().find(|row| row.name == name).ok_or_else(unknown)
    };
    names.iter().map(find).collect()
}

fn verdict(report: &Report) -> Result<(), CliError> {
    let (differ, not_run) = (report.count(Verdict::Differs), report.count(Verdict::NotRun));
    if differ > 0 {
        return Err(CliError::new(Code::Failed, format!("{differ} faults end otherwise than documented")));
    }
    if not_run > 0 {
        return Err(CliError::new(
            Code::NotRun,
            format!("{not_run} faults could not be done on this machine"),
        ));
    }
    Ok(())
}
