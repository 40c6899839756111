//! Credit that comes back, and credit that is taken back: SEMANTICS §6 (voids), §7, §14 (voided settlements), §15 (transfers that
//! return). Every slice of every debit remembers how much of it came back.

use coffer_ledger::command::{CreditReason, Refund};
use coffer_ledger::ids::{LogPosition, RowId};
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Source;
use coffer_ledger::wallet::WalletStatus;

use super::budget::{Move, take_moves};
use super::credit::{default_priority, new_block};
use super::number::{DIGITS, Q, leaves_12_digits, total};
use super::outcome::{Back, Done, Line, No, Part, To, Void};
use super::state::Block;
use super::{Circumstances, Model, those, unless};

const DAY: u64 = 86_400_000_000_000;

/// A debit of a record: its slices, each with its line and with what came back of it.
#[derive(Clone, Debug)]
pub(crate) struct Old {
    /// The line that stands for all of them.
    pub(crate) first: usize,
    pub(crate) slices: Vec<(usize, Part, Q)>,
    pub(crate) moves: Vec<Move>,
    pub(crate) reason: &'static str,
}

/// What an accepted operation left in the books.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    /// Told by the harness once the record has one.
    pub(crate) position: Option<LogPosition>,
    pub(crate) lines: Vec<Line>,
    pub(crate) debits: Vec<Old>,
}

/// What comes back of a debit: which, of which lines, how much, why.
#[derive(Clone, Debug)]
pub(crate) struct Giving {
    pub(crate) past: usize,
    pub(crate) debit: usize,
    pub(crate) lines: Vec<usize>,
    pub(crate) credits: Q,
    pub(crate) regrant_days: Option<u16>,
    pub(crate) reason: &'static str,
}

impl Model {
    pub(crate) fn refund(&mut self, ask: &Refund, around: Circumstances) -> Result<Done, Vec<No>> {
        self.known()?;
        let (past, debit, lines) = self.debit_of(ask.row)?;
        let left = self.left_of(past, debit, &lines);
        let credits = ask.credits.map_or(left.clone(), |credits| Q::raw(credits.0));
        // What is gone back whole adds nothing any more.
        let mixed = !self.share_one_unit(&self.wallets_of_lines(past, debit, &lines, true));
        if credits > left || !left.is_positive() {
            let closed = |wallet: &usize| self.wallets[*wallet].status == WalletStatus::Closed;
            let mut faults = those([
                (self.wallets_of_lines(past, debit, &lines, false).iter().any(closed), No::Closed),
                (mixed, No::UnitRequired),
            ]);
            faults.push(No::OverRefund(left, credits));
            return Err(faults);
        }
        unless(those([(mixed && ask.credits.is_some(), No::UnitRequired)]))?;
        let giving = Giving {
            past,
            debit,
            lines: lines.clone(),
            credits,
            regrant_days: ask.regrant_days,
            reason: "REFUND",
        };
        let back = self.give_back(&giving, around)?;
        let unless_mixed = |figure: Q| if mixed { Q::zero() } else { figure };
        Ok(Done::Refunded {
            credits: unless_mixed(total(back.slices.iter().map(|(part, _)| &part.credits))),
            expired: unless_mixed(total(back.gone.iter().map(|gone| &gone.credits))),
            left: unless_mixed(self.left_of(past, debit, &lines)),
            mixed,
            back,
        })
    }

    /// The debit that a row belongs to: its first row names all its rows.
    pub(crate) fn debit_of(&self, row: RowId) -> Result<(usize, usize, Vec<usize>), Vec<No>> {
        let past = self.past.iter().position(|past| past.position == Some(row.position()));
        let past = past.ok_or_else(|| vec![No::NotFound])?;
        let line = usize::try_from(row.row()).expect("few");
        if line >= self.past[past].lines.len() {
            return Err(vec![No::NotFound]);
        }
        let debits = &self.past[past].debits;
        let found = debits.iter().position(|old| old.slices.iter().any(|(at, ..)| *at == line));
        let debit = found
            .filter(|debit| debits[*debit].reason != "TRANSFER_OUT")
            .ok_or_else(|| vec![No::InvalidOperation])?;
        let all = if line == debits[debit].first { lines_of(&debits[debit]) } else { vec![line] };
        Ok((past, debit, all))
    }

