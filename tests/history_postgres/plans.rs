//! A page of somebody's rows costs what that page costs, whatever stands in the table beside them; and so does whatever an id is asked for.

use std::collections::BTreeSet;

use coffer::feed::history::{Column, Given, Of, Query, Row, Test};
use coffer_ledger::ids::{RowId, TrancheId};
use tokio_postgres::Client;

use crate::filters::COLUMNS;
use crate::kept::Kept;
use crate::program::{Random, grant, run, wallets};
use crate::support::{all, end, engine, everything, follow};

/// Rows of others that are newer than all of ours, not so many that PostgreSQL's planner takes ours for few.
const OTHERS: &str = "CREATE TABLE others AS SELECT t.*, n FROM (SELECT * FROM transactions LIMIT 1) t, generate_series(1, 2000) n;
    UPDATE others SET key = ((1::bigint << 30) + n) << 16, id = 'wtxn_' || n, tenant = 77, customer = 77;
    ALTER TABLE others DROP COLUMN n;
    UPDATE transactions SET customer = (SELECT min(customer) FROM transactions);
    INSERT INTO transactions SELECT * FROM others;
    DROP TABLE others;
    ANALYZE transactions";

/// Rows of a customer of the same tenant, with a slice each and things of its own.
const NEIGHBOURS: &str = "CREATE TABLE others AS SELECT t.*, n FROM (SELECT * FROM transactions LIMIT 1) t, generate_series(1, 20000) n;
    UPDATE others SET key = ((1::bigint << 30) + n) << 16, id = 'wtxn_' || n, customer = 77, wallet = 'wallet_other',
      tranche = 'tranche_' || n / 10, hold = 'hold_' || n / 10, transfer = 'xfer_' || n / 10, grant_id = 'cg_' || n / 10,
      parent = 'wtxn_' || n / 10 * 10, completes = 'wtxn_' || n / 10 * 10;
    ALTER TABLE others DROP COLUMN n;
    INSERT INTO transactions SELECT * FROM others;
    INSERT INTO slices SELECT o.key, 0, s.wallet, s.kind, s.credits, o.tranche, s.source, s.original, s.paid, s.expires_at, s.share
      FROM others o, (SELECT * FROM slices WHERE kind = 'spent' LIMIT 1) s;
    DROP TABLE others;
    ANALYZE transactions, slices";

/// Columns of ids that name a customer, or a row of one.
const IDS: [Column; 7] = [
    Column::Wallet,
    Column::Tranche,
    Column::Grant,
    Column::Hold,
    Column::Transfer,
    Column::Parent,
    Column::Completes,
];

