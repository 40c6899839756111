//! What watches over a wallet: rules that are set, and what happened under them (SEMANTICS §11, §12).
//!
//! A wallet without rules has neither, and costs an operation one look. A wallet with rules keeps the range of balances within which
//! nothing happens ([`Calm`]), so that an operation compares stored numbers.

use std::collections::VecDeque;

use crate::alert::{ALERT_CHANGES_KEPT_MAX, AlertChange, AlertKind, AlertSettings, AlertState};
use crate::amount::{Credits, Money};
use crate::auto_topup::{AutoTopup, HeldBack};
use crate::time::Timestamp;

/// What is set. Once set it is never taken away, only switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalletRules {
    /// What it warns of.
    pub alerts: Option<AlertSettings>,
    /// When it is recharged.
    pub auto_topup: Option<AutoTopup>,
}

/// What happened under the rules. A wallet has one from the moment that it has rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Posted just after the last completed top-up or grant, or when the rules came: what percent thresholds are of.
    pub base: Credits,
    /// The balance's alert.
    pub state: AlertState,
    /// Whether the runway's alert is on.
    pub runway_low: bool,
    /// What changed last, oldest first.
    pub changes: VecDeque<AlertChange>,
    /// What was spent lately.
    pub spent: Spent,
    /// What automatic top-up did.
    pub recharging: Recharging,
    /// Where nothing happens. It follows from all the rest: no record and no snapshot has it.
    pub calm: Calm,
}

/// The balances within which an operation sets off nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calm {
    /// The least posted with the same alert.
    pub posted_min: Credits,
    /// The greatest posted with the same alert.
    pub posted_max: Credits,
    /// No recharge while own is more than this.
    pub own_above: Credits,
}

impl Calm {
    /// Nothing ever happens.
    pub const ALWAYS: Self = Self {
        posted_min: Credits(i128::MIN),
        posted_max: Credits(i128::MAX),
        own_above: Credits(i128::MIN),
    };
}

impl Watch {
    /// Of a wallet that stands here and has had no rules.
    #[must_use]
    pub fn new(posted: Credits, now: Timestamp) -> Self {
        Self {
            base: posted,
            state: AlertState::Ok,
            runway_low: false,
            changes: VecDeque::new(),
            spent: Spent { since: now, hour: hour_of(now), this: Credits::ZERO, last: Credits::ZERO },
            recharging: Recharging::default(),
            calm: Calm::ALWAYS,
        }
    }

    /// Remembers a change.
    pub(crate) fn changed(&mut self, change: &AlertChange) {
        match change.kind {
            AlertKind::Balance => self.state = change.to,
            AlertKind::Runway => self.runway_low = change.to > AlertState::Ok,
        }
        if self.changes.len() >= ALERT_CHANGES_KEPT_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back(change.clone());
    }
}

/// What a wallet spent: two running sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// When counting began.
    pub since: Timestamp,
    /// Which hour since 1970 `this` is of.
    pub hour: u32,
    /// Spent in that hour.
    pub this: Credits,
    /// Spent in the hour before.
    pub last: Credits,
}

const S_PER_HOUR: u64 = 3_600;

/// Hours since 1970.
fn hour_of(at: Timestamp) -> u32 {
    u32::try_from(at.seconds() / S_PER_HOUR).expect("an instant is before the year 2554")
}

impl Spent {
    /// As of an instant that is not before the last.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        let hour = hour_of(now);
        match hour.saturating_sub(self.hour) {
            0 => self,
            1 => Self { hour, this: Credits::ZERO, last: self.this, ..self },
            _ => Self { hour, this: Credits::ZERO, last: Credits::ZERO, ..self },
        }
    }

    /// Counts what is spent now.
    pub(crate) fn add(&mut self, credits: Credits, now: Timestamp) {
        *self = self.at(now);
        self.this += credits;
    }
}

/// What automatic top-up did with a wallet: what its guards look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recharging {
    /// When the last one began; 0 = none did.
    pub last_at: Timestamp,
    /// The day that `day_count` is of, by its end.
    pub day_ends_at: Timestamp,
    /// Recharges that began that day.
    pub day_count: u32,
    /// The month that `month_charged` is of, by its end.
    pub month_ends_at: Timestamp,
    /// Money of those that began that month and did not fail.
    pub month_charged: Money,
    /// Payments that failed in a row.
    pub failures: u32,
    /// Whether the last one that began failed.
    pub last_failed: bool,
    /// Not before this, after a failure.
    pub backs_off_until: Timestamp,
    /// Why the last one that should have begun did not; `None` = it did.
    pub held_back: Option<HeldBack>,
}

impl Calm {
    /// What follows from rules, what happened under them, and what is pending.
    #[must_use]
    pub fn of(rules: &WalletRules, watch: &Watch, pending: Credits) -> Self {
        let alerts = rules.alerts.as_ref();
        let (posted_min, posted_max) = alerts
            .map_or((Self::ALWAYS.posted_min, Self::ALWAYS.posted_max), |alerts| {
                alerts.range(watch.state, watch.base)
            });
        let auto_topup = rules.auto_topup.as_ref().filter(|rule| rule.enabled);
        let own_above = auto_topup
            .map_or(Self::ALWAYS.own_above, |rule| Credits(rule.threshold.0.saturating_sub(pending.0)));
        Self { posted_min, posted_max, own_above }
    }
}
