//! `POST /v1/customers/{id}/erase`: everything personal about a customer goes, while the server serves.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::Call;
use super::error::{ApiError, Code};
use super::reply::Reply;
use crate::engine::Target;
use crate::engine::erasure::{ErasedFields, ErasureError};
use crate::feed::{EraserError, ErasureReport};

/// What was erased, or would be.
#[derive(Serialize, ToSchema)]
#[schema(as = Erasure)]
pub(crate) struct ErasureReply<'a> {
    /// What the customer answers to from now on.
    customer_id: &'a str,
    /// `erased`, `nothing_left`, or `dry_run`.
    #[schema(example = "erased")]
    outcome: &'static str,
    /// Records of the log whose personal part is gone.
    records: RecordsReply,
    /// What of these records was personal.
    fields: FieldsReply,
    /// What of the customer's live state was personal.
    #[schema(example = json!(["external_id", "name", "wallet names"]))]
    state: &'a [&'static str],
    /// Snapshots that were made anew; of a dry run, those that would be replaced.
    snapshots: u64,
    /// Copies of cut-short writes that were removed.
    files_removed: usize,
    /// Rows of the history.
    history_rows: u64,
}

/// Records by where they were.
#[derive(Serialize, ToSchema)]
#[schema(as = ErasedRecords)]
struct RecordsReply {
    /// In archived segments.
    archived: u64,
    /// In the hot log, which was archived first.
    hot: u64,
}

/// Personal parts by kind.
#[derive(Serialize, ToSchema)]
#[schema(as = ErasedFields)]
struct FieldsReply {
    /// Idempotency keys.
    idempotency_keys: u64,
    /// Requests with words: references, descriptions, metadata, names.
    requests: u64,
    /// Outcomes with words: profiles, names of wallets.
    outcomes: u64,
}

/// Takes everything personal about a customer out of archive, log, snapshots and history, for good.
///
/// Amounts, times, ids, balances, rows, invoice ids, proofs and books stay. The customer stays usable under `customer_id`; its external
/// id is free. What is recorded after the erasure began is not part of it. It takes as long as reading the log takes; whether the caller waits
/// or not, it is done to the end, also over restarts. Repeating it is harmless, so it needs no idempotency key.
#[utoipa::path(post, path = "/v1/customers/{id}/erase", tag = "Administration", request_body = Option<super::idempotency::KeyBody>, responses(
    (status = 200, body = ErasureReply, description = "Done"),
    (status = 503, body = super::error::ErrorBody, description = "history_unavailable, read_only, overloaded, quarantined"),
))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    call.origin(call.key_alone()?)?;
    let name = call.customer_name()?;
    call.check_bound(Target::Customer(name))?;
    let eraser = &call.app.eraser;
    let report = if dry_run {
        eraser.plan(call.tenant(), name).await.map_err(failed)?
    } else {
        eraser.erase(call.tenant(), name).await.map_err(failed)?
    };
    Ok(Reply::json(StatusCode::OK, &ErasureReply::of(&report, dry_run)))
}

impl<'a> ErasureReply<'a> {
    fn of(report: &'a ErasureReport, dry_run: bool) -> Self {
        let plan = &report.plan;
        let planned = RecordsReply { archived: plan.records() - plan.hot_records, hot: plan.hot_records };
        let (records, fields, snapshots) = match &report.erased {
            Some(it) => (RecordsReply { archived: it.archived, hot: it.hot }, it.fields, it.snapshots),
            None => (planned, plan.fields, u64::try_from(plan.snapshots.len()).unwrap_or(u64::MAX)),
        };
        let nothing = report.is_nothing() && report.erased.is_none();
        Self {
            customer_id: &plan.name,
            outcome: match (nothing, dry_run) {
                (true, _) => "nothing_left",
                (false, true) => "dry_run",
                (false, false) => "erased",
            },
            records,
            fields: fields.into(),
            state: &plan.state,
            snapshots: if nothing { 0 } else { snapshots },
            files_removed: if nothing { 0 } else { plan.copies.len() },
            history_rows: report.history_rows,
        }
    }
}

impl From<ErasedFields> for FieldsReply {
    fn from(fields: ErasedFields) -> Self {
        let ErasedFields { idempotency_keys, requests, outcomes } = fields;
        Self { idempotency_keys, requests, outcomes }
    }
}

fn failed(error: EraserError) -> ApiError {
    let message = error.to_string();
    match error {
        EraserError::History(_) => ApiError::new(Code::HistoryUnavailable, message),
        EraserError::Log(ErasureError::NoCustomer(_)) => ApiError::not_found("customer"),
        EraserError::Log(ErasureError::Close(failure)) => failure.into(),
        EraserError::Log(ErasureError::Busy) => ApiError::new(Code::Overloaded, message),
        EraserError::Log(ErasureError::NameTaken(_) | ErasureError::Unfinished { .. }) => {
            ApiError::new(Code::InvalidOperation, message)
        }
        EraserError::Panicked
        | EraserError::Log(
            ErasureError::Open(_)
            | ErasureError::NoTenant { .. }
            | ErasureError::Unreadable(_)
            | ErasureError::Archive(_)
            | ErasureError::Seal(_)
            | ErasureError::Snapshot(_)
            | ErasureError::Hot
            | ErasureError::Io { .. }
            | ErasureError::NotSealed
            | ErasureError::Panicked,
        ) => ApiError::internal(&message),
    }
}
