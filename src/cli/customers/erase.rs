//! `coffer customers erase`: what is to go, or that it is gone.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::EraseArgs;
use crate::cli::exit::{CliError, Code};
use crate::cli::progress::Progress;
use crate::cli::{output, start};
use crate::config::Config;
use crate::engine::RecoveryProgress;
use crate::engine::erasure::{ErasedFields, Erasing, ErasureError, ErasurePlan, ErasureStep, plan_erasure};
use crate::env::Env;
use crate::feed::history::{self, Place};

/// Plans, then does it.
pub(super) async fn run(args: EraseArgs) -> Result<(), CliError> {
    let config = args.settings.load(Vec::new())?;
    let dir = config.data_dir();
    if !dir.join("shard-00").is_dir() {
        let line = format!("there is no log in {}", dir.display());
        return Err(CliError::new(Code::Failed, line));
    }
    let env = start::machine(config.switch("log.direct_io"));
    let plan = plan(&config, &env, &args).await?;
    let history = config.feed_options().map(|options| options.place);
    let rows = in_history(history.clone(), &plan, history::erasable).await?;
    if plan.is_done() && rows == 0 {
        tell(&args, &plan, rows, Outcome::Nothing);
        return Ok(());
    }
    if args.dry_run {
        tell(&args, &plan, rows, Outcome::DryRun);
        return Ok(());
    }
    let aside = history.as_ref().and_then(set_aside).filter(|path| path.exists());
    erase(&config, env, &args, plan.clone(), history).await?;
    if let Some(aside) = aside {
        output::note(format!(
            "{} was set aside once and is not touched: remove it, it may hold what was erased",
            aside.display()
        ));
    }
    tell(&args, &plan, rows, Outcome::Erased);
    Ok(())
}

/// Where a history that was of no use was kept.
fn set_aside(history: &Place) -> Option<PathBuf> {
    let Place::File(path) = history else { return None };
    let mut name = path.as_os_str().to_owned();
    name.push(".set-aside");
    Some(name.into())
}

async fn plan(config: &Config, env: &Env, args: &EraseArgs) -> Result<ErasurePlan, CliError> {
    let progress = Arc::new(Progress::new(Arc::clone(&env.clock)));
    let (shown, options, env) = (progress.clone(), config.engine_options(), env.clone());
    let (tenant, name) = (args.tenant.clone(), args.customer.clone());
    let planning = tokio::task::spawn_blocking(move || {
        let progress: Arc<dyn RecoveryProgress> = shown;
        plan_erasure(&options, &env, &progress, (&tenant, &name))
    });
    let planned = planning.await.map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
    progress.finish();
    Ok(planned?)
}

async fn erase(
    config: &Config,
    env: Env,
    args: &EraseArgs,
    plan: ErasurePlan,
    history: Option<Place>,
) -> Result<(), CliError> {
    let progress = Arc::new(Progress::new(Arc::clone(&env.clock)));
    let planned = (plan.clone(), args.customer.as_str());
    let mut told = |step: ErasureStep| note(&step);
    let begun = Erasing::begin(config.engine_options(), env, progress.clone(), planned, &mut told).await;
    progress.finish();
    let erasing = begun?;
    let erased = match erasing.run(&mut told).await {
        Ok(_) => in_history(history, &plan, history::erase).await.map(|_| ()),
        Err(error) => Err(error.into()),
    };
    match erased {
        Ok(()) => Ok(erasing.finish().await?),
        Err(error) => {
            // The first error is the one that counts.
            let _ = erasing.close().await;
            Err(CliError::new(error.code, format!("{error}; run the same command again to finish it")))
        }
    }
}

fn note(step: &ErasureStep) {
    output::note(match step {
        ErasureStep::Begun => "begun; if this is interrupted, run the same command again".to_owned(),
        ErasureStep::Sealed => "the log is archived to its end".to_owned(),
        ErasureStep::Rewritten { segment, records } => format!("segment {segment}: {records} records erased"),
        ErasureStep::Snapshot => "wrote a snapshot".to_owned(),
        ErasureStep::Removed => "removed older snapshots and hot segments".to_owned(),
    });
}

type InHistory = fn(
    &Place,
    coffer_ledger::ids::CustomerNumber,
    &[coffer_ledger::ids::LogPosition],
) -> Result<u64, history::EraseError>;

