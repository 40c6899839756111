//! `GET /v1/transactions/{id}`: a ledger row, read back from the log. The id says where. `/proof`: that it is in the signed log.

use axum::http::StatusCode;
use coffer_ledger::amount::Credits;
use coffer_ledger::ids::{RowId, TrancheId};
use coffer_ledger::view::{self, RowType, RowView};
use utoipa::IntoParams;

use super::call::Call;
use super::error::{ApiError, Code};
use super::history::family::{self, FamilyReply};
use super::history::{list, progress};
use super::reply::Reply;
use super::wallets::transaction::{RowContext, TransactionReply};
use crate::audit::ProveFailure;
use crate::audit::document::ProofDocument;
use crate::engine::{StoredRecord, Target};
use crate::feed::history::Row;

/// What of a row's relatives.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct RowQuery {
    /// slices (always there), parents, children: a list. Without the last two the four keys of relatives are left out.
    expand: Option<String>,
}

/// One ledger row, as it is now: of a purchase that waited for its payment and of credit that starts later `transaction_status` says how far
/// it is at the moment, and, once it is completed, the balances are those of the row that brought the credit in
/// (`completed_by_transaction_id`). Lists show such a row as it was written.
///
/// With `expand=parents` what it belongs to and the credits that paid for it, with `expand=children` what belongs to it and, of a credit,
/// what it paid for: up to 1,000 of each. The relatives are searched in the history, among the customer's rows.
#[utoipa::path(get, path = "/v1/transactions/{id}", tag = "Transactions", params(RowQuery), responses(
    (status = 200, body = FamilyReply, description = "Done"),
    (status = 503, body = super::error::ErrorBody, description = "history_behind, history_unavailable, quarantined, outcome_unknown"),
))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let wanted = family::Wanted::of_query(&call.query()?)?;
    let (id, stored) = stored(&call).await?;
    let rows = view::rows(&stored.record, stored.position);
    let row = rows.iter().find(|row| row.id == id).ok_or_else(|| ApiError::not_found("transaction"))?;
    let credits_available = credits_available(&call, &stored, row).await?;
    let row = Row::of(call.tenant(), stored.customer.number, &stored.record, row);
    let breakdown = list::breakdown(&call, &row).await;
    let now = progress::of(&call, &stored, &row).await?;
    let context = RowContext {
        customer_id: &stored.customer.id,
        credits_available,
        breakdown,
        progress: now.as_ref().map(|now| now.progress),
    };
    let completing = now.as_ref().and_then(|now| now.completing.as_ref());
    let reply = TransactionReply::of(&row, &context).shown_now(completing);
    let reply = if wanted.nobody() {
        Reply::json(StatusCode::OK, &reply)
    } else {
        let family = family::find(&call, &stored, &row, wanted).await?;
        Reply::json(StatusCode::OK, &FamilyReply::of(reply, &family))
    };
    Ok(reply.at(stored.position))
}

/// The proof of one ledger row. There is one once the row's segment of the log is sealed and signed.
#[utoipa::path(get, path = "/v1/transactions/{id}/proof", tag = "Transactions", responses(
    (status = 200, body = ProofDocument, description = "Done"),
    (status = 409, body = super::error::ErrorBody, description = "proof_not_ready, invalid_operation"),
))]
pub(crate) async fn proof(call: Call) -> Result<Reply, ApiError> {
    let (id, _) = stored(&call).await?;
    match call.engine().prove(id).await {
        Ok(proof) => Ok(Reply::json(StatusCode::OK, &ProofDocument::of(&proof))),
        Err(failure @ (ProveFailure::NotSealed | ProveFailure::NotSigned)) => {
            Err(ApiError::new(Code::ProofNotReady, failure.to_string()))
        }
        Err(failure @ ProveFailure::NoTree) => {
            Err(ApiError::new(Code::InvalidOperation, failure.to_string()))
        }
        Err(failure @ ProveFailure::Gone) => Err(ApiError::new(Code::RecordGone, failure.to_string())),
        Err(ProveFailure::NoSuchRow) => Err(ApiError::not_found("transaction")),
        Err(ProveFailure::Damaged(cause)) => Err(ApiError::internal(&cause)),
    }
}

/// The row that the path names, and its record. What is no row's id is nobody's row; a key that is bound to a customer finds nobody else's.
pub(super) async fn stored(call: &Call) -> Result<(RowId, StoredRecord), ApiError> {
    let id: RowId = call.param("id").parse().map_err(|_| ApiError::not_found("transaction"))?;
    let stored = call.engine().record(call.tenant(), id.position()).await?;
    if call.who.customer.is_some_and(|only| only != stored.customer.number) {
        return Err(ApiError::not_found("transaction"));
    }
    Ok((id, stored))
}

/// What is left of the credit that a row brought; nothing of rows that brought none.
async fn credits_available(
    call: &Call,
    stored: &StoredRecord,
    row: &RowView<'_>,
) -> Result<Option<Credits>, ApiError> {
    let Some(tranche) = row.tranche.filter(|_| row.row_type == RowType::Credit) else { return Ok(None) };
    let seen =
        call.engine().read(call.tenant(), Target::Number(stored.customer.number), move |customer, now| {
            let live = view::balance(customer, now).wallets.into_iter().flat_map(|wallet| wallet.tranches);
            remaining(live, tranche)
        });
    Ok(Some(seen.await?.value))
}

fn remaining(mut live: impl Iterator<Item = coffer_ledger::tranche::Tranche>, tranche: TrancheId) -> Credits {
    live.find(|live| live.id == tranche).map_or(Credits::ZERO, |live| live.remaining)
}
