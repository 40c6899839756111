//! The past: whatever was seen once is seen again, whatever happened to snapshots, segments and the engine since.

use std::sync::Arc;
use std::time::Duration;

use coffer::engine::{AsOf, At, Engine, EngineOptions, Operation, PastFailure, Stopped, Target};
use coffer_ledger::command::Command;
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition};
use coffer_ledger::time::Timestamp;
use coffer_ledger::view;
use coffer_wal::storage::crash::CrashStorage;

use crate::program::{self, Random};
use crate::support::*;

const CUSTOMERS: [&str; 4] = ["acme", "other", "third", "fourth"];
const FILLER: &str = "filler";
const MS: Duration = Duration::from_millis(1);

/// What a live read saw, and how to ask for it later.
struct Moment {
    name: &'static str,
    position: LogPosition,
    now: Timestamp,
    state: Customer,
}

impl Moment {
    /// A live read at an instant at which nothing happens after it, though transfers go on by themselves: the clock goes on, and
    /// a second read in the same mailbox finds nothing new.
    async fn of(engine: &Engine, clock: &TestClock, name: &'static str) -> Self {
        let look = |customer: &Customer, now| (customer.clone(), now);
        loop {
            let durable = engine.stats().durable;
            let seen = engine.read(TENANT, Target::Customer(name), look).await.unwrap();
            clock.pass(1);
            let (state, now) = seen.value;
            if engine.read(TENANT, Target::Customer(name), look).await.unwrap().position == seen.position {
                return Self { name, position: durable.max(seen.position), now, state };
            }
        }
    }

    fn check(&self, by_position: &AsOf, by_time: &AsOf, seed: u64) {
        let at = (self.name, self.position, self.now);
        assert_eq!(by_position.customer, self.state, "{at:?}, seed {seed}");
        assert_eq!(by_time.customer, self.state, "{at:?}, seed {seed}");
        assert_eq!(by_time.now, self.now, "{at:?}, seed {seed}");
        let (live, then) =
            (view::balance(&self.state, self.now), view::balance(&by_time.customer, by_time.now));
        assert_eq!(then, live, "{at:?}, seed {seed}");
        assert!(by_position.now >= self.state.last_at, "{at:?}, seed {seed}");
    }

    async fn ask(&self, engine: &Engine, seed: u64) {
        let at = vec![At::Position(self.position), At::Time(self.now)];
        let found = engine.look_back(TENANT, Target::Customer(self.name), at).await;
        let found = found.unwrap_or_else(|failure| panic!("{failure}: {}, seed {seed}", self.name));
        self.check(&found[0], &found[1], seed);
    }
}

fn number(engine: &Engine, name: &str) -> CustomerNumber {
    engine.resolve(TENANT, Target::Customer(name)).unwrap()
}

/// So many debits of the filler, which stand between the records of the others. Time goes on meanwhile, or the log's writer might
/// wait for the end of its interval forever.
async fn fill(engine: &Engine, clock: &TestClock, records: usize) {
    let filler = number(engine, FILLER);
    let operations = (0..records).map(|_| (filler, Operation::new(debit(1)))).collect();
    let debits = engine.submit_many(TENANT, operations);
    tokio::pin!(debits);
    loop {
        tokio::select! {
            done = &mut debits => return done.into_iter().for_each(|done| drop(done.unwrap())),
            () = tokio::time::sleep(MS) => clock.pass(1_000_000),
        }
    }
}

async fn at_position(engine: &Engine, name: &str, position: u64) -> Result<AsOf, PastFailure> {
    let at = vec![At::Position(LogPosition(position))];
    engine.look_back(TENANT, Target::Customer(name), at).await.map(|mut found| found.remove(0))
}

