//! Credit grants: rules that mint tranches, once or every period, and what a customer is enrolled in (SEMANTICS §13).
//!
//! A plan's grant is a template that the tenant owns ([`crate::catalog::grant`]). Whoever is enrolled carries a copy of it, so that what
//! is due is a function of the customer's state alone: no tick, read or replay asks the catalog. The copy follows the template by
//! [`crate::command::Command::FollowPlans`].
//!
//! A grant knows its next period by index and beginning; everything before that index has been minted, exactly once (I8).
//! Boundaries are computed one at a time, when a period is minted, in the zone that counts then. Deliberately absent: what time it is.

mod schedule;

pub(crate) use schedule::{Beginning, beginning, ending, from_change, index_at, next_period};
pub use schedule::{next_end, zone_of};

use std::collections::BTreeMap;

use crate::amount::{Credits, Rate};
use crate::calendar::{Anchor, Span};
use crate::command::Metadata;
use crate::ids::{GrantId, SubscriptionId, TrancheId, WalletId};
use crate::scope::Scope;
use crate::time::Timestamp;
use crate::unit::{Currency, PriceUnit};

/// How often a grant mints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cadence {
    /// Once.
    OneTime,
    /// At the beginning of every such period.
    Recurring(Span),
}

/// When credit of a grant ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Life {
    /// Never.
    Never,
    /// So long after the beginning of its period.
    After(Span),
    /// With its period.
    Period,
}

/// What of an ending period's credit goes on into the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollover {
    /// Which share of what is left unpinned; 0..=1.
    pub share: Rate,
    /// At most so many credits.
    pub cap: Option<Credits>,
    /// How long it lives in the period into which it goes.
    pub life: Life,
}

/// What a grant says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How much every period; > 0.
    pub credits: Credits,
    /// In which currency; `None` = that of the oldest active wallet that admits USAGE, else the tenant's default, else `usd`.
    pub currency: Option<Currency>,
    /// In which price unit; `None` = none if a currency is named, else that of the same wallet.
    pub price_unit: Option<PriceUnit>,
    /// How often.
    pub cadence: Cadence,
    /// The first instant: boundaries keep its local time. `None` = 00:00 of the day of enrolment.
    pub start: Option<Timestamp>,
    /// No period begins at or after it.
    pub end: Option<Timestamp>,
    /// When a period's credit ends.
    pub life: Life,
    /// What goes on into the next period. Only with [`Life::Period`].
    pub rollover: Option<Rollover>,
    /// Whether who enrols within a period gets the share of the days that are left of it.
    pub prorated: bool,
    /// Burn priority; `None` = the tenant's default for plan-included credit.
    pub priority: Option<u32>,
    /// What it may pay for; `None` = anything.
    pub scope: Option<Scope>,
    /// Money per credit when spending, of a wallet that has to be made; `None` = 1.
    pub conversion_rate: Option<Rate>,
    /// Money per credit when buying, of a wallet that has to be made; `None` = as `conversion_rate`.
    pub topup_conversion_rate: Option<Rate>,
}

impl Rule {
    /// So much every period, in whatever the customer has, for good: everything else as if nobody had said it.
    #[must_use]
    pub const fn new(credits: Credits, cadence: Cadence) -> Self {
        Self {
            credits,
            currency: None,
            price_unit: None,
            cadence,
            start: None,
            end: None,
            life: Life::Never,
            rollover: None,
            prorated: false,
            priority: None,
            scope: None,
            conversion_rate: None,
            topup_conversion_rate: None,
        }
    }
}

/// Which grant of a customer: a plan's grant runs once for each subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantKey {
    /// Which grant.
    pub grant: GrantId,
    /// For which subscription; `None` = for the customer or one of its wallets.
    pub subscription: Option<SubscriptionId>,
}

/// A period that has not begun, or, with [`Timestamp::MAX`], will not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upcoming {
    /// Its index, counted from the anchor.
    pub period: u32,
    /// When it is minted.
    pub at: Timestamp,
}

/// A tranche that a grant minted and that may be live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MintedTranche {
    /// Which tranche.
    pub tranche: TrancheId,
    /// In which wallet.
    pub wallet: WalletId,
    /// The index of its period.
    pub period: u32,
    /// Whether it came from the period before.
    pub rolled_over: bool,
}

/// A grant at work for one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which one.
    pub key: GrantKey,
    /// Name for people. Of a plan's grant the template has it: empty here.
    pub name: Box<str>,
    /// The caller's own key-value pairs. Of a plan's grant the template has them.
    pub metadata: Metadata,
    /// What it says. Of a plan's grant: a copy.
    pub rule: Rule,
    /// Only this wallet gets it.
    pub wallet: Option<WalletId>,
    /// What `rule.priority` came to.
    pub priority: u32,
    /// The currency of a wallet that has to be made, if the rule names none.
    pub fallback_currency: Currency,
    /// The zone that its subscription names.
    pub zone: Option<Box<str>>,
    /// The zone of a customer that has none: the tenant's, at enrolment.
    pub fallback_zone: Option<Box<str>>,
    /// The beginning of its period 0.
    pub anchor: Anchor,
    /// Since when the customer has it.
    pub enrolled_at: Timestamp,
    /// When it was made, or came to this customer.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The period that is minted next.
    pub next: Upcoming,
    /// What it minted, the earliest first, without what is over.
    pub minted: Vec<MintedTranche>,
}

