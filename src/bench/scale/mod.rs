//! `coffer bench --only scale`: a million customers, ten million keys. What they cost in memory, how they wake and rest, what a
//! snapshot and a storm of expiries do to debits, how long a start takes (DESIGN §4, the last rows).
//!
//! One data directory goes through all of it, so that each step finds what the one before left: first everybody rests, then
//! few are hot, then the log is long, then a snapshot holds it all.

mod keys;
mod over_http;
mod restart;
mod snapshot;
mod storm;
mod wake;

use coffer_ledger::command::Origin;
use coffer_ledger::ids::TenantNumber;

use super::memory::resident_bytes;
use super::offer::{Load, Pick, Running};
use super::sheet::{Goal, Sheet};
use super::world::{self, World};
use super::{Bench, CUSTOMERS};
use crate::cli::exit::CliError;
use crate::engine::{Engine, EngineOptions};

const TENANT: TenantNumber = TenantNumber(1);
/// Debits in flight when the peak is measured.
const PEAK_IN_FLIGHT: u64 = 512;

/// Measures all of it.
pub(crate) async fn measure(bench: &Bench) -> Result<Sheet, CliError> {
    let mut sheet = Sheet::default();
    let world = make(bench, &mut sheet).await?;
    let engine = restart::from_snapshot(bench, world, &mut sheet).await?;
    wake::measure(bench, &engine, world, &mut sheet).await?;
    keys::measure(bench, &engine, world, &mut sheet).await?;
    let engine = restart::with_replay(bench, engine, &mut sheet).await?;
    let peak = peak(bench, &engine, world).await?;
    sheet.put("peak: 512 in flight over 1,000 of the customers", peak, "debits/s");
    snapshot::measure(bench, &engine, (world, peak), &mut sheet).await?;
    storm::measure(bench, &engine, (world, peak), &mut sheet).await?;
    engine.shutdown().await?;
    over_http::measure(bench, &mut sheet).await?;
    Ok(sheet)
}

/// How the engine of these measurements runs: no snapshot but those that are measured.
fn options(bench: &Bench) -> EngineOptions {
    EngineOptions { snapshot_log_bytes: 0, ..EngineOptions::new(bench.dir.path().join("scale")) }
}

fn load(bench: &Bench, engine: &Engine, world: World, pick: Pick, salt: &str) -> Load {
    Load { engine: engine.clone(), world, pick, clock: bench.env.clock.clone(), salt: salt.to_owned() }
}

/// What a thousand hot customers can do.
async fn peak(bench: &Bench, engine: &Engine, world: World) -> Result<f64, CliError> {
    bench.note("the peak over 1,000 of the customers");
    let few = world.first(u64::try_from(CUSTOMERS).expect("a thousand"));
    let running = Running::closed(load(bench, engine, few, Pick::InTurn, "peak"), PEAK_IN_FLIGHT);
    Ok(running.run_for(bench.span()).await?.per_second())
}

/// Makes the customers, and tells what they cost when they rest.
async fn make(bench: &Bench, sheet: &mut Sheet) -> Result<World, CliError> {
    // They shall rest at once: what is measured is rest.
    let options = EngineOptions { actor_idle_s: 1, ..options(bench) };
    let engine = Engine::open(options, bench.env.clone(), std::sync::Arc::new(())).await?;
    engine.create_tenant("default", Origin::default()).await?;
    let before = resident_bytes(&bench.env, None)?;
    let began_ns = bench.env.clock.monotonic_ns();
    let world = world::make(bench, &engine, TENANT, bench.sizes().customers).await?;
    let seconds = (bench.env.clock.monotonic_ns() - began_ns) as f64 / 1e9;
    world::rest(&engine).await?;
    let after = resident_bytes(&bench.env, None)?;
    let found = engine.footprint();
    let each = |bytes: u64| bytes as f64 / world.customers as f64;
    sheet.put("customers with a wallet of three tranches", world.customers as f64, "");
    sheet.put("made and topped up: records per second", 2.0 * world.customers as f64 / seconds, "records/s");
    sheet.put("a resting customer: slot", each(found.slots_bytes), "B");
    sheet.put("a resting customer: canonical form", each(found.resting_bytes), "B");
    sheet.put("a resting customer: names", each(found.names_bytes), "B");
    let exact = found.slots_bytes + found.resting_bytes + found.names_bytes + found.timer_bytes;
    sheet.judge("a resting customer: all of it, exact", each(exact), "B", Goal::AtMost(500.0));
    let resident = each(after.saturating_sub(before));
    sheet.put("a resting customer: growth of the process after making them", resident, "B");
    engine.shutdown().await?;
    Ok(world)
}
