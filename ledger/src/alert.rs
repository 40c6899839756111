//! Alerts on a wallet's balance: what is set, and how severe it is (SEMANTICS §12).
//!
//! Alerts follow *posted*, which holds do not move. Percent thresholds are turned into credits when credit comes in
//! ([`crate::watch::Watch::base`]), never in a debit.

use crate::amount::Credits;
use crate::ids::{AlertId, WalletId};
use crate::time::Timestamp;

/// How bad it is: the most severe level reached. In rising order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertState {
    /// No level is reached, or alerts are off.
    #[default]
    Ok,
    /// `info`.
    Info,
    /// `warning`.
    Warning,
    /// `critical`.
    InAlarm,
}

impl AlertState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Info, Self::Warning, Self::InAlarm];

    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::InAlarm => "in_alarm",
        }
    }
}

/// On which side of its threshold a level is reached. Equality reaches it on both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// posted ≤ threshold.
    Below,
    /// posted ≥ threshold.
    Above,
}

impl Condition {
    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Above => "above",
        }
    }
}

/// What a wallet warns of. For `Below` critical ≤ warning ≤ info, for `Above` the other way round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertSettings {
    /// Off = ok and silent.
    pub enabled: bool,
    /// One direction for all levels.
    pub condition: Condition,
    /// Whether thresholds are percent of the base instead of credits.
    pub percent: bool,
    /// Any subset of the three; of any sign.
    pub info: Option<Credits>,
    /// See `info`.
    pub warning: Option<Credits>,
    /// See `info`.
    pub critical: Option<Credits>,
    /// An alert of its own: the wallet will be empty within so many seconds; > 0.
    pub runway_below_s: Option<u32>,
}

/// Which of a wallet's two alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertKind {
    /// Posted reached or left a level.
    Balance,
    /// The wallet will be empty soon, or not any more: `InAlarm` or `Ok`.
    Runway,
}

impl AlertKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Balance, Self::Runway];

    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "low_credit_balance",
            Self::Runway => "low_runway",
        }
    }
}

/// A change of an alert's state: one event. Levels that were skipped are not announced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlertChange {
    /// Its id.
    pub id: AlertId,
    /// Whose.
    pub wallet: WalletId,
    /// Which alert.
    pub kind: AlertKind,
    /// What it was.
    pub from: AlertState,
    /// What it is now.
    pub to: AlertState,
    /// Posted at that moment.
    pub posted: Credits,
    /// Seconds until empty; of the runway's alert only, `None` = nothing is being spent.
    pub runway_s: Option<u64>,
    /// When.
    pub at: Timestamp,
}

/// Changes that a wallet remembers, the latest ones. No setting: it is part of the fold.
pub const ALERT_CHANGES_KEPT_MAX: usize = 32;

/// The levels, the most severe first.
const LEVELS: [AlertState; 3] = [AlertState::InAlarm, AlertState::Warning, AlertState::Info];

impl AlertSettings {
    /// The threshold of a level in credits, where it is set. Percent are of `base`, rounded down; of less than 0, nothing.
    #[must_use]
    pub fn threshold(&self, level: AlertState, base: Credits) -> Option<Credits> {
        let set = match level {
            AlertState::Ok => None,
            AlertState::Info => self.info,
            AlertState::Warning => self.warning,
            AlertState::InAlarm => self.critical,
        }?;
        if !self.percent {
            return Some(set);
        }
        Some(base.percent_down(set))
    }

    /// The most severe level that a balance reaches.
    #[must_use]
    pub fn state(&self, posted: Credits, base: Credits) -> AlertState {
        if !self.enabled {
            return AlertState::Ok;
        }
        let reached = |level: &AlertState| match (self.threshold(*level, base), self.condition) {
            (Some(threshold), Condition::Below) => posted <= threshold,
            (Some(threshold), Condition::Above) => posted >= threshold,
            (None, _) => false,
        };
        LEVELS.into_iter().find(reached).unwrap_or(AlertState::Ok)
    }

    /// The least and the greatest balance of a state.
    #[must_use]
    pub fn range(&self, state: AlertState, base: Credits) -> (Credits, Credits) {
        let (mut least, mut greatest) = (Credits(i128::MIN), Credits(i128::MAX));
        if !self.enabled {
            return (least, greatest);
        }
        let more_severe = LEVELS.into_iter().filter(|level| *level > state);
        let others = more_severe.filter_map(|level| self.threshold(level, base));
        let own = self.threshold(state, base);
        match self.condition {
            Condition::Below => {
                least = others.max().map_or(least, |reached| Credits(reached.0.saturating_add(1)));
                greatest = own.unwrap_or(greatest);
            }
            Condition::Above => {
                greatest = others.min().map_or(greatest, |reached| Credits(reached.0.saturating_sub(1)));
                least = own.unwrap_or(least);
            }
        }
        (least, greatest)
    }
}
