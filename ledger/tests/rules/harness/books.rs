//! Books kept from the facts alone, without the model: I2's history of every tranche, I3, I4's chain of every wallet, and that every
//! balance is what its rows add up to.

use std::collections::{BTreeMap, BTreeSet};

use coffer_ledger::amount::Credits;
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::{
    Arrived, BackTo, CreditRow, Debited, Due, Effect, Facts, GivenBack, Giver, HoldEnd, HoldStep, Landed,
    Lapsed, Posting, RechargeEnd, Slice, Voided,
};
use coffer_ledger::grant::GrantKey;
use coffer_ledger::hold::HoldStatus;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TrancheId, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Terms;

/// A tranche as it was made, and what became of its credits.
#[derive(Clone, Debug)]
pub(crate) struct Minted {
    pub(crate) id: TrancheId,
    pub(crate) terms: Terms,
    /// The row that made it, where its state must know that.
    pub(crate) row: Option<(LogPosition, u32)>,
    /// Spent, expired, voided, forfeited and moved, less what came back.
    gone: i128,
    cancelled: bool,
}

/// The books of one customer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// Every tranche ever, in the order of creation.
    pub(crate) minted: Vec<Minted>,
    /// I8: every period of every grant, once.
    periods: BTreeSet<(GrantKey, u32)>,
    /// Tranches whose payment failed: what comes back of them is less debt.
    never_paid: BTreeSet<TrancheId>,
    last_rows: BTreeMap<WalletId, (u64, Credits)>,
    /// Debt that was written off, by wallet: a closed wallet's balance is 0 whatever its rows add up to.
    written_off: BTreeMap<WalletId, i128>,
}

type Checked = Result<(), String>;

/// Where a record stands.
#[derive(Clone, Copy)]
struct Place {
    position: LogPosition,
    at: Timestamp,
    owner: CustomerNumber,
}

impl Books {
    /// Enters the facts of one record; the sentence says what does not add up.
    pub(crate) fn write(&mut self, facts: &Facts, position: LogPosition, owner: CustomerNumber) -> Checked {
        let place = Place { position, at: facts.at, owner };
        self.write_dues(&facts.due, 0, place)?;
        let mut chained = Vec::new();
        facts.each_posting(|posting| chained.push(*posting));
        chained.iter().try_for_each(|posting| self.chain(posting))?;
        self.write_effect(&facts.effect, facts.first_row(), place)
    }

    fn write_effect(&mut self, effect: &Effect, first_row: u32, place: Place) -> Checked {
        let row = |number: u32| Some((place.position, first_row + number));
        match effect {
            Effect::Ticked
            | Effect::CustomerSet(_)
            | Effect::WalletSet(_)
            | Effect::TransferDone(_)
            | Effect::TransferForgotten(_)
            | Effect::BudgetSet(_)
            | Effect::PlansFollowed(_)
            | Effect::BudgetDeleted(_) => Ok(()),
            Effect::Subscribed(subscribed) => self.write_dues(&subscribed.minted, first_row, place),
            Effect::GrantSet(set) => self.write_dues(&set.minted, first_row, place),
            Effect::Unsubscribed(left) => self.write_voids(&left.voided),
            Effect::GrantRemoved(removed) => self.write_voids(&removed.voided),
            Effect::WalletCreated { initial, .. } => {
                initial.iter().try_for_each(|credit| self.write_credit(credit, row(0), place))
            }
            Effect::ToppedUp { rows, .. } => {
                (0..).zip(rows).try_for_each(|(at, credit)| self.write_credit(credit, row(at), place))
            }
            Effect::Debited(debited) | Effect::ManuallyDebited { debited, .. } => self.write_debit(debited),
            Effect::WalletClosed { .. } => self.write_end(effect),
            Effect::Held(step) => self.write_step(step),
            Effect::Refunded(refunded) => self.write_back(&refunded.back, place),
            Effect::CreditVoided(voids) => self.write_voids(voids),
            Effect::InvoiceSettled(settled) => {
                let parts = settled.lines.iter().flat_map(|line| &line.parts);
                parts.flat_map(|part| &part.slices).try_for_each(|slice| self.take_slice(slice))
            }
            Effect::InvoiceVoided { back, .. } | Effect::TransferReturned { back, .. } => {
                self.write_back(back, place)
            }
            Effect::TransferSent(sent) => {
                self.write_debit(&sent.taken)?;
                let before = u32::try_from(sent.taken.rows.len()).expect("few");
                sent.arrived
                    .iter()
                    .try_for_each(|arrived| self.write_arrival(arrived, first_row + before, place))
            }
            Effect::TransferReceived { arrived, .. } => self.write_arrival(arrived, first_row, place),
            Effect::EventRecorded { taken, .. } => taken.iter().try_for_each(|taken| self.write_debit(taken)),
            Effect::Recharged { recharge, .. } => (0..)
                .zip(&recharge.rows)
                .try_for_each(|(at, credit)| self.write_credit(credit, row(at), place)),
            Effect::RechargeEnded(end) => self.write_unpaid(end),
            Effect::AutoTopupResumed(_) => unreachable!("no program asks for it"),
            Effect::Atomic(effects) => {
                let mut at = first_row;
                effects.iter().try_for_each(|effect| {
                    let first = at;
                    at += effect.rows();
                    self.write_effect(effect, first, place)
                })
            }
        }
    }

