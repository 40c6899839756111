//! Which records of the log an export covers, from what somebody wrote: log positions or times.
//!
//! A range is always one of positions, without a gap: that is what exports name, resume from, and are strung together by. A time stands
//! for the first record whose batch was written at or after it; a batch's time never goes back, so ranges by time neither overlap nor
//! leave something out. What shares a batch shares its side, which is a matter of a millisecond. Tested below and in `tests/export/`.

use std::fmt;
use std::str::FromStr;

use coffer_ledger::time::Timestamp;
use coffer_wal::{LogReader, Lsn, ReadError};

use super::error::ExportError;
use crate::rfc3339;

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A record.
    Position(u64),
    /// The first record at or after this instant.
    Time(Timestamp),
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(position));
        }
        rfc3339::parse(text)
            .map(Self::Time)
            .ok_or_else(|| "a log position, or a time such as 2027-01-01T00:00:00Z".to_owned())
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position(position) => write!(f, "{position}"),
            Self::Time(at) => f.write_str(rfc3339::Text::new(*at).as_str()),
        }
    }
}

/// Records `first..=last`; none if `last` is the one before `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Range {
    /// How many records.
    #[must_use]
    pub const fn records(self) -> u64 {
        self.last + 1 - self.first
    }

    /// The records of a log that somebody means: from a position or an instant on, to a position (it is the last one) or an instant (the
    /// last one before it). Without an end: everything that is kept and durable now.
    ///
    /// # Errors
    /// [`ExportError::Range`]: not all of it is in the log. [`ExportError::Gone`]: not all of it is kept any more.
    pub fn of(log: &LogReader, from: Option<Bound>, to: Option<Bound>) -> Result<Self, ExportError> {
        let (kept, durable) = (log.first_lsn().0, log.durable_lsn().0);
        if [from, to].into_iter().flatten().any(|bound| is_gone(log, bound, kept)) {
            return Err(ExportError::Gone { first: kept });
        }
        if let (Some(Bound::Time(from)), Some(Bound::Time(to))) = (from, to)
            && from > to
        {
            return Err(ExportError::Range("it would end before it begins".to_owned()));
        }
        let first = match from {
            None => kept,
            Some(Bound::Position(position)) => position,
            Some(Bound::Time(at)) => position_at(log, at)?,
        };
        let last = match to {
            None => durable,
            Some(Bound::Position(position)) => position,
            Some(Bound::Time(at)) => position_at(log, at)? - 1,
        };
        if first < kept {
            return Err(ExportError::Range(format!("record {first} is not kept: the oldest is {kept}")));
        }
        if last > durable || first > durable + 1 {
            let missing = last.max(first);
            let line = format!("record {missing} is not there: the log ends at record {durable}");
            return Err(ExportError::Range(line));
        }
        if first > last + 1 {
            return Err(ExportError::Range(format!("it would begin at record {first} and end at {last}")));
        }
        Ok(Self { first, last })
    }
}

/// Whether a bound stands for a record that was there, and is not kept any more.
fn is_gone(log: &LogReader, bound: Bound, kept: u64) -> bool {
    match bound {
        Bound::Position(position) => 0 < position && position < kept,
        Bound::Time(at) => log.removed_to() > Lsn::NONE && at.0 <= log.removed_time_ns(),
    }
}

/// The first record whose batch was written at or after the instant; the one after the last if there is none yet.
fn position_at(log: &LogReader, at: Timestamp) -> Result<u64, ReadError> {
    let (mut low, mut high) = (log.first_lsn().0, log.durable_lsn().0 + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if log.batch_header(Lsn(middle))?.time_ns >= at.0 {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_position_or_a_time() {
        assert_eq!("17".parse(), Ok(Bound::Position(17)));
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(Bound::Time(Timestamp(1_000_000_000))));
        for text in ["", "-1", "yesterday", "2027-01-01"] {
            text.parse::<Bound>().unwrap_err();
        }
    }
}
