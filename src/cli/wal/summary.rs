//! A record in a few words: who asked what under which key, and what came of it. For people; replies are the HTTP front's.

mod grants;

mod recharges;

use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect, TenantRecord};
use coffer_ledger::command::Origin;
use coffer_ledger::fact::{
    Arrived, BackTo, CreditRow, Debited, Due, Effect, GivenBack, Giver, HoldEnd, HoldStep, Lapsed, Posting,
    Settled, Slice, Voided,
};
use coffer_ledger::record::Record;
use coffer_ledger::wallet::WalletHead;
use serde_json::{Value, json};

use self::recharges::{recharge, recharge_end, set_off};
use crate::cli::instant::rfc3339;

/// A customer's record.
pub(crate) fn customer(record: &Record) -> Value {
    let due: Vec<_> = record.facts.due.iter().map(due).collect();
    let (by, key) = origin(&record.origin);
    json!({
        "command": record.command.name(),
        "by": by,
        "idempotency_key": key,
        "due": if due.is_empty() { Value::Null } else { due.into() },
        "effect": effect(&record.facts.effect),
        "set_off": record.facts.set_off.as_deref().map(set_off),
    })
}

/// A tenant's record. Neither secrets nor their hashes are shown.
pub(crate) fn tenant(record: &TenantRecord) -> Value {
    let command = match &record.command {
        TenantCommand::Create { .. } => "create_tenant",
        TenantCommand::SetSettings(_) => "set_settings",
        TenantCommand::ChangeSettings(_) => "change_settings",
        TenantCommand::CreateKey { .. } => "create_key",
        TenantCommand::RevokeKey(_) => "revoke_key",
        TenantCommand::SetRateCard { .. } => "set_rate_card",
        TenantCommand::DeleteRateCard(_) => "delete_rate_card",
        TenantCommand::CreatePlanGrant(_) => "create_plan_grant",
        TenantCommand::UpdatePlanGrant { .. } => "update_plan_grant",
        TenantCommand::DeletePlanGrant(_) => "delete_plan_grant",
        TenantCommand::MoveClock(_) => "move_clock",
        TenantCommand::CreateWebhookEndpoint(_) => "create_webhook_endpoint",
        TenantCommand::UpdateWebhookEndpoint(_) => "update_webhook_endpoint",
        TenantCommand::RotateWebhookSecret { .. } => "rotate_webhook_secret",
        TenantCommand::DisableWebhookEndpoint { .. } => "disable_webhook_endpoint",
        TenantCommand::DeleteWebhookEndpoint(_) => "delete_webhook_endpoint",
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
        TenantEffect::RateCardSet(card) => {
            json!({ "rate_card": card.id.to_string(), "version": card.version, "meter": card.meter })
        }
        TenantEffect::RateCardDeleted(id) => json!({ "rate_card": id.to_string(), "deleted": true }),
        TenantEffect::PlanGrantSet(grant) => json!({
            "grant": grant.id.to_string(),
            "plan": grant.plan,
            "deleted": grant.deleted,
            "version": grant.version,
        }),
        TenantEffect::ClockMoved(now) => json!({ "now": rfc3339(now.0) }),
        TenantEffect::WebhookEndpointSet(endpoint) => json!({
            "webhook_endpoint": endpoint.id.to_string(),
            "url": endpoint.url,
            "disabled": endpoint.disabled.map(|(_, why)| why.as_str()),
        }),
        TenantEffect::WebhookEndpointDeleted(id) => {
            json!({ "webhook_endpoint": id.to_string(), "deleted": true })
        }
    };
    let (by, key) = origin(&record.origin);
    json!({ "command": command, "by": by, "idempotency_key": key, "effect": effect })
}

fn origin(origin: &Origin) -> (Value, Value) {
    (origin.by.map(|key| key.to_string()).into(), origin.idempotency_key.as_deref().into())
}

