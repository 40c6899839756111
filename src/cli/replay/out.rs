//! What is told while it runs: progress, and the lines of `--out`.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use coffer_ledger::customer::Customer;
use coffer_wal::Clock;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::document;
use crate::cli::exit::{CliError, Code};
use crate::cli::output;
use crate::whatif::{self, Answer, Difference, Refused, Watch};

/// How often a line tells how far it is.
const LINE_INTERVAL_NS: u64 = 1_000_000_000;
/// Records that a check shows; all are counted.
const SHOWN_MAX: u64 = 20;

/// Where lines go.
pub(super) struct Out {
    file: Option<(PathBuf, BufWriter<File>)>,
    /// What went wrong while nobody could be told.
    failed: Option<io::Error>,
    bar: Option<ProgressBar>,
    clock: Arc<dyn Clock>,
    last_line_ns: u64,
    is_check: bool,
    differences: u64,
    /// Whose refusals are written; empty = everybody's.
    customers: Vec<Box<str>>,
}

impl Out {
    /// Makes the file, if one is wanted.
    ///
    /// # Errors
    /// It cannot be made.
    #[expect(clippy::disallowed_methods, reason = "a report is no file of the engine's")]
    pub(super) fn open(
        path: Option<&PathBuf>,
        clock: Arc<dyn Clock>,
        is_check: bool,
        customers: &[Box<str>],
    ) -> Result<Self, CliError> {
        let file = path.map(|path| match File::create(path) {
            Ok(file) => Ok((path.clone(), BufWriter::new(file))),
            Err(error) => Err(CliError::new(Code::CannotCreate, format!("{}: {error}", path.display()))),
        });
        let last_line_ns = clock.monotonic_ns();
        let file = file.transpose()?;
        let customers = customers.to_vec();
        Ok(Self { file, failed: None, bar: None, clock, last_line_ns, is_check, differences: 0, customers })
    }

    /// Writes the customers, and makes sure that all is in the file.
    ///
    /// # Errors
    /// The file could not be written.
    pub(super) fn finish(mut self, answer: &Answer) -> Result<(), CliError> {
        for customer in &answer.customers {
            self.line(|| document::customer_line(customer));
        }
        let Some((path, mut file)) = self.file.take() else { return Ok(()) };
        let written = self.failed.map_or_else(|| file.flush(), Err);
        written.map_err(|error| CliError::new(Code::Io, format!("{}: {error}", path.display())))
    }

    fn line(&mut self, value: impl FnOnce() -> Value) {
        if let (Some((_, file)), None) = (&mut self.file, &self.failed) {
            self.failed = writeln!(file, "{}", value()).err();
        }
    }
}

impl Watch for Out {
    fn records(&mut self, done: u64, all: u64) {
        if std::io::stderr().is_terminal() {
            let bar = self.bar.get_or_insert_with(|| new_bar(all));
            bar.set_position(done);
            if done >= all {
                bar.finish_and_clear();
            }
            return;
        }
        let now = self.clock.monotonic_ns();
        if now.saturating_sub(self.last_line_ns) >= LINE_INTERVAL_NS && done < all {
            self.last_line_ns = now;
            let percent = u128::from(done) * 100 / u128::from(all.max(1));
            output::note(format!("{done} of {all} records ({percent} %)"));
        }
    }

    fn difference(&mut self, difference: &Difference<'_>) {
        self.differences += 1;
        if !self.is_check || self.differences > SHOWN_MAX {
            return;
        }
        let Difference { position, customer, log, shadow } = difference;
        output::note(format!("record {} of customer number {} differs", position.0, customer.0));
        output::note(format!("  the log:     {log:?}"));
        output::note(format!("  the shadow:  {shadow:?}"));
    }

    fn refused(&mut self, customer: &Customer, refused: &Refused) {
        let names = customer.identity.as_ref().map(|known| whatif::names_of(known));
        let is_wanted = |(external_id, id): &(Box<str>, Box<str>)| {
            self.customers.iter().any(|name| name == external_id || name == id)
        };
        if !self.customers.is_empty() && !names.as_ref().is_some_and(is_wanted) {
            return;
        }
        self.line(|| {
            let mut line = document::refused(refused);
            line["kind"] = json!("refusal");
            line["customer"] = json!(names.map(|(external_id, _)| external_id));
            line["customer_number"] = json!(customer.number.0);
            line
        });
    }
}

fn new_bar(all: u64) -> ProgressBar {
    let style = "{human_pos} of {human_len} records, {per_sec} {wide_bar} {percent}%, {eta} left";
    let style = ProgressStyle::with_template(style).expect("the template is a constant that a test draws");
    ProgressBar::new(all).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_drawn() {
        let bar = new_bar(10);
        bar.set_position(3);
        bar.finish_and_clear();
    }
}
