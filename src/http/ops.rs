//! Health, readiness and metrics.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::call::Call;
use super::error::ApiError;
use super::metrics;
use super::reply::Reply;
use super::tenants;

/// The page loads nothing and runs nothing.
const DOCS_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// In one word.
    status: &'static str,
    /// Why not, if not.
    reason: Option<String>,
    /// How far the history is; null where it is none of the question, or there is none.
    history: Option<HistoryHealth>,
}

impl Health {
    /// The process lives.
    pub(super) const fn alive() -> Json<Self> {
        Json(Self { status: "ok", reason: None, history: None })
    }

    /// There is no engine yet that could be ready.
    pub(super) fn not_ready(reason: &str) -> Json<Self> {
        Json(Self { status: "not ready", reason: Some(reason.to_owned()), history: None })
    }
}

/// How far the history is. It may lag: readiness does not depend on it.
#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryHealth {
    /// opening, following, failed or stopped.
    state: &'static str,
    /// Why it failed, if it did.
    reason: Option<String>,
    /// Durable records that are not in it.
    lag_records: u64,
    /// Seconds since the log ended where the history is.
    lag_seconds: f64,
}

impl HistoryHealth {
    fn of(app: &App) -> Option<Self> {
        let status = app.history.as_ref()?.status();
        Some(Self {
            state: status.state,
            reason: status.reason.map(|why| why.to_string()),
            lag_records: status.lag_records,
            lag_seconds: status.lag_seconds,
        })
    }
}

/// What this is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Index {
    name: &'static str,
    version: &'static str,
    description: &'static str,
    /// Where the documentation is.
    docs: &'static str,
    /// Where the OpenAPI document is.
    openapi: &'static str,
}

/// What this is, and where it is documented.
#[utoipa::path(get, path = "/", tag = "Operations", responses((status = 200, body = Index, description = "Done")))]
pub(crate) async fn index(_: Arc<App>) -> Response {
    Json(Index {
        name: "coffer",
        version: env!("CARGO_PKG_VERSION"),
        description: env!("CARGO_PKG_DESCRIPTION"),
        docs: "/docs",
        openapi: "/openapi.json",
    })
    .into_response()
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "Operations", responses((status = 200, body = Health, description = "Done")))]
pub(crate) async fn healthz(_: Arc<App>) -> Response {
    Health::alive().into_response()
}

/// Recovered, and the log takes writes.
#[utoipa::path(get, path = "/readyz", tag = "Operations", responses((status = 200, body = Health, description = "Ready"), (status = 503, body = Health, description = "Not ready")))]
pub(crate) async fn readyz(app: Arc<App>) -> Response {
    let history = HistoryHealth::of(&app);
    if app.ready() {
        return Json(Health { status: "ready", reason: None, history }).into_response();
    }
    let refusal = || app.engine.refuses_writes().map_or_else(|| "stopping".to_owned(), |why| why.to_string());
    let reason = app.engine.halted().map_or_else(refusal, |halted| halted.to_string());
    (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "not ready", reason: Some(reason), history }))
        .into_response()
}

/// The OpenAPI document.
#[utoipa::path(get, path = "/openapi.json", tag = "Operations", responses((status = 200, content_type = "application/json", body = Object, description = "This document")))]
pub(crate) async fn openapi(app: Arc<App>) -> Response {
    ([(CONTENT_TYPE, "application/json")], app.openapi.clone()).into_response()
}

/// The same to read.
#[utoipa::path(get, path = "/docs", tag = "Operations", responses((status = 200, content_type = "text/html", body = String, description = "A page")))]
pub(crate) async fn docs(app: Arc<App>) -> Response {
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, DOCS_POLICY)];
    (headers, app.docs.clone()).into_response()
}

/// Figures for Prometheus: of all tenants together, so only for keys of the first tenant that are bound to no customer.
#[utoipa::path(get, path = "/metrics", tag = "Operations", responses((status = 200, content_type = "text/plain", body = String, description = "Figures")))]
pub(crate) async fn metrics(call: Call) -> Result<Reply, ApiError> {
    call.check_unbound("the figures are those of all tenants")?;
    tenants::check_first(&call, "sees the figures of all")?;
    Ok(Reply::plain(metrics::render(&call.app).into_bytes()))
}

/// Figures for Prometheus, on the operators' own listener.
pub(crate) async fn open_metrics(app: Arc<App>) -> Response {
    Reply::plain(metrics::render(&app).into_bytes()).into_response()
}