async fn at_time(engine: &Engine, name: &str, time: Timestamp) -> Result<AsOf, PastFailure> {
    engine
        .look_back(TENANT, Target::Customer(name), vec![At::Time(time)])
        .await
        .map(|mut found| found.remove(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_seen_is_seen_again_across_snapshots_segments_archive_and_restarts() {
    let seed = std::env::var("COFFER_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x9a57);
    println!("COFFER_TEST_SEED={seed}");
    let (mut disk, clock) = (CrashStorage::new(), TestClock::new());
    let mut engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    let wallets = program::wallets(&engine).await;
    wallet(&engine, FILLER, 1_000_000).await;
    let (mut random, mut moments) = (Random::new(seed), Vec::new());
    for phase in 0..8 {
        for _ in 0..25 {
            clock.pass(random.below(30_000_000));
            program::run(&engine, &wallets, &mut random, 4).await;
            if random.below(4) == 0 {
                fill(&engine, &clock, 50 + usize::try_from(random.below(200)).unwrap()).await;
            }
            let name = [CUSTOMERS.as_slice(), &[FILLER]].concat()[usize::try_from(random.below(5)).unwrap()];
            moments.push(Moment::of(&engine, &clock, name).await);
        }
        match phase {
            1 | 3 | 5 => drop(engine.take_snapshot().await.unwrap()),
            2 | 6 => {
                engine.checkpoint().await.unwrap();
            }
            _ => {}
        }
        if phase % 2 == 1 {
            disk = disk.kill();
            engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
        }
        for _ in 0..20 {
            let moment = usize::try_from(random.below(moments.len() as u64)).unwrap();
            moments[moment].ask(&engine, seed).await;
        }
    }
    for moment in &moments {
        moment.ask(&engine, seed).await;
    }
    assert!(
        disk.files().iter().any(|path| path.to_string_lossy().contains("archive")),
        "nothing was archived"
    );
    stopped_sees_the_same(&engine, &disk, &clock, &moments, seed).await;
}

/// The directory of the stopped engine says the same, and is left as it is.
async fn stopped_sees_the_same(
    engine: &Engine,
    disk: &CrashStorage,
    clock: &Arc<TestClock>,
    moments: &[Moment],
    seed: u64,
) {
    engine.shutdown().await.unwrap();
    let content = |disk: &CrashStorage| {
        let files = disk.files().into_iter();
        files.map(|path| (disk.read_file(&path), path)).collect::<Vec<_>>()
    };
    let before = content(disk);
    let (disk, env) = (disk.clone(), env_with_clock(disk, clock.clone()));
    let moments: Vec<_> = moments.iter().map(|moment| (moment.name, moment.position, moment.now)).collect();
    let asked = moments.clone();
    let answers = tokio::task::spawn_blocking(move || {
        let progress: Arc<dyn coffer::engine::RecoveryProgress> = Arc::new(());
        let stopped = Stopped::open(&options(), &env, &progress).unwrap();
        assert_eq!(stopped.tenants(), [(TENANT, "default")]);
        let look = |(name, position, now)| {
            stopped.look(TENANT, name, vec![At::Position(position), At::Time(now)]).unwrap()
        };
        asked.into_iter().map(look).collect::<Vec<_>>()
    });
    for ((name, ..), found) in moments.iter().zip(answers.await.unwrap()) {
        assert_eq!(found[0].customer, found[1].customer, "{name}, seed {seed}");
    }
    assert!(content(&disk) == before, "looking changed a file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_past_starts_from_the_snapshot_that_is_old_enough() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    wallet(&engine, FILLER, 1_000_000).await;
    let mut moments = Vec::new();
    for part in 0..6 {
        fill(&engine, &clock, 1_500).await;
        clock.pass(S);
        moments.push(Moment::of(&engine, &clock, FILLER).await);
        if part % 2 == 0 {
            engine.take_snapshot().await.unwrap();
        }
    }
    for moment in &moments {
        moment.ask(&engine, 0).await;
    }
    // With a limit below the whole chain only a snapshot can have been the start.
    engine.shutdown().await.unwrap();
    drop(engine);
    let short = EngineOptions { as_of_records_max: 6_000, ..options() };
    let engine = open_with(short, env_with_clock(&disk, clock.clone())).await.unwrap();
    moments.last().unwrap().ask(&engine, 0).await;
    moments[4].ask(&engine, 0).await;
    let refused = at_position(&engine, FILLER, moments[0].position.0).await.unwrap_err();
    assert!(matches!(refused, PastFailure::TooManyRecords { max: 6_000 }), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_did_not_exist_yet_or_any_more_and_what_has_not_happened_is_told_apart() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    wallet(&engine, FILLER, 10).await;
    clock.pass(S);
    let made = wallet(&engine, "acme", 0).await;
    let (made_at, position) = (engine.now(), engine.stats().durable.0);
    let before = at_time(&engine, "acme", Timestamp(made_at.0 - 1)).await.unwrap();
    assert!(matches!(before.check_exists(), Err(PastFailure::NotYet)));
    let before = at_position(&engine, "acme", position - 1).await.unwrap();
    assert!(matches!(before.check_exists(), Err(PastFailure::NotYet)));
    at_time(&engine, "acme", made_at).await.unwrap().check_exists().unwrap();

    clock.pass(S);
    let close =
        Command::Close { wallet: made, remainder: coffer_ledger::command::Remainder::Forfeit, force: false };
    engine.submit(TENANT, Target::Customer("acme"), Operation::new(close)).await.unwrap();
    engine.submit(TENANT, Target::Customer("acme"), Operation::new(Command::DeleteCustomer)).await.unwrap();
    let gone = at_time(&engine, "acme", engine.now()).await.unwrap();
    assert!(matches!(gone.check_exists(), Err(PastFailure::Deleted)));
    at_time(&engine, "acme", made_at).await.unwrap().check_exists().unwrap();

    let nobody = at_time(&engine, "nobody", made_at).await.unwrap_err();
    assert!(matches!(nobody, PastFailure::NotFound));
    let future = at_time(&engine, FILLER, Timestamp(engine.now().0 + 1)).await.unwrap_err();
    assert!(matches!(future, PastFailure::Future { .. }));
    let end = engine.stats().durable;
    let beyond = at_position(&engine, FILLER, end.0 + 1).await.unwrap_err();
    assert!(matches!(beyond, PastFailure::BeyondTheLog { end: told } if told == end));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_archive_no_longer_holds_is_gone_unless_a_snapshot_has_it() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    wallet(&engine, "acme", 10).await;
    wallet(&engine, FILLER, 1_000).await;
    clock.pass(S);
    let early = Moment::of(&engine, &clock, "acme").await;
    debit_now(&engine, "acme", 1).await.unwrap();
    clock.pass(S);
    let idle = Moment::of(&engine, &clock, "acme").await;
    engine.shutdown().await.unwrap();
    drop(engine);
    // Each start begins a segment. The first is archived, replaced by the archive's, and then lost.
    for _ in 0..2 {
        let engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
        fill(&engine, &clock, 10).await;
        engine.checkpoint().await.unwrap();
        engine.shutdown().await.unwrap();
    }
    let engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
    engine.take_snapshot().await.unwrap();
    engine.take_snapshot().await.unwrap();
    let hot = |path: &&std::path::PathBuf| path.to_string_lossy().contains("/wal/0000000000000002");
    assert_eq!(disk.files().iter().filter(hot).count(), 0, "the second segment is still hot");
    engine.shutdown().await.unwrap();
    drop(engine);
    let archived = |path: &std::path::PathBuf| path.to_string_lossy().contains("/archive/0000000000000001");
    let first = disk.files().into_iter().find(archived).expect("the first segment is archived");
    disk.remove_file(&first);
    let engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
    debit_now(&engine, "acme", 1).await.unwrap();
    idle.ask(&engine, 0).await;
    let gone = at_position(&engine, "acme", early.position.0).await.unwrap_err();
    assert!(matches!(gone, PastFailure::Gone), "{gone}");
    let gone = at_time(&engine, "acme", early.now).await.unwrap_err();
    assert!(matches!(gone, PastFailure::Gone), "{gone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_may_look_back_at_once_are_told_to_come_again() {
    let disk = CrashStorage::new();
    let none = EngineOptions { as_of_in_flight_max: 0, ..options() };
    let engine = open_with(none, env_on(&disk)).await.unwrap();
    ensure_tenant(&engine).await;
    wallet(&engine, "acme", 10).await;
    let busy = at_position(&engine, "acme", 1).await.unwrap_err();
    assert!(matches!(busy, PastFailure::Busy { max: 0 }));
}
