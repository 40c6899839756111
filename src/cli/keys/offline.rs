//! Keys of a stopped server: opens its data directory, makes one record, closes it.

use std::sync::Arc;

use coffer_ledger::catalog::api_key::ApiKey;
use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect};
use coffer_ledger::command::Origin;
use coffer_ledger::ids::{KeyId, TenantNumber};

use super::{KeysCommand, ShownKey, names_of, print_list, print_made, print_revoked, scopes_of};
use crate::cli::exit::{CliError, Code};
use crate::cli::instant::rfc3339;
use crate::cli::start;
use crate::config::Config;
use crate::engine::{Engine, Target, TenantOperation, TenantView};
use crate::http::{Secret, is_key_name};

/// Opens, does one command, closes.
pub(crate) async fn run(
    config: Config,
    tenant: String,
    command: KeysCommand,
    json: bool,
) -> Result<(), CliError> {
    let engine = start::open_offline(&config, "for a running server use --url and --api-key").await?;
    let done = run_on(&engine, &tenant, command, json).await;
    let closed = engine.shutdown().await.map_err(CliError::from);
    done.and(closed)
}

async fn run_on(engine: &Engine, tenant: &str, command: KeysCommand, json: bool) -> Result<(), CliError> {
    let view = find_tenant(engine, tenant)?;
    match command {
        KeysCommand::Create { name, scopes, customer } => {
            let key = Secret::generate(engine);
            let made = create(engine, view.number, &key, &name, &scopes, customer.as_deref()).await?;
            print_made(&ShownKey { key: Some(key.reveal().to_owned()), ..shown(&made) }, json)?;
        }
        KeysCommand::List => print_list(&view.keys.iter().map(shown).collect::<Vec<_>>(), json),
        KeysCommand::Revoke { id } => {
            let key: KeyId =
                id.parse().map_err(|_| CliError::new(Code::Usage, format!("{id:?} is no key id")))?;
            submit(engine, view.number, TenantCommand::RevokeKey(key)).await?;
            print_revoked(&id, json);
        }
    }
    Ok(())
}

fn find_tenant(engine: &Engine, name: &str) -> Result<Arc<TenantView>, CliError> {
    let tenants = engine.tenants();
    tenants.iter().find(|view| *view.name == *name).cloned().ok_or_else(|| {
        let names: Vec<_> = tenants.iter().map(|view| &*view.name).collect();
        CliError::new(Code::Failed, format!("no tenant {name:?}; there are: {}", names.join(", ")))
    })
}

async fn create(
    engine: &Engine,
    tenant: TenantNumber,
    key: &Secret,
    name: &str,
    scopes: &[String],
    customer: Option<&str>,
) -> Result<ApiKey, CliError> {
    if !is_key_name(name) {
        return Err(CliError::new(Code::Usage, "--name: 1 to 128 bytes, no control characters"));
    }
    let customer = match customer {
        None => None,
        Some(id) => {
            let unknown = || CliError::new(Code::Failed, format!("no customer {id:?} in this tenant"));
            Some((engine.resolve(tenant, Target::Customer(id)).ok_or_else(unknown)?, id.into()))
        }
    };
    let command = TenantCommand::CreateKey {
        secret_sha256: key.sha256(),
        name: name.into(),
        scopes: scopes_of(scopes),
        customer,
    };
    match submit(engine, tenant, command).await? {
        TenantEffect::KeySet(made) => Ok(made),
        _ => Err(CliError::new(Code::Internal, "a key was asked for and something else was made")),
    }
}

async fn submit(
    engine: &Engine,
    tenant: TenantNumber,
    command: TenantCommand,
) -> Result<TenantEffect, CliError> {
    let operation = TenantOperation::new(command, Origin::default());
    Ok(engine.submit_tenant(tenant, operation).await?.record.facts.effect)
}

fn shown(key: &ApiKey) -> ShownKey {
    ShownKey {
        id: key.id.to_string(),
        name: key.name.to_string(),
        scopes: names_of(key.scopes),
        customer_id: key.customer.as_ref().map(|(_, name)| name.to_string()),
        created_at: Some(rfc3339(key.created_at.0)),
        revoked_at: key.revoked_at.map(|at| rfc3339(at.0)),
        key: None,
    }
}
