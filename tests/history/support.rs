//! An engine with its history, and the same rows by a straight scan of the log.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use coffer::engine::{Engine, EngineOptions};
use coffer::env::Env;
use coffer::feed::history::{Found, History, HistoryStatus, Of, Place, Query, Row};
use coffer::feed::{Feed, FeedOptions};
use coffer_ledger::command::Origin;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};

use crate::rules::Rules;

/// The tenant of these tests.
pub(crate) const TENANT: TenantNumber = TenantNumber(1);
/// Longer than this is a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Opens the engine of a directory, with its first tenant.
pub(crate) async fn engine(dir: &Path) -> Engine {
    let options = EngineOptions { segment_bytes: 2 << 20, snapshot_log_bytes: 0, ..EngineOptions::new(dir) };
    let engine = Engine::open(options, Env::os(), Arc::new(())).await.unwrap();
    if engine.tenant_view(TENANT).is_none() {
        engine.create_tenant("default", Origin::default()).await.unwrap();
    }
    engine
}

/// Starts the feed.
pub(crate) fn follow(engine: &Engine, place: Place) -> Feed {
    Feed::start(engine, &Env::os(), &FeedOptions { place, batch_records: 50, lag_records_max: 500 }).unwrap()
}

/// Waits until the store is as far as the log, checks rows, alerts and recharges in it against a straight scan of the log up to where it is
/// by then, and gives all rows in it, oldest first.
pub(crate) async fn all(engine: &Engine, history: &History, what: &str) -> Vec<Row> {
    let durable = engine.stats().durable.0;
    assert!(history.wait_for(durable, PATIENCE).await, "{what}: {:?}", history.status());
    let found = find(history).await;
    assert!(found.position >= durable && !found.more, "{what}");
    assert_eq!(found.total, found.rows.len(), "{what}");
    let customers: BTreeSet<_> = found.rows.iter().map(|row| row.customer).collect();
    let look = history.look(move |look| Rules::in_store(look, &customers)).await;
    let (stored, position) = look.unwrap();
    let (expected, rules) = scan(engine, found.position, position).await;
    assert!(stored == rules, "{what}: {stored:?} and {rules:?}");
    for (stored, expected) in found.rows.iter().zip(&expected) {
        assert_eq!(stored, expected, "{what}");
    }
    assert_eq!(found.rows.len(), expected.len(), "{what}");
    found.rows
}

async fn find(history: &History) -> Found {
    history.find(everything()).await.unwrap()
}

/// All of the tenant's rows, oldest first.
pub(crate) fn everything() -> Query {
    Query {
        tenant: TENANT,
        of: Of::Tenant,
        only: None,
        moving: false,
        tests: Vec::new(),
        credits_of: None,
        paid_by: None,
        sort: Vec::new(),
        newest_first: false,
        after: None,
        limit: 1_000_000,
        offset: 0,
    }
}

/// What the store must hold: the rows of every record up to one, one after the other, and what rules did up to another that is not before.
async fn scan(engine: &Engine, last_of_rows: u64, last: u64) -> (Vec<Row>, Rules) {
    let (mut rows, mut rules) = (Vec::new(), Rules::default());
    for position in 1..=last {
        let Ok(stored) = engine.record(TENANT, LogPosition(position)).await else { continue };
        rules.add(&stored);
        if position <= last_of_rows {
            let CustomerNumber(number) = stored.customer.number;
            rows.extend(Row::all_of(TENANT, CustomerNumber(number), &stored.record, stored.position));
        }
    }
    (rows, rules)
}

/// Ends the engine first: nothing comes due any more, and the store has all of the log.
pub(crate) async fn end(engine: Engine, feed: Feed) -> HistoryStatus {
    engine.shutdown().await.unwrap();
    assert!(feed.stop(PATIENCE).await, "the feed did not end: {:?}", feed.history().status());
    let status = feed.history().status();
    assert_eq!((status.state, status.lag_records), ("stopped", 0), "{status:?}");
    status
}

/// Ends both as a server does, which leaves what came due at last to its next start.
pub(crate) async fn close(engine: Engine, feed: Feed) -> HistoryStatus {
    assert!(feed.stop(PATIENCE).await, "the feed did not end: {:?}", feed.history().status());
    engine.shutdown().await.unwrap();
    feed.history().status()
}

/// Waits until the store says something.
pub(crate) async fn until(history: &History, reached: impl Fn(&HistoryStatus) -> bool) {
    let waiting = async {
        while !reached(&history.status()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "{:?}", history.status());
}
