//! Progress on standard error: a bar on a terminal, else a line a second.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::caller::Run;
use crate::cli::output;

const BAR_INTERVAL: Duration = Duration::from_millis(100);
const LINE_INTERVAL: Duration = Duration::from_secs(1);

/// Shows how many rows have been answered, until it is dropped (select it against the work).
pub(crate) async fn progress(run: &Arc<Run>, total: usize) {
    if std::io::stderr().is_terminal() {
        bar(run, total).await;
    } else {
        lines(run, total).await;
    }
}

async fn bar(run: &Arc<Run>, total: usize) {
    let style = ProgressStyle::with_template("asking {wide_bar} {pos}/{len}, {per_sec}, {eta} left");
    let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
    bar.set_style(style.expect("the template is a constant"));
    let bar = ClearOnDrop(bar);
    loop {
        tokio::time::sleep(BAR_INTERVAL).await;
        bar.0.set_position(u64::try_from(run.answered.load(Ordering::Relaxed)).unwrap_or(u64::MAX));
    }
}

async fn lines(run: &Arc<Run>, total: usize) {
    loop {
        tokio::time::sleep(LINE_INTERVAL).await;
        let answered = run.answered.load(Ordering::Relaxed);
        output::note(format!(
            "{answered} of {total} requests answered ({} %)",
            answered * 100 / total.max(1)
        ));
    }
}

struct ClearOnDrop(ProgressBar);

impl Drop for ClearOnDrop {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
