//! `coffer keys`: through a running server (`--url`), or on the data directory of a stopped one.

mod offline;
mod remote;

use clap::{Args, Subcommand};
use coffer_ledger::catalog::api_key::KeyScopes;
use serde::{Deserialize, Serialize};

use super::exit::{CliError, Code};
use super::{SettingsArgs, block_on, output};

/// Arguments of `coffer keys`.
#[derive(Args, Debug)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
    /// Talk to this running server instead of opening the data directory; without it, and without --data-dir and --tenant, COFFER_URL
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// An admin key of that server
    #[arg(long, global = true, env = "COFFER_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
    /// Configuration file of the stopped server
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// Data directory of the stopped server [default: ./coffer-data]
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "url")]
    data_dir: Option<std::path::PathBuf>,
    /// Name of the tenant [default: "default"; with --url the tenant of the admin key]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "url")]
    tenant: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key; it is shown only now
    Create {
        /// Name for people
        #[arg(long)]
        name: String,
        /// What it may do: any of debit, read, write, admin
        #[arg(long, value_delimiter = ',', value_parser = SCOPES, required = true)]
        scopes: Vec<String>,
        /// The only customer that it sees
        #[arg(long, value_name = "CUSTOMER")]
        customer: Option<String>,
    },
    /// List the keys, revoked ones included
    List,
    /// End a key at once
    Revoke {
        /// Its id, `key_…`
        id: String,
    },
}

/// The server, where the command line names neither one nor a data directory.
const URL_VARIABLE: &str = "COFFER_URL";

/// Names of scopes, in the order in which they are shown.
const SCOPES: [&str; 4] = ["debit", "read", "write", "admin"];

/// A key as it is printed. With `--url` it is what the server replied.
#[derive(Debug, Deserialize, Serialize)]
struct ShownKey {
    id: String,
    name: String,
    scopes: Vec<String>,
    customer_id: Option<String>,
    created_at: Option<String>,
    revoked_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// Runs it.
///
/// # Errors
/// When the server or the data directory cannot be used, or the request was refused.
pub(crate) fn run(args: KeysArgs) -> Result<(), CliError> {
    // What stands on the command line goes before what stands in the environment.
    let is_offline = args.data_dir.is_some() || args.tenant.is_some();
    let url = args.url.or_else(|| std::env::var(URL_VARIABLE).ok().filter(|_| !is_offline));
    let settings = SettingsArgs { config: args.config, data_dir: args.data_dir };
    match url {
        Some(url) => {
            let missing =
                || CliError::new(Code::Usage, "--url needs an admin key: --api-key or COFFER_API_KEY");
            let server = remote::Server::new(&url, &args.api_key.ok_or_else(missing)?)?;
            block_on(0, remote::run(server, args.command, args.json))?
        }
        None => {
            let tenant = args.tenant.unwrap_or_else(|| "default".to_owned());
            block_on(0, offline::run(settings.load(Vec::new())?, tenant, args.command, args.json))?
        }
    }
}

/// Shows a key's secret, this once: where nobody gets it, that is no success, whyever.
fn print_made(key: &ShownKey, json: bool) -> Result<(), CliError> {
    if json {
        output::json(key);
    } else {
        output::line(format!("{} {:?}, scopes {}", key.id, key.name, key.scopes.join(",")));
        output::line(format!("key, shown only now: {}", key.key.as_deref().unwrap_or("(not shown)")));
    }
    output::check()?;
    if output::is_broken() {
        let line = format!("the key {} was made and shown to nobody: revoke it and make another", key.id);
        return Err(CliError::new(Code::Io, line));
    }
    Ok(())
}

fn print_list(keys: &[ShownKey], json: bool) {
    if json {
        return output::json(&keys);
    }
    for key in keys {
        let customer = key.customer_id.as_deref().map_or(String::new(), |id| format!(" customer {id}"));
        let state = key.revoked_at.as_deref().map_or("active".to_owned(), |at| format!("revoked {at}"));
        output::line(format!("{} {:<23} {state} {:?}{customer}", key.id, key.scopes.join(","), key.name));
    }
}

fn print_revoked(id: &str, json: bool) {
    if json {
        output::json(&serde_json::json!({ "id": id, "revoked": true }));
    } else {
        output::line(format!("{id} revoked"));
    }
}

fn scopes_of(names: &[String]) -> KeyScopes {
    let has = |name: &str| names.iter().any(|given| given == name);
    KeyScopes { debit: has("debit"), read: has("read"), write: has("write"), admin: has("admin") }
}

fn names_of(scopes: KeyScopes) -> Vec<String> {
    let held = [scopes.debit, scopes.read, scopes.write, scopes.admin];
    SCOPES.iter().zip(held).filter(|(_, held)| *held).map(|(name, _)| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_the_same_after_naming_them() {
        for bits in 0..16_u8 {
            let scopes = KeyScopes {
                debit: bits & 1 > 0,
                read: bits & 2 > 0,
                write: bits & 4 > 0,
                admin: bits & 8 > 0,
            };
            assert_eq!(scopes_of(&names_of(scopes)), scopes);
        }
    }
}
