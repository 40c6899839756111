//! How far an export is: a bar on a terminal, else a line a second.

use std::io::IsTerminal;
use std::sync::Arc;

use coffer_wal::Clock;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::output;
use crate::export::JobProgress;

/// How often a line tells how far it is.
const LINE_INTERVAL_NS: u64 = 1_000_000_000;

/// Shows an export.
pub(super) struct Shown {
    clock: Arc<dyn Clock>,
    bar: Option<ProgressBar>,
    started_ns: u64,
    last_line_ns: u64,
    first: Option<u64>,
}

impl Shown {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let now = clock.monotonic_ns();
        let bar = std::io::stderr().is_terminal().then(bar);
        Self { clock, bar, started_ns: now, last_line_ns: now, first: None }
    }

    pub(super) fn tell(&mut self, progress: JobProgress) {
        let now = self.clock.monotonic_ns();
        let first = *self.first.get_or_insert(progress.records);
        if let Some(bar) = &self.bar {
            bar.set_length(progress.records_all);
            bar.set_position(progress.records);
            bar.set_message(format!("{} rows, {}", progress.rows, megabytes(progress.bytes)));
        } else if now.saturating_sub(self.last_line_ns) >= LINE_INTERVAL_NS {
            self.last_line_ns = now;
            output::note(line(progress, progress.records - first, now - self.started_ns));
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let style = "{msg} {wide_bar} {percent}% of {len} records, {eta} left";
    let style = ProgressStyle::with_template(style).expect("the template is a constant that a test draws");
    ProgressBar::new(0).with_style(style)
}

/// `20000 of 80000 records (25 %), 41000 rows, 12.5 MB, 6 s left`; `done` of them took so long.
fn line(progress: JobProgress, done: u64, elapsed_ns: u64) -> String {
    let JobProgress { records, records_all, rows, bytes } = progress;
    let percent = u128::from(records) * 100 / u128::from(records_all.max(1));
    let left = u128::from(records_all.saturating_sub(records)) * u128::from(elapsed_ns);
    let left_s = (left / u128::from(done.max(1))).div_ceil(1_000_000_000);
    let megabytes = megabytes(bytes);
    format!("{records} of {records_all} records ({percent} %), {rows} rows, {megabytes}, {left_s} s left")
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_records_rows_megabytes_and_what_is_left() {
        let progress = JobProgress { records: 20_000, records_all: 80_000, rows: 41_000, bytes: 12_540_000 };
        assert_eq!(
            line(progress, 20_000, 2_000_000_000),
            "20000 of 80000 records (25 %), 41000 rows, 12.5 MB, 6 s left"
        );
    }

    #[test]
    fn the_bar_can_be_drawn() {
        let bar = bar();
        bar.set_length(10);
        bar.finish_and_clear();
    }
}
