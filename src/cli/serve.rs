//! `coffer serve`: opens the engine, serves until a signal, shuts down in the order of DESIGN decision 19.

mod bootstrap;
mod listeners;
mod signals;

use std::path::Path;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;

use listeners::Listeners;
pub(crate) use listeners::raise_file_limit;

use super::exit::{CliError, Code};
use super::settings_args::{FlagValue, SettingsArgs};
use super::{block_on, start};
use crate::config::Config;
use crate::engine::Engine;
use crate::env::Env;
use crate::feed::Feed;
use crate::feed::payments::{Payments, PaymentsError};
use crate::feed::stream::StreamOptions;
use crate::feed::webhooks::Webhooks;
use crate::http::{Feeds, HttpOptions, HttpServer, ServeError};
use crate::telemetry;

/// Arguments of `coffer serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Address and port to listen on; port 0 takes any free one [default: 127.0.0.1:7070]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Address and port for operators: health and metrics without a key [default: none]
    #[arg(long, value_name = "ADDRESS:PORT")]
    ops_listen: Option<String>,
    /// Start although the clock is far ahead of the last record
    #[arg(long)]
    accept_clock: bool,
    /// Form of the log lines: text or json
    #[arg(long, value_name = "FORM")]
    log_format: Option<String>,
}

impl ServeArgs {
    fn flags(&self) -> Vec<FlagValue> {
        let mut flags = Vec::new();
        if let Some(listen) = &self.listen {
            flags.push(("server.listen", "--listen", listen.clone()));
        }
        if let Some(listen) = &self.ops_listen {
            flags.push(("server.ops_listen", "--ops-listen", listen.clone()));
        }
        if let Some(format) = &self.log_format {
            flags.push(("server.log_format", "--log-format", format.clone()));
        }
        if self.accept_clock {
            flags.push(("clock.accept_clock", "--accept-clock", "true".to_owned()));
        }
        flags
    }
}

/// How long a shutdown waits for the history to be as far as the log.
const FEED_PATIENCE: Duration = Duration::from_secs(5);

/// Runs it.
///
/// # Errors
/// When the server did not start, or the log halted.
pub(crate) fn run(args: ServeArgs) -> Result<(), CliError> {
    let config = args.settings.load(args.flags())?;
    let filter = std::env::var("COFFER_LOG").ok();
    telemetry::init(config.text("server.log_format"), filter.as_deref())?;
    block_on(config.number("server.worker_threads"), serve(&config))?
}

async fn serve(config: &Config) -> Result<(), CliError> {
    let bootstrap_key = bootstrap::chosen_key()?;
    let mut signals = signals::Signals::new()?;
    // The addresses first: when one is taken, no data directory has been made yet.
    let listeners = Listeners::bind(config)?;
    raise_file_limit(config.number("http.connections_max"));
    let env = start::machine(config.switch("log.direct_io"));
    make_data_dir(&env, &config.data_dir())?;
    let opening = start::open_engine(config.engine_options(), &env);
    let engine = tokio::select! {
        opened = opening => opened?,
        error = listeners.serve_while_starting() => {
            return Err(CliError::new(Code::Unavailable, error.to_string()));
        }
        () = signals.next() => return Ok(()),
    };
    bootstrap::first_key(&engine, bootstrap_key).await?;
    let feed = start_feed(config, &engine, &env)?;
    let webhooks = start_webhooks(config, &engine, &env)?;
    let payments = start_payments(config, &engine, &env).await?;
    engine.keep_archive(config.keep());
    listeners.announce(&config.data_dir())?;
    serve_until_signal(config, engine, (feed, webhooks, payments), listeners, signals).await
}

async fn start_payments(config: &Config, engine: &Engine, env: &Env) -> Result<Option<Payments>, CliError> {
    let Some(options) = config.payment_options() else { return Ok(None) };
    let started = Payments::start(engine, env, options).await;
    started.map(Some).map_err(|error| match error {
        PaymentsError::NoTenant(_) => CliError::new(Code::Config, format!("stripe.tenant: {error}")),
        PaymentsError::Settings(failure) => failure.into(),
        PaymentsError::Io(_) => CliError::new(Code::Internal, format!("payments do not start: {error}")),
    })
}

/// Without a history nothing else is missing; without a thread for it something is wrong with the machine.
fn start_feed(config: &Config, engine: &Engine, env: &Env) -> Result<Option<Feed>, CliError> {
    let started = config.feed_options().map(|options| Feed::start(engine, env, &options)).transpose();
    started.map_err(|error| CliError::new(Code::Internal, format!("no thread for the history: {error}")))
}

fn start_webhooks(config: &Config, engine: &Engine, env: &Env) -> Result<Option<Webhooks>, CliError> {
    let started = config.webhook_options().map(|options| Webhooks::start(engine, env, options)).transpose();
    started.map_err(|error| CliError::new(Code::Internal, format!("no thread for webhooks: {error}")))
}