fn void(void: &Voided) -> Value {
    json!({
        "of": void.of.to_string(),
        "tranche": void.tranche.to_string(),
        "credits": void.credits.to_string(),
        "held": void.held.to_string(),
        "row": void.posting.as_ref().map(row),
    })
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
        Due::HoldExpired(end) => hold_end(end),
        Due::RolledOver(rolled) => grants::rolled_over(rolled),
        Due::Granted(granted) => grants::granted(granted),
        Due::RechargeExpired(end) => recharge_end(end),
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
        Effect::Held(step) => hold_step(step),
        Effect::Refunded(refunded) => {
            json!({ "of": refunded.of.to_string(), "left": refunded.left.to_string(), "back": given_back(&refunded.back) })
        }
        Effect::CreditVoided(voids) => {
            json!({ "voided": voids.iter().map(void).collect::<Vec<_>>() })
        }
        Effect::InvoiceSettled(settled) => settlement(settled),
        Effect::InvoiceVoided { invoice, back } => {
            json!({ "invoice_voided": invoice, "back": given_back(back) })
        }
        Effect::TransferSent(sent) => json!({
            "transfer": sent.out.id.to_string(),
            "to": sent.out.to.0,
            "to_wallet": sent.out.to_wallet.to_string(),
            "taken": debit(&sent.taken),
            "arrived": sent.arrived.as_ref().map(arrived),
        }),
        Effect::TransferReceived { transfer, from, arrived: what } => {
            json!({ "transfer": transfer.to_string(), "from": from.0, "arrived": arrived(what) })
        }
        Effect::TransferDone(transfer) => json!({ "transfer_done": transfer.to_string() }),
        Effect::TransferReturned { transfer, back } => {
            json!({ "transfer_returned": transfer.to_string(), "back": given_back(back) })
        }
        Effect::TransferForgotten(transfer) => json!({ "transfer_forgotten": transfer.to_string() }),
        Effect::BudgetSet(budget) => json!({ "budget": budget.id, "parent": budget.parent }),
        Effect::BudgetDeleted(id) => json!({ "budget_deleted": id }),
        Effect::EventRecorded { customer, priced, taken, uncollected, .. } => json!({
            "customer": customer.as_ref().map(|identity| &identity.external_id),
            "rate_card": priced.map(|priced| priced.card.to_string()),
            "version": priced.map(|priced| priced.version),
            "price": priced.map(|priced| priced.credits.to_string()),
            "taken": taken.as_deref().map(debit),
            "uncollected": uncollected.map(|uncollected| uncollected.credits.to_string()),
        }),
        Effect::Subscribed(subscribed) => json!({
            "customer": subscribed.customer.as_ref().map(|identity| &identity.external_id),
            "subscription": subscribed.subscription.name,
            "plan": subscribed.subscription.plan,
            "grants": subscribed.grants.iter().map(grants::grant).collect::<Vec<_>>(),
            "due": subscribed.minted.iter().map(due).collect::<Vec<_>>(),
        }),
        Effect::Unsubscribed(left) => json!({
            "unsubscribed": left.subscription.name,
            "voided": left.voided.iter().map(void).collect::<Vec<_>>(),
        }),
        Effect::GrantSet(set) => json!({
            "grant": grants::grant(&set.grant),
            "due": set.minted.iter().map(due).collect::<Vec<_>>(),
        }),
        Effect::GrantRemoved(removed) => json!({
            "grant_removed": removed.key.grant.to_string(),
            "voided": removed.voided.iter().map(void).collect::<Vec<_>>(),
        }),
        Effect::PlansFollowed(followed) => json!({
            "plans_followed": followed.seen,
            "grants": followed.set.iter().map(grants::grant).collect::<Vec<_>>(),
            "removed": followed.removed.iter().map(|key| key.grant.to_string()).collect::<Vec<_>>(),
        }),
        Effect::Recharged { recharge: bought, wallet } => {
            json!({ "recharge": recharge(bought), "wallet": head(wallet) })
        }
        Effect::RechargeEnded(end) => recharge_end(end),
        Effect::AutoTopupResumed(wallet) => json!({ "auto_topup_resumed": wallet.to_string() }),
        Effect::Atomic(effects) => json!({ "items": effects.iter().map(self::effect).collect::<Vec<_>>() }),
    }
}

