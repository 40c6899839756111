//! The thread on a real engine's log, at a pace at which only somebody who waits ends its rest.

use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Asked as Price, Command, CreateWallet, Debit, Origin};
use coffer_ledger::ids::TenantNumber;
use coffer_ledger::unit::Currency;
use coffer_wal::Urgency;

use super::*;
use crate::engine::{Engine, EngineOptions, Operation, Target};
use crate::env::Env;
use crate::feed::history::{History, Place};

const TENANT: TenantNumber = TenantNumber(1);
/// Longer than this is a hang.
const PATIENCE: Duration = Duration::from_secs(30);
/// Nobody looks at the log by itself.
const NEVER: Pace =
    Pace { batch_records: 20_000, lag_records_max: 100_000, look_every: Duration::from_secs(24 * 3_600) };

async fn submit(engine: &Engine, target: Target<'_>, command: Command) -> u64 {
    engine.submit(TENANT, target, Operation::new(command)).await.unwrap().position.0
}

async fn debit(engine: &Engine) -> u64 {
    let debit = Command::Debit(Debit::new(Price::Credits(Credits::ONE)));
    submit(engine, Target::Customer("acme"), debit).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_record_ends_the_rest_of_the_thread_that_has_not_looked_since() {
    let dir = tempfile::tempdir().unwrap();
    let env = Env::os();
    let engine = Engine::open(EngineOptions::new(dir.path()), env.clone(), Arc::new(())).await.unwrap();
    engine.create_tenant("default", Origin::default()).await.unwrap();
    let wallet = CreateWallet {
        initial_credits: Credits::whole(100),
        ..CreateWallet::new("acme", Currency::parse("usd").unwrap())
    };
    let made = submit(&engine, Target::NewCustomer("acme"), Command::CreateWallet(wallet)).await;
    let place = Place::File(dir.path().join("history.db"));
    let shared = Arc::new(Shared::new(place, &engine, Arc::clone(&env.clock)));
    let following = Arc::clone(&shared);
    env.spawn.spawn("history", Urgency::Later, Box::new(move || run(&following, NEVER))).unwrap();
    let history = History::new(Arc::clone(&shared));
    let mut progress = shared.progress.subscribe();
    progress.wait_for(|progress| progress.caught_up).await.unwrap();
    assert_eq!(history.status().position, made);
    for _ in 0..20 {
        let position = debit(&engine).await;
        assert!(history.status().position < position, "it rests");
        assert!(history.wait_for(position, PATIENCE).await, "{:?}", history.status());
    }
    shared.ask_to_stop();
    progress.wait_for(|progress| progress.state == State::Stopped).await.unwrap();
    engine.shutdown().await.unwrap();
}
