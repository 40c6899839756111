//! `coffer drill --from-archive`: is the archive enough? Rebuilds every customer, tenant and key from the archived segments
//! alone and compares them, byte for byte, with what recovery gives from snapshot and log at the same position.
//!
//! With a data directory: of that stopped server, reading only. Without: of a server that is loaded here until several segments
//! are archived, shut down, started once more, which seals its last segment, and stopped when that is archived too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::host::{API_KEY, Host};
use super::load::{self, Field};
use super::operation::Names;
use super::{DrillArgs, plan};
use crate::cli::child::Server;
use crate::cli::exit::{CliError, Code};
use crate::cli::{SettingsArgs, output, start};
use crate::demo::setup;
use crate::engine::{ArchiveCheck, Comparison, EngineOptions, from_archive};
use crate::env::Env;

/// The load goes on until so many segments are archived.
const SEGMENTS_WANTED: usize = 4;
/// The load ends after this, however many there are; and so long is waited for the last one.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Differences that are printed; the rest is counted.
const SHOWN_MAX: usize = 20;

/// Checks a stopped server's directory.
pub(crate) async fn of_data_dir(settings: &SettingsArgs, json: bool) -> Result<(), CliError> {
    let config = settings.load(Vec::new())?;
    let shard_dir = config.data_dir().join("shard-00");
    if !shard_dir.is_dir() {
        let line = format!("there is no log in {}", config.data_dir().display());
        return Err(CliError::new(Code::Failed, line));
    }
    let env = start::machine(config.switch("log.direct_io"));
    conclude(&check(config.engine_options(), env).await?, json)
}

/// Makes a directory by load and checks it.
pub(crate) async fn of_a_load(host: &Host, args: &DrillArgs, seed: u64) -> Result<(), CliError> {
    output::note(format!("seed {seed}; starting a server on {}", host.data_dir.display()));
    let (server, _) = host.start().await?;
    let server = load_until_archived(host, args, seed, server).await?;
    stop(server).await?;
    // A start begins a segment of its own and so seals the one before.
    let archived = archived(host);
    let (server, _) = host.start().await?;
    wait_for(host, archived + 1).await;
    stop(server).await?;
    let options = EngineOptions::new(&host.data_dir);
    conclude(&check(options, host.env.clone()).await?, args.json)
}

async fn load_until_archived(
    host: &Host,
    args: &DrillArgs,
    seed: u64,
    server: Server,
) -> Result<Server, CliError> {
    let plans = plan::customers(usize::from(args.customers), seed, host.env.clock.now_ns());
    let accounts = setup::accounts(&server.url, API_KEY, plans).await?;
    let field = Arc::new(Field {
        url: server.url.clone(),
        api_key: API_KEY.to_owned(),
        clock: Arc::clone(&host.env.clock),
        names: Arc::new(accounts.iter().map(Names::from).collect()),
        seed,
        round: 1,
        stop: AtomicBool::new(false),
        answered: AtomicU64::new(0),
    });
    let writers = load::start(&field, args.writers)?;
    wait_for(host, SEGMENTS_WANTED).await;
    field.stop.store(true, Ordering::Relaxed);
    load::gather(writers).await?;
    let (answered, archived) = (field.answered.load(Ordering::Relaxed), archived(host));
    output::note(format!("{answered} operations answered, {archived} segments archived; shutting down"));
    Ok(server)
}

