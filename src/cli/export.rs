//! `coffer export`: the ledger of a stopped server as files, straight from its log. A running server gives the same over HTTP.
//!
//! What is interrupted is gone on with by `--resume`; what came later is exported by `--after` the last manifest.

mod shown;

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use coffer_ledger::ids::TenantNumber;
use serde_json::json;

use self::shown::Shown;
use super::exit::{CliError, Code};
use super::{SettingsArgs, block_on, output, start};
use crate::config::Config;
use crate::engine::{Engine, Target};
use crate::export::{
    Bound, ExportError, Filter, Format, Job, JobOptions, KINDS, KindInfo, KindOptions, Manifest, Range,
    Request, pipe,
};

/// Arguments of `coffer export`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  coffer export transactions --format csv --out january.csv --from 2027-01-01T00:00:00Z --to 2027-02-01T00:00:00Z
  coffer export transactions --format parquet --out ledger --resume
  coffer export focus --format jsonl --out - --tenant default | head
  coffer export slices --format jsonl --out more.jsonl --after first.jsonl.manifest.json

A running server gives the same: GET /v1/exports/{kind}?format=…")]
pub(crate) struct ExportArgs {
    /// What
    #[arg(value_parser = PossibleValuesParser::new(KINDS.map(|kind| kind.table.name)))]
    kind: String,
    /// csv, jsonl or parquet (a directory of files)
    #[arg(long, default_value = "jsonl")]
    format: Format,
    /// Where to; `-` = standard output. A manifest is written beside it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The first record of the log, or the time from which on [default: the oldest record]
    #[arg(long, value_name = "RECORD|TIME")]
    from: Option<Bound>,
    /// The last record of the log, or the time before which [default: all there is]
    #[arg(long, value_name = "RECORD|TIME")]
    to: Option<Bound>,
    /// Begin behind what this manifest covers, and see that it is of this log
    #[arg(long, value_name = "MANIFEST", conflicts_with = "from")]
    after: Option<PathBuf>,
    /// Only this tenant: its name, or tenant_ and its number
    #[arg(long)]
    tenant: Option<String>,
    /// Only this customer: its id or external id
    #[arg(long)]
    customer: Option<String>,
    /// Only this wallet
    #[arg(long)]
    wallet: Option<String>,
    /// Go on with what was interrupted; begin if nothing was, and do nothing if it is complete
    #[arg(long)]
    resume: bool,
    /// Rows of a Parquet file, about
    #[arg(long, value_name = "ROWS", default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    file_rows: u64,
    /// Bytes of CSV or JSON Lines after which an interruption costs nothing of what is before them
    #[arg(long, value_name = "BYTES", default_value_t = 32 << 20, value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_bytes: u64,
    /// Print the manifest as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Runs it.
///
/// # Errors
/// When the data directory cannot be used, or the export cannot be written or does not go with what is there.
pub(crate) fn run(args: ExportArgs) -> Result<(), CliError> {
    let config = args.settings.load(Vec::new())?;
    block_on(0, export(args, config))?
}

async fn export(args: ExportArgs, config: Config) -> Result<(), CliError> {
    let instead = format!("ask the running server: GET /v1/exports/{}", args.kind);
    let engine = start::open_offline(&config, &instead).await?;
    let made = make(&args, &config, &engine).await;
    let closed = engine.shutdown().await;
    let Some(manifest) = made? else { return Ok(()) };
    closed?;
    told(&args, &manifest);
    Ok(())
}

/// Makes it; `None` = its reader has left.
async fn make(args: &ExportArgs, config: &Config, engine: &Engine) -> Result<Option<Manifest>, CliError> {
    let kind = KindInfo::named(&args.kind).expect("only names of kinds are taken");
    let options = JobOptions {
        kind,
        options: KindOptions { focus: config.focus_options() },
        format: args.format,
        from: args.begin(engine)?,
        to: args.to,
        filter: args.filter(engine)?,
        out: args.out.clone(),
        resume: args.resume,
        file_rows: args.file_rows,
        checkpoint_bytes: args.checkpoint_bytes,
    };
    let (engine, runtime) = (engine.clone(), tokio::runtime::Handle::current());
    let work = move || {
        if options.out.as_os_str() == "-" {
            to_output(options, &engine, runtime)
        } else {
            to_files(options, &engine, runtime).map(Some)
        }
    };
    let made = tokio::task::spawn_blocking(work).await;
    made.map_err(|_| CliError::new(Code::Internal, "the exporting thread panicked"))?.map_err(failed)
}

fn to_files(
    options: JobOptions,
    engine: &Engine,
    runtime: tokio::runtime::Handle,
) -> Result<Manifest, ExportError> {
    let env = start::machine(true);
    let job = Job::open(options, engine, &env, runtime)?;
    let mut shown = Shown::new(env.clock);
    let made = job.run(&mut |progress| shown.tell(progress));
    shown.finish();
    made
}

fn to_output(
    options: JobOptions,
    engine: &Engine,
    runtime: tokio::runtime::Handle,
) -> Result<Option<Manifest>, ExportError> {
    let JobOptions { kind, options, format, from, to, filter, .. } = options;
    let range = Range::of(&engine.log_reader(), from, to)?;
    let request = Request { kind, options, format, range, filter };
    match pipe(engine, runtime, request, &mut std::io::stdout().lock()) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(ExportError::Stopped) => Ok(None),
        Err(error) => Err(error),
    }
}

