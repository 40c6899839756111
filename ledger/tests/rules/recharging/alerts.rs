//! Levels of an alert, level by level (SEMANTICS §12).

use coffer_ledger::alert::{AlertSettings, AlertState, Condition};
use coffer_ledger::amount::Credits;

const ONE: i128 = 1_000_000_000_000_000;

/// The most severe level that a balance reaches.
pub(crate) fn level(alerts: &AlertSettings, posted: i128, base: i128) -> AlertState {
    if !alerts.enabled {
        return AlertState::Ok;
    }
    let reached = |threshold: Option<Credits>| {
        let Some(Credits(threshold)) = threshold else { return false };
        // Rounded down; of less than nothing, nothing.
        let threshold = if alerts.percent { base.max(0) * threshold / (100 * ONE) } else { threshold };
        match alerts.condition {
            Condition::Below => posted <= threshold,
            Condition::Above => posted >= threshold,
        }
    };
    if reached(alerts.critical) {
        AlertState::InAlarm
    } else if reached(alerts.warning) {
        AlertState::Warning
    } else if reached(alerts.info) {
        AlertState::Info
    } else {
        AlertState::Ok
    }
}
