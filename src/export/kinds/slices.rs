//! `slices`: which tranche paid, reserved or got back how much of which ledger row, a line each; join it with `transactions` by
//! `transaction_id`.

use coffer_wal::LogReader;

use super::{Kind, KindInfo, KindOptions, Lines};
use crate::export::error::ExportError;
use crate::export::source::Entry;
use crate::export::table::{Cell, Column, Table, Type, column, nullable};
use crate::feed::history::{Part, Row};

pub(super) static INFO: KindInfo =
    KindInfo { table: &TABLE, from_the_first: false, has_options: false, make };

static TABLE: Table = Table { name: "slices", version: 1, columns: &COLUMNS };

static COLUMNS: [Column; 16] = [
    column("transaction_id", Type::Word),
    column("slice", Type::Integer),
    column("log_position", Type::Integer),
    column("tenant_id", Type::Word),
    column("customer_id", Type::Text),
    column("wallet_id", Type::Word),
    column("type", Type::Word),
    column("transaction_reason", Type::Word),
    column("credits", Type::Decimal),
    column("source", Type::Word),
    nullable("tranche_id", Type::Word),
    nullable("tranche_original", Type::Decimal),
    nullable("tranche_paid", Type::Decimal),
    nullable("tranche_expires_at", Type::Time),
    column("effective_at", Type::Time),
    column("recorded_at", Type::Time),
];

/// What gave a slice that no tranche gave, as the API says it.
const OVERDRAFT: &str = "overdraft";

struct Slices;

fn make(_: &KindOptions, _: &LogReader) -> Box<dyn Kind> {
    Box::new(Slices)
}

impl Kind for Slices {
    fn lines(&mut self, entry: &Entry<'_>, out: &mut Lines<'_>) -> Result<(), ExportError> {
        for row in entry.rows.iter().filter(|row| !row.parts.is_empty()) {
            if !out.wants(row.wallet) {
                continue;
            }
            for (number, part) in row.parts.iter().enumerate() {
                out.line(&cells(entry, row, number, part))?;
            }
        }
        Ok(())
    }
}

fn cells<'a>(entry: &'a Entry<'_>, row: &'a Row, number: usize, part: &'a Part) -> [Cell<'a>; COLUMNS.len()] {
    let tranche = part.tranche.as_ref();
    [
        row.id.into(),
        u64::try_from(number).expect("slices are limited").into(),
        entry.position.0.into(),
        format!("tenant_{}", row.tenant.0).into(),
        (*entry.customer.id).into(),
        part.wallet.into(),
        (*row.row_type).into(),
        (*row.reason).into(),
        part.credits.into(),
        tranche.map_or(OVERDRAFT, |tranche| &tranche.source).into(),
        Cell::of(tranche.map(|tranche| tranche.id)),
        Cell::of(tranche.map(|tranche| tranche.original)),
        Cell::of(tranche.map(|tranche| tranche.paid)),
        Cell::of(tranche.and_then(|tranche| tranche.expires_at)),
        row.effective_at.into(),
        row.recorded_at.into(),
    ]
}
