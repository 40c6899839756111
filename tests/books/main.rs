//! A ledger of many rows through the real engine, for `tests/python/books` to compute anew: `just books`.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its failure report")]
#![expect(
    clippy::disallowed_methods,
    reason = "what it says of grants and alerts is a file on the real disk, for Python"
)]

#[path = "../history/program.rs"]
#[allow(dead_code, reason = "the tests of the history use more of it")]
mod program;

mod granting;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use coffer::engine::{Engine, EngineOptions, Target, TenantOperation};
use coffer::env::Env;
use coffer_ledger::catalog::tenant::{Settings, TenantCommand};
use coffer_ledger::command::Origin;
use coffer_ledger::customer::Customer;
use coffer_ledger::time::Timestamp;
use coffer_ledger::wallet::Wallet;
use serde_json::{Value, json};

use crate::granting::{Granting, Plans};
use crate::program::{Random, World, recharging, wallets_of};

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
/// 2027-03-18T00:00:00Z: a month ends while it runs, and Europe's clocks change.
const BEGIN: Timestamp = Timestamp(1_805_328_000_000_000_000);
/// Commands about grants of a world in a round.
const GRANTING_STEPS: u64 = 3;
/// Commands of those that save.
const SAVING_STEPS: u64 = 4;

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it makes the ledger of `just books`"]
async fn a_ledger_of_many_rows() {
    let dir = PathBuf::from(setting("COFFER_BOOKS_DIR").unwrap());
    let rows: u64 = setting("COFFER_BOOKS_ROWS").unwrap().parse().unwrap();
    let seed: u64 = setting("COFFER_BOOKS_SEED").map_or(7, |seed| seed.parse().unwrap());
    println!("seed {seed}");
    let engine = Engine::open(EngineOptions::new(&dir), Env::os(), Arc::new(())).await.unwrap();
    engine.create_test_tenant("books", Origin::default()).await.unwrap();
    move_to(&engine, BEGIN).await;
    let mut told = BufWriter::new(File::create(dir.with_file_name("grants.jsonl")).unwrap());
    let mut random = Random::new(seed * 1_000 + 999);
    let (mut plans, lines) = Plans::new(&engine, &mut random).await;
    tell(&mut told, lines);
    let mut worlds = Vec::new();
    for world in 0..WORLDS {
        worlds.push(Running::new(&engine, world, seed).await);
    }
    // Of five commands one is refused, or does nothing that a row shows.
    let steps = rows * 5 / (4 * ROUNDS * WORLDS) + 1;
    for round in 0..ROUNDS {
        pay_as_in(&engine, round).await;
        let running: Vec<_> =
            worlds.drain(..).map(|world| tokio::spawn(world.go_on(engine.clone(), steps))).collect();
        for world in running {
            let mut world = world.await.unwrap();
            tell(&mut told, world.granting.as_mut().map_or_else(Vec::new, Granting::lines));
            worlds.push(world);
        }
        tell(&mut told, plans.go_on(&engine, &mut random).await);
        move_to(&engine, Timestamp(engine.now_of(TENANT).0 + ROUND_S * 1_000_000_000)).await;
        println!("round {round}: {} records", engine.stats().appended.0);
    }
    tell(&mut told, vec![json!({"what": "end", "at": engine.now_of(TENANT).0})]);
    told.flush().unwrap();
    let mut warning = BufWriter::new(File::create(dir.with_file_name("alerts.jsonl")).unwrap());
    for world in &worlds {
        tell(&mut warning, world.warning(&engine).await);
    }
    warning.flush().unwrap();
    engine.shutdown().await.unwrap();
}

fn tell(told: &mut impl Write, lines: Vec<Value>) {
    for line in lines {
        writeln!(told, "{line}").unwrap();
    }
}

/// A world between two rounds.
struct Running {
    world: World,
    /// Its customers have grants, if this is there, every other world of either kind recharges itself.
    granting: Option<Granting>,
    /// Of those with grants, two more that use little of theirs: it goes on, ends and lies pinned.
    saving: World,
    random: Random,
}

impl Running {
    async fn new(engine: &Engine, world: u64, seed: u64) -> Self {
        let is_granted = world % 4 >= 2;
        let names: Vec<&'static str> = (0..if is_granted { 6 } else { 4 })
            .map(|customer| &*Box::leak(format!("customer-{world}-{customer}").into_boxed_str()))
            .collect();
        let (spending, saving) =
            (wallets_of(engine, &names[..4]).await, wallets_of(engine, &names[4..]).await);
        if world % 2 == 1 {
            recharging(engine, &spending).await;
        }
        Self {
            world: World::new(&spending),
            granting: is_granted.then(|| Granting::new(&names)),
            saving: World::new(&saving),
            random: Random::new(seed * 1_000 + world * 2),
        }
    }

    /// Which of its wallets warn, and whether at percent or at credits: at 5, 40 and 90 (`recharging`).
    async fn warning(&self, engine: &Engine) -> Vec<Value> {
        let wallets = self.world.wallets().iter().chain(self.saving.wallets());
        let customers: BTreeSet<_> = wallets.map(|(customer, _)| *customer).collect();
        let mut lines = Vec::new();
        for customer in customers {
            let read = |customer: &Customer, _| {
                let alerts = |wallet: &Wallet| Some(wallet.head.rules.as_ref()?.alerts.as_ref()?.percent);
                let line = |wallet: &Wallet| {
                    Some(json!({"wallet": wallet.head.id.to_string(), "percent": alerts(wallet)?}))
                };
                customer.wallets.iter().filter_map(line).collect::<Vec<_>>()
            };
            lines.extend(engine.read(TENANT, Target::Customer(customer), read).await.unwrap().value);
        }
        lines
    }

    async fn go_on(mut self, engine: Engine, steps: u64) -> Self {
        let Self { world, granting, saving, random } = &mut self;
        world.run(&engine, random, steps / 2).await;
        if let Some(granting) = granting {
            let wallets = [world.wallets(), saving.wallets()].concat();
            granting.run(&engine, &wallets, random, GRANTING_STEPS).await;
            saving.run(&engine, random, SAVING_STEPS).await;
        }
        world.run(&engine, random, steps - steps / 2).await;
        self
    }
}

async fn move_to(engine: &Engine, at: Timestamp) {
    let operation = TenantOperation::new(TenantCommand::MoveClock(at), Origin::default());
    engine.move_clock(TENANT, operation).await.unwrap();
}

/// Whether payments of direct recharges are reported, and whether invoiced ones are trusted, changes from round to round.
async fn pay_as_in(engine: &Engine, round: u64) {
    let settings =
        Settings { payment_result: round % 5 != 4, auto_complete: round % 3 == 2, ..Settings::default() };
    let set = TenantOperation::new(TenantCommand::SetSettings(settings), Origin::default());
    engine.submit_tenant(TENANT, set).await.unwrap();
}
