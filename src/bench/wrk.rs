//! Load by wrk: a generated script gives every request its own customer and key, and prints what we read.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::Bench;
use super::http::Target;
use super::offer::Pick;
use super::report::Figure;
use crate::cli::exit::{CliError, Code};

/// Threads of wrk; it shares the machine with the server.
const THREADS: u32 = 2;

/// Whether the program is on the path.
pub(crate) fn is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join("wrk").is_file())
}

/// One measurement.
pub(crate) async fn measure(bench: &Bench, target: &Target, connections: u32) -> Result<Figure, CliError> {
    let script = bench.dir.path().join("load.lua");
    write_script(bench, &script, target).map_err(failed)?;
    let mut command = Command::new("wrk");
    command.arg(format!("-t{}", THREADS.min(connections))).arg(format!("-c{connections}"));
    command.arg(format!("-d{}s", bench.span().as_secs())).arg("-s").arg(&script).arg(&target.url);
    let ended = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().await.map_err(failed)?;
    let said = String::from_utf8_lossy(&ended.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix("coffer ")).ok_or_else(|| unusable(&said))?;
    let numbers: Vec<u64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
    let [requests, elapsed_us, errors, p50_us, p99_us, p999_us, max_us] = numbers[..] else {
        return Err(unusable(&said));
    };
    if errors > 0 {
        return Err(CliError::new(
            Code::Failed,
            format!("{} of {requests} requests to {} failed", errors, target.name),
        ));
    }
    let per_second = requests.saturating_mul(1_000_000) / elapsed_us.max(1);
    let name = target.name.to_owned();
    Ok(Figure { name, concurrency: connections, per_second, p50_us, p99_us, p999_us, max_us })
}

/// The script runs once per thread of wrk; `thread` tells them apart. The head is joined once, so that a request costs wrk
/// two number conversions and one concatenation.
fn write_script(bench: &Bench, path: &Path, target: &Target) -> std::io::Result<()> {
    let Target { customers, first, salt, url, pick, api_key, .. } = target;
    let next = match pick {
        Pick::InTurn => format!("customer = (customer + 7) % {customers}"),
        Pick::Zipf => format!(
            "local low = 2 ^ math.random(0, {}); \
             customer = math.random(low, math.min(2 * low - 1, {customers})) * 7368787 % {customers}",
            customers.ilog2()
        ),
    };
    let host = url.trim_start_matches("http://");
    let script = format!(
        r#"local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end
function init(args)
  count = 0
  math.randomseed(number + 1)
  customer = {first} + number * 37
  tail = " HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {api_key}\r\nContent-Type: application/json\r\nContent-Length: 15\r\nIdempotency-Key: {salt}-" .. number .. "-"
end
function request()
  count = count + 1
  {next}
  return "POST /v1/customers/bench-" .. customer .. "/debits" .. tail .. count .. "\r\n\r\n{{\"credits\":\"1\"}}"
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("coffer %d %d %d %d %d %d %d\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9), latency.max))
end
"#
    );
    let file = bench.env.storage.as_ref();
    if file.exists(path)? {
        file.remove(path)?;
    }
    let made = file.open(path, coffer_wal::storage::Access::CreateNew)?;
    coffer_wal::storage::write_all_at(made.as_ref(), script.as_bytes(), 0)
}

fn failed(error: std::io::Error) -> CliError {
    CliError::new(Code::Failed, format!("wrk: {error}"))
}

fn unusable(said: &str) -> CliError {
    CliError::new(
        Code::Failed,
        format!("wrk said something else than its figures: {}", said.trim().replace('\n', " | ")),
    )
}
