//! `GET /v1/books`, `GET /v1/journal`: what finance people read of a tenant (docs/BOOKS.md).
//!
//! Both are read from the history, and say how far into the log it saw. The journal is streamed page by page; rows never change, so
//! pages fit together however much is recorded meanwhile. A key that is bound to a customer reads neither: they are the tenant's.
//! Tested in `tests/http/books.rs`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use coffer_ledger::ids::LogPosition;
use utoipa::IntoParams;

use super::call::Call;
use super::error::{ApiError, Code};
use super::exports::Parts;
use super::fields;
use super::history::reading;
use super::period::{self, PeriodQuery};
use super::query::Query;
use super::reply::Reply;
use crate::books::{Books, Period, Shown};
use crate::export::{Format, JournalRequest, journal_stream};

const BOOKS: [&str; 6] = ["from", "to", "month", "time_zone", "currency", "format"];
const JOURNAL: [&str; 5] = ["from", "to", "month", "time_zone", "format"];

/// What books may be asked beside their period.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct BooksQuery {
    /// Only units of this currency.
    currency: Option<String>,
    /// json (the default) or csv.
    format: Option<String>,
}

/// What a journal may be asked beside its period.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct JournalQuery {
    /// jsonl (the default) or csv.
    format: Option<String>,
}

/// The tenant's books of a period.
///
/// Opening, what came, what went, closing: per unit and source of the credit, in credits and in paid money; debt, transfers on their way,
/// earned and deferred revenue, promotional expense, breakage, and the trial balance of the journal. Both ends of the period stand on a
/// quarter of an hour. What happened by itself counts at its own instant, everything else when it was recorded.
#[utoipa::path(get, path = "/v1/books", tag = "Books", params(PeriodQuery, BooksQuery), responses((status = 200, content((Shown = "application/json"), (String = "text/csv")), description = "Done; X-Log-Position says how far into the log they saw")))]
pub(crate) async fn books(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    query.only(&BOOKS)?;
    let (period, tenant) = (period::of_books(&call, &query)?, call.tenant());
    let currency = query.get("currency").map(fields::currency).transpose()?;
    let as_csv = match query.get("format") {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(ApiError::field("format", "json or csv")),
    };
    check_unbound(&call)?;
    let history = reading::fresh(&call, call.engine().stats().durable.0).await?;
    let made = history.look(move |look| Books::of(look, tenant, period, currency)).await;
    let books = made.map_err(reading::unavailable)?;
    reading::check(&call, books.position)?;
    let reply = if as_csv {
        Reply::file(Format::Csv.content_type(), named("books", period, "csv"), Shown::csv(&books))
    } else {
        Reply::json(StatusCode::OK, &Shown::of(&books))
    };
    Ok(reply.at(LogPosition(books.position)))
}

/// The journal of a period.
///
/// A double entry for each ledger row that moves money, in the order of the log, as lines: debits = credits in every entry. Both ends of
/// the period stand on a quarter of an hour, and the lines add up to the books of the same period. A body without its last chunk was
/// cut short.
#[utoipa::path(get, path = "/v1/journal", tag = "Books", params(PeriodQuery, JournalQuery), responses((status = 200, content((String = "application/jsonl"), (String = "text/csv")), description = "The lines; X-Log-Position says how far into the log they go")))]
pub(crate) async fn journal(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    query.only(&JOURNAL)?;
    let period = period::of_books(&call, &query)?;
    let format = format(&query)?;
    check_unbound(&call)?;
    let history = reading::fresh(&call, call.engine().stats().durable.0).await?;
    let position = history.look(|look| look.position()).await.map_err(reading::unavailable)?;
    reading::check(&call, position)?;
    let permit = super::exports::permit(&call)?;
    let app = Arc::clone(&call.app);
    let goes_on = move || !app.draining.load(Ordering::Relaxed);
    let request = JournalRequest { tenant: call.tenant(), period, position, format };
    let streamed = journal_stream(call.engine(), history.clone(), request, permit, goes_on);
    let streamed = streamed.map_err(|error| ApiError::internal(&error.to_string()))?;
    let headers = vec![named("journal", period, format.as_str())];
    let reply = Reply::stream(format.content_type(), headers, Body::new(Parts(streamed)));
    Ok(reply.at(LogPosition(position)))
}

fn format(query: &Query) -> Result<Format, ApiError> {
    match query.get("format") {
        None | Some("jsonl") => Ok(Format::Jsonl),
        Some("csv") => Ok(Format::Csv),
        Some(_) => Err(ApiError::field("format", "jsonl or csv")),
    }
}

/// What is the tenant's, no customer's key reads.
fn check_unbound(call: &Call) -> Result<(), ApiError> {
    match call.who.customer {
        None => Ok(()),
        Some(_) => {
            Err(ApiError::new(Code::PermissionDenied, "a key that is bound to a customer reads no books"))
        }
    }
}

/// The name under which a browser saves it.
fn named(what: &str, period: Period, ending: &str) -> (HeaderName, HeaderValue) {
    let day = |at| super::rfc3339::Text::new(at).as_str()[..10].to_owned();
    let name =
        format!("attachment; filename=\"{what}-{}-{}.{ending}\"", day(period.from()), day(period.to()));
    (CONTENT_DISPOSITION, HeaderValue::try_from(name).expect("names and days are ASCII"))
}
