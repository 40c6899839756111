//! A page of somebody's rows costs what that page costs, whatever stands in the table beside them.

use coffer::feed::history::{Of, Query, Row};
use tokio_postgres::Client;

use crate::kept::Kept;
use crate::program::{Random, run, wallets};
use crate::support::{all, end, engine, everything, follow};

/// Rows of others that are newer than all of ours, not so many that PostgreSQL's planner takes ours for few.
const OTHERS: &str = "CREATE TABLE others AS SELECT t.*, n FROM (SELECT * FROM transactions LIMIT 1) t, generate_series(1, 2000) n;
    UPDATE others SET key = ((1::bigint << 30) + n) << 16, id = 'wtxn_' || n, tenant = 77, customer = 77;
    ALTER TABLE others DROP COLUMN n;
    UPDATE transactions SET customer = (SELECT min(customer) FROM transactions);
    INSERT INTO transactions SELECT * FROM others;
    DROP TABLE others;
    ANALYZE transactions";

/// Entries that were read of the primary key of the rows. A session says what it has read when it ends; readers connect again.
async fn read_of_keys(client: &Client) -> i64 {
    let readers = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'coffer history'";
    while client.query_one(readers, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
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
