//! The double entries of ledger rows: one for each row that moves money, debits = credits in every one.
//!
//! A pure function of the row, its slices and the unit of its wallet. Lines of the same account, side and source are one. An entry holds
//! ids, words and money; nothing that a person wrote. Tested in `tests/books/`.

use std::borrow::Cow;

use coffer_ledger::amount::{Money, Rate};
use coffer_ledger::ids::{CustomerNumber, RowId, TenantNumber, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Unit;

use super::account::{Account, booked};
use crate::feed::history::{FullRow, OfTranche, SliceKind, SliceLine};

/// The entry of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The row.
    pub row: RowId,
    /// Whose it is.
    pub tenant: TenantNumber,
    /// Whose it is.
    pub customer: CustomerNumber,
    /// The wallet.
    pub wallet: WalletId,
    /// Why, as the API's word.
    pub reason: Cow<'static, str>,
    /// The instant that counts.
    pub effective_at: Timestamp,
    /// The instant of the record.
    pub recorded_at: Timestamp,
    /// Two or more.
    pub lines: Vec<JournalLine>,
}

/// A line of an entry: a debit or a credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalLine {
    /// The account.
    pub account: Account,
    /// The source of the credit that moved, as the API's word.
    pub source: Cow<'static, str>,
    /// Money that it is debited with, or 0.
    pub debit: Money,
    /// Money that it is credited with, or 0.
    pub credit: Money,
}

/// The entry of a row of a wallet with this unit; `None` if it moves no money.
#[must_use]
pub fn entry(FullRow { row, slices }: &FullRow, unit: &Unit) -> Option<Entry> {
    let mut lines = Vec::new();
    for slice in slices {
        post(&mut lines, slice, &row.reason, unit.conversion_rate);
    }
    // Debits first, as journals are read.
    lines.sort_by_key(|line| line.debit.is_zero());
    (!lines.is_empty()).then(|| Entry {
        row: row.id,
        tenant: row.tenant,
        customer: row.customer,
        wallet: row.wallet,
        reason: row.reason.clone(),
        effective_at: row.effective_at,
        recorded_at: row.recorded_at,
        lines,
    })
}

fn post(lines: &mut Vec<JournalLine>, slice: &SliceLine, reason: &str, rate: Rate) {
    let (SliceKind::Moved(kind), Some(of)) = (slice.kind, &slice.tranche) else { return };
    let share = slice.share.unwrap_or(Money::ZERO);
    let worth = of.paid.is_zero().then(|| Money::of_credits_half_even(slice.credits, rate)).flatten();
    for one in booked(kind, &of.source, reason, share, worth.unwrap_or(Money::ZERO)) {
        line(lines, one.debit, of, true).debit += one.money;
        line(lines, one.credit, of, false).credit += one.money;
    }
}

/// The line of this account, side and source.
fn line<'a>(
    lines: &'a mut Vec<JournalLine>,
    account: Account,
    of: &OfTranche,
    is_debit: bool,
) -> &'a mut JournalLine {
    let same = |line: &JournalLine| {
        line.account == account && line.source == of.source && line.debit.is_positive() == is_debit
    };
    let at = lines.iter().position(same).unwrap_or_else(|| {
        lines.push(JournalLine {
            account,
            source: of.source.clone(),
            debit: Money::ZERO,
            credit: Money::ZERO,
        });
        lines.len() - 1
    });
    &mut lines[at]
}
