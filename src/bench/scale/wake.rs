//! Waking and resting: debits over all customers, most of whom rest, against debits over a thousand who never do.

use super::load;
use crate::bench::offer::{Pick, Running, Seen};
use crate::bench::sheet::Sheet;
use crate::bench::world::World;
use crate::bench::{Bench, CUSTOMERS};
use crate::cli::exit::CliError;
use crate::engine::Engine;

const IN_FLIGHT: u64 = 64;
/// Measured spans of each; what is active is told after every one.
const SPANS: u64 = 3;

/// Measures it.
pub(super) async fn measure(
    bench: &Bench,
    engine: &Engine,
    world: World,
    sheet: &mut Sheet,
) -> Result<(), CliError> {
    let few = world.first(u64::try_from(CUSTOMERS).expect("a thousand"));
    let awake = one(bench, engine, (few, Pick::InTurn), "awake").await?;
    sheet.put("64 in flight over 1,000 customers, awake", awake.per_second(), "debits/s");
    for (name, pick) in [("Zipf", Pick::Zipf), ("in turn, each asleep", Pick::InTurn)] {
        for span in 1..=SPANS {
            let seen = one(bench, engine, (world, pick), &format!("{name} {span}")).await?;
            let name = format!("64 in flight over all, {name}, span {span}");
            sheet.put(&name, seen.per_second(), "debits/s");
            let stats = engine.stats();
            sheet.put(format!("{name}: active after it"), stats.actors_active as f64, "customers");
            if span == SPANS {
                sheet.latencies(&name, &seen.latencies_us, None);
                let ratio = seen.per_second() / awake.per_second().max(1.0);
                sheet.put(format!("{name} ÷ 1,000 awake"), ratio, "");
            }
        }
    }
    Ok(())
}

async fn one(
    bench: &Bench,
    engine: &Engine,
    (world, pick): (World, Pick),
    salt: &str,
) -> Result<Seen, CliError> {
    bench.note(&format!("64 in flight over {} customers, {salt}", world.customers));
    Running::closed(load(bench, engine, world, pick, salt), IN_FLIGHT).run_for(bench.span()).await
}
