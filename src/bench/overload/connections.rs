//! Connections that say nothing and connections whose bytes trickle, while 64 are busy.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::embedded::median;
use super::target;
use crate::bench::Bench;
use crate::bench::http::{API_KEY, one};
use crate::bench::memory::resident_bytes;
use crate::bench::report::Figure;
use crate::bench::sheet::{Goal, Sheet};
use crate::cli::child::Server;
use crate::cli::exit::{CliError, Code};

const BUSY: u32 = 64;
/// A slow client sends a byte this often.
const BYTE_EVERY: Duration = Duration::from_millis(100);
/// What a slow client begins; its head alone takes longer than `header_timeout_s`.
const SLOW_REQUEST: &[u8] = b"POST /v1/customers/bench-1/debits HTTP/1.1\r\nHost: slow\r\nContent-Type: application/json\r\n\
    Content-Length: 1000\r\nX-Filler: ................................................................................\r\n\r\n{";

/// Measures it.
pub(super) async fn measure(bench: &Bench, server: &Server, sheet: &mut Sheet) -> Result<(), CliError> {
    let (idle, slow) = (bench.sizes().idle, bench.sizes().slow);
    bench.note("HTTP: 64 busy connections, alone");
    let alone = busy(bench, server, "alone").await?;
    let before = resident_bytes(&bench.env, server.id())?;
    let mut silent = Vec::new();
    for _ in 0..idle {
        silent.push(connect(&server.url).await?);
    }
    let mut trickling = JoinSet::new();
    for _ in 0..slow {
        trickling.spawn(trickle(server.url.clone()));
    }
    bench.note(&format!("HTTP: 64 busy connections beside {idle} idle and {slow} slow ones"));
    let beside = busy(bench, server, "beside").await?;
    let after = resident_bytes(&bench.env, server.id())?;
    trickling.shutdown().await;
    let still_open = silent.iter().filter(|stream| is_open(stream)).count();
    sheet.put("HTTP: 64 busy connections alone", alone.per_second as f64, "debits/s");
    sheet.put("HTTP: 64 busy connections alone: p99", alone.p99_us as f64 / 1_000.0, "ms");
    let name = format!("HTTP: 64 busy beside {idle} idle and {slow} slow");
    sheet.put(&name, beside.per_second as f64, "debits/s");
    sheet.put(format!("{name}: p99"), beside.p99_us as f64 / 1_000.0, "ms");
    let kept = beside.per_second as f64 / alone.per_second.max(1) as f64;
    sheet.judge(format!("{name} ÷ alone"), kept, "", Goal::AtLeast(0.9));
    sheet.put("HTTP: idle connections still open after it", still_open as f64, "");
    let each = after.saturating_sub(before) as f64 / f64::from(idle + slow);
    sheet.put("HTTP: growth of the server, per connection", each, "B");
    Ok(())
}

async fn busy(bench: &Bench, server: &Server, name: &'static str) -> Result<Figure, CliError> {
    let mut rounds = Vec::new();
    for round in 0..bench.rounds() {
        let target = target(&server.url, name, API_KEY, &format!("busy-{name}-{round}"));
        rounds.push(one(bench, &target, BUSY).await?);
    }
    Figure::median(&rounds).ok_or_else(|| CliError::new(Code::Internal, "there is at least one round"))
}

async fn connect(url: &str) -> Result<TcpStream, CliError> {
    let connected = TcpStream::connect(url.trim_start_matches("http://")).await;
    connected.map_err(|error| CliError::new(Code::Failed, format!("a connection: {error}")))
}

/// Sends a request byte by byte, again and again: the server hangs up, and the client comes back.
async fn trickle(url: String) {
    loop {
        if let Ok(stream) = connect(&url).await {
            trickle_once(stream).await;
        }
        tokio::time::sleep(BYTE_EVERY).await;
    }
}

async fn trickle_once(mut stream: TcpStream) {
    let mut answer = [0; 1_024];
    for byte in SLOW_REQUEST {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::select! {
            // Whatever it answers, it will hang up.
            _ = stream.read(&mut answer) => return,
            () = tokio::time::sleep(BYTE_EVERY) => {}
        }
    }
}

/// Whether the server has not hung up.
fn is_open(stream: &TcpStream) -> bool {
    let mut byte = [0];
    matches!(stream.try_read(&mut byte), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// The median of rates, for the flood.
pub(super) fn middle(figures: &[Figure]) -> f64 {
    median(figures.iter().map(|figure| figure.per_second as f64))
}
