//! Random programs that do and undo: whatever is refunded, voided and settled, no debit gives back more than it took, slice by slice
//! (I3), and every tranche is the sum of what became of it (I2).

use std::collections::BTreeMap;

use super::hold::random::{Dice, command};
use super::undoing::{asked, line};
use crate::amount::Credits;
use crate::command::{Command, Memo, Refund, Settle, VoidCredit};
use crate::fact::{BackTo, CreditRow, Due, Effect, GivenBack, Giver, Lapsed};
use crate::ids::{LogPosition, RowId, TrancheId};
use crate::looked_up::{LookedUp, old_credits, old_debit, old_settlement};
use crate::record::Record;
use crate::refusal::Refusal;
use crate::testing::{Book, USD, credits, second};
use crate::unit::PriceType;

const PROGRAMS: u64 = 300;
const STEPS: u64 = 100;

#[test]
fn nothing_comes_back_twice_and_every_tranche_adds_up() {
    let mut undone = 0;
    for seed in 1..=PROGRAMS {
        undone += run(seed);
    }
    assert!(undone > PROGRAMS * STEPS / 15, "{undone} undone: the programs would say nothing");
}

/// Runs one program; how many of its steps undid something.
fn run(seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let mut book = Book::empty();
    for limit in ["0", "15"] {
        book.wallet(|request| request.overdraft_limit = credits(limit));
    }
    let (mut tally, mut holds, mut now, mut undone) = (Tally::default(), Vec::new(), 0, 0);
    for step in 0..STEPS {
        now += dice.below(3);
        book.now = second(now);
        let command = match dice.below(2) {
            0 => command(&mut dice, &book, &holds),
            _ => undoing(&mut dice, &book, &tally),
        };
        let Ok(found) = look_up(&book, &command) else { continue };
        book.looked_up = found;
        let Ok(facts) = book.ask(command) else { continue };
        if let Effect::Held(step) = &facts.effect {
            holds.push(step.hold.id);
        }
        undone += u64::from(matches!(
            facts.effect,
            Effect::Refunded(_) | Effect::CreditVoided(_) | Effect::InvoiceVoided { .. }
        ));
        let position = LogPosition(u64::try_from(book.log.len()).unwrap());
        tally.add(book.log.last().unwrap(), position);
        tally.check(&book, &format!("seed {seed}, step {step}, {:?}", facts.effect));
    }
    book.replay();
    undone
}

fn undoing(dice: &mut Dice, book: &Book, tally: &Tally) -> Command {
    let index = book.log.len().saturating_sub(1 + dice.index(20));
    // Mostly a row that took something, of the latest; sometimes any.
    let debit = tally.taken.keys().rev().nth(dice.index(12)).filter(|_| dice.below(6) > 0);
    let any = (LogPosition(u64::try_from(index).unwrap() + 1), u32::try_from(dice.below(3)).unwrap());
    let (position, row) = debit.map_or(any, |(position, row, _)| (*position, *row));
    let at = |position: LogPosition| book.log[usize::try_from(position.0).unwrap() - 1].facts.at;
    let any = RowId::new(at(any.0), any.0, any.1);
    let row = RowId::new(at(position), position, row);
    let id = format!("inv-{}", dice.below(12));
    match dice.below(10) {
        0..6 => Command::Refund(Refund {
            credits: (dice.below(3) > 0).then(|| dice.amount()),
            regrant_days: (dice.below(3) == 0).then_some(1),
            ..asked(row, None)
        }),
        6 => Command::VoidCredit(VoidCredit { row: any, memo: Memo::default() }),
        7 | 8 => {
            let (usage, fixed) = (dice.amount().to_string(), dice.amount().to_string());
            let lines = vec![line("u", &usage, PriceType::Usage), line("f", &fixed, PriceType::Fixed)];
            Command::Settle(Settle { invoice: id.into(), currency: USD, lines })
        }
        _ => Command::VoidInvoice { invoice: id.into() },
    }
}

/// What the shell would bring along.
fn look_up(book: &Book, command: &Command) -> Result<Option<LookedUp>, Refusal> {
    let record = |position: LogPosition| &book.log[usize::try_from(position.0).unwrap() - 1];
    if let Command::Refund(Refund { row, .. }) = command {
        let debit = old_debit(record(row.position()), row.position(), row.row())?;
        Ok(Some(LookedUp::Debit(debit)))
    } else if let Command::VoidCredit(VoidCredit { row, .. }) = command {
        let credits = old_credits(record(row.position()), row.position(), row.row())?;
        Ok(Some(LookedUp::Credits(credits)))
    } else if let Command::VoidInvoice { invoice } = command {
        let known = book.customer.invoices.get(invoice).ok_or(Refusal::NotFound("invoice"))?;
        Ok(Some(LookedUp::Debit(old_settlement(record(known.settled), known.settled)?)))
    } else {
        Ok(None)
    }
}

