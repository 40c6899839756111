//! Purchases and alerts: what an operation set off, and what became of payments.

use coffer_ledger::alert::{AlertChange, AlertKind};
use coffer_ledger::fact::{RechargeEnd, SetOff};
use coffer_ledger::recharge::Recharge;
use serde_json::{Value, json};

use super::{credit, row};
use crate::cli::instant::rfc3339;

/// Everything that an operation set off.
pub(super) fn set_off(set_off: &SetOff) -> Value {
    let SetOff { before, after, ended, held_back, alerts, state } = set_off;
    let held_back = held_back
        .iter()
        .map(|(wallet, held_back)| json!({ "wallet": wallet.to_string(), "reason": held_back.by.as_str() }));
    json!({
        "recharge_before": before.as_deref().map(recharge),
        "recharges": after.iter().map(recharge).collect::<Vec<_>>(),
        "recharges_ended": ended.iter().map(recharge_end).collect::<Vec<_>>(),
        "held_back": held_back.collect::<Vec<_>>(),
        "alerts": alerts.iter().map(alert).collect::<Vec<_>>(),
        "alert_state": state.as_str(),
    })
}

fn alert(change: &AlertChange) -> Value {
    json!({
        "alert": change.id.to_string(),
        "wallet": change.wallet.to_string(),
        "kind": match change.kind {
            AlertKind::Balance => "balance",
            AlertKind::Runway => "runway",
        },
        "from": change.from.as_str(),
        "to": change.to.as_str(),
        "posted": change.posted.to_string(),
        "runway_s": change.runway_s,
        "at": rfc3339(change.at.0),
    })
}

pub(super) fn recharge(recharge: &Recharge) -> Value {
    json!({
        "recharge": recharge.id.to_string(),
        "origin": recharge.origin.as_str(),
        "status": recharge.status.as_str(),
        "wallet": recharge.wallet.to_string(),
        "charged": recharge.charged().to_string(),
        "invoice": recharge.invoice.map(|invoice| invoice.to_string()),
        "credits": recharge.rows.iter().map(|row| credit(row)).collect::<Vec<_>>(),
    })
}

pub(super) fn recharge_end(end: &RechargeEnd) -> Value {
    let unpaid = end.unpaid.iter().map(|unpaid| {
        json!({
            "tranche": unpaid.tranche.to_string(),
            "taken": unpaid.taken.to_string(),
            "owed": unpaid.owed.to_string(),
            "row": unpaid.posting.as_ref().map(row),
        })
    });
    json!({
        "recharge_ended": end.recharge.id.to_string(),
        "status": end.recharge.status.as_str(),
        "reason": end.recharge.reason.map(|reason| reason.as_str()),
        "effective_at": end.recharge.ended_at.map(|at| rfc3339(at.0)),
        "credits": end.rows.iter().map(|row| credit(row)).collect::<Vec<_>>(),
        "unpaid": unpaid.collect::<Vec<_>>(),
    })
}
