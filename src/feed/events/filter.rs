//! Which kinds of events somebody wants: names, and prefixes with `.*`.

use super::kind::EventKind;

/// Patterns of a filter at most.
pub const EVENT_TYPES_MAX: usize = 64;

/// A set of kinds. A set that names none is all of them, those included that are added later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventFilter(Option<u64>);

// One bit per kind.
const _: () = assert!(EventKind::ALL.len() <= 64);

impl EventFilter {
    /// Every kind.
    pub const ALL: Self = Self(None);

    /// Whatever fits one of these: `wallet.created`, or `wallet.*` for all that begin so.
    ///
    /// # Errors
    /// The pattern that fits no kind.
    pub fn of<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut bits = None;
        for pattern in patterns {
            let fitting = fitting(pattern);
            if fitting == 0 {
                return Err(pattern);
            }
            bits = Some(bits.unwrap_or(0) | fitting);
        }
        Ok(Self(bits))
    }

    /// Whether this kind is wanted.
    #[must_use]
    pub fn wants(self, kind: EventKind) -> bool {
        self.0.is_none_or(|bits| bits & bit(kind) != 0)
    }

    /// What either wants.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0.zip(other.0).map(|(one, other)| one | other))
    }
}

fn bit(kind: EventKind) -> u64 {
    1 << kind as u32
}

fn fitting(pattern: &str) -> u64 {
    let fits = |kind: &&EventKind| match pattern.strip_suffix('*') {
        Some(begin) if begin.is_empty() || begin.ends_with('.') => kind.as_str().starts_with(begin),
        Some(_) => false,
        None => kind.as_str() == pattern,
    };
    EventKind::ALL.iter().filter(fits).fold(0, |bits, kind| bits | bit(*kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_takes_names_and_prefixes_and_refuses_what_fits_nothing() {
        let filter = EventFilter::of(["hold.*", "wallet.created"]).unwrap();
        let wanted: Vec<_> = EventKind::ALL.iter().filter(|kind| filter.wants(**kind)).collect();
        assert_eq!(wanted.len(), 7);
        assert!(filter.wants(EventKind::HoldExpired) && !filter.wants(EventKind::WalletUpdated));
        for wrong in ["hold", "hold*", "wallet.creat*", "", "wallet.transaction", "Wallet.created"] {
            assert_eq!(EventFilter::of([wrong]), Err(wrong));
        }
        assert_eq!(EventFilter::of([]), Ok(EventFilter::ALL));
        assert!(EventFilter::of(["*"]).unwrap().wants(EventKind::UsageRecorded));
        assert_eq!(filter.or(EventFilter::ALL), EventFilter::ALL);
        let both = filter.or(EventFilter::of(["usage.recorded"]).unwrap());
        assert!(both.wants(EventKind::UsageRecorded) && both.wants(EventKind::HoldPlaced));
    }
}
