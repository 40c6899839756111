//! Every filter over a history that is not small: each row is found by every value that it names and by no other, once, and lists that are
//! read page by page have each row once. COFFER_TEST_LONG=1: over a million rows, or as many as COFFER_TEST_ROWS says, with the time that each
//! filter took.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Instant;

use coffer::engine::{Engine, EngineOptions, Operation, StoppedLog};
use coffer::env::Env;
use coffer::feed::history::{Column, Given, History, Of, Query, Row, Test};
use coffer::feed::{Feed, FeedOptions, RebuildProgress, verify};
use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Asked, Charge, Command, CreditReason, Debit, Memo, Quantity, TopUp};
use coffer_ledger::ids::{CustomerNumber, RowId, TrancheId, TransferId, WalletId};
use coffer_ledger::unit::PriceType;

use crate::kept::Kept;
use crate::program::{Random, grant, run, wallets};
use crate::support::{TENANT, all, end, engine, everything};

/// Values of a column that are asked for, each; where it has more, those that come first.
const VALUES_MAX: usize = 12;
/// Debits that are handed over at once.
const AT_ONCE: u64 = 1_000;
/// Longer than this is a hang.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(600);

/// What a row says in a column.
pub(crate) type Said = fn(&Row) -> Option<Given>;

/// What every row is asked for.
pub(crate) const COLUMNS: [(Column, Said); 23] = [
    (Column::Type, |row| Some(text(&row.row_type))),
    (Column::Status, |row| Some(text(&row.status))),
    (Column::Reason, |row| Some(text(&row.reason))),
    (Column::Credits, |row| Some(Given::Amount(row.credits.0))),
    (Column::Amount, |row| row.amount.map(|amount| Given::Amount(amount.0))),
    (Column::Currency, |row| row.currency.as_ref().map(|currency| text(currency.as_str()))),
    (Column::Priority, |row| row.priority.map(|priority| Given::Number(priority.into()))),
    (Column::ExpiresAt, |row| row.expires_at.map(|at| Given::Number(at.0))),
    (Column::EffectiveAt, |row| Some(Given::Number(row.effective_at.0))),
    (Column::RecordedAt, |row| Some(Given::Number(row.recorded_at.0))),
    (Column::Wallet, |row| Some(Given::Id(row.wallet.0.0))),
    (Column::Tranche, |row| row.tranche.map(|id| Given::Id(id.0.0))),
    (Column::Grant, |row| row.grant.map(|id| Given::Id(id.0.0))),
    (Column::Hold, |row| row.hold.map(|id| Given::Id(id.0.0))),
    (Column::Transfer, |row| row.transfer.map(|id| Given::Id(id.0.0))),
    (Column::Invoice, |row| row.invoice.as_deref().map(text)),
    (Column::Parent, |row| row.parent.map(|id| Given::Id(id.0))),
    (Column::Completes, |row| row.completes.map(|id| Given::Id(id.0))),
    (Column::By, |row| row.by.map(|id| Given::Id(id.0.0))),
    (Column::ReferenceType, |row| row.reference_type.as_deref().map(text)),
    (Column::ReferenceId, |row| row.reference_id.as_deref().map(text)),
    (Column::Description, |row| row.description.as_deref().map(text)),
    (Column::IdempotencyKey, |row| row.idempotency_key.as_deref().map(text)),
];
/// Columns that are asked for in ranges.
const RANGED: [Column; 5] =
    [Column::Credits, Column::Priority, Column::ExpiresAt, Column::EffectiveAt, Column::RecordedAt];

fn text(text: &str) -> Given {
    Given::Text(text.into())
}

fn is_long() -> bool {
    std::env::var_os("COFFER_TEST_LONG").is_some()
}

/// So many debits in the long form.
fn many_long() -> u64 {
    std::env::var("COFFER_TEST_ROWS").map_or(1_000_000, |rows| rows.parse().unwrap())
}

/// Says how long something took, in the long form.
struct Took(Instant);

impl Took {
    fn new() -> Self {
        Self(Instant::now())
    }

    #[expect(clippy::print_stdout, reason = "the long form is for whoever watches it")]
    fn tell(&mut self, what: &str) {
        if is_long() {
            println!("{:8.2} s  {what}", self.0.elapsed().as_secs_f64());
        }
        self.0 = Instant::now();
    }
}

/// Where it stands in the log.
fn place(row: RowId) -> (u64, u32) {
    (row.position().0, row.row())
}

