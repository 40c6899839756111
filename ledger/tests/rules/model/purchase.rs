//! Purchases that are trusted to be paid, and what becomes of their credit when they are not: SEMANTICS §11.
//!
//! The customer owes what was spent of credit that nobody paid for, whenever that was, and nothing for what was not spent in the end: what a
//! hold gives back goes, and what comes back of a debit is less debt.

use coffer_ledger::ids::RechargeId;
use coffer_ledger::recharge::RechargeStatus;
use coffer_ledger::wallet::WalletStatus;

use super::number::Q;
use super::outcome::{Done, No, NotPaid};
use super::{Circumstances, Model, those, unless};

/// A purchase whose credit was there before it was paid.
#[derive(Clone, Debug)]
pub(crate) struct Purchase {
    pub(crate) id: Option<RechargeId>,
    pub(crate) wallet: usize,
    /// Its tranche, and its bonus.
    pub(crate) tranches: Vec<usize>,
    pub(crate) status: RechargeStatus,
    /// Whether somebody has said how its payment ended.
    pub(crate) told: bool,
}

impl Model {
    /// Notes a purchase that is trusted; where results are reported, one is waited for.
    pub(crate) fn trust(&mut self, wallet: usize, tranches: Vec<usize>, around: Circumstances) {
        let waits = around.settings.payment_result;
        let status = if waits { RechargeStatus::Pending } else { RechargeStatus::Completed };
        self.purchases.push(Purchase { id: None, wallet, tranches, status, told: false });
    }

    /// Too many wait.
    pub(crate) fn purchase_faults(&self, around: Circumstances) -> Vec<No> {
        let open = self.purchases.iter().filter(|one| one.status == RechargeStatus::Pending).count();
        let max = around.limits.recharges_open_max;
        those([(open >= max, No::Limit("recharges_open_max", max as u64))])
    }

    fn purchase(&self, id: RechargeId) -> Result<usize, Vec<No>> {
        self.known()?;
        let found = self.purchases.iter().position(|one| one.id == Some(id));
        found.ok_or_else(|| vec![No::NotFound])
    }

    pub(crate) fn complete_purchase(&mut self, id: RechargeId) -> Result<Done, Vec<No>> {
        let purchase = self.purchase(id)?;
        let waits = self.purchases[purchase].status == RechargeStatus::Pending;
        unless(those([(!waits, No::InvalidOperation)]))?;
        (self.purchases[purchase].status, self.purchases[purchase].told) = (RechargeStatus::Completed, true);
        Ok(Done::PurchaseEnded(purchase, RechargeStatus::Completed, Vec::new()))
    }

    /// Credit that is there is not called off.
    pub(crate) fn cancel_purchase(&self, id: RechargeId) -> Result<Done, Vec<No>> {
        self.purchase(id)?;
        Err(vec![No::InvalidOperation])
    }

    pub(crate) fn fail_purchase(&mut self, id: RechargeId) -> Result<Done, Vec<No>> {
        let purchase = self.purchase(id)?;
        unless(those([(self.purchases[purchase].told, No::InvalidOperation)]))?;
        (self.purchases[purchase].status, self.purchases[purchase].told) = (RechargeStatus::Failed, true);
        let wallet = self.purchases[purchase].wallet;
        let tranches = self.purchases[purchase].tranches.clone();
        // A closed wallet owes nothing any more.
        let is_open = self.wallets[wallet].status != WalletStatus::Closed;
        let lost =
            tranches.into_iter().filter(|_| is_open).map(|tranche| self.was_not_paid(tranche)).collect();
        Ok(Done::PurchaseEnded(purchase, RechargeStatus::Failed, lost))
    }

    /// What nobody uses goes; what was spent of it is owed.
    fn was_not_paid(&mut self, tranche: usize) -> NotPaid {
        let wallet = self.tranches[tranche].wallet;
        let before = self.posted(wallet);
        let (left, pinned) = match self.tranches[tranche].is_live() {
            true => (self.unpinned(tranche), self.pinned(tranche)),
            false => (Q::zero(), Q::zero()),
        };
        let block = &mut self.tranches[tranche];
        block.unpaid = true;
        if !block.started {
            block.cancelled = true;
            return NotPaid { tranche, taken: left, owed: Q::zero(), row: None };
        }
        let owed = block.spent();
        block.voided |= pinned.is_positive();
        if left.is_positive() {
            block.left.push(left.clone());
            block.unused.push(left.clone());
        }
        if owed.is_positive() {
            self.wallets[wallet].debt_moves.push(owed.clone());
        }
        let moved = &left + &owed;
        let row = moved.is_positive().then(|| {
            let row = self.write_row(wallet, before);
            self.line(wallet, "debit", "CREDIT_VOIDED", &moved, Some(row.clone()));
            row
        });
        NotPaid { tranche, taken: left, owed, row }
    }
}
