//! The engine in this process at twice what it can do, alone and beside a quiet tenant.

use std::time::Duration;

use crate::bench::memory::resident_bytes;
use crate::bench::offer::{Load, Pick, Running, Seen};
use crate::bench::sheet::{Goal, Sheet};
use crate::bench::world::World;
use crate::bench::{Bench, CUSTOMERS};
use crate::cli::exit::CliError;
use crate::engine::Engine;

/// Debits in flight at the peak.
const PEAK_IN_FLIGHT: u64 = 512;
/// What the quiet tenant asks for.
const QUIET_PER_S: u64 = 2_000;
/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Measures it.
pub(super) async fn measure(
    bench: &Bench,
    engine: &Engine,
    (flood, quiet): (World, World),
    sheet: &mut Sheet,
) -> Result<(), CliError> {
    let flood = flood.first(u64::try_from(CUSTOMERS).expect("a thousand"));
    let mut peaks = Vec::new();
    let mut floods = Vec::new();
    let mut memory_bytes = Vec::new();
    for round in 0..bench.rounds() {
        bench.note(&format!(
            "embedded: the peak, then twice that, round {} of {}",
            round + 1,
            bench.rounds()
        ));
        let peak = Running::closed(load(bench, engine, flood, &format!("peak {round}")), PEAK_IN_FLIGHT);
        let peak = peak.run_for(bench.span()).await?.per_second();
        let before = resident_bytes(&bench.env, None)?;
        let twice = Running::open(load(bench, engine, flood, &format!("twice {round}")), twice(peak));
        let most = most_memory_while(bench).await?;
        floods.push(twice.stop().await?);
        peaks.push(peak);
        memory_bytes.push((before, most));
    }
    tell(&peaks, &floods, &memory_bytes, sheet);
    let peak = median(peaks.iter().copied());
    beside_a_quiet_tenant(bench, engine, (flood, quiet, peak), sheet).await
}

fn tell(peaks: &[f64], floods: &[Seen], memory_bytes: &[(u64, u64)], sheet: &mut Sheet) {
    let of = |figure: fn(&Seen) -> f64| median(floods.iter().map(figure));
    sheet.put("embedded: peak, 512 in flight", median(peaks.iter().copied()), "debits/s");
    sheet.put("embedded: offered", of(Seen::offered_per_second), "debits/s");
    sheet.put("embedded: accepted", of(Seen::per_second), "debits/s");
    let kept = median(floods.iter().zip(peaks).map(|(seen, peak)| seen.per_second() / peak));
    sheet.judge("embedded: accepted at twice the peak ÷ peak", kept, "", Goal::AtLeast(0.9));
    let refused = |seen: &Seen| seen.refused as f64 / (seen.accepted + seen.refused).max(1) as f64;
    sheet.put("embedded: refused with `Overloaded`", of(refused), "of offered");
    let growth = median(memory_bytes.iter().map(|(before, most)| most.saturating_sub(*before) as f64 / 1e6));
    sheet.put("embedded: growth of the process meanwhile", growth, "MB");
    if let Some(last) = floods.last() {
        sheet.latencies("embedded: accepted at twice the peak (last round)", &last.latencies_us, None);
    }
}

/// The quiet tenant alone, then while the other floods.
async fn beside_a_quiet_tenant(
    bench: &Bench,
    engine: &Engine,
    (flood, quiet, peak): (World, World, f64),
    sheet: &mut Sheet,
) -> Result<(), CliError> {
    bench.note("embedded: a quiet tenant beside one that floods");
    let alone = Running::open(load(bench, engine, quiet, "quiet alone"), QUIET_PER_S);
    let alone = alone.run_for(bench.span()).await?;
    let flood = Running::open(load(bench, engine, flood, "beside the quiet"), twice(peak));
    let beside = Running::open(load(bench, engine, quiet, "quiet beside"), QUIET_PER_S);
    let beside = beside.run_for(bench.span()).await?;
    flood.stop().await?;
    let kept = beside.per_second() / alone.per_second().max(1.0);
    sheet.judge("embedded: the quiet tenant's rate in the flood ÷ alone", kept, "", Goal::AtLeast(0.9));
    sheet.put("embedded: the quiet tenant's refusals in the flood", beside.refused as f64, "debits");
    sheet.latencies("embedded: the quiet tenant alone", &alone.latencies_us, None);
    sheet.latencies("embedded: the quiet tenant in the flood", &beside.latencies_us, None);
    Ok(())
}

/// The most that this process had during one measurement.
async fn most_memory_while(bench: &Bench) -> Result<u64, CliError> {
    let mut most = 0;
    let looks = bench.span().as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        tokio::time::sleep(LOOK_EVERY).await;
        most = most.max(resident_bytes(&bench.env, None)?);
    }
    Ok(most)
}

fn load(bench: &Bench, engine: &Engine, world: World, salt: &str) -> Load {
    let (engine, clock, salt) = (engine.clone(), bench.env.clock.clone(), salt.to_owned());
    Load { engine, world, pick: Pick::InTurn, clock, salt }
}

/// Twice a rate.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive and below 2^53"
)]
pub(super) fn twice(peak: f64) -> u64 {
    (peak * 2.0) as u64
}

/// The one in the middle.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
