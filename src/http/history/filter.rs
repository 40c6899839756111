//! What a list of rows is asked for, as a body or as a query string.

use std::borrow::Cow;

use coffer_ledger::amount::Credits;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::fields::Field;
use crate::feed::history::{Column, Test};
use crate::http::error::ApiError;
use crate::http::fields::Number;
use crate::http::page::{Order, PageFields};
use crate::http::query::Query;

/// Filters of a search.
const FILTERS_MAX: usize = 50;
/// Values of a filter.
const VALUES_MAX: usize = 1_000;
/// Fields to sort by.
const SORTS_MAX: usize = 5;

/// Which rows, and in which order. All of it must hold.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = TransactionFilter)]
pub(crate) struct TransactionFilter<'a> {
    /// 1 to 1,000; default 50.
    limit: Option<usize>,
    /// Items to pass over.
    offset: Option<usize>,
    /// asc or desc by creation; default desc.
    order: Option<Order>,
    /// The `next_cursor` of the page before.
    cursor: Option<Box<str>>,
    /// A wallet's id.
    id: Option<Box<str>>,
    /// Wallets' ids.
    wallet_ids: Option<Vec<Box<str>>>,
    /// The customer's id.
    customer_id: Option<Box<str>>,
    /// credit or debit; in a ledger also hold, release or memo.
    #[serde(rename = "type")]
    row_type: Option<Box<str>>,
    /// completed or scheduled.
    transaction_status: Option<Box<str>>,
    transaction_reason: Option<Box<str>>,
    reference_type: Option<Box<str>>,
    reference_id: Option<Box<str>>,
    /// Credits that end before.
    expiry_date_before: Option<Box<str>>,
    /// Credits that end after.
    expiry_date_after: Option<Box<str>>,
    /// Credits of which more than this is left now.
    #[serde(borrow)]
    credits_available_gt: Option<Number<'a>>,
    /// Credits with this burn priority.
    priority: Option<u32>,
    /// Recorded then or later.
    start_time: Option<Box<str>>,
    /// Recorded then or earlier.
    end_time: Option<Box<str>>,
    /// The key's id.
    created_by: Option<Box<str>>,
    /// Further conditions.
    #[serde(borrow)]
    filters: Option<Vec<FieldFilter<'a>>>,
    /// Before the order of creation; pages of a list that is sorted go by `offset`.
    sort: Option<Vec<SortField>>,
}

/// A condition on a field.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TransactionCondition)]
struct FieldFilter<'a> {
    field: Box<str>,
    /// eq, contains, `not_contains`, gt, gte, lt, lte, in, `not_in`, before or after.
    operator: Box<str>,
    /// string, number, date or array: where the value stands is what counts.
    #[expect(dead_code, reason = "the value says it")]
    data_type: Option<Box<str>>,
    #[serde(borrow)]
    value: FieldValue<'a>,
}

/// One of these.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = TransactionConditionValue)]
struct FieldValue<'a> {
    string: Option<Box<str>>,
    #[serde(borrow)]
    number: Option<Number<'a>>,
    date: Option<Box<str>>,
    array: Option<Vec<Box<str>>>,
}

/// A field to sort by.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TransactionSort)]
struct SortField {
    field: Box<str>,
    /// asc or desc; default asc.
    direction: Option<Order>,
}

/// The same as a query string.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct TransactionQuery {
    /// 1 to 1,000; default 50.
    limit: Option<usize>,
    /// Items to pass over.
    offset: Option<usize>,
    /// asc or desc by creation; default desc.
    order: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// credit or debit; in a ledger also hold, release or memo.
    #[param(rename = "type")]
    row_type: Option<String>,
    /// completed or scheduled.
    transaction_status: Option<String>,
    /// Why.
    transaction_reason: Option<String>,
    /// As the request said.
    reference_type: Option<String>,
    /// As the request said.
    reference_id: Option<String>,
    /// Credits that end before.
    expiry_date_before: Option<String>,
    /// Credits that end after.
    expiry_date_after: Option<String>,
    /// Credits of which more than this is left now.
    credits_available_gt: Option<String>,
    /// Credits with this burn priority.
    priority: Option<u32>,
    /// Recorded then or later.
    start_time: Option<String>,
    /// Recorded then or earlier.
    end_time: Option<String>,
    /// The key's id.
    created_by: Option<String>,
    /// Wallets' ids, comma-separated.
    wallet_ids: Option<String>,
}

/// The parameters of a query string.
pub(super) const PARAMETERS: [&str; 17] = [
    "limit",
    "offset",
    "order",
    "cursor",
    "type",
    "transaction_status",
    "transaction_reason",
    "reference_type",
    "reference_id",
    "expiry_date_before",
    "expiry_date_after",
    "credits_available_gt",
    "priority",
    "start_time",
    "end_time",
    "created_by",
    "wallet_ids",
];

/// Those of them that are times.
const TIMES: [&str; 4] = ["expiry_date_before", "expiry_date_after", "start_time", "end_time"];

