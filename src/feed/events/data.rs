//! What an event tells, as JSON: the fields of docs/EVENTS.md. Names are those of the API's replies; every key is present.
//!
//! All of it comes from the record. What is larger than an event may be is made smaller in steps ([`Fit`]), and says so.

use std::sync::Arc;

use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::budget::{Budget, BudgetLimit};
use coffer_ledger::command::Metadata;
use coffer_ledger::customer::Identity;
use coffer_ledger::fact::{Giver, Granted, HoldStep, Landed, Settled, SettledLine, Slice};
use coffer_ledger::hold::Hold;
use coffer_ledger::ids::RateCardId;
use coffer_ledger::recharge::{Recharge, RechargeReason};
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::PriceType;
use coffer_ledger::wallet::{WalletHead, WalletStatus, WalletType};
use serde::Serialize;
use serde_json::{Value, json};

use super::of_record::What;
use super::rules;
use crate::engine::CustomerNames;
use crate::feed::history::{Part, Row};
use crate::wire::{Dec, Id, Pairs, Time, cost_basis};

/// How much of an event is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    /// So many entries of a list (slices, lines of an invoice, caps of a budget).
    pub(super) entries_max: usize,
    /// The caller's own words: metadata and description.
    pub(super) words: bool,
}

impl Fit {
    /// From everything to what always fits.
    pub(super) const STEPS: [Self; 4] = [
        Self { entries_max: usize::MAX, words: true },
        Self { entries_max: 20, words: true },
        Self { entries_max: 20, words: false },
        Self { entries_max: 0, words: false },
    ];
}

/// What is told, and what was left out of it.
pub(super) struct Told {
    pub(super) data: Value,
    pub(super) omitted: Vec<&'static str>,
}

/// What the record does not know.
pub(super) struct Around<'a> {
    /// The row, whole, where the event is about one.
    pub(super) row: Option<&'a Row>,
    /// The other customer of a transfer.
    pub(super) other: Option<&'a Arc<CustomerNames>>,
}

/// The event's data.
pub(super) fn tell(what: &What<'_>, around: &Around<'_>, fit: Fit) -> Told {
    let mut teller = Teller { fit, omitted: Vec::new() };
    let data = teller.tell(what, around);
    Told { data, omitted: teller.omitted }
}

struct Teller {
    fit: Fit,
    omitted: Vec<&'static str>,
}

impl Teller {
    fn granted(granted: &Granted) -> Value {
        let (status, wallet, tranche, credits, reason) = match &granted.landed {
            Landed::Minted { wallet, row, .. } => {
                ("applied", Some(*wallet), Some(row.tranche), row.terms.original, None)
            }
            Landed::Skipped(why) => ("skipped", None, None, Credits::ZERO, Some(why.as_str())),
        };
        json!({
            "grant_id": Id::from(granted.key.grant),
            "subscription_id": granted.key.subscription.map(Id::from),
            "period": granted.period,
            "period_start": Time(granted.at),
            "period_end": granted.ends_at.filter(|end| *end < Timestamp::MAX).map(Time),
            "status": status,
            "reason": reason,
            "wallet_id": wallet.map(Id::from),
            "tranche_id": tranche.map(Id::from),
            "credits": Dec::from(credits),
        })
    }