fn hold_step(step: &HoldStep) -> Value {
    json!({
        "hold": step.hold.id.to_string(),
        "status": step.hold.status.as_str(),
        "held": step.hold.held().to_string(),
        "expires_at": rfc3339(step.hold.expires_at.0),
        "pinned": slices(&step.pinned),
        "returned": slices(&step.returned),
        "taken": step.taken.as_ref().map(debit),
        "lapsed": step.lapsed.iter().map(lapsed).collect::<Vec<_>>(),
    })
}

fn hold_end(end: &HoldEnd) -> Value {
    json!({
        "hold": end.hold.id.to_string(),
        "status": end.hold.status.as_str(),
        "effective_at": rfc3339(end.at.0),
        "returned": slices(&end.returned),
        "lapsed": end.lapsed.iter().map(lapsed).collect::<Vec<_>>(),
    })
}

fn given_back(back: &GivenBack) -> Value {
    let slices = back.slices.iter().map(|back| {
        let to = match &back.to {
            BackTo::Tranche => "tranche".to_owned(),
            BackTo::Debt => "debt".to_owned(),
            BackTo::New { tranche, .. } => tranche.to_string(),
        };
        json!({ "from": giver(&back.slice), "to": to, "credits": back.slice.credits.to_string() })
    });
    json!({
        "reason": back.reason.as_str(),
        "slices": slices.collect::<Vec<_>>(),
        "rows": back.rows.iter().map(|back| row(&back.posting)).collect::<Vec<_>>(),
        "lapsed": back.lapsed.iter().map(lapsed).collect::<Vec<_>>(),
    })
}

fn settlement(settled: &Settled) -> Value {
    let lines = settled.lines.iter().map(|line| {
        let parts = line.parts.iter().map(|part| {
            json!({
                "credits": part.row.credits.to_string(),
                "amount": part.row.amount.to_string(),
                "slices": slices(&part.slices),
                "row": row(&part.row.posting),
            })
        });
        json!({ "line": line.id, "paid": line.paid.to_string(), "parts": parts.collect::<Vec<_>>() })
    });
    json!({
        "invoice": settled.invoice,
        "paid": settled.paid.to_string(),
        "shortfall": settled.shortfall.to_string(),
        "lines": lines.collect::<Vec<_>>(),
    })
}

fn arrived(arrived: &Arrived) -> Value {
    let rows = arrived.rows.iter().map(|arrival| {
        json!({
            "tranche": arrival.tranche.to_string(),
            "credits": arrival.terms.original.to_string(),
            "repaid": arrival.repaid.to_string(),
            "row": row(&arrival.posting),
        })
    });
    json!({
        "rows": rows.collect::<Vec<_>>(),
        "lapsed": arrived.lapsed.iter().map(lapsed).collect::<Vec<_>>(),
    })
}

fn lapsed(lapsed: &Lapsed) -> Value {
    json!({
        "tranche": lapsed.tranche.to_string(),
        "credits": lapsed.credits.to_string(),
        "voided": lapsed.voided,
        "row": row(&lapsed.posting),
    })
}

fn slices(slices: &[Slice]) -> Value {
    let shown =
        slices.iter().map(|slice| json!({ "from": giver(slice), "credits": slice.credits.to_string() }));
    shown.collect::<Vec<_>>().into()
}

fn giver(slice: &Slice) -> String {
    match &slice.giver {
        Giver::Tranche { id, .. } => id.to_string(),
        Giver::Overdraft => "overdraft".to_owned(),
    }
}

fn debit(debited: &Debited) -> Value {
    let rows = debited
        .rows
        .iter()
        .map(|debit| json!({ "credits": debit.credits.to_string(), "row": row(&debit.posting) }));
    json!({
        "credits": debited.credits.to_string(),
        "shortfall": debited.shortfall.to_string(),
        "slices": slices(&debited.slices),
        "rate_card": debited.priced().map(|priced| priced.card.to_string()),
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
