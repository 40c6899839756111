//! What the shell does for a decision: it reads old records back and looks at the receiver of a transfer.

use coffer_ledger::command::{Command, CreditReason};
use coffer_ledger::ids::{LogPosition, RowId};
use coffer_ledger::looked_up::{LookedUp, Receiver, old_credits, old_debit, old_settlement};
use coffer_ledger::record::Record;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::view;

use super::World;

/// How a transfer names its own customer as the receiver.
pub(crate) const MYSELF: &str = "acme";

impl World {
    /// What a command needs of what is closed; a refusal if what it names is not there.
    pub(crate) fn look_up(&self, command: &Command) -> Result<Option<LookedUp>, Refusal> {
        match command {
            Command::Refund(ask) => {
                let record = self.record(ask.row.position())?;
                let old = old_debit(record, ask.row.position(), ask.row.row())?;
                Ok(Some(LookedUp::Debit(old)))
            }
            Command::VoidCredit(ask) => {
                let record = self.record(ask.row.position())?;
                let old = old_credits(record, ask.row.position(), ask.row.row())?;
                Ok(Some(LookedUp::Credits(old)))
            }
            Command::VoidInvoice { invoice } => match self.customer.invoices.get(invoice) {
                Some(found) => {
                    let record = self.record(found.settled)?;
                    Ok(Some(LookedUp::Debit(old_settlement(record, found.settled)?)))
                }
                None => Ok(None),
            },
            Command::Transfer(ask) if &*ask.to_customer == MYSELF => {
                Ok(Some(LookedUp::Receiver(self.as_receiver())))
            }
            Command::Transfer(_) => {
                let neighbour = self.neighbour.clone().ok_or(Refusal::NotFound("receiver"))?;
                Ok(Some(LookedUp::Receiver(neighbour)))
            }
            Command::Atomic(items) => {
                let each = items.iter().enumerate().map(|(index, item)| {
                    self.look_up(item).map_err(|refusal| Refusal::Item { index, refusal: Box::new(refusal) })
                });
                Ok(Some(LookedUp::Each(each.collect::<Result<_, _>>()?)))
            }
            _ => Ok(None),
        }
    }

    fn record(&self, position: LogPosition) -> Result<&Record, Refusal> {
        let found = self.log.iter().find(|(_, other)| *other == position);
        found.map(|(record, _)| record).ok_or(Refusal::NotFound("transaction"))
    }

    /// This customer as others see it.
    pub(crate) fn as_receiver(&self) -> Receiver {
        let wallets = self.customer.wallets.iter();
        Receiver {
            customer: self.customer.number,
            wallets: wallets
                .map(|wallet| (wallet.head.id, wallet.head.unit.clone(), wallet.head.status))
                .collect(),
        }
    }

    /// The rows of every record so far for which `wanted` holds, oldest first.
    pub(crate) fn rows_where(&self, wanted: impl Fn(&view::RowView) -> bool) -> Vec<RowId> {
        let rows = self.log.iter().flat_map(|(record, position)| view::rows(record, *position));
        rows.filter(|row| wanted(row)).map(|row| row.id).collect()
    }

    /// The rows of all debits and credits that somebody asked for.
    pub(crate) fn rows_of_debits(&self) -> Vec<RowId> {
        const REASONS: [&str; 4] = ["USAGE_DEBIT", "HOLD_CAPTURE", "MANUAL_BALANCE_DEBIT", "INVOICE_PAYMENT"];
        self.rows_where(|row| REASONS.contains(&row.reason.as_str()))
    }

    /// The rows of all credits that somebody asked for.
    pub(crate) fn rows_of_credits(&self) -> Vec<RowId> {
        let purchase = CreditReason::PurchasedCreditDirect.as_str();
        let invoiced = CreditReason::PurchasedCreditInvoiced.as_str();
        let free = CreditReason::FreeCreditGrant.as_str();
        let others = [CreditReason::CreditNote.as_str(), CreditReason::PurchasedCreditBonus.as_str()];
        self.rows_where(|row| {
            let reason = row.reason.as_str();
            reason == purchase || reason == invoiced || reason == free || others.contains(&reason)
        })
    }
}