async fn in_history(history: Option<Place>, plan: &ErasurePlan, step: InHistory) -> Result<u64, CliError> {
    let Some(place) = history else { return Ok(0) };
    let (customer, mentions) = (plan.customer, plan.mentions.clone());
    let working = tokio::task::spawn_blocking(move || step(&place, customer, &mentions)).await;
    let done = working.map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
    done.map_err(|error| CliError::new(Code::Io, error.to_string()))
}

enum Outcome {
    Nothing,
    DryRun,
    Erased,
}

fn tell(args: &EraseArgs, plan: &ErasurePlan, rows: u64, outcome: Outcome) {
    if args.json {
        return output::json(&document(args, plan, rows, &outcome));
    }
    let ErasurePlan { customer, name, hot_records, fields, state, snapshots, copies, .. } = plan;
    output::line(format!("customer     {name} of tenant {}, number {}", args.tenant, customer.0));
    if matches!(outcome, Outcome::Nothing) {
        return output::line("nothing is left to erase");
    }
    for (path, records) in &plan.segments {
        output::line(format!("archive      {}: {records} records", path.display()));
    }
    if *hot_records > 0 {
        output::line(format!("hot log      {hot_records} records, archived first"));
    }
    let ErasedFields { idempotency_keys, requests, outcomes } = fields;
    output::line(format!(
        "fields       {idempotency_keys} idempotency keys, words of {requests} requests and of {outcomes} outcomes"
    ));
    output::line(format!(
        "state        {}",
        if state.is_empty() { "-".to_owned() } else { state.join(", ") }
    ));
    output::line(format!("snapshots    {} replaced by new ones", snapshots.len()));
    for copy in copies {
        output::line(format!("removed      {}", copy.display()));
    }
    output::line(format!("history      {rows} rows"));
    output::line(match outcome {
        Outcome::DryRun => "dry run: nothing was changed".to_owned(),
        Outcome::Nothing | Outcome::Erased => format!("erased; the customer answers to {name} from now on"),
    });
}

fn document(args: &EraseArgs, plan: &ErasurePlan, rows: u64, outcome: &Outcome) -> serde_json::Value {
    let segments: Vec<_> =
        plan.segments.iter().map(|(path, records)| json!({ "file": path, "records": records })).collect();
    json!({
        "outcome": match outcome {
            Outcome::Nothing => "nothing_left",
            Outcome::DryRun => "dry_run",
            Outcome::Erased => "erased",
        },
        "tenant": args.tenant, "customer_id": plan.name, "customer_number": plan.customer.0,
        "records": plan.records(), "archived": segments, "hot_records": plan.hot_records,
        "fields": {
            "idempotency_keys": plan.fields.idempotency_keys, "requests": plan.fields.requests,
            "outcomes": plan.fields.outcomes,
        },
        "state": plan.state, "snapshots_replaced": plan.snapshots, "removed": plan.copies, "history_rows": rows,
    })
}

impl From<ErasureError> for CliError {
    fn from(error: ErasureError) -> Self {
        use coffer_wal::archive::EraseError;
        let code = match error {
            ErasureError::Open(error) => {
                let told = Self::from(error);
                let busy = told.code == Code::Busy;
                let hint = if busy {
                    "; ask the server (POST /v1/customers/{id}/erase), or stop it first"
                } else {
                    ""
                };
                return Self::new(told.code, format!("{told}{hint}"));
            }
            ErasureError::NoTenant { .. }
            | ErasureError::NoCustomer(_)
            | ErasureError::Unfinished { .. }
            | ErasureError::NameTaken(_)
            | ErasureError::Busy
            | ErasureError::Hot => Code::Failed,
            ErasureError::Unreadable(_)
            | ErasureError::Archive(
                EraseError::Archive(coffer_wal::ArchiveError::Damaged { .. })
                | EraseError::Read(coffer_wal::ReadError::Corrupt { .. }),
            ) => Code::Corrupt,
            ErasureError::Archive(_)
            | ErasureError::Seal(_)
            | ErasureError::NotSealed
            | ErasureError::Snapshot(_)
            | ErasureError::Io { .. }
            | ErasureError::Close(_) => Code::Io,
            ErasureError::Panicked => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}
