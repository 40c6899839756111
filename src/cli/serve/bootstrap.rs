//! The first start: tenant "default" and its first admin key, printed once or taken from `COFFER_BOOTSTRAP_KEY`.
//!
//! A crash between the two, or before the line is printed, leaves a tenant without a key that anybody knows. The former is
//! mended by the next start; for the latter there is `coffer keys create` on the stopped server.

use coffer_ledger::catalog::api_key::KeyScopes;
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::Origin;

use crate::cli::exit::{CliError, Code};
use crate::cli::output;
use crate::engine::{Engine, TenantOperation};
use crate::http::Secret;

const VARIABLE: &str = "COFFER_BOOTSTRAP_KEY";

/// Bytes of a key that people choose themselves, at least and at most.
const CHOSEN_BYTES: std::ops::RangeInclusive<usize> = 16..=256;

/// Name of the first tenant.
pub(crate) const FIRST_TENANT: &str = "default";

/// The key of the environment, if there is one.
pub(crate) fn chosen_key() -> Result<Option<Secret>, CliError> {
    let Some(key) = std::env::var_os(VARIABLE) else { return Ok(None) };
    match key.into_string() {
        Ok(key) if is_usable(&key) => Ok(Some(Secret::chosen(key))),
        // The value is a secret: the line does not show it.
        Ok(_) | Err(_) => Err(CliError::new(
            Code::Config,
            format!(
                "{VARIABLE}: must be {} to {} visible ASCII characters",
                CHOSEN_BYTES.start(),
                CHOSEN_BYTES.end()
            ),
        )),
    }
}

/// Makes the tenant and the key where they are missing.
pub(crate) async fn first_key(engine: &Engine, chosen: Option<Secret>) -> Result<(), CliError> {
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
    let key = chosen.unwrap_or_else(|| Secret::generate(engine));
    let command = TenantCommand::CreateKey {
        secret_sha256: key.sha256(),
        name: "first admin key".into(),
        scopes: KeyScopes { debit: true, read: true, write: true, admin: true },
        customer: None,
    };
    engine.submit_tenant(tenant, TenantOperation::new(command, Origin::default())).await?;
    if printed {
        output::line(format!("first admin key, shown only now: {}", key.reveal()));
        if output::is_broken() {
            tracing::warn!(
                "the first admin key was shown to nobody; stop the server and make one with `coffer keys create`"
            );
        }
    }
    Ok(())
}

/// Whether a chosen key can be sent in a header and is long enough to be one.
fn is_usable(key: &str) -> bool {
    CHOSEN_BYTES.contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}
