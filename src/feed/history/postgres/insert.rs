//! A batch into the tables: what only grows by COPY, everything else by statements that take many lines at once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::pin;

use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::schema::{
    ALERT_CHANGES, EVENTS, HOLDS, RECHARGES, SETTLEMENT_VOIDED, SETTLEMENTS, SLICES, TOTALS, TRANCHES,
    TRANSACTIONS, TRANSFER_ENDED, TRANSFERS, WALLETS,
};
use super::table::{Table, lines};
use crate::feed::history::batch::{Batch, FullRow};
use crate::feed::history::cell::Cell;
use crate::feed::history::key::key;
use crate::feed::history::row::Row;
use crate::feed::history::{StoreError, columns};

/// Statements of a session, by name.
#[derive(Default)]
pub(super) struct Prepared(RefCell<HashMap<&'static str, Statement>>);

impl Prepared {
    async fn statement(&self, client: &Client, name: &'static str, text: &str) -> Result<Statement, Error> {
        let known = self.0.borrow().get(name).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = client.prepare(text).await?;
        self.0.borrow_mut().insert(name, statement.clone());
        Ok(statement)
    }
}

/// Inserts everything but totals, in a transaction of the caller's.
pub(super) async fn part(client: &Client, prepared: &Prepared, batch: &Batch) -> Result<(), StoreError> {
    let keys = batch.rows.iter().map(|full| keyed(full)).collect::<Result<Vec<_>, _>>()?;
    let rows = keys.iter().map(|(key, full)| transaction(*key, &full.row));
    copy((client, prepared), "rows", &TRANSACTIONS, rows).await?;
    let slices = keys.iter().flat_map(|(key, full)| {
        (0_i64..).zip(&full.slices).map(|(number, line)| columns::slice(*key, number, line))
    });
    copy((client, prepared), "slices", &SLICES, slices).await?;
    copy((client, prepared), "events", &EVENTS, batch.events.iter().map(columns::event)).await?;
    let alerts = batch.alerts.iter().map(columns::alert_change);
    copy((client, prepared), "alert changes", &ALERT_CHANGES, alerts).await?;
    Ok(things(client, prepared, batch).await?)
}

/// What may be there already.
async fn things(client: &Client, prepared: &Prepared, batch: &Batch) -> Result<(), Error> {
    let into = |name, text| Into { client, prepared, name, text };
    let replaced = |table: &Table| into(table.name, table.merge(|name| format!("EXCLUDED.{name}")));
    let kept = |table: &Table, count| into(table.name, table.insert(count, "NOTHING"));
    let voided = lines(SETTLEMENT_VOIDED);
    let voided = format!(
        "UPDATE settlements SET status = 'voided', voided_record = line.voided_record, voided_at = line.voided_at
         FROM {voided} WHERE settlements.customer = line.customer AND settlements.invoice = line.invoice"
    );
    let ended = lines(TRANSFER_ENDED);
    let ended = format!(
        "UPDATE transfers SET status = line.status, ended_record = line.ended_record, ended_at = line.ended_at
         FROM {ended} WHERE transfers.id = line.id"
    );
    replaced(&WALLETS).put(batch.wallets.iter().map(|(id, life)| columns::wallet(*id, life))).await?;
    replaced(&TRANCHES).put(batch.tranches.iter().map(columns::tranche)).await?;
    replaced(&HOLDS).put(batch.holds.values().map(columns::hold)).await?;
    replaced(&RECHARGES).put(batch.recharges.values().map(columns::recharge)).await?;
    kept(&SETTLEMENTS, 9).put(batch.settled.iter().map(columns::settlement)).await?;
    into("settlements voided", voided).put(batch.voided.iter().map(columns::settlement_voided)).await?;
    kept(&TRANSFERS, 8).put(batch.sent.iter().map(columns::transfer)).await?;
    let ends = batch.ended.iter().map(|(id, status, at)| columns::transfer_ended(*id, status, *at));
    into("transfers ended", ended).put(ends).await
}

/// Adds sums to those that stand there, in a transaction of the caller's.
pub(super) async fn totals(client: &Client, prepared: &Prepared, batch: &Batch) -> Result<(), Error> {
    let text = TOTALS.merge(|name| format!("totals.{name} + EXCLUDED.{name}"));
    let into = Into { client, prepared, name: TOTALS.name, text };
    into.put(batch.totals.iter().map(|(of, sums)| columns::total(of, sums))).await
}

/// A statement that takes many lines.
struct Into<'a> {
    client: &'a Client,
    prepared: &'a Prepared,
    name: &'static str,
    text: String,
}

impl Into<'_> {
    async fn put<'c, const N: usize>(self, lines: impl Iterator<Item = [Cell<'c>; N]>) -> Result<(), Error> {
        let lines: Vec<_> = lines.collect();
        if lines.is_empty() {
            return Ok(());
        }
        let statement = self.prepared.statement(self.client, self.name, &self.text).await?;
        let arrays: [Vec<&Cell<'_>>; N] =
            std::array::from_fn(|column| lines.iter().map(|line| &line[column]).collect());
        let parameters = arrays.each_ref().map(|array| array as &(dyn ToSql + Sync));
        self.client.execute(&statement, &parameters).await?;
        Ok(())
    }
}

async fn copy<'c, const N: usize>(
    (client, prepared): (&Client, &Prepared),
    name: &'static str,
    table: &Table,
    lines: impl Iterator<Item = [Cell<'c>; N]>,
) -> Result<(), Error> {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    let statement = prepared.statement(client, name, &table.copy()).await?;
    let sink = client.copy_in(&statement).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &table.types()));
    for line in lines {
        writer.as_mut().write_raw(line.iter().map(|cell| cell as &(dyn ToSql + Sync))).await?;
    }
    writer.finish().await?;
    Ok(())
}

fn keyed(full: &FullRow) -> Result<(i64, &FullRow), StoreError> {
    let id = full.row.id;
    let key = key(id.position().0, id.row());
    key.map(|key| (key, full)).ok_or_else(|| StoreError::Unfit(format!("row {id} has no key")))
}

/// A line of `transactions`, and the row's id behind it.
fn transaction(key: i64, row: &Row) -> [Cell<'_>; 37] {
    let mut id = Some(Cell::from(row.id));
    let mut line = columns::transaction(key, row).into_iter();
    std::array::from_fn(|_| line.next().or_else(|| id.take()).expect("the columns and the id"))
}
