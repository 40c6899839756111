//! Rows of what does not only come or go: holds, refunds, voids, invoices, transfers.

use smallvec::SmallVec;

use super::list::Rows;
use super::{Reference, RowReason, RowType, RowView};
use crate::amount::Credits;
use crate::fact::{
    Arrived, BackTo, GivenBack, HoldEnd, HoldStep, HoldVerb, Lapsed, Settled, Slice, Voided, wallets_of,
};
use crate::ids::{RowId, WalletId};

impl<'a> Rows<'a> {
    /// A step of a hold that was asked for.
    pub(super) fn hold_step(&mut self, step: &'a HoldStep) {
        let first = self.list.len();
        self.reserved(&step.pinned, RowType::Hold, RowReason::Hold);
        if step.verb == HoldVerb::Placed {
            self.list[first..].iter_mut().for_each(|row| row.priced = step.hold.priced.as_ref());
        }
        if let Some(taken) = &step.taken {
            self.debits(taken, RowReason::HoldCapture);
        }
        self.reserved(&step.returned, RowType::Release, RowReason::HoldRelease);
        self.lapsed(&step.lapsed);
        if let Some(taken) = step.taken.as_ref().filter(|taken| taken.shortfall.is_positive()) {
            self.uncollected(Some(step.hold.wallet), taken.shortfall);
        }
    }

    /// A hold that ended at its deadline, or with its wallet.
    pub(super) fn hold_end(&mut self, end: &'a HoldEnd) {
        self.reference = Some(Reference::Hold(end.hold.id));
        let outer = std::mem::replace(&mut self.effective_at, end.at);
        self.reserved(&end.returned, RowType::Release, RowReason::HoldRelease);
        self.lapsed(&end.lapsed);
        self.effective_at = outer;
    }

    /// One row per wallet: its credits are reserved, or not any more.
    fn reserved(&mut self, slices: &'a [Slice], row_type: RowType, reason: RowReason) {
        let first = self.list.len();
        for wallet in wallets_of(slices) {
            let of_wallet = slices.iter().filter(|slice| slice.wallet == wallet);
            let row = RowView {
                credits: of_wallet.clone().map(|slice| slice.credits).sum(),
                slices: of_wallet.collect(),
                parent: self.parent(first),
                ..self.row(wallet, None, row_type, reason)
            };
            self.list.push(row);
        }
    }

    /// What came back and was gone at once.
    fn lapsed(&mut self, lapsed: &'a [Lapsed]) {
        for gone in lapsed {
            self.moved_lapse(gone);
            let reason = if gone.voided { RowReason::CreditVoided } else { RowReason::CreditExpired };
            let row = RowView {
                credits: gone.credits,
                tranche: Some(gone.tranche),
                ..self.row(gone.posting.wallet, Some(&gone.posting), RowType::Debit, reason)
            };
            self.list.push(row);
        }
    }

    /// Credits of a debit that came back. `of` is a row of that debit, where it is known.
    pub(super) fn given_back(&mut self, back: &'a GivenBack, of: Option<RowId>) {
        let row_of_each = back.row_of_each();
        for (number, came) in back.rows.iter().enumerate() {
            let of_row = back.slices.iter().zip(&row_of_each).filter(|(_, row)| **row == number);
            of_row.clone().for_each(|(part, _)| self.moved_back(part));
            let to_debt = of_row.clone().filter(|(part, _)| part.to == BackTo::Debt);
            let row = RowView {
                credits: came.credits,
                amount: Some(came.amount),
                repaid: to_debt.map(|(part, _)| part.slice.credits).sum(),
                slices: of_row.map(|(part, _)| &part.slice).collect(),
                parent: of.map(|of| RowId::at_ms(of.ms(), back.debit, came.of_row)),
                ..self.row(
                    came.posting.wallet,
                    Some(&came.posting),
                    RowType::Credit,
                    RowReason::Back(back.reason),
                )
            };
            self.list.push(row);
        }
        self.lapsed(&back.lapsed);
    }

    /// A credit that was taken back. What moves no balance, because it never counted or nothing was left, is a memo.
    pub(super) fn void(&mut self, void: &'a Voided) {
        self.moved_void(void);
        let row_type = if void.posting.is_some() { RowType::Debit } else { RowType::Memo };
        let row = RowView {
            credits: void.credits,
            tranche: Some(void.tranche),
            // What a refund made anew does not know its row.
            parent: (void.of.position().0 > 0).then_some(void.of),
            ..self.row(void.wallet, void.posting.as_ref(), row_type, RowReason::CreditVoided)
        };
        self.list.push(row);
    }

    /// An invoice's payments, line by line.
    pub(super) fn settlement(&mut self, settled: &'a Settled) {
        let first = self.list.len();
        for part in settled.lines.iter().flat_map(|line| &line.parts) {
            let posting = &part.row.posting;
            let slices: SmallVec<_> = part.slices.iter().collect();
            self.moved_slices(&slices, RowReason::InvoicePayment);
            let row = RowView {
                credits: part.row.credits,
                amount: Some(part.row.amount),
                currency: Some(settled.currency),
                slices,
                parent: self.parent(first),
                ..self.row(posting.wallet, Some(posting), RowType::Debit, RowReason::InvoicePayment)
            };
            self.list.push(row);
        }
    }

    /// Tranches that a transfer brought.
    pub(super) fn arrival(&mut self, arrived: &'a Arrived) {
        let first = self.list.len();
        for (at, came) in arrived.rows.iter().enumerate() {
            self.moved_arrival(arrived, at);
            let row = RowView {
                credits: came.terms.original,
                amount: Some(came.amount),
                tranche: Some(came.tranche),
                repaid: came.repaid,
                parent: self.parent(first),
                ..self.row(arrived.wallet, Some(&came.posting), RowType::Credit, RowReason::TransferIn)
            };
            self.list.push(row);
        }
        self.lapsed(&arrived.lapsed);
    }

    /// A memo: usage that nothing paid for. It moves no balance. Without a wallet there is no row.
    pub(super) fn uncollected(&mut self, wallet: Option<WalletId>, credits: Credits) {
        let Some(wallet) = wallet else { return };
        let row = RowView { credits, ..self.row(wallet, None, RowType::Memo, RowReason::Uncollected) };
        self.list.push(row);
    }
}
