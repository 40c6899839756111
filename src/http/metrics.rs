//! Counters of the front, and everything that `/metrics` shows.
//!
//! Nothing is published while requests run: the front and the engine count in plain words, and a scrape gives them names. The log's
//! histograms are kept by powers of two, which the exporter cannot take over, so their lines are written here.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::App;
use crate::engine::{EngineStats, LogStats};
use crate::feed::history::{History, HistoryStatus};
use crate::feed::payments::{PaymentStats, Payments};
use crate::feed::stream::StreamStats;
use crate::feed::webhooks::{WebhookStats, Webhooks};

/// What a route is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Single debits.
    Debit,
    /// Batches.
    Batch,
    /// Holds.
    Hold,
    /// Refunds and voids.
    Refund,
    /// Balances.
    Balance,
    /// Reads of wallets and transactions.
    WalletRead,
    /// Writes to wallets.
    WalletWrite,
    /// Customers.
    Customer,
    /// Settlements of invoices.
    Invoice,
    /// Transfers.
    Transfer,
    /// Credit grants and subscriptions.
    Grant,
    /// Budgets.
    Budget,
    /// Usage events, singly or many.
    Event,
    /// Exports.
    Export,
    /// Streams of events.
    Stream,
    /// Settings, keys, tenants, rate cards, test clocks.
    Admin,
    /// Health, metrics, documentation.
    Ops,
    /// Paths and methods that there are not.
    Other,
}

impl Class {
    const ALL: [Self; 18] = [
        Self::Debit,
        Self::Batch,
        Self::Balance,
        Self::WalletRead,
        Self::WalletWrite,
        Self::Customer,
        Self::Invoice,
        Self::Transfer,
        Self::Budget,
        Self::Event,
        Self::Admin,
        Self::Ops,
        Self::Other,
        Self::Hold,
        Self::Refund,
        Self::Export,
        Self::Stream,
        Self::Grant,
    ];

    const fn index(self) -> usize {
        match self {
            Self::Debit => 0,
            Self::Batch => 1,
            Self::Balance => 2,
            Self::WalletRead => 3,
            Self::WalletWrite => 4,
            Self::Customer => 5,
            Self::Invoice => 6,
            Self::Transfer => 7,
            Self::Budget => 8,
            Self::Event => 9,
            Self::Hold => 10,
            Self::Refund => 11,
            Self::Admin => 12,
            Self::Ops => 13,
            Self::Other => 14,
            Self::Export => 15,
            Self::Stream => 16,
            Self::Grant => 17,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Batch => "batch",
            Self::Hold => "hold",
            Self::Refund => "refund",
            Self::Balance => "balance",
            Self::WalletRead => "wallet_read",
            Self::WalletWrite => "wallet_write",
            Self::Customer => "customer",
            Self::Invoice => "invoice",
            Self::Transfer => "transfer",
            Self::Budget => "budget",
            Self::Event => "event",
            Self::Export => "export",
            Self::Stream => "stream",
            Self::Grant => "grant",
            Self::Admin => "admin",
            Self::Ops => "ops",
            Self::Other => "other",
        }
    }
}

/// Statuses that are counted; anything else is counted as the last.
const STATUSES: [u16; 21] =
    [200, 201, 202, 204, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 414, 415, 422, 429, 431, 503, 500];

/// Requests by class and status.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: [[AtomicU64; STATUSES.len()]; Class::ALL.len()],
}

impl Metrics {
    /// Counts one answered request.
    pub(crate) fn count(&self, class: Class, status: StatusCode) {
        let status =
            STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len() - 1);
        self.requests[class.index()][status].fetch_add(1, Ordering::Relaxed);
    }

    /// Class, status and number of everything that happened.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (&'static str, u16, u64)> {
        Class::ALL.into_iter().flat_map(move |class| {
            STATUSES.into_iter().enumerate().filter_map(move |(index, status)| {
                let count = self.requests[class.index()][index].load(Ordering::Relaxed);
                (count > 0).then(|| (class.as_str(), status, count))
            })
        })
    }
}

