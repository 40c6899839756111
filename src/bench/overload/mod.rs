//! `coffer bench --only overload`: more than the engine can do, too many connections, one tenant at the expense of another, one
//! batch of ten thousand. First in this process, then over HTTP on a server process.
//!
//! Two tenants: one floods, one is quiet. Whatever is refused must be refused with 503 `overloaded` and `Retry-After`: any other
//! answer ends the measurement with an error.

mod batch;
mod connections;
mod embedded;
mod flood;

use coffer_ledger::catalog::api_key::KeyScopes;
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::Origin;
use coffer_ledger::ids::TenantNumber;

use super::http::Target;
use super::offer::Pick;
use super::sheet::Sheet;
use super::world::{self, World};
use super::{Bench, CUSTOMERS};
use crate::cli::exit::{CliError, Code};
use crate::engine::{Engine, EngineOptions, TenantOperation};
use crate::http::Secret;

/// The key of the quiet tenant.
const QUIET_KEY: &str = "bench-key-of-the-quiet-tenant";
/// Customers of the tenant that floods; a batch names each once.
const FLOOD_CUSTOMERS: u64 = 10_000;

/// Measures all of it.
pub(crate) async fn measure(bench: &Bench) -> Result<Sheet, CliError> {
    let mut sheet = Sheet::default();
    let dir = bench.dir.path().join("overload");
    let engine = Engine::open(EngineOptions::new(&dir), bench.env.clone(), std::sync::Arc::new(())).await?;
    let (flood, quiet) = two_tenants(bench, &engine).await?;
    embedded::measure(bench, &engine, (flood, quiet), &mut sheet).await?;
    batch::embedded(bench, &engine, flood, &mut sheet).await?;
    engine.shutdown().await?;
    drop(engine);
    let server = bench.serve("overload", &[]).await?;
    batch::over_http(bench, &server.url, &mut sheet).await?;
    connections::measure(bench, &server, &mut sheet).await?;
    flood::measure(bench, &server, &mut sheet).await?;
    server.stop().await?;
    Ok(sheet)
}

async fn two_tenants(bench: &Bench, engine: &Engine) -> Result<(World, World), CliError> {
    let flood = make_tenant(engine, "default").await?;
    let quiet = make_tenant(engine, "quiet").await?;
    let command = TenantCommand::CreateKey {
        secret_sha256: Secret::chosen(QUIET_KEY).sha256(),
        name: "quiet".into(),
        scopes: KeyScopes { debit: true, read: true, write: true, admin: true },
        customer: None,
    };
    engine.submit_tenant(quiet, TenantOperation::new(command, Origin::default())).await?;
    let flood = world::make(bench, engine, flood, FLOOD_CUSTOMERS).await?;
    let quiet = world::make(bench, engine, quiet, u64::try_from(CUSTOMERS).expect("a thousand")).await?;
    Ok((flood, quiet))
}

async fn make_tenant(engine: &Engine, name: &str) -> Result<TenantNumber, CliError> {
    engine.create_tenant(name, Origin::default()).await?;
    let made = engine.tenants().iter().find(|view| &*view.name == name).map(|view| view.number);
    made.ok_or_else(|| CliError::new(Code::Internal, "a tenant was made and is not there"))
}

/// Requests to a server, over a thousand customers of the tenant of this key.
fn target(url: &str, name: &'static str, api_key: &'static str, salt: &str) -> Target {
    let (url, salt) = (url.to_owned(), salt.to_owned());
    Target { name, url, api_key, customers: CUSTOMERS, first: 0, pick: Pick::InTurn, salt }
}
