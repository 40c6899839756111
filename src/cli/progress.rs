//! What is shown while the engine starts: a bar on a terminal, else at most one plain line a second.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use coffer_wal::Clock;
use indicatif::{ProgressBar, ProgressStyle};

use crate::engine::RecoveryProgress;

const LINE_INTERVAL_NS: u64 = 1_000_000_000;

/// Shows a recovery.
pub(crate) struct Progress {
    clock: Arc<dyn Clock>,
    shown: Mutex<Shown>,
}

struct Shown {
    bar: Option<ProgressBar>,
    terminal: bool,
    stage: &'static str,
    stage_started_ns: u64,
    last_line_ns: u64,
}

impl Progress {
    /// Shows on standard error.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let now = clock.monotonic_ns();
        let terminal = std::io::stderr().is_terminal();
        let shown = Shown { bar: None, terminal, stage: "", stage_started_ns: now, last_line_ns: now };
        Self { clock, shown: Mutex::new(shown) }
    }

    /// Takes the bar off the terminal.
    pub(crate) fn finish(&self) {
        if let Some(bar) = self.shown().bar.take() {
            bar.finish_and_clear();
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, stage: &'static str, count: u64, noun: &str, bytes_read: u64, bytes_total: u64) {
        let now = self.clock.monotonic_ns();
        let mut shown = self.shown();
        if shown.stage != stage {
            shown.begin(stage, now);
        }
        if shown.terminal && bytes_total > 0 {
            let bar = shown.bar.get_or_insert_with(new_bar);
            bar.set_length(bytes_total);
            bar.set_position(bytes_read);
            bar.set_message(format!("{stage}: {count} {noun}"));
        } else if !shown.terminal && now.saturating_sub(shown.last_line_ns) >= LINE_INTERVAL_NS {
            shown.last_line_ns = now;
            let line = line(count, noun, bytes_read, bytes_total, now - shown.stage_started_ns);
            tracing::info!("{stage}: {line}");
        }
    }
}

impl Shown {
    fn begin(&mut self, stage: &'static str, now: u64) {
        self.stage = stage;
        self.stage_started_ns = now;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl RecoveryProgress for Progress {
    fn snapshot(&self, customers: u64, bytes_read: u64, bytes_total: u64) {
        self.show("reading the snapshot", customers, "customers", bytes_read, bytes_total);
    }

    fn replay(&self, records: u64, bytes_read: u64, bytes_total: u64) {
        self.show("replaying the log", records, "records", bytes_read, bytes_total);
    }

    fn note(&self, line: &str) {
        let shown = self.shown();
        match &shown.bar {
            Some(bar) => bar.suspend(|| tracing::info!("{line}")),
            None => tracing::info!("{line}"),
        }
    }
}

fn new_bar() -> ProgressBar {
    let style = "{msg}, {binary_bytes_per_sec} {wide_bar} {percent}% {bytes}/{total_bytes}, {eta} left";
    let style = ProgressStyle::with_template(style).expect("the template is a constant that a test draws");
    ProgressBar::new(0).with_style(style)
}

/// `1200000 records, 340.1 MB of 1020.0 MB (33 %), 170.0 MB/s, 4 s left`, in decimal megabytes.
fn line(count: u64, noun: &str, read: u64, total: u64, elapsed_ns: u64) -> String {
    let per_second = u128::from(read) * 1_000_000_000 / u128::from(elapsed_ns.max(1));
    let percent = u128::from(read) * 100 / u128::from(total.max(1));
    let left_s = u128::from(total.saturating_sub(read)).div_ceil(per_second.max(1));
    let [read, total, rate] = [u128::from(read), u128::from(total), per_second].map(megabytes);
    format!("{count} {noun}, {read} MB of {total} MB ({percent} %), {rate} MB/s, {left_s} s left")
}

fn megabytes(bytes: u128) -> String {
    format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_records_megabytes_percent_speed_and_what_is_left() {
        assert_eq!(
            line(1_200_000, "records", 340_100_000, 1_020_000_000, 2_000_000_000),
            "1200000 records, 340.1 MB of 1020.0 MB (33 %), 170.0 MB/s, 4 s left"
        );
    }

    #[test]
    fn the_bar_can_be_drawn() {
        let bar = new_bar();
        bar.set_length(10);
        bar.finish_and_clear();
    }
}
