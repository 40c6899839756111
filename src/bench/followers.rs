//! `coffer bench --only followers`: what those who follow the log cost debits. A server with the history, one with an open stream of all
//! events, one with a webhook endpoint, each beside a server without, round after round in turn.
//!
//! The history may lag while debits come in, so beside the rate stand how far behind it was at the end, how long it took to catch up, and
//! the processor time of its thread for each row: what is put off is paid later.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::http::{API_KEY, Target, make_customers, one};
use super::offer::Pick;
use super::report::Figure;
use super::sheet::{Goal, Sheet};
use super::{Bench, CUSTOMERS, echo};
use crate::cli::child::Server;
use crate::cli::client::Client;
use crate::cli::exit::{CliError, Code};

/// How often a server is asked whether its history has caught up.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The thread that fills the history, as the kernel knows it.
const HISTORY_THREAD: &str = "history";
/// What debits keep of their rate while the history follows.
const GOAL: f64 = 0.85;

/// What was seen of a history after a load.
#[derive(Clone, Copy, Debug)]
struct Behind {
    records: f64,
    caught_up_s: f64,
    cpu_us_per_row: f64,
}

/// Measures all of it.
pub(super) async fn measure(bench: &Bench) -> Result<Sheet, CliError> {
    let mut sheet = Sheet::default();
    let clock = &bench.env.clock;
    let receiver = echo::start(clock).await?;
    let mut servers = Vec::new();
    for (name, settings) in [
        ("alone", &[][..]),
        ("with the history", &[("COFFER_HISTORY_ENABLED", "true")]),
        ("with a stream", &[]),
        (
            "with a webhook endpoint",
            &[("COFFER_WEBHOOK_ALLOW_HTTP", "true"), ("COFFER_WEBHOOK_ALLOW_PRIVATE_ADDRESSES", "true")],
        ),
    ] {
        let server = bench.serve(&name.replace(' ', "-"), settings).await?;
        make_customers(&server.url).await?;
        servers.push((name, server));
    }
    let _stream = listen(&servers[2].1.url).await?;
    // The echo takes whatever is posted to it.
    let endpoint = json!({ "url": format!("{}/v1/customers/bench/debits", receiver.url) });
    let mut client = client(&servers[3].1.url)?;
    super::http::post(&mut client, "/v1/webhook-endpoints", &endpoint).await?;
    for connections in bench.connections() {
        rounds(bench, &servers, *connections, &mut sheet).await?;
    }
    for (_, server) in servers {
        server.stop().await?;
    }
    Ok(sheet)
}

