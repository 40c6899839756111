//! A refusal as it is explained.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::note::Note;
use crate::engine::Failure;
use crate::http::error::ApiError;
use crate::http::wire::Time;

/// The refusals of one request.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusals)]
pub(crate) struct RefusalsReply<'a> {
    /// The `X-Request-Id` of its answer.
    pub(super) request_id: &'a str,
    /// In the order of its items.
    pub(super) refusals: Vec<RefusalReply<'a>>,
}

/// Why something was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusal)]
pub(crate) struct RefusalReply<'a> {
    /// The `X-Request-Id` of the answer.
    request_id: &'a str,
    /// When.
    at: Time,
    /// What was asked: debit, hold, capture, refund and so on.
    #[schema(example = "debit")]
    operation: &'a str,
    /// Its place in the batch, from 0; null outside of one.
    item: Option<usize>,
    /// Whether it was only rehearsed.
    dry_run: bool,
    /// The HTTP status of the answer, or of the item.
    status: u16,
    #[schema(example = "insufficient_credits")]
    code: &'a str,
    /// For people.
    detail: String,
    /// The facts, as the answer gave them; of a 402: required, available, shortfall.
    details: BTreeMap<&'a str, String>,
    idempotency_key: Option<&'a str>,
    /// The customer's last record that the decision saw: the balance `as_of` it is the one that was too small. Null if it was made
    /// without looking.
    log_position: Option<String>,
}

impl<'a> RefusalReply<'a> {
    pub(super) fn of(request_id: &'a str, note: &'a Note) -> Self {
        let error = ApiError::from(note.failure.clone());
        let saw = match &note.failure {
            Failure::Refused(refused) => refused.saw.0,
            _ => 0,
        };
        Self {
            request_id,
            at: Time(note.at),
            operation: note.operation,
            item: note.item,
            dry_run: note.dry_run,
            status: note.status,
            code: error.code().as_str(),
            detail: error.message().to_owned(),
            details: error.facts().collect(),
            idempotency_key: note.idempotency_key.as_deref(),
            log_position: (saw > 0).then(|| saw.to_string()),
        }
    }
}
