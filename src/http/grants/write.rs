//! Grants made, changed and deleted.

use axum::http::StatusCode;
use coffer_ledger::catalog::grant::{PlanGrantAsked, PlanKind};
use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect};
use coffer_ledger::command::{Command, CreateGrant, GrantChange, GrantFor, UpdateGrant};
use coffer_ledger::fact::{Due, Effect};
use coffer_ledger::grant::Grant;
use coffer_ledger::ids::{CustomerNumber, WalletId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ask::{self, GrantBody, upper};
use super::read::{grant_id, grant_not_found};
use super::reply::GrantReply;
use crate::engine::{Committed, Target, TenantCommitted, TenantOperation};
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::fields::{self, Number, PairsField};
use crate::http::reply::Reply;

/// Makes a grant. What is due of it at once is minted in the same step.
#[utoipa::path(post, path = "/v1/creditgrants", tag = "Credit grants", request_body = GrantBody, responses((status = 201, body = GrantReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.billing_dry_run()?;
    let mut body: GrantBody<'_> = call.json()?;
    let key = body.idempotency_key.take();
    let rule = body.rule()?;
    let name = ask::name(std::mem::take(&mut body.name))?;
    let metadata = fields::metadata(body.metadata.take())?;
    let kind = match upper(&body.scope).as_str() {
        "PLAN" => Some((PlanKind::Plan, "plan_id", body.plan_id.take())),
        "ADDON" => Some((PlanKind::Addon, "addon_id", body.addon_id.take())),
        "SUBSCRIPTION" | "CUSTOMER" | "WALLET" => None,
        _ => return Err(ApiError::field("scope", "PLAN, ADDON, SUBSCRIPTION, CUSTOMER or WALLET")),
    };
    let Some((kind, field, plan)) = kind else {
        let (number, of, wallet) = whose(&call, &body)?;
        let zone = body.time_zone.take();
        if let Some(zone) = &zone {
            fields::time_zone("time_zone", zone)?;
        }
        let request = CreateGrant { of, wallet, name, metadata, rule, zone };
        let command = Command::CreateGrant(Box::new(request));
        let committed = call.submit(Target::Number(number), command, call.origin(key)?, dry_run).await?;
        return of_customer(&call, StatusCode::CREATED, &committed).await;
    };
    if body.wallet_id.is_some() || body.time_zone.is_some() {
        return Err(ApiError::field(
            "scope",
            "the grant of a plan has no wallet and no time zone of its own",
        ));
    }
    let plan = fields::own_id(field, plan.ok_or_else(|| ApiError::field(field, "is missing"))?)?;
    let asked = PlanGrantAsked { kind, plan, name, metadata, rule };
    let committed = commit(&call, TenantCommand::CreatePlanGrant(asked), key, dry_run).await?;
    of_tenant(&call, StatusCode::CREATED, &committed)
}

/// The same as `/v1/creditgrants`.
#[utoipa::path(post, path = "/v1/credit-grants", tag = "Credit grants", request_body = GrantBody, responses((status = 201, body = GrantReply, description = "Done")))]
pub(crate) async fn create_alias(call: Call) -> Result<Reply, ApiError> {
    create(call).await
}

/// Whose grant it will be.
fn whose(
    call: &Call,
    body: &GrantBody<'_>,
) -> Result<(CustomerNumber, GrantFor, Option<WalletId>), ApiError> {
    let scope = upper(&body.scope);
    let wallet = body.wallet_id.as_deref().map(|id| fields::wallet_id("wallet_id", id)).transpose()?;
    let named = match scope.as_str() {
        "CUSTOMER" => ("customer_id", body.customer_id.as_deref()),
        "WALLET" => ("wallet_id", body.wallet_id.as_deref()),
        _ => ("subscription_id", body.subscription_id.as_deref()),
    };
    // What the SDKs can say is a subscription's id; in its place may stand a wallet's or a customer's.
    let (field, name) = match named {
        (field, Some(name)) => (field, name),
        (field, None) => match body.subscription_id.as_deref() {
            Some(name) => (field, name),
            None => return Err(ApiError::field(field, "is missing")),
        },
    };
    let engine = call.engine();
    let name = fields::known_name(field, name)?;
    if scope == "SUBSCRIPTION"
        && let Some(number) = engine.find_subscription(call.tenant(), name)
    {
        return Ok((number, GrantFor::Subscription(name.into()), wallet));
    }
    if scope != "CUSTOMER"
        && let Ok(id) = name.parse::<WalletId>()
    {
        return Ok((id.0.customer(), GrantFor::Wallet(id), None));
    }
    let what = if scope == "SUBSCRIPTION" { "subscription" } else { "customer" };
    if scope == "WALLET" {
        return Err(ApiError::field("wallet_id", "not an id of a wallet"));
    }
    let number = engine.resolve(call.tenant(), Target::Customer(name));
    Ok((number.ok_or_else(|| ApiError::not_found(what))?, GrantFor::Customer, wallet))
}

/// Changes to a grant, from its next period.
#[derive(Deserialize, ToSchema)]
#[schema(as = UpdateCreditGrant)]
pub(crate) struct ChangeBody<'a> {
    /// New name.
    name: Option<Box<str>>,
    /// New pairs, replaced whole.
    metadata: Option<PairsField>,
    /// New end: no period begins at or after it.
    end_date: Option<Box<str>>,
    /// New amount; `credit_amount` is the same.
    #[serde(borrow, alias = "credit_amount")]
    credits: Option<Number<'a>>,
    /// New priority.
    priority: Option<u32>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

