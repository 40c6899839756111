//! The table as it is printed: one block per row, as soon as it is played.

use serde::Serialize;

use super::row::Row;
use crate::cli::output;

/// What a row came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As documented.
    Ok,
    /// Not as documented.
    Differs,
    /// Not possible on this machine.
    NotRun,
}

/// One row with its outcome.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) fault: &'static str,
    pub(crate) done_to: &'static str,
    pub(crate) expected: String,
    pub(crate) observed: String,
    pub(crate) verdict: Verdict,
}

/// All of them.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    rows: Vec<Line>,
}

impl Report {
    /// Adds a row, and shows it at once to people.
    pub(crate) fn add(&mut self, line: Line, json: bool) {
        if !json {
            line.print();
        }
        self.rows.push(line);
    }

    /// How many rows came to this.
    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|line| line.verdict == verdict).count()
    }

    /// Prints the document, or the sum below the table.
    pub(crate) fn print(&self, json: bool) {
        if json {
            return output::json(self);
        }
        let count = |verdict| self.count(verdict);
        output::line(format!(
            "{} faults: {} as documented, {} otherwise, {} not run",
            self.rows.len(),
            count(Verdict::Ok),
            count(Verdict::Differs),
            count(Verdict::NotRun)
        ));
    }
}

impl Line {
    fn print(&self) {
        let Self { name, fault, done_to, expected, observed, verdict } = self;
        let verdict = match verdict {
            Verdict::Ok => "ok",
            Verdict::Differs => "DIFFERS",
            Verdict::NotRun => "NOT RUN",
        };
        output::line(format!("{verdict:<8}{name}: {done_to}: {fault}"));
        output::line(format!("        expected  {expected}"));
        output::line(format!("        observed  {observed}"));
    }
}

/// Prints what could be played.
pub(crate) fn list(rows: &[&Row], json: bool) {
    if json {
        let names: Vec<_> = rows
            .iter()
            .map(|row| serde_json::json!({ "name": row.name, "fault": row.fault, "done_to": row.done_to, "expected": row.expected() }))
            .collect();
        return output::json(&serde_json::json!({ "rows": names }));
    }
    for row in rows {
        output::line(format!("{:<20} {}: {}; {}", row.name, row.done_to, row.fault, row.expected()));
    }
}
