//! A snapshot while debits come in at half the peak: what it does to their latency, how long it takes, how large it is.

use std::time::Duration;

use super::load;
use crate::bench::offer::{Pick, Running};
use crate::bench::sheet::{Goal, Sheet};
use crate::bench::world::World;
use crate::bench::{Bench, CUSTOMERS};
use crate::cli::exit::{CliError, Code};
use crate::engine::Engine;

/// Debits run so long before a snapshot begins.
const LEAD: Duration = Duration::from_millis(200);
const P99_GOAL: Goal = Goal::AtMost(2.0);

/// Measures it.
pub(super) async fn measure(
    bench: &Bench,
    engine: &Engine,
    (world, peak): (World, f64),
    sheet: &mut Sheet,
) -> Result<(), CliError> {
    let half = half_of(peak);
    let few = world.first(u64::try_from(CUSTOMERS).expect("a thousand"));
    for (name, world, pick) in
        [("over 1,000 customers", few, Pick::InTurn), ("over all, Zipf", world, Pick::Zipf)]
    {
        bench.note(&format!("half the peak {name}, without and with a snapshot"));
        let salt = |with: &str| format!("half {name} {with}");
        let without = Running::open(load(bench, engine, world, pick, &salt("without")), half);
        let without = without.run_for(bench.span()).await?;
        let with = Running::open(load(bench, engine, world, pick, &salt("with")), half);
        tokio::time::sleep(LEAD).await;
        let taken = engine.take_snapshot().await;
        let with = with.stop().await?;
        let taken = taken.map_err(|error| CliError::new(Code::Failed, error.to_string()))?;
        sheet.put(format!("half the peak {name}: rate kept"), with.per_second() / half as f64, "of offered");
        sheet.latencies(&format!("half the peak {name}"), &without.latencies_us, Some(P99_GOAL));
        let name = format!("half the peak {name}, snapshot running");
        sheet.latencies(&name, &with.latencies_us, Some(P99_GOAL));
        sheet.put(format!("{name}: refused"), with.refused as f64, "debits");
        sheet.put("the snapshot: time", taken.seconds, "s");
        sheet.put("the snapshot: size", taken.bytes as f64 / 1e6, "MB");
    }
    Ok(())
}

/// Half of a rate.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive and below 2^53"
)]
pub(super) fn half_of(peak: f64) -> u64 {
    (peak / 2.0) as u64
}
