//! Load by this process, where wrk is not installed: raw HTTP/1.1 over kept connections, one request at a time on each. It
//! reads only what our own servers send: a status line, a content length, a body.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use coffer_wal::Clock;
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Bench;
use super::http::{API_KEY, Target, customer};
use super::report::{Figure, new_histogram};
use crate::cli::exit::{CliError, Code};

const REPLY_BYTES_MAX: usize = 64 << 10;
const BODY: &str = "{\"credits\":\"1\"}";

/// One measurement.
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
    connection: u32,
    clock: &dyn Clock,
    stop: &AtomicBool,
) -> std::io::Result<Histogram<u64>> {
    let host = target.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let (mut latencies_us, mut count, mut index) =
        (new_histogram(), 0_u64, usize::try_from(connection).unwrap_or(0));
    let mut reply = Vec::with_capacity(REPLY_BYTES_MAX);
    while !stop.load(Ordering::Relaxed) {
        index = (index + 7) % target.customers;
        count += 1;
        let request = request(target, host, &customer(index), connection, count);
        let began_ns = clock.monotonic_ns();
        stream.write_all(request.as_bytes()).await?;
        read_reply(&mut stream, &mut reply).await?;
        latencies_us.saturating_record((clock.monotonic_ns() - began_ns) / 1_000);
    }
    Ok(latencies_us)
}

fn request(target: &Target, host: &str, customer: &str, connection: u32, count: u64) -> String {
    let length = BODY.len();
    let salt = &target.salt;
    format!(
        "POST /v1/customers/{customer}/debits HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {API_KEY}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nIdempotency-Key: {salt}-{connection}-{count}\r\n\r\n{BODY}"
    )
}

/// Reads one whole reply, which must be 200.
async fn read_reply(stream: &mut TcpStream, reply: &mut Vec<u8>) -> std::io::Result<()> {
    reply.clear();
    loop {
        if stream.read_buf(reply).await? == 0 {
            return Err(std::io::Error::other("the server closed the connection"));
        }
        if let Some(bytes) = whole_length(reply)?
            && reply.len() >= bytes
        {
            return Ok(());
        }
        if reply.len() > REPLY_BYTES_MAX {
            return Err(std::io::Error::other("a reply without an end"));
        }
    }
}

/// The length of the whole reply once its head is there.
fn whole_length(reply: &[u8]) -> std::io::Result<Option<usize>> {
    let Some(head_bytes) = reply.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&reply[..head_bytes]).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200") {
        return Err(std::io::Error::other(format!("answered {:?}", head.lines().next().unwrap_or_default())));
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|text| text.trim().parse().ok());
    let length: usize = length.ok_or_else(|| std::io::Error::other("a reply without a content length"))?;
    Ok(Some(head_bytes + 4 + length))
}

fn failed(error: std::io::Error) -> CliError {
    CliError::new(Code::Failed, format!("the load's client: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_whole_when_its_content_length_is_there() {
        assert_eq!(whole_length(b"HTTP/1.1 200 OK\r\nContent-Len").unwrap(), None);
        assert_eq!(whole_length(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{").unwrap(), Some(40));
        assert!(whole_length(b"HTTP/1.1 503 x\r\nContent-Length: 2\r\n\r\n").is_err());
        assert!(whole_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
