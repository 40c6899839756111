//! A wallet's rules in its events, as replies of the API show them. Tested against those in `tests/http/recharge_clock.rs`.

use coffer_ledger::amount::Credits;
use coffer_ledger::watch::WalletRules;
use serde_json::{Value, json};

use crate::wire::Dec;

/// Automatic top-up; null if it was never set.
pub(super) fn auto_topup(rules: Option<&WalletRules>) -> Value {
    let Some(rule) = rules.and_then(|rules| rules.auto_topup.as_ref()) else { return Value::Null };
    json!({
        "enabled": rule.enabled,
        "threshold": Dec::from(rule.threshold),
        "amount": Dec::from(rule.amount),
        "invoicing": rule.invoicing,
        "target_balance": rule.target_balance.map(Dec::from),
        "cooldown": cooldown(rule.cooldown_s),
        "max_count": rule.count_max,
        "max_amount": rule.amount_max.map(Dec::from),
        "max_failures": rule.failures_max,
    })
}

/// In the largest unit of which it is a whole number; null = none.
fn cooldown(seconds: u32) -> Value {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let found = units.into_iter().find(|(of, _)| seconds > 0 && seconds.is_multiple_of(*of));
    found.map_or(Value::Null, |(of, unit)| json!({"value": seconds / of, "unit": unit}))
}

/// Alerts; null if they were never set.
pub(super) fn alert_settings(rules: Option<&WalletRules>) -> Value {
    let Some(alerts) = rules.and_then(|rules| rules.alerts.as_ref()) else { return Value::Null };
    let level = |threshold: Option<Credits>| {
        threshold.map(
            |threshold| json!({"threshold": Dec::from(threshold), "condition": alerts.condition.as_str()}),
        )
    };
    json!({
        "critical": level(alerts.critical),
        "warning": level(alerts.warning),
        "info": level(alerts.info),
        "alert_enabled": alerts.enabled,
        "alert_threshold_type": if alerts.percent { "percentage" } else { "absolute" },
        "runway_below": alerts.runway_below_s,
    })
}
