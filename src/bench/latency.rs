//! `coffer bench --only latency`: what a caller waits for at a load that the server can carry. So many requests a second come on a
//! fixed schedule over 64 connections, whether the answers are quick or not, at shares of the peak that the same client has.

use super::http::{API_KEY, Target, make_customers};
use super::load::{self, Heard};
use super::offer::Pick;
use super::sheet::{Goal, Sheet};
use super::{Bench, CUSTOMERS};
use crate::cli::child::Server;
use crate::cli::exit::{CliError, Code};

const CONNECTIONS: u32 = 64;
/// Percent of the peak, and at which the design has a goal.
const SHARES: [(u64, Option<Goal>); 4] = [(5, None), (10, None), (25, None), (50, Some(Goal::AtMost(2.0)))];

/// Measures it.
pub(crate) async fn measure(bench: &Bench) -> Result<Sheet, CliError> {
    let mut sheet = Sheet::default();
    let server = Server::start(&bench.dir.path().join("latency"), API_KEY, &bench.env.clock).await?;
    make_customers(&server.url).await?;
    for (whose, customers) in [("over 1,000 wallets", CUSTOMERS), ("on one hot wallet", 1)] {
        bench.note(&format!("the peak {whose}"));
        let target = |salt: String| Target {
            name: whose,
            url: server.url.clone(),
            api_key: API_KEY,
            customers,
            first: 0,
            pick: Pick::InTurn,
            salt: format!("{customers}-{salt}"),
        };
        let peak = load::measure(bench, &target("peak".into()), CONNECTIONS).await?.per_second;
        sheet.put(format!("{whose}: peak of the same client"), peak as f64, "debits/s");
        for (percent, goal) in SHARES {
            bench.note(&format!("{percent} % of the peak {whose}"));
            let per_second = (peak * percent / 100).max(1);
            let mut all = Heard::new();
            for round in 0..bench.rounds() {
                let target = target(format!("{percent}-{round}"));
                let clock = &bench.env.clock;
                all.add(load::offer(clock, &target, CONNECTIONS, per_second, bench.span()).await?)?;
            }
            if all.refused > 0 {
                let line = format!("{} requests were refused below the peak", all.refused);
                return Err(CliError::new(Code::Failed, line));
            }
            let name = format!("{whose}, {percent} % ({per_second}/s)");
            let due = (all.accepted + all.unsent) as f64;
            sheet.put(format!("{name}: sent in time"), all.accepted as f64 / due, "of what was due");
            sheet.latencies(&name, &all.latencies_us, goal);
        }
    }
    server.stop().await?;
    Ok(sheet)
}
