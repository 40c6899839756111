//! How fresh a read of the history is: it waits for the log position that the caller names, or for the customer's last write.

use std::time::Duration;

use axum::http::HeaderName;

use crate::feed::history::{Found, History, HistoryError, Query};
use crate::http::call::Call;
use crate::http::error::{ApiError, Code};

/// What a read must have seen.
const MIN_LOG_POSITION: HeaderName = HeaderName::from_static("x-min-log-position");
/// How long a read waits for what the caller names.
const WANTED_WAIT: Duration = Duration::from_secs(5);
/// How long a read waits for the last write; what is there then is shown, and says how far it is.
const FRESH_WAIT: Duration = Duration::from_secs(1);

/// Reads a page that has seen what the caller wants, or else `last`.
pub(super) async fn read(call: &Call, query: Query, last: u64) -> Result<Found, ApiError> {
    let history = fresh(call, last).await?;
    let found = history.find(query).await.map_err(unavailable)?;
    check(call, found.position)?;
    Ok(found)
}

/// The history, once it has what the caller wants, or else `last`.
pub(in crate::http) async fn fresh(call: &Call, last: u64) -> Result<&History, ApiError> {
    let history = call.app.history.as_ref().ok_or_else(|| {
        ApiError::new(Code::HistoryUnavailable, "this server keeps no history (history.enabled)")
    })?;
    wait(history, wanted(call)?, last).await?;
    Ok(history)
}

/// Whether an answer that saw so much is one: the history may have been made anew meanwhile.
pub(in crate::http) fn check(call: &Call, position: u64) -> Result<(), ApiError> {
    match wanted(call)? {
        Some(wanted) if position < wanted => Err(behind(position)),
        Some(_) | None => Ok(()),
    }
}

async fn wait(history: &History, wanted: Option<u64>, last: u64) -> Result<(), ApiError> {
    let enough = match wanted {
        Some(wanted) => history.wait_for(wanted, WANTED_WAIT).await,
        // Since the start it was never as far as the log: what it lacks is more than the last moments.
        None => history.wait_for(last, FRESH_WAIT).await || history.has_caught_up(),
    };
    let status = history.status();
    match (enough, status.reason) {
        (true, _) => Ok(()),
        (false, Some(reason)) => Err(unavailable(HistoryError::Unavailable(reason.to_string()))),
        (false, None) => Err(behind(status.position)),
    }
}

fn wanted(call: &Call) -> Result<Option<u64>, ApiError> {
    let Some(value) = call.head.headers.get(MIN_LOG_POSITION) else { return Ok(None) };
    let read = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    read.map(Some)
        .ok_or_else(|| ApiError::field("X-Min-Log-Position", "an X-Log-Position of an earlier reply"))
}

fn behind(position: u64) -> ApiError {
    ApiError::new(Code::HistoryBehind, "the history is not that far yet: try again")
        .with("log_position", position)
}

/// The history cannot be read.
pub(in crate::http) fn unavailable(error: HistoryError) -> ApiError {
    let HistoryError::Unavailable(why) = error;
    tracing::warn!(%why, "a read of the history was refused");
    ApiError::new(Code::HistoryUnavailable, "the history cannot be read now")
}
