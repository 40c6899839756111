//! Slices on their way back: of refunds, of reversals, of transfers that return (SEMANTICS §7).
//!
//! What was taken last comes back first, each slice to the tranche that gave it. Where a tranche has ended, what came back is gone in
//! the same record, unless a new tranche is granted for it. A void took what was neither spent nor pinned, and nothing more: what was
//! spent of the credit comes back as live as it was, in a tranche of its own while holds pin what is still to be voided. Wallets that
//! are frozen take credit back, closed ones do not. What a tranche gave that was never paid for is debt: it comes back as less of it, like
//! overdraft (SEMANTICS §11). Deliberately absent: what may be asked for ([`super::refund`], [`super::invoice`], [`super::transfer`]).

use std::collections::BTreeMap;

use super::{Context, Ids, credit, limit_reached};
use crate::amount::{Credits, Money};
use crate::budget::{self, BudgetMove};
use crate::calendar::Zone;
use crate::command::RefundReason;
use crate::customer::Customer;
use crate::fact::{Back, BackRow, BackTo, DebitRow, GivenBack, Giver, Lapsed, Slice};
use crate::ids::{LogPosition, TrancheId, WalletId};
use crate::letting_go::Balances;
use crate::looked_up::OldDebit;
use crate::refusal::Refusal;
use crate::scope::{PriceTypes, Scope};
use crate::tranche::{Source, Terms};
use crate::wallet::Wallet;

/// What is to come back.
pub(super) struct Asked<'a> {
    /// Why.
    pub(super) reason: RefundReason,
    /// The record that took it.
    pub(super) debit: LogPosition,
    /// The rows that took it, with their numbers, in order.
    pub(super) rows: &'a [(u32, DebitRow)],
    /// What they took, in the order taken, each with the number of its row.
    pub(super) slices: &'a [(u32, Slice)],
    /// How much of it; `None` = all that is left, which may be nothing.
    pub(super) credits: Option<Credits>,
    /// What has ended comes as a new tranche of so many days.
    pub(super) regrant_days: Option<u16>,
}

/// Puts credits of a debit back: what was not given back before, the last first.
pub(super) fn give_back(
    customer: &Customer,
    asked: &Asked<'_>,
    ids: &mut Ids,
    context: &Context<'_>,
) -> Result<GivenBack, Refusal> {
    let (parts, earlier) = parts(customer, asked);
    for (_, slice) in &parts {
        open_wallet_of(customer, slice.wallet)?;
    }
    let found: Credits = parts.iter().map(|(_, slice)| slice.credits).sum();
    if let Some(credits) = asked.credits.filter(|credits| *credits > found) {
        return Err(Refusal::OverRefund { left: found, asked: credits });
    }
    let mut came = BTreeMap::new();
    for (row, slice) in &parts {
        *came.entry(*row).or_default() += slice.credits;
    }
    let (slices, lapsed, minted) = (Vec::new(), Vec::new(), Vec::new());
    let mut giving = Giving { customer, asked, context, came, earlier, slices, lapsed, minted };
    for (_, slice) in &parts {
        giving.put(slice, ids);
    }
    giving.check_limits()?;
    giving.finish()
}

/// What is left to be given back of rows of a debit.
pub(super) fn left(customer: &Customer, debit: LogPosition, rows: &[(u32, DebitRow)]) -> Credits {
    rows.iter().map(|(row, debited)| debited.credits - given(customer, debit, *row)).sum()
}

/// What stops counting in budgets when so many credits of a debit come back: what was counted last, without what was given back before.
pub(super) fn freed(customer: &Customer, old: &OldDebit, credits: Credits) -> Vec<BudgetMove> {
    if old.budget.is_empty() {
        return Vec::new();
    }
    let before = old.all_rows.clone().map(|row| given(customer, old.position, row)).sum();
    let mut counted = old.budget.clone();
    budget::take_last(&mut counted, before);
    budget::take_last(&mut counted, credits)
}

fn given(customer: &Customer, debit: LogPosition, row: u32) -> Credits {
    customer.given_back.get(&(debit, row)).copied().unwrap_or_default()
}

