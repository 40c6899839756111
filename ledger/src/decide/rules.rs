//! Rules that a request sets: checked, and joined with those that are there (SEMANTICS §11, §12).

use crate::alert::{AlertSettings, Condition};
use crate::amount::Credits;
use crate::auto_topup::{AutoTopup, COUNT_MAX_DEFAULT, FAILURES_MAX_DEFAULT};
use crate::command::AutoTopupChange;
use crate::refusal::Refusal;
use crate::watch::WalletRules;

/// Percent that a threshold may be.
const PERCENT_MAX: i64 = 1_000;
/// Seconds that a runway's alert or a cooldown may ask for: a year.
const SECONDS_MAX: u32 = 366 * 24 * 3_600;
/// Recharges a day, and failures in a row, that a rule may allow.
const COUNT_MAX: u32 = 1_000;

/// Whether rules can be set.
pub(super) fn check(rules: &WalletRules) -> Result<(), Refusal> {
    rules.alerts.as_ref().map_or(Ok(()), check_alerts)?;
    rules.auto_topup.as_ref().map_or(Ok(()), check_auto_topup)
}

fn invalid(field: &'static str, problem: &'static str) -> Refusal {
    Refusal::Invalid { field, problem }
}

pub(super) fn check_alerts(alerts: &AlertSettings) -> Result<(), Refusal> {
    let levels = [alerts.critical, alerts.warning, alerts.info];
    let set: Vec<Credits> = levels.into_iter().flatten().collect();
    if alerts.enabled && set.is_empty() && alerts.runway_below_s.is_none() {
        return Err(invalid("alert_settings", "has no threshold"));
    }
    if set.iter().any(|threshold| !threshold.is_in_range()) {
        return Err(Refusal::AmountOverflow("an alert's threshold"));
    }
    let is_percent = |percent: &Credits| (Credits::ZERO..=Credits::whole(PERCENT_MAX)).contains(percent);
    if alerts.percent && !set.iter().all(is_percent) {
        return Err(invalid("alert_settings", "a percentage is from 0 to 1000"));
    }
    let in_order = match alerts.condition {
        Condition::Below => set.is_sorted(),
        Condition::Above => set.iter().rev().is_sorted(),
    };
    if !in_order {
        return Err(invalid("alert_settings", "a more severe level must not be reached before a milder one"));
    }
    match alerts.runway_below_s {
        Some(seconds) if !(1..=SECONDS_MAX).contains(&seconds) => {
            Err(invalid("alert_settings.runway_below", "is not from 1 second to 366 days"))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_auto_topup(rule: &AutoTopup) -> Result<(), Refusal> {
    if !rule.amount.is_positive() {
        return Err(Refusal::AmountInvalid("auto_topup.amount must be more than 0"));
    }
    if !rule.amount.is_in_range() || !rule.threshold.is_in_range() {
        return Err(Refusal::AmountOverflow("an amount of auto_topup"));
    }
    if let Some(target) = rule.target_balance {
        if target <= rule.threshold {
            return Err(invalid("auto_topup.target_balance", "is not above the threshold"));
        }
        if !target.is_in_range() {
            return Err(Refusal::AmountOverflow("auto_topup.target_balance"));
        }
    }
    if rule.amount_max.is_some_and(|max| !max.is_positive()) {
        return Err(Refusal::AmountInvalid("auto_topup.max_amount must be more than 0"));
    }
    if rule.cooldown_s > SECONDS_MAX {
        return Err(invalid("auto_topup.cooldown", "is longer than 366 days"));
    }
    if !(1..=COUNT_MAX).contains(&rule.count_max) {
        return Err(invalid("auto_topup.max_count", "is not from 1 to 1000"));
    }
    if !(1..=COUNT_MAX).contains(&rule.failures_max) {
        return Err(invalid("auto_topup.max_failures", "is not from 1 to 1000"));
    }
    Ok(())
}

/// The rules after a change: alerts are replaced whole, of automatic top-up what is named.
pub(super) fn changed(
    rules: Option<&WalletRules>,
    alerts: Option<&AlertSettings>,
    auto_topup: Option<&AutoTopupChange>,
) -> Result<Option<Box<WalletRules>>, Refusal> {
    // To switch off what was never on sets nothing.
    let has = |pick: fn(&WalletRules) -> bool| rules.is_some_and(pick);
    let alerts = alerts.filter(|alerts| !is_off(alerts) || has(|rules| rules.alerts.is_some()));
    let auto_topup =
        auto_topup.filter(|change| !turns_off(change) || has(|rules| rules.auto_topup.is_some()));
    if alerts.is_none() && auto_topup.is_none() {
        return Ok(rules.cloned().map(Box::new));
    }
    let mut changed = rules.cloned().unwrap_or_default();
    if let Some(alerts) = alerts {
        changed.alerts = Some(alerts.clone());
    }
    if let Some(change) = auto_topup {
        changed.auto_topup = Some(merged(changed.auto_topup.as_ref(), change)?);
    }
    check(&changed)?;
    Ok(Some(Box::new(changed)))
}

/// Alerts that are off and say nothing else.
fn is_off(alerts: &AlertSettings) -> bool {
    let levels = [alerts.critical, alerts.warning, alerts.info];
    !alerts.enabled && levels.iter().all(Option::is_none) && alerts.runway_below_s.is_none()
}

/// A change that switches off, and names no more.
fn turns_off(change: &AutoTopupChange) -> bool {
    change.enabled == Some(false) && change.threshold.is_none() && change.amount.is_none()
}

/// A rule from nothing needs a threshold, an amount, and whether it is invoiced.
fn merged(rule: Option<&AutoTopup>, change: &AutoTopupChange) -> Result<AutoTopup, Refusal> {
    let missing = |field| invalid(field, "missing");
    let of_rule = |pick: fn(&AutoTopup) -> Credits| rule.map(pick);
    Ok(AutoTopup {
        enabled: change.enabled.or(rule.map(|rule| rule.enabled)).unwrap_or(true),
        threshold: change
            .threshold
            .or(of_rule(|rule| rule.threshold))
            .ok_or(missing("auto_topup.threshold"))?,
        amount: change.amount.or(of_rule(|rule| rule.amount)).ok_or(missing("auto_topup.amount"))?,
        invoicing: change
            .invoicing
            .or(rule.map(|rule| rule.invoicing))
            .ok_or(missing("auto_topup.invoicing"))?,
        target_balance: change.target_balance.unwrap_or(rule.and_then(|rule| rule.target_balance)),
        cooldown_s: change.cooldown_s.or(rule.map(|rule| rule.cooldown_s)).unwrap_or(0),
        count_max: change.count_max.or(rule.map(|rule| rule.count_max)).unwrap_or(COUNT_MAX_DEFAULT),
        amount_max: change.amount_max.unwrap_or(rule.and_then(|rule| rule.amount_max)),
        failures_max: change
            .failures_max
            .or(rule.map(|rule| rule.failures_max))
            .unwrap_or(FAILURES_MAX_DEFAULT),
    })
}
