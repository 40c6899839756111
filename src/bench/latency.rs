//! `coffer bench --only latency`: what a caller waits for at a load that the server can carry. So many requests a second come on a
//! fixed schedule over 256 connections, whether the answers are quick or not, at shares of the peak that the same client has. After
//! each comes the same load on a handler that only echoes: what client, sockets and scheduler cost alone.

use super::http::{API_KEY, Target, make_customers};
use super::load::{self, Heard};
use super::offer::Pick;
use super::sheet::{Goal, Sheet};
use super::{Bench, CUSTOMERS, echo};
use crate::cli::exit::{CliError, Code};

/// So many that what is due seldom finds its connection still waiting for the answer before.
const CONNECTIONS: u32 = 256;
/// Percent of the peak, and at which the design has a goal.
const SHARES: [(u64, Option<Goal>); 4] = [(5, None), (10, None), (25, None), (50, Some(Goal::AtMost(2.0)))];

/// Measures it.
pub(crate) async fn measure(bench: &Bench) -> Result<Sheet, CliError> {
    let mut sheet = Sheet::default();
    let server = bench.serve("latency", &[]).await?;
    let echo = echo::start(&bench.env.clock).await?;
    make_customers(&server.url).await?;
    for (whose, customers) in [("over 1,000 wallets", CUSTOMERS), ("on one hot wallet", 1)] {
        bench.note(&format!("the peak {whose}"));
        let target = |url: &str, salt: String| Target {
            name: whose,
            url: url.into(),
            api_key: API_KEY,
            customers,
            first: 0,
            pick: Pick::InTurn,
            salt: format!("{customers}-{salt}"),
        };
        let peak = load::measure(bench, &target(&server.url, "peak".into()), CONNECTIONS).await?.per_second;
        sheet.put(format!("{whose}: peak of the same client"), peak as f64, "debits/s");
        for (percent, goal) in SHARES {
            bench.note(&format!("{percent} % of the peak {whose}"));
            let per_second = (peak * percent / 100).max(1);
            let (mut debits, mut echoes) = (Heard::new(), Heard::new());
            for round in 0..bench.rounds() {
                for (url, heard) in [(&server.url, &mut debits), (&echo.url, &mut echoes)] {
                    let target = target(url, format!("{percent}-{round}"));
                    let clock = &bench.env.clock;
                    heard.add(load::offer(clock, &target, CONNECTIONS, per_second, bench.span()).await?)?;
                }
            }
            if debits.refused > 0 {
                let line = format!("{} requests were refused below the peak", debits.refused);
                return Err(CliError::new(Code::Failed, line));
            }
            let name = format!("{whose}, {percent} % ({per_second}/s)");
            sheet.put(format!("{name}: sent in time"), sent_in_time(&debits), "of what was due");
            sheet.latencies(&name, &debits.latencies_us, goal);
            let name = format!("{name}, echo");
            sheet.put(format!("{name}: sent in time"), sent_in_time(&echoes), "of what was due");
            sheet.latencies(&name, &echoes.latencies_us, None);
        }
    }
    server.stop().await?;
    Ok(sheet)
}

fn sent_in_time(heard: &Heard) -> f64 {
    heard.accepted as f64 / (heard.accepted + heard.unsent) as f64
}
