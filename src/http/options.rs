//! Settings of the HTTP front: every limit by name, with its unit and default (config/default.toml documents each).

use crate::export::FocusOptions;
use crate::feed::stream::StreamOptions;

/// How the front runs. [`HttpOptions::default`] gives the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// Bytes of a request's body, for everything but batches.
    pub body_bytes_max: usize,
    /// Bytes of a batch request's body.
    pub batch_body_bytes_max: usize,
    /// Items of a batch request.
    pub batch_items_max: usize,
    /// Bytes of all header names and values of a request together.
    pub header_bytes_max: usize,
    /// Headers of a request.
    pub headers_max: usize,
    /// Bytes of a request's path and query.
    pub url_bytes_max: usize,
    /// Seconds from the first byte of a request to the end of its headers.
    pub header_timeout_s: u64,
    /// Seconds from the end of the headers to the end of the body.
    pub body_timeout_s: u64,
    /// Seconds without a request, or without the client reading its reply, after which a connection is closed.
    pub idle_timeout_s: u64,
    /// Seconds that requests in flight get to finish when the server stops.
    pub drain_timeout_s: u64,
    /// Open connections; above it new ones wait to be accepted.
    pub connections_max: usize,
    /// Items of a page of a list when the request does not say.
    pub page_items_default: usize,
    /// Items of a page of a list.
    pub page_items_max: usize,
    /// Exports that are made at a time.
    pub exports_max: usize,
    /// Records of the log that an export in Parquet may cover.
    pub export_parquet_records_max: u64,
    /// Names that exports need and a ledger does not know.
    pub focus: FocusOptions,
    /// Refusals of each customer that are kept to be explained; 0 = none.
    pub refusals_kept_per_customer: usize,
    /// Bytes of memory that all of them take together; above it the oldest go.
    pub refusals_bytes_max: usize,
    /// How streams of events run.
    pub streams: StreamOptions,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 << 10,
            batch_body_bytes_max: 8 << 20,
            batch_items_max: 10_000,
            header_bytes_max: 32 << 10,
            headers_max: 100,
            url_bytes_max: 8 << 10,
            header_timeout_s: 10,
            body_timeout_s: 30,
            idle_timeout_s: 75,
            drain_timeout_s: 10,
            connections_max: 10_000,
            page_items_default: 50,
            page_items_max: 1_000,
            exports_max: 2,
            export_parquet_records_max: 10_000_000,
            focus: FocusOptions::default(),
            refusals_kept_per_customer: 50,
            refusals_bytes_max: 16 << 20,
            streams: StreamOptions::default(),
        }
    }
}
