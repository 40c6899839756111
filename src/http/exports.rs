//! `GET /v1/exports/{kind}`: the tenant's ledger as a file, streamed straight from the log while it is read.
//!
//! What it covers is fixed when it begins, and said in the headers. A body that was cut short has no end: the last chunk of a chunked
//! body is only sent when all went well. Reading neither waits for writes nor makes them wait; at most `exports_max` are made at a
//! time. Tested in `tests/http/exports.rs`.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderName, HeaderValue};
use coffer_ledger::ids::LogPosition;
use coffer_wal::ReadError;
use hyper::body::Frame;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;

use super::call::Call;
use super::error::{ApiError, Code};
use super::fields;
use super::query::Query;
use super::reply::Reply;
use crate::engine::Target;
use crate::export::{
    Bound, ExportError, Filter, Format, KindInfo, KindOptions, Range, Request, Streamed, stream,
};

/// The first record that the export covers.
const LOG_FROM: HeaderName = HeaderName::from_static("x-log-from");
/// The last record that the export covers.
const LOG_TO: HeaderName = HeaderName::from_static("x-log-to");
const PARAMETERS: [&str; 5] = ["format", "from", "to", "customer_id", "wallet_id"];

/// What an export may be asked.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes the parameters")]
pub(crate) struct ExportQuery {
    /// jsonl (the default), csv or parquet.
    format: Option<String>,
    /// The first record of the log, or the time from which on; default: the oldest record.
    from: Option<String>,
    /// The last record of the log, or the time before which; default: everything that is durable now.
    to: Option<String>,
    /// Only this customer's rows.
    customer_id: Option<String>,
    /// Only this wallet's rows.
    wallet_id: Option<String>,
}

/// The ledger as a file.
///
/// One kind of lines (transactions, slices, focus) as JSON Lines, CSV or Parquet, in the order of the log. `X-Log-From` and `X-Log-To`
/// say which records it covers; ask again from the one after `X-Log-To` for what came later. A body without its last chunk was cut short.
#[utoipa::path(get, path = "/v1/exports/{kind}", tag = "Transactions", params(ExportQuery), responses(
    (status = 200, content(
        (String = "application/jsonl"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet"),
    ), description = "The lines; X-Log-From and X-Log-To name what they cover"),
))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let kind = KindInfo::named(call.param("kind")).ok_or_else(|| ApiError::not_found("export"))?;
    let query = call.query()?;
    query.only(&PARAMETERS)?;
    let format = match query.get("format") {
        None => Format::Jsonl,
        Some(text) => text.parse().map_err(|allowed: String| ApiError::field("format", &allowed))?,
    };
    let filter = filter(&call, &query).await?;
    let range = range(&call, &query).await?;
    check_size(&call, format, range)?;
    let permit = permit(&call)?;
    let options = KindOptions { focus: call.app.options.focus.clone() };
    let request = Request { kind, options, format, range, filter };
    let app = Arc::clone(&call.app);
    let goes_on = move || !app.draining.load(Ordering::Relaxed);
    let runtime = tokio::runtime::Handle::current();
    let streamed = stream(call.engine(), runtime, request, permit, goes_on).map_err(refused)?;
    let headers = headers(kind, format, range);
    let reply = Reply::stream(format.content_type(), headers, Body::new(Parts(streamed)));
    Ok(reply.at(LogPosition(range.last)))
}

/// Room for one more.
pub(super) fn permit(call: &Call) -> Result<OwnedSemaphorePermit, ApiError> {
    Arc::clone(&call.app.exports).try_acquire_owned().map_err(|_| {
        let max = call.app.options.exports_max;
        ApiError::new(Code::Overloaded, "as many exports as may be are being made: try again")
            .with("exports_max", max)
    })
}

/// Whose rows: the key's tenant's, and of these what was asked for. A key that is bound to a customer sees only that one.
async fn filter(call: &Call, query: &Query) -> Result<Filter, ApiError> {
    let mut filter = Filter { tenant: Some(call.tenant()), customer: call.who.customer, wallet: None };
    if let Some(name) = query.get("customer_id") {
        let target = Target::Customer(fields::known_name("customer_id", name)?);
        filter.customer = Some(call.read(target, |customer, _| customer.number).await?.value);
    }
    if let Some(id) = query.get("wallet_id") {
        let id = id.parse().map_err(|_| ApiError::not_found("wallet"))?;
        let is_there = call.read(Target::Wallet(id), move |customer, _| customer.wallet(id).is_some());
        if !is_there.await?.value {
            return Err(ApiError::not_found("wallet"));
        }
        filter.wallet = Some(id);
    }
    Ok(filter)
}

async fn range(call: &Call, query: &Query) -> Result<Range, ApiError> {
    let bound = |name: &str| {
        let parsed = query.time(name).map(|text| text.parse::<Bound>()).transpose();
        parsed.map_err(|allowed| ApiError::field(name, &allowed))
    };
    let (from, to, log) = (bound("from")?, bound("to")?, call.engine().log_reader());
    let looking = tokio::task::spawn_blocking(move || Range::of(&log, from, to));
    looking.await.map_err(|_| ApiError::internal("the range of an export"))?.map_err(refused)
}

fn check_size(call: &Call, format: Format, range: Range) -> Result<(), ApiError> {
    let max = call.app.options.export_parquet_records_max;
    if format.can_be_appended_to() || range.records() <= max {
        return Ok(());
    }
    let message =
        format!("a Parquet file over HTTP covers at most {max} records: `coffer export` makes larger ones");
    let error = ApiError::new(Code::LimitReached, message);
    Err(error.with("limit", "export_parquet_records_max").with("max", max))
}

fn refused(error: ExportError) -> ApiError {
    match error {
        ExportError::Range(why) => ApiError::new(Code::ValidationError, why),
        ExportError::Gone { .. }
        | ExportError::BeginningGone { .. }
        | ExportError::Log(ReadError::Gone { .. }) => ApiError::new(Code::RecordGone, error.to_string()),
        ExportError::Log(_)
        | ExportError::Record { .. }
        | ExportError::Names { .. }
        | ExportError::Encode(_)
        | ExportError::Io { .. }
        | ExportError::Mismatch(_)
        | ExportError::Stopped => ApiError::internal(&error.to_string()),
    }
}

fn headers(kind: &KindInfo, format: Format, range: Range) -> Vec<(HeaderName, HeaderValue)> {
    let (name, ending) = (kind.table.name, format.as_str());
    let file = format!("attachment; filename=\"{name}-{}-{}.{ending}\"", range.first, range.last);
    let file = HeaderValue::try_from(file).expect("kinds and formats are words");
    vec![(LOG_FROM, range.first.into()), (LOG_TO, range.last.into()), (CONTENT_DISPOSITION, file)]
}

/// The parts of an export as a body.
pub(super) struct Parts(pub(super) Streamed);

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|part| part.map(|part| part.map(Frame::data)))
    }
}
