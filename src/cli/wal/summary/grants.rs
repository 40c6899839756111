//! Grants in a few words.

use coffer_ledger::fact::{Granted, Landed, RolledOver};
use coffer_ledger::grant::Grant;
use coffer_ledger::time::Timestamp;
use serde_json::{Value, json};

use super::{credit, row};
use crate::cli::instant::rfc3339;

pub(super) fn grant(grant: &Grant) -> Value {
    json!({
        "grant": grant.key.grant.to_string(),
        "subscription": grant.key.subscription.map(|id| id.to_string()),
        "credits": grant.rule.credits.to_string(),
        "next_period": grant.next.period,
        "next_at": (grant.next.at < Timestamp::MAX).then(|| rfc3339(grant.next.at.0)),
    })
}

pub(super) fn granted(granted: &Granted) -> Value {
    let landed = match &granted.landed {
        Landed::Minted { wallet, made, row, .. } => {
            json!({ "wallet": wallet.to_string(), "made": made.is_some(), "credit": credit(row) })
        }
        Landed::Skipped(why) => json!({ "skipped": why.as_str() }),
    };
    json!({
        "granted": granted.key.grant.to_string(),
        "subscription": granted.key.subscription.map(|id| id.to_string()),
        "period": granted.period,
        "effective_at": rfc3339(granted.at.0),
        "landed": landed,
    })
}

pub(super) fn rolled_over(rolled: &RolledOver) -> Value {
    json!({
        "rolled_over": rolled.from.to_string(),
        "grant": rolled.key.grant.to_string(),
        "into": rolled.tranche.to_string(),
        "credits": rolled.terms.original.to_string(),
        "effective_at": rfc3339(rolled.at.0),
        "rows": [row(&rolled.out), row(&rolled.posting)],
    })
}
