//! Reading the schema: one connection a reader.

use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::address::Address;
use super::connection::Connection;
use super::look::PostgresLook;
use super::read;
use crate::feed::history::cell::Cell;
use crate::feed::history::look::Look;
use crate::feed::history::reader::HistoryReader;
use crate::feed::history::sql::{self, Dialect, Narrowing, Parameter, Sql};
use crate::feed::history::{Found, Query, StoreError, givers};

/// As of one instant.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// A connection that reads.
pub(in crate::feed::history) struct PostgresReader(Connection);

impl PostgresReader {
    /// Connects.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(in crate::feed::history) fn open(address: &Address) -> Result<Self, StoreError> {
        Connection::open(address).map(Self)
    }
}

impl HistoryReader for PostgresReader {
    fn find(&mut self, query: &Query) -> Result<Found, StoreError> {
        self.0.run(async |client| {
            client.batch_execute(BEGIN).await?;
            let found = find(client, query).await?;
            client.batch_execute("COMMIT").await?;
            Ok(found)
        })
    }

    fn look(&mut self, look: &mut dyn FnMut(&dyn Look)) -> Result<(), StoreError> {
        self.0.run(async |client| client.batch_execute(BEGIN).await)?;
        let view = PostgresLook::new(&self.0);
        look(&view);
        let ended = self.0.run(async |client| client.batch_execute("COMMIT").await);
        view.end()?;
        Ok(ended?)
    }
}

async fn find(client: &Client, query: &Query) -> Result<Found, StoreError> {
    let position: i64 = client.query_one("SELECT position FROM cursor", &[]).await?.get(0);
    let since = match query.paid_by {
        Some(tranche) => read::tranche(client, tranche).await?.and_then(|life| life.since()),
        None => None,
    };
    let mut narrowing = Narrowing::of(query, since);
    while let Some(asked) = narrowing.look_up(Dialect::Postgres) {
        narrowing.tell(ask(client, &asked).await?.iter().map(|line| line.get(0)));
    }
    let counted = ask(client, &sql::count(query, &narrowing, Dialect::Postgres)).await?;
    let total = counted.first().map_or(0, |line| line.get::<_, i64>(0));
    let mut lines = ask(client, &sql::page(query, &narrowing, Dialect::Postgres)).await?;
    let more = lines.len() > query.limit;
    lines.truncate(query.limit);
    let rows = read::rows(client, &lines).await?;
    let credits = read::credit_rows(client, &givers(&rows)).await?;
    let total = usize::try_from(total).unwrap_or(0);
    Ok(Found { rows, credits, total, more, position: position.cast_unsigned() })
}

/// Asks in one round trip: the parameters' types are known.
pub(super) async fn ask(client: &Client, sql: &Sql) -> Result<Vec<tokio_postgres::Row>, StoreError> {
    let lists: Vec<Vec<Cell<'static>>> = sql.parameters.iter().map(list).collect();
    let parameters = sql.parameters.iter().zip(&lists).map(|(parameter, list)| match parameter {
        Parameter::One(cell) => (cell as &(dyn ToSql + Sync), cell.kind()),
        Parameter::Gave(..) => unreachable!("it is SQLite's"),
        Parameter::Tranches(_) => (list as &(dyn ToSql + Sync), Type::TEXT_ARRAY),
    });
    Ok(client.query_typed(&sql.text, &parameters.collect::<Vec<_>>()).await?)
}

fn list(parameter: &Parameter) -> Vec<Cell<'static>> {
    match parameter {
        Parameter::One(_) | Parameter::Gave(..) => Vec::new(),
        Parameter::Tranches(tranches) => tranches.iter().map(|id| Cell::from(*id)).collect(),
    }
}
