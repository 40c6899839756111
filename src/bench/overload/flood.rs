//! Twice what a server can do, offered by one tenant over thousands of connections while another tenant asks for little.
//!
//! The client shares the machine with the server, and a request that is refused costs HTTP what an accepted one does: what is
//! kept of the peak here is the machine's answer, the engine's own is that of the embedded measurement.

use std::time::Duration;

use super::connections::middle;
use super::embedded::twice;
use super::{QUIET_KEY, target};
use crate::bench::http::API_KEY;
use crate::bench::load::{self, Heard};
use crate::bench::memory::resident_bytes;
use crate::bench::sheet::{Goal, Sheet};
use crate::bench::{Bench, echo};
use crate::cli::child::Server;
use crate::cli::exit::{CliError, Code};

const BUSY: u32 = 64;
/// Connections and requests a second of the quiet tenant.
const QUIET_CONNECTIONS: u32 = 50;
const QUIET_PER_S: u64 = 500;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Measures it.
pub(super) async fn measure(bench: &Bench, server: &Server, sheet: &mut Sheet) -> Result<(), CliError> {
    let clock = &bench.env.clock;
    bench.note("HTTP: the peak, by the same client");
    let mut peaks = Vec::new();
    for round in 0..bench.rounds() {
        let target = target(&server.url, "peak", API_KEY, &format!("peak-{round}"));
        peaks.push(load::measure(bench, &target, BUSY).await?);
    }
    let peak = middle(&peaks);
    let quiet = |salt: &str| target(&server.url, "quiet", QUIET_KEY, salt);
    let alone = load::offer(clock, &quiet("alone"), QUIET_CONNECTIONS, QUIET_PER_S, bench.span()).await?;
    bench.note("HTTP: twice the peak from one tenant beside a quiet one");
    let before = resident_bytes(&bench.env, server.id())?;
    let flooding = target(&server.url, "flood", API_KEY, "flood");
    let connections = bench.sizes().flood;
    let (quiet, span) = (quiet("beside"), bench.span());
    let (flood, beside, most) = tokio::join!(
        load::offer(clock, &flooding, connections, twice(peak), span),
        load::offer(clock, &quiet, QUIET_CONNECTIONS, QUIET_PER_S, span),
        most_memory(bench, server),
    );
    let (flood, beside, most) = (flood?, beside?, most?);
    sheet.put("HTTP: peak of the built-in client, 64 connections", peak, "debits/s");
    tell_flood(&flood, peak, connections, sheet);
    let growth = most.saturating_sub(before) as f64 / 1e6;
    sheet.put("HTTP: growth of the server meanwhile", growth, "MB");
    tell_quiet(&alone, &beside, sheet);
    echo_in_the_same_flood(bench, sheet).await?;
    if beside.refused > 0 {
        return Err(CliError::new(
            Code::Failed,
            format!("the quiet tenant was refused {} times", beside.refused),
        ));
    }
    Ok(())
}

/// What the machine does with twice the peak of a handler that only echoes: the yardstick of what is kept here.
async fn echo_in_the_same_flood(bench: &Bench, sheet: &mut Sheet) -> Result<(), CliError> {
    bench.note("HTTP: the echo's peak, then twice that");
    let echo = echo::start(&bench.env.clock).await?;
    let target = |salt: &str| target(&echo.url, "echo", API_KEY, salt);
    let peak = load::measure(bench, &target("echo-peak"), BUSY).await?.per_second as f64;
    let connections = bench.sizes().flood;
    let flooding = target("echo-flood");
    let flood = load::offer(&bench.env.clock, &flooding, connections, twice(peak), bench.span()).await?;
    let name = format!("HTTP: the echo, twice its peak over {connections} connections: accepted ÷ peak");
    sheet.put(name, flood.per_second() / peak.max(1.0), "");
    Ok(())
}

fn tell_flood(flood: &Heard, peak: f64, connections: u32, sheet: &mut Sheet) {
    let seconds = flood.elapsed_ns as f64 / 1e9;
    let due = (flood.accepted + flood.refused + flood.unsent) as f64 / seconds;
    let name = format!("HTTP: twice the peak over {connections} connections");
    sheet.put(format!("{name}: due"), due, "debits/s");
    sheet.put(
        format!("{name}: never sent, all connections waited"),
        flood.unsent as f64 / seconds,
        "debits/s",
    );
    sheet.put(
        format!("{name}: refused, each 503 with Retry-After"),
        flood.refused as f64 / seconds,
        "debits/s",
    );
    sheet.put(format!("{name}: accepted"), flood.per_second(), "debits/s");
    sheet.put(format!("{name}: accepted ÷ peak"), flood.per_second() / peak.max(1.0), "");
    sheet.latencies(&format!("{name}: accepted"), &flood.latencies_us, None);
    let refusals_ms = flood.refusals_us.value_at_quantile(0.99) as f64 / 1_000.0;
    sheet.put(format!("{name}: refused: p99"), refusals_ms, "ms");
}

fn tell_quiet(alone: &Heard, beside: &Heard, sheet: &mut Sheet) {
    let kept = beside.per_second() / alone.per_second().max(1.0);
    sheet.judge("HTTP: the quiet tenant's rate in the flood ÷ alone", kept, "", Goal::AtLeast(0.9));
    sheet.latencies("HTTP: the quiet tenant alone", &alone.latencies_us, None);
    sheet.latencies("HTTP: the quiet tenant in the flood", &beside.latencies_us, None);
}

/// The most that the server had during one measurement.
async fn most_memory(bench: &Bench, server: &Server) -> Result<u64, CliError> {
    let mut most = 0;
    for _ in 0..bench.span().as_millis() / LOOK_EVERY.as_millis() {
        tokio::time::sleep(LOOK_EVERY).await;
        most = most.max(resident_bytes(&bench.env, server.id())?);
    }
    Ok(most)
}
