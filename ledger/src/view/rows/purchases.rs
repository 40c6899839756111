//! Rows of purchases: bought, paid, not paid.

use super::list::Rows;
use super::{MoveKind, Moved, Reference, RowReason, RowStatus, RowType, RowView};
use crate::fact::{CreditRow, RechargeEnd, Unpaid};
use crate::ids::RowId;
use crate::recharge::Recharge;

impl<'a> Rows<'a> {
    /// A recharge that an operation set off: nobody asked for it.
    pub(super) fn recharge(&mut self, recharge: &'a Recharge) {
        self.reference = Some(Reference::Recharge(recharge.id));
        self.purchase(recharge);
        self.reference = None;
    }

    /// What was bought. Until it is paid it is in no balance, and moves nothing.
    pub(super) fn purchase(&mut self, recharge: &'a Recharge) {
        let rows = recharge.rows.iter().map(|row| &**row);
        if !recharge.is_pending_credit() {
            return self.credits(rows, recharge.wallet, recharge.currency);
        }
        let first = self.list.len();
        for credit in rows {
            let row = RowView {
                status: RowStatus::Pending,
                parent: self.parent(first),
                ..self.bought(recharge, credit)
            };
            self.list.push(row);
        }
    }

    /// A purchase that was paid, or that was trusted and is not paid.
    pub(super) fn recharge_end(&mut self, end: &'a RechargeEnd) {
        let (recharge, first) = (&end.recharge, self.list.len());
        for (credit, number) in end.rows.iter().zip(recharge.row.1..) {
            self.moved_credit(recharge.wallet, credit);
            let begun = RowId::new(recharge.begun_at, recharge.row.0, number);
            let row = RowView {
                status: if credit.posting.is_some() { RowStatus::Completed } else { RowStatus::Scheduled },
                completes: Some(begun),
                parent: self.parent(first),
                ..self.bought(recharge, credit)
            };
            self.list.push(row);
        }
        for unpaid in &end.unpaid {
            let of =
                recharge.rows.iter().zip(recharge.row.1..).find(|(row, _)| row.tranche == unpaid.tranche);
            let begun = of.map(|(_, number)| RowId::new(recharge.begun_at, recharge.row.0, number));
            self.unpaid(recharge, unpaid, begun);
        }
    }

    fn bought(&self, recharge: &Recharge, credit: &CreditRow) -> RowView<'a> {
        RowView {
            credits: credit.terms.original,
            amount: Some(credit.amount),
            currency: Some(recharge.currency),
            charged: credit.charged,
            tranche: Some(credit.tranche),
            repaid: credit.repaid,
            // The past only orders; the future is when it counts.
            effective_at: self.effective_at.max(credit.terms.effective_at),
            ..self.row(
                recharge.wallet,
                credit.posting.as_ref(),
                RowType::Credit,
                RowReason::Credit(credit.reason),
            )
        }
    }

    /// What is left of it goes; what was spent of it is owed.
    fn unpaid(&mut self, recharge: &Recharge, unpaid: &'a Unpaid, of: Option<RowId>) {
        let wallet = recharge.wallet;
        let tranche = Moved::Tranche { id: unpaid.tranche, terms: Some(&unpaid.terms) };
        let Some(posting) = &unpaid.posting else {
            if unpaid.taken.is_positive() {
                self.moved_without_row(wallet, tranche, MoveKind::Cancelled, unpaid.taken);
            }
            return;
        };
        if unpaid.taken.is_positive() {
            self.moved(wallet, tranche, MoveKind::Voided, unpaid.taken);
        }
        if unpaid.owed.is_positive() {
            self.moved(wallet, Moved::Debt, MoveKind::Spent, unpaid.owed);
        }
        let row = RowView {
            credits: unpaid.taken + unpaid.owed,
            tranche: Some(unpaid.tranche),
            parent: of,
            ..self.row(wallet, Some(posting), RowType::Debit, RowReason::CreditVoided)
        };
        self.list.push(row);
    }
}
