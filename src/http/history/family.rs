//! The relatives of a ledger row: what paid for it, what it paid for, and the rows that belong to it.
//!
//! The row itself and its parent are read from the log; the others are searched among the customer's rows in the history, which have
//! an index of the customer and none narrower. A tranche that went to another customer is followed by the transfer, not from here.

use std::collections::HashMap;

use coffer_ledger::ids::{CustomerNumber, LogPosition, RowId, TrancheId};
use coffer_ledger::view;
use serde::Serialize;
use utoipa::ToSchema;

use super::list::{Known, context, known};
use super::reading;
use crate::engine::{StoredRecord, Target};
use crate::feed::history::{Column, Found, Given, Of, Query, Row, Test};
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::page::{ListReply, Pagination};
use crate::http::query::Query as Parameters;
use crate::http::wallets::transaction::{RowContext, TransactionReply};

/// Which relatives a request wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    parents: bool,
    children: bool,
}

impl Wanted {
    /// From `expand=`.
    pub(crate) fn of_query(query: &Parameters) -> Result<Self, ApiError> {
        let known = ["slices", "parents", "children"];
        if query.words("expand").any(|word| !known.contains(&word)) {
            return Err(ApiError::field("expand", "slices, parents, children"));
        }
        Ok(Self { parents: query.lists("expand", known[1]), children: query.lists("expand", known[2]) })
    }

    /// Whether none are: then the row is shown as lists show it.
    pub(crate) const fn nobody(self) -> bool {
        !self.parents && !self.children
    }
}

/// Rows that were found, and what a reply says of them besides.
pub(crate) struct Relatives {
    found: Found,
    known: HashMap<CustomerNumber, Known>,
    limit: usize,
}

/// Everybody who was asked for.
#[derive(Default)]
pub(crate) struct Family {
    parent: Option<(Row, Box<str>)>,
    paid_by: Option<Relatives>,
    children: Option<Relatives>,
    paid_for: Option<Relatives>,
}

/// Finds them.
///
/// # Errors
/// 503 while there is no history to search, if it takes one.
pub(crate) async fn find(
    call: &Call,
    stored: &StoredRecord,
    row: &Row,
    wanted: Wanted,
) -> Result<Family, ApiError> {
    let mut family = Family::default();
    let of = stored.customer.number;
    let last = call.engine().read(call.tenant(), Target::Number(of), |_, _| ()).await?.position;
    let of = (of, last);
    if wanted.parents {
        family.parent = parent(call, row.parent).await?;
        let givers = row.parts.iter().filter_map(|part| part.tranche.as_ref().map(|of| of.id));
        family.paid_by = Some(rows(call, of, Search::CreditsOf(givers.collect())).await?);
    }
    if wanted.children {
        family.children = Some(rows(call, of, Search::BelongingTo(row.id)).await?);
        let brought = row.tranche.filter(|_| row.row_type == "credit");
        family.paid_for = match brought {
            Some(tranche) => Some(rows(call, of, Search::PaidBy(tranche)).await?),
            None => None,
        };
    }
    Ok(family)
}

/// What is searched for among a customer's rows.
enum Search {
    CreditsOf(Vec<TrancheId>),
    BelongingTo(RowId),
    PaidBy(TrancheId),
}

async fn rows(
    call: &Call,
    (customer, last): (CustomerNumber, LogPosition),
    search: Search,
) -> Result<Relatives, ApiError> {
    let (mut tests, mut credits_of, mut paid_by) = (Vec::new(), None, None);
    match search {
        Search::CreditsOf(tranches) => credits_of = Some(tranches),
        Search::BelongingTo(row) => tests.push((Column::Parent, Test::In(vec![Given::Id(row.0)]))),
        Search::PaidBy(tranche) => paid_by = Some(tranche),
    }
    let limit = call.app.options.page_items_max;
    let query = Query {
        tenant: call.tenant(),
        of: Of::Customer(customer),
        only: call.who.customer,
        moving: false,
        tests,
        credits_of,
        paid_by,
        sort: Vec::new(),
        newest_first: false,
        after: None,
        limit,
        offset: 0,
    };
    let found = reading::read(call, query, last.0).await?;
    let known = known(call, &found).await?;
    Ok(Relatives { found, known, limit })
}

/// The row that this one belongs to, from the log.
async fn parent(call: &Call, id: Option<RowId>) -> Result<Option<(Row, Box<str>)>, ApiError> {
    let Some(id) = id else { return Ok(None) };
    let stored = call.engine().record(call.tenant(), id.position()).await?;
    let rows = view::rows(&stored.record, stored.position);
    let row = rows.iter().find(|row| row.id == id);
    let row = row.map(|row| Row::of(call.tenant(), stored.customer.number, &stored.record, row));
    Ok(row.map(|row| (row, stored.customer.id.clone())))
}

/// A ledger row with those of its relatives that were asked for; the others are null.
#[derive(Serialize, ToSchema)]
#[schema(as = TransactionWithFamily)]
pub(crate) struct FamilyReply<'a> {
    #[serde(flatten)]
    row: TransactionReply<'a>,
    /// The row that it belongs to; with `expand=parents`. What is left of a credit is not said here.
    parent: Option<TransactionReply<'a>>,
    /// The credits that paid for it, oldest first; with `expand=parents`.
    paid_by: Option<ListReply<TransactionReply<'a>>>,
    /// The rows that belong to it, oldest first; with `expand=children`.
    children: Option<ListReply<TransactionReply<'a>>>,
    /// Of a credit: the debits and transfers that it paid for, oldest first; with `expand=children`.
    paid_for: Option<ListReply<TransactionReply<'a>>>,
}

impl<'a> FamilyReply<'a> {
    /// The row between its relatives.
    pub(crate) fn of(row: TransactionReply<'a>, family: &'a Family) -> Self {
        let parent = family.parent.as_ref().map(|(row, customer_id)| {
            let nothing =
                RowContext { customer_id, credits_available: None, breakdown: None, progress: None };
            TransactionReply::of(row, &nothing)
        });
        Self {
            row,
            parent,
            paid_by: family.paid_by.as_ref().map(Relatives::reply),
            children: family.children.as_ref().map(Relatives::reply),
            paid_for: family.paid_for.as_ref().map(Relatives::reply),
        }
    }
}

impl Relatives {
    fn reply(&self) -> ListReply<TransactionReply<'_>> {
        let rows = self.found.rows.iter();
        let items = rows
            .map(|row| TransactionReply::of(row, &context(row, &self.known, &self.found.credits)))
            .collect();
        ListReply { items, pagination: Pagination::of(self.found.total, self.limit, 0, None) }
    }
}