/// What is asked, read.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) page: PageFields,
    pub(super) customer: Option<Box<str>>,
    pub(super) tests: Vec<(Column, Test)>,
    pub(super) available_above: Option<Credits>,
    pub(super) sort: Vec<(Column, bool)>,
}

impl Wanted {
    /// From a query string.
    pub(super) fn of_query(query: &Query) -> Result<Self, ApiError> {
        let mut wanted = Self { page: PageFields::of_query(query)?, ..Self::default() };
        let text =
            |name| if TIMES.contains(&name) { query.time(name) } else { query.get(name).map(Cow::from) };
        let named = PARAMETERS.iter().filter_map(|name| Some((*name, text(*name)?)));
        named
            .filter(|(name, _)| *name != "wallet_ids")
            .try_for_each(|(name, text)| wanted.named(name, &text))?;
        let wallets: Vec<&str> = query.words("wallet_ids").collect();
        wanted.wallets(&wallets)?;
        Ok(wanted)
    }

    /// From a body.
    pub(super) fn of_body(body: TransactionFilter<'_>) -> Result<Self, ApiError> {
        let TransactionFilter { limit, offset, order, cursor, .. } = body;
        let page = PageFields { limit, offset, order, cursor };
        let mut wanted = Self { page, customer: body.customer_id, ..Self::default() };
        let available = body.credits_available_gt;
        wanted.available_above =
            available.map(|number| number.credits("credits_available_gt")).transpose()?;
        let priority = body.priority.map(|priority| priority.to_string().into());
        let named = [
            ("type", body.row_type),
            ("transaction_status", body.transaction_status),
            ("transaction_reason", body.transaction_reason),
            ("reference_type", body.reference_type),
            ("reference_id", body.reference_id),
            ("expiry_date_before", body.expiry_date_before),
            ("expiry_date_after", body.expiry_date_after),
            ("priority", priority),
            ("start_time", body.start_time),
            ("end_time", body.end_time),
            ("created_by", body.created_by),
        ];
        for (name, text) in named {
            text.filter(|text| !text.is_empty()).map_or(Ok(()), |text| wanted.named(name, &text))?;
        }
        let ids = body.wallet_ids.unwrap_or_default();
        wanted.wallets(&ids.iter().chain(&body.id).map(|id| &**id).collect::<Vec<_>>())?;
        wanted.conditions(&body.filters.unwrap_or_default())?;
        wanted.sorted(&body.sort.unwrap_or_default())?;
        Ok(wanted)
    }

    /// A filter that has a name of its own.
    fn named(&mut self, name: &str, text: &str) -> Result<(), ApiError> {
        let (field, operator) = match name {
            "limit" | "offset" | "order" | "cursor" => return Ok(()),
            "credits_available_gt" => {
                let read = Credits::parse_json(text).map_err(|error| ApiError::amount(name, error))?;
                self.available_above = Some(read);
                return Ok(());
            }
            "expiry_date_before" => ("expiry_date", "before"),
            "expiry_date_after" => ("expiry_date", "after"),
            "start_time" => ("created_at", "gte"),
            "end_time" => ("created_at", "lte"),
            name => (name, "eq"),
        };
        let of = Field::named(field)?;
        let test = of.test(operator, &[text]).map_err(|error| error.renamed(field, name))?;
        self.tests.push((of.column, test));
        Ok(())
    }

    fn wallets(&mut self, ids: &[&str]) -> Result<(), ApiError> {
        if ids.len() > VALUES_MAX {
            return Err(ApiError::field("wallet_ids", &format!("at most {VALUES_MAX}")));
        }
        if !ids.is_empty() {
            self.tests.push((Column::Wallet, Field::named("wallet_id")?.test("in", ids)?));
        }
        Ok(())
    }

    fn conditions(&mut self, filters: &[FieldFilter<'_>]) -> Result<(), ApiError> {
        if filters.len() > FILTERS_MAX {
            return Err(ApiError::field("filters", &format!("at most {FILTERS_MAX}")));
        }
        for filter in filters {
            let field = Field::named(&filter.field)?;
            let values = filter.value.texts();
            if values.len() > VALUES_MAX {
                return Err(ApiError::field("filters", &format!("at most {VALUES_MAX} values")));
            }
            self.tests.push((field.column, field.test(&filter.operator, &values)?));
        }
        Ok(())
    }

    fn sorted(&mut self, sort: &[SortField]) -> Result<(), ApiError> {
        if sort.len() > SORTS_MAX {
            return Err(ApiError::field("sort", &format!("at most {SORTS_MAX}")));
        }
        for by in sort {
            self.sort.push((Field::named(&by.field)?.column, by.direction == Some(Order::Desc)));
        }
        if !self.sort.is_empty() && self.page.cursor.as_ref().is_some_and(|cursor| !cursor.is_empty()) {
            return Err(ApiError::field("cursor", "cursors follow creation: page a sorted list by offset"));
        }
        Ok(())
    }
}

impl<'a> FieldValue<'a> {
    fn texts(&'a self) -> Vec<&'a str> {
        let one = self.string.as_deref().or(self.date.as_deref()).or(self.number.map(Number::text));
        one.into_iter().chain(self.array.iter().flatten().map(|text| &**text)).collect()
    }
}
