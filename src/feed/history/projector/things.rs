//! What a record says beside its rows: wallets, holds, invoices, transfers, events, recharges, alerts.

use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Command, Event};
use coffer_ledger::fact::{Due, Effect, HoldEnd, Landed, Priced, Settled, TransferSent, Uncollected};
use coffer_ledger::granting::head_of;
use coffer_ledger::hold::{Hold, HoldStatus};
use coffer_ledger::ids::RowId;
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_ledger::wallet::{WalletHead, WalletStatus};

use super::{Known, Of, Projector, rules};
use crate::feed::history::StoreError;
use crate::feed::history::batch::{
    Batch, EventLine, HoldLife, RecordAt, Settlement, SettlementVoided, TransferLife, WalletLife,
};

impl Projector {
    /// Enters them into the batch.
    pub(super) fn note_things(
        &mut self,
        of: Of,
        record: &Record,
        known: &dyn Known,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        self.note_due(of, &record.facts.due, known, batch)?;
        let first = RowId::new(record.facts.at, of.position, record.facts.first_row());
        self.note_effect(of, &record.facts.effect, &record.command, (first, record.facts.at), known, batch)?;
        if let Some(set_off) = &record.facts.set_off {
            rules::set_off(of, set_off, batch);
        }
        Ok(())
    }

    /// What happened by itself.
    fn note_due(
        &mut self,
        of: Of,
        due: &[Due],
        known: &dyn Known,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        for happened in due {
            match happened {
                Due::HoldExpired(end) => hold_end(of, end, batch),
                Due::Granted(granted) => {
                    if let Landed::Minted { made: Some(made), .. } = &granted.landed {
                        self.note_wallet(of, &head_of(made, granted.at), known, batch)?;
                    }
                }
                Due::RechargeExpired(end) => rules::recharge(of, &end.recharge, batch),
                Due::Expired { .. } | Due::Started { .. } | Due::RolledOver(_) => {}
            }
        }
        Ok(())
    }

    fn note_effect(
        &mut self,
        of: Of,
        effect: &Effect,
        command: &Command,
        (first, at): (RowId, Timestamp),
        known: &dyn Known,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let recorded = RecordAt { position: of.position, at };
        match effect {
            Effect::WalletCreated { wallet, .. } | Effect::WalletSet(wallet) => {
                self.note_wallet(of, wallet, known, batch)?;
            }
            Effect::WalletClosed { wallet, released, .. } => {
                released.iter().for_each(|end| hold_end(of, end, batch));
                self.note_wallet(of, wallet, known, batch)?;
            }
            Effect::Held(step) => hold(of, &step.hold, at, batch),
            Effect::InvoiceSettled(settled) => batch.settled.push(settlement(of, settled, recorded)),
            Effect::InvoiceVoided { invoice, .. } => batch.voided.push(SettlementVoided {
                customer: of.customer,
                invoice: invoice.clone(),
                voided: recorded,
            }),
            Effect::TransferSent(sent) => batch.sent.push(transfer(of, sent, recorded)),
            Effect::TransferDone(id) => batch.ended.push((*id, "completed", recorded)),
            Effect::TransferReturned { transfer, .. } => batch.ended.push((*transfer, "returned", recorded)),
            Effect::EventRecorded { priced, taken, uncollected, .. } => {
                if let Command::Event(event) = command {
                    let row = taken.as_ref().map(|_| first);
                    batch.events.push(event_line(of, event, *priced, *uncollected, row, recorded));
                }
            }
            Effect::Atomic(effects) => {
                let Command::Atomic(items) = command else { return Ok(()) };
                for (effect, item) in effects.iter().zip(items) {
                    self.note_effect(of, effect, item, (first, at), known, batch)?;
                }
            }
            Effect::Recharged { recharge, .. } => rules::recharge(of, recharge, batch),
            Effect::RechargeEnded(end) => rules::recharge(of, &end.recharge, batch),
            Effect::Subscribed(subscribed) => self.note_due(of, &subscribed.minted, known, batch)?,
            Effect::GrantSet(set) => self.note_due(of, &set.minted, known, batch)?,
            Effect::Ticked
            | Effect::Unsubscribed(_)
            | Effect::GrantRemoved(_)
            | Effect::PlansFollowed(_)
            | Effect::CustomerSet(_)
            | Effect::ToppedUp { .. }
            | Effect::Debited(_)
            | Effect::ManuallyDebited { .. }
            | Effect::Refunded(_)
            | Effect::CreditVoided(_)
            | Effect::TransferReceived { .. }
            | Effect::TransferForgotten(_)
            | Effect::BudgetSet(_)
            | Effect::BudgetDeleted(_)
            | Effect::AutoTopupResumed(_) => {}
        }
        Ok(())
    }

