//! Health, readiness and metrics.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::call::Call;
use super::error::ApiError;
use super::reply::Reply;

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// In one word.
    status: &'static str,
    /// Why not, if not.
    reason: Option<String>,
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
pub(crate) async fn healthz(_: Arc<App>) -> Response {
    Json(Health { status: "ok", reason: None }).into_response()
}

/// Recovered, and the log takes writes.
pub(crate) async fn readyz(app: Arc<App>) -> Response {
    if app.ready() {
        return Json(Health { status: "ready", reason: None }).into_response();
    }
    let reason =
        app.engine.halted().map_or_else(|| "starting or stopping".to_owned(), |halted| halted.to_string());
    (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "not ready", reason: Some(reason) }))
        .into_response()
}

/// Figures for Prometheus, with a `read` key.
pub(crate) async fn metrics(call: Call) -> Result<Reply, ApiError> {
    let _ = call.app.metrics.requests().count();
    Ok(Reply::empty(StatusCode::OK))
}

/// Figures for Prometheus, on the operators' own listener.
pub(crate) async fn open_metrics(_: Arc<App>) -> Response {
    StatusCode::OK.into_response()
}
