//! `/v1/customers/{id}/budgets`: a tree of caps above one customer's credit (SEMANTICS §18).

use std::collections::BTreeMap;

use axum::http::StatusCode;
use coffer_ledger::amount::Credits;
use coffer_ledger::budget::{Budget, BudgetLimit, Window};
use coffer_ledger::command::{Command, SetBudget};
use coffer_ledger::fact::Effect;
use coffer_ledger::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::Call;
use super::error::ApiError;
use super::fields::{self, Number};
use super::idempotency::KeyBody;
use super::page::{ListReply, Order, Page, PageFields};
use super::reply::Reply;
use super::wire::{Dec, Time};
use crate::engine::{Committed, Target};

/// A budget, whole.
#[derive(Deserialize, ToSchema)]
#[schema(as = SetBudget)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetBody<'a> {
    /// Its name: 1 to 128 bytes, unique for the customer; one is made if it is absent. A replacement has it in the path.
    budget_id: Option<Box<str>>,
    /// The budget above it.
    parent_id: Option<Box<str>>,
    /// What it counts.
    unit: UnitField,
    /// Its caps, one per window; none = it only groups.
    #[serde(borrow, default)]
    limits: Vec<LimitBody<'a>>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// Credits of wallets of this unit.
#[derive(Deserialize, ToSchema)]
#[schema(as = BudgetUnit)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnitField {
    currency: Box<str>,
    /// Your own code for the unit, if the wallets have one.
    price_unit: Option<Box<str>>,
}

/// A cap.
#[derive(Deserialize, ToSchema)]
#[schema(as = SetBudgetLimit)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitBody<'a> {
    /// For how long it counts. Calendar windows are those of the customer's time zone; weeks start on Monday.
    window: WindowField,
    /// At most so many; 0 or more.
    #[serde(borrow)]
    credits: Number<'a>,
}

/// For how long a cap counts.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = BudgetWindow)]
pub(crate) enum WindowField {
    /// For ever.
    Lifetime,
    /// The full hour.
    Hour,
    /// The day.
    Day,
    /// From Monday to Monday.
    Week,
    /// The month.
    Month,
}

impl From<WindowField> for Window {
    fn from(field: WindowField) -> Self {
        match field {
            WindowField::Lifetime => Self::Lifetime,
            WindowField::Hour => Self::Hour,
            WindowField::Day => Self::Day,
            WindowField::Week => Self::Week,
            WindowField::Month => Self::Month,
        }
    }
}

impl BudgetBody<'_> {
    /// The command; `replaced` is the path's budget.
    fn read(self, replaced: Option<&str>) -> Result<SetBudget, ApiError> {
        let id = match (replaced, self.budget_id) {
            (Some(_), Some(_)) => {
                return Err(ApiError::field("budget_id", "unknown field: the path names the budget"));
            }
            (Some(replaced), None) => Some(replaced.into()),
            (None, given) => given,
        };
        let own_id = |field, id: Option<Box<str>>| id.map(|id| fields::own_id(field, id)).transpose();
        Ok(SetBudget {
            id: own_id("budget_id", id)?,
            create: replaced.is_none(),
            parent: own_id("parent_id", self.parent_id)?,
            currency: fields::currency(&self.unit.currency)?,
            price_unit: fields::price_unit(self.unit.price_unit.as_deref())?,
            limits: self.limits.into_iter().map(LimitBody::read).collect::<Result<_, _>>()?,
        })
    }
}

impl LimitBody<'_> {
    fn read(self) -> Result<(Window, Credits), ApiError> {
        Ok((self.window.into(), self.credits.credits("limits.credits")?))
    }
}

/// Makes a budget.
#[utoipa::path(post, path = "/v1/customers/{id}/budgets", tag = "Budgets", request_body = BudgetBody, responses((status = 201, body = BudgetReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let mut body: BudgetBody<'_> = call.json()?;
    let key = body.idempotency_key.take();
    submit(&call, StatusCode::CREATED, Command::SetBudget(body.read(None)?), key).await
}

