//! `GET /v1/customers/{id}/statement` (docs/BOOKS.md "Statement"). Tested in `tests/http/books.rs`.

use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderName, HeaderValue};
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition};
use utoipa::IntoParams;

use super::call::Call;
use super::error::{ApiError, Code};
use super::history::reading;
use super::period::{self, PeriodQuery};
use super::reply::Reply;
use crate::books::{Heading, ShownStatement, Statement, StatementFormat, StatementOf};
use crate::engine::Target;

/// Lines that a statement over HTTP may show: rows, recharges and changes of alerts.
const STATEMENT_LINES_MAX: usize = 50_000;
const PARAMETERS: [&str; 5] = ["from", "to", "month", "time_zone", "format"];

/// What a statement may be asked beside its period.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct StatementQuery {
    /// json (the default), csv, or html: a page to print.
    format: Option<String>,
}

/// A customer's statement.
///
/// For each wallet the opening balance, every row that moved it with the balance after it, totals by reason, recharges and changes of
/// alerts, the closing balance, and what is left of which tranche and on hold at the end. Rows stand in the order in which they count; a
/// recharge as it stood at the end of the period. Times on the HTML page are by the clocks of `time_zone`.
#[utoipa::path(get, path = "/v1/customers/{id}/statement", tag = "Books", params(PeriodQuery, StatementQuery), responses((status = 200, content((ShownStatement = "application/json"), (String = "text/csv"), (String = "text/html")), description = "Done; X-Log-Position says how far into the log it saw")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    query.only(&PARAMETERS)?;
    let period = period::of(&call, &query)?;
    let format: StatementFormat = match query.get("format") {
        None => StatementFormat::Json,
        Some(text) => text.parse().map_err(|allowed: String| ApiError::field("format", &allowed))?,
    };
    let zone = period::zone(&call, &query)?;
    let view = call.engine().tenant_view(call.tenant()).ok_or_else(|| ApiError::not_found("tenant"))?;
    let tenant = view.name.to_string();
    let look = move |customer: &Customer, _| (customer.number, Heading::of(customer, tenant, zone));
    let seen = call.read(Target::Customer(call.customer_name()?), look).await?;
    let (customer, heading) = seen.value;
    let history = reading::fresh(&call, seen.position.0).await?;
    let of = StatementOf { tenant: call.tenant(), customer, period, lines_max: STATEMENT_LINES_MAX };
    let made = history.look(move |look| Statement::of(look, of)).await.map_err(reading::unavailable)?;
    let statement = made.ok_or_else(too_long)?;
    reading::check(&call, statement.position)?;
    let body = format.write(&statement, &heading);
    Ok(Reply::file(format.content_type(), named(customer, format), body).at(LogPosition(statement.position)))
}

fn too_long() -> ApiError {
    let message =
        "the statement has too many lines: ask for a shorter period, or make it with `coffer statement`";
    ApiError::new(Code::LimitReached, message)
        .with("limit", "statement_lines_max")
        .with("max", STATEMENT_LINES_MAX)
}

/// JSON and pages are shown, CSV is saved.
fn named(customer: CustomerNumber, format: StatementFormat) -> (HeaderName, HeaderValue) {
    let how = if format == StatementFormat::Csv { "attachment" } else { "inline" };
    let text = format!("{how}; filename=\"statement-{}.{}\"", customer.0, format.as_str());
    (CONTENT_DISPOSITION, HeaderValue::try_from(text).expect("numbers and words are ASCII"))
}
