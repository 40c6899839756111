//! `coffer as-of`: a customer as it was, from the data directory of a stopped server or a copy of it. Nothing in it is changed.
//!
//! JSON is what the server answers: the balance with the open holds, or the difference of two instants.

use std::sync::Arc;

use clap::Args;
use coffer_ledger::ids::TenantNumber;
use serde_json::{Value, json};

use super::exit::{CliError, Code};
use super::instant::rfc3339;
use super::progress::Progress;
use super::wal::shard_dir;
use super::{SettingsArgs, output, start};
use crate::config::Config;
use crate::engine::{AsOf, At, OpenError, PastFailure, RecoveryProgress, Stopped};
use crate::http::past_documents;

/// Arguments of `coffer as-of`.
#[derive(Args, Debug)]
pub(crate) struct AsOfArgs {
    /// The customer: its id or external id
    customer: String,
    /// An RFC 3339 time, or a position in the log as X-Log-Position gives it
    #[arg(long, value_name = "TIME|POSITION", value_parser = instant)]
    at: At,
    /// Show what changed since this instant
    #[arg(long, value_name = "TIME|POSITION", value_parser = instant)]
    diff_from: Option<At>,
    /// Name of the tenant
    #[arg(long, value_name = "NAME", default_value = "default")]
    tenant: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

fn instant(text: &str) -> Result<At, String> {
    past_documents::read_instant(text)
        .ok_or_else(|| "an RFC 3339 time such as 2026-11-21T08:00:00Z, or a position from 1".to_owned())
}

/// Runs it.
///
/// # Errors
/// When the data directory cannot be used, or the customer did not exist then.
pub(crate) fn run(args: AsOfArgs) -> Result<(), CliError> {
    let stopped = open(&args.settings.load(Vec::new())?)?;
    let tenant = tenant(&stopped, &args.tenant)?;
    let look = |at: Vec<At>| stopped.look(tenant, &args.customer, at).map_err(|failure| told(&args, failure));
    let document = match args.diff_from {
        None => shown(&args, &look(vec![args.at])?[0])?,
        Some(from) => diff(&args, look(vec![from, args.at])?)?,
    };
    if args.json {
        output::json(&document);
    } else {
        print(&args, &document);
    }
    Ok(())
}

fn open(config: &Config) -> Result<Stopped, CliError> {
    if !shard_dir(config).is_dir() {
        let line = format!("there is no log in {}", config.data_dir().display());
        return Err(CliError::new(Code::Failed, line));
    }
    let env = start::machine(config.switch("log.direct_io"));
    let progress = Arc::new(Progress::new(Arc::clone(&env.clock)));
    let shown: Arc<dyn RecoveryProgress> = progress.clone();
    let opened = Stopped::open(&config.engine_options(), &env, &shown);
    progress.finish();
    opened.map_err(|error| match error {
        OpenError::Log(coffer_wal::OpenError::Locked { .. }) => CliError::new(
            Code::Busy,
            format!("{error}; ask a running server for /v1/customers/{{id}}/balance?as_of="),
        ),
        error => error.into(),
    })
}

fn tenant(stopped: &Stopped, name: &str) -> Result<TenantNumber, CliError> {
    let tenants = stopped.tenants();
    let found = tenants.iter().find(|(_, known)| *known == name).map(|(number, _)| *number);
    found.ok_or_else(|| {
        let names: Vec<_> = tenants.iter().map(|(_, name)| *name).collect();
        CliError::new(Code::Failed, format!("no tenant {name:?}; there are: {}", names.join(", ")))
    })
}

fn shown(args: &AsOfArgs, state: &AsOf) -> Result<Value, CliError> {
    state.check_exists().map_err(|failure| told(args, failure))?;
    Ok(json!({
        "at": rfc3339(state.now.0),
        "log_position": state.customer.last_position.0.to_string(),
        "balance": past_documents::balance(state),
        "holds": past_documents::open_holds(state),
    }))
}

fn diff(args: &AsOfArgs, mut states: Vec<AsOf>) -> Result<Value, CliError> {
    let (Some(after), Some(before)) = (states.pop(), states.pop()) else {
        return Err(CliError::new(Code::Internal, "two states were asked for"));
    };
    after.check_exists().map_err(|failure| told(args, failure))?;
    past_documents::difference(before, after)
        .ok_or_else(|| CliError::new(Code::Usage, "--diff-from is later than --at"))
}

fn told(args: &AsOfArgs, failure: PastFailure) -> CliError {
    let code = match &failure {
        PastFailure::Unreadable(_) => Code::Corrupt,
        PastFailure::Failure(_) => Code::Internal,
        PastFailure::NotFound
        | PastFailure::NotYet
        | PastFailure::Deleted
        | PastFailure::Future { .. }
        | PastFailure::BeyondTheLog { .. }
        | PastFailure::Gone
        | PastFailure::TooManyRecords { .. }
        | PastFailure::Busy { .. } => Code::Failed,
    };
    CliError::new(code, format!("customer {:?} of tenant {:?}: {failure}", args.customer, args.tenant))
}

fn print(args: &AsOfArgs, document: &Value) {
    if args.diff_from.is_some() {
        return print_diff(document);
    }
    let balance = &document["balance"];
    output::line(format!(
        "{} as of {}, its last record {}",
        text(&balance["customer_id"]),
        text(&document["at"]),
        text(&document["log_position"])
    ));
    for wallet in list(&balance["wallets"]) {
        output::line(format!(
            "wallet {} in {}: {}",
            text(&wallet["id"]),
            text(&wallet["currency"]),
            figures(wallet)
        ));
        for tranche in list(&wallet["tranches"]) {
            output::line(format!(
                "  {}  {} of {} left, {} pinned, {}, ends {}",
                text(&tranche["tranche_id"]),
                text(&tranche["remaining"]),
                text(&tranche["original"]),
                text(&tranche["pinned"]),
                text(&tranche["source"]),
                tranche["expires_at"].as_str().unwrap_or("never")
            ));
        }
    }
    for hold in list(&document["holds"]) {
        output::line(format!(
            "hold {}: {} held of {}, {} captured, until {}",
            text(&hold["hold_id"]),
            text(&hold["held"]),
            text(&hold["credits"]),
            text(&hold["captured"]),
            text(&hold["expires_at"])
        ));
    }
}

fn figures(wallet: &Value) -> String {
    let named = |name: &str| format!("{name} {}", text(&wallet[name]));
    ["posted", "held", "own", "available", "scheduled", "debt"].map(named).join(", ")
}

fn print_diff(document: &Value) {
    let (from, to) = (&document["from"], &document["to"]);
    output::line(format!(
        "{} from {} (record {}) to {} (record {})",
        text(&document["customer_id"]),
        text(&from["at"]),
        from["log_position"].as_str().unwrap_or("none"),
        text(&to["at"]),
        to["log_position"].as_str().unwrap_or("none")
    ));
    for wallet in list(&document["wallets"]) {
        output::line(format!(
            "wallet {} in {}, {}: posted {}, held {}, debt {}; {} rows",
            text(&wallet["id"]),
            text(&wallet["currency"]),
            text(&wallet["became"]),
            moved(&wallet["posted"]),
            moved(&wallet["held"]),
            moved(&wallet["debt"]),
            wallet["rows"]["count"]
        ));
        for tranche in list(&wallet["tranches"]) {
            output::line(format!(
                "  {}  {}, {}: remaining {}, pinned {}",
                text(&tranche["tranche_id"]),
                text(&tranche["became"]),
                text(&tranche["source"]),
                moved(&tranche["remaining"]),
                moved(&tranche["pinned"])
            ));
        }
    }
    for hold in list(&document["holds"]) {
        output::line(format!(
            "hold {}: {}, held {}, captured {}",
            text(&hold["hold_id"]),
            hold["ended"].as_str().unwrap_or(text(&hold["became"])),
            moved(&hold["held"]),
            moved(&hold["captured"])
        ));
    }
}

fn moved(moved: &Value) -> String {
    format!("{} -> {} ({})", text(&moved["before"]), text(&moved["after"]), text(&moved["change"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("none")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
