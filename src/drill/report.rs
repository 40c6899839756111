//! What the drill says: a row per round, and a summary.

use std::time::Duration;

use serde::Serialize;

use super::findings::Findings;
use crate::cli::output;

/// Differences that are printed; the rest is counted.
const SHOWN_MAX: usize = 20;

/// One round.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Row {
    /// From 1.
    pub(crate) round: u32,
    /// What the kills hit.
    pub(crate) hit: &'static str,
    /// How many there were.
    pub(crate) kills: u64,
    /// Operations that took effect and were acknowledged.
    pub(crate) acknowledged: u64,
    /// Refusals.
    pub(crate) refused: u64,
    /// Reads of a balance.
    pub(crate) reads: u64,
    /// Operations that a kill left without an answer, sent again under their keys.
    pub(crate) retried: u64,
    /// Those of them that had been done all the same.
    pub(crate) retried_done: u64,
    /// Milliseconds from starting the process to ready, one per recovery.
    pub(crate) recovery_ms: Vec<u64>,
    /// Records of the log that the recoveries replayed.
    pub(crate) replayed_records: u64,
    /// Bytes of the log that they read.
    pub(crate) replayed_bytes: u64,
    /// Acknowledged operations asked for again, those of earlier rounds included.
    pub(crate) confirmed: u64,
    /// Acknowledged, and not there.
    pub(crate) lost: u64,
    /// One key, more than one effect.
    pub(crate) doubled: u64,
    /// Not as it was said, or not as the independent computation has it.
    pub(crate) changed: u64,
}

/// Milliseconds of all recoveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: u64,
    pub(crate) median: u64,
    pub(crate) max: u64,
}

impl Spread {
    /// Of these; all 0 for none.
    pub(crate) fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let at = |place: usize| values.get(place).copied().unwrap_or(0);
        Self { min: at(0), median: at(values.len() / 2), max: at(values.len().saturating_sub(1)) }
    }
}

/// The whole drill.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Tells the same customers, requests and kill instants again.
    pub(crate) seed: u64,
    pub(crate) writers: u16,
    pub(crate) customers: usize,
    pub(crate) rounds: Vec<Row>,
    /// Operations that took effect and were acknowledged.
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) reads: u64,
    pub(crate) retried: u64,
    pub(crate) retried_done: u64,
    pub(crate) kills: u64,
    pub(crate) recovery_ms: Spread,
    /// Acknowledged operations of all rounds, asked for again in the end.
    pub(crate) confirmed: u64,
    /// Records of the log, each verified after the end.
    pub(crate) log_records: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) changed: u64,
    /// What is wrong, a line each; the first ones.
    pub(crate) differences: Vec<String>,
}

impl Summary {
    /// Adds up the rounds.
    pub(crate) fn new(seed: u64, writers: u16, customers: usize, rounds: Vec<Row>) -> Self {
        let sum = |of: fn(&Row) -> u64| rounds.iter().map(of).sum();
        let recoveries: Vec<u64> = rounds.iter().flat_map(|row| row.recovery_ms.iter().copied()).collect();
        Self {
            seed,
            writers,
            customers,
            acknowledged: sum(|row| row.acknowledged),
            refused: sum(|row| row.refused),
            reads: sum(|row| row.reads),
            retried: sum(|row| row.retried),
            retried_done: sum(|row| row.retried_done),
            kills: sum(|row| row.kills),
            recovery_ms: Spread::of(recoveries),
            confirmed: 0,
            log_records: 0,
            lost: 0,
            doubled: 0,
            changed: 0,
            differences: Vec::new(),
            rounds,
        }
    }

    /// Takes over all that was found.
    pub(crate) fn conclude(&mut self, findings: Findings) {
        let Findings { lost, doubled, changed, lines } = findings;
        (self.lost, self.doubled, self.changed, self.differences) = (lost, doubled, changed, lines);
    }

    /// Whether nothing is wrong.
    pub(crate) const fn is_right(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.changed == 0
    }

    /// Prints it.
    pub(crate) fn print(&self, json: bool) {
        if json {
            return output::json(self);
        }
        output::line(HEAD);
        self.rounds.iter().for_each(|row| output::line(row.line()));
        for difference in self.differences.iter().take(SHOWN_MAX) {
            output::line(format!("differs: {difference}"));
        }
        let Spread { min, median, max } = self.recovery_ms;
        let lines = [
            ("seed", self.seed.to_string()),
            (
                "acknowledged",
                format!(
                    "{} operations of {} customers by {} writers",
                    self.acknowledged, self.customers, self.writers
                ),
            ),
            (
                "answered too",
                format!(
                    "{} refusals, {} reads, each compared with what was there at the time",
                    self.refused, self.reads
                ),
            ),
            (
                "killed",
                format!(
                    "{} times; {} operations had no answer, of which {} had been done",
                    self.kills, self.retried, self.retried_done
                ),
            ),
            ("recovery", format!("min {min} ms, median {median} ms, max {max} ms, from start to ready")),
            ("confirmed", format!("{} acknowledged operations asked for again in the end", self.confirmed)),
            ("log", format!("{} records; every byte checked, every key counted", self.log_records)),
            ("lost", self.lost.to_string()),
            ("doubled", self.doubled.to_string()),
            ("changed", self.changed.to_string()),
        ];
        lines.iter().for_each(|(name, value)| output::line(format!("{name:<12} {value}")));
    }
}

const HEAD: &str = "round  killed during    acknowledged  retried  replayed records      MB  recovery ms  lost  doubled  changed";

impl Row {
    /// As a line of the table under [`HEAD`].
    pub(crate) fn line(&self) -> String {
        let Self { round, hit, acknowledged, retried, replayed_records, lost, doubled, changed, .. } = self;
        let recoveries: Vec<_> = self.recovery_ms.iter().map(u64::to_string).collect();
        let (recoveries, megabytes) = (recoveries.join("+"), tenths_of_megabytes(self.replayed_bytes));
        format!(
            "{round:>5}  {hit:<15}  {acknowledged:>12}  {retried:>7}  {replayed_records:>16}  {megabytes:>6}  \
             {recoveries:>11}  {lost:>4}  {doubled:>7}  {changed:>7}"
        )
    }
}

fn tenths_of_megabytes(bytes: u64) -> String {
    format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10)
}

/// Whole milliseconds.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_that_of_sorted_values() {
        assert_eq!(Spread::of(vec![9, 1, 5]), Spread { min: 1, median: 5, max: 9 });
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn a_row_stands_under_its_head() {
        let row = Row { round: 7, hit: "load, recovery", recovery_ms: vec![80, 91], ..Row::default() };
        assert_eq!(row.line().len(), HEAD.len());
    }
}