    fn left_of(&self, past: usize, debit: usize, lines: &[usize]) -> Q {
        let slices = self.past[past].debits[debit].slices.iter().filter(|(at, ..)| lines.contains(at));
        total(&slices.map(|(_, part, back)| &part.credits - back).collect::<Vec<_>>())
    }

    fn wallets_of_lines(&self, past: usize, debit: usize, lines: &[usize], left_only: bool) -> Vec<usize> {
        let slices = self.past[past].debits[debit].slices.iter().filter(|(at, ..)| lines.contains(at));
        let counts = |slice: &&(usize, Part, Q)| !left_only || slice.1.credits > slice.2;
        slices.filter(counts).map(|(_, part, _)| part.wallet).collect()
    }

    /// Puts slices back, last taken first, with the rows, the lapses and the budgets that go with it.
    pub(crate) fn give_back(&mut self, giving: &Giving, around: Circumstances) -> Result<Back, Vec<No>> {
        let chosen = self.choose(giving);
        let closed = |(_, part): &(usize, Part)| self.wallets[part.wallet].status == WalletStatus::Closed;
        unless(those([(chosen.iter().any(closed), No::Closed)]))?;
        let full = self.refunds_full(giving, &chosen, around);
        self.free(giving);
        let live_before = self.live_count();
        let befores: Vec<Q> = (0..self.wallets.len()).map(|wallet| self.posted(wallet)).collect();
        let mut back = Back { slices: Vec::new(), rows: Vec::new(), gone: Vec::new() };
        let mut ended: Vec<Part> = Vec::new();
        for (slice, part) in &chosen {
            self.past[giving.past].debits[giving.debit].slices[*slice].2 =
                &self.past[giving.past].debits[giving.debit].slices[*slice].2 + &part.credits;
            let to = self.put(part, giving, around);
            if to.iter().any(|(_, to)| *to == To::Tranche) {
                let same = |other: &&mut Part| other.tranche == part.tranche;
                match ended.iter_mut().find(same) {
                    Some(other) => other.credits = &other.credits + &part.credits,
                    None => ended.push(part.clone()),
                }
            }
            back.slices.extend(to);
        }
        back.rows = self.back_rows(giving, &chosen, befores);
        // The row of what came back stands before what of it is gone at once: its balance must fit.
        let overflows = back.rows.iter().any(|(.., row)| leaves_12_digits(&self.all_of(row.wallet)));
        back.gone = self.lapse(&ended, around.now, false);
        // Nothing stands in the way of a transfer that returns: it has nowhere else to go.
        if giving.reason != "TRANSFER_RETURNED" {
            let overflows = those([(overflows, No::AmountOverflow)]);
            unless([self.after_back_faults(&back, live_before, around), full, overflows].concat())?;
        }
        Ok(back)
    }

    /// Which slices give how much: the last of the named lines first.
    fn choose(&self, giving: &Giving) -> Vec<(usize, Part)> {
        let mut wanted = giving.credits.clone();
        let mut chosen = Vec::new();
        let slices = &self.past[giving.past].debits[giving.debit].slices;
        for (at, (line, part, back)) in slices.iter().enumerate().rev() {
            let credits = (&part.credits - back).min(wanted.clone());
            if giving.lines.contains(line) && credits.is_positive() {
                wanted = &wanted - &credits;
                chosen.push((at, Part { credits, ..part.clone() }));
            }
        }
        chosen
    }

    /// Whether the rows that had something given back would be too many.
    fn refunds_full(&self, giving: &Giving, chosen: &[(usize, Part)], around: Circumstances) -> Vec<No> {
        let limits = around.limits;
        let mut touched: Vec<(usize, usize)> = Vec::new();
        for (past, debit) in self
            .past
            .iter()
            .enumerate()
            .flat_map(|(at, past)| past.debits.iter().map(move |debit| (at, debit)))
        {
            for (line, _, back) in debit.slices.iter().filter(|_| debit.reason != "TRANSFER_OUT") {
                if back.is_positive() && !touched.contains(&(past, *line)) {
                    touched.push((past, *line));
                }
            }
        }
        for (slice, _) in chosen {
            let line = self.past[giving.past].debits[giving.debit].slices[*slice].0;
            if !touched.contains(&(giving.past, line)) {
                touched.push((giving.past, line));
            }
        }
        those([(touched.len() > limits.refunds_max, No::Limit("refunds_max", limits.refunds_max as u64))])
    }