/// Waits until all readers have ended: a session says what it has read when it ends. They connect again.
async fn ended(client: &Client) {
    let readers = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'coffer history'";
    while client.query_one(readers, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Entries that were read of the primary key of the rows.
async fn read_of_keys(client: &Client) -> i64 {
    ended(client).await;
    let read =
        "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelid = 'transactions_pkey'::regclass";
    client.query_one(read, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_old_rows_is_found_without_a_walk_past_the_newer_rows_of_others() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::alone());
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    let history = feed.history();
    let wallets = wallets(&engine).await;
    run(&engine, &wallets, &mut Random::new(81), 600).await;
    all(&engine, &history, "ours").await;
    end(engine, feed).await;
    // A history that has ended answers as it is.
    let ours = history.find(everything()).await.unwrap().rows;
    assert!(ours.len() > 400, "{}", ours.len());
    kept.sql(OTHERS).await;
    let client = kept.session().await;
    let customer = ours.iter().map(|row| row.customer).min().unwrap();
    let middle = ours[ours.len() / 2].id;
    let mut before = read_of_keys(&client).await;
    for of in [Of::Tenant, Of::Customer(customer)] {
        for (newest_first, after) in
            [(true, None), (true, Some(middle)), (false, None), (false, Some(middle))]
        {
            let query = Query { of, newest_first, after, limit: 20, ..everything() };
            let found = history.find(query).await.unwrap();
            let place = |row: &Row| (row.id.position(), row.id.row());
            let from = after.map(|after| (after.position(), after.row()));
            let behind = |row: &&Row| {
                from.is_none_or(|from| (place(row) > from) != newest_first && place(row) != from)
            };
            let mut expected: Vec<_> = ours.iter().filter(behind).map(|row| row.id).collect();
            if newest_first {
                expected.reverse();
            }
            expected.truncate(20);
            assert_eq!(found.rows.iter().map(|row| row.id).collect::<Vec<_>>(), expected, "{of:?} {after:?}");
            let now = read_of_keys(&client).await;
            assert!(
                now - before < 100,
                "{of:?}, newest first {newest_first}, {after:?}: {} rows of others",
                now - before
            );
            before = now;
        }
    }
}

/// Lines of rows and slices that were read, and entries of their indices; of these the lines of slices that were read one after the other.
async fn read_of_rows(client: &Client) -> (i64, i64) {
    ended(client).await;
    let read = "SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relid IN ('transactions'::regclass, 'slices'::regclass))::bigint
        + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relid IN ('transactions'::regclass, 'slices'::regclass))::bigint,
        (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relid = 'slices'::regclass)";
    let line = client.query_one(read, &[]).await.unwrap();
    (line.get(0), line.get(1))
}

/// What a whole tenant is asked for, and what is to be found.
fn questions(ours: &[Row]) -> Vec<(Query, Vec<RowId>)> {
    let found = |test: &dyn Fn(&Row) -> bool| -> Vec<RowId> {
        ours.iter().filter(|row| test(row)).map(|row| row.id).collect()
    };
    let ends = |values: usize| BTreeSet::from([0, values / 2, values - 1]);
    let mut questions = Vec::new();
    for (column, said) in COLUMNS.into_iter().filter(|(column, _)| IDS.contains(column)) {
        let mut values: Vec<Given> = Vec::new();
        for given in ours.iter().filter_map(said) {
            if !values.contains(&given) {
                values.push(given);
            }
        }
        assert!(values.len() > 1, "{column:?}");
        let values: Vec<_> = ends(values.len()).into_iter().map(|at| values[at].clone()).collect();
        for asked in values.chunks(1).chain([&*values]) {
            let expected = found(&|row| said(row).is_some_and(|given| asked.contains(&given)));
            questions
                .push((Query { tests: vec![(column, Test::In(asked.to_vec()))], ..everything() }, expected));
        }
    }
    let gave = |row: &Row, tranche: TrancheId| {
        row.row_type == "debit"
            && row.parts.iter().any(|part| part.tranche.as_ref().is_some_and(|of| of.id == tranche))
    };
    let makes = |row: &Row| row.tranche.filter(|_| row.row_type == "credit");
    let tranches: Vec<_> = ours.iter().filter_map(makes).collect();
    for tranche in ends(tranches.len()).into_iter().map(|at| tranches[at]) {
        let query = Query { paid_by: Some(tranche), ..everything() };
        questions.push((query, found(&|row| gave(row, tranche))));
        let query = Query { credits_of: Some(vec![tranche]), ..everything() };
        questions.push((query, found(&|row| makes(row) == Some(tranche))));
    }
    questions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_id_names_is_looked_for_among_the_rows_of_whom_it_names() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::alone());
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    let history = feed.history();
    let wallets = wallets(&engine).await;
    for customer in [wallets[0].0, wallets[2].0] {
        grant(&engine, customer).await;
    }
    run(&engine, &wallets, &mut Random::new(82), 900).await;
    all(&engine, &history, "ours").await;
    end(engine, feed).await;
    let ours = history.find(everything()).await.unwrap().rows;
    kept.sql(NEIGHBOURS).await;
    let client = kept.session().await;
    let mut before = read_of_rows(&client).await;
    for (query, mut expected) in questions(&ours) {
        assert!(!expected.is_empty() || query.paid_by.is_some(), "{query:?}");
        let total = expected.len();
        for newest_first in [false, true] {
            let query = Query { newest_first, limit: 20, ..query.clone() };
            let found = history.find(query.clone()).await.unwrap();
            let ids: Vec<_> = found.rows.iter().map(|row| row.id).collect();
            assert_eq!((ids, found.total), (expected[..total.min(20)].to_vec(), total), "{query:?}");
            expected.reverse();
            let now = read_of_rows(&client).await;
            assert!(now.0 - before.0 < 10_000, "{query:?}: {} were read", now.0 - before.0);
            assert_eq!(now.1, before.1, "{query:?}: all slices were read");
            before = now;
        }
    }
}
