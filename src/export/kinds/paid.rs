//! How much of the money that was paid for a tranche a row releases (SEMANTICS §6): kept up while the log goes by from its first record.
//!
//! Released so far = paid × gone / original, rounded down; a row's share is the difference that it makes, so that the last credit takes
//! the remainder and the sum is exact. Only tranches that somebody paid for are remembered, about 80 bytes each, spent ones too: a
//! refund may bring credit back to them. Tested below (E14) and against the journal of `tests/export/`.

use std::collections::HashMap;

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::fact::{Back, BackTo, Effect, Forfeit, GivenBack, Giver};
use coffer_ledger::ids::TrancheId;
use coffer_ledger::record::Record;

use crate::feed::history::{Part, Row, terms};

/// What of each paid tranche is gone.
#[derive(Default)]
pub(super) struct PaidShares {
    tranches: HashMap<TrancheId, Paid>,
}

struct Paid {
    money: Money,
    original: Credits,
    gone: Credits,
}

impl PaidShares {
    /// Takes a record, and says of each of its rows how much paid money it released: what a debit used, what an expiry, a void or a closing
    /// let lapse, what a credit paid of debt at once; less than 0 for what comes back.
    pub(super) fn of_rows(&mut self, record: &Record, rows: &[Row]) -> Vec<Money> {
        let mut elsewhere = elsewhere(&record.facts.effect);
        rows.iter().map(|row| self.of_row(record, row, &mut elsewhere)).collect()
    }

    fn of_row(&mut self, record: &Record, row: &Row, elsewhere: &mut Vec<&Back>) -> Money {
        match (&*row.row_type, &*row.reason) {
            ("debit", "WALLET_TERMINATION") => forfeits(&record.facts.effect)
                .iter()
                .map(|given_up| {
                    let terms = &given_up.terms;
                    self.released(given_up.tranche, terms.paid, terms.original, given_up.credits)
                })
                .sum(),
            ("debit", _) if !row.parts.is_empty() => {
                row.parts.iter().map(|part| self.of_part(part, part.credits)).sum()
            }
            ("debit", _) => row.tranche.map_or(Money::ZERO, |tranche| {
                let unspent = taken_back(&record.facts.effect, tranche).unwrap_or(row.credits);
                self.known(tranche, unspent)
            }),
            ("credit", _) if !row.parts.is_empty() => {
                row.parts.iter().map(|part| self.back(part, elsewhere)).sum()
            }
            ("credit", _) => self.minted(record, row),
            _ => Money::ZERO,
        }
    }

    /// A tranche is there; what of it repaid debt is gone at once.
    fn minted(&mut self, record: &Record, row: &Row) -> Money {
        let Some(tranche) = row.tranche else { return Money::ZERO };
        if let Some(terms) = terms::of(&record.facts, tranche) {
            self.mint(tranche, terms.paid, terms.original);
        }
        self.known(tranche, row.repaid)
    }

    fn mint(&mut self, tranche: TrancheId, money: Money, original: Credits) {
        if money.is_positive() {
            self.tranches.insert(tranche, Paid { money, original, gone: Credits::ZERO });
        }
    }

    /// A slice comes back: to its tranche; anew, to one that takes its share along; or to a debt, and its tranche is voided.
    fn back(&mut self, part: &Part, elsewhere: &mut Vec<&Back>) -> Money {
        let place = elsewhere.iter().position(|back| is_of(back, part));
        match place.map(|at| &elsewhere.remove(at).to) {
            Some(BackTo::New { tranche, terms }) => {
                self.mint(*tranche, terms.paid, terms.original);
                -terms.paid
            }
            Some(BackTo::Debt) => {
                let came = self.of_part(part, -part.credits);
                self.of_part(part, part.credits);
                came
            }
            Some(BackTo::Tranche) | None => self.of_part(part, -part.credits),
        }
    }

    fn of_part(&mut self, part: &Part, credits: Credits) -> Money {
        part.tranche.as_ref().map_or(Money::ZERO, |of| self.released(of.id, of.paid, of.original, credits))
    }

    fn released(&mut self, tranche: TrancheId, money: Money, original: Credits, credits: Credits) -> Money {
        if !money.is_positive() {
            return Money::ZERO;
        }
        let paid = self.tranches.entry(tranche).or_insert(Paid { money, original, gone: Credits::ZERO });
        paid.moved(credits)
    }

    fn known(&mut self, tranche: TrancheId, credits: Credits) -> Money {
        self.tranches.get_mut(&tranche).map_or(Money::ZERO, |paid| paid.moved(credits))
    }
}

impl Paid {
    fn moved(&mut self, credits: Credits) -> Money {
        let before = Money::share_down(self.money, self.gone, self.original);
        self.gone += credits;
        Money::share_down(self.money, self.gone, self.original) - before
    }
}

fn is_of(back: &Back, part: &Part) -> bool {
    let giver = match &back.slice.giver {
        Giver::Tranche { id, .. } => Some(*id),
        Giver::Overdraft => None,
    };
    let tranche = part.tranche.as_ref().map(|tranche| tranche.id);
    back.slice.wallet == part.wallet && back.slice.credits == part.credits && giver == tranche
}

/// The slices that came back as new tranches, or to debts.
fn elsewhere(effect: &Effect) -> Vec<&Back> {
    let back: &GivenBack = match effect {
        Effect::Refunded(refunded) => &refunded.back,
        Effect::InvoiceVoided { back, .. } | Effect::TransferReturned { back, .. } => back,
        Effect::Atomic(effects) => return effects.iter().flat_map(elsewhere).collect(),
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletCreated { .. }
        | Effect::WalletSet(_)
        | Effect::ToppedUp { .. }
        | Effect::Debited(_)
        | Effect::ManuallyDebited { .. }
        | Effect::WalletClosed { .. }
        | Effect::Held(_)
        | Effect::CreditVoided(_)
        | Effect::InvoiceSettled(_)
        | Effect::TransferSent(_)
        | Effect::TransferReceived { .. }
        | Effect::TransferDone(_)
        | Effect::TransferForgotten(_)
        | Effect::BudgetSet(_)
        | Effect::BudgetDeleted(_)
        | Effect::Subscribed(_)
        | Effect::Unsubscribed(_)
        | Effect::GrantSet(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_)
        | Effect::Recharged { .. }
        | Effect::RechargeEnded(_)
        | Effect::AutoTopupResumed(_)
        | Effect::EventRecorded { .. } => return Vec::new(),
    };
    back.slices.iter().filter(|part| part.to != BackTo::Tranche).collect()
}

/// What was left of a credit that was trusted and is not paid. Its row says more: what was spent of it is owed, and was gone before.
fn taken_back(effect: &Effect, tranche: TrancheId) -> Option<Credits> {
    match effect {
        Effect::RechargeEnded(end) => {
            end.unpaid.iter().find(|unpaid| unpaid.tranche == tranche).map(|unpaid| unpaid.taken)
        }
        _ => None,
    }
}

fn forfeits(effect: &Effect) -> &[Forfeit] {
    match effect {
        Effect::WalletClosed { forfeits, .. } => forfeits,
        _ => &[],
    }
}
