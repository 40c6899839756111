//! Load by this process: raw HTTP/1.1 over kept connections, one request at a time on each. It reads only what our own servers
//! send: a status line, a content length, a body.
//!
//! Two ways: closed, where wrk is not installed ([`measure`]); and open, so many requests a second whether the server keeps up
//! or not ([`offer`]), which wrk cannot do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coffer_wal::Clock;
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Bench;
use super::http::{Target, customer};
use super::report::{Figure, new_histogram};
use super::schedule::Schedule;
use crate::cli::exit::{CliError, Code};
use crate::demo::Random;

const REPLY_BYTES_MAX: usize = 64 << 10;
const BODY: &str = "{\"credits\":\"1\"}";

/// One closed measurement: every reply must be 200.
pub(crate) async fn measure(bench: &Bench, target: &Target, connections: u32) -> Result<Figure, CliError> {
    let stop = Arc::new(AtomicBool::new(false));
    let clock = &bench.env.clock;
    let mut tasks = JoinSet::new();
    for connection in 0..connections {
        let (target, clock, stop) = (target.clone(), Arc::clone(clock), Arc::clone(&stop));
        tasks.spawn(async move { work(&target, connection, clock.as_ref(), &stop).await });
    }
    let began_ns = clock.monotonic_ns();
    tokio::time::sleep(bench.span()).await;
    stop.store(true, Ordering::Relaxed);
    let (mut requests, mut latencies_us) = (0, new_histogram());
    while let Some(ended) = tasks.join_next().await {
        let seen =
            ended.map_err(|error| CliError::new(Code::Internal, error.to_string()))?.map_err(failed)?;
        requests += seen.len();
        latencies_us.add(seen).map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
    }
    Ok(Figure::new(target.name, connections, requests, clock.monotonic_ns() - began_ns, &latencies_us))
}

async fn work(
    target: &Target,
    number: u32,
    clock: &dyn Clock,
    stop: &AtomicBool,
) -> std::io::Result<Histogram<u64>> {
    let mut connection = Connection::open(&target.url).await?;
    let (mut latencies_us, mut count) = (new_histogram(), 0_u64);
    let mut random = Random::new(number.into());
    while !stop.load(Ordering::Relaxed) {
        count += 1;
        let request = request(target, number, count, &mut random);
        let began_ns = clock.monotonic_ns();
        let answer = connection.exchange(&request).await?;
        if answer.status != 200 {
            return Err(std::io::Error::other(format!("answered {}", answer.status)));
        }
        latencies_us.saturating_record((clock.monotonic_ns() - began_ns) / 1_000);
    }
    Ok(latencies_us)
}

/// What became of an open load.
pub(crate) struct Heard {
    /// Answered 200.
    pub(crate) accepted: u64,
    /// Answered 503 `overloaded` with `Retry-After`.
    pub(crate) refused: u64,
    /// Due while their connection still waited for the answer before: never sent.
    pub(crate) unsent: u64,
    pub(crate) elapsed_ns: u64,
    /// Of what was accepted.
    pub(crate) latencies_us: Histogram<u64>,
    /// Of what was refused.
    pub(crate) refusals_us: Histogram<u64>,
}

impl Heard {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        let (latencies_us, refusals_us) = (new_histogram(), new_histogram());
        Self { accepted: 0, refused: 0, unsent: 0, elapsed_ns: 0, latencies_us, refusals_us }
    }

    /// Accepted requests per second.
    pub(crate) fn per_second(&self) -> f64 {
        self.accepted as f64 * 1e9 / self.elapsed_ns.max(1) as f64
    }

    /// Takes in another measurement.
    pub(crate) fn add(&mut self, other: Self) -> Result<(), CliError> {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unsent += other.unsent;
        self.elapsed_ns += other.elapsed_ns;
        let both = [(&mut self.latencies_us, other.latencies_us), (&mut self.refusals_us, other.refusals_us)];
        for (mine, theirs) in both {
            mine.add(theirs).map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
        }
        Ok(())
    }

    fn note(&mut self, answer: Answer, us: u64) -> std::io::Result<()> {
        match answer {
            Answer { status: 200, .. } => {
                self.accepted += 1;
                self.latencies_us.saturating_record(us);
            }
            Answer { status: 503, overloaded: true, retry_after: true } => {
                self.refused += 1;
                self.refusals_us.saturating_record(us);
            }
            other => {
                return Err(std::io::Error::other(format!("an answer that it must not give: {other:?}")));
            }
        }
        Ok(())
    }
}