/// What comes back, the last taken first, each part with the number of its row; and what came back of each tranche's before.
fn parts(customer: &Customer, asked: &Asked<'_>) -> (Vec<(u32, Slice)>, BTreeMap<TrancheId, Credits>) {
    // What was given back of a row before is the last that it took.
    let mut given: BTreeMap<u32, Credits> =
        asked.rows.iter().map(|(row, _)| (*row, given(customer, asked.debit, *row))).collect();
    let mut wanted = asked.credits.unwrap_or(Credits(i128::MAX));
    let (mut parts, mut earlier) = (Vec::new(), BTreeMap::<_, Credits>::new());
    for (row, slice) in asked.slices.iter().rev() {
        let Some(given) = given.get_mut(row) else { continue };
        let skipped = slice.credits.min(*given);
        *given -= skipped;
        if let Giver::Tranche { id, .. } = &slice.giver {
            *earlier.entry(*id).or_default() += skipped;
        }
        let credits = wanted.min(slice.credits - skipped);
        if credits.is_positive() {
            wanted -= credits;
            parts.push((*row, Slice { credits, ..slice.clone() }));
        }
    }
    (parts, earlier)
}

fn open_wallet_of(customer: &Customer, id: WalletId) -> Result<&Wallet, Refusal> {
    let wallet = customer.wallet(id).ok_or(Refusal::WalletNotFound(id))?;
    if wallet.is_open() { Ok(wallet) } else { Err(Refusal::WalletClosed(id)) }
}

/// What is gone at once, before its row has a balance.
struct Gone {
    wallet: WalletId,
    tranche: TrancheId,
    credits: Credits,
    terms: Terms,
}

/// Slices while each finds its place.
struct Giving<'a> {
    customer: &'a Customer,
    asked: &'a Asked<'a>,
    context: &'a Context<'a>,
    /// What comes back of each row.
    came: BTreeMap<u32, Credits>,
    /// What of the debit came back to each tranche, or beside it, before.
    earlier: BTreeMap<TrancheId, Credits>,
    slices: Vec<Back>,
    lapsed: Vec<Gone>,
    /// Tranches that will live and do not yet.
    minted: Vec<TrancheId>,
}