/// The log would say the same, but not that it is the directory that is in the way.
fn make_data_dir(env: &Env, dir: &Path) -> Result<(), CliError> {
    env.storage.create_dir_all(dir).map_err(|error| {
        let line = format!("the data directory {} cannot be made: {error}", dir.display());
        CliError::new(Code::CannotCreate, line)
    })
}

async fn serve_until_signal(
    config: &Config,
    engine: Engine,
    (feed, webhooks, payments): (Option<Feed>, Option<Webhooks>, Option<Payments>),
    listeners: Listeners,
    mut signals: signals::Signals,
) -> Result<(), CliError> {
    let (stop, stopped) = watch::channel(false);
    let (end, ended) = watch::channel(false);
    let feeds = Feeds {
        history: feed.as_ref().map(Feed::history),
        webhooks: webhooks.clone(),
        payments: payments.clone(),
    };
    let front = HttpServer::with_feeds(engine.clone(), http_options(config), feeds);
    front.go_on_erasing();
    let server = listeners.serve(front, stopped, ended);
    let mut server = std::pin::pin!(server);
    tokio::select! {
        // A halt goes first: nothing is answered any more, and the exit code says why.
        biased;
        halted = engine.wait_halted() => return Err(halted.into()),
        ended = &mut server => return Err(CliError::new(Code::Unavailable, describe(ended.err()))),
        () = signals.next() => {}
    }
    tracing::info!("stopping; a second signal ends at once");
    let _ = stop.send(true);
    let deadline = Duration::from_secs(config.number("server.shutdown_timeout_s"));
    let clean = async {
        if let Err(error) = server.await {
            // Whoever did not finish in time retries with the same key; the engine still ends in good order.
            tracing::warn!("{error}");
        }
        if let Some(payments) = payments {
            payments.stop();
        }
        if let Some(webhooks) = webhooks {
            // What is under way then is sent again after the next start.
            webhooks.stop(FEED_PATIENCE).await;
        }
        if let Some(feed) = feed {
            // Left undone, the next start catches up.
            feed.stop(FEED_PATIENCE).await;
        }
        let closed = engine.shutdown().await.map_err(|failure| halted_or(&engine, failure));
        end.send_replace(true);
        closed
    };
    tokio::select! {
        ended = tokio::time::timeout(deadline, clean) => stopped_in_time(ended),
        () = signals.next() => Err(CliError::new(Code::Interrupted, "ended at once by a second signal")),
    }
}

fn stopped_in_time(ended: Result<Result<(), CliError>, tokio::time::error::Elapsed>) -> Result<(), CliError> {
    match ended {
        Ok(result) => result.inspect(|()| tracing::info!("stopped")),
        Err(_) => {
            tracing::warn!("the shutdown took too long; just exiting, which is safe");
            Ok(())
        }
    }
}

fn halted_or(engine: &Engine, failure: crate::engine::Failure) -> CliError {
    engine.halted().map_or_else(|| failure.into(), CliError::from)
}

fn describe(error: Option<ServeError>) -> String {
    error.map_or_else(|| "the HTTP front ended by itself".to_owned(), |error| error.to_string())
}

fn http_options(config: &Config) -> HttpOptions {
    HttpOptions {
        body_bytes_max: config.number("http.body_bytes_max"),
        batch_body_bytes_max: config.number("http.batch_body_bytes_max"),
        batch_items_max: config.number("http.batch_items_max"),
        header_bytes_max: config.number("http.header_bytes_max"),
        headers_max: config.number("http.headers_max"),
        url_bytes_max: config.number("http.url_bytes_max"),
        header_timeout_s: config.number("http.header_timeout_s"),
        body_timeout_s: config.number("http.body_timeout_s"),
        idle_timeout_s: config.number("http.idle_timeout_s"),
        drain_timeout_s: config.number("http.drain_timeout_s"),
        connections_max: config.number("http.connections_max"),
        page_items_default: config.number("http.page_items_default"),
        page_items_max: config.number("http.page_items_max"),
        exports_max: config.number("http.exports_max"),
        export_parquet_records_max: config.number("http.export_parquet_records_max"),
        focus: config.focus_options(),
        refusals_kept_per_customer: config.number("http.refusals_kept_per_customer"),
        refusals_bytes_max: config.number("http.refusals_bytes_max"),
        streams: StreamOptions {
            streams_max: config.number("streams.streams_max"),
            streams_per_tenant_max: config.number("streams.streams_per_tenant_max"),
            stream_buffer_events: config.number("streams.stream_buffer_events"),
            stream_heartbeat_s: config.number("streams.stream_heartbeat_s"),
            stream_resume_records_max: config.number("streams.stream_resume_records_max"),
            stream_resumes_max: config.number("streams.stream_resumes_max"),
        },
    }
}
