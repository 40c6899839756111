//! What the demo says at its end.

use serde::Serialize;

use crate::cli::output;

/// Differences that are printed; the rest is counted.
const SHOWN_MAX: usize = 20;

/// The summary. Times are what this run took on this machine.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Tells the run again.
    pub(crate) seed: u64,
    /// Customers.
    pub(crate) customers: usize,
    /// Rows of the trace that were sent.
    pub(crate) requests: usize,
    /// Connections.
    pub(crate) connections: usize,
    /// Accepted.
    pub(crate) debits: u64,
    /// Accepted with less than was asked.
    pub(crate) partial: u64,
    /// Credits debited.
    pub(crate) credits: String,
    /// 402.
    pub(crate) refusals: u64,
    /// Keys answered twice on purpose.
    pub(crate) replays: u64,
    /// Answers at which the server was killed.
    pub(crate) killed_at: Vec<usize>,
    /// Requests that a kill left without an answer.
    pub(crate) unanswered: u64,
    /// Those of them that had been done all the same, and were found by their key.
    pub(crate) unanswered_done: u64,
    /// From starting the process again to serving.
    pub(crate) recovery_ms: Vec<u64>,
    /// Requests per second while a server was there.
    pub(crate) requests_per_s: u64,
    /// Microseconds, of requests answered at once.
    pub(crate) p50_us: u64,
    /// Microseconds, of requests answered at once.
    pub(crate) p99_us: u64,
    /// Acknowledged debits that were asked for again in the end and answered byte for byte the same.
    pub(crate) confirmed: u64,
    /// Balances compared.
    pub(crate) balances: usize,
    /// Records of the log, each verified after the end.
    pub(crate) log_records: u64,
    /// Acknowledged and not there any more.
    pub(crate) lost: u64,
    /// Took effect more than once.
    pub(crate) doubled: u64,
    /// What is not as the independent computation has it.
    pub(crate) differences: Vec<String>,
}

impl Summary {
    /// Whether everything is as it should be.
    pub(crate) fn is_right(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.differences.is_empty()
    }

    /// Prints it.
    pub(crate) fn print(&self, json: bool) {
        if json {
            return output::json(self);
        }
        for difference in self.differences.iter().take(SHOWN_MAX) {
            output::line(format!("differs: {difference}"));
        }
        for (name, value) in self.lines() {
            output::line(format!("{name:<12} {value}"));
        }
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let kills: Vec<_> =
            self.killed_at.iter().zip(&self.recovery_ms).map(|(at, ms)| format!("{at} ({ms} ms)")).collect();
        vec![
            ("seed", self.seed.to_string()),
            (
                "requests",
                format!(
                    "{} of {} customers over {} connections",
                    self.requests, self.customers, self.connections
                ),
            ),
            (
                "debits",
                format!(
                    "{} ({} credits; {} took only what there was)",
                    self.debits, self.credits, self.partial
                ),
            ),
            ("refusals", format!("{} (402 insufficient_credits)", self.refusals)),
            ("replays", format!("{} keys sent twice, each with one effect and one answer", self.replays)),
            ("killed", format!("after answer (time to serve again): {}", kills.join(", "))),
            (
                "unanswered",
                format!(
                    "{}, of which {} had been done; all found by their keys",
                    self.unanswered, self.unanswered_done
                ),
            ),
            (
                "rate",
                format!("{} requests/s, p50 {} µs, p99 {} µs", self.requests_per_s, self.p50_us, self.p99_us),
            ),
            (
                "confirmed",
                format!(
                    "{} acknowledged debits asked for again, {} balances compared",
                    self.confirmed, self.balances
                ),
            ),
            ("log", format!("{} records, every byte verified", self.log_records)),
            ("differences", self.differences.len().to_string()),
            ("lost", self.lost.to_string()),
            ("doubled", self.doubled.to_string()),
        ]
    }
}