impl ChangeBody<'_> {
    fn read(self) -> Result<GrantChange, ApiError> {
        Ok(GrantChange {
            name: self.name.map(ask::name).transpose()?,
            metadata: self.metadata.map(|pairs| fields::metadata(Some(pairs))).transpose()?,
            credits: self.credits.map(|credits| credits.credits("credits")).transpose()?,
            priority: self.priority,
            end: fields::time("end_date", self.end_date.as_deref())?,
        })
    }
}

/// Changes a grant. That of a plan changes for all who are enrolled.
#[utoipa::path(put, path = "/v1/creditgrants/{id}", tag = "Credit grants", request_body = ChangeBody, responses((status = 200, body = GrantReply, description = "Done")))]
pub(crate) async fn update(call: Call) -> Result<Reply, ApiError> {
    let (id, dry_run) = (grant_id(&call)?, call.billing_dry_run()?);
    let mut body: ChangeBody<'_> = call.json_or_empty()?;
    let key = body.idempotency_key.take();
    let change = body.read()?;
    if id.is_template() {
        let command = TenantCommand::UpdatePlanGrant { id, change };
        let committed = commit(&call, command, key, dry_run).await?;
        return of_tenant(&call, StatusCode::OK, &committed);
    }
    let command = Command::UpdateGrant(Box::new(UpdateGrant { id, change }));
    let target = Target::Number(id.0.customer());
    let committed =
        call.submit(target, command, call.origin(key)?, dry_run).await.map_err(grant_not_found)?;
    of_customer(&call, StatusCode::OK, &committed).await
}

/// How a grant ends.
#[derive(Deserialize, ToSchema)]
#[schema(as = DeleteCreditGrant)]
pub(crate) struct DeleteBody {
    /// From when no period begins any more; absent = now.
    effective_date: Option<Box<str>>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// A message.
#[derive(Serialize, ToSchema)]
#[schema(as = Success)]
pub(crate) struct MessageReply {
    message: &'static str,
}

/// What becomes of what is left.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct EndQuery {
    /// true: what is left of a customer's grant is taken back; not for that of a plan.
    void_remaining: Option<bool>,
}

/// Ends a grant: no period begins any more; what was minted stays, unless `void_remaining=true` takes back what is left of a customer's.
#[utoipa::path(delete, path = "/v1/creditgrants/{id}", tag = "Credit grants", request_body = Option<DeleteBody>, responses((status = 200, body = MessageReply, description = "Done")), params(EndQuery))]
pub(crate) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let (id, dry_run) = (grant_id(&call)?, call.billing_dry_run()?);
    let void_remaining = call.query()?.flag("void_remaining")?;
    let body: DeleteBody = call.json_or_empty()?;
    let effective_at = fields::time("effective_date", body.effective_date.as_deref())?;
    let key = body.idempotency_key;
    let reply = Reply::json(StatusCode::OK, &MessageReply { message: "credit grant deleted successfully" });
    if !id.is_template() {
        let command = Command::DeleteGrant { id, effective_at, void_remaining };
        let target = Target::Number(id.0.customer());
        let committed =
            call.submit(target, command, call.origin(key)?, dry_run).await.map_err(grant_not_found)?;
        return Ok(reply.of(&committed));
    }
    if void_remaining {
        return Err(ApiError::field("void_remaining", "what a plan gave is voided by leaving it"));
    }
    let now = call.engine().now_of(call.tenant());
    let command = match effective_at.filter(|at| *at > now) {
        Some(end) => TenantCommand::UpdatePlanGrant {
            id,
            change: GrantChange { end: Some(end), ..GrantChange::default() },
        },
        None => TenantCommand::DeletePlanGrant(id),
    };
    let committed = commit(&call, command, key, dry_run).await?;
    Ok(reply.of_tenant(&committed))
}

async fn commit(
    call: &Call,
    command: TenantCommand,
    key: Option<Box<str>>,
    dry_run: bool,
) -> Result<TenantCommitted, ApiError> {
    call.check_unbound("it changes no plan")?;
    let operation = TenantOperation { command, dry_run, origin: call.origin(key)? };
    Ok(call.engine().submit_tenant(call.tenant(), operation).await?)
}

fn of_tenant(call: &Call, status: StatusCode, committed: &TenantCommitted) -> Result<Reply, ApiError> {
    let TenantEffect::PlanGrantSet(grant) = &committed.record.facts.effect else {
        return Err(ApiError::internal("the record of a grant holds another effect"));
    };
    let mut reply = GrantReply::template(call.tenant(), grant);
    if committed.position.0 == 0 && status == StatusCode::CREATED {
        reply.id = None;
    }
    Ok(Reply::json(status, &reply).of_tenant(committed))
}

async fn of_customer(call: &Call, status: StatusCode, committed: &Committed) -> Result<Reply, ApiError> {
    let Effect::GrantSet(set) = &committed.record.facts.effect else {
        return Err(ApiError::internal("the record of a grant holds another effect"));
    };
    let names = &committed.customer;
    let minted = set.minted.iter().rev().find_map(|due| match due {
        Due::Granted(granted) if granted.key == set.grant.key => Some(granted.next),
        _ => None,
    });
    let grant = Grant { next: minted.unwrap_or(set.grant.next), ..set.grant.clone() };
    let mut reply = GrantReply::own(call.tenant(), &names.id, &grant, set.subscription.as_deref());
    if committed.position.0 == 0 && status == StatusCode::CREATED {
        reply.id = None;
    }
    Ok(Reply::json(status, &reply).of(committed))
}
