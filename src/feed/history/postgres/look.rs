//! The reads of a [`Look`], within one transaction.

use coffer_ledger::ids::{TenantNumber, TrancheId, WalletId};
use coffer_ledger::time::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row as Line};

use super::connection::Connection;
use super::read;
use crate::feed::history::key::key;
use crate::feed::history::look::{Failure, Look, RowsAsked};
use crate::feed::history::sql::{self, Dialect};
use crate::feed::history::{
    AlertLine, AlertsAsked, FullRow, HistoryError, Listed, RechargeLife, RechargesAsked, StoreError, Sums,
    TotalOf, TrancheLife, WalletLife,
};

/// A slot later than 2262 reads as a number below zero.
const TOTALS: &str = "SELECT * FROM totals WHERE tenant = $1 AND slot >= 0 AND slot < $2";
const ROWS: &str = "SELECT * FROM transactions WHERE tenant = $1 AND key > $2 AND key <= $3 \
                    AND effective_at >= $4 AND effective_at < $5 ORDER BY key LIMIT $6";
const ROWS_OF_CUSTOMER: &str = "SELECT * FROM transactions WHERE customer = $1 AND key > $2 AND key <= $3 \
                                AND effective_at >= $4 AND effective_at < $5 ORDER BY key LIMIT $6";

/// A look into the schema.
pub(super) struct PostgresLook<'a> {
    connection: &'a Connection,
    failure: Failure,
}

impl<'a> PostgresLook<'a> {
    pub(super) const fn new(connection: &'a Connection) -> Self {
        Self { connection, failure: Failure::none() }
    }

    /// What went wrong in it.
    pub(super) fn end(self) -> Result<(), StoreError> {
        self.failure.end()
    }

    fn read<T>(&self, read: impl AsyncFnOnce(&Client) -> Result<T, StoreError>) -> Result<T, HistoryError> {
        self.failure.told(self.connection.run(read))
    }
}

impl Look for PostgresLook<'_> {
    fn position(&self) -> Result<u64, HistoryError> {
        self.read(async |client| {
            let position: i64 = client.query_one("SELECT position FROM cursor", &[]).await?.get(0);
            Ok(position.cast_unsigned())
        })
    }

    fn totals(
        &self,
        tenant: TenantNumber,
        before: Timestamp,
        visit: &mut dyn FnMut(TotalOf, Sums),
    ) -> Result<(), HistoryError> {
        let lines = self.read(async |client| {
            let lines = numbers(client, TOTALS, &[i64::from(tenant.0), instant(before)]).await?;
            lines.iter().map(read::total).collect::<Result<Vec<_>, _>>()
        })?;
        lines.into_iter().for_each(|(of, sums)| visit(of, sums));
        Ok(())
    }

    fn rows(&self, asked: &RowsAsked) -> Result<Vec<FullRow>, HistoryError> {
        let after = asked.after.map_or(-1, |row| key(row.position().0, row.row()).unwrap_or(i64::MAX));
        let last = key(asked.last.saturating_add(1), 0).map_or(i64::MAX, |next| next - 1);
        let limit = i64::try_from(asked.limit).unwrap_or(i64::MAX);
        let (text, of) = match asked.customer {
            Some(customer) => (ROWS_OF_CUSTOMER, customer.0.cast_signed()),
            None => (ROWS, i64::from(asked.tenant.0)),
        };
        self.read(async |client| {
            let given = [of, after, last, instant(asked.from), instant(asked.to), limit];
            let lines = numbers(client, text, &given).await?;
            read::full_rows(client, &lines).await
        })
    }

    fn wallet(&self, id: WalletId) -> Result<Option<WalletLife>, HistoryError> {
        self.read(async |client| read::wallet(client, id).await)
    }

    fn tranche(&self, id: TrancheId) -> Result<Option<TrancheLife>, HistoryError> {
        self.read(async |client| read::tranche(client, id).await)
    }

    fn alerts(&self, asked: &AlertsAsked) -> Result<Listed<AlertLine>, HistoryError> {
        let listing = sql::alerts(asked, Dialect::Postgres);
        self.read(async |client| read::listed(client, &listing, read::alert_change).await)
    }

    fn recharges(&self, asked: &RechargesAsked) -> Result<Listed<RechargeLife>, HistoryError> {
        let listing = sql::recharges(asked, Dialect::Postgres);
        self.read(async |client| read::listed(client, &listing, read::recharge).await)
    }
}

/// Asks with numbers as parameters.
async fn numbers(client: &Client, text: &str, given: &[i64]) -> Result<Vec<Line>, StoreError> {
    let given: Vec<_> = given.iter().map(|number| (number as &(dyn ToSql + Sync), Type::INT8)).collect();
    Ok(client.query_typed(text, &given).await?)
}

/// An instant beyond 2262 is behind all that is asked about.
fn instant(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}
