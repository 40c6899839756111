//! Closed things that a decision needs, read back by the shell and brought along (DESIGN decision 11).
//!
//! A debit that is to be refunded, a credit that is to be voided: both are a function of the record that holds them. Who receives a
//! transfer is a look at another customer; it may be out of date when the transfer arrives, and then the transfer comes back.

use std::ops::Range;

use crate::budget::BudgetMove;
use crate::command::CreditReason;
use crate::fact::{CreditRow, DebitRow, Debited, Due, Effect, Facts, Landed, Slice};
use crate::ids::{CustomerNumber, LogPosition, RowId, ThingId, TrancheId, WalletId};
use crate::recharge::Recharge;
use crate::record::Record;
use crate::refusal::Refusal;
use crate::tranche::Terms;
use crate::unit::Unit;
use crate::wallet::WalletStatus;

/// What the shell looked up for a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookedUp {
    /// For a refund or the voiding of an invoice: what left.
    Debit(OldDebit),
    /// For the voiding of a credit: what it brought, its bonus after it.
    Credits(Vec<OldCredit>),
    /// For a transfer: who receives.
    Receiver(Receiver),
    /// For an atomic batch: for each of its items.
    Each(Vec<Option<Self>>),
}

/// A debit of an old record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldDebit {
    /// Its record.
    pub position: LogPosition,
    /// Numbers of all its rows, named or not.
    pub all_rows: Range<u32>,
    /// The rows that were named: their numbers in the record, and what they say.
    pub rows: Vec<(u32, DebitRow)>,
    /// What they took, in the order taken, each with the number of its row.
    pub slices: Vec<(u32, Slice)>,
    /// What the whole debit counts as in budgets.
    pub budget: Vec<BudgetMove>,
}

/// A credit of an old record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldCredit {
    /// Its row.
    pub row: RowId,
    /// Its wallet.
    pub wallet: WalletId,
    /// Why it came.
    pub reason: CreditReason,
    /// The tranche that it made.
    pub tranche: TrancheId,
    /// The tranche's terms.
    pub terms: Terms,
}

/// Who receives a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// The customer.
    pub customer: CustomerNumber,
    /// Its wallets, oldest first.
    pub wallets: Vec<(WalletId, Unit, WalletStatus)>,
}

/// The debit that a row belongs to. Its first row stands for all its rows, any other for itself.
///
/// # Errors
/// [`Refusal::InvalidOperation`] if the row is none of a debit; [`Refusal::NotFound`] if the record has no such row.
pub fn old_debit(record: &Record, position: LogPosition, row: u32) -> Result<OldDebit, Refusal> {
    let (effect, first) = effect_of(&record.facts, row)?;
    let debit = debit(effect, first, position).filter(|debit| debit.all_rows.contains(&row));
    let mut debit = debit.ok_or(Refusal::InvalidOperation("only a debit can be refunded"))?;
    if row != debit.all_rows.start {
        debit.rows.retain(|(number, _)| *number == row);
        debit.slices.retain(|(number, _)| *number == row);
    }
    Ok(debit)
}

/// All that an invoice's settlement took.
///
/// # Errors
/// [`Refusal::InvalidOperation`] if the record settles no invoice.
pub fn old_settlement(record: &Record, position: LogPosition) -> Result<OldDebit, Refusal> {
    let effect = &record.facts.effect;
    let settles = matches!(effect, Effect::InvoiceSettled(_));
    let debit = debit(effect, record.facts.first_row(), position).filter(|_| settles);
    debit.ok_or(Refusal::InvalidOperation("the record settles no invoice"))
}

/// The credit of a row, and its bonus after it if it is a purchase.
///
/// # Errors
/// [`Refusal::InvalidOperation`] if the row is no credit that can be voided; [`Refusal::NotFound`] if the record has no such row.
pub fn old_credits(record: &Record, position: LogPosition, row: u32) -> Result<Vec<OldCredit>, Refusal> {
    let (rows, wallet, first) = credit_rows(&record.facts, row)?;
    // A bonus stands behind its purchase: whoever names the purchase names both.
    let named = rows.iter().zip(first..).filter(|(_, number)| *number >= row);
    let credits = named.map(|(credit, number)| OldCredit {
        row: RowId::new(record.facts.at, position, number),
        wallet,
        reason: credit.reason,
        tranche: credit.tranche,
        terms: credit.terms.clone(),
    });
    Ok(credits.collect())
}