async fn wait_for(host: &Host, segments: usize) {
    let looks = PATIENCE.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        if archived(host) >= segments {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Segments in the archive.
fn archived(host: &Host) -> usize {
    let files = host.env.storage.list(&host.shard_dir().join("archive")).unwrap_or_default();
    files.iter().filter(|file| file.name.to_string().ends_with(".arc")).count()
}

async fn stop(server: Server) -> Result<(), CliError> {
    let ended = server.stop().await?;
    if ended.success() {
        return Ok(());
    }
    Err(CliError::new(Code::Failed, format!("the server's clean shutdown ended with {ended}")))
}

async fn check(options: EngineOptions, env: Env) -> Result<ArchiveCheck, CliError> {
    let progress: Arc<dyn crate::engine::RecoveryProgress> =
        Arc::new(crate::cli::progress::Progress::new(Arc::clone(&env.clock)));
    let checking =
        tokio::task::spawn_blocking(move || from_archive(&options, &env, &progress, &mut |_| {})).await;
    Ok(checking.map_err(|error| CliError::new(Code::Internal, error.to_string()))??)
}

fn conclude(check: &ArchiveCheck, json: bool) -> Result<(), CliError> {
    if let Some(removed) = check.removed_to {
        let line = format!(
            "records 1 to {} were removed from the archive by retention: it cannot rebuild the state alone any more; a snapshot and the log after it can",
            removed.0
        );
        return Err(CliError::new(Code::NotRun, line));
    }
    if json {
        output::json(&document(check));
    } else {
        print(check);
    }
    let comparisons = [&check.at_archive_end, &check.at_log_end];
    let differences: usize =
        comparisons.into_iter().flatten().map(|comparison| comparison.differences.len()).sum();
    let differences = differences + check.unreadable.len() + check.violations.len();
    match differences {
        0 if check.at_archive_end.is_none() && check.at_log_end.is_none() => Err(CliError::new(
            Code::Failed,
            "nothing could be compared: there is no sound snapshot for recovery to start from; `coffer snapshot take` makes one",
        )),
        0 => Ok(()),
        count => Err(CliError::new(
            Code::Failed,
            format!("{count} differences between what was rebuilt and what is recovered"),
        )),
    }
}

fn print(check: &ArchiveCheck) {
    let ArchiveCheck { segments, archive_end, log_end, at_archive_end, at_log_end, .. } = check;
    for wrong in check.unreadable.iter().chain(&check.violations).take(SHOWN_MAX) {
        output::line(format!("wrong: {wrong}"));
    }
    output::line(format!(
        "archive      {segments} segments, records 1 to {}, every byte verified",
        archive_end.0
    ));
    match at_archive_end {
        Some(comparison) => print_comparison("archive alone", comparison),
        None => output::line(format!(
            "not compared at record {}: no snapshot is that old, so recovery would read the archive itself",
            archive_end.0
        )),
    }
    if log_end > archive_end {
        let first = archive_end.0 + 1;
        output::line(format!("not archived records {first} to {}, read from the hot log", log_end.0));
    }
    if let Some(comparison) = at_log_end {
        print_comparison("archive and the rest of the log", comparison);
    }
}

fn print_comparison(what: &str, comparison: &Comparison) {
    let Comparison { position, snapshot, snapshot_start, customers, tenants, keys, differences } = comparison;
    for difference in differences.iter().take(SHOWN_MAX) {
        output::line(format!("differs: {difference}"));
    }
    output::line(format!(
        "at record {}: {what}, against snapshot {snapshot} and the log after record {}: {customers} customers, \
         {tenants} tenants, {keys} keys, {} differences",
        position.0,
        snapshot_start.0,
        differences.len()
    ));
}

fn document(check: &ArchiveCheck) -> Value {
    json!({
        "segments": check.segments,
        "archive_end": check.archive_end.0,
        "log_end": check.log_end.0,
        "unreadable": check.unreadable,
        "violations": check.violations,
        "at_archive_end": check.at_archive_end.as_ref().map(comparison),
        "at_log_end": check.at_log_end.as_ref().map(comparison),
    })
}

fn comparison(comparison: &Comparison) -> Value {
    json!({
        "position": comparison.position.0,
        "snapshot": comparison.snapshot,
        "snapshot_start": comparison.snapshot_start.0,
        "customers": comparison.customers,
        "tenants": comparison.tenants,
        "keys": comparison.keys,
        "differences": comparison.differences,
    })
}
