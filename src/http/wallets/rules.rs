//! What watches over a wallet: alerts and automatic top-up, as requests set them and replies show them (SEMANTICS §11, §12).

use coffer_ledger::alert::{AlertSettings, AlertState, Condition};
use coffer_ledger::amount::Credits;
use coffer_ledger::auto_topup::{AutoTopup, COUNT_MAX_DEFAULT, FAILURES_MAX_DEFAULT, HeldBack};
use coffer_ledger::command::AutoTopupChange;
use coffer_ledger::watch::{Recharging, WalletRules, Watch};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::http::fields::Number;
use crate::http::wire::{Dec, Time};

/// Automatic top-up. When a wallet gets its first, `threshold`, `amount` and `invoicing` must be given; later, what is absent stays.
#[derive(Deserialize, ToSchema)]
#[schema(as = AutoTopUpInput)]
pub(crate) struct AutoTopUpField<'a> {
    /// Off: no recharge begins, what has begun goes on. Default true.
    enabled: Option<bool>,
    /// Recharge when what is there and bought is at or below this.
    #[serde(borrow)]
    threshold: Option<Number<'a>>,
    /// Credits of one recharge.
    amount: Option<Number<'a>>,
    /// By an invoice, and pending until that is paid; else the credit is there at once.
    invoicing: Option<bool>,
    /// Fill up to this instead, by at most ten amounts; null = no more.
    #[serde(default, borrow, deserialize_with = "given")]
    #[schema(value_type = Option<Number>)]
    target_balance: Option<Option<Number<'a>>>,
    /// At least so long between two recharges.
    cooldown: Option<CooldownField>,
    /// Recharges a day at most; default 24.
    max_count: Option<u32>,
    /// Money a calendar month at most; null = no limit.
    #[serde(default, borrow, deserialize_with = "given")]
    #[schema(value_type = Option<Number>)]
    max_amount: Option<Option<Number<'a>>>,
    /// Failed payments in a row after which it is suspended until it is resumed; default 3.
    max_failures: Option<u32>,
}

/// Tells null from absent.
fn given<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Number<'a>>>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// A length of time; 0 = none.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[schema(as = CooldownInput)]
pub(crate) struct CooldownField {
    /// So many.
    value: u32,
    /// second, minute, hour or day; default second.
    unit: Option<UnitField>,
}

/// A unit of time.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CooldownUnit)]
pub(crate) enum UnitField {
    /// A second.
    #[serde(alias = "SECOND")]
    Second,
    /// 60 seconds.
    #[serde(alias = "MINUTE")]
    Minute,
    /// 60 minutes.
    #[serde(alias = "HOUR")]
    Hour,
    /// 24 hours.
    #[serde(alias = "DAY")]
    Day,
}

impl CooldownField {
    fn seconds(self) -> Result<u32, ApiError> {
        let unit = match self.unit.unwrap_or(UnitField::Second) {
            UnitField::Second => 1,
            UnitField::Minute => 60,
            UnitField::Hour => 3_600,
            UnitField::Day => 86_400,
        };
        self.value.checked_mul(unit).ok_or_else(|| ApiError::field("auto_topup.cooldown", "too long"))
    }
}

impl AutoTopUpField<'_> {
    /// As a change of a rule.
    pub(crate) fn read(self) -> Result<AutoTopupChange, ApiError> {
        let credits = |name, given: Option<Number<'_>>| given.map(|given| given.credits(name)).transpose();
        Ok(AutoTopupChange {
            enabled: self.enabled,
            threshold: credits("auto_topup.threshold", self.threshold)?,
            amount: credits("auto_topup.amount", self.amount)?,
            invoicing: self.invoicing,
            target_balance: match self.target_balance {
                Some(given) => Some(credits("auto_topup.target_balance", given)?),
                None => None,
            },
            cooldown_s: self.cooldown.map(CooldownField::seconds).transpose()?,
            count_max: self.max_count,
            amount_max: match self.max_amount {
                Some(given) => Some(given.map(|given| given.money("auto_topup.max_amount")).transpose()?),
                None => None,
            },
            failures_max: self.max_failures,
        })
    }

    /// As the first rule of a wallet. One that only says that it is off is none.
    pub(crate) fn read_whole(self) -> Result<Option<AutoTopup>, ApiError> {
        if self.enabled == Some(false) && self.threshold.is_none() && self.amount.is_none() {
            return Ok(None);
        }
        let change = self.read()?;
        let missing = |name: &'static str| move || ApiError::field(name, "missing");
        Ok(Some(AutoTopup {
            enabled: change.enabled.unwrap_or(true),
            threshold: change.threshold.ok_or_else(missing("auto_topup.threshold"))?,
            amount: change.amount.ok_or_else(missing("auto_topup.amount"))?,
            invoicing: change.invoicing.ok_or_else(missing("auto_topup.invoicing"))?,
            target_balance: change.target_balance.flatten(),
            cooldown_s: change.cooldown_s.unwrap_or(0),
            count_max: change.count_max.unwrap_or(COUNT_MAX_DEFAULT),
            amount_max: change.amount_max.flatten(),
            failures_max: change.failures_max.unwrap_or(FAILURES_MAX_DEFAULT),
        }))
    }
}