/// Everything, in the text format of Prometheus.
pub(crate) fn render(app: &App) -> String {
    let stats = app.engine.stats();
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        describe_counter!("coffer_http_requests_total", "Requests answered, by class of route and status.");
        for (class, status, count) in app.metrics.requests() {
            counter!("coffer_http_requests_total", "class" => class, "status" => status.to_string())
                .absolute(count);
        }
        engine(&stats);
        actors(&stats);
        positions(&stats);
        archive(&stats);
        log(&stats.log);
        app.history.as_ref().map(History::status).iter().for_each(history);
        streams(&app.streams.stats());
        app.payments.as_ref().map(Payments::stats).iter().for_each(payments);
        app.webhooks.as_ref().map(Webhooks::stats).iter().for_each(webhooks);
        one("coffer_ready", "1 while writes are admitted.", whole(u64::from(app.ready())));
    });
    let mut text = recorder.handle().render();
    let help = "Records of a batch of the log.";
    histogram(
        &mut text,
        "coffer_log_batch_records",
        help,
        &stats.log.batch_records_log2,
        stats.log.records.to_string(),
    );
    let micros = (stats.log.sync_seconds * 1e6).to_string();
    let help = "Microseconds of the write and sync of a batch of the log.";
    histogram(&mut text, "coffer_log_sync_microseconds", help, &stats.log.sync_us_log2, micros);
    text
}

fn engine(stats: &EngineStats) {
    total("coffer_debits_total", "Debits accepted; replays are not counted.", stats.debits);
    total("coffer_holds_total", "Holds placed; replays are not counted.", stats.holds);
    total("coffer_captures_total", "Captures accepted; replays are not counted.", stats.captures);
    total("coffer_other_commands_total", "Other commands accepted.", stats.other_commands);
    total("coffer_replays_total", "Answers from the log for a repeated idempotency key.", stats.replays);
    total("coffer_overloaded_total", "Answers 503 for lack of a permit.", stats.overloaded);
    describe_counter!("coffer_refusals_total", "Refusals by code.");
    for (code, count) in &stats.refusals {
        counter!("coffer_refusals_total", "code" => *code).absolute(*count);
    }
    one("coffer_writes_in_flight", "Writes between admission and durability.", whole(stats.writes_in_flight));
    one("coffer_writes_in_flight_max", "Their limit.", whole(stats.writes_in_flight_max));
    one(
        "coffer_transfers_in_transit",
        "Transfers between customers on their way.",
        whole(stats.transfers_in_transit),
    );
    one("coffer_idempotency_keys", "Idempotency keys remembered.", whole(stats.keys));
}

fn actors(stats: &EngineStats) {
    one("coffer_customers", "Customers known.", whole(stats.customers));
    describe_gauge!("coffer_actors", "Customers by state of their actor.");
    for (state, count) in [
        ("active", stats.actors_active),
        ("resting", stats.actors_resting),
        ("quarantined", stats.actors_quarantined),
    ] {
        gauge!("coffer_actors", "state" => state).set(whole(count));
    }
    total(
        "coffer_actors_rebuilt_total",
        "Actors rebuilt after a panic or a broken invariant.",
        stats.actors_rebuilt,
    );
}

fn positions(stats: &EngineStats) {
    one("coffer_log_appended_position", "Last record handed to the log.", whole(stats.appended.0));
    one("coffer_log_durable_position", "Last record on disk.", whole(stats.durable.0));
    one("coffer_snapshot_position", "Start of the newest snapshot; 0 without one.", whole(stats.snapshot.0));
    one("coffer_recovery_seconds", "What the last start took.", stats.recovery_seconds);
    one("coffer_recovery_bytes", "Bytes of log read by the last start.", whole(stats.recovery_bytes));
    one("coffer_recovery_records", "Records replayed by the last start.", whole(stats.recovery_records));
}

fn archive(stats: &EngineStats) {
    one("coffer_archive_segments", "Archived segments.", whole(stats.archive_segments));
    one("coffer_archive_bytes", "Bytes of their files.", whole(stats.archive_bytes));
    let help = "Archived segments removed for good by archive.keep_days and archive.keep_bytes.";
    total("coffer_archive_removed_segments_total", help, stats.archive_removed_segments);
    total("coffer_archive_removed_bytes_total", "Bytes of their files.", stats.archive_removed_bytes);
}

fn history(status: &HistoryStatus) {
    one("coffer_history_position", "Last record that is in the history.", whole(status.position));
    one("coffer_history_lag_records", "Durable records that are not.", whole(status.lag_records));
    one(
        "coffer_history_lag_seconds",
        "Seconds since the log ended where the history is.",
        status.lag_seconds,
    );
    let following = whole(u64::from(status.state == "following"));
    one("coffer_history_following", "1 while the history's file is open and followed.", following);
    total("coffer_history_rebuilds_total", "Times that it was made anew from the log.", status.rebuilds);
}

fn streams(stats: &StreamStats) {
    one("coffer_streams_open", "Streams of events that are open.", whole(stats.open));
    total("coffer_stream_events_total", "Events handed to streams.", stats.events);
    describe_counter!("coffer_streams_ended_total", "Streams that we ended, by reason.");
    for (reason, count) in &stats.ended {
        counter!("coffer_streams_ended_total", "reason" => *reason).absolute(*count);
    }
}

