//! `/v1/tenants`: isolated workspaces. Only administrators of the first tenant make and see them: nothing crosses tenants.

use axum::http::StatusCode;
use coffer_ledger::catalog::api_key::KeyScopes;
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::ids::TenantNumber;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::error::{ApiError, Code};
use super::keys::{self, KeyReply};
use super::page::{ListReply, Pagination};
use super::reply::Reply;
use super::secret::Secret;
use super::wallets::reply::TenantId;
use crate::engine::{TenantOperation, TenantView};

/// The tenant whose administrators run the server.
const FIRST: TenantNumber = TenantNumber(1);
/// Name of the key that a tenant begins with.
const FIRST_KEY_NAME: &str = "first admin key";
const EVERYTHING: KeyScopes = KeyScopes { debit: true, read: true, write: true, admin: true };

/// A new tenant.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateTenant)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateBody {
    /// Unique name: 1 to 128 bytes.
    name: Box<str>,
    /// Whether it is for tests: it may be given a clock of its own (`/v1/test-clock`); default false.
    test_mode: Option<bool>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// An isolated workspace.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(crate) struct TenantReply<'a> {
    /// Null for a dry run.
    #[schema(value_type = Option<String>)]
    id: Option<TenantId>,
    name: &'a str,
    /// Whether it was made for tests.
    test_mode: bool,
    /// The first admin key, with its secret: only in the answer that made the tenant.
    key: Option<KeyReply<'a>>,
}

impl<'a> TenantReply<'a> {
    fn of(view: &'a TenantView) -> Self {
        Self { id: Some(TenantId(view.number)), name: &view.name, test_mode: view.test_mode, key: None }
    }
}

/// Makes a tenant and its first admin key.
#[utoipa::path(post, path = "/v1/tenants", tag = "Administration", request_body = CreateBody, responses((status = 201, body = TenantReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    check_first(&call, "sees tenants")?;
    let dry_run = call.dry_run()?;
    let body: CreateBody = call.json()?;
    let origin = call.origin(body.idempotency_key)?;
    let (name, test_mode) = (keys::name(body.name)?, body.test_mode.unwrap_or(false));
    if dry_run {
        if call.engine().tenants().iter().any(|view| view.name == name) {
            return Err(ApiError::new(Code::AlreadyExists, "tenant already exists"));
        }
        return Ok(Reply::json(
            StatusCode::CREATED,
            &TenantReply { id: None, name: &name, test_mode, key: None },
        ));
    }
    let made = if test_mode {
        call.engine().create_test_tenant(&name, origin.clone()).await?
    } else {
        call.engine().create_tenant(&name, origin.clone()).await?
    };
    let tenants = call.engine().tenants();
    let view = tenants
        .iter()
        .find(|view| view.name == name)
        .ok_or_else(|| ApiError::internal("a new tenant is not published"))?;
    if made.replayed && !view.keys.is_empty() {
        return Ok(Reply::json(StatusCode::CREATED, &TenantReply::of(view)).of_tenant(&made));
    }
    let secret = Secret::generate(call.engine());
    let command = TenantCommand::CreateKey {
        secret_sha256: secret.sha256(),
        name: FIRST_KEY_NAME.into(),
        scopes: EVERYTHING,
        customer: None,
    };
    let origin = coffer_ledger::command::Origin { idempotency_key: None, ..origin };
    let keyed = call.engine().submit_tenant(view.number, TenantOperation::new(command, origin)).await?;
    let key = Some(KeyReply::of(keys::key_of(&keyed)?, Some(secret.reveal())));
    let reply = TenantReply { key, ..TenantReply::of(view) };
    Ok(Reply::json(StatusCode::CREATED, &reply).at(keyed.position))
}

/// Every tenant.
#[utoipa::path(get, path = "/v1/tenants", tag = "Administration", responses((status = 200, body = ListReply<TenantReply>, description = "Done")))]
pub(crate) async fn list(call: Call) -> Result<Reply, ApiError> {
    check_first(&call, "sees tenants")?;
    let tenants = call.engine().tenants();
    let items: Vec<_> = tenants.iter().map(|view| TenantReply::of(view)).collect();
    let pagination = Pagination::whole(items.len());
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }))
}

/// Only the first tenant's keys may do this.
pub(super) fn check_first(call: &Call, what: &str) -> Result<(), ApiError> {
    if call.tenant() == FIRST {
        return Ok(());
    }
    Err(ApiError::new(Code::PermissionDenied, format!("only a key of the first tenant {what}")))
}
