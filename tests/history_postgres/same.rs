//! The same log in a file and in PostgreSQL: the same columns, the same rows, and the same answers to whatever is asked. And what a person
//! with psql finds.

use std::collections::BTreeSet;

use coffer::engine::{Operation, Target};
use coffer::feed::history::{Column, Given, History, Of, Place, Query, Row, Test};
use coffer_ledger::amount::{Credits, ONE};
use coffer_ledger::command::{Command, CreditReason, Memo, Quantity, TopUp};
use coffer_ledger::ids::WalletId;
use rusqlite::Connection;

use crate::kept::Kept;
use crate::program::{Random, recharging, run, wallets};
use crate::rules::Rules;
use crate::support::{TENANT, all, close, engine, everything, follow};

const QUERIES: u64 = 1_500;

const TEXTS: [Column; 5] =
    [Column::Reason, Column::Type, Column::ReferenceId, Column::Description, Column::Invoice];
const SORTED: [Column; 9] = [
    Column::Credits,
    Column::Amount,
    Column::Priority,
    Column::ExpiresAt,
    Column::EffectiveAt,
    Column::Wallet,
    Column::Description,
    Column::Invoice,
    Column::Tranche,
];

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[usize::try_from(random.below(from.len() as u64)).unwrap()]
}

fn text(column: Column, row: &Row) -> Box<str> {
    let found = match column {
        Column::Reason => Some(&*row.reason),
        Column::Type => Some(&*row.row_type),
        Column::ReferenceId => row.reference_id.as_deref(),
        Column::Description => row.description.as_deref(),
        _ => row.invoice.as_deref(),
    };
    found.unwrap_or("none").into()
}

fn test(random: &mut Random, rows: &[Row]) -> (Column, Test) {
    let of = &rows[usize::try_from(random.below(rows.len() as u64)).unwrap()];
    let column = pick(random, &TEXTS);
    let given = Given::Text(text(column, of));
    // Parts in any case, with and without letters that are not ASCII.
    let part: Box<str> = text(column, of).chars().skip(1).take(3).collect::<String>().to_uppercase().into();
    let amount = Given::Amount(of.credits.0);
    let at = Given::Number(of.effective_at.0);
    match random.below(12) {
        0 => (column, Test::In(vec![given, Given::Text("none".into())])),
        1 => (column, Test::NotIn(vec![given])),
        2 => (column, Test::In(Vec::new())),
        3 => (column, Test::NotIn(Vec::new())),
        4 => (column, Test::Contains(part)),
        5 => (column, Test::NotContains(part)),
        6 => (Column::Credits, Test::Above(amount)),
        7 => (Column::Amount, Test::AtMost(amount)),
        8 => (Column::EffectiveAt, Test::AtLeast(at)),
        9 => (Column::ExpiresAt, Test::Below(at)),
        10 => (Column::Wallet, Test::In(vec![Given::Id(of.wallet.0.0)])),
        _ => (Column::Hold, Test::NotIn(of.hold.iter().map(|id| Given::Id(id.0.0)).collect())),
    }
}