    fn after_back_faults(&self, back: &Back, live_before: usize, around: Circumstances) -> Vec<No> {
        let (max, slices_max) = (around.limits.tranches_max, around.limits.slices_max);
        let too_much = |(_, _, amount, _): &(usize, Q, Q, super::outcome::Row)| leaves_12_digits(amount);
        those([
            (self.live_count() > max.max(live_before), No::Limit("tranches_max", max as u64)),
            (back.slices.len() > slices_max, No::Limit("slices_max", slices_max as u64)),
            (back.rows.iter().any(too_much), No::AmountOverflow),
        ])
    }

    /// What came back counts no more, the last of it first; what came back earlier counts no more already.
    fn free(&mut self, giving: &Giving) {
        let old = &self.past[giving.past].debits[giving.debit];
        let earlier = total(old.slices.iter().map(|(_, _, back)| back));
        let mut moves = old.moves.clone();
        take_moves(&mut moves, &earlier, true);
        let freed = take_moves(&mut moves, &giving.credits, true);
        self.uncount(&freed);
    }

    /// Puts one slice back where it belongs.
    fn put(&mut self, part: &Part, giving: &Giving, around: Circumstances) -> Vec<(Part, To)> {
        let usage = Scope { price_types: PriceTypes::USAGE, features: None };
        let Some(tranche) = part.tranche else { return self.put_to_debt(part, usage, around) };
        let block = self.tranches[tranche].clone();
        // What was spent of it is owed: it is not owed any more.
        if block.unpaid {
            return self.put_to_debt(part, block.scope, around);
        }
        let life = match (block.has_ended(around.now), giving.regrant_days) {
            (true, Some(days)) => Some((around.now, Some(Timestamp(around.now.0 + u64::from(days) * DAY)))),
            // The void took what was left; what was spent is not voided, and what is pinned still will be.
            (false, _) if block.voided && block.is_live() => Some((block.effective_at, block.expires_at)),
            _ => None,
        };
        if let Some((from, expires_at)) = life {
            let share = self.share_beside(tranche, &part.credits, giving);
            let fresh = Block {
                source: block.source,
                priority: block.priority,
                scope: block.scope,
                expires_at,
                started: true,
                ..new_block(part.wallet, block.reason, part.credits.clone(), share, from)
            };
            self.tranches.push(fresh);
            return vec![(part.clone(), To::New(self.tranches.len() - 1))];
        }
        let was_gone = !block.is_live();
        let block = &mut self.tranches[tranche];
        block.reborn |= was_gone;
        // Nobody remembers more of what left the live state than its terms.
        block.voided &= !was_gone;
        block.back.push(part.credits.clone());
        vec![(part.clone(), To::Tranche)]
    }

    /// The paid share of so many credits of a tranche that come back beside it, next to what came back of the debit's named lines
    /// before: that of what is spent of it last.
    fn share_beside(&self, tranche: usize, credits: &Q, giving: &Giving) -> Q {
        let block = &self.tranches[tranche];
        let slices = &self.past[giving.past].debits[giving.debit].slices;
        let of_tranche = |(line, part, _): &&(usize, Part, Q)| {
            part.tranche == Some(tranche) && giving.lines.contains(line)
        };
        let back = total(slices.iter().filter(of_tranche).map(|(_, _, back)| back));
        let earlier = &back - credits;
        let spent = (&(&block.original - &block.remaining()) - &earlier).max(credits.clone());
        &block.released(&spent) - &block.released(&(&spent - credits))
    }

    /// Overdraft comes back as less debt; what of it was repaid meanwhile as new credit, for what the debt served,
    /// that nobody paid for.
    fn put_to_debt(&mut self, part: &Part, scope: Scope, around: Circumstances) -> Vec<(Part, To)> {
        let debt = self.wallets[part.wallet].debt();
        let less = debt.min(part.credits.clone());
        let rest = &part.credits - &less;
        let mut to = Vec::new();
        if less.is_positive() {
            self.wallets[part.wallet].debt_moves.push(&Q::zero() - &less);
            to.push((Part { credits: less, ..part.clone() }, To::Debt));
        }
        if rest.is_positive() {
            let fresh = Block {
                source: Source::Refund,
                priority: default_priority(&around.settings.default_priorities, Source::Refund),
                scope,
                started: true,
                ..new_block(part.wallet, CreditReason::CreditNote, rest.clone(), Q::zero(), around.now)
            };
            self.tranches.push(fresh);
            to.push((Part { credits: rest, ..part.clone() }, To::New(self.tranches.len() - 1)));
        }
        to
    }

