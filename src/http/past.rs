//! The past as requests name it: `as_of=`, `from=`, `to=`, and how it is looked at (docs/decisions/0018).

use coffer_ledger::ids::LogPosition;

use super::call::{Call, failed};
use super::error::{ApiError, Code};
use super::query::Query;
use super::rfc3339;
use crate::engine::{AsOf, At, PastFailure, Target};

/// What a parameter names, if it is given.
pub(crate) fn parameter(query: &Query, name: &'static str) -> Result<Option<At>, ApiError> {
    query.time(name).map(|text| read(name, &text)).transpose()
}

/// A whole number is a position, anything else a time.
pub(super) fn read(name: &str, text: &str) -> Result<At, ApiError> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let position = text.parse().ok().filter(|position| *position > 0);
        let position = position.ok_or_else(|| ApiError::field(name, "positions in the log begin with 1"))?;
        return Ok(At::Position(LogPosition(position)));
    }
    rfc3339::parse(text)
        .map(At::Time)
        .ok_or_else(|| ApiError::field(name, "an RFC 3339 time or an X-Log-Position"))
}

/// The path's customer at each of these, each with the name of its parameter.
pub(crate) async fn look<const N: usize>(
    call: &Call,
    at: [(&'static str, At); N],
) -> Result<[AsOf; N], ApiError> {
    let target = Target::Customer(call.customer_name()?);
    call.check_bound(target)?;
    let asked = at.iter().map(|(_, at)| *at).collect();
    let found = call.engine().look_back(call.tenant(), target, asked).await;
    let found = found.map_err(|failure| refused(target, &at, failure))?;
    found.try_into().map_err(|_| ApiError::internal("as many states as were asked for"))
}

/// 404 for a state of when there was no such customer.
pub(crate) fn existing(state: AsOf) -> Result<AsOf, ApiError> {
    match state.check_exists() {
        Ok(()) => Ok(state),
        Err(failure) => Err(ApiError::new(Code::NotFound, failure.to_string())),
    }
}

fn refused(target: Target<'_>, at: &[(&'static str, At)], failure: PastFailure) -> ApiError {
    let message = failure.to_string();
    match failure {
        PastFailure::NotFound => failed(target, crate::engine::Failure::NotFound("customer")),
        PastFailure::NotYet | PastFailure::Deleted => ApiError::new(Code::NotFound, message),
        PastFailure::Future { now } => {
            let is_late = |at: &At| matches!(at, At::Time(time) if *time > now);
            ApiError::field(named(at, is_late), &message).with("now", rfc3339::Text::new(now).as_str())
        }
        PastFailure::BeyondTheLog { end } => {
            let is_late = |at: &At| matches!(at, At::Position(position) if *position > end);
            ApiError::field(named(at, is_late), &message)
        }
        PastFailure::Gone => ApiError::new(Code::RecordGone, message),
        PastFailure::TooManyRecords { max } => {
            let message =
                format!("{message}; `coffer as-of` on a copy of the data directory has no such limit");
            ApiError::new(Code::LimitReached, message).with("limit", "as_of_records_max").with("max", max)
        }
        PastFailure::Busy { max } => {
            ApiError::new(Code::Overloaded, message).with("limit", "as_of_in_flight_max").with("max", max)
        }
        PastFailure::Failure(failure) => failed(target, failure),
        PastFailure::Unreadable(cause) => ApiError::internal(&cause.to_string()),
    }
}

/// The parameter that is to blame.
fn named(at: &[(&'static str, At)], is_it: impl Fn(&At) -> bool) -> &'static str {
    at.iter().find(|(_, at)| is_it(at)).map_or("as_of", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_position_and_anything_else_a_time() {
        assert_eq!(read("as_of", "12").unwrap(), At::Position(LogPosition(12)));
        let time = rfc3339::parse("2026-01-01T00:00:00+08:00").unwrap();
        assert_eq!(read("as_of", "2026-01-01T00:00:00+08:00").unwrap(), At::Time(time));
        let query = Query::of(&"/?as_of=2026-01-01T00:00:00+08:00".parse().unwrap()).unwrap();
        assert_eq!(parameter(&query, "as_of").unwrap(), Some(At::Time(time)), "a plus that was not escaped");
        for text in ["0", "-1", "1.5", "99999999999999999999", "2026-01-01", "yesterday"] {
            assert_eq!(read("as_of", text).unwrap_err().code(), Code::ValidationError, "{text}");
        }
    }
}