    fn write_voids(&mut self, voids: &[Voided]) -> Checked {
        voids.iter().try_for_each(|void| {
            if void.posting.is_none() && void.credits.0 > 0 {
                self.find(void.tranche)?.cancelled = true;
                return Ok(());
            }
            self.take(void.tranche, void.credits, &void.terms)
        })
    }

    /// What was taken of credit that nobody paid for; what was spent of it is a debt, and gone before.
    fn write_unpaid(&mut self, end: &RechargeEnd) -> Checked {
        end.unpaid.iter().try_for_each(|unpaid| {
            self.never_paid.insert(unpaid.tranche);
            if unpaid.posting.is_none() && unpaid.taken.0 > 0 {
                self.find(unpaid.tranche)?.cancelled = true;
                return Ok(());
            }
            let moved = unpaid.posting.map_or(0, |posting| posting.before.0 - posting.after.0);
            ensure(moved == unpaid.taken.0 + unpaid.owed.0, || {
                format!("a row moves something else: {end:?}")
            })?;
            self.take(unpaid.tranche, unpaid.taken, &unpaid.terms)
        })
    }

    fn write_dues(&mut self, due: &[Due], first_row: u32, place: Place) -> Checked {
        let mut row = first_row;
        due.iter().try_for_each(|due| {
            let first = row;
            row += due.rows();
            self.write_due(due, first, place)
        })
    }

    fn write_end(&mut self, effect: &Effect) -> Checked {
        let Effect::WalletClosed { forfeits, cancelled, written_off, wallet, released, .. } = effect else {
            return Err(format!("not an end: {effect:?}"));
        };
        for end in released {
            self.write_hold_end(end)?;
        }
        for forfeit in forfeits {
            self.take(forfeit.tranche, forfeit.credits, &forfeit.terms)?;
        }
        for id in cancelled {
            self.find(*id)?.cancelled = true;
        }
        self.written_off.insert(wallet.id, written_off.0);
        Ok(())
    }

