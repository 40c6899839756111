//! `moves`: what each ledger row did to single tranches and to debts, a line each, with the share of the paid money that went along; what
//! holds reserved and let go too. The finest view of the ledger: statements, books and the journal can be made of it alone.

use coffer_ledger::unit::Unit;
use coffer_wal::LogReader;

use super::projected::Projected;
use super::{Kind, KindInfo, KindOptions, Lines};
use crate::export::error::ExportError;
use crate::export::source::Entry;
use crate::export::table::{Cell, Column, Table, Type, column, nullable};
use crate::feed::history::{OVERDRAFT, Row, SliceLine};

pub(super) static INFO: KindInfo = KindInfo { table: &TABLE, from_the_first: true, has_options: false, make };

static TABLE: Table = Table { name: "moves", version: 1, columns: &COLUMNS };

static COLUMNS: [Column; 22] = [
    column("transaction_id", Type::Word),
    column("move", Type::Integer),
    column("log_position", Type::Integer),
    column("tenant_id", Type::Word),
    column("customer_id", Type::Text),
    column("wallet_id", Type::Word),
    column("currency", Type::Word),
    nullable("price_unit", Type::Word),
    column("conversion_rate", Type::Decimal),
    column("transaction_reason", Type::Word),
    column("kind", Type::Word),
    column("credits", Type::Decimal),
    column("source", Type::Word),
    nullable("tranche_id", Type::Word),
    nullable("tranche_original", Type::Decimal),
    nullable("tranche_paid", Type::Decimal),
    nullable("tranche_expires_at", Type::Time),
    nullable("paid_share", Type::Decimal),
    nullable("hold_id", Type::Word),
    nullable("transfer_id", Type::Word),
    column("effective_at", Type::Time),
    column("recorded_at", Type::Time),
];

struct Moves(Projected);

fn make(_: &KindOptions, _: &LogReader) -> Box<dyn Kind> {
    Box::new(Moves(Projected::new()))
}

impl Kind for Moves {
    fn lines(&mut self, entry: &Entry<'_>, out: &mut Lines<'_>) -> Result<(), ExportError> {
        for full in self.0.rows(entry)? {
            if !out.wants(full.row.wallet) {
                continue;
            }
            let Some(unit) = self.0.unit(full.row.wallet) else { continue };
            for (number, slice) in full.slices.iter().enumerate() {
                out.line(&cells(entry, &full.row, unit, number, slice))?;
            }
        }
        Ok(())
    }
}

fn cells<'a>(
    entry: &'a Entry<'_>,
    row: &'a Row,
    unit: &'a Unit,
    number: usize,
    slice: &'a SliceLine,
) -> [Cell<'a>; COLUMNS.len()] {
    let tranche = slice.tranche.as_ref();
    [
        row.id.into(),
        u64::try_from(number).expect("slices are limited").into(),
        entry.position.0.into(),
        format!("tenant_{}", row.tenant.0).into(),
        (*entry.customer.id).into(),
        slice.wallet.into(),
        unit.currency.as_str().into(),
        Cell::of(unit.price_unit.as_ref().map(|unit| unit.as_str())),
        unit.conversion_rate.into(),
        (*row.reason).into(),
        slice.kind.as_str().into(),
        slice.credits.into(),
        tranche.map_or(OVERDRAFT, |tranche| &tranche.source).into(),
        Cell::of(tranche.map(|tranche| tranche.id)),
        Cell::of(tranche.map(|tranche| tranche.original)),
        Cell::of(tranche.map(|tranche| tranche.paid)),
        Cell::of(tranche.and_then(|tranche| tranche.expires_at)),
        Cell::of(slice.share),
        Cell::of(row.hold),
        Cell::of(row.transfer),
        row.effective_at.into(),
        row.recorded_at.into(),
    ]
}
