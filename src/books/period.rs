//! Which instants count: from one on, to another.
//!
//! Books are made of sums of quarters of an hour, since each time zone's midnight is on one; so both ends must be. Tested below.

use coffer_ledger::calendar::Zone;
use coffer_ledger::time::Timestamp;

use crate::feed::history::slot_of;

/// `from` counts, `to` does not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    from: Timestamp,
    to: Timestamp,
}

/// Why these are no period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// It does not begin before it ends.
    #[error("from must be before to")]
    Empty,
    /// An end, `from` or `to`, is no quarter of an hour.
    #[error("{0}: books begin and end on a quarter of an hour (:00, :15, :30 or :45, without seconds)")]
    NotAQuarter(&'static str),
    /// Not the name of a month.
    #[error("a month is written as 2026-11")]
    NotAMonth,
}

impl Period {
    /// Any two instants.
    ///
    /// # Errors
    /// [`PeriodError::Empty`].
    pub fn new(from: Timestamp, to: Timestamp) -> Result<Self, PeriodError> {
        if from < to { Ok(Self { from, to }) } else { Err(PeriodError::Empty) }
    }

    /// A month such as `2026-11` by the clocks of a time zone.
    ///
    /// # Errors
    /// [`PeriodError::NotAMonth`].
    pub fn month(text: &str, zone: Zone) -> Result<Self, PeriodError> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let parts = text
            .split_once('-')
            .filter(|(year, month)| (year.len(), month.len()) == (4, 2) && digits(year) && digits(month));
        let parts = parts.and_then(|(year, month)| Some((year.parse().ok()?, month.parse().ok()?)));
        let (year, month) = parts.ok_or(PeriodError::NotAMonth)?;
        let (from, to) = zone.month(year, month).ok_or(PeriodError::NotAMonth)?;
        Self::new(from, to).map_err(|_| PeriodError::NotAMonth)
    }

    /// The same, if books can be made for it.
    ///
    /// # Errors
    /// [`PeriodError::NotAQuarter`] with the first end that is none.
    pub fn in_quarters(self) -> Result<Self, PeriodError> {
        let off = [("from", self.from), ("to", self.to)].into_iter().find(|(_, at)| slot_of(*at) != *at);
        off.map_or(Ok(self), |(name, _)| Err(PeriodError::NotAQuarter(name)))
    }

    /// The first instant that counts.
    #[must_use]
    pub const fn from(self) -> Timestamp {
        self.from
    }

    /// The first instant that does not any more.
    #[must_use]
    pub const fn to(self) -> Timestamp {
        self.to
    }

    /// Whether an instant counts.
    #[must_use]
    pub fn has(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc3339;

    fn at(text: &str) -> Timestamp {
        rfc3339::parse(text).unwrap()
    }

    #[test]
    fn a_month_is_that_of_the_clocks_of_its_zone() {
        let berlin = Period::month("2026-10", Zone::named("Europe/Berlin").unwrap()).unwrap();
        assert_eq!(berlin.from(), at("2026-10-01T00:00:00+02:00"));
        assert_eq!(berlin.to(), at("2026-11-01T00:00:00+01:00"));
        let kathmandu = Period::month("2026-12", Zone::named("Asia/Kathmandu").unwrap()).unwrap();
        assert_eq!(kathmandu.to(), at("2027-01-01T00:00:00+05:45"));
        for period in [berlin, kathmandu, Period::month("2026-02", Zone::UTC).unwrap()] {
            period.in_quarters().unwrap();
        }
    }

    #[test]
    fn what_is_no_month_or_no_period_is_said() {
        for text in ["", "2026", "2026-13", "2026-00", "26-01", "2026-1", "+026-01", "2026-01-01", "1960-01"]
        {
            assert_eq!(Period::month(text, Zone::UTC), Err(PeriodError::NotAMonth), "{text}");
        }
        let (early, late) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:01Z"));
        assert_eq!(Period::new(late, early), Err(PeriodError::Empty));
        assert_eq!(Period::new(early, early), Err(PeriodError::Empty));
        let (off, end) = (at("2026-01-01T00:10:00Z"), at("2026-02-01T00:00:00Z"));
        assert_eq!(Period::new(early, off).unwrap().in_quarters(), Err(PeriodError::NotAQuarter("to")));
        assert_eq!(Period::new(off, end).unwrap().in_quarters(), Err(PeriodError::NotAQuarter("from")));
        assert_eq!(Period::new(late, off).unwrap().in_quarters(), Err(PeriodError::NotAQuarter("from")));
    }
}
