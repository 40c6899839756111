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

    /// Alerts that are off are ok, and nobody is told (SEMANTICS §12).
    pub(crate) fn silence(&mut self, alerts: Option<&AlertSettings>) {
        let alerts = alerts.filter(|alerts| alerts.enabled);
        if alerts.is_none() {
            self.state = AlertState::Ok;
        }
        if alerts.is_none_or(|alerts| alerts.runway_below_s.is_none()) {
            self.runway_low = false;
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
/// Seconds of counting before a runway says something.
const LEAST_KNOWN_S: u64 = 60;

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

    /// Seconds until so much is spent at the rate of the last hour; of the time since counting began, if that is less. `None` = nobody
    /// knows: nothing was spent, or counting began less than `LEAST_KNOWN_S` ago.
    #[must_use]
    pub fn runway_s(self, own: Credits, now: Timestamp) -> Option<u64> {
        let Self { since, this, last, .. } = self.at(now);
        let known_s = now.seconds().saturating_sub(since.seconds());
        if known_s < LEAST_KNOWN_S {
            return None;
        }
        let of_last_s =
            if known_s < S_PER_HOUR { S_PER_HOUR } else { S_PER_HOUR - now.seconds() % S_PER_HOUR };
        let of_last = last.0.saturating_mul(i128::from(of_last_s)) / i128::from(S_PER_HOUR);
        let spent = this.0.saturating_add(of_last);
        let window_s = i128::from(known_s.min(S_PER_HOUR));
        let seconds = own.0.max(0).saturating_mul(window_s).checked_div(spent)?;
        u64::try_from(seconds).ok()
    }

    /// Whether something was spent in this hour or the last.
    #[must_use]
    pub fn is_of_late(self, now: Timestamp) -> bool {
        let now = self.at(now);
        now.this.is_positive() || now.last.is_positive()
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