/// The rows of the credit that a row belongs to, its wallet, and the number of its first row.
fn credit_rows(facts: &Facts, row: u32) -> Result<(Vec<&CreditRow>, WalletId, u32), Refusal> {
    if let Some((recharge, first)) = set_off(facts, row) {
        return Ok((recharge.rows.iter().map(|row| &**row).collect(), recharge.wallet, first));
    }
    if let Some((granted, wallet)) = granted(&facts.due, 0, row) {
        return Ok((vec![granted], wallet, row));
    }
    let (effect, first) = effect_of(facts, row)?;
    let at_once = if let Effect::Subscribed(subscribed) = effect {
        subscribed.minted.as_slice()
    } else if let Effect::GrantSet(set) = effect {
        set.minted.as_slice()
    } else {
        &[]
    };
    if let Some((granted, wallet)) = granted(at_once, first, row) {
        return Ok((vec![granted], wallet, row));
    }
    let (rows, wallet): (Vec<&CreditRow>, _) = if let Effect::WalletCreated { initial, wallet, .. } = effect {
        (initial.iter().map(|row| &**row).collect(), wallet.id)
    } else if let Effect::ToppedUp { rows, wallet } = effect {
        (rows.iter().map(|row| &**row).collect(), wallet.id)
    } else if let Effect::Recharged { recharge, .. } = effect {
        (recharge.rows.iter().map(|row| &**row).collect(), recharge.wallet)
    } else if let Effect::RechargeEnded(end) = effect {
        (end.rows.iter().map(|row| &**row).collect(), end.recharge.wallet)
    } else {
        (Vec::new(), WalletId(ThingId(0)))
    };
    if rows.len() <= usize::try_from(row - first).expect("a record has fewer rows than an id can number") {
        return Err(Refusal::InvalidOperation("only a credit that came in can be voided"));
    }
    Ok((rows, wallet, first))
}

/// What a grant minted in a row, of things that happened by themselves, and its wallet. `first` is the number of their first row.
fn granted(happened: &[Due], first: u32, row: u32) -> Option<(&CreditRow, WalletId)> {
    let mut number = first;
    for due in happened {
        if number == row
            && let Due::Granted(granted) = due
            && let Landed::Minted { wallet, row, .. } = &granted.landed
        {
            return Some((row, *wallet));
        }
        number += due.rows();
    }
    None
}

/// The recharge that a row belongs to, among those that were set off, and the number of its first row.
fn set_off(facts: &Facts, row: u32) -> Option<(&Recharge, u32)> {
    let set_off = facts.set_off.as_deref()?;
    let count = |recharge: &Recharge| u32::try_from(recharge.rows.len()).unwrap_or(u32::MAX);
    let mut first = facts.first_row_before();
    if let Some(before) = &set_off.before
        && (first..first + count(before)).contains(&row)
    {
        return Some((before, first));
    }
    first = facts.first_row_after();
    set_off.after.iter().find_map(|recharge| {
        let (begins, ends) = (first, first + count(recharge));
        first = ends;
        (begins..ends).contains(&row).then_some((recharge, begins))
    })
}

/// The effect that a row belongs to, inside a batch too, and the number of its first row.
fn effect_of(facts: &Facts, row: u32) -> Result<(&Effect, u32), Refusal> {
    let mut first = facts.first_row();
    if row < first {
        return Err(Refusal::InvalidOperation("what happened by itself cannot be undone"));
    }
    let effects = if let Effect::Atomic(effects) = &facts.effect {
        effects.as_slice()
    } else {
        std::slice::from_ref(&facts.effect)
    };
    for effect in effects {
        if row - first < effect.rows() {
            return Ok((effect, first));
        }
        first += effect.rows();
    }
    Err(Refusal::NotFound("transaction"))
}

/// What an effect took, if it is a debit that can come back. `first` is the number of the effect's first row.
fn debit(effect: &Effect, first: u32, position: LogPosition) -> Option<OldDebit> {
    match effect {
        Effect::Debited(debited) | Effect::ManuallyDebited { debited, .. } => {
            Some(of_debited(debited, first, position, debited.budget()))
        }
        Effect::Held(step) => {
            let taken = step.taken.as_ref()?;
            Some(of_debited(taken, first + step.rows_before_taken(), position, taken.budget()))
        }
        Effect::EventRecorded { taken, used, .. } => {
            Some(of_debited(taken.as_deref()?, first, position, used))
        }
        Effect::InvoiceSettled(settled) => {
            let parts = settled.lines.iter().flat_map(|line| &line.parts).zip(first..);
            let slices =
                parts.clone().flat_map(|(part, row)| part.slices.iter().map(move |slice| (row, slice)));
            Some(OldDebit {
                position,
                all_rows: first..first + effect.rows(),
                rows: parts.map(|(part, row)| (row, part.row)).collect(),
                slices: slices.map(|(row, slice)| (row, slice.clone())).collect(),
                budget: Vec::new(),
            })
        }
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletCreated { .. }
        | Effect::WalletSet(_)
        | Effect::ToppedUp { .. }
        | Effect::WalletClosed { .. }
        | Effect::Refunded(_)
        | Effect::CreditVoided(_)
        | Effect::InvoiceVoided { .. }
        | Effect::TransferSent(_)
        | Effect::TransferReceived { .. }
        | Effect::TransferDone(_)
        | Effect::TransferReturned { .. }
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
        | Effect::Atomic(_) => None,
    }
}

fn of_debited(debited: &Debited, first: u32, position: LogPosition, budget: &[BudgetMove]) -> OldDebit {
    let rows: Vec<(u32, DebitRow)> = (first..).zip(debited.rows.iter().copied()).collect();
    let row_of = |slice: &Slice| {
        let row = rows.iter().find(|(_, row)| row.posting.wallet == slice.wallet);
        row.expect("every slice is of a wallet that has a row").0
    };
    let slices = debited.slices.iter().map(|slice| (row_of(slice), slice.clone())).collect();
    let end = rows.last().map_or(first, |(last, _)| last + 1);
    OldDebit { position, all_rows: first..end, rows, slices, budget: budget.to_vec() }
}
