//! The same data directory served by a real process: how soon it is ready with everything, and 64 connections over all
//! customers against 64 over a thousand.

use crate::bench::http::{API_KEY, Target, one};
use crate::bench::memory::resident_bytes;
use crate::bench::offer::Pick;
use crate::bench::sheet::{Goal, Sheet};
use crate::bench::{Bench, CUSTOMERS};
use crate::cli::exit::{CliError, Code};

const CONNECTIONS: u32 = 64;
/// Rounds begin at different customers: one in so many further on.
const ROUNDS_APART: usize = 7;

/// Measures it.
pub(super) async fn measure(bench: &Bench, sheet: &mut Sheet) -> Result<(), CliError> {
    bench.note("a start of the server with all customers and keys");
    let server = bench.serve("scale", &[]).await?;
    sheet.judge(
        "`coffer serve`: from exec to serving, with all customers and keys",
        server.ready_ns as f64 / 1e9,
        "s",
        Goal::AtMost(5.0),
    );
    let resident = resident_bytes(&bench.env, server.id())?;
    sheet.put("`coffer serve`: resident with all customers and keys", resident as f64 / 1e6, "MB");
    let all = usize::try_from(bench.sizes().customers)
        .map_err(|_| CliError::new(Code::Usage, "so many customers do not fit"))?;
    let loads = [
        ("over 1,000 customers", CUSTOMERS, Pick::InTurn),
        ("over all, each asleep", all, Pick::InTurn),
        ("over all, Zipf", all, Pick::Zipf),
    ];
    let mut rates = vec![Vec::new(); loads.len()];
    for round in 0..bench.rounds() {
        for ((name, customers, pick), rates) in loads.into_iter().zip(&mut rates) {
            bench.note(&format!("HTTP {name}, 64 connections, round {} of {}", round + 1, bench.rounds()));
            let salt = format!("scale-{round}-{}", name.len());
            // Where the round before ended up, they may still be awake.
            let first = customers * usize::try_from(round).unwrap_or(0) / ROUNDS_APART;
            let url = server.url.clone();
            let target = Target { name, url, api_key: API_KEY, customers, first, pick, salt };
            rates.push(one(bench, &target, CONNECTIONS).await?);
        }
    }
    let medians: Vec<_> =
        rates.iter().filter_map(|rates| crate::bench::report::Figure::median(rates)).collect();
    for figure in &medians {
        let name = format!("HTTP, 64 connections, {}", figure.name);
        sheet.put(&name, figure.per_second as f64, "debits/s");
        sheet.put(format!("{name}: p99"), figure.p99_us as f64 / 1_000.0, "ms");
    }
    if let [awake, asleep, zipf] = &medians[..] {
        let ratio = |of: u64| of as f64 / awake.per_second.max(1) as f64;
        sheet.judge(
            "HTTP over all, each asleep ÷ over 1,000",
            ratio(asleep.per_second),
            "",
            Goal::AtLeast(0.75),
        );
        sheet.judge("HTTP over all, Zipf ÷ over 1,000", ratio(zipf.per_second), "", Goal::AtLeast(0.75));
    }
    let resident = resident_bytes(&bench.env, server.id())?;
    sheet.put("`coffer serve`: resident after that", resident as f64 / 1e6, "MB");
    server.stop().await?;
    Ok(())
}
