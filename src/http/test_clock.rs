//! `/v1/test-clock`: the clock of a tenant in test mode (SEMANTICS §10).

use axum::http::StatusCode;
use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::error::ApiError;
use super::fields;
use super::reply::Reply;
use super::wire::Time;
use crate::engine::TenantOperation;

/// Where the clock is to stand.
#[derive(Deserialize, ToSchema)]
#[schema(as = MoveClock)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockBody {
    /// The tenant's time from now on; never before what it is.
    now: Box<str>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// The tenant's time.
#[derive(Serialize, ToSchema)]
#[schema(as = TestClock)]
pub(crate) struct ClockReply {
    /// The tenant's time.
    now: Time,
    /// Whether it stands still until it is moved; else it is the server's.
    stands: bool,
    /// Whether the tenant was made for tests and may have a clock of its own.
    test_mode: bool,
}

/// The tenant's time.
#[utoipa::path(get, path = "/v1/test-clock", tag = "Administration", responses((status = 200, body = ClockReply, description = "Done")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let view = call.engine().tenant_view(call.tenant()).ok_or_else(|| ApiError::not_found("tenant"))?;
    let now = Time(call.engine().now_of(call.tenant()));
    let reply = ClockReply { now, stands: view.test_clock.is_some(), test_mode: view.test_mode };
    Ok(Reply::json(StatusCode::OK, &reply))
}

/// Moves the clock of a tenant in test mode forward. Everything that this makes due has happened, in order, when the answer comes.
#[utoipa::path(post, path = "/v1/test-clock", tag = "Administration", request_body = ClockBody, responses((status = 200, body = ClockReply, description = "Done")))]
pub(crate) async fn post(call: Call) -> Result<Reply, ApiError> {
    advance(&call).await
}

/// As `POST`.
#[utoipa::path(put, path = "/v1/test-clock", tag = "Administration", request_body = ClockBody, responses((status = 200, body = ClockReply, description = "Done")))]
pub(crate) async fn put(call: Call) -> Result<Reply, ApiError> {
    advance(&call).await
}

async fn advance(call: &Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let body: ClockBody = call.json()?;
    let origin = call.origin(body.idempotency_key)?;
    let now = fields::time("now", Some(&body.now))?.ok_or_else(|| ApiError::field("now", "missing"))?;
    let operation = TenantOperation { command: TenantCommand::MoveClock(now), origin, dry_run };
    let moved = call.engine().move_clock(call.tenant(), operation).await?;
    let TenantEffect::ClockMoved(now) = moved.record.facts.effect else {
        return Err(ApiError::internal("the record of a clock holds another effect"));
    };
    let reply = ClockReply { now: Time(now), stands: true, test_mode: true };
    Ok(Reply::json(StatusCode::OK, &reply).of_tenant(&moved))
}