fn query(random: &mut Random, rows: &[Row]) -> Query {
    let of = &rows[usize::try_from(random.below(rows.len() as u64)).unwrap()];
    let whose = pick(random, &[Of::Tenant, Of::Customer(of.customer), Of::Wallet(of.wallet)]);
    let tranches = rows.iter().filter_map(|row| row.tranche).take(5);
    Query {
        of: whose,
        only: (random.below(5) == 0).then_some(of.customer),
        moving: random.below(4) == 0,
        tests: (0..random.below(3)).map(|_| test(random, rows)).collect(),
        paid_by: (random.below(10) == 0).then(|| rows.iter().find_map(|row| row.tranche)).flatten(),
        credits_of: (random.below(10) == 0).then(|| tranches.collect()),
        sort: (0..random.below(3)).map(|_| (pick(random, &SORTED), random.below(2) == 0)).collect(),
        newest_first: random.below(2) == 0,
        after: (random.below(4) == 0).then_some(of.id),
        limit: usize::try_from(1 + random.below(50)).unwrap(),
        offset: usize::try_from(random.below(20)).unwrap(),
        ..everything()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_and_a_database_answer_every_question_alike() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let engine = engine(dir.path()).await;
    let place = Place::File(dir.path().join("history.db"));
    let (in_file, in_database) = (follow(&engine, place), follow(&engine, kept.place()));
    let wallets = wallets(&engine).await;
    recharging(&engine, &wallets).await;
    let (seed, mut random) = (61, Random::new(61));
    println!("seed {seed}");
    run(&engine, &wallets, &mut random, 1_500).await;
    let rows = all(&engine, &in_file.history(), "file").await;
    all(&engine, &in_database.history(), "database").await;
    // Nothing comes due any more: both end at the log's last record.
    engine.shutdown().await.unwrap();
    for feed in [&in_file, &in_database] {
        assert!(feed.stop(std::time::Duration::from_secs(30)).await, "{:?}", feed.history().status());
    }
    let customers: BTreeSet<_> = rows.iter().map(|row| row.customer).collect();
    let rules = async |history: History| {
        let customers = customers.clone();
        history.look(move |look| Rules::in_store(look, &customers)).await.unwrap()
    };
    let of_file = rules(in_file.history()).await;
    assert!(of_file.0.alerts.len() > 20 && of_file.0.recharges.len() > 20);
    assert!(of_file == rules(in_database.history()).await);
    let mut found = 0;
    for number in 0..QUERIES {
        let query = query(&mut random, &rows);
        let one = in_file.history().find(query.clone()).await.unwrap();
        let other = in_database.history().find(query.clone()).await.unwrap();
        assert_eq!(one, other, "query {number}: {query:?}");
        found += one.rows.len();
    }
    assert!(found > 2_000, "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_have_the_same_columns_in_both_but_for_slices_which_stand_beside_their_row_in_a_file() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let engine = engine(dir.path()).await;
    let path = dir.path().join("history.db");
    let (in_file, in_database) = (follow(&engine, Place::File(path.clone())), follow(&engine, kept.place()));
    all(&engine, &in_file.history(), "file").await;
    all(&engine, &in_database.history(), "database").await;
    let file = Connection::open(path).unwrap();
    let of_file = "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
                   WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND c.name <> 'slices' ORDER BY m.name, c.cid";
    let mut statement = file.prepare(of_file).unwrap();
    let lines = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let of_file: Vec<(String, String)> = lines.collect::<Result<_, _>>().unwrap();
    let of_database = "SELECT c.table_name::text, c.column_name::text FROM information_schema.columns c
                       JOIN information_schema.tables t USING (table_schema, table_name)
                       WHERE c.table_schema = $1 AND t.table_type = 'BASE TABLE'
                         AND (c.table_name, c.column_name) <> ('transactions', 'id')
                         AND c.table_name <> 'slices' AND c.column_name <> 'slices'
                       ORDER BY c.table_name COLLATE \"C\", c.ordinal_position";
    let client = kept.session().await;
    let lines = client.query(of_database, &[&kept.schema]).await.unwrap();
    let of_database: Vec<(String, String)> = lines.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(of_file.len() > 100);
    assert_eq!(of_file, of_database);
    assert!(in_file.stop(std::time::Duration::from_secs(30)).await);
    close(engine, in_database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_with_psql_finds_ids_amounts_and_instants() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    let wallets = wallets(&engine).await;
    recharging(&engine, &wallets).await;
    run(&engine, &wallets, &mut Random::new(62), 500).await;
    let rows = all(&engine, &feed.history(), "rows").await;
    let client = kept.session().await;
    rules_for_people(&client).await;
    let row = &rows[rows.len() / 2];
    let one = "SELECT customer, credits::text, to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), record
               FROM ledger WHERE id = $1";
    let found = client.query_one(one, &[&row.id.to_string()]).await.unwrap();
    assert_eq!(found.get::<_, i64>(0).cast_unsigned(), row.customer.0);
    assert_eq!(found.get::<_, String>(1), fifteen_digits(row.credits));
    assert!(found.get::<_, String>(2).ends_with(&format!("{:06}", row.recorded_at.0 / 1_000 % 1_000_000)));
    assert_eq!(found.get::<_, i64>(3).cast_unsigned(), row.id.position().0);
    // What ends by itself goes on adding rows meanwhile.
    let last = rows.iter().map(|row| row.id.position().0.cast_signed()).max().unwrap();
    let sum = "SELECT sum(credits)::text FROM ledger WHERE type = 'debit' AND record <= $1";
    let sum = client.query_one(sum, &[&last]).await.unwrap();
    let debits = rows.iter().filter(|row| row.row_type == "debit");
    let debits = debits.fold(Credits::ZERO, |sum, row| Credits(sum.0 + row.credits.0));
    assert_eq!(sum.get::<_, String>(0), fifteen_digits(debits));
    // A tranche's life adds up, and so does what its slices say of it.
    let wrong = "SELECT id FROM tranche_lives t WHERE status = 'started'
        AND original <> remaining + spent + repaid + expired + voided + forfeited + paid_out + sent + rolled_over
      UNION ALL
      SELECT id FROM tranche_lives t WHERE expired <>
        (SELECT coalesce(sum(credits), 0) FROM ledger_slices s WHERE s.tranche = t.id AND s.kind = 'expired')";
    assert_eq!(client.query(wrong, &[]).await.unwrap().len(), 0);
    // Ends after 2262 stand there as such.
    let never = "SELECT count(*) FROM tranche_lives WHERE expires_at = 'infinity'";
    assert!(client.query_one(never, &[]).await.unwrap().get::<_, i64>(0) > 0);
    close(engine, feed).await;
}

/// A recharge leads to its credit and to the rows of its record, an alert to the balance that moved.
async fn rules_for_people(client: &tokio_postgres::Client) {
    let apart = "SELECT r.id FROM recharge_lives r JOIN tranche_lives t ON t.id = r.tranche
        WHERE t.wallet <> r.wallet OR r.status = 'failed' AND r.reason IS NULL
      UNION ALL
      SELECT r.id FROM recharge_lives r WHERE NOT EXISTS
        (SELECT 1 FROM ledger l WHERE l.record = r.begun_record AND l.tranche = r.tranche)
      UNION ALL
      SELECT a.id FROM alert_log a WHERE type = 'low_credit_balance' AND NOT EXISTS
        (SELECT 1 FROM ledger l WHERE l.record = a.record AND l.wallet = a.wallet AND l.balance_after = a.posted)
        AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.wallet = a.wallet AND l.record < a.record AND l.balance_after = a.posted)";
    assert_eq!(client.query(apart, &[]).await.unwrap().len(), 0);
    let counts = "SELECT (SELECT count(*) FROM alert_log WHERE changed_at > now() - interval '1 hour'),
                         (SELECT count(*) FROM recharge_lives WHERE begun_at > now() - interval '1 hour' AND trusted)";
    let counts = client.query_one(counts, &[]).await.unwrap();
    assert!(counts.get::<_, i64>(0) > 5 && counts.get::<_, i64>(1) > 0, "{counts:?}");
}

fn fifteen_digits(credits: Credits) -> String {
    format!("{}.{:015}", credits.0 / ONE, credits.0 % ONE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nul_in_a_text_is_kept_as_its_picture_and_stops_nothing() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    let (customer, wallet) = wallets(&engine).await[0];
    let operation = Operation::new(Command::TopUp(with_nul(wallet)));
    engine.submit(TENANT, Target::Customer(customer), operation).await.unwrap();
    assert!(feed.history().wait_for(engine.stats().durable.0, std::time::Duration::from_secs(30)).await);
    let tests = vec![(Column::Description, Test::Contains("A\0B".into()))];
    let found = feed.history().find(Query { tests, ..everything() }).await.unwrap();
    assert_eq!(
        found.rows.iter().map(|row| row.description.as_deref()).collect::<Vec<_>>(),
        [Some("a\u{2400}b")]
    );
    assert_eq!(found.rows[0].metadata.as_deref().unwrap()[0].1, "\0".into());
    close(engine, feed).await;
}

fn with_nul(wallet: WalletId) -> TopUp {
    TopUp {
        memo: Memo {
            description: Some("a\0b".into()),
            metadata: vec![("key".into(), "\0".into())],
            ..Memo::default()
        },
        ..TopUp::new(wallet, Quantity::Credits(Credits::whole(1)), CreditReason::FreeCreditGrant)
    }
}