impl ExportArgs {
    fn begin(&self, engine: &Engine) -> Result<Option<Bound>, CliError> {
        let Some(path) = &self.after else { return Ok(self.from) };
        let wrong = |why: &str| CliError::new(Code::Failed, format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
        let before: Manifest = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
        if before.kind != self.kind {
            return Err(wrong(&format!("it is of {}, not of {}", before.kind, self.kind)));
        }
        if !before.complete {
            return Err(wrong("it is not complete: --resume it first"));
        }
        let misfit = before.misfit(engine.store_id(), &engine.log_reader());
        match misfit.map_err(|error| failed(error.into()))? {
            Some(why) => Err(wrong(&why)),
            None => Ok(Some(Bound::Position(before.log_to + 1))),
        }
    }

    fn filter(&self, engine: &Engine) -> Result<Filter, CliError> {
        let refused = |what: String| CliError::new(Code::Failed, what);
        let tenant = self.tenant.as_deref().map(|name| tenant_of(engine, name)).transpose()?;
        let customer = match &self.customer {
            None => None,
            Some(name) => {
                let tenant = tenant.or_else(|| only_tenant(engine)).ok_or_else(|| {
                    refused("--customer: there are several tenants, so name one with --tenant".to_owned())
                })?;
                let found = engine.resolve(tenant, Target::Customer(name));
                Some(found.ok_or_else(|| refused(format!("--customer {name}: there is none of this name")))?)
            }
        };
        let wallet = self
            .wallet
            .as_deref()
            .map(|id| id.parse().map_err(|_| refused(format!("--wallet {id}: not the id of a wallet"))));
        Ok(Filter { tenant, customer, wallet: wallet.transpose()? })
    }
}

fn tenant_of(engine: &Engine, name: &str) -> Result<TenantNumber, CliError> {
    let number = name.strip_prefix("tenant_").and_then(|number| number.parse().ok()).map(TenantNumber);
    let tenants = engine.tenants();
    let found = tenants.iter().find(|tenant| *tenant.name == *name || Some(tenant.number) == number);
    found.map(|tenant| tenant.number).ok_or_else(|| {
        let names: Vec<_> = tenants.iter().map(|tenant| &*tenant.name).collect();
        CliError::new(Code::Failed, format!("--tenant {name}: there are {}", names.join(", ")))
    })
}

fn only_tenant(engine: &Engine) -> Option<TenantNumber> {
    match engine.tenants().as_slice() {
        [only] => Some(only.number),
        _ => None,
    }
}

fn told(args: &ExportArgs, manifest: &Manifest) {
    let Manifest { rows, bytes, log_from, log_to, files, .. } = manifest;
    let line = format!("{rows} rows of records {log_from} to {log_to}, {bytes} bytes");
    if args.out.as_os_str() == "-" {
        // Standard output is the export's.
        let text = if args.json { json!(manifest).to_string() } else { line };
        return output::note(text);
    }
    if args.json {
        return output::json(manifest);
    }
    let files = if files.len() > 1 { format!(" in {} files", files.len()) } else { String::new() };
    output::line(format!("{}: {line}{files}; see {0}.manifest.json", args.out.display()));
}

fn failed(error: ExportError) -> CliError {
    let code = match &error {
        ExportError::Log(_) | ExportError::Record { .. } => Code::Corrupt,
        ExportError::Io { .. } => Code::Io,
        ExportError::Encode(_) | ExportError::Names { .. } => Code::Internal,
        ExportError::Gone { .. }
        | ExportError::BeginningGone { .. }
        | ExportError::Range(_)
        | ExportError::Mismatch(_)
        | ExportError::Stopped => Code::Failed,
    };
    CliError::new(code, format!("the export was not made: {error}"))
}
