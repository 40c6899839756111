//! Where in the log a stream is: what `Last-Event-ID` says.
//!
//! `123`: everything of record 123 was seen. `123.0`: of its events the first one, so that a connection may break between two events of
//! one record and none is lost or repeated.

use std::fmt;
use std::str::FromStr;

use crate::feed::events::Event;

/// A place in the log, between two events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPlace {
    position: u64,
    /// How many events of the record were seen; `None` = all.
    seen: Option<u32>,
}

impl StreamPlace {
    /// After this record.
    #[must_use]
    pub const fn after(position: u64) -> Self {
        Self { position, seen: None }
    }

    /// After this event.
    pub(super) fn of(event: &Event) -> Self {
        let seen = (!event.ends_record).then_some(event.index + 1);
        Self { position: event.position.0, seen }
    }

    /// The last record of which all was seen.
    #[must_use]
    pub const fn whole(self) -> u64 {
        match self.seen {
            None => self.position,
            Some(_) => self.position - 1,
        }
    }

    /// The record that it names.
    #[must_use]
    pub const fn position(self) -> u64 {
        self.position
    }

    /// Of this record, the first event that was not seen; `None` = all were.
    pub(super) fn next_in(self, record: u64) -> Option<u32> {
        match self.seen {
            _ if record > self.position => Some(0),
            Some(seen) if record == self.position => Some(seen),
            _ => None,
        }
    }
}

impl fmt::Display for StreamPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seen {
            None => write!(f, "{}", self.position),
            Some(seen) => write!(f, "{}.{}", self.position, seen - 1),
        }
    }
}

impl FromStr for StreamPlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ALLOWED: &str =
            "the id of the last event that was seen: a position in the log, such as 123 or 123.0";
        fn number(text: &str) -> Option<&str> {
            text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text)
        }
        let (position, index) = text.split_once('.').map_or((text, None), |(one, other)| (one, Some(other)));
        let position: u64 = number(position).and_then(|text| text.parse().ok()).ok_or(ALLOWED)?;
        let Some(index) = index else { return Ok(Self::after(position)) };
        let index: u32 = number(index).and_then(|text| text.parse().ok()).ok_or(ALLOWED)?;
        match (position, index.checked_add(1)) {
            (1.., Some(seen)) => Ok(Self { position, seen: Some(seen) }),
            _ => Err(ALLOWED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_printed_and_says_what_comes_next() {
        for text in ["0", "7", "7.0", "7.12"] {
            assert_eq!(text.parse::<StreamPlace>().unwrap().to_string(), text);
        }
        let (whole, part): (StreamPlace, StreamPlace) = ("7".parse().unwrap(), "7.1".parse().unwrap());
        assert_eq!((whole.whole(), part.whole()), (7, 6));
        assert_eq!((whole.next_in(6), whole.next_in(7), whole.next_in(8)), (None, None, Some(0)));
        assert_eq!((part.next_in(6), part.next_in(7), part.next_in(8)), (None, Some(2), Some(0)));
        for wrong in ["", "-1", "+1", "7.", ".1", "7.x", "7.1.1", "0.0", "99999999999999999999", " 7"] {
            assert!(wrong.parse::<StreamPlace>().is_err(), "{wrong}");
        }
    }
}
