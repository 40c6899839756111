//! The first start: tenant "default" and its first admin key, printed once or taken from `COFFER_BOOTSTRAP_KEY`.
//!
//! A crash between the two, or before the line is printed, leaves a tenant without a key that anybody knows. The former is
//! mended by the next start; for the latter there is `coffer keys create` on the stopped server.

use coffer_ledger::catalog::api_key::KeyScopes;
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::Origin;
use coffer_wal::Entropy;

use crate::cli::exit::{CliError, Code};
use crate::cli::{output, secret};
use crate::engine::{Engine, TenantOperation};

const VARIABLE: &str = "COFFER_BOOTSTRAP_KEY";

/// Name of the first tenant.
pub(crate) const FIRST_TENANT: &str = "default";

/// The key of the environment, if there is one.
pub(crate) fn chosen_key() -> Result<Option<String>, CliError> {
    let Some(key) = std::env::var_os(VARIABLE) else { return Ok(None) };
    match key.into_string() {
        Ok(key) if secret::is_usable(&key) => Ok(Some(key)),
        // The value is a secret: the line does not show it.
        Ok(_) | Err(_) => Err(CliError::new(
            Code::Config,
            format!(
                "{VARIABLE}: must be {} to {} visible ASCII characters",
                secret::CHOSEN_BYTES.start(),
                secret::CHOSEN_BYTES.end()
            ),
        )),
    }
}

/// Makes the tenant and the key where they are missing.
pub(crate) async fn first_key(
    engine: &Engine,
    entropy: &dyn Entropy,
    chosen: Option<String>,
) -> Result<(), CliError> {
    let tenants = engine.tenants();
    let tenant = match tenants.first() {
        Some(view) if !view.keys.is_empty() => return Ok(()),
        Some(view) => view.number,
        None => {
            engine.create_tenant(FIRST_TENANT, Origin::default()).await?;
            let made = engine.tenants();
            made.first().expect("a tenant is published before its creation is answered").number
        }
    };
    let printed = chosen.is_none();
    let key = chosen.unwrap_or_else(|| secret::generate(entropy));
    let command = TenantCommand::CreateKey {
        secret_sha256: secret::sha256(&key),
        name: "first admin key".into(),
        scopes: KeyScopes { debit: true, read: true, write: true, admin: true },
        customer: None,
    };
    engine.submit_tenant(tenant, TenantOperation { command, origin: Origin::default() }).await?;
    if printed {
        output::line(format!("first admin key, shown only now: {key}"));
    }
    Ok(())
}