impl Grant {
    /// Whether credit was carried over into a period. It happens once, also if what ends then ends in a record of its own.
    fn has_rolled_into(&self, period: u32) -> bool {
        self.minted.iter().any(|minted| minted.rolled_over && minted.period == period)
    }
}

/// What enrols a customer in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// What replies call it: the caller's name for it, or its id.
    pub name: Box<str>,
    /// The plan's id in the caller's system.
    pub plan: Box<str>,
    /// When it began, if its maker said so: boundaries keep its local time.
    pub start: Option<Timestamp>,
    /// The zone of its calendar, if its maker named one.
    pub zone: Option<Box<str>>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Subscription {
    /// Whether nobody gave it a name: then it is called by its id.
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        *self.name == *self.id.to_string()
    }
}

/// Everything that a customer is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// Limited by `subscriptions_max`.
    pub subscriptions: BTreeMap<SubscriptionId, Subscription>,
    /// Limited by `grants_max`.
    running: BTreeMap<GrantKey, Grant>,
    /// The tenant's number of the last change of its templates that this customer follows.
    pub plans_seen: u64,
    /// The earliest `next.at`.
    next_at: Timestamp,
}

impl Default for Grants {
    fn default() -> Self {
        Self::new()
    }
}

impl Grants {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            subscriptions: BTreeMap::new(),
            running: BTreeMap::new(),
            plans_seen: 0,
            next_at: Timestamp::MAX,
        }
    }

    /// When the next period begins; [`Timestamp::MAX`] if none will.
    #[must_use]
    pub const fn next_at(&self) -> Timestamp {
        self.next_at
    }

    /// Whether there is nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subscriptions.is_empty() && self.running.is_empty() && self.plans_seen == 0
    }

    /// How many grants there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// A grant.
    #[must_use]
    pub fn get(&self, key: GrantKey) -> Option<&Grant> {
        self.running.get(&key)
    }

    /// All grants, by their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Grant> + Clone {
        self.running.values()
    }

    /// A grant of the customer's own, by its id.
    #[must_use]
    pub fn own(&self, id: GrantId) -> Option<&Grant> {
        self.iter().find(|grant| grant.key.grant == id && !id.is_template())
    }

    /// A subscription by its id or by the name that its maker gave it.
    #[must_use]
    pub fn subscription(&self, name: &str) -> Option<&Subscription> {
        self.subscriptions
            .values()
            .find(|subscription| *subscription.name == *name)
            .or_else(|| name.parse::<SubscriptionId>().ok().and_then(|id| self.subscriptions.get(&id)))
    }

    /// The grant that is minted next, if it is due at `now`.
    #[must_use]
    pub(crate) fn due(&self, now: Timestamp) -> Option<&Grant> {
        if self.next_at > now {
            return None;
        }
        self.iter().find(|grant| grant.next.at == self.next_at)
    }

    /// The grant whose next period begins at `end` and takes over what is left of a tranche of its own that ends then.
    pub(crate) fn rolling(&self, tranche: TrancheId, end: Timestamp) -> Option<&Grant> {
        let rolls = |grant: &&Grant| {
            grant.next.at == end
                && grant.rule.rollover.is_some()
                && !grant.has_rolled_into(grant.next.period)
                && grant.minted.iter().any(|minted| minted.tranche == tranche && !minted.rolled_over)
        };
        if self.next_at > end { None } else { self.iter().find(rolls) }
    }

    /// Which grant minted a tranche, and for which period, if that is still known.
    #[must_use]
    pub fn of_tranche(&self, tranche: TrancheId) -> Option<(&Grant, &MintedTranche)> {
        self.iter().find_map(|grant| {
            grant.minted.iter().find(|minted| minted.tranche == tranche).map(|minted| (grant, minted))
        })
    }

    /// Enters a grant, or what it is now.
    pub fn set(&mut self, grant: Grant) {
        self.running.insert(grant.key, grant);
        self.find_next();
    }

    /// Takes a grant out.
    pub(crate) fn remove(&mut self, key: GrantKey) {
        self.running.remove(&key);
        self.find_next();
    }

    /// Changes a grant that is there.
    pub(crate) fn change(&mut self, key: GrantKey, change: impl FnOnce(&mut Grant)) {
        if let Some(grant) = self.running.get_mut(&key) {
            change(grant);
            self.find_next();
        }
    }

    /// Changes of every grant what has no part in its schedule.
    pub(crate) fn each_mut(&mut self, change: impl FnMut(&mut Grant)) {
        self.running.values_mut().for_each(change);
    }

    /// What lands in a wallet that is closed now never lands.
    pub(crate) fn wallet_closed(&mut self, wallet: WalletId) {
        for grant in self.running.values_mut().filter(|grant| grant.wallet == Some(wallet)) {
            grant.next.at = Timestamp::MAX;
        }
        self.find_next();
    }

    /// `next_at`, found by looking at all of them.
    #[must_use]
    pub fn scan_next_at(&self) -> Timestamp {
        self.iter().map(|grant| grant.next.at).min().unwrap_or(Timestamp::MAX)
    }

    fn find_next(&mut self) {
        self.next_at = self.scan_next_at();
    }
}
