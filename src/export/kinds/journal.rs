//! `journal`: the double entries of the rows of a range of the log, a line for each debit and credit (docs/BOOKS.md).
//!
//! A range of the log is not a month: what happened by itself is recorded later than it counts. The journal of a month, which adds up to
//! its books, is `GET /v1/journal` and `coffer journal`; lines are the same.

use coffer_ledger::unit::Unit;
use coffer_wal::LogReader;

use super::projected::Projected;
use super::{Kind, KindInfo, KindOptions, Lines};
use crate::books::{Entry as Posting, JournalLine, entry as posting_of};
use crate::export::error::ExportError;
use crate::export::source::Entry;
use crate::export::table::{Cell, Column, Table, Type, column, nullable};

pub(super) static INFO: KindInfo = KindInfo { table: &TABLE, from_the_first: true, has_options: false, make };

/// The shape of the lines.
pub(crate) static TABLE: Table = Table { name: "journal", version: 1, columns: &COLUMNS };

static COLUMNS: [Column; 17] = [
    column("entry_id", Type::Word),
    column("line", Type::Integer),
    column("account", Type::Integer),
    column("account_name", Type::Word),
    column("debit", Type::Decimal),
    column("credit", Type::Decimal),
    column("currency", Type::Word),
    nullable("price_unit", Type::Word),
    column("conversion_rate", Type::Decimal),
    column("source", Type::Word),
    column("tenant_id", Type::Word),
    column("customer_id", Type::Text),
    column("wallet_id", Type::Word),
    column("transaction_reason", Type::Word),
    column("log_position", Type::Integer),
    column("effective_at", Type::Time),
    column("recorded_at", Type::Time),
];

struct Journal(Projected);

fn make(_: &KindOptions, _: &LogReader) -> Box<dyn Kind> {
    Box::new(Journal(Projected::new()))
}

impl Kind for Journal {
    fn lines(&mut self, entry: &Entry<'_>, out: &mut Lines<'_>) -> Result<(), ExportError> {
        for full in self.0.rows(entry)? {
            if !out.wants(full.row.wallet) {
                continue;
            }
            let Some(unit) = self.0.unit(full.row.wallet) else { continue };
            if let Some(posting) = posting_of(&full, unit) {
                for (number, line) in (0..).zip(&posting.lines) {
                    out.line(&cells(&posting, unit, &entry.customer.id, number, line))?;
                }
            }
        }
        Ok(())
    }
}

/// A line of an entry.
pub(crate) fn cells<'a>(
    posting: &'a Posting,
    unit: &'a Unit,
    customer: &'a str,
    number: u64,
    line: &'a JournalLine,
) -> [Cell<'a>; COLUMNS.len()] {
    [
        posting.row.into(),
        number.into(),
        line.account.number().into(),
        line.account.name().into(),
        line.debit.into(),
        line.credit.into(),
        unit.currency.as_str().into(),
        Cell::of(unit.price_unit.as_ref().map(|unit| unit.as_str())),
        unit.conversion_rate.into(),
        (*line.source).into(),
        format!("tenant_{}", posting.tenant.0).into(),
        customer.into(),
        posting.wallet.into(),
        (*posting.reason).into(),
        posting.row.position().0.into(),
        posting.effective_at.into(),
        posting.recorded_at.into(),
    ]
}
