//! Which instants a statement, books or a journal are of, from a query: `from` and `to`, or `month` and a time zone.

use coffer_ledger::calendar::Zone;
use coffer_ledger::time::Timestamp;
use utoipa::IntoParams;

use super::call::Call;
use super::error::ApiError;
use super::fields;
use super::query::Query;
use super::rfc3339;
use crate::books::{Period, PeriodError};

/// The parameters that say it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct PeriodQuery {
    /// The first instant that counts, RFC 3339; with `to`.
    from: Option<String>,
    /// The first instant that does not any more, RFC 3339.
    to: Option<String>,
    /// A month such as 2026-11, instead of `from` and `to`.
    month: Option<String>,
    /// Whose clocks the month is by: an IANA name; default: the tenant's setting, else UTC.
    time_zone: Option<String>,
}

/// The period of a request.
pub(super) fn of(call: &Call, query: &Query) -> Result<Period, ApiError> {
    match (query.get("month"), query.time("from"), query.time("to")) {
        (Some(month), None, None) => {
            Period::month(month, zone(call, query)?).map_err(|error| refused("month", error))
        }
        (None, Some(from), Some(to)) => {
            Period::new(instant("from", &from)?, instant("to", &to)?).map_err(|error| refused("from", error))
        }
        _ => Err(ApiError::field("from", "give from and to, or month")),
    }
}

/// The same, on quarters of an hour.
pub(super) fn of_books(call: &Call, query: &Query) -> Result<Period, ApiError> {
    of(call, query)?.in_quarters().map_err(|error| match error {
        // Clocks of long ago showed no round difference.
        _ if query.get("month").is_some() => refused("month", error),
        PeriodError::NotAQuarter(end) => refused(end, error),
        PeriodError::Empty | PeriodError::NotAMonth => refused("from", error),
    })
}

/// Whose clocks count: the request's, the tenant's, or universal time.
pub(super) fn zone(call: &Call, query: &Query) -> Result<Zone, ApiError> {
    if let Some(name) = query.get("time_zone") {
        fields::time_zone("time_zone", name)?;
        return Ok(Zone::named(name).unwrap_or(Zone::UTC));
    }
    let view = call.engine().tenant_view(call.tenant()).ok_or_else(|| ApiError::not_found("tenant"))?;
    Ok(view.settings.time_zone.as_deref().and_then(Zone::named).unwrap_or(Zone::UTC))
}

fn instant(name: &str, text: &str) -> Result<Timestamp, ApiError> {
    rfc3339::parse(text).ok_or_else(|| ApiError::field(name, "not an RFC 3339 time between 1970 and 2262"))
}

fn refused(name: &str, error: PeriodError) -> ApiError {
    ApiError::field(name, &error.to_string())
}