    fn tell(&mut self, what: &What<'_>, around: &Around<'_>) -> Value {
        match what {
            What::Customer(identity) => self.customer(identity),
            What::Wallet(head) => self.wallet(head),
            What::Row(_) => around.row.map_or(Value::Null, |row| self.row(row)),
            What::Hold { hold, step, at } => self.hold(hold, *step, *at),
            What::Settled(settled) => self.settled(settled),
            What::Voided { invoice, back } => {
                let credits: Credits = back.rows.iter().map(|row| row.credits).sum();
                json!({"invoice_id": invoice, "status": "voided", "credits": Dec::from(credits)})
            }
            What::Sent { sent, to } => json!({
                "transfer_id": Id::from(sent.out.id),
                "status": if sent.arrived.is_some() { "completed" } else { "in_transit" },
                "to_customer_id": around.other.map_or(*to, |names| &names.id),
                "to_wallet_id": Id::from(sent.out.to_wallet),
                "credits": Dec::from(sent.out.credits),
            }),
            What::Received { transfer, wallet, credits, .. } => json!({
                "transfer_id": Id::from(*transfer),
                "status": "completed",
                "from_customer_id": around.other.map(|names| &*names.id),
                "wallet_id": Id::from(*wallet),
                "credits": Dec::from(*credits),
            }),
            What::Ended { transfer, status } => {
                json!({"transfer_id": Id::from(*transfer), "status": status})
            }
            What::Recharge(recharge) => recharged(recharge),
            What::HeldBack(wallet, held_back) => json!({
                "wallet_id": Id::from(*wallet),
                "reason": held_back.by.as_str(),
                "until": held_back.until.map(Time),
                "effective_at": Time(held_back.at),
            }),
            What::Alert(change) => json!({
                "alert_id": change.id.to_string(),
                "wallet_id": Id::from(change.wallet),
                "alert_state": change.to.as_str(),
                "previous_alert_state": change.from.as_str(),
                "credit_balance": Dec::from(change.posted),
                "runway_s": change.runway_s,
                "effective_at": Time(change.at),
            }),
            What::Resumed(wallet) => json!({"wallet_id": Id::from(*wallet)}),
            What::Endpoint(endpoint) => json!({
                "endpoint_id": Id::from(endpoint.id),
                "url": endpoint.url,
                "reason": endpoint.disabled.map(|(_, why)| why.as_str()),
                "disabled_at": endpoint.disabled.map(|(at, _)| Time(at)),
            }),
            What::Budget(budget) => self.budget(budget),
            What::NoBudget(name) => json!({"budget_id": name}),
            What::Subscription(subscription, status) => json!({
                "subscription_id": subscription.name,
                "plan_id": subscription.plan,
                "status": status,
                "start": subscription.start.map(Time),
                "time_zone": subscription.zone,
                "created_at": Time(subscription.created_at),
            }),
            What::Grant(grant) => json!({
                "grant_id": Id::from(grant.key.grant),
                "subscription_id": grant.key.subscription.map(Id::from),
                "wallet_id": grant.wallet.map(Id::from),
                "credits": Dec::from(grant.rule.credits),
                "priority": grant.priority,
                "end_date": grant.rule.end.map(Time),
                "next_period": grant.next.period,
                "next_period_at": (grant.next.at < Timestamp::MAX).then_some(Time(grant.next.at)),
            }),
            What::NoGrant(key) => json!({
                "grant_id": Id::from(key.grant),
                "subscription_id": key.subscription.map(Id::from),
            }),
            What::Granted(granted) => Self::granted(granted),
            What::RolledOver(rolled) => json!({
                "grant_id": Id::from(rolled.key.grant),
                "subscription_id": rolled.key.subscription.map(Id::from),
                "period": rolled.period,
                "wallet_id": Id::from(rolled.out.wallet),
                "credits": Dec::from(rolled.terms.original),
                "from_tranche_id": Id::from(rolled.from),
                "tranche_id": Id::from(rolled.tranche),
                "effective_at": Time(rolled.at),
            }),
            What::Usage { event, priced, taken, uncollected } => json!({
                "source": event.source,
                "event_id": event.id,
                "event_timestamp": Time(event.timestamp),
                "meter": event.metered.meter,
                "quantity": Dec::from(event.metered.quantity),
                "feature": event.charge.feature,
                "credits": priced.map(|priced| Dec::from(priced.credits)),
                "rate_card": priced.map(|priced| card(priced.card, priced.version)),
                "taken": Dec::from(*taken),
                "uncollected": Dec::from(uncollected.map_or(Credits::ZERO, |unpaid| unpaid.credits)),
            }),
        }
    }

    /// A list, cut to what fits.
    fn list<T>(&mut self, name: &'static str, all: &[T], one: impl Fn(&T) -> Value) -> Value {
        if all.len() > self.fit.entries_max {
            self.omitted.push(name);
        }
        all.iter().take(self.fit.entries_max).map(one).collect()
    }

    /// The caller's own words.
    fn words<T: Serialize>(&mut self, name: &'static str, words: Option<T>) -> Value {
        match words {
            Some(words) if self.fit.words => json!(words),
            Some(_) => {
                self.omitted.push(name);
                Value::Null
            }
            None => Value::Null,
        }
    }

    fn metadata(&mut self, metadata: &Metadata) -> Value {
        let given = (!metadata.is_empty() || self.fit.words).then_some(Pairs(metadata));
        self.words("metadata", given)
    }