impl Giving<'_> {
    fn put(&mut self, slice: &Slice, ids: &mut Ids) {
        match &slice.giver {
            Giver::Overdraft => {
                self.put_to_debt(slice, Scope { price_types: PriceTypes::USAGE, features: None }, ids)
            }
            Giver::Tranche { id, terms } if self.customer.recharges.is_unpaid(*id) => {
                self.put_to_debt(slice, terms.scope.clone(), ids)
            }
            Giver::Tranche { id, terms } => {
                self.put_tranche(slice, *id, terms, ids);
                *self.earlier.entry(*id).or_default() += slice.credits;
            }
        }
    }

    fn wallet(&self, id: WalletId) -> &Wallet {
        self.customer.wallet(id).expect("every wallet was looked at before")
    }

    /// Reduces the debt; what of it was repaid meanwhile is new credit for what the debt served: usage, or what the credit was for whose
    /// payment failed. What repaid it is not known any more and may have been free, so it has no paid money (SEMANTICS §15: free credit is
    /// never paid out).
    fn put_to_debt(&mut self, slice: &Slice, scope: Scope, ids: &mut Ids) {
        let head = &self.wallet(slice.wallet).head;
        let of_wallet =
            self.slices.iter().filter(|back| back.to == BackTo::Debt && back.slice.wallet == head.id);
        let debt = head.debt - of_wallet.map(|back| back.slice.credits).sum();
        let to_debt = debt.min(slice.credits);
        if to_debt.is_positive() {
            self.slices.push(Back { slice: Slice { credits: to_debt, ..slice.clone() }, to: BackTo::Debt });
        }
        let repaid = slice.credits - to_debt;
        if repaid.is_positive() {
            let terms = Terms {
                source: Source::Refund,
                priority: self.context.settings.default_priorities.refund,
                scope,
                original: repaid,
                paid: Money::ZERO,
                effective_at: self.context.now,
                expires_at: None,
            };
            self.put_new(Slice { credits: repaid, ..slice.clone() }, terms, ids);
        }
    }

    fn put_tranche(&mut self, slice: &Slice, id: TrancheId, terms: &Terms, ids: &mut Ids) {
        let wallet = self.wallet(slice.wallet);
        let live = wallet.find(id, terms).map(|at| &wallet.tranches[at]);
        let (is_live, is_voided) = (live.is_some(), live.is_some_and(|tranche| tranche.voided));
        let has_ended = terms.expires_at.is_some_and(|end| end <= self.context.now);
        match self.asked.regrant_days {
            Some(days) if has_ended => {
                let terms = self.regrant(slice, id, terms, days);
                return self.put_new(slice.clone(), terms, ids);
            }
            None if has_ended => self.lapse(slice, id, terms),
            Some(_) | None if is_voided => {
                let terms = self.apart(slice, id, terms);
                return self.put_new(slice.clone(), terms, ids);
            }
            Some(_) | None if !is_live && !self.minted.contains(&id) => self.minted.push(id),
            Some(_) | None => {}
        }
        self.slices.push(Back { slice: slice.clone(), to: BackTo::Tranche });
    }

    fn put_new(&mut self, slice: Slice, terms: Terms, ids: &mut Ids) {
        let tranche = TrancheId(ids.next());
        self.minted.push(tranche);
        self.slices.push(Back { slice, to: BackTo::New { tranche, terms } });
    }

    /// What has ended, anew from now.
    fn regrant(&self, slice: &Slice, id: TrancheId, origin: &Terms, days: u16) -> Terms {
        let zone = Zone::of(self.customer, self.context.settings.time_zone.as_deref());
        Terms {
            effective_at: self.context.now,
            expires_at: Some(zone.plus_days(self.context.now, u32::from(days))),
            ..self.apart(slice, id, origin)
        }
    }

    /// What comes back beside its origin. It takes along the share of the paid money that its coming back there would take back, after
    /// what remains there and what came back of the debit before: however many parts it comes in, no money is lost or made by it
    /// (SEMANTICS §6).
    fn apart(&self, slice: &Slice, id: TrancheId, origin: &Terms) -> Terms {
        let wallet = self.wallet(slice.wallet);
        let remaining = wallet.find(id, origin).map(|at| wallet.tranches[at].remaining);
        let before = remaining.unwrap_or_default() + self.earlier.get(&id).copied().unwrap_or_default();
        // What came back to a tranche that lived may be what remains there.
        let before = before.min(origin.original - slice.credits);
        let paid = origin.unspent_share(before + slice.credits) - origin.unspent_share(before);
        Terms { original: slice.credits, paid, ..origin.clone() }
    }

    /// One row per tranche, however many slices come back to it.
    fn lapse(&mut self, slice: &Slice, tranche: TrancheId, terms: &Terms) {
        match self.lapsed.iter_mut().find(|gone| gone.tranche == tranche) {
            Some(gone) => gone.credits += slice.credits,
            None => self.lapsed.push(Gone {
                wallet: slice.wallet,
                tranche,
                credits: slice.credits,
                terms: terms.clone(),
            }),
        }
    }

    fn check_limits(&self) -> Result<(), Refusal> {
        // It left from here: a transfer that nobody takes must not stay on its way for want of room.
        if self.asked.reason == RefundReason::TransferReturned {
            return Ok(());
        }
        let limits = self.context.limits;
        if self.slices.len() > limits.slices_max {
            return Err(limit_reached("slices_max", limits.slices_max));
        }
        if !self.minted.is_empty() {
            credit::check_room(self.customer, self.minted.len(), self.context)?;
        }
        let known = |row: u32| self.customer.given_back.contains_key(&(self.asked.debit, row));
        let rows = self.customer.given_back.len() + self.came.keys().filter(|row| !known(**row)).count();
        if rows > limits.refunds_max {
            return Err(limit_reached("refunds_max", limits.refunds_max));
        }
        for wallet in &self.customer.wallets {
            let to_wallet = self.slices.iter().filter(|back| back.slice.wallet == wallet.head.id);
            let to_tranches = to_wallet.filter(|back| back.to != BackTo::Debt);
            let credits: Credits = to_tranches.map(|back| back.slice.credits).sum();
            if credits.is_positive() {
                credit::check_total(wallet, credits)?;
            }
        }
        Ok(())
    }

    /// The rows with their balances: those of the debit in its order, then what is gone.
    fn finish(self) -> Result<GivenBack, Refusal> {
        let mut balances = Balances::default();
        let mut rows = Vec::new();
        for (of_row, debited) in self.asked.rows {
            let Some(&credits) = self.came.get(of_row) else { continue };
            let wallet = self.wallet(debited.posting.wallet);
            let amount = Money::of_credits_half_even(credits, wallet.head.unit.conversion_rate);
            let amount = amount.ok_or(Refusal::AmountOverflow("amount"))?;
            rows.push(BackRow { of_row: *of_row, credits, amount, posting: balances.post(wallet, credits) });
        }
        let lapsed = self.lapsed.iter().map(|gone| Lapsed {
            tranche: gone.tranche,
            credits: gone.credits,
            terms: gone.terms.clone(),
            voided: false,
            posting: balances.post(self.wallet(gone.wallet), -gone.credits),
        });
        let lapsed = lapsed.collect();
        let (reason, debit) = (self.asked.reason, self.asked.debit);
        Ok(GivenBack { reason, debit, rows, slices: self.slices, lapsed, freed: Vec::new() })
    }
}
