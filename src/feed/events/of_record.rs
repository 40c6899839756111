//! What happened in a record, in order: what was due by itself first, then what the request did. A function of the record alone, so that
//! an event is the same whenever it is derived, and its number in the record part of its id.
//!
//! A thing's event stands before the ledger rows of the same step, but for a closed wallet's, which is the last.

use coffer_ledger::alert::{AlertChange, AlertKind};
use coffer_ledger::amount::Credits;
use coffer_ledger::auto_topup::HeldBack;
use coffer_ledger::budget::Budget;
use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect, TenantRecord};
use coffer_ledger::catalog::webhook::WebhookEndpoint;
use coffer_ledger::command::{Command, Event as Usage};
use coffer_ledger::customer::Identity;
use coffer_ledger::fact::{
    Due, Effect, GivenBack, Granted, HoldEnd, HoldStep, HoldVerb, Priced, RechargeEnd, RolledOver, SetOff,
    Settled, TransferSent, Uncollected,
};
use coffer_ledger::grant::{Grant, GrantKey, Subscription};
use coffer_ledger::hold::{Hold, HoldStatus};
use coffer_ledger::ids::{LogPosition, TransferId, WalletId};
use coffer_ledger::recharge::{Recharge, RechargeStatus};
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_ledger::view::{self, RowType, RowView};
use coffer_ledger::wallet::WalletHead;

use super::kind::EventKind;

/// Something that happened, and what its event tells of it.
#[derive(Debug)]
pub(super) struct Happened<'a> {
    pub(super) kind: EventKind,
    pub(super) what: What<'a>,
}

