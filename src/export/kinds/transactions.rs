//! `transactions`: every ledger row, with everything that the API says of it and that does not change afterwards.

use coffer_wal::LogReader;

use super::{Kind, KindInfo, KindOptions, Lines, object};
use crate::export::error::ExportError;
use crate::export::source::Entry;
use crate::export::table::{Cell, Column, Table, Type, column, nullable};
use crate::feed::history::{Part, Row};

pub(super) static INFO: KindInfo =
    KindInfo { table: &TABLE, from_the_first: false, has_options: false, make };

static TABLE: Table = Table { name: "transactions", version: 1, columns: &COLUMNS };

static COLUMNS: [Column; 40] = [
    column("id", Type::Word),
    column("log_position", Type::Integer),
    column("tenant_id", Type::Word),
    column("customer_id", Type::Text),
    column("external_customer_id", Type::Text),
    column("wallet_id", Type::Word),
    nullable("sequence", Type::Integer),
    column("type", Type::Word),
    column("transaction_reason", Type::Word),
    column("transaction_status", Type::Word),
    column("credit_amount", Type::Decimal),
    nullable("amount", Type::Decimal),
    nullable("currency", Type::Word),
    nullable("charged", Type::Decimal),
    nullable("credit_balance_before", Type::Decimal),
    nullable("credit_balance_after", Type::Decimal),
    column("repaid", Type::Decimal),
    nullable("tranche_id", Type::Word),
    nullable("expiry_date", Type::Time),
    nullable("priority", Type::Integer),
    nullable("parent_transaction_id", Type::Word),
    nullable("completes_transaction_id", Type::Word),
    nullable("conversion_rate", Type::Decimal),
    nullable("topup_conversion_rate", Type::Decimal),
    nullable("rate_card_id", Type::Word),
    nullable("rate_card_version", Type::Integer),
    nullable("source_id", Type::Text),
    nullable("hold_id", Type::Word),
    nullable("transfer_id", Type::Word),
    nullable("grant_id", Type::Word),
    nullable("reference_type", Type::Text),
    nullable("reference_id", Type::Text),
    nullable("description", Type::Text),
    nullable("metadata", Type::Json),
    nullable("idempotency_key", Type::Text),
    nullable("created_by", Type::Word),
    column("slices", Type::Integer),
    column("overdraft", Type::Decimal),
    column("effective_at", Type::Time),
    column("recorded_at", Type::Time),
];

struct Transactions;

fn make(_: &KindOptions, _: &LogReader) -> Box<dyn Kind> {
    Box::new(Transactions)
}

impl Kind for Transactions {
    fn lines(&mut self, entry: &Entry<'_>, out: &mut Lines<'_>) -> Result<(), ExportError> {
        for row in &entry.rows {
            if out.wants(row.wallet) {
                out.line(&cells(entry, row))?;
            }
        }
        Ok(())
    }
}

fn cells<'a>(entry: &'a Entry<'_>, row: &'a Row) -> [Cell<'a>; COLUMNS.len()] {
    let text = |text: &'a Option<Box<str>>| Cell::of(text.as_deref());
    let slices = u64::try_from(row.parts.len()).expect("slices are limited");
    let overdraft = row.parts.iter().filter(|part| part.tranche.is_none()).map(|part: &Part| part.credits);
    [
        row.id.into(),
        entry.position.0.into(),
        format!("tenant_{}", row.tenant.0).into(),
        (*entry.customer.id).into(),
        (*entry.customer.external_id).into(),
        row.wallet.into(),
        Cell::of(row.sequence),
        (*row.row_type).into(),
        (*row.reason).into(),
        (*row.status).into(),
        row.credits.into(),
        Cell::of(row.amount),
        Cell::of(row.currency.as_ref().map(coffer_ledger::unit::Currency::as_str)),
        Cell::of(row.charged),
        Cell::of(row.balance_before),
        Cell::of(row.balance_after),
        row.repaid.into(),
        Cell::of(row.tranche),
        Cell::of(row.expires_at),
        Cell::of(row.priority),
        Cell::of(row.parent),
        Cell::of(row.completes),
        Cell::of(row.conversion_rate),
        Cell::of(row.topup_conversion_rate),
        Cell::of(row.card.map(|(card, _)| card)),
        Cell::of(row.card.map(|(_, version)| version)),
        text(&row.invoice),
        Cell::of(row.hold),
        Cell::of(row.transfer),
        Cell::of(row.grant),
        text(&row.reference_type),
        text(&row.reference_id),
        text(&row.description),
        row.metadata.as_deref().map_or(Cell::Null, object),
        text(&row.idempotency_key),
        Cell::of(row.by),
        slices.into(),
        overdraft.sum::<coffer_ledger::amount::Credits>().into(),
        row.effective_at.into(),
        row.recorded_at.into(),
    ]
}