async fn rounds(
    bench: &Bench,
    servers: &[(&'static str, Server)],
    connections: u32,
    sheet: &mut Sheet,
) -> Result<(), CliError> {
    let (mut figures, mut behind) = (vec![Vec::new(); servers.len()], Vec::new());
    for round in 0..bench.rounds() {
        for ((name, server), figures) in servers.iter().zip(&mut figures) {
            let of = bench.rounds();
            bench.note(&format!("debits {name}, {connections} connections, round {} of {of}", round + 1));
            let (url, salt) = (server.url.clone(), format!("{connections}-{round}"));
            let pick = Pick::InTurn;
            let target = Target { name, url, api_key: API_KEY, customers: CUSTOMERS, first: 0, pick, salt };
            let before = history_thread_ns(server);
            let position = position(&server.url).await?;
            figures.push(one(bench, &target, connections).await?);
            if let Some((was, from)) = before.zip(position) {
                behind.push(caught_up(bench, server, was, from).await?);
            }
        }
    }
    let medians: Vec<_> = figures.iter().filter_map(|rounds| Figure::median(rounds)).collect();
    for figure in &medians {
        let name = format!("debits {}, {connections} connections", figure.name);
        sheet.put(&name, figure.per_second as f64, "debits/s");
        sheet.put(format!("{name}: p99"), figure.p99_us as f64 / 1_000.0, "ms");
    }
    if let [alone, others @ ..] = &medians[..] {
        for other in others {
            let name = format!("debits {} ÷ alone, {connections} connections", other.name);
            let ratio = other.per_second as f64 / alone.per_second.max(1) as f64;
            match other.name.as_str() {
                "with the history" => sheet.judge(name, ratio, "", Goal::AtLeast(GOAL)),
                _ => sheet.put(name, ratio, ""),
            }
        }
    }
    for (name, unit, of) in [
        ("the history after the load: behind", "records", (|one| one.records) as fn(&Behind) -> f64),
        ("… until it had caught up", "s", |one| one.caught_up_s),
        ("… processor time of its thread for a row", "µs", |one| one.cpu_us_per_row),
    ] {
        sheet.put(format!("{name}, {connections} connections"), median(behind.iter().map(of)), unit);
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Waits until a history has what its log has; how that went, and what all of it cost since.
async fn caught_up(bench: &Bench, server: &Server, was_ns: u64, from: u64) -> Result<Behind, CliError> {
    let clock = &bench.env.clock;
    let began_ns = clock.monotonic_ns();
    let first = lag(&server.url).await?.unwrap_or(0);
    while lag(&server.url).await?.is_some_and(|lag| lag > 0) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let caught_up_s = (clock.monotonic_ns() - began_ns) as f64 / 1e9;
    let rows = position(&server.url).await?.unwrap_or(from).saturating_sub(from);
    let cpu_ns = history_thread_ns(server).unwrap_or(was_ns).saturating_sub(was_ns);
    let cpu_us_per_row = cpu_ns as f64 / 1e3 / rows.max(1) as f64;
    Ok(Behind { records: first as f64, caught_up_s, cpu_us_per_row })
}

/// Records that a server's history lacks; `None`: it keeps none.
async fn lag(url: &str) -> Result<Option<u64>, CliError> {
    let reply = client(url)?.send(Method::GET, "/readyz", &[], String::new()).await;
    let body: Value = serde_json::from_slice(&reply.map_err(failed)?.body).unwrap_or_default();
    Ok(body["history"]["lag_records"].as_u64())
}

/// The last record in a server's history; `None`: it keeps none.
async fn position(url: &str) -> Result<Option<u64>, CliError> {
    let reply = client(url)?.send(Method::GET, "/metrics", &[], String::new()).await.map_err(failed)?;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("coffer_history_position "));
    Ok(lines.next().and_then(|value| value.trim().parse().ok()))
}

/// Nanoseconds that the thread which fills a server's history was on a processor.
fn history_thread_ns(server: &Server) -> Option<u64> {
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.id()?)).ok()?;
    let of_history = threads.flatten().map(|thread| thread.path()).find(|thread| {
        std::fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.trim() == HISTORY_THREAD)
    })?;
    let told = std::fs::read_to_string(of_history.join("schedstat")).ok()?;
    told.split_whitespace().next()?.parse().ok()
}

/// Listens to all events of the tenant, and throws them away.
async fn listen(url: &str) -> Result<JoinHandle<()>, CliError> {
    let failed = |error: std::io::Error| CliError::new(Code::Failed, format!("the stream: {error}"));
    let host = url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&host).await.map_err(failed)?;
    let request = format!(
        "GET /v1/stream HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {API_KEY}\r\nAccept: text/event-stream\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut heard = vec![0; 64 << 10];
    let count = stream.read(&mut heard).await.map_err(failed)?;
    if !heard[..count].starts_with(b"HTTP/1.1 200") {
        let said = String::from_utf8_lossy(&heard[..count]).into_owned();
        return Err(CliError::new(Code::Failed, format!("the stream: {said}")));
    }
    Ok(tokio::spawn(async move { while stream.read(&mut heard).await.is_ok_and(|count| count > 0) {} }))
}

fn client(url: &str) -> Result<Client, CliError> {
    Client::new(url, API_KEY).map_err(failed)
}

fn failed(error: crate::cli::client::ClientError) -> CliError {
    CliError::new(Code::Failed, error.to_string())
}
