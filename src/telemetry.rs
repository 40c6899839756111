//! Log lines: which are shown, and in which form. Absent on purpose: traces and spans per request (DESIGN decision 20).

use tracing_subscriber::EnvFilter;

/// What is shown unless `COFFER_LOG` says otherwise. ractor would log every actor.
pub(crate) const DEFAULT_FILTER: &str = "info,ractor=warn";

/// A filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("COFFER_LOG = {filter:?}: {problem}; write it as `info` or `warn,coffer=debug`")]
pub(crate) struct FilterError {
    filter: String,
    problem: String,
}

/// Sends log lines to standard error from now on: `json`, or text otherwise, the same on a terminal as in a file: without colours.
///
/// # Errors
/// When the filter cannot be read.
pub(crate) fn init(format: &str, filter: Option<&str>) -> Result<(), FilterError> {
    let filter = filter.unwrap_or(DEFAULT_FILTER);
    let parsed = EnvFilter::try_new(filter)
        .map_err(|error| FilterError { filter: filter.to_owned(), problem: error.to_string() })?;
    let lines = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    // A second call in one process (tests) keeps the first subscriber.
    let _ = match format {
        "json" => lines.json().try_init(),
        _ => lines.with_target(false).try_init(),
    };
    Ok(())
}
