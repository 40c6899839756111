//! A database is shared: what others keep there stays theirs, what they build on our tables stays, and there is one writer.

use coffer::feed::Feed;
use coffer::feed::history::{self, Row};

use crate::broken::{healed, written};
use crate::kept::Kept;
use crate::program::{Random, run, wallets};
use crate::support::{all, close, engine, follow, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_coffer_on_the_same_schema_is_refused_and_the_first_goes_on() {
    let (one, two, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Kept::new());
    let first = engine(one.path()).await;
    let feed = follow(&first, kept.place());
    let of_first = wallets(&first).await;
    all(&first, &feed.history(), "first").await;
    let second = engine(two.path()).await;
    let refused = follow(&second, kept.place());
    until(&refused.history(), |status| status.state == "failed").await;
    let reason = refused.history().status().reason.unwrap();
    assert!(reason.contains("another Coffer writes to the schema"), "{reason}");
    run(&first, &of_first, &mut Random::new(51), 100).await;
    all(&first, &feed.history(), "first, still").await;
    assert_eq!(close(second, refused).await.rebuilds, 0);
    assert_eq!(close(first, feed).await.rebuilds, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_somebody_else_under_our_name_is_never_touched() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    kept.sql(&format!("CREATE SCHEMA {}", kept.schema)).await;
    kept.sql("CREATE TABLE transactions (day text); INSERT INTO transactions VALUES ('monday')").await;
    let engine = engine(dir.path()).await;
    let feed: Feed = follow(&engine, kept.place());
    until(&feed.history(), |status| status.state == "failed").await;
    let reason = feed.history().status().reason.unwrap();
    assert!(reason.contains("\"transactions\" that is no history of Coffer's"), "{reason}");
    assert_eq!(close(engine, feed).await.rebuilds, 0);
    let found = kept.session().await.query("SELECT day FROM transactions", &[]).await.unwrap();
    assert_eq!(found.iter().map(|row| row.get(0)).collect::<Vec<&str>>(), ["monday"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_keep_in_the_schema_and_build_on_our_tables_outlives_a_store_made_anew() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let rows = written(dir.path(), &kept, 52).await;
    kept.sql(
        "CREATE TABLE diary (day text); INSERT INTO diary VALUES ('monday');
         CREATE VIEW spent AS SELECT customer, sum(credits) AS credits FROM ledger WHERE type = 'debit' GROUP BY 1;
         CREATE INDEX of_invoice ON transactions (invoice)",
    )
    .await;
    kept.sql("DELETE FROM slices").await;
    assert_eq!(healed(dir.path(), &kept, &rows, "slices gone").await, 1);
    let client = kept.session().await;
    assert_eq!(client.query("SELECT * FROM diary", &[]).await.unwrap().len(), 1);
    assert!(!client.query("SELECT * FROM spent", &[]).await.unwrap().is_empty());
    let index = "SELECT FROM pg_indexes WHERE schemaname = $1 AND indexname = 'of_invoice'";
    assert_eq!(client.query(index, &[&kept.schema]).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_tables_that_others_built_on_are_not_torn_away_from_under_them() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    written(dir.path(), &kept, 53).await;
    kept.sql(
        "CREATE VIEW mine AS SELECT * FROM ledger; COMMENT ON TABLE cursor IS 'Coffer history, version 0'",
    )
    .await;
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    until(&feed.history(), |status| status.state == "failed").await;
    let reason = feed.history().status().reason.unwrap();
    assert!(reason.contains("view mine depends on"), "{reason}");
    kept.sql("DROP VIEW mine").await;
    all(&engine, &feed.history(), "after").await;
    close(engine, feed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_only_use_a_schema_that_was_made_for_it_is_enough() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let (schema, role) = (&kept.schema, format!("role_of_{}", kept.schema));
    kept.sql(&format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA {schema} AUTHORIZATION {role}")).await;
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place_as(&role));
    let wallets = wallets(&engine).await;
    run(&engine, &wallets, &mut Random::new(54), 100).await;
    all(&engine, &feed.history(), "as a role").await;
    assert_eq!(close(engine, feed).await.rebuilds, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_personal_of_a_customer_can_be_erased_and_nothing_else_changes() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let rows = written(dir.path(), &kept, 55).await;
    let customer = rows.iter().find(|row| row.reference_id.is_some()).unwrap().customer;
    let place = kept.place();
    let (found, erased, left, end) = tokio::task::spawn_blocking(move || {
        let found = history::erasable(&place, customer, &[]).unwrap();
        let erased = history::erase(&place, customer, &[]).unwrap();
        let left = history::erasable(&place, customer, &[]).unwrap();
        (found, erased, left, history::followed_to(&place).unwrap())
    })
    .await
    .unwrap();
    assert!(found > 20 && erased == found && left == 0, "{found} {erased} {left}");
    assert_eq!(end.cast_signed(), kept.position().await);
    // What it must be now: the same rows, those of the customer without words.
    let expected: Vec<Row> = rows.into_iter().map(|row| without_words(row, customer)).collect();
    let client = kept.session().await;
    let texts = "SELECT id, reference_id, description, metadata FROM transactions ORDER BY key";
    let now = client.query(texts, &[]).await.unwrap();
    assert!(now.len() >= expected.len());
    for (line, row) in now.iter().zip(&expected) {
        assert_eq!(line.get::<_, &str>(0), row.id.to_string());
        assert_eq!(line.get::<_, Option<&str>>(1), row.reference_id.as_deref());
        assert_eq!(line.get::<_, Option<&str>>(2), row.description.as_deref());
        let metadata = row.metadata.as_ref().map(|pairs| pairs.is_empty());
        assert_eq!(line.get::<_, Option<&str>>(3).map(|text| text == "[]"), metadata);
    }
}

fn without_words(row: Row, customer: coffer_ledger::ids::CustomerNumber) -> Row {
    if row.customer != customer {
        return row;
    }
    let metadata = row.metadata.as_ref().map(|_| Vec::new());
    Row {
        reference_type: None,
        reference_id: None,
        description: None,
        idempotency_key: None,
        metadata,
        ..row
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_running_writer_erases_up_to_the_record_that_it_is_asked_for_and_goes_on() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let rows = written(dir.path(), &kept, 56).await;
    let customer = rows.iter().find(|row| row.reference_id.is_some()).unwrap().customer;
    let own: Vec<&Row> = rows.iter().filter(|row| **row != without_words((*row).clone(), customer)).collect();
    let through = own[own.len() / 2].id.position();
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    let (history, mentions) = (feed.history(), Vec::new());
    let what = history::Erasable { customer, through, mentions };
    let expected = own.iter().filter(|row| row.id.position() <= through).count() as u64;
    let counted = history.erasable(what.clone()).await.unwrap();
    assert!(counted > 10 && counted < own.len() as u64);
    assert_eq!((counted, history.erase(what.clone()).await.unwrap()), (expected, expected));
    assert_eq!(history.erase(what.clone()).await.unwrap(), 0, "again, as after a crash");
    let whole = history::Erasable { through: rows.last().unwrap().id.position(), ..what };
    assert_eq!(history.erasable(whole).await.unwrap(), own.len() as u64 - expected);
    let wallets = wallets(&engine).await;
    run(&engine, &wallets, &mut Random::new(57), 50).await;
    let durable = engine.stats().durable.0;
    assert!(history.wait_for(durable, std::time::Duration::from_secs(30)).await);
    assert_eq!(close(engine, feed).await.rebuilds, 0);
}
