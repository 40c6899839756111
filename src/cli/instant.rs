//! Instants as people read them.

use chrono::{DateTime, SecondsFormat, Utc};

/// Nanoseconds since the epoch as RFC 3339 in UTC.
pub(crate) fn rfc3339(at_ns: u64) -> String {
    let at = DateTime::<Utc>::from_timestamp_nanos(i64::try_from(at_ns).unwrap_or(i64::MAX));
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
