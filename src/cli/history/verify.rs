//! `coffer history verify`: is every line of a stopped server's history what archive and log say?

use serde_json::{Value, json};

use super::Told;
use crate::cli::exit::{CliError, Code};
use crate::cli::{output, start};
use crate::config::Config;
use crate::engine::StoppedLog;
use crate::feed::history::Sealed;
use crate::feed::{HistoryCheck, verify};

/// Lines of one kind that are printed; the rest is counted.
const SHOWN_MAX: usize = 20;

/// Checks it and prints what was found.
pub(super) fn run(config: &Config, as_json: bool) -> Result<(), CliError> {
    let Some(check) = check(config)? else {
        return Err(CliError::new(Code::NotRun, "this server has no history yet; the next start makes it"));
    };
    if as_json {
        output::json(&document(&check));
    } else {
        page(&check);
    }
    match (check.damaged.len(), check.differences.count) {
        (0, 0) => match &check.not_compared {
            Some(why) => Err(CliError::new(Code::NotRun, format!("the history was not compared: {why}"))),
            None => Ok(()),
        },
        (0, count) => Err(CliError::new(
            Code::Failed,
            format!(
                "{count} lines of the history are not what the log says; `coffer history rebuild` makes it anew"
            ),
        )),
        (count, _) => Err(CliError::new(
            Code::Corrupt,
            format!("the history has {count} damages; `coffer history rebuild` makes it anew"),
        )),
    }
}

/// Compares the history of a stopped server with its log; `None`: it has none yet.
///
/// # Errors
/// When it keeps none, or one of both cannot be read.
pub(crate) fn check(config: &Config) -> Result<Option<HistoryCheck>, CliError> {
    let Some(options) = config.feed_options() else {
        return Err(CliError::new(Code::Config, "history.enabled is false: this server keeps no history"));
    };
    let env = start::machine(config.switch("log.direct_io"));
    let log = StoppedLog::open(&config.engine_options(), &env)?;
    let checked = verify(&options.place, &log.reader(), options.batch_records, &Told::new());
    checked.map_err(|error| {
        let code = if error.is_of_the_log() { Code::Corrupt } else { Code::Io };
        CliError::new(code, format!("the history was not compared: {error}"))
    })
}

fn page(check: &HistoryCheck) {
    check.damaged.iter().take(SHOWN_MAX).for_each(|line| output::line(format!("damaged: {line}")));
    for line in check.differences.told.iter().take(SHOWN_MAX) {
        output::line(format!("differs: {line}"));
    }
    let more = check.differences.count.saturating_sub(SHOWN_MAX as u64);
    if more > 0 {
        output::line(format!("differs: {more} more"));
    }
    output::line(format!(
        "history      up to record {} of {}: {}",
        check.position,
        check.log_end,
        compared(check)
    ));
    output::line(format!("bytes        {}", bytes(&check.sealed)));
    output::line(if check.is_sound() { "everything is sound" } else { "NOT SOUND" });
}

/// What was compared, in words.
pub(crate) fn compared(check: &HistoryCheck) -> String {
    match &check.not_compared {
        Some(why) => format!("not compared: {why}"),
        None if check.damaged.is_empty() => {
            format!("{} rows, and all that stands beside them, compared with the log", check.rows)
        }
        None => "damaged".to_owned(),
    }
}

/// What is known of the bytes, in words.
pub(crate) const fn bytes(sealed: &Sealed) -> &'static str {
    match sealed {
        Sealed::Whole => "each is as it was when the history was closed",
        Sealed::Unsealed => "it was not closed in good order: what nothing reads was not checked",
        Sealed::OfServer => "the database server keeps them: they were not checked",
        Sealed::Broken(_) => "some are not what they were when the history was closed",
    }
}

/// The same as JSON.
pub(crate) fn document(check: &HistoryCheck) -> Value {
    json!({
        "sound": check.is_sound(),
        "position": check.position,
        "log_end": check.log_end,
        "rows": check.rows,
        "bytes": match check.sealed { Sealed::Whole => "whole", Sealed::Unsealed => "unsealed", Sealed::OfServer => "of_server", Sealed::Broken(_) => "broken" },
        "not_compared": check.not_compared,
        "damaged": check.damaged,
        "differences": check.differences.count,
        "differs": check.differences.told,
    })
}