    /// I2, history: original = remaining + spent + expired + voided + forfeited + transferred − refunded. And a balance is Σ its rows.
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
        for wallet in &customer.wallets {
            let id = wallet.head.id;
            let rows = self.last_rows.get(&id).map_or(0, |(_, after)| after.0);
            let expected = rows + self.written_off.get(&id).copied().unwrap_or(0);
            let posted = wallet.head.posted.0;
            ensure(posted == expected, || format!("{id:?}: rows end at {expected}, posted is {posted}"))?;
        }
        ensure(live.len() <= self.minted.len(), || "I2: a live tranche that nobody minted".to_owned())
    }

    fn write_due(&mut self, due: &Due, first_row: u32, place: Place) -> Checked {
        match due {
            Due::Expired { tranche, credits, terms, .. } => self.take(*tranche, *credits, terms),
            Due::Started { tranche, repaid, row, .. } => {
                let minted = self.find(*tranche)?;
                minted.gone += repaid.0;
                let from = minted.row;
                ensure(from == Some(*row), || format!("started row {row:?}, was minted by {from:?}"))
            }
            Due::HoldExpired(end) => self.write_hold_end(end),
            Due::Granted(granted) => {
                let is_first = self.periods.insert((granted.key, granted.period));
                ensure(is_first, || format!("I8: a period twice: {granted:?}"))?;
                match &granted.landed {
                    Landed::Minted { row, .. } => {
                        self.write_credit(row, Some((place.position, first_row)), place)
                    }
                    Landed::Skipped(_) => Ok(()),
                }
            }
            Due::RolledOver(rolled) => {
                self.take(rolled.from, rolled.terms.original, &rolled.from_terms)?;
                self.mint(rolled.tranche, &rolled.terms, Some((place.position, first_row + 1)), 0, place)
            }
            Due::RechargeExpired(_) => unreachable!("no program asks for it"),
        }
    }

    fn write_hold_end(&mut self, end: &HoldEnd) -> Checked {
        let is_open = end.hold.status == HoldStatus::Open;
        ensure(end.hold.pins.is_empty() != is_open, || format!("ended, but pins: {end:?}"))?;
        self.write_lapsed(&end.lapsed)
    }

    /// Credits of a hold: captured from its pins + released + pinned.
    fn write_step(&mut self, step: &HoldStep) -> Checked {
        let sum = |slices: &[Slice]| slices.iter().map(|slice| slice.credits.0).sum::<i128>();
        if let Some(taken) = &step.taken {
            let pins = &taken.slices[..step.consumed.len()];
            ensure(pins == &step.consumed[..], || format!("the pins are not taken first: {step:?}"))?;
            self.write_debit(taken)?;
        } else {
            ensure(sum(&step.consumed) == 0, || format!("consumed but not taken: {step:?}"))?;
        }
        let hold = &step.hold;
        let from_pins = hold.credits.0 - hold.released.0 - sum(&hold.pins);
        ensure((0..=hold.captured.0).contains(&from_pins), || format!("a hold does not add up: {hold:?}"))?;
        self.write_lapsed(&step.lapsed)
    }

    fn write_lapsed(&mut self, lapsed: &[Lapsed]) -> Checked {
        lapsed.iter().try_for_each(|gone| {
            let moved = gone.posting.before.0 - gone.posting.after.0;
            ensure(moved == gone.credits.0, || format!("a lapse moves something else: {gone:?}"))?;
            self.take(gone.tranche, gone.credits, &gone.terms)
        })
    }

    /// I3, backwards: Σ slices = Σ rows. No slice goes back to more than what left its tranche.
    fn write_back(&mut self, back: &GivenBack, place: Place) -> Checked {
        let rows: i128 = back.rows.iter().map(|row| row.credits.0).sum();
        let slices: i128 = back.slices.iter().map(|back| back.slice.credits.0).sum();
        ensure(rows == slices, || format!("I3: rows {rows}, slices {slices} come back: {back:?}"))?;
        for row in &back.rows {
            let moved = row.posting.after.0 - row.posting.before.0;
            ensure(moved == row.credits.0, || format!("a row moves something else: {row:?}"))?;
        }
        for slice in &back.slices {
            match (&slice.to, &slice.slice.giver) {
                (BackTo::Tranche, Giver::Tranche { id, terms }) => {
                    self.take(*id, Credits(-slice.slice.credits.0), terms)?;
                }
                (BackTo::Debt, Giver::Overdraft) => {}
                (BackTo::Debt, Giver::Tranche { id, .. }) if self.never_paid.contains(id) => {}
                (BackTo::New { tranche, terms }, _) => {
                    ensure(terms.original == slice.slice.credits, || format!("new for another: {slice:?}"))?;
                    self.mint(*tranche, terms, None, 0, place)?;
                }
                (BackTo::Tranche, Giver::Overdraft) | (BackTo::Debt, Giver::Tranche { .. }) => {
                    return Err(format!("comes back to what did not give it: {slice:?}"));
                }
            }
        }
        self.write_lapsed(&back.lapsed)
    }

    fn write_arrival(&mut self, arrived: &Arrived, first_row: u32, place: Place) -> Checked {
        for (number, row) in (first_row..).zip(&arrived.rows) {
            let moved = row.posting.after.0 - row.posting.before.0;
            ensure(moved == row.terms.original.0, || format!("a row moves something else: {row:?}"))?;
            self.mint(row.tranche, &row.terms, Some((place.position, number)), row.repaid.0, place)?;
        }
        self.write_lapsed(&arrived.lapsed)
    }

    fn write_credit(&mut self, row: &CreditRow, at: Option<(LogPosition, u32)>, place: Place) -> Checked {
        self.mint(row.tranche, &row.terms, at, row.repaid.0, place)
    }

    fn mint(
        &mut self,
        id: TrancheId,
        terms: &Terms,
        row: Option<(LogPosition, u32)>,
        gone: i128,
        place: Place,
    ) -> Checked {
        let fresh = self.minted.iter().all(|minted| minted.id < id);
        ensure(fresh, || format!("{id:?} does not sort behind all earlier ones"))?;
        let packed = id.0.customer() == place.owner && id.0.ms() == place.at.ms();
        ensure(packed, || format!("{id:?} is packed wrongly"))?;
        self.minted.push(Minted { id, terms: terms.clone(), row, gone, cancelled: false });
        Ok(())
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
        }
        debited.slices.iter().try_for_each(|slice| self.take_slice(slice))
    }

    fn take_slice(&mut self, slice: &Slice) -> Checked {
        ensure(slice.credits.0 > 0, || "an empty slice".to_owned())?;
        match &slice.giver {
            Giver::Tranche { id, terms } => self.take(*id, slice.credits, terms),
            Giver::Overdraft => Ok(()),
        }
    }

    fn take(&mut self, id: TrancheId, credits: Credits, terms: &Terms) -> Checked {
        let minted = self.find(id)?;
        minted.gone += credits.0;
        let (original, gone) = (minted.terms.original.0, minted.gone);
        ensure(minted.terms == *terms, || format!("{id:?} was minted with other terms than {terms:?}"))?;
        ensure((0..=original).contains(&gone), || format!("I2: {id:?} of {original} gave {gone}"))
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