/// Offers so many requests a second, spread evenly over the connections. All are open before the first is sent, and each has been
/// answered once: a connection that the system still holds back says nothing about the server.
pub(crate) async fn offer(
    clock: &Arc<dyn Clock>,
    target: &Target,
    connections: u32,
    per_second: u64,
    span: Duration,
) -> Result<Heard, CliError> {
    let mut open = Vec::new();
    for _ in 0..connections {
        let mut connection = Connection::open(&target.url).await.map_err(failed)?;
        connection.exchange("GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n").await.map_err(failed)?;
        open.push(connection);
    }
    let (schedule, began_ns) = (Schedule::new(connections), clock.monotonic_ns());
    // One for all: thousands of histograms would be gigabytes.
    let heard = Arc::new(Mutex::new(Heard::new()));
    let mut tasks = JoinSet::new();
    for (number, connection) in (0..connections).zip(open) {
        let (target, clock) = (target.clone(), Arc::clone(clock));
        let (schedule, heard) = (Arc::clone(&schedule), Arc::clone(&heard));
        tasks.spawn(async move {
            take_turns(&target, (number, connection), clock.as_ref(), &heard, &schedule).await
        });
    }
    let timing = Arc::clone(&schedule);
    let timing = tokio::task::spawn_blocking(move || timing.run(per_second, span));
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| CliError::new(Code::Internal, error.to_string()))?.map_err(failed)?;
    }
    timing.await.map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
    let mut heard = Arc::into_inner(heard)
        .expect("every task has ended")
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    heard.unsent = schedule.unsent();
    heard.elapsed_ns = clock.monotonic_ns() - began_ns;
    Ok(heard)
}

async fn take_turns(
    target: &Target,
    (number, mut connection): (u32, Connection),
    clock: &dyn Clock,
    heard: &Mutex<Heard>,
    schedule: &Schedule,
) -> std::io::Result<()> {
    let (mut count, mut random) = (0, Random::new(number.into()));
    while schedule.is_due(number as usize).await {
        count += 1;
        let request = request(target, number, count, &mut random);
        let began_ns = clock.monotonic_ns();
        let answer = connection.exchange(&request).await?;
        let us = (clock.monotonic_ns() - began_ns) / 1_000;
        heard.lock().unwrap_or_else(PoisonError::into_inner).note(answer, us)?;
    }
    Ok(())
}

fn request(target: &Target, connection: u32, count: u64, random: &mut Random) -> String {
    let length = BODY.len();
    let Target { url, salt, api_key, .. } = target;
    let host = url.trim_start_matches("http://");
    let customer = customer(target.index(u64::from(connection) + count * 7, random));
    format!(
        "POST /v1/customers/{customer}/debits HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {api_key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nIdempotency-Key: {salt}-{connection}-{count}\r\n\r\n{BODY}"
    )
}

/// What an answer's head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// HTTP status.
    status: u16,
    /// Whether the body says `overloaded`.
    overloaded: bool,
    /// Whether it says when to try again.
    retry_after: bool,
}

/// A kept connection.
pub(crate) struct Connection {
    stream: TcpStream,
    reply: Vec<u8>,
}

impl Connection {
    /// Opens it.
    pub(crate) async fn open(url: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, reply: Vec::new() })
    }

    /// Sends a request and reads its whole answer.
    async fn exchange(&mut self, request: &str) -> std::io::Result<Answer> {
        self.stream.write_all(request.as_bytes()).await?;
        self.reply.clear();
        loop {
            if self.stream.read_buf(&mut self.reply).await? == 0 {
                return Err(std::io::Error::other("the server closed the connection"));
            }
            if let Some(answer) = whole(&self.reply)? {
                return Ok(answer);
            }
            if self.reply.len() > REPLY_BYTES_MAX {
                return Err(std::io::Error::other("a reply without an end"));
            }
        }
    }
}

/// The answer, once all of it is there.
fn whole(reply: &[u8]) -> std::io::Result<Option<Answer>> {
    let Some(head_bytes) = reply.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&reply[..head_bytes]).to_ascii_lowercase();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let length = header("content-length:").and_then(|text| text.parse().ok());
    let length: usize = length.ok_or_else(|| std::io::Error::other("a reply without a content length"))?;
    let body_at = head_bytes + 4;
    if reply.len() < body_at + length {
        return Ok(None);
    }
    let status = head.strip_prefix("http/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status: u16 = status.ok_or_else(|| std::io::Error::other("a reply without a status"))?;
    let says = |text: &[u8]| reply[body_at..].windows(text.len()).any(|found| found == text);
    let overloaded = status == 503 && says(b"\"overloaded\"");
    Ok(Some(Answer { status, overloaded, retry_after: header("retry-after:").is_some() }))
}

fn failed(error: std::io::Error) -> CliError {
    CliError::new(Code::Failed, format!("the load's client: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_whole_when_its_content_length_is_there() {
        assert_eq!(whole(b"HTTP/1.1 200 OK\r\nContent-Len").unwrap(), None);
        assert_eq!(whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{").unwrap(), None);
        let answer = whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        assert_eq!(answer, Some(Answer { status: 200, overloaded: false, retry_after: false }));
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn a_refusal_says_why_and_when_to_try_again() {
        let reply =
            b"HTTP/1.1 503 x\r\nRetry-After: 1\r\nContent-Length: 21\r\n\r\n{\"code\":\"overloaded\"}";
        let answer = whole(reply).unwrap();
        assert_eq!(answer, Some(Answer { status: 503, overloaded: true, retry_after: true }));
    }
}