/// Alerts; replaced whole.
#[derive(Deserialize, ToSchema)]
#[schema(as = AlertSettingsInput)]
pub(crate) struct AlertSettingsField<'a> {
    /// The most severe level: `in_alarm`.
    #[serde(borrow)]
    critical: Option<LevelField<'a>>,
    /// The level in between.
    warning: Option<LevelField<'a>>,
    /// The mildest level.
    info: Option<LevelField<'a>>,
    /// Off = ok and silent. Default true where a threshold is given.
    alert_enabled: Option<bool>,
    /// absolute (default: credits), or percentage: of what was posted just after the last top-up.
    alert_threshold_type: Option<ThresholdTypeField>,
    /// An alert of its own: seconds until the wallet is empty at the rate of the last hour.
    runway_below: Option<u32>,
}

/// A level of an alert.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[schema(as = AlertLevelInput)]
pub(crate) struct LevelField<'a> {
    /// Reached at this, or beyond.
    #[serde(borrow)]
    threshold: Number<'a>,
    /// below (default) or above; the same for all levels.
    condition: Option<ConditionField>,
}

/// On which side of its threshold a level is reached.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AlertCondition)]
pub(crate) enum ConditionField {
    /// At or below.
    Below,
    /// At or above.
    Above,
}

/// What thresholds count in.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AlertThresholdType)]
pub(crate) enum ThresholdTypeField {
    /// Credits.
    Absolute,
    /// Percent.
    Percentage,
}

impl AlertSettingsField<'_> {
    /// The settings.
    pub(crate) fn read(self) -> Result<AlertSettings, ApiError> {
        let level = |name: &str, level: Option<LevelField<'_>>| -> Result<Option<Credits>, ApiError> {
            level
                .map(|level| level.threshold.credits(&format!("alert_settings.{name}.threshold")))
                .transpose()
        };
        let levels = [self.critical, self.warning, self.info];
        let mut conditions =
            levels.iter().flatten().map(|level| level.condition.unwrap_or(ConditionField::Below));
        let condition = conditions.next().unwrap_or(ConditionField::Below);
        if conditions.any(|other| other != condition) {
            return Err(ApiError::field("alert_settings", "all levels have the same condition"));
        }
        let any = levels.iter().any(Option::is_some) || self.runway_below.is_some();
        Ok(AlertSettings {
            enabled: self.alert_enabled.unwrap_or(any),
            condition: match condition {
                ConditionField::Below => Condition::Below,
                ConditionField::Above => Condition::Above,
            },
            percent: self.alert_threshold_type == Some(ThresholdTypeField::Percentage),
            info: level("info", self.info)?,
            warning: level("warning", self.warning)?,
            critical: level("critical", self.critical)?,
            runway_below_s: self.runway_below,
        })
    }

    /// As the first settings of a wallet. Settings that only say that alerts are off are none.
    pub(crate) fn read_first(self) -> Result<Option<AlertSettings>, ApiError> {
        let settings = self.read()?;
        let levels = [settings.info, settings.warning, settings.critical];
        let is_nothing = !settings.enabled && levels.iter().all(Option::is_none);
        Ok((!is_nothing || settings.runway_below_s.is_some()).then_some(settings))
    }
}

/// The rules of a new wallet.
pub(crate) fn read(
    auto_topup: Option<AutoTopUpField<'_>>,
    alerts: Option<AlertSettingsField<'_>>,
) -> Result<Option<Box<WalletRules>>, ApiError> {
    let rules = WalletRules {
        alerts: alerts.map(AlertSettingsField::read_first).transpose()?.flatten(),
        auto_topup: auto_topup.map(AutoTopUpField::read_whole).transpose()?.flatten(),
    };
    Ok((rules != WalletRules::default()).then(|| Box::new(rules)))
}

/// Automatic top-up as it is set.
#[derive(Serialize, ToSchema)]
#[schema(as = AutoTopUp)]
pub(crate) struct AutoTopUpReply {
    enabled: bool,
    threshold: Dec,
    amount: Dec,
    invoicing: bool,
    target_balance: Option<Dec>,
    cooldown: Option<CooldownReply>,
    max_count: u32,
    max_amount: Option<Dec>,
    max_failures: u32,
}

/// A length of time.
#[derive(Serialize, ToSchema)]
#[schema(as = Cooldown)]
pub(crate) struct CooldownReply {
    value: u32,
    /// second, minute, hour or day: the largest that it is a whole number of.
    unit: &'static str,
}