    /// One row per line of the debit that got something back, in the debit's order.
    fn back_rows(
        &mut self,
        giving: &Giving,
        chosen: &[(usize, Part)],
        befores: Vec<Q>,
    ) -> Vec<(usize, Q, Q, super::outcome::Row)> {
        let slices = self.past[giving.past].debits[giving.debit].slices.clone();
        let mut lines: Vec<usize> = chosen.iter().map(|(slice, _)| slices[*slice].0).collect();
        lines.sort_unstable();
        lines.dedup();
        let mut balances = befores;
        let mut rows = Vec::new();
        for line in lines {
            let own = chosen.iter().filter(|(slice, _)| slices[*slice].0 == line);
            let wallet = own.clone().next().expect("of this line").1.wallet;
            let credits = total(own.map(|(_, part)| &part.credits));
            let amount = (&credits * &self.wallets[wallet].rate).half_even(DIGITS);
            let before = balances[wallet].clone();
            balances[wallet] = &before + &credits;
            let row = self.write_row_to(wallet, before, balances[wallet].clone());
            self.line(wallet, "credit", giving.reason, &credits, Some(row.clone()));
            rows.push((line, credits, amount, row));
        }
        rows
    }

    pub(crate) fn void_credit(&mut self, row: RowId, around: Circumstances) -> Result<Done, Vec<No>> {
        self.known()?;
        let (wallet, all) = self.credit_of(row)?;
        unless(those([(self.wallets[wallet].status == WalletStatus::Closed, No::Closed)]))?;
        let nothing_left = |tranche: &usize| {
            let block = &self.tranches[*tranche];
            !block.is_live() || block.voided
        };
        unless(those([(all.iter().all(nothing_left), No::InvalidOperation)]))?;
        Ok(Done::Voided(all.into_iter().map(|tranche| self.void(tranche, around)).collect()))
    }

    /// The wallet and the tranches that a credit made: its own, and its bonus's.
    pub(crate) fn credit_of(&self, row: RowId) -> Result<(usize, Vec<usize>), Vec<No>> {
        let past = self.past.iter().position(|past| past.position == Some(row.position()));
        let past = &self.past[past.ok_or_else(|| vec![No::NotFound])?];
        let at = usize::try_from(row.row()).expect("few");
        let line = past.lines.get(at).ok_or_else(|| vec![No::NotFound])?;
        let tranche = line.minted.ok_or_else(|| vec![No::InvalidOperation])?;
        let bonus = line.bonus.and_then(|bonus| past.lines[bonus].minted);
        Ok((line.wallet, [Some(tranche), bonus].into_iter().flatten().collect()))
    }

    pub(crate) fn void(&mut self, tranche: usize, around: Circumstances) -> Void {
        let _ = around;
        let block = self.tranches[tranche].clone();
        let (credits, held) = if block.cancelled {
            (Q::zero(), Q::zero())
        } else {
            (self.unpinned(tranche), self.pinned(tranche))
        };
        let spent = &(&block.original - &credits) - &held;
        let before = self.posted(block.wallet);
        let block = &mut self.tranches[tranche];
        let mut row = None;
        if block.started {
            block.voided = held.is_positive();
            if credits.is_positive() {
                block.left.push(credits.clone());
                block.unused.push(credits.clone());
                row = Some(self.write_row(self.tranches[tranche].wallet, before));
            }
        } else {
            block.cancelled = true;
        }
        let wallet = self.tranches[tranche].wallet;
        // What moves no balance is only noted.
        let kind = if row.is_some() { "debit" } else { "memo" };
        self.line(wallet, kind, "CREDIT_VOIDED", &credits, row.clone());
        Void { tranche, credits, held, spent, row }
    }
}

/// The lines of a debit, in order.
pub(crate) fn lines_of(old: &Old) -> Vec<usize> {
    let mut lines: Vec<usize> = old.slices.iter().map(|(line, ..)| *line).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}
