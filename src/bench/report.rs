//! The figures, and how they are printed.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::ClientKind;
use super::disk::SyncTime;
use super::sheet::Sheet;
use crate::cli::output;

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: String,
    /// Requests in flight, or connections.
    pub(crate) concurrency: u32,
    /// Debits (or echoes) per second.
    pub(crate) per_second: u64,
    /// Latencies in microseconds.
    pub(crate) p50_us: u64,
    /// 99 of 100 are not slower.
    pub(crate) p99_us: u64,
    /// 999 of 1,000 are not slower.
    pub(crate) p999_us: u64,
    /// The slowest.
    pub(crate) max_us: u64,
}

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// The disk's write and sync of 4 KiB.
    pub(crate) sync: SyncTime,
    /// Without HTTP.
    pub(crate) embedded: Vec<Figure>,
    /// What made the load over HTTP.
    pub(crate) client: Option<ClientKind>,
    /// Over HTTP: medians of the rounds.
    pub(crate) http: Vec<Figure>,
    /// What follows the log.
    pub(crate) followers: Sheet,
    /// Many customers and keys.
    pub(crate) scale: Sheet,
    /// Too much of everything.
    pub(crate) overload: Sheet,
    /// A plan's period that begins.
    pub(crate) grants: Sheet,
    /// At shares of the peak.
    pub(crate) latency: Sheet,
}

/// Microseconds up to a minute, to three digits.
pub(crate) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("these bounds are allowed")
}

impl Figure {
    /// From latencies of a time that was measured.
    pub(crate) fn new(
        name: &str,
        concurrency: u32,
        debits: u64,
        elapsed_ns: u64,
        latencies_us: &Histogram<u64>,
    ) -> Self {
        let per_second = u128::from(debits) * 1_000_000_000 / u128::from(elapsed_ns.max(1));
        Self {
            name: name.to_owned(),
            concurrency,
            per_second: u64::try_from(per_second).unwrap_or(u64::MAX),
            p50_us: latencies_us.value_at_quantile(0.5),
            p99_us: latencies_us.value_at_quantile(0.99),
            p999_us: latencies_us.value_at_quantile(0.999),
            max_us: latencies_us.max(),
        }
    }

    /// Each figure's median over rounds of the same measurement; the maximum of the slowest.
    pub(crate) fn median(rounds: &[Figure]) -> Option<Self> {
        let first = rounds.first()?;
        let of = |figure: fn(&Figure) -> u64| {
            let mut values: Vec<u64> = rounds.iter().map(figure).collect();
            values.sort_unstable();
            values[values.len() / 2]
        };
        Some(Self {
            name: first.name.clone(),
            concurrency: first.concurrency,
            per_second: of(|figure| figure.per_second),
            p50_us: of(|figure| figure.p50_us),
            p99_us: of(|figure| figure.p99_us),
            p999_us: of(|figure| figure.p999_us),
            max_us: rounds.iter().map(|figure| figure.max_us).max().unwrap_or(0),
        })
    }
}

impl Report {
    /// Prints it.
    pub(crate) fn print(&self, json: bool) {
        if json {
            return output::json(&serde_json::json!({ "report": self, "ratios": self.ratios() }));
        }
        let SyncTime { p50_us, p99_us, max_us, direct } = self.sync;
        let how = if direct { "O_DIRECT, O_DSYNC" } else { "fdatasync" };
        output::line(format!(
            "disk: write and sync of 4 KiB ({how}): p50 {p50_us} µs, p99 {p99_us} µs, max {max_us} µs"
        ));
        table("embedded, debits per second", &self.embedded);
        match self.client {
            Some(ClientKind::Wrk) => table("over HTTP, load by wrk", &self.http),
            Some(ClientKind::BuiltIn) => table("over HTTP, load by the built-in client", &self.http),
            None => {}
        }
        self.followers.print("followers");
        self.scale.print("scale");
        self.overload.print("overload");
        self.grants.print("grants");
        self.latency.print("latency");
        for (name, ratio) in self.ratios() {
            output::line(format!("{name:<52} {ratio:.2}"));
        }
    }

    /// The ratios that the design sets goals for.
    fn ratios(&self) -> BTreeMap<String, f64> {
        let mut ratios = BTreeMap::new();
        let mut put = |figures: &[Figure], concurrency, name: &str, of: &str, over: &str| {
            let find = |name: &str| {
                figures.iter().find(|figure| figure.name == name && figure.concurrency == concurrency)
            };
            if let (Some(of), Some(over)) = (find(of), find(over)) {
                ratios.insert(name.to_owned(), of.per_second as f64 / over.per_second.max(1) as f64);
            }
        };
        for concurrency in self.http.iter().map(|figure| figure.concurrency) {
            put(
                &self.http,
                concurrency,
                &format!("HTTP spread ÷ echo, {concurrency} connections"),
                "spread",
                "echo",
            );
            put(
                &self.http,
                concurrency,
                &format!("HTTP hot wallet ÷ spread, {concurrency} connections"),
                "hot wallet",
                "spread",
            );
            put(
                &self.http,
                concurrency,
                &format!("HTTP with history ÷ without, {concurrency} connections"),
                "with history",
                "spread",
            );
        }
        for concurrency in self.embedded.iter().map(|figure| figure.concurrency) {
            let name = format!("embedded hot wallet ÷ spread, {concurrency} in flight");
            put(&self.embedded, concurrency, &name, "hot wallet", "spread");
        }
        ratios
    }
}

fn table(title: &str, figures: &[Figure]) {
    if figures.is_empty() {
        return;
    }
    output::line(format!(
        "\n{title}\n{:<22} {:>10} {:>12} {:>9} {:>9} {:>9} {:>9}",
        "", "in flight", "per second", "p50 µs", "p99 µs", "p999 µs", "max µs"
    ));
    for Figure { name, concurrency, per_second, p50_us, p99_us, p999_us, max_us } in figures {
        output::line(format!(
            "{name:<22} {concurrency:>10} {per_second:>12} {p50_us:>9} {p99_us:>9} {p999_us:>9} {max_us:>9}"
        ));
    }
    output::line("");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_rounds_is_taken_figure_by_figure() {
        let figure = |per_second, p50_us| Figure {
            name: "x".to_owned(),
            concurrency: 1,
            per_second,
            p50_us,
            p99_us: 0,
            p999_us: 0,
            max_us: per_second,
        };
        let median = Figure::median(&[figure(10, 3), figure(30, 1), figure(20, 2)]).unwrap();
        assert_eq!((median.per_second, median.p50_us, median.max_us), (20, 2, 30));
        assert!(Figure::median(&[]).is_none());
    }
}