    /// Its debt is entered move by move, and so not taken from the head.
    fn note_wallet(
        &mut self,
        of: Of,
        head: &WalletHead,
        known: &dyn Known,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let before = match self.wallets.get(&head.id) {
            Some(wallet) => Some(wallet.debt),
            None => known.wallet(head.id)?.map(|wallet| wallet.debt),
        };
        let debt = before.unwrap_or(Credits::ZERO);
        let life = WalletLife {
            tenant: of.tenant,
            customer: of.customer,
            unit: head.unit.clone(),
            topup_conversion_rate: head.topup_conversion_rate,
            status: status_name(head.status).into(),
            created_at: head.created_at,
            debt,
        };
        self.wallets.insert(head.id, life.clone());
        batch.wallets.insert(head.id, life);
        Ok(())
    }
}

const fn status_name(status: WalletStatus) -> &'static str {
    match status {
        WalletStatus::Active => "active",
        WalletStatus::Frozen => "frozen",
        WalletStatus::Closed => "closed",
    }
}

fn hold_end(of: Of, end: &HoldEnd, batch: &mut Batch) {
    hold(of, &end.hold, end.at, batch);
}

fn hold(of: Of, hold: &Hold, at: Timestamp, batch: &mut Batch) {
    let ended_at = match hold.status {
        HoldStatus::Open => None,
        HoldStatus::Captured | HoldStatus::Released | HoldStatus::Expired => Some(at),
    };
    let Of { tenant, customer, position } = of;
    batch.holds.insert(hold.id, HoldLife { tenant, customer, hold: hold.clone(), ended_at, last: position });
}

fn settlement(of: Of, settled: &Settled, recorded: RecordAt) -> Settlement {
    Settlement {
        tenant: of.tenant,
        customer: of.customer,
        invoice: settled.invoice.clone(),
        currency: settled.currency,
        paid: settled.paid,
        shortfall: settled.shortfall,
        settled: recorded,
    }
}

/// Between wallets of one customer it arrives at once.
fn transfer(of: Of, sent: &TransferSent, recorded: RecordAt) -> TransferLife {
    TransferLife {
        id: sent.out.id,
        tenant: of.tenant,
        from: of.customer,
        to: sent.out.to,
        credits: sent.out.credits,
        status: if sent.arrived.is_some() { "completed" } else { "in_transit" },
        sent: recorded,
    }
}

fn event_line(
    of: Of,
    event: &Event,
    priced: Option<Priced>,
    uncollected: Option<Uncollected>,
    row: Option<RowId>,
    recorded: RecordAt,
) -> EventLine {
    EventLine {
        tenant: of.tenant,
        customer: of.customer,
        source: event.source.clone(),
        event: event.id.clone(),
        happened_at: event.timestamp,
        meter: event.metered.meter.clone(),
        quantity: event.metered.quantity,
        priced: priced.map(|priced| (priced.card, priced.version, priced.credits)),
        uncollected: uncollected.map_or(Credits::ZERO, |uncollected| uncollected.credits),
        row,
        recorded,
    }
}