    fn customer(&mut self, identity: &Identity) -> Value {
        let profile = &identity.profile;
        json!({
            "external_id": identity.external_id,
            "status": if identity.deleted { "deleted" } else { "published" },
            "name": self.words("name", profile.name.as_ref()),
            "email": self.words("email", profile.email.as_ref()),
            "timezone": profile.timezone,
            "metadata": self.metadata(&profile.metadata),
            "created_at": Time(identity.created_at),
            "updated_at": Time(identity.updated_at),
        })
    }

    fn wallet(&mut self, head: &WalletHead) -> Value {
        let rate = head.unit.conversion_rate;
        json!({
            "id": Id::from(head.id),
            "name": head.name,
            "description": self.words("description", head.description.as_ref()),
            "metadata": self.metadata(&head.metadata),
            "wallet_type": wallet_type(head.wallet_type),
            "wallet_status": wallet_status(head.status),
            "currency": head.unit.currency.as_str(),
            "price_unit": head.unit.price_unit.as_ref().map(|code| code.as_str()),
            "conversion_rate": Dec::from(rate),
            "topup_conversion_rate": Dec::from(head.topup_conversion_rate),
            "credit_balance": Dec::from(head.posted),
            "balance": worth(head.posted, rate),
            "held": Dec::from(head.held),
            "debt": Dec::from(head.debt),
            "priority": head.priority,
            "overdraft_limit": Dec::from(head.overdraft_limit),
            "allowed_price_types": price_types(head.allowed_price_types),
            "auto_topup": rules::auto_topup(head.rules.as_deref()),
            "alert_settings": rules::alert_settings(head.rules.as_deref()),
            "created_at": Time(head.created_at),
            "updated_at": Time(head.updated_at),
        })
    }

    fn row(&mut self, row: &Row) -> Value {
        json!({
            "id": Id::from(row.id),
            "wallet_id": Id::from(row.wallet),
            "sequence": row.sequence,
            "type": row.row_type,
            "transaction_reason": row.reason,
            "transaction_status": row.status,
            "credit_amount": Dec::from(row.credits),
            "amount": row.amount.map(Dec::from),
            "currency": row.currency.as_ref().map(|currency| currency.as_str()),
            "charged": row.charged.map(Dec::from),
            "credit_balance_before": row.balance_before.map(Dec::from),
            "credit_balance_after": row.balance_after.map(Dec::from),
            "repaid": Dec::from(row.repaid),
            "slices": self.list("slices", &row.parts, part),
            "tranche_id": row.tranche.map(Id::from),
            "expiry_date": row.expires_at.map(Time),
            "parent_transaction_id": row.parent.map(Id::from),
            "completes_transaction_id": row.completes.map(Id::from),
            "invoice_id": row.invoice,
            "hold_id": row.hold.map(Id::from),
            "transfer_id": row.transfer.map(Id::from),
            "rate_card": row.card.map(|(id, version)| card(id, version)),
            "reference_type": row.reference_type,
            "reference_id": row.reference_id,
            "description": self.words("description", row.description.as_ref()),
            "metadata": row.metadata.as_ref().map(|metadata| self.metadata(metadata)),
            "idempotency_key": row.idempotency_key,
            "created_by": row.by.map(Id::from),
            "effective_at": Time(row.effective_at),
        })
    }

    fn hold(&mut self, hold: &Hold, step: Option<&HoldStep>, at: Timestamp) -> Value {
        let charge = &hold.charge;
        let taken = step.and_then(|step| step.taken.as_ref());
        json!({
            "hold_id": Id::from(hold.id),
            "status": hold.status.as_str(),
            "wallet_id": Id::from(hold.wallet),
            "credits": Dec::from(hold.credits),
            "captured": Dec::from(hold.captured),
            "released": Dec::from(hold.released),
            "held": Dec::from(hold.held()),
            "captured_now": taken.map(|taken| Dec::from(taken.credits)),
            "shortfall": taken.map(|taken| Dec::from(taken.shortfall)),
            "over_capture": hold.over_capture.as_str(),
            "price_type": price_type(charge.price_type),
            "feature": charge.feature,
            "budget_id": charge.budget,
            "rate_card": hold.priced.as_ref().map(|priced| card(priced.card, priced.version)),
            "slices": self.list("slices", &hold.pins, slice),
            "placed_at": Time(hold.placed_at),
            "expires_at": Time(hold.expires_at),
            "effective_at": Time(at),
        })
    }

