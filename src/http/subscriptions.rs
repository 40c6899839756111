//! `/v1/subscriptions`: who is enrolled in which plan (SEMANTICS §13). Plans are called by your own ids; what they grant is at
//! `/v1/plans/{id}/creditgrants`.

use axum::http::StatusCode;
use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Command, Subscribe};
use coffer_ledger::fact::{Due, Effect, Landed, Voided};
use coffer_ledger::grant::Subscription;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Call, DRY_RUN};
use super::error::ApiError;
use super::fields;
use super::reply::Reply;
use super::wallets::reply::public_id;
use crate::engine::Target;
use crate::wire::{Dec, Id, Time};

const VOID_REMAINING: &str = "void_remaining";

/// A new subscription.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateSubscription)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubscribeBody {
    /// Its id: 1 to 128 bytes, unique; one is made if it is absent.
    id: Option<Box<str>>,
    /// Who is enrolled, by either name; made if nobody named it before.
    customer_id: Box<str>,
    /// The plan's id in your system: 1 to 128 bytes.
    plan_id: Box<str>,
    /// When it begins: boundaries keep its local time, and periods since then are caught up. Absent: now, from 00:00 of today.
    start: Option<Box<str>>,
    /// IANA zone of its calendar; absent: the customer's.
    time_zone: Option<Box<str>>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// Enrols a customer in a plan. What its grants give at once is minted in the same step.
#[utoipa::path(post, path = "/v1/subscriptions", tag = "Credit grants", request_body = SubscribeBody, responses((status = 201, body = SubscriptionReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let body: SubscribeBody = call.json()?;
    fields::new_name("customer_id", &body.customer_id)?;
    if let Some(zone) = &body.time_zone {
        fields::time_zone("time_zone", zone)?;
    }
    let request = Subscribe {
        customer: body.customer_id.clone(),
        id: body.id.map(|id| fields::own_id("id", id)).transpose()?,
        plan: fields::own_id("plan_id", body.plan_id)?,
        start: fields::time("start", body.start.as_deref())?,
        zone: body.time_zone,
    };
    let origin = call.origin(body.idempotency_key)?;
    let command = Command::Subscribe(Box::new(request));
    let committed = call.submit(Target::NewCustomer(&body.customer_id), command, origin, dry_run).await?;
    let Effect::Subscribed(subscribed) = &committed.record.facts.effect else {
        return Err(ApiError::internal("the record of a subscription holds another effect"));
    };
    let mut reply = SubscriptionReply {
        granted: Some(granted(&subscribed.minted).into()),
        ..SubscriptionReply::of(&committed.customer.id, &subscribed.subscription, "active")
    };
    if committed.position.0 == 0 && subscribed.subscription.is_unnamed() {
        reply.id = None;
    }
    Ok(Reply::json(StatusCode::CREATED, &reply).of(&committed))
}

fn granted(minted: &[Due]) -> Credits {
    let credits = minted.iter().map(|due| match due {
        Due::Granted(granted) => match &granted.landed {
            Landed::Minted { row, .. } => row.terms.original,
            Landed::Skipped(_) => Credits::ZERO,
        },
        Due::Expired { .. }
        | Due::Started { .. }
        | Due::HoldExpired(_)
        | Due::RechargeExpired(_)
        | Due::RolledOver(_) => Credits::ZERO,
    });
    credits.sum()
}

/// A subscription.
#[utoipa::path(get, path = "/v1/subscriptions/{id}", tag = "Credit grants", responses((status = 200, body = SubscriptionReply, description = "Done")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let (name, target) = named(&call)?;
    let look = move |customer: &coffer_ledger::customer::Customer, _| {
        customer.grants.subscription(&name).cloned().map(|found| (found, public_id(customer)))
    };
    let seen = call.read(target, look).await.map_err(not_found)?;
    let (subscription, customer) = seen.value.as_ref().ok_or_else(unknown)?;
    let reply = SubscriptionReply::of(customer, subscription, "active");
    Ok(Reply::json(StatusCode::OK, &reply).seen(&seen))
}

/// What becomes of what is left.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct LeaveQuery {
    /// true: what is left of the plan's grants is taken back.
    void_remaining: Option<bool>,
}

/// Leaves a plan: no period begins any more. What was granted stays, unless it is voided.
#[utoipa::path(delete, path = "/v1/subscriptions/{id}", tag = "Credit grants", responses((status = 200, body = SubscriptionReply, description = "Done")), params(LeaveQuery))]
pub(crate) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    query.only(&[DRY_RUN, VOID_REMAINING])?;
    let (dry_run, void_remaining) = (query.flag(DRY_RUN)?, query.flag(VOID_REMAINING)?);
    let origin = call.origin(call.key_alone()?)?;
    let name = fields::own_id("id", call.param("id").into())?;
    let key = origin.idempotency_key.as_deref();
    let number = call.engine().resolve_subscription(call.tenant(), &name, key).await?;
    let target = Target::Number(number.ok_or_else(unknown)?);
    let command = Command::Unsubscribe { subscription: name, void_remaining };
    let committed = call.submit(target, command, origin, dry_run).await.map_err(not_found)?;
    let Effect::Unsubscribed(left) = &committed.record.facts.effect else {
        return Err(ApiError::internal("the record of a subscription holds another effect"));
    };
    let voided: Credits = left.voided.iter().map(|void: &Voided| void.credits).sum();
    let reply = SubscriptionReply {
        voided: Some(voided.into()),
        ..SubscriptionReply::of(&committed.customer.id, &left.subscription, "cancelled")
    };
    Ok(Reply::json(StatusCode::OK, &reply).of(&committed))
}

/// The subscription that the path names, and whose it is.
fn named(call: &Call) -> Result<(Box<str>, Target<'static>), ApiError> {
    let name = fields::own_id("id", call.param("id").into())?;
    let number = call.engine().find_subscription(call.tenant(), &name).ok_or_else(unknown)?;
    Ok((name, Target::Number(number)))
}

fn unknown() -> ApiError {
    ApiError::not_found("subscription")
}

/// Whoever named a subscription is not told of customers.
fn not_found(error: ApiError) -> ApiError {
    if error.status() == StatusCode::NOT_FOUND { unknown() } else { error }
}

/// A subscription.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscription)]
pub(crate) struct SubscriptionReply<'a> {
    /// Null for a dry run that would make one.
    id: Option<&'a str>,
    /// The id that was made for it, beside one of yours.
    subscription_id: Option<Id>,
    customer_id: &'a str,
    plan_id: &'a str,
    /// active, or cancelled.
    status: &'static str,
    start: Option<Time>,
    time_zone: Option<&'a str>,
    /// Credits that were granted with this request; null otherwise.
    granted: Option<Dec>,
    /// Credits that were taken back with this request; null otherwise.
    voided: Option<Dec>,
    created_at: Time,
}

impl<'a> SubscriptionReply<'a> {
    fn of(customer: &'a str, subscription: &'a Subscription, status: &'static str) -> Self {
        Self {
            id: Some(&subscription.name),
            subscription_id: Some(subscription.id.into()),
            customer_id: customer,
            plan_id: &subscription.plan,
            status,
            start: subscription.start.map(Time),
            time_zone: subscription.zone.as_deref(),
            granted: None,
            voided: None,
            created_at: Time(subscription.created_at),
        }
    }
}
