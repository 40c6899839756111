//! How far a row is now that was not completed when it was written: an invoiced purchase, credit that starts later.
//!
//! The customer's state knows it of what is open and of what ended lately, the history of everything.

use std::collections::HashMap;

use coffer_ledger::ids::{CustomerNumber, RowId, TenantNumber};
use coffer_ledger::recharge::RechargeStatus;
use coffer_ledger::view::{self, Begun, Progress, ProgressStatus};

use super::reading;
use crate::engine::{StoredRecord, Target};
use crate::feed::history::{
    Column, Given, History, HistoryError, Look, Of, Paged, Query, RechargeLife, RechargesAsked, Row, Test,
    TrancheStatus,
};
use crate::http::call::Call;
use crate::http::error::ApiError;

/// How far a row is, and the row that brought its credit in.
pub(in crate::http) struct Now {
    pub(in crate::http) progress: Progress,
    pub(in crate::http) completing: Option<Row>,
}

/// The row, if it was not completed when it was written.
pub(super) fn begun(row: &Row) -> Option<Begun> {
    let pending = match &*row.status {
        "pending" => true,
        "scheduled" => false,
        _ => return None,
    };
    Some(Begun { id: row.id, tranche: row.tranche?, pending, effective_at: row.effective_at })
}

/// How far it is now; `None` of rows that were completed when they were written, and where nobody knows.
///
/// # Errors
/// Those of a read of the customer or of the log.
pub(in crate::http) async fn of(
    call: &Call,
    stored: &StoredRecord,
    row: &Row,
) -> Result<Option<Now>, ApiError> {
    let Some(begun) = begun(row) else { return Ok(None) };
    let target = Target::Number(stored.customer.number);
    let look = move |customer: &_, now| view::progress(customer, now, &begun);
    let seen = call.engine().read(call.tenant(), target, look).await?;
    let is_enough = seen.value.is_some_and(|known| match known.status {
        ProgressStatus::Completed => known.completed_by.is_some(),
        ProgressStatus::Pending
        | ProgressStatus::Scheduled
        | ProgressStatus::Failed
        | ProgressStatus::Cancelled => true,
    });
    let history = if is_enough { None } else { reading::fresh(call, seen.position.0).await.ok() };
    let progress = match history {
        Some(history) => searched(call, history, row, &begun, seen.value).await.ok().flatten(),
        None => None,
    };
    let Some(progress) = progress.or(seen.value) else { return Ok(None) };
    let completing = match progress.completed_by {
        Some(id) => completing(call, id).await?,
        None => None,
    };
    Ok(Some(Now { progress, completing }))
}

/// What the history says of it.
async fn searched(
    call: &Call,
    history: &History,
    row: &Row,
    begun: &Begun,
    known: Option<Progress>,
) -> Result<Option<Progress>, HistoryError> {
    let status = match known {
        Some(known) => Some(known.status),
        None => {
            let found = forgotten(call, history, row.customer, vec![*begun]).await?;
            found.get(&row.id).copied()
        }
    };
    let Some(status) = status else { return Ok(None) };
    let completed_by = match (status, known.and_then(|known| known.completed_by)) {
        (ProgressStatus::Completed, None) => completes(call, history, row).await?,
        (_, known) => known,
    };
    Ok(Some(Progress { status, completed_by }))
}

/// How far those of a customer's rows are of which its state does not know it any more, as far as the history does.
pub(super) async fn forgotten(
    call: &Call,
    history: &History,
    customer: CustomerNumber,
    begun: Vec<Begun>,
) -> Result<HashMap<RowId, ProgressStatus>, HistoryError> {
    let of = (call.tenant(), customer);
    history.look(move |look| looked_up(look, of, &begun)).await
}

fn looked_up(
    look: &dyn Look,
    (tenant, customer): (TenantNumber, CustomerNumber),
    begun: &[Begun],
) -> Result<HashMap<RowId, ProgressStatus>, HistoryError> {
    let page = Paged { newest_first: false, after: None, limit: begun.len(), offset: 0 };
    let tranches = Some(begun.iter().map(|begun| begun.tranche).collect());
    let asked = RechargesAsked { tenant, customer, wallet: None, status: None, tranches, page };
    let purchases = look.recharges(&asked)?.items;
    let mut statuses = HashMap::new();
    for begun in begun {
        let is_its = |one: &&RechargeLife| [one.tranche, one.bonus].contains(&Some(begun.tranche));
        let status = match purchases.iter().find(is_its).map(|one| one.status) {
            // The state has all that are pending: this one has ended, and the history is not that far.
            Some(RechargeStatus::Pending) => None,
            Some(RechargeStatus::Failed) => Some(ProgressStatus::Failed),
            Some(RechargeStatus::Cancelled) => Some(ProgressStatus::Cancelled),
            Some(RechargeStatus::Completed) | None => {
                look.tranche(begun.tranche)?.map(|life| match life.status {
                    TrancheStatus::Started => ProgressStatus::Completed,
                    TrancheStatus::Scheduled => ProgressStatus::Scheduled,
                    TrancheStatus::Cancelled => ProgressStatus::Cancelled,
                })
            }
        };
        statuses.extend(status.map(|status| (begun.id, status)));
    }
    Ok(statuses)
}

/// The row that brought a row's credit into the balance, among those of its customer. What was paid before it counted has two rows that did
/// not: both are completed by that of its start, which names the first.
async fn completes(call: &Call, history: &History, row: &Row) -> Result<Option<RowId>, HistoryError> {
    let ids = std::iter::once(row.id).chain(row.completes);
    let query = Query {
        tenant: call.tenant(),
        of: Of::Customer(row.customer),
        only: call.who.customer,
        moving: true,
        tests: vec![(Column::Completes, Test::In(ids.map(|id| Given::Id(id.0)).collect()))],
        credits_of: None,
        paid_by: None,
        sort: Vec::new(),
        newest_first: false,
        after: None,
        limit: 1,
        offset: 0,
    };
    Ok(history.find(query).await?.rows.first().map(|found| found.id))
}

/// The row that brought the credit in, from the log.
async fn completing(call: &Call, id: RowId) -> Result<Option<Row>, ApiError> {
    let stored = call.engine().record(call.tenant(), id.position()).await?;
    let rows = view::rows(&stored.record, stored.position);
    let row = rows.iter().find(|row| row.id == id);
    Ok(row.map(|row| Row::of(call.tenant(), stored.customer.number, &stored.record, row)))
}
