//! Instants, as the rules see them: an input, never a question to a clock (SEMANTICS §10).

use std::fmt;

/// An instant in nanoseconds since 1970-01-01T00:00:00Z. Reaches to the year 2554.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

/// Nanoseconds in a millisecond.
const NS_PER_MS: u64 = 1_000_000;
/// Nanoseconds in a second.
const NS_PER_S: u64 = 1_000_000_000;

impl Timestamp {
    /// The end of time: nothing is ever due at it.
    pub const MAX: Self = Self(u64::MAX);

    /// Whole milliseconds since the epoch, in 48 bits, as ids carry them.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0 / NS_PER_MS
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / NS_PER_S
    }

    /// So many seconds later; the end of time at most.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds as u64 * NS_PER_S))
    }

    /// The first whole second that is not before it; the end of time if there is none.
    #[must_use]
    pub const fn up_to_second(self) -> Self {
        match self.0.div_ceil(NS_PER_S).checked_mul(NS_PER_S) {
            Some(ns) => Self(ns),
            None => Self::MAX,
        }
    }

    /// The later of the two.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }
}

impl fmt::Display for Timestamp {
    /// Prints seconds and nanoseconds since the epoch; the edge prints RFC 3339.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}
