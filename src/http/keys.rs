//! `/v1/keys`: API keys of the tenant. A secret is shown once, when its key is made.

use std::sync::Arc;

use axum::http::StatusCode;
use coffer_ledger::catalog::api_key::{ApiKey, KeyScopes};
use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect};
use coffer_ledger::ids::KeyId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::error::ApiError;
use super::fields;
use super::page::{ListReply, Pagination};
use super::reply::Reply;
use super::secret::Secret;
use super::wire::{Id, Time};
use crate::engine::{Target, TenantCommitted, TenantOperation, TenantView};

/// Bytes of a key's or a tenant's name.
pub(super) const NAME_BYTES_MAX: usize = 128;

/// A new key.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateKey)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateBody {
    /// Name for people: 1 to 128 bytes.
    name: Box<str>,
    /// What it may do; at least one.
    scopes: Vec<ScopeField>,
    /// The only customer that it sees; absent = all.
    customer_id: Option<Box<str>>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = KeyScope)]
pub(crate) enum ScopeField {
    /// Debits and balances.
    Debit,
    /// Reads.
    Read,
    /// Wallets, credit, customers.
    Write,
    /// Keys, settings, tenants.
    Admin,
}

/// An API key.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyReply<'a> {
    /// The key's id, which is not the secret; null for a dry run.
    id: Option<Id>,
    name: &'a str,
    scopes: Vec<&'static str>,
    /// The only customer that it sees.
    customer_id: Option<&'a str>,
    created_at: Time,
    revoked_at: Option<Time>,
    /// The secret: only in the first answer to the request that made it.
    key: Option<&'a str>,
}

impl<'a> KeyReply<'a> {
    pub(super) fn of(key: &'a ApiKey, secret: Option<&'a str>) -> Self {
        Self {
            id: Some(key.id.into()),
            name: &key.name,
            scopes: scope_names(key.scopes),
            customer_id: key.customer.as_ref().map(|(_, name)| &**name),
            created_at: Time(key.created_at),
            revoked_at: key.revoked_at.map(Time),
            key: secret,
        }
    }
}

/// Makes a key.
#[utoipa::path(post, path = "/v1/keys", tag = "Administration", request_body = CreateBody, responses((status = 201, body = KeyReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let body: CreateBody = call.json()?;
    let origin = call.origin(body.idempotency_key)?;
    let name = name(body.name)?;
    let scopes = scopes(&body.scopes)?;
    let customer = body.customer_id.map(|name| customer(&call, name)).transpose()?;
    let secret = Secret::generate(call.engine());
    let command = TenantCommand::CreateKey { secret_sha256: secret.sha256(), name, scopes, customer };
    let operation = TenantOperation { command, origin, dry_run };
    let committed = call.engine().submit_tenant(call.tenant(), operation).await?;
    // A repeated request made no secret: the first answer alone held it.
    let shown = (!committed.replayed && !dry_run).then(|| secret.reveal());
    let mut reply = KeyReply::of(key_of(&committed)?, shown);
    if dry_run && !committed.replayed {
        reply.id = None;
    }
    Ok(Reply::json(StatusCode::CREATED, &reply).of_tenant(&committed))
}

/// Every key of the tenant, newest first, revoked ones included.
#[utoipa::path(get, path = "/v1/keys", tag = "Administration", responses((status = 200, body = ListReply<KeyReply>, description = "Done")))]
pub(crate) async fn list(call: Call) -> Result<Reply, ApiError> {
    let view = view(&call)?;
    let items: Vec<_> = view.keys.iter().rev().map(|key| KeyReply::of(key, None)).collect();
    let pagination = Pagination::whole(items.len());
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }))
}

/// Ends a key: whoever has this answer never sees the key work again.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "Administration", responses((status = 200, body = KeyReply, description = "Done")))]
pub(crate) async fn revoke(call: Call) -> Result<Reply, ApiError> {
    let id: KeyId = call.param("id").parse().map_err(|_| ApiError::not_found("key"))?;
    let command = TenantCommand::RevokeKey(id);
    let origin = call.origin(call.key_alone()?)?;
    let operation = TenantOperation { command, dry_run: call.dry_run()?, origin };
    let committed = call.engine().submit_tenant(call.tenant(), operation).await?;
    Ok(Reply::json(StatusCode::OK, &KeyReply::of(key_of(&committed)?, None)).of_tenant(&committed))
}

fn view(call: &Call) -> Result<Arc<TenantView>, ApiError> {
    call.engine().tenant_view(call.tenant()).ok_or_else(|| ApiError::not_found("tenant"))
}

/// The key that a record made or ended.
pub(super) fn key_of(committed: &TenantCommitted) -> Result<&ApiKey, ApiError> {
    match &committed.record.facts.effect {
        TenantEffect::KeySet(key) => Ok(key),
        _ => Err(ApiError::internal("the record of a key holds another effect")),
    }
}

/// A name for people.
pub(super) fn name(given: Box<str>) -> Result<Box<str>, ApiError> {
    if !is_key_name(&given) {
        return Err(ApiError::field("name", "1 to 128 bytes, no control characters"));
    }
    Ok(given)
}

/// Whether this may be the name of a key or a tenant.
pub(crate) fn is_key_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control)
}

fn customer(call: &Call, name: Box<str>) -> Result<(coffer_ledger::ids::CustomerNumber, Box<str>), ApiError> {
    fields::known_name("customer_id", &name)?;
    let number = call.engine().resolve(call.tenant(), Target::Customer(&name));
    number.map(|number| (number, name)).ok_or_else(|| ApiError::not_found("customer"))
}

fn scopes(given: &[ScopeField]) -> Result<KeyScopes, ApiError> {
    if given.is_empty() {
        return Err(ApiError::field("scopes", "at least one of debit, read, write, admin"));
    }
    Ok(KeyScopes {
        debit: given.contains(&ScopeField::Debit),
        read: given.contains(&ScopeField::Read),
        write: given.contains(&ScopeField::Write),
        admin: given.contains(&ScopeField::Admin),
    })
}

fn scope_names(scopes: KeyScopes) -> Vec<&'static str> {
    [("debit", scopes.debit), ("read", scopes.read), ("write", scopes.write), ("admin", scopes.admin)]
        .into_iter()
        .filter(|(_, has)| *has)
        .map(|(name, _)| name)
        .collect()
}