impl CooldownReply {
    fn of(seconds: u32) -> Option<Self> {
        let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
        let (of, unit) = units.into_iter().find(|(of, _)| seconds.is_multiple_of(*of))?;
        (seconds > 0).then_some(Self { value: seconds / of, unit })
    }
}

impl AutoTopUpReply {
    /// The rule, if there is one.
    pub(crate) fn of(rules: Option<&WalletRules>) -> Option<Self> {
        let rule = rules?.auto_topup.as_ref()?;
        Some(Self {
            enabled: rule.enabled,
            threshold: rule.threshold.into(),
            amount: rule.amount.into(),
            invoicing: rule.invoicing,
            target_balance: rule.target_balance.map(Dec::from),
            cooldown: CooldownReply::of(rule.cooldown_s),
            max_count: rule.count_max,
            max_amount: rule.amount_max.map(Dec::from),
            max_failures: rule.failures_max,
        })
    }
}

/// How automatic top-up stands.
#[derive(Serialize, ToSchema)]
#[schema(as = AutoTopUpState)]
pub(crate) struct AutoTopUpStateReply {
    /// When the last recharge began.
    last_recharge_at: Option<Time>,
    /// Payments that failed in a row.
    failures: u32,
    /// Whether it waits to be resumed.
    suspended: bool,
    /// No recharge before this, after a failure.
    next_attempt_at: Option<Time>,
    /// Why the last recharge that should have begun did not; null = it did.
    held_back: Option<HeldBackReply>,
}

/// A recharge that did not happen.
#[derive(Serialize, ToSchema)]
#[schema(as = HeldBack)]
pub(crate) struct HeldBackReply {
    /// wallet_frozen, in_flight, cooldown, max_count, max_amount, backing_off, suspended or limit_reached.
    reason: &'static str,
    /// Since when.
    since: Time,
    /// Until when, where that is known.
    until: Option<Time>,
}

impl HeldBackReply {
    fn of(held_back: &HeldBack) -> Self {
        Self { reason: held_back.by.as_str(), since: Time(held_back.at), until: held_back.until.map(Time) }
    }
}

impl AutoTopUpStateReply {
    /// Of a wallet that has the rule.
    pub(crate) fn of(rules: Option<&WalletRules>, recharging: Option<&Recharging>) -> Option<Self> {
        let rule = rules?.auto_topup.as_ref()?;
        let recharging = recharging?;
        let known = |at: coffer_ledger::time::Timestamp| (at.0 > 0).then_some(Time(at));
        Some(Self {
            last_recharge_at: known(recharging.last_at),
            failures: recharging.failures,
            suspended: recharging.failures >= rule.failures_max,
            next_attempt_at: known(recharging.backs_off_until),
            held_back: recharging.held_back.as_ref().map(HeldBackReply::of),
        })
    }
}

/// Alerts as they are set.
#[derive(Serialize, ToSchema)]
#[schema(as = AlertSettings)]
pub(crate) struct AlertSettingsReply {
    critical: Option<LevelReply>,
    warning: Option<LevelReply>,
    info: Option<LevelReply>,
    alert_enabled: bool,
    /// absolute or percentage.
    alert_threshold_type: &'static str,
    /// Seconds until empty.
    runway_below: Option<u32>,
}

/// A level of an alert.
#[derive(Serialize, ToSchema)]
#[schema(as = AlertLevel)]
pub(crate) struct LevelReply {
    threshold: Dec,
    /// below or above.
    condition: &'static str,
}

impl AlertSettingsReply {
    /// The settings, if there are any.
    pub(crate) fn of(rules: Option<&WalletRules>) -> Option<Self> {
        let alerts = rules?.alerts.as_ref()?;
        let level = |threshold: Option<Credits>| {
            threshold.map(|threshold| LevelReply {
                threshold: threshold.into(),
                condition: alerts.condition.as_str(),
            })
        };
        Some(Self {
            critical: level(alerts.critical),
            warning: level(alerts.warning),
            info: level(alerts.info),
            alert_enabled: alerts.enabled,
            alert_threshold_type: if alerts.percent { "percentage" } else { "absolute" },
            runway_below: alerts.runway_below_s,
        })
    }
}

/// What a read shows of what watches over a wallet.
#[derive(Clone, Debug, Default)]
pub(crate) struct WatchSeen {
    /// The balance's alert.
    pub(crate) state: AlertState,
    /// Seconds until empty.
    pub(crate) runway_s: Option<u64>,
    /// What automatic top-up did.
    pub(crate) recharging: Option<Recharging>,
}

impl WatchSeen {
    /// As of an instant.
    pub(crate) fn of(watch: Option<&Watch>, (state, runway_s): (AlertState, Option<u64>)) -> Self {
        Self { state, runway_s, recharging: watch.map(|watch| watch.recharging) }
    }
}