/// A row of a debit, and the tranche that gave a slice of it, or overdraft.
type Place = (LogPosition, u32, Option<TrancheId>);

/// What became of all credit, added up from the facts alone.
#[derive(Default)]
struct Tally {
    originals: BTreeMap<TrancheId, Credits>,
    gone: BTreeMap<TrancheId, Credits>,
    taken: BTreeMap<Place, Credits>,
    back: BTreeMap<Place, Credits>,
}

impl Tally {
    fn add(&mut self, record: &Record, position: LogPosition) {
        for due in &record.facts.due {
            match due {
                Due::Expired { tranche, credits, .. } => self.leave(*tranche, *credits),
                Due::Started { tranche, repaid, .. } => self.leave(*tranche, *repaid),
                Due::HoldExpired(end) => self.lapse(&end.lapsed),
                Due::RolledOver(_) | Due::Granted(_) => panic!("nothing is granted"),
                Due::RechargeExpired(_) => {}
            }
        }
        self.add_debit(record, position);
        self.add_effect(&record.facts.effect);
    }

    fn add_effect(&mut self, effect: &Effect) {
        if let Effect::ToppedUp { rows, .. } = effect {
            rows.iter().for_each(|row| self.mint(row));
        } else if let Effect::Held(step) = effect {
            self.lapse(&step.lapsed);
        } else if let Effect::Refunded(refunded) = effect {
            self.come_back(&refunded.back);
        } else if let Effect::InvoiceVoided { back, .. } = effect {
            self.come_back(back);
        } else if let Effect::CreditVoided(voids) = effect {
            voids.iter().for_each(|void| self.leave(void.tranche, void.credits));
        } else if let Effect::WalletClosed { forfeits, cancelled, released, .. } = effect {
            released.iter().for_each(|end| self.lapse(&end.lapsed));
            forfeits.iter().for_each(|forfeit| self.leave(forfeit.tranche, forfeit.credits));
            for tranche in cancelled {
                self.gone.insert(*tranche, self.originals[tranche]);
            }
        }
    }

    fn add_debit(&mut self, record: &Record, position: LogPosition) {
        let first = record.facts.first_row();
        let debits = (first..first + record.facts.effect.rows())
            .filter_map(|row| old_debit(record, position, row).ok().filter(|old| old.all_rows.start == row));
        for (row, slice) in debits.flat_map(|old| old.slices) {
            let giver = giver(&slice.giver);
            *self.taken.entry((position, row, giver)).or_default() += slice.credits;
            if let Some(tranche) = giver {
                self.leave(tranche, slice.credits);
            }
        }
    }

    fn mint(&mut self, row: &CreditRow) {
        self.originals.insert(row.tranche, row.terms.original);
        self.leave(row.tranche, row.repaid);
    }

    fn leave(&mut self, tranche: TrancheId, credits: Credits) {
        *self.gone.entry(tranche).or_default() += credits;
    }

    fn lapse(&mut self, lapsed: &[Lapsed]) {
        lapsed.iter().for_each(|lapsed| self.leave(lapsed.tranche, lapsed.credits));
    }

    fn come_back(&mut self, back: &GivenBack) {
        for (part, row) in back.slices.iter().zip(back.row_of_each()) {
            let giver = giver(&part.slice.giver);
            let place = (back.debit, back.rows[row].of_row, giver);
            *self.back.entry(place).or_default() += part.slice.credits;
            match (&part.to, giver) {
                (BackTo::New { tranche, terms }, _) => {
                    self.originals.insert(*tranche, terms.original);
                }
                (BackTo::Tranche, Some(tranche)) => self.leave(tranche, -part.slice.credits),
                (BackTo::Tranche | BackTo::Debt, _) => {}
            }
        }
        self.lapse(&back.lapsed);
    }

    fn check(&self, book: &Book, at: &str) {
        for (place, back) in &self.back {
            assert!(back <= self.taken.get(place).unwrap_or(&Credits::ZERO), "I3 {place:?}, {at}");
        }
        let live = book.customer.wallets.iter().flat_map(|wallet| &wallet.tranches);
        let live: BTreeMap<_, _> = live.map(|tranche| (tranche.id, tranche.remaining)).collect();
        for (tranche, original) in &self.originals {
            let gone = self.gone.get(tranche).copied().unwrap_or_default();
            let remaining = live.get(tranche).copied().unwrap_or_default();
            assert_eq!(remaining, *original - gone, "I2 {tranche:?}, {at}");
        }
        assert!(live.keys().all(|tranche| self.originals.contains_key(tranche)), "{at}");
    }
}

fn giver(giver: &Giver) -> Option<TrancheId> {
    match giver {
        Giver::Tranche { id, .. } => Some(*id),
        Giver::Overdraft => None,
    }
}
