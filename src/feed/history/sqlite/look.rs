//! The reads of a [`Look`] in SQL.

use coffer_ledger::ids::{TenantNumber, TrancheId, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::view::MoveKind;
use rusqlite::{Connection, Row as Line, params};

use super::read;
use super::reader::told;
use super::values::{number, number_of};
use crate::feed::history::key::key;
use crate::feed::history::look::{Failure, Look, RowsAsked};
use crate::feed::history::sql::{self, Dialect};
use crate::feed::history::{
    AlertLine, AlertsAsked, FullRow, HistoryError, Listed, RechargeLife, RechargesAsked, StoreError, Sums,
    TotalOf, TrancheLife, WalletLife,
};

/// A slot later than 2262 reads as a number below zero.
const TOTALS: &str = "SELECT * FROM totals WHERE tenant = ?1 AND slot >= 0 AND slot < ?2";
const ROWS: &str = "SELECT * FROM transactions WHERE tenant = ?1 AND key > ?2 AND key <= ?3 \
                    AND effective_at >= ?4 AND effective_at < ?5 ORDER BY key LIMIT ?6";
const ROWS_OF_CUSTOMER: &str = "SELECT * FROM transactions WHERE customer = ?1 AND key > ?2 AND key <= ?3 \
                                AND effective_at >= ?4 AND effective_at < ?5 ORDER BY key LIMIT ?6";

/// A look into the file, within one transaction.
pub(super) struct SqliteLook<'a> {
    connection: &'a Connection,
    failure: Failure,
}

impl<'a> SqliteLook<'a> {
    pub(super) const fn new(connection: &'a Connection) -> Self {
        Self { connection, failure: Failure::none() }
    }

    /// What went wrong in it.
    pub(super) fn end(self) -> Result<(), StoreError> {
        self.failure.end()
    }

    fn told<T>(&self, read: rusqlite::Result<T>) -> Result<T, HistoryError> {
        self.failure.told(read.map_err(told))
    }

    fn read_rows(&self, asked: &RowsAsked) -> rusqlite::Result<Vec<FullRow>> {
        let after = asked.after.map_or(-1, |row| key(row.position().0, row.row()).unwrap_or(i64::MAX));
        let last = key(asked.last.saturating_add(1), 0).map_or(i64::MAX, |next| next - 1);
        let limit = i64::try_from(asked.limit).unwrap_or(i64::MAX);
        let (text, of) = match asked.customer {
            Some(customer) => (ROWS_OF_CUSTOMER, number(customer.0)),
            None => (ROWS, i64::from(asked.tenant.0)),
        };
        let mut statement = self.connection.prepare_cached(text)?;
        let instant = |at: Timestamp| i64::try_from(at.0).unwrap_or(i64::MAX);
        let parameters = params![of, after, last, instant(asked.from), instant(asked.to), limit];
        let rows = statement.query_map(parameters, read::full_row)?;
        rows.collect()
    }
}

impl Look for SqliteLook<'_> {
    fn position(&self) -> Result<u64, HistoryError> {
        let read = self.connection.query_row("SELECT position FROM cursor", [], |line| line.get(0));
        self.told(read).map(number_of)
    }

    fn totals(
        &self,
        tenant: TenantNumber,
        before: Timestamp,
        visit: &mut dyn FnMut(TotalOf, Sums),
    ) -> Result<(), HistoryError> {
        let before = i64::try_from(before.0).unwrap_or(i64::MAX);
        let mut read = || {
            let mut statement = self.connection.prepare_cached(TOTALS)?;
            let mut lines = statement.query(params![tenant.0, before])?;
            while let Some(line) = lines.next()? {
                visit(total_of(line)?, read::sums_of(line)?);
            }
            Ok(())
        };
        self.told(read())
    }

    fn rows(&self, asked: &RowsAsked) -> Result<Vec<FullRow>, HistoryError> {
        self.told(self.read_rows(asked))
    }

    fn wallet(&self, id: WalletId) -> Result<Option<WalletLife>, HistoryError> {
        self.told(read::wallet(self.connection, id))
    }

    fn tranche(&self, id: TrancheId) -> Result<Option<TrancheLife>, HistoryError> {
        self.told(read::tranche(self.connection, id))
    }

    fn alerts(&self, asked: &AlertsAsked) -> Result<Listed<AlertLine>, HistoryError> {
        self.told(read::listed(self.connection, &sql::alerts(asked, Dialect::Sqlite), read::alert_change))
    }

    fn recharges(&self, asked: &RechargesAsked) -> Result<Listed<RechargeLife>, HistoryError> {
        self.told(read::listed(self.connection, &sql::recharges(asked, Dialect::Sqlite), read::recharge))
    }
}

fn total_of(line: &Line<'_>) -> rusqlite::Result<TotalOf> {
    let word = line.get_ref("kind")?.as_str()?;
    let price_unit: String = line.get("price_unit")?;
    Ok(TotalOf {
        tenant: TenantNumber(line.get("tenant")?),
        slot: Timestamp(number_of(line.get("slot")?)),
        unit: read::unit(line, Some(price_unit).filter(|text| !text.is_empty()))?,
        source: line.get::<_, String>("source")?.into(),
        kind: read::needed(MoveKind::ALL.into_iter().find(|kind| kind.as_str() == word), "kind")?,
        reason: line.get::<_, String>("reason")?.into(),
    })
}
