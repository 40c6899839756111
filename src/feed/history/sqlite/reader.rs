//! Reading the file: one connection a reader.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

use super::insert::Bound;
use super::look::SqliteLook;
use super::values::number_of;
use super::{read, slices};
use crate::feed::history::look::Look;
use crate::feed::history::reader::HistoryReader;
use crate::feed::history::sql::{self, Dialect, Narrowing, Parameter, Sql};
use crate::feed::history::{Found, Query, StoreError, givers};

/// How long a reader waits for the file's lock.
const BUSY: Duration = Duration::from_secs(1);

/// A connection that reads.
pub(crate) struct SqliteReader(Connection);

impl SqliteReader {
    /// Opens the file for reading.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        connect(path).map(Self).map_err(told)
    }
}

impl HistoryReader for SqliteReader {
    fn find(&mut self, query: &Query) -> Result<Found, StoreError> {
        page(&mut self.0, query).map_err(told)
    }

    fn look(&mut self, look: &mut dyn FnMut(&dyn Look)) -> Result<(), StoreError> {
        let transaction = self.0.transaction().map_err(told)?;
        let view = SqliteLook::new(&transaction);
        look(&view);
        view.end()
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// Count, page and cursor as of one instant.
fn page(connection: &mut Connection, query: &Query) -> rusqlite::Result<Found> {
    let transaction = connection.transaction()?;
    let position = transaction.query_row("SELECT position FROM cursor", [], |row| row.get(0))?;
    let life = query.paid_by.map(|tranche| read::tranche(&transaction, tranche)).transpose()?.flatten();
    let mut narrowing = Narrowing::of(query, life.and_then(|life| life.since()));
    while let Some(asked) = narrowing.look_up(Dialect::Sqlite) {
        let mut statement = transaction.prepare(&asked.text)?;
        let numbers = statement.query_map(params_from_iter(bound(&asked)), |row| row.get(0))?;
        narrowing.tell(numbers.collect::<rusqlite::Result<Vec<_>>>()?.into_iter());
    }
    let count = sql::count(query, &narrowing, Dialect::Sqlite);
    let total: i64 = transaction
        .prepare_cached(&count.text)?
        .query_row(params_from_iter(bound(&count)), |row| row.get(0))?;
    let asked = sql::page(query, &narrowing, Dialect::Sqlite);
    let mut statement = transaction.prepare_cached(&asked.text)?;
    let rows = statement.query_map(params_from_iter(bound(&asked)), read::row)?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let credits = read::credit_rows(&transaction, &givers(&rows))?;
    let total = usize::try_from(total).unwrap_or(0);
    Ok(Found { rows, credits, total, more, position: number_of(position) })
}

/// The parameters as SQLite takes them: a list is one JSON text.
pub(super) fn bound(sql: &Sql) -> impl Iterator<Item = Value> {
    sql.parameters.iter().map(|parameter| match parameter {
        Parameter::One(cell) => match Bound::of(cell) {
            Bound::Text(text) => Value::Text(text.to_owned()),
            Bound::Id(bytes) => Value::Blob(bytes.to_vec()),
            Bound::Amount(packed) => Value::Blob(packed.to_vec()),
            Bound::Bytes(bytes) => Value::Blob(bytes.to_vec()),
            Bound::Number(value) => Value::Integer(value),
            Bound::Null => Value::Null,
        },
        Parameter::Gave(kind, tranche) => {
            Value::Blob(slices::head(kind, Some(*tranche)).expect("kinds of the query have numbers").to_vec())
        }
        Parameter::Tranches(tranches) => {
            let ids: Vec<String> = tranches.iter().map(|tranche| format!("{:032X}", tranche.0.0)).collect();
            Value::Text(serde_json::to_string(&ids).expect("strings are JSON"))
        }
    })
}

/// Damage that a reader finds is told from what only stands in its way.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
pub(super) fn told(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => {
            StoreError::Unfit(error.to_string())
        }
        Some(_) => StoreError::Unusable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use coffer_ledger::ids::{CustomerNumber, GrantId, LogPosition, RowId, TenantNumber, ThingId, TrancheId};
    use coffer_ledger::time::Timestamp;

    use super::*;
    use crate::feed::history::sqlite::schema;
    use crate::feed::history::{Column, Given, Of, Test};

    fn asked(tests: Vec<(Column, Test)>) -> Query {
        Query {
            tenant: TenantNumber(1),
            of: Of::Tenant,
            only: None,
            moving: false,
            tests,
            credits_of: None,
            paid_by: None,
            sort: Vec::new(),
            newest_first: true,
            after: None,
            limit: 20,
            offset: 0,
        }
    }

    /// The index that count and page are looked for in.
    fn indices(file: &Connection, query: &Query) -> Vec<String> {
        let mut narrowing = Narrowing::of(query, None);
        while narrowing.look_up(Dialect::Sqlite).is_some() {
            narrowing.tell([7, 8].into_iter());
        }
        let statements =
            [sql::count(query, &narrowing, Dialect::Sqlite), sql::page(query, &narrowing, Dialect::Sqlite)];
        let index = |sql: &Sql| -> String {
            let plan = format!("EXPLAIN QUERY PLAN {}", sql.text);
            let line = file.query_row(&plan, params_from_iter(bound(sql)), |line| line.get::<_, String>(3));
            line.unwrap().split(" INDEX ").nth(1).unwrap().split(' ').next().unwrap().to_owned()
        };
        statements.iter().map(index).collect()
    }

    #[test]
    fn what_ids_name_is_looked_for_in_the_index_of_customers() {
        let mut file = Connection::open_in_memory().unwrap();
        schema::create(&mut file).unwrap();
        let thing = |number| ThingId::new(Timestamp(5_000_000), CustomerNumber(number), 3);
        let (one, two) = (vec![Given::Id(thing(7).0)], vec![Given::Id(thing(7).0), Given::Id(thing(8).0)]);
        let row = vec![Given::Id(RowId::new(Timestamp(5_000_000), LogPosition(9), 1).0)];
        let mut queries = vec![
            Query { paid_by: Some(TrancheId(thing(7))), ..asked(Vec::new()) },
            Query { credits_of: Some(vec![TrancheId(thing(7)), TrancheId(thing(8))]), ..asked(Vec::new()) },
            asked(vec![(Column::Parent, Test::In(row.clone()))]),
            asked(vec![(Column::Completes, Test::In(row))]),
        ];
        for column in [Column::Wallet, Column::Tranche, Column::Grant, Column::Hold, Column::Transfer] {
            queries.extend([&one, &two].map(|given| asked(vec![(column, Test::In(given.clone()))])));
        }
        for query in &queries {
            assert_eq!(indices(&file, query), ["transactions_of_customer"; 2], "{query:?}");
        }
        let of_tenant = GrantId::of_tenant(Timestamp(5_000_000), TenantNumber(1), 2);
        for test in [
            (Column::Grant, Test::In(vec![Given::Id(of_tenant.0.0)])),
            (Column::Hold, Test::NotIn(one.clone())),
            (Column::ReferenceId, Test::In(vec![Given::Text("a".into())])),
        ] {
            let query = asked(vec![test]);
            assert_eq!(indices(&file, &query), ["transactions_of_tenant"; 2], "{query:?}");
        }
    }
}
