//! Books kept from the facts alone, without the model: I2's history of every tranche, I3, I4's chain of every wallet.

use std::collections::BTreeMap;

use coffer_ledger::amount::Credits;
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::{CreditRow, Debited, Due, Effect, Facts, Giver, Posting};
use coffer_ledger::ids::{CustomerNumber, LogPosition, TrancheId, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Terms;

/// A tranche as its credit row made it, and what became of its credits.
#[derive(Clone, Debug)]
pub(crate) struct Minted {
    pub(crate) id: TrancheId,
    pub(crate) terms: Terms,
    pub(crate) row: (LogPosition, u32),
    /// Spent (repayments included), expired and forfeited.
    gone: i128,
    cancelled: bool,
}

/// The books of one customer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// Every tranche ever, in the order of creation.
    pub(crate) minted: Vec<Minted>,
    last_rows: BTreeMap<WalletId, (u64, Credits)>,
}

type Checked = Result<(), String>;

impl Books {
    /// Enters the facts of one record; the sentence says what does not add up.
    pub(crate) fn write(&mut self, facts: &Facts, position: LogPosition, owner: CustomerNumber) -> Checked {
        for due in &facts.due {
            self.write_due(due)?;
        }
        let first_row = u32::try_from(facts.due.len()).expect("few");
        let mint = |row: u32| (position, first_row + row);
        match &facts.effect {
            Effect::Ticked | Effect::CustomerSet(_) | Effect::WalletSet(_) => Ok(()),
            Effect::WalletCreated { initial, .. } => {
                initial.iter().try_for_each(|row| self.write_credit(row, mint(0), facts.at, owner))
            }
            Effect::ToppedUp { rows, .. } => {
                (0..).zip(rows).try_for_each(|(at, row)| self.write_credit(row, mint(at), facts.at, owner))
            }
            Effect::Debited(debited) | Effect::ManuallyDebited { debited, .. } => self.write_debit(debited),
            Effect::WalletClosed { forfeits, posting, cancelled, .. } => {
                for forfeit in forfeits {
                    self.take(forfeit.tranche, forfeit.credits, &forfeit.terms)?;
                }
                for id in cancelled {
                    self.find(*id)?.cancelled = true;
                }
                posting.as_ref().map_or(Ok(()), |posting| self.chain(posting))
            }
            _ => todo!("wip"),
        }
    }

    /// I2, history: original = remaining + spent + expired + forfeited.
    pub(crate) fn check_against(&self, customer: &Customer) -> Checked {
        let live: BTreeMap<TrancheId, i128> = customer
            .wallets
            .iter()
            .flat_map(|wallet| &wallet.tranches)
            .map(|t| (t.id, t.remaining.0))
            .collect();
        for minted in &self.minted {
            let left = if minted.cancelled { 0 } else { minted.terms.original.0 - minted.gone };
            let has = live.get(&minted.id).copied().unwrap_or(0);
            ensure(left == has, || format!("I2: {minted:?} should have {left}, has {has}"))?;
        }
        ensure(live.len() <= self.minted.len(), || "I2: a live tranche that nobody minted".to_owned())
    }

    fn write_due(&mut self, due: &Due) -> Checked {
        match due {
            Due::Expired { tranche, credits, terms, posting } => {
                self.take(*tranche, *credits, terms)?;
                self.chain(posting)
            }
            Due::Started { tranche, repaid, row, posting, .. } => {
                let minted = self.find(*tranche)?;
                minted.gone += repaid.0;
                let from = minted.row;
                ensure(from == *row, || format!("started row {row:?}, was minted by {from:?}"))?;
                self.chain(posting)
            }
            Due::HoldExpired(_) => todo!("wip"),
        }
    }

    fn write_credit(
        &mut self,
        row: &CreditRow,
        at: (LogPosition, u32),
        now: Timestamp,
        owner: CustomerNumber,
    ) -> Checked {
        let id = row.tranche;
        let fresh = self.minted.iter().all(|minted| minted.id < id);
        ensure(fresh, || format!("{id:?} does not sort behind all earlier ones"))?;
        ensure(id.0.customer() == owner && id.0.ms() == now.ms(), || format!("{id:?} is packed wrongly"))?;
        let terms = row.terms.clone();
        self.minted.push(Minted { id, terms, row: at, gone: row.repaid.0, cancelled: false });
        row.posting.as_ref().map_or(Ok(()), |posting| self.chain(posting))
    }

    /// I3: Σ slices (overdraft included) = credits of the debit, also row by row. Different units have no sum.
    fn write_debit(&mut self, debited: &Debited) -> Checked {
        let slices = debited.slices.iter().filter(|_| !debited.mixed_units);
        let sum: i128 = slices.map(|slice| slice.credits.0).sum();
        ensure(sum == debited.credits.0, || format!("I3: slices {sum}, debit {:?}", debited.credits))?;
        for row in &debited.rows {
            let wallet = row.posting.wallet;
            let own = debited.slices.iter().filter(|slice| slice.wallet == wallet);
            let part: i128 = own.map(|slice| slice.credits.0).sum();
            ensure(part == row.credits.0, || {
                format!("I3: slices of {wallet:?} {part}, row {:?}", row.credits)
            })?;
            let moved = row.posting.before.0 - row.posting.after.0;
            ensure(moved == part, || format!("{wallet:?}: balance moves by {moved}, row by {part}"))?;
            self.chain(&row.posting)?;
        }
        for slice in &debited.slices {
            ensure(slice.credits.0 > 0, || "an empty slice".to_owned())?;
            if let Giver::Tranche { id, terms } = &slice.giver {
                self.take(*id, slice.credits, terms)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, id: TrancheId, credits: Credits, terms: &Terms) -> Checked {
        let minted = self.find(id)?;
        minted.gone += credits.0;
        let (original, gone) = (minted.terms.original.0, minted.gone);
        ensure(minted.terms == *terms, || format!("{id:?} was minted with other terms than {terms:?}"))?;
        ensure(gone <= original, || format!("I2: {id:?} of {original} gave {gone}"))
    }

    /// I4: gap-free, and each balance before = the balance after of the one before.
    fn chain(&mut self, posting: &Posting) -> Checked {
        let (sequence, after) = self.last_rows.get(&posting.wallet).copied().unwrap_or_default();
        let fits = posting.sequence == sequence + 1 && posting.before == after;
        self.last_rows.insert(posting.wallet, (posting.sequence, posting.after));
        ensure(fits, || format!("I4: {posting:?} does not follow row {sequence} with {after:?}"))
    }

    fn find(&mut self, id: TrancheId) -> Result<&mut Minted, String> {
        self.minted.iter_mut().find(|minted| minted.id == id).ok_or_else(|| format!("nobody minted {id:?}"))
    }
}

fn ensure(holds: bool, problem: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(problem()) }
}