/// What an event is about.
#[derive(Debug)]
pub(super) enum What<'a> {
    /// A customer as it is now.
    Customer(&'a Identity),
    /// A wallet as it is now.
    Wallet(&'a WalletHead),
    /// A ledger row.
    Row(Box<RowView<'a>>),
    /// A hold as it is now; the step that led there, unless it ended by itself.
    Hold { hold: &'a Hold, step: Option<&'a HoldStep>, at: Timestamp },
    /// A settled invoice.
    Settled(&'a Settled),
    /// An invoice whose settlement was put back.
    Voided { invoice: &'a str, back: &'a GivenBack },
    /// A transfer that left.
    Sent { sent: &'a TransferSent, to: &'a str },
    /// A transfer that arrived.
    Received { transfer: TransferId, wallet: WalletId, credits: Credits },
    /// A transfer that ended, at its sender.
    Ended { transfer: TransferId, status: &'static str },
    /// A purchase, as it is now.
    Recharge(&'a Recharge),
    /// An automatic top-up that did not begin.
    HeldBack(WalletId, &'a HeldBack),
    /// An alert that changed.
    Alert(&'a AlertChange),
    /// A wallet whose automatic top-up goes on.
    Resumed(WalletId),
    /// A webhook endpoint that is disabled.
    Endpoint(&'a WebhookEndpoint),
    /// A budget as it is now.
    Budget(&'a Budget),
    /// A budget that is gone.
    NoBudget(&'a str),
    /// A subscription, and whether it is active.
    Subscription(&'a Subscription, &'static str),
    /// A grant as it is now.
    Grant(&'a Grant),
    /// A grant that is gone.
    NoGrant(GrantKey),
    /// A period that began.
    Granted(&'a Granted),
    /// Credit that went on.
    RolledOver(&'a RolledOver),
    /// Usage.
    Usage { event: &'a Usage, priced: Option<Priced>, taken: Credits, uncollected: Option<Uncollected> },
}

/// Everything that happened in a customer's record.
pub(super) fn all<'a>(record: &'a Record, position: LogPosition) -> Vec<Happened<'a>> {
    let rows = view::rows(record, position);
    let mut walk = Walk { list: Vec::with_capacity(rows.len() + 1), rows: rows.into_iter() };
    record.facts.due.iter().for_each(|due| walk.due(due));
    let (facts, set_off) = (&record.facts, record.facts.set_off.as_deref());
    set_off.iter().filter_map(|all| all.before.as_deref()).for_each(|one| walk.recharge(one));
    walk.effect(&facts.effect, &record.command, facts.at);
    set_off.iter().for_each(|all| walk.set_off(all));
    walk.list
}

/// What happened in a tenant's own record.
pub(super) fn of_tenant(record: &TenantRecord) -> Vec<Happened<'_>> {
    match (&record.command, &record.facts.effect) {
        (TenantCommand::DisableWebhookEndpoint { .. }, TenantEffect::WebhookEndpointSet(endpoint)) => {
            vec![Happened { kind: EventKind::WebhookEndpointDisabled, what: What::Endpoint(endpoint) }]
        }
        _ => Vec::new(),
    }
}

struct Walk<'a> {
    list: Vec<Happened<'a>>,
    /// The rows that are not in the list yet.
    rows: std::vec::IntoIter<RowView<'a>>,
}

impl<'a> Walk<'a> {
    fn add(&mut self, kind: EventKind, what: What<'a>) {
        self.list.push(Happened { kind, what });
    }

    /// The next rows. What a hold reserves or lets go is told by the hold's event.
    fn rows(&mut self, count: u32) {
        for _ in 0..count {
            let Some(row) = self.rows.next() else { return };
            match row.row_type {
                RowType::Credit | RowType::Debit | RowType::Memo => {
                    self.add(EventKind::TransactionCreated, What::Row(Box::new(row)));
                }
                RowType::Hold | RowType::Release => {}
            }
        }
    }

    fn due(&mut self, due: &'a Due) {
        match due {
            Due::HoldExpired(end) => self.hold_end(end),
            Due::Expired { .. } | Due::Started { .. } => self.rows(due.rows()),
            Due::Granted(granted) => {
                self.add(EventKind::GrantApplied, What::Granted(granted));
                self.rows(due.rows());
            }
            Due::RolledOver(rolled) => {
                self.add(EventKind::GrantRolledOver, What::RolledOver(rolled));
                self.rows(due.rows());
            }
            Due::RechargeExpired(end) => {
                self.recharge_end(end);
                self.rows(due.rows());
            }
        }
    }

    fn hold_end(&mut self, end: &'a HoldEnd) {
        let kind = match end.hold.status {
            HoldStatus::Expired => Some(EventKind::HoldExpired),
            HoldStatus::Captured | HoldStatus::Released => Some(EventKind::HoldReleased),
            // The last part tells it.
            HoldStatus::Open => None,
        };
        if let Some(kind) = kind {
            self.add(kind, What::Hold { hold: &end.hold, step: None, at: end.at });
        }
        self.rows(end.rows());
    }

    /// A purchase that began.
    fn recharge(&mut self, recharge: &'a Recharge) {
        self.add(EventKind::RechargePending, What::Recharge(recharge));
        self.rows(u32::try_from(recharge.rows.len()).unwrap_or(u32::MAX));
    }

    fn recharge_end(&mut self, end: &'a RechargeEnd) {
        let kind = match end.recharge.status {
            RechargeStatus::Pending | RechargeStatus::Completed => EventKind::RechargeCompleted,
            RechargeStatus::Failed => EventKind::RechargeFailed,
            RechargeStatus::Cancelled => EventKind::RechargeCancelled,
        };
        self.add(kind, What::Recharge(&end.recharge));
    }

    /// What an operation set off, but for what stood before it.
    fn set_off(&mut self, all: &'a SetOff) {
        all.after.iter().for_each(|one| self.recharge(one));
        all.ended.iter().for_each(|end| self.recharge_end(end));
        for (wallet, held_back) in &all.held_back {
            self.add(EventKind::RechargeHeldBack, What::HeldBack(*wallet, held_back));
        }
        for change in &all.alerts {
            let kind = match (change.kind, change.to > change.from) {
                (AlertKind::Balance, true) => EventKind::CreditBalanceDropped,
                (AlertKind::Balance, false) => EventKind::CreditBalanceRecovered,
                (AlertKind::Runway, true) => EventKind::RunwayLow,
                (AlertKind::Runway, false) => EventKind::RunwayRecovered,
            };
            self.add(kind, What::Alert(change));
        }
    }

    fn effect(&mut self, effect: &'a Effect, command: &'a Command, at: Timestamp) {
        match effect {
            Effect::WalletClosed { wallet, released, .. } => {
                released.iter().for_each(|end| self.hold_end(end));
                let before: u32 = released.iter().map(HoldEnd::rows).sum();
                self.rows(effect.rows() - before);
                return self.add(EventKind::WalletTerminated, What::Wallet(wallet));
            }
            Effect::Atomic(effects) => {
                let Command::Atomic(items) = command else { return };
                let each = effects.iter().zip(items);
                return each.for_each(|(effect, item)| self.effect(effect, item, at));
            }
            Effect::CustomerSet(identity) => self.customer(identity, command),
            Effect::WalletCreated { customer, wallet, .. } => {
                self.made_beside(customer.as_deref());
                self.add(EventKind::WalletCreated, What::Wallet(wallet));
            }
            Effect::WalletSet(wallet) => self.add(EventKind::WalletUpdated, What::Wallet(wallet)),
            Effect::Held(step) => self.step(step, at),
            Effect::InvoiceSettled(settled) => self.add(EventKind::InvoiceSettled, What::Settled(settled)),
            Effect::InvoiceVoided { invoice, back } => {
                self.add(EventKind::InvoiceVoided, What::Voided { invoice, back });
            }
            Effect::TransferSent(sent) => {
                let Command::Transfer(asked) = command else { return };
                self.add(EventKind::TransferSent, What::Sent { sent, to: &asked.to_customer });
            }
            Effect::TransferReceived { transfer, arrived, .. } => {
                let credits = arrived.rows.iter().map(|row| row.terms.original).sum();
                let (transfer, wallet) = (*transfer, arrived.wallet);
                self.add(EventKind::TransferReceived, What::Received { transfer, wallet, credits });
            }
            Effect::TransferDone(id) => {
                let what = What::Ended { transfer: *id, status: "completed" };
                self.add(EventKind::TransferCompleted, what);
            }
            Effect::TransferReturned { transfer, .. } => {
                let what = What::Ended { transfer: *transfer, status: "returned" };
                self.add(EventKind::TransferReturned, what);
            }
            Effect::BudgetSet(budget) => self.add(EventKind::BudgetUpdated, What::Budget(budget)),
            Effect::Recharged { recharge, .. } => {
                self.add(EventKind::RechargePending, What::Recharge(recharge));
            }
            Effect::RechargeEnded(end) => self.recharge_end(end),
            Effect::AutoTopupResumed(wallet) => {
                self.add(EventKind::AutoTopupResumed, What::Resumed(*wallet));
            }
            Effect::BudgetDeleted(name) => self.add(EventKind::BudgetDeleted, What::NoBudget(name)),
            Effect::EventRecorded { customer, priced, taken, uncollected, .. } => {
                self.made_beside(customer.as_deref());
                let Command::Event(event) = command else { return };
                let taken = taken.as_ref().map_or(Credits::ZERO, |taken| taken.credits);
                let what = What::Usage { event, priced: *priced, taken, uncollected: *uncollected };
                self.add(EventKind::UsageRecorded, what);
            }
            Effect::Subscribed(subscribed) => {
                self.made_beside(subscribed.customer.as_deref());
                self.add(
                    EventKind::SubscriptionCreated,
                    What::Subscription(&subscribed.subscription, "active"),
                );
                return subscribed.minted.iter().for_each(|due| self.due(due));
            }
            Effect::Unsubscribed(left) => {
                self.add(EventKind::SubscriptionDeleted, What::Subscription(&left.subscription, "cancelled"));
            }
            Effect::GrantSet(set) => {
                self.add(EventKind::GrantUpdated, What::Grant(&set.grant));
                return set.minted.iter().for_each(|due| self.due(due));
            }
            Effect::GrantRemoved(removed) => self.add(EventKind::GrantDeleted, What::NoGrant(removed.key)),
            Effect::PlansFollowed(followed) => {
                followed.set.iter().for_each(|grant| self.add(EventKind::GrantUpdated, What::Grant(grant)));
                followed
                    .removed
                    .iter()
                    .for_each(|key| self.add(EventKind::GrantDeleted, What::NoGrant(*key)));
            }
            Effect::Ticked
            | Effect::ToppedUp { .. }
            | Effect::Debited(_)
            | Effect::ManuallyDebited { .. }
            | Effect::Refunded(_)
            | Effect::CreditVoided(_)
            | Effect::TransferForgotten(_) => {}
        }
        self.rows(effect.rows());
    }

    fn made_beside(&mut self, customer: Option<&'a Identity>) {
        if let Some(identity) = customer {
            self.add(EventKind::CustomerCreated, What::Customer(identity));
        }
    }

    fn customer(&mut self, identity: &'a Identity, command: &Command) {
        let kind = match command {
            Command::CreateCustomer { .. } => EventKind::CustomerCreated,
            Command::DeleteCustomer => EventKind::CustomerDeleted,
            _ => EventKind::CustomerUpdated,
        };
        self.add(kind, What::Customer(identity));
    }

    fn step(&mut self, step: &'a HoldStep, at: Timestamp) {
        let kind = match step.verb {
            HoldVerb::Placed => EventKind::HoldPlaced,
            HoldVerb::Grown => EventKind::HoldGrown,
            HoldVerb::Extended => EventKind::HoldExtended,
            HoldVerb::Captured => EventKind::HoldCaptured,
            HoldVerb::Released => EventKind::HoldReleased,
        };
        self.add(kind, What::Hold { hold: &step.hold, step: Some(step), at });
    }
}
