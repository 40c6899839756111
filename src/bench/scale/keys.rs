//! Idempotency keys by the million: each is that of a debit which the engine took.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;

use crate::bench::embedded::debit;
use crate::bench::sheet::{Goal, Sheet};
use crate::bench::world::World;
use crate::bench::{Bench, CUSTOMERS};
use crate::cli::exit::{CliError, Code};
use crate::engine::{Engine, Operation};

/// Debits of one call, and calls at a time.
const MANY: u64 = 1_000;
const CALLS: u64 = 4;

/// Debits until the table holds so many keys, and tells what each costs.
pub(super) async fn measure(
    bench: &Bench,
    engine: &Engine,
    world: World,
    sheet: &mut Sheet,
) -> Result<(), CliError> {
    let wanted = bench.sizes().keys.saturating_sub(engine.stats().keys);
    bench.note(&format!("the making of {wanted} keys"));
    let began_ns = bench.env.clock.monotonic_ns();
    let few = world.first(u64::try_from(CUSTOMERS).expect("a thousand"));
    let calls = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..CALLS {
        callers.spawn(call_until_done(engine.clone(), few, Arc::clone(&calls), wanted));
    }
    callers.join_all().await.into_iter().collect::<Result<(), _>>()?;
    let seconds = (bench.env.clock.monotonic_ns() - began_ns) as f64 / 1e9;
    let found = engine.footprint();
    if found.keys < bench.sizes().keys {
        let line = format!("{} keys were asked for and {} are there", bench.sizes().keys, found.keys);
        return Err(CliError::new(Code::Failed, line));
    }
    sheet.put("idempotency keys", found.keys as f64, "");
    sheet.put("the making of them: `submit_many` of 1,000, 4 calls", wanted as f64 / seconds, "debits/s");
    let each = found.keys_bytes as f64 / found.keys.max(1) as f64;
    sheet.judge("a key: its share of the table, exact", each, "B", Goal::AtMost(64.0));
    Ok(())
}

async fn call_until_done(
    engine: Engine,
    world: World,
    calls: Arc<AtomicU64>,
    wanted: u64,
) -> Result<(), CliError> {
    loop {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        if call * MANY >= wanted {
            return Ok(());
        }
        let operations = (0..MANY.min(wanted - call * MANY)).map(|index| {
            let operation = Operation::new(debit()).with_key(&format!("key/{call}/{index}"));
            (world.customer(index), operation)
        });
        for answer in engine.submit_many(world.tenant, operations.collect()).await {
            answer?;
        }
        if (call * MANY).is_multiple_of((wanted / 10).max(1_000_000).next_multiple_of(MANY)) && call > 0 {
            crate::cli::output::note(format!("made {} of {wanted} keys", call * MANY));
        }
    }
}
