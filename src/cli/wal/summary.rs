//! A record in a few words: who asked what under which key, and what came of it. For people; replies are the HTTP front's.

use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect, TenantRecord};
use coffer_ledger::command::{Command, Origin};
use coffer_ledger::fact::{CreditRow, Debited, Due, Effect, Giver, Posting};
use coffer_ledger::record::Record;
use coffer_ledger::wallet::WalletHead;
use serde_json::{Value, json};

use crate::cli::instant::rfc3339;

/// A customer's record.
pub(crate) fn customer(record: &Record) -> Value {
    let due: Vec<_> = record.facts.due.iter().map(due).collect();
    let (by, key) = origin(&record.origin);
    json!({
        "command": command(&record.command),
        "by": by,
        "idempotency_key": key,
        "due": if due.is_empty() { Value::Null } else { due.into() },
        "effect": effect(&record.facts.effect),
    })
}

/// A tenant's record. Secrets are not in it, only their hashes, and those are not shown.
pub(crate) fn tenant(record: &TenantRecord) -> Value {
    let command = match &record.command {
        TenantCommand::Create { .. } => "create_tenant",
        TenantCommand::SetSettings(_) => "set_settings",
        TenantCommand::CreateKey { .. } => "create_key",
        TenantCommand::RevokeKey(_) => "revoke_key",
    };
    let effect = match &record.facts.effect {
        TenantEffect::Created { name, test_mode } => json!({ "tenant": name, "test_mode": test_mode }),
        TenantEffect::SettingsSet(settings) => json!({ "time_zone": settings.time_zone }),
        TenantEffect::KeySet(key) => json!({
            "key": key.id.to_string(),
            "name": key.name,
            "customer": key.customer.as_ref().map(|(_, name)| name),
            "revoked_at": key.revoked_at.map(|at| rfc3339(at.0)),
        }),
    };
    let (by, key) = origin(&record.origin);
    json!({ "command": command, "by": by, "idempotency_key": key, "effect": effect })
}

fn origin(origin: &Origin) -> (Value, Value) {
    (origin.by.map(|key| key.to_string()).into(), origin.idempotency_key.as_deref().into())
}

fn command(command: &Command) -> &'static str {
    match command {
        Command::CreateCustomer { .. } => "create_customer",
        Command::UpdateCustomer { .. } => "update_customer",
        Command::DeleteCustomer => "delete_customer",
        Command::CreateWallet(_) => "create_wallet",
        Command::UpdateWallet(_) => "update_wallet",
        Command::TopUp(_) => "top_up",
        Command::Debit(_) => "debit",
        Command::ManualDebit(_) => "manual_debit",
        Command::Freeze(_) => "freeze",
        Command::Unfreeze(_) => "unfreeze",
        Command::Close { .. } => "close",
        Command::Tick => "tick",
    }
}

fn due(due: &Due) -> Value {
    match due {
        Due::Expired { tranche, credits, terms, posting } => json!({
            "expired": tranche.to_string(),
            "credits": credits.to_string(),
            "effective_at": terms.expires_at.map(|at| rfc3339(at.0)),
            "row": row(posting),
        }),
        Due::Started { tranche, credits, repaid, effective_at, posting, .. } => json!({
            "started": tranche.to_string(),
            "credits": credits.to_string(),
            "repaid": repaid.to_string(),
            "effective_at": rfc3339(effective_at.0),
            "row": row(posting),
        }),
    }
}

fn effect(effect: &Effect) -> Value {
    match effect {
        Effect::Ticked => Value::Null,
        Effect::CustomerSet(identity) => {
            json!({ "customer": identity.external_id, "deleted": identity.deleted })
        }
        Effect::WalletCreated { customer, wallet, initial } => json!({
            "customer": customer.as_ref().map(|identity| &identity.external_id),
            "wallet": head(wallet),
            "initial": initial.as_deref().map(credit),
        }),
        Effect::WalletSet(wallet) => json!({ "wallet": head(wallet) }),
        Effect::ToppedUp { rows, wallet } => {
            json!({ "credits": rows.iter().map(|row| credit(row)).collect::<Vec<_>>(), "wallet": head(wallet) })
        }
        Effect::Debited(debited) => debit(debited),
        Effect::ManuallyDebited { debited, .. } => debit(debited),
        Effect::WalletClosed { forfeits, written_off, refund, wallet, .. } => json!({
            "forfeited": forfeits.iter().map(|forfeit| forfeit.credits.to_string()).collect::<Vec<_>>(),
            "written_off": written_off.to_string(),
            "refund": refund.to_string(),
            "wallet": head(wallet),
        }),
    }
}

fn debit(debited: &Debited) -> Value {
    let slices = debited.slices.iter().map(|slice| {
        let giver = match &slice.giver {
            Giver::Tranche { id, .. } => id.to_string(),
            Giver::Overdraft => "overdraft".to_owned(),
        };
        json!({ "from": giver, "credits": slice.credits.to_string() })
    });
    let rows = debited
        .rows
        .iter()
        .map(|debit| json!({ "credits": debit.credits.to_string(), "row": row(&debit.posting) }));
    json!({
        "credits": debited.credits.to_string(),
        "shortfall": debited.shortfall.to_string(),
        "slices": slices.collect::<Vec<_>>(),
        "rows": rows.collect::<Vec<_>>(),
    })
}

fn credit(credited: &CreditRow) -> Value {
    json!({
        "tranche": credited.tranche.to_string(),
        "credits": credited.terms.original.to_string(),
        "repaid": credited.repaid.to_string(),
        "expires_at": credited.terms.expires_at.map(|at| rfc3339(at.0)),
        "row": credited.posting.as_ref().map(row),
    })
}

fn head(wallet: &WalletHead) -> Value {
    json!({ "id": wallet.id.to_string(), "posted": wallet.posted.to_string(), "debt": wallet.debt.to_string() })
}

/// Which row of which wallet, and the balance around it.
fn row(posting: &Posting) -> Value {
    json!({
        "wallet": posting.wallet.to_string(),
        "sequence": posting.sequence,
        "before": posting.before.to_string(),
        "after": posting.after.to_string(),
    })
}