    fn settled(&mut self, settled: &Settled) -> Value {
        json!({
            "invoice_id": settled.invoice,
            "status": "settled",
            "currency": settled.currency.as_str(),
            "paid": Dec::from(settled.paid),
            "shortfall": Dec::from(settled.shortfall),
            "lines": self.list("lines", &settled.lines, line),
        })
    }

    fn budget(&mut self, budget: &Budget) -> Value {
        json!({
            "budget_id": budget.id,
            "parent_id": budget.parent,
            "currency": budget.currency.as_str(),
            "price_unit": budget.price_unit.as_ref().map(|code| code.as_str()),
            "limits": self.list("limits", &budget.limits, limit),
        })
    }
}

/// A purchase: what to charge, under which key, and how far that is.
fn recharged(recharge: &Recharge) -> Value {
    json!({
        "recharge_id": recharge.id.to_string(),
        "wallet_id": Id::from(recharge.wallet),
        "origin": recharge.origin.as_str(),
        "status": recharge.status.as_str(),
        "reason": recharge.reason.map(RechargeReason::as_str),
        "credits": Dec::from(recharge.credits()),
        "currency": recharge.currency.as_str(),
        "charged": Dec::from(recharge.charged()),
        "credit_is_there": recharge.is_trusted(),
        "invoice_id": recharge.invoice.map(|invoice| invoice.to_string()),
        "begun_at": Time(recharge.begun_at),
        "expires_at": recharge.expires_at.map(Time),
        "ended_at": recharge.ended_at.map(Time),
    })
}

fn limit(limit: &BudgetLimit) -> Value {
    json!({"window": limit.window.as_str(), "credits": Dec::from(limit.credits)})
}

fn line(line: &SettledLine) -> Value {
    json!({
        "id": line.id,
        "amount": Dec::from(line.amount),
        "paid": Dec::from(line.paid),
        "shortfall": Dec::from(line.shortfall),
    })
}

fn slice(slice: &Slice) -> Value {
    let tranche = match &slice.giver {
        Giver::Tranche { id, terms } => Some(crate::feed::history::OfTranche::of(*id, terms)),
        Giver::Overdraft => None,
    };
    part(&Part { wallet: slice.wallet, credits: slice.credits, tranche })
}

fn part(part: &Part) -> Value {
    let tranche = part.tranche.as_ref();
    json!({
        "tranche_id": tranche.map(|tranche| Id::from(tranche.id)),
        "wallet_id": Id::from(part.wallet),
        "credits": Dec::from(part.credits),
        "source": tranche.map_or("overdraft", |tranche| &tranche.source),
        "cost_basis": tranche.map_or(Some(Dec::ZERO), |tranche| cost_basis(tranche.paid, tranche.original)),
        "expires_at": tranche.and_then(|tranche| tranche.expires_at).map(Time),
    })
}

fn card(id: RateCardId, version: u64) -> Value {
    json!({"id": Id::from(id), "version": version})
}

/// Credits in money, half-even; they may be negative. `None` = more than 12 integer digits.
fn worth(credits: Credits, rate: Rate) -> Option<Dec> {
    if credits.is_negative() {
        return Money::of_credits_half_even(-credits, rate).map(|money| Dec(-money.0));
    }
    Money::of_credits_half_even(credits, rate).map(Dec::from)
}

const fn wallet_status(status: WalletStatus) -> &'static str {
    match status {
        WalletStatus::Active => "active",
        WalletStatus::Frozen => "frozen",
        WalletStatus::Closed => "closed",
    }
}

const fn wallet_type(wallet_type: WalletType) -> &'static str {
    match wallet_type {
        WalletType::PrePaid => "PRE_PAID",
        WalletType::PostPaid => "POST_PAID",
    }
}

const fn price_type(price_type: PriceType) -> &'static str {
    match price_type {
        PriceType::Usage => "USAGE",
        PriceType::Fixed => "FIXED",
    }
}

const fn price_types(price_types: PriceTypes) -> &'static [&'static str] {
    match price_types {
        PriceTypes { all: true, .. } => &["ALL"],
        PriceTypes { usage: true, fixed: true, .. } => &["USAGE", "FIXED"],
        PriceTypes { usage: true, .. } => &["USAGE"],
        PriceTypes { fixed: true, .. } => &["FIXED"],
        PriceTypes { .. } => &[],
    }
}
