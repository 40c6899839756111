//! What the demo says at its end.

use serde::Serialize;

use super::check::Tally;
use crate::cli::exit::{CliError, Code};
use crate::cli::output;

/// Differences that are printed; the rest is counted.
const SHOWN_MAX: usize = 20;

/// The summary. Times are what this run took on this machine.
#[derive(Debug, Serialize)]
pub(crate) struct Summary<T> {
    /// What every run tells.
    #[serde(flatten)]
    pub(crate) common: Common,
    /// What only this kind of run tells.
    #[serde(flatten)]
    pub(crate) own: T,
}

/// What every run tells.
#[derive(Debug, Serialize)]
pub(crate) struct Common {
    /// Tells the run again.
    pub(crate) seed: u64,
    /// Customers.
    pub(crate) customers: usize,
    /// Rows of the trace that were sent.
    pub(crate) requests: usize,
    /// Connections.
    pub(crate) connections: usize,
    /// Requests that were refused.
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
    /// What was acknowledged, was asked for again in the end and answered byte for byte the same.
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

/// What a kind of run tells beside what all do.
pub(crate) trait Own: Serialize {
    /// A name and a value each.
    fn lines(&self, common: &Common) -> Vec<(&'static str, String)>;
}

/// What a run of debits tells.
#[derive(Debug, Serialize)]
pub(crate) struct Debits {
    /// Accepted.
    pub(crate) debits: u64,
    /// Accepted with less than was asked.
    pub(crate) partial: u64,
    /// Credits debited.
    pub(crate) credits: String,
}

impl From<Tally> for Debits {
    fn from(Tally { debits, partial, credits }: Tally) -> Self {
        Self { debits, partial, credits: credits.to_string() }
    }
}

impl Own for Debits {
    fn lines(&self, common: &Common) -> Vec<(&'static str, String)> {
        let Self { debits, partial, credits } = self;
        vec![
            ("debits", format!("{debits} ({credits} credits; {partial} took only what there was)")),
            ("refusals", format!("{} (402 insufficient_credits)", common.refusals)),
        ]
    }
}

impl<T: Own> Summary<T> {
    /// Prints it, and says whether everything is as it should be.
    pub(crate) fn tell(&self, json: bool) -> Result<(), CliError> {
        if json {
            output::json(self);
        } else {
            self.print();
        }
        self.common.verdict()
    }

    fn print(&self) {
        for difference in self.common.differences.iter().take(SHOWN_MAX) {
            output::line(format!("differs: {difference}"));
        }
        let lines = [self.common.head(), self.own.lines(&self.common), self.common.lines()];
        for (name, value) in lines.into_iter().flatten() {
            output::line(format!("{name:<12} {value}"));
        }
    }
}

impl Common {
    fn verdict(&self) -> Result<(), CliError> {
        let Self { seed, lost, doubled, differences, .. } = self;
        let differences = differences.len();
        if (*lost, *doubled, differences) == (0, 0, 0) {
            return Ok(());
        }
        let problem = format!("lost {lost}, doubled {doubled}, differences {differences} (seed {seed})");
        Err(CliError::new(Code::Failed, problem))
    }

    fn head(&self) -> Vec<(&'static str, String)> {
        let Self { requests, customers, connections, .. } = self;
        vec![
            ("seed", self.seed.to_string()),
            ("requests", format!("{requests} of {customers} customers over {connections} connections")),
        ]
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let kills: Vec<_> =
            self.killed_at.iter().zip(&self.recovery_ms).map(|(at, ms)| format!("{at} ({ms} ms)")).collect();
        vec![
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
                    "{} acknowledged requests asked for again, {} balances compared",
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
