//! The order of tranches inside a wallet: the contract's, or another one that somebody asks about.
//!
//! Every live wallet keeps the contract's order ([`super::key`]); a what-if of the log keeps another in a copy. Whatever the
//! order looks at first, what it leaves equal is decided as the contract decides it, so every order is total. Tested here and in
//! `tests/whatif` of the engine against a naive model.

use std::cmp::Ordering;

use super::key;
use crate::ids::TrancheId;
use crate::tranche::{Source, Terms};

/// How many things an order can look at before the contract's.
pub const SORT_KEYS_MAX: usize = 8;

/// What an order looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// Lower priority first.
    Priority,
    /// The soonest to end first; never = last.
    ExpiresAt,
    /// Bound to features before free to pay anything.
    BoundFirst,
    /// Free credit before paid credit.
    FreeFirst,
    /// Paid credit before free credit.
    PaidFirst,
    /// The earliest start first.
    EffectiveAt,
    /// The latest start first.
    NewestFirst,
    /// Credit of this source before all other.
    SourceFirst(Source),
}

impl SortKey {
    fn compare(self, one: &Terms, other: &Terms) -> Ordering {
        let yes_first = |is_it: fn(&Terms) -> bool| is_it(other).cmp(&is_it(one));
        match self {
            Self::Priority => one.priority.cmp(&other.priority),
            Self::ExpiresAt => match (one.expires_at, other.expires_at) {
                (Some(one), Some(other)) => one.cmp(&other),
                (one, other) => other.is_some().cmp(&one.is_some()),
            },
            Self::BoundFirst => yes_first(|terms| terms.scope.features.is_some()),
            Self::FreeFirst => yes_first(|terms| !terms.paid.is_positive()),
            Self::PaidFirst => yes_first(|terms| terms.paid.is_positive()),
            Self::EffectiveAt => one.effective_at.cmp(&other.effective_at),
            Self::NewestFirst => other.effective_at.cmp(&one.effective_at),
            Self::SourceFirst(source) => (other.source == source).cmp(&(one.source == source)),
        }
    }
}

/// The order in which a wallet keeps its tranches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BurnOrder {
    /// SEMANTICS §3.
    #[default]
    Contract,
    /// First by these, then as the contract has it.
    By([Option<SortKey>; SORT_KEYS_MAX]),
}

impl BurnOrder {
    /// The order by these keys, then the contract's; `None` if they are more than [`SORT_KEYS_MAX`].
    #[must_use]
    pub fn by(keys: &[SortKey]) -> Option<Self> {
        let mut by = [None; SORT_KEYS_MAX];
        by.get_mut(..keys.len())?.iter_mut().zip(keys).for_each(|(place, key)| *place = Some(*key));
        Some(if keys.is_empty() { Self::Contract } else { Self::By(by) })
    }

    /// Which of two tranches burns first.
    #[must_use]
    pub fn compare(self, one: (TrancheId, &Terms), other: (TrancheId, &Terms)) -> Ordering {
        let contract = || key(one.0, one.1).cmp(&key(other.0, other.1));
        match self {
            Self::Contract => contract(),
            Self::By(keys) => {
                let mut by_keys = keys.iter().flatten().map(|key| key.compare(one.1, other.1));
                by_keys.find(|order| order.is_ne()).unwrap_or_else(contract)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::{Credits, Money};
    use crate::ids::{CustomerNumber, ThingId};
    use crate::scope::Scope;
    use crate::time::Timestamp;

    fn terms(source: Source, priority: u32, expires_at: Option<u64>, paid: i128) -> Terms {
        Terms {
            source,
            priority,
            scope: Scope::ANYTHING,
            original: Credits::whole(1),
            paid: Money(paid),
            effective_at: Timestamp(5),
            expires_at: expires_at.map(Timestamp),
        }
    }

    /// The names of these tranches in the order.
    fn sorted(order: BurnOrder) -> Vec<&'static str> {
        let mut all = [
            ("plan", terms(Source::PlanIncluded, 10, None, 0)),
            ("soon", terms(Source::Promotional, 50, Some(10), 0)),
            ("late", terms(Source::Promotional, 50, Some(20), 0)),
            ("bought", terms(Source::Purchased, 50, Some(20), 7)),
        ]
        .map(|(name, terms)| (name, terms, ThingId::new(Timestamp(0), CustomerNumber(1), 1)));
        all.sort_by(|(_, one, id), (_, other, other_id)| {
            order.compare((TrancheId(*id), one), (TrancheId(*other_id), other))
        });
        all.map(|(name, ..)| name).to_vec()
    }

    #[test]
    fn without_keys_an_order_is_the_contracts() {
        assert_eq!(BurnOrder::by(&[]), Some(BurnOrder::Contract));
        assert_eq!(sorted(BurnOrder::Contract), ["plan", "soon", "late", "bought"]);
    }

    #[test]
    fn what_the_keys_leave_equal_is_decided_by_the_contract() {
        let by = |keys: &[SortKey]| sorted(BurnOrder::by(keys).unwrap());
        assert_eq!(by(&[SortKey::ExpiresAt]), ["soon", "late", "bought", "plan"]);
        assert_eq!(by(&[SortKey::SourceFirst(Source::Purchased)]), ["bought", "plan", "soon", "late"]);
        assert_eq!(by(&[SortKey::PaidFirst, SortKey::ExpiresAt]), ["bought", "soon", "late", "plan"]);
        assert_eq!(by(&[SortKey::FreeFirst, SortKey::ExpiresAt]), ["soon", "late", "plan", "bought"]);
    }

    #[test]
    fn an_order_looks_at_so_many_things_at_most() {
        assert_eq!(BurnOrder::by(&[SortKey::Priority; SORT_KEYS_MAX + 1]), None);
        assert!(BurnOrder::by(&[SortKey::Priority; SORT_KEYS_MAX]).is_some());
    }
}