/// Replaces a budget. What was used of a window that stays is kept.
#[utoipa::path(put, path = "/v1/customers/{id}/budgets/{budget_id}", tag = "Budgets", request_body = BudgetBody, responses((status = 200, body = BudgetReply, description = "Done")))]
pub(crate) async fn replace(call: Call) -> Result<Reply, ApiError> {
    let mut body: BudgetBody<'_> = call.json()?;
    let key = body.idempotency_key.take();
    submit(&call, StatusCode::OK, Command::SetBudget(body.read(Some(budget_id(&call)?))?), key).await
}

/// Forgets what was used of all its windows. What holds and debits counted before gives nothing back to them any more.
#[utoipa::path(post, path = "/v1/customers/{id}/budgets/{budget_id}/reset", tag = "Budgets", request_body = Option<KeyBody>, responses((status = 200, body = BudgetReply, description = "Done")))]
pub(crate) async fn reset(call: Call) -> Result<Reply, ApiError> {
    let command = Command::ResetBudget(budget_id(&call)?.into());
    submit(&call, StatusCode::OK, command, call.key_alone()?).await
}

/// Removes a budget that has none below it and in which no open hold counts.
///
/// One that is made under its name later is the same budget to refunds of what this one counted in a window that lasts.
#[utoipa::path(delete, path = "/v1/customers/{id}/budgets/{budget_id}", tag = "Budgets", responses((status = 204, description = "Done")))]
pub(crate) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let command = Command::DeleteBudget(budget_id(&call)?.into());
    let committed = commit(&call, command, call.key_alone()?).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT).of(&committed))
}

async fn submit(
    call: &Call,
    status: StatusCode,
    command: Command,
    key: Option<Box<str>>,
) -> Result<Reply, ApiError> {
    let committed = commit(call, command, key).await?;
    let facts = &committed.record.facts;
    let Effect::BudgetSet(budget) = &facts.effect else {
        return Err(ApiError::internal("the record of a budget holds another effect"));
    };
    Ok(Reply::json(status, &BudgetReply::of(budget, facts.at)).of(&committed))
}

async fn commit(call: &Call, command: Command, key: Option<Box<str>>) -> Result<Committed, ApiError> {
    let dry_run = call.dry_run()?;
    let origin = call.origin(key)?;
    call.submit(Target::Customer(call.customer_name()?), command, origin, dry_run).await
}

/// A budget, with what is used of it now.
#[utoipa::path(get, path = "/v1/customers/{id}/budgets/{budget_id}", tag = "Budgets", responses((status = 200, body = BudgetReply, description = "Done")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let id: Box<str> = budget_id(&call)?.into();
    let target = Target::Customer(call.customer_name()?);
    let seen = call.read(target, move |customer, now| (customer.budgets.get(&id).cloned(), now)).await?;
    let (budget, now) = &seen.value;
    let budget = budget.as_ref().ok_or_else(|| ApiError::not_found("budget"))?;
    Ok(Reply::json(StatusCode::OK, &BudgetReply::of(budget, *now)).seen(&seen))
}

/// The page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct BudgetQuery {
    /// 1 to 1,000; default 50.
    limit: Option<usize>,
    /// Items to pass over.
    offset: Option<usize>,
    /// asc or desc; default asc: each budget stands right below the one above it.
    order: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A customer's budgets as a tree, each before those below it.
#[utoipa::path(get, path = "/v1/customers/{id}/budgets", tag = "Budgets", responses((status = 200, body = ListReply<BudgetReply>, description = "Done")), params(BudgetQuery))]
pub(crate) async fn list(call: Call) -> Result<Reply, ApiError> {
    let mut page = PageFields::of_query(&call.query()?)?;
    page.order.get_or_insert(Order::Asc);
    let target = Target::Customer(call.customer_name()?);
    let seen = call.read(target, |customer, now| (in_tree_order(&customer.budgets), now)).await?;
    let (budgets, now) = &seen.value;
    let page: Page<usize> = page.read(&call.app, |id| budgets.iter().position(|budget| *budget.id == *id))?;
    let cut = page.cut((0..budgets.len()).collect());
    let items: Vec<_> = cut.keys.iter().map(|place| BudgetReply::of(&budgets[*place], *now)).collect();
    let pagination = cut.pagination(|place| budgets[place].id.to_string());
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }).seen(&seen))
}