fn payments(stats: &PaymentStats) {
    one("coffer_payments_open", "Recharges whose payment is not known.", whole(stats.open));
    one(
        "coffer_payments_in_flight",
        "Payments that the provider is being asked about.",
        whole(stats.in_flight),
    );
    one(
        "coffer_payments_following",
        "0 while the log cannot be followed for recharges.",
        whole(u64::from(stats.following)),
    );
    describe_counter!(
        "coffer_payments_total",
        "Recharges paid and failed; those that were waited for; attempts to be repeated."
    );
    for (outcome, count) in &stats.attempts {
        counter!("coffer_payments_total", "outcome" => *outcome).absolute(*count);
    }
    describe_counter!(
        "coffer_payment_messages_total",
        "Messages of the provider by outcome; contrary: a payment and its recharge disagree, and somebody has to look."
    );
    for (outcome, count) in &stats.notices {
        counter!("coffer_payment_messages_total", "outcome" => *outcome).absolute(*count);
    }
}

fn webhooks(stats: &WebhookStats) {
    one("coffer_webhook_endpoints", "Endpoints that are sent to.", whole(stats.endpoints));
    one(
        "coffer_webhook_pending",
        "Deliveries that wait for their turn or next attempt.",
        whole(stats.pending),
    );
    one("coffer_webhook_in_flight", "Attempts under way.", whole(stats.in_flight));
    let help = "Durable records that the endpoint which is furthest behind has not come to.";
    one("coffer_webhook_lag_records", help, whole(stats.lag_records));
    one(
        "coffer_webhooks_delivering",
        "0 while the file of deliveries cannot be used.",
        whole(u64::from(stats.failed.is_none())),
    );
    describe_counter!("coffer_webhook_deliveries_total", "Attempts by outcome; deliveries given up beside.");
    for (outcome, count) in &stats.outcomes {
        counter!("coffer_webhook_deliveries_total", "outcome" => *outcome).absolute(*count);
    }
}

fn log(log: &LogStats) {
    total("coffer_log_batches_total", "Batches written.", log.batches);
    total("coffer_log_records_total", "Records written.", log.records);
    total("coffer_log_bytes_total", "Bytes written, padding included.", log.bytes);
    one("coffer_log_sync_seconds_total", "Seconds spent in writes and syncs.", log.sync_seconds);
    one("coffer_log_pending_bytes", "Bytes that wait for the next write.", whole(log.pending_bytes));
    one("coffer_log_segments_live", "Segments of the hot log.", whole(log.segments_live));
    one("coffer_log_segments_spare", "Segments made ahead.", whole(log.segments_spare));
}

fn total(name: &'static str, help: &'static str, value: u64) {
    describe_counter!(name, help);
    counter!(name).absolute(value);
}

fn one(name: &'static str, help: &'static str, value: f64) {
    describe_gauge!(name, help);
    gauge!(name).set(value);
}

/// Prometheus counts in floating point; above 2^53 the last digits go.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
const fn whole(value: u64) -> f64 {
    value as f64
}

/// Bucket `i` counts values of `i` significant bits: at most 2^i − 1.
fn histogram(text: &mut String, name: &str, help: &str, buckets: &[u64], sum: String) {
    let mut lines = || -> std::fmt::Result {
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram")?;
        let mut count = 0;
        let bounded = buckets.len().saturating_sub(1);
        for (bits, values) in buckets.iter().take(bounded).enumerate() {
            count += values;
            writeln!(text, "{name}_bucket{{le=\"{}\"}} {count}", (1_u64 << bits) - 1)?;
        }
        count += buckets.last().copied().unwrap_or(0);
        writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}\n")
    };
    lines().expect("a String takes every text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_its_count() {
        let mut text = String::new();
        histogram(&mut text, "x", "Things.", &[1, 2, 0, 4], "9".to_owned());
        let expected = "# HELP x Things.\n# TYPE x histogram\nx_bucket{le=\"0\"} 1\nx_bucket{le=\"1\"} 3\nx_bucket{le=\"3\"} 3\n\
                        x_bucket{le=\"+Inf\"} 7\nx_sum 9\nx_count 7\n\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn requests_are_counted_by_class_and_status() {
        let metrics = Metrics::default();
        metrics.count(Class::Debit, StatusCode::OK);
        metrics.count(Class::Debit, StatusCode::OK);
        metrics.count(Class::Other, StatusCode::IM_A_TEAPOT);
        let counted: Vec<_> = metrics.requests().collect();
        assert_eq!(counted, [("debit", 200, 2), ("other", 500, 1)]);
    }
}