/// Everything that a query finds, page by page.
async fn pages(history: &History, query: Query) -> Vec<Row> {
    let mut query = Query { limit: if is_long() { 20_000 } else { 900 }, ..query };
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let found = history.find(query.clone()).await.unwrap();
        let mut last = query.after;
        for row in &found.rows {
            let is_behind = last.is_none_or(|last| (place(row.id) > place(last)) != query.newest_first);
            assert!(is_behind, "out of order: {query:?}");
            last = Some(row.id);
        }
        rows.extend(found.rows);
        if !found.more {
            assert_eq!(rows.len(), found.total, "{query:?}");
            return rows;
        }
        query.after = last;
    }
}

async fn ids(history: &History, query: Query) -> Vec<RowId> {
    pages(history, query).await.iter().map(|row| row.id).collect()
}

fn asked(column: Column, test: Test) -> Query {
    Query { tests: vec![(column, test)], ..everything() }
}

/// So many debits over the wallets, in large batches, each with a key and words of its own.
async fn debits(engine: &Engine, wallets: &[(&'static str, WalletId)], count: u64) {
    for begin in (0..count).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let operations = (begin..(begin + AT_ONCE).min(count)).map(|number| {
            let (_, wallet) = wallets[usize::try_from(number).unwrap() % wallets.len()];
            let memo = Memo {
                reference_type: Some("call".into()),
                reference_id: Some(format!("call-{}", number % 1_000).into()),
                ..Memo::default()
            };
            let charge = Charge {
                wallet: Some(wallet),
                currency: None,
                price_unit: None,
                price_type: PriceType::Usage,
                feature: None,
                budget: None,
            };
            let asked = Asked::Credits(Credits::whole(i64::try_from(number % 7 + 1).unwrap()));
            let command = Command::Debit(Debit { asked, charge, partial: false, memo });
            (wallet.0.customer(), Operation::new(command).with_key(&format!("bulk-{number}")))
        });
        for answer in engine.submit_many(TENANT, operations.collect()).await {
            answer.unwrap();
        }
    }
}

async fn fill(engine: &Engine, wallets: &[(&'static str, WalletId)]) {
    for (customer, wallet) in wallets {
        let top_up = TopUp {
            wallet: *wallet,
            quantity: Quantity::Credits(Credits::whole(10_000_000)),
            reason: CreditReason::FreeCreditGrant,
            effective_at: None,
            expires_at: None,
            priority: None,
            scope: None,
            paid: None,
            bonus: None,
            memo: Memo::default(),
        };
        let target = coffer::engine::Target::Customer(customer);
        engine.submit(TENANT, target, Operation::new(Command::TopUp(top_up))).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_a_large_history_is_found_by_all_that_it_names_and_listed_once() {
    let (steps, many) = if is_long() { (3_000, many_long()) } else { (1_200, 3_000) };
    let mut took = Took::new();
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let engine = engine(dir.path()).await;
    let options = FeedOptions { place: kept.place(), batch_records: 5_000, lag_records_max: 20_000 };
    let feed = Feed::start(&engine, &Env::os(), &options).unwrap();
    let history = feed.history();
    let of_program = wallets(&engine).await;
    grant(&engine, of_program[0].0).await;
    run(&engine, &of_program, &mut Random::new(71), steps).await;
    let few = all(&engine, &history, "the program's").await.len();
    // Of customers whose wallets nothing closes.
    let mine = crate::program::wallets_of(&engine, &["mass-1", "mass-2", "mass-3"]).await;
    fill(&engine, &mine).await;
    debits(&engine, &mine, many).await;
    assert!(history.wait_for(engine.stats().durable.0, PATIENCE).await, "{:?}", history.status());
    // What comes due by itself would be one more row between two questions; a history that has ended answers as it is.
    assert_eq!(end(engine, feed).await.rebuilds, 0);
    took.tell("written");

    let rows = pages(&history, everything()).await;
    assert!(rows.len() >= few + usize::try_from(many).unwrap(), "{} {few}", rows.len());
    let once: HashSet<_> = rows.iter().map(|row| row.id).collect();
    assert_eq!(once.len(), rows.len());
    let keys = rows.iter().filter_map(|row| row.idempotency_key.as_deref());
    let mass: HashSet<_> = keys.filter(|key| key.starts_with("bulk-")).collect();
    assert_eq!(mass.len() as u64, many, "each debit has its row");
    let mut backwards = ids(&history, Query { newest_first: true, ..everything() }).await;
    backwards.reverse();
    assert!(backwards.iter().eq(rows.iter().map(|row| &row.id)), "newest first");
    took.tell("all rows, and backwards");

    names(&rows);
    values(&history, &rows, &mut took).await;
    ranges(&history, &rows, &mut took).await;
    whose(&history, &rows).await;
    took.tell("customers and wallets");
    tranches(&history, &rows).await;
    took.tell("tranches");
    // Made anew in batches of another size, everything is the same: also the sums, which parts of a transaction share.
    let (place, path) = (kept.place(), dir.path().to_owned());
    let verifying = tokio::task::spawn_blocking(move || {
        let options =
            EngineOptions { segment_bytes: 2 << 20, snapshot_log_bytes: 0, ..EngineOptions::new(path) };
        let log = StoppedLog::open(&options, &Env::os()).unwrap();
        verify(&place, &log.reader(), 333, &Silent).unwrap().expect("there is one")
    });
    let found = verifying.await.unwrap();
    assert!(found.is_sound() && found.rows == rows.len() as u64, "{found:?}");
    assert_eq!(found.position, found.log_end);
    took.tell("verified");
}

struct Silent;

impl RebuildProgress for Silent {
    fn records(&self, _done: u64, _all: u64) {}
}

/// What a search by id builds on: a row names things of its own customer and rows of its own customer, or a transfer that its customer received
/// (what came in after its end has a row of its end, too).
fn names(rows: &[Row]) {
    let of: HashMap<RowId, CustomerNumber> = rows.iter().map(|row| (row.id, row.customer)).collect();
    let came_in = rows.iter().filter(|row| row.reason == "TRANSFER_IN");
    let receivers: HashMap<TransferId, CustomerNumber> =
        came_in.filter_map(|row| Some((row.transfer?, row.customer))).collect();
    for row in rows {
        let tranches = row.parts.iter().filter_map(|part| part.tranche.as_ref().map(|of| of.id));
        let tranches = tranches.chain(row.tranche).map(|id| id.0);
        let wallets = row.parts.iter().map(|part| part.wallet.0).chain([row.wallet.0]);
        let own = row.grant.filter(|grant| !grant.is_template()).map(|id| id.0);
        let mut things = tranches.chain(wallets).chain(own).chain(row.hold.map(|id| id.0));
        assert!(things.all(|id| id.customer() == row.customer), "{row:?}");
        let sent_or_received = |transfer: TransferId| {
            transfer.0.customer() == row.customer || receivers.get(&transfer) == Some(&row.customer)
        };
        assert!(row.transfer.is_none_or(sent_or_received), "{row:?}");
        let mut others = row.parent.into_iter().chain(row.completes);
        assert!(others.all(|id| of[&id] == row.customer), "{row:?}");
    }
}

/// By every value that rows name, by several, and by all others.
async fn values(history: &History, rows: &[Row], took: &mut Took) {
    for (column, of) in COLUMNS {
        let mut values: BTreeMap<String, (Given, Vec<RowId>)> = BTreeMap::new();
        // From both ends: the program's rows, and the many.
        let ends = rows.iter().take(2_000).chain(rows.iter().rev().take(2_000));
        for given in ends.filter_map(of) {
            if values.len() < VALUES_MAX {
                values.entry(format!("{given:?}")).or_insert((given, Vec::new()));
            }
        }
        for row in rows {
            if let Some(given) = of(row)
                && let Some((_, found)) = values.get_mut(&format!("{given:?}"))
            {
                found.push(row.id);
            }
        }
        // Only the key of whoever asked is nowhere in here: nobody did.
        assert!(!values.is_empty() || column == Column::By, "{column:?}");
        for (given, expected) in values.values() {
            let found = ids(history, asked(column, Test::In(vec![given.clone()]))).await;
            assert!(found == *expected, "{column:?} {given:?}: {} and {}", found.len(), expected.len());
        }
        let all: Vec<Given> = values.values().map(|(given, _)| given.clone()).collect();
        let mut several: Vec<RowId> = values.values().flat_map(|(_, rows)| rows).copied().collect();
        several.sort_by_key(|row| place(*row));
        let query = Query { limit: 100, ..asked(column, Test::In(all.clone())) };
        let first = history.find(query).await.unwrap();
        let expected = &several[..several.len().min(100)];
        assert!(
            first.rows.iter().map(|row| &row.id).eq(expected) && first.total == several.len(),
            "{column:?}"
        );
        let named: usize = values.values().map(|(_, rows)| rows.len()).sum();
        let query = Query { limit: 1, ..asked(column, Test::NotIn(all)) };
        let others = history.find(query).await.unwrap().total;
        assert_eq!(named + others, rows.len(), "{column:?}");
        took.tell(&format!("{} values of {column:?}, {named} rows", values.len()));
    }
}

/// By ranges that lie side by side: each row is in one of them.
async fn ranges(history: &History, rows: &[Row], took: &mut Took) {
    for (column, of) in COLUMNS.into_iter().filter(|(column, _)| RANGED.contains(column)) {
        let number = |given: &Given| match given {
            Given::Amount(units) => *units,
            Given::Number(value) => i128::from(*value),
            Given::Text(_) | Given::Id(_) => panic!("no number"),
        };
        let mut sorted: Vec<_> = rows.iter().filter_map(of).collect();
        sorted.sort_by_key(number);
        let edges = [sorted[sorted.len() / 3].clone(), sorted[sorted.len() * 2 / 3].clone()];
        let [low, high] = edges;
        let parts = [
            vec![(column, Test::Below(low.clone()))],
            vec![(column, Test::AtLeast(low)), (column, Test::AtMost(high.clone()))],
            vec![(column, Test::Above(high))],
        ];
        let (mut found, mut in_all) = (BTreeSet::new(), 0);
        for tests in parts {
            let part = ids(history, Query { tests, ..everything() }).await;
            in_all += part.len();
            found.extend(part);
        }
        let expected: BTreeSet<_> = rows.iter().filter(|row| of(row).is_some()).map(|row| row.id).collect();
        assert!(in_all == expected.len() && found == expected, "{column:?}: {in_all} of {}", expected.len());
        let query = Query { sort: vec![(column, false)], limit: rows.len(), ..everything() };
        let sorted = history.find(query).await.unwrap().rows;
        let order = |row: &Row| of(row).as_ref().map(number);
        assert!(sorted.len() == rows.len() && sorted.is_sorted_by_key(order), "{column:?}");
        took.tell(&format!("ranges of {column:?}, and sorted by it"));
    }
}

/// By customer, by wallet, and only what moves a balance.
async fn whose(history: &History, rows: &[Row]) {
    let of = |test: &dyn Fn(&Row) -> bool| -> Vec<RowId> {
        rows.iter().filter(|row| test(row)).map(|row| row.id).collect()
    };
    let customers: BTreeSet<_> = rows.iter().map(|row| row.customer).collect();
    for customer in customers {
        let found = ids(history, Query { of: Of::Customer(customer), ..everything() }).await;
        assert!(found == of(&|row| row.customer == customer), "{customer:?}");
        let only = ids(history, Query { only: Some(customer), ..everything() }).await;
        assert!(only == found, "{customer:?}");
    }
    let wallets: BTreeSet<_> = rows.iter().map(|row| row.wallet).collect();
    for wallet in wallets.into_iter().rev().take(2 * VALUES_MAX) {
        let found = ids(history, Query { of: Of::Wallet(wallet), ..everything() }).await;
        assert!(found == of(&|row| row.wallet == wallet), "{wallet}");
    }
    let moving = ids(history, Query { moving: true, ..everything() }).await;
    assert!(moving == of(&|row| row.sequence.is_some()), "moving");
}

/// By the tranche that a row made, and by that which paid.
async fn tranches(history: &History, rows: &[Row]) {
    let makes = |row: &Row| row.row_type == "credit";
    let all: BTreeSet<TrancheId> =
        rows.iter().filter(|row| makes(row)).filter_map(|row| row.tranche).collect();
    // The newest are those of the many debits. Of those that ended, their ends name them too.
    let ended: BTreeSet<TrancheId> =
        rows.iter().filter(|row| row.row_type == "debit").filter_map(|row| row.tranche).collect();
    assert!(!ended.is_empty());
    for tranche in all.into_iter().rev().take(VALUES_MAX).chain(ended.into_iter().take(VALUES_MAX)) {
        let made = rows.iter().filter(|row| makes(row) && row.tranche == Some(tranche)).map(|row| row.id);
        let credits = Query { credits_of: Some(vec![tranche]), ..everything() };
        assert!(ids(history, credits).await == made.collect::<Vec<_>>(), "{tranche}");
        let gave = |row: &&Row| {
            row.row_type == "debit"
                && row.parts.iter().any(|part| part.tranche.as_ref().is_some_and(|of| of.id == tranche))
        };
        let paid: Vec<_> = rows.iter().filter(gave).map(|row| row.id).collect();
        assert!(ids(history, Query { paid_by: Some(tranche), ..everything() }).await == paid, "{tranche}");
    }
}