/// Each before those below it, neighbours by name.
fn in_tree_order(budgets: &BTreeMap<Box<str>, Budget>) -> Vec<Budget> {
    let mut below: BTreeMap<Option<&str>, Vec<&Budget>> = BTreeMap::new();
    // From the last, so that the first of each level is taken first.
    for budget in budgets.values().rev() {
        below.entry(budget.parent.as_deref()).or_default().push(budget);
    }
    let mut open = below.remove(&None).unwrap_or_default();
    let mut ordered = Vec::with_capacity(budgets.len());
    while let Some(budget) = open.pop() {
        ordered.push(budget.clone());
        open.extend(below.remove(&Some(&*budget.id)).unwrap_or_default());
    }
    ordered
}

fn budget_id(call: &Call) -> Result<&str, ApiError> {
    let id = call.param("budget_id");
    fields::own_id("budget_id", id.into()).map(|_| id)
}

/// A budget, and what is used of it as of the reply.
#[derive(Serialize, ToSchema)]
#[schema(as = Budget)]
pub(crate) struct BudgetReply<'a> {
    budget_id: &'a str,
    /// The budget above it.
    parent_id: Option<&'a str>,
    unit: UnitReply<'a>,
    /// In the order in which they are checked.
    limits: Vec<LimitReply>,
}

/// What a budget counts.
#[derive(Serialize, ToSchema)]
#[schema(as = BudgetUnitReply)]
pub(crate) struct UnitReply<'a> {
    currency: &'a str,
    price_unit: Option<&'a str>,
}

/// A cap, and what is used of it.
#[derive(Serialize, ToSchema)]
#[schema(as = BudgetLimit)]
pub(crate) struct LimitReply {
    /// lifetime, hour, day, week or month.
    #[schema(example = "day")]
    window: &'static str,
    /// The cap.
    credits: Dec,
    /// What is used in the window that holds now.
    used: Dec,
    /// The cap less what is used; 0 where usage that had happened has passed the cap.
    left: Dec,
    /// When the window ends; null = never, or the last one has ended and nothing was used since.
    resets_at: Option<Time>,
}

impl<'a> BudgetReply<'a> {
    fn of(budget: &'a Budget, now: Timestamp) -> Self {
        Self {
            budget_id: &budget.id,
            parent_id: budget.parent.as_deref(),
            unit: UnitReply {
                currency: budget.currency.as_str(),
                price_unit: budget.price_unit.as_ref().map(|code| code.as_str()),
            },
            limits: budget.limits.iter().map(|limit| LimitReply::of(limit, now)).collect(),
        }
    }
}

impl LimitReply {
    fn of(limit: &BudgetLimit, now: Timestamp) -> Self {
        let used = limit.used_at(now);
        Self {
            window: limit.window.as_str(),
            credits: limit.credits.into(),
            used: used.into(),
            left: (limit.credits - used).max(Credits::ZERO).into(),
            resets_at: limit.resets_at(now).map(Time),
        }
    }
}

#[cfg(test)]
mod tests {
    use coffer_ledger::unit::Currency;

    use super::*;

    #[test]
    fn the_list_is_a_tree_with_each_budget_below_its_parent() {
        let budget = |(id, parent): (&str, Option<&str>)| Budget {
            id: id.into(),
            parent: parent.map(Into::into),
            currency: Currency(*b"usd"),
            price_unit: None,
            limits: Vec::new(),
        };
        let given = [
            ("z", None),
            ("a", Some("m")),
            ("m", None),
            ("b", Some("m")),
            ("c", Some("a")),
            ("y", Some("z")),
        ];
        let budgets = given.map(budget).into_iter().map(|budget| (budget.id.clone(), budget)).collect();
        let ordered: Vec<_> = in_tree_order(&budgets).iter().map(|budget| budget.id.to_string()).collect();
        assert_eq!(ordered, ["m", "a", "c", "b", "z", "y"]);
    }
}
