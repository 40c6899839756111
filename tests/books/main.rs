//! A ledger of many rows through the real engine, for `tests/python/books.py` to compute anew: `just books`.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its failure report")]

#[path = "../history/program.rs"]
#[allow(dead_code, reason = "the tests of the history use more of it")]
mod program;

use std::sync::Arc;

use coffer::engine::{Engine, EngineOptions, TenantOperation};
use coffer::env::Env;
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::Origin;
use coffer_ledger::time::Timestamp;

use crate::program::{Random, World, wallets_of};

/// What `program` shares.
mod support {
    use coffer_ledger::ids::TenantNumber;

    pub(crate) const TENANT: TenantNumber = TenantNumber(1);
}

use support::TENANT;

/// Worlds that go on at the same time.
const WORLDS: u64 = 8;
/// How often the clock is moved on.
const ROUNDS: u64 = 120;
/// How far, in seconds: months end, credit ends, holds pass their deadlines.
const ROUND_S: u64 = 11_213;

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it makes the ledger of `just books`"]
async fn a_ledger_of_many_rows() {
    let dir = setting("COFFER_BOOKS_DIR").unwrap();
    let rows: u64 = setting("COFFER_BOOKS_ROWS").unwrap().parse().unwrap();
    let seed: u64 = setting("COFFER_BOOKS_SEED").map_or(7, |seed| seed.parse().unwrap());
    println!("seed {seed}");
    let engine = Engine::open(EngineOptions::new(dir), Env::os(), Arc::new(())).await.unwrap();
    engine.create_test_tenant("books", Origin::default()).await.unwrap();
    let mut worlds = Vec::new();
    for world in 0..WORLDS {
        let names: Vec<&'static str> = (0..4)
            .map(|customer| &*Box::leak(format!("customer-{world}-{customer}").into_boxed_str()))
            .collect();
        let wallets = wallets_of(&engine, &names).await;
        worlds.push((World::new(&wallets), Random::new(seed * 1_000 + world * 2)));
    }
    // Of five commands one is refused, or does nothing that a row shows.
    let steps = rows * 5 / (4 * ROUNDS * WORLDS) + 1;
    for round in 0..ROUNDS {
        let running: Vec<_> =
            worlds.drain(..).map(|world| tokio::spawn(go_on(engine.clone(), world, steps))).collect();
        for world in running {
            worlds.push(world.await.unwrap());
        }
        move_on(&engine).await;
        println!("round {round}: {} records", engine.stats().appended.0);
    }
    engine.shutdown().await.unwrap();
}

async fn go_on(engine: Engine, (mut world, mut random): (World, Random), steps: u64) -> (World, Random) {
    world.run(&engine, &mut random, steps).await;
    (world, random)
}

async fn move_on(engine: &Engine) {
    let later = Timestamp(engine.now_of(TENANT).0 + ROUND_S * 1_000_000_000);
    let operation = TenantOperation::new(TenantCommand::MoveClock(later), Origin::default());
    engine.move_clock(TENANT, operation).await.unwrap();
}
