//! One connection: limits on heads and URLs, timeouts on clients that are slow or silent, and what every response carries.
//!
//! The timeouts cost a request two stores and no timer: the connection's progress is one word, and a watch looks at it every now and
//! then. Deliberately absent: per-request timers, middleware. Tested in tests/http/slow_clients.rs.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;

use super::auth::KeyMemo;
use super::error::{ApiError, Code};
use super::refusals::Noted;
use super::reply::IsStreamed;
use super::{App, direct};

/// Looks that a watch takes within the shortest timeout.
const LOOKS_PER_TIMEOUT: u32 = 4;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// For the first byte of a request, or for the client to read its reply.
    Idle,
    /// For the rest of a request's head.
    Head,
    /// For us.
    Busy,
}

impl Phase {
    const BITS: u32 = 2;

    const fn code(self) -> u64 {
        match self {
            Self::Idle => 0,
            Self::Head => 1,
            Self::Busy => 2,
        }
    }

    const fn of(word: u64) -> Self {
        match word & ((1 << Self::BITS) - 1) {
            0 => Self::Idle,
            1 => Self::Head,
            _ => Self::Busy,
        }
    }
}

/// Phase and number of phases so far, in one word: a watch that sees the same word twice knows that nothing happened between.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicU64);

impl Progress {
    fn enter(&self, phase: Phase) {
        let count = self.0.load(Ordering::Relaxed) >> Phase::BITS;
        self.0.store((count + 1) << Phase::BITS | phase.code(), Ordering::Relaxed);
    }

    fn bytes_arrived(&self) {
        if Phase::of(self.0.load(Ordering::Relaxed)) == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// Resolves when the client has been slow or silent for too long.
    pub(super) async fn watch(&self, header_timeout: Duration, idle_timeout: Duration) {
        let pause = (header_timeout.min(idle_timeout) / LOOKS_PER_TIMEOUT).max(Duration::from_millis(1));
        let mut last = self.0.load(Ordering::Relaxed);
        let mut unchanged = Duration::ZERO;
        loop {
            tokio::time::sleep(pause).await;
            let word = self.0.load(Ordering::Relaxed);
            unchanged = if word == last { unchanged + pause } else { Duration::ZERO };
            last = word;
            let over = match Phase::of(word) {
                Phase::Idle => unchanged >= idle_timeout,
                Phase::Head => unchanged >= header_timeout,
                Phase::Busy => false,
            };
            if over {
                return;
            }
        }
    }
}

/// The socket, telling the progress when bytes arrive.
pub(super) struct WatchedIo {
    inner: TokioIo<TcpStream>,
    progress: Arc<Progress>,
}

impl WatchedIo {
    pub(super) fn new(stream: TcpStream, progress: Arc<Progress>) -> Self {
        Self { inner: TokioIo::new(stream), progress }
    }
}

impl Read for WatchedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_read(cx, buf);
        if matches!(outcome, Poll::Ready(Ok(()))) {
            self.progress.bytes_arrived();
        }
        outcome
    }
}

impl Write for WatchedIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }
}

/// A body that is made while it is sent, telling the progress for whom the connection waits: for us while there is no next part, for
/// the client while there is one.
struct WatchedBody {
    body: axum::body::Body,
    progress: Arc<Progress>,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let part = Pin::new(&mut self.body).poll_frame(cx);
        self.progress.enter(if part.is_pending() { Phase::Busy } else { Phase::Idle });
        part
    }
}

/// What a connection's requests share.
struct Connection {
    app: Arc<App>,
    router: TowerToHyperService<Router>,
    progress: Arc<Progress>,
    key: KeyMemo,
}

/// What hyper calls for each request of a connection. The future of its answer is not boxed: hyper has one place for it, as long as
/// the connection lasts.
pub(super) fn front(
    app: Arc<App>,
    router: Router,
    progress: Arc<Progress>,
) -> impl Service<
    Request<Incoming>,
    Response = Response<axum::body::Body>,
    Error = Infallible,
    Future: Future + Send,
> + Send {
    let router = TowerToHyperService::new(router);
    let connection = Arc::new(Connection { app, router, progress, key: KeyMemo::default() });
    service_fn(move |request| {
        connection.progress.enter(Phase::Busy);
        Arc::clone(&connection).respond(request)
    })
}

impl Connection {
    async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<axum::body::Body>, Infallible> {
        let as_problem = prefers_problem(request.headers());
        let mut response = match self.check_head(&request) {
            Ok(()) => match direct::customer(&request) {
                Some(customer) => direct::debit(&self.app, customer, &self.key, request).await,
                None => self.router.call(request).await?,
            },
            Err(error) => error.into_response(),
        };
        let failed = response.status().is_client_error() || response.status().is_server_error();
        let id = self.app.request_ids.next();
        if let Some(Noted(notes)) = response.extensions_mut().remove() {
            notes.into_iter().for_each(|note| self.app.refusals.keep(id, note));
        }
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, self.app.request_ids.header(id));
        if failed && as_problem && headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        }
        self.progress.enter(Phase::Idle);
        if response.extensions().get::<IsStreamed>().is_some() {
            let progress = Arc::clone(&self.progress);
            response = response.map(|body| axum::body::Body::new(WatchedBody { body, progress }));
        }
        Ok(response)
    }

    fn check_head(&self, request: &Request<Incoming>) -> Result<(), ApiError> {
        let options = &self.app.options;
        let url_bytes = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
        if url_bytes > options.url_bytes_max {
            let message = format!("the URL has more than {} bytes", options.url_bytes_max);
            return Err(ApiError::new(Code::UriTooLong, message).with("url_bytes_max", options.url_bytes_max));
        }
        let header_bytes: usize =
            request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if header_bytes > options.header_bytes_max {
            let message = format!("the headers have more than {} bytes", options.header_bytes_max);
            return Err(ApiError::new(Code::HeadersTooLarge, message)
                .with("header_bytes_max", options.header_bytes_max));
        }
        Ok(())
    }
}

/// Whether `Accept` names application/problem+json, and before application/json.
fn prefers_problem(headers: &HeaderMap) -> bool {
    let mut kinds = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kinds.find(|kind| kind.ends_with("json")) == Some("application/problem+json")
}

/// Bytes of an id.
const ID_BYTES: usize = 37;

/// Ids for people to name a request by: a number of this process's start, and a counter.
#[derive(Debug)]
pub(crate) struct RequestIds {
    start: [u8; 8],
    count: AtomicU64,
}

impl RequestIds {
    /// `start` should differ from start to start.
    pub(crate) fn new(start: [u8; 8]) -> Self {
        Self { start, count: AtomicU64::new(0) }
    }

    fn next(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// The id of this process's request of this number.
    pub(crate) fn text(&self, count: u64) -> String {
        String::from_utf8_lossy(&self.bytes(count)).into_owned()
    }

    fn header(&self, count: u64) -> HeaderValue {
        HeaderValue::from_bytes(&self.bytes(count)).expect("hexadecimal digits may stand in a header")
    }

    fn bytes(&self, count: u64) -> [u8; ID_BYTES] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = *b"req_0000000000000000-0000000000000000";
        for (place, byte) in text[4..20].chunks_exact_mut(2).zip(self.start) {
            place.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        for (place, byte) in text[21..].chunks_exact_mut(2).zip(count.to_be_bytes()) {
            place.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        text
    }

    /// The number of a request of this process; `None` if the id is no such request's.
    pub(crate) fn read(&self, text: &str) -> Option<u64> {
        let count = u64::from_str_radix(text.get(21..)?, 16).ok()?;
        (self.bytes(count) == *text.as_bytes()).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_sent_only_to_who_asks_for_it_first() {
        let prefers = |accept: &'static str| {
            prefers_problem(&[(ACCEPT, HeaderValue::from_static(accept))].into_iter().collect())
        };
        assert!(prefers("application/problem+json"));
        assert!(prefers("text/html, application/problem+json;q=0.9, application/json"));
        assert!(!prefers("application/json, application/problem+json"));
        assert!(!prefers("*/*"));
        assert!(!prefers_problem(&HeaderMap::new()));
    }

    /// The future of each request is made and copied into its place.
    #[test]
    fn what_a_request_needs_while_it_is_answered_is_small() {
        fn bytes<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
            size_of::<F>()
        }
        let bytes = bytes(Connection::respond);
        assert!(bytes <= 3_072, "{bytes}");
    }

    #[test]
    fn request_ids_differ() {
        let ids = RequestIds::new([0xab; 8]);
        assert_eq!(ids.header(ids.next()), "req_abababababababab-0000000000000000");
        assert_eq!(ids.header(ids.next()), "req_abababababababab-0000000000000001");
        assert_eq!(ids.read("req_abababababababab-00000000000000ff"), Some(255));
        for other in
            ["req_abababababababac-00000000000000ff", "req_abababababababab-00000000000000FF", "", "req_é"]
        {
            assert_eq!(ids.read(other), None, "{other}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_in_is_late_and_a_busy_connection_never_is() {
        let progress = Progress::default();
        let (header, idle) = (Duration::from_secs(10), Duration::from_secs(75));
        progress.enter(Phase::Busy);
        let hour = Duration::from_secs(3_600);
        tokio::time::timeout(hour, progress.watch(header, idle)).await.unwrap_err();
        progress.enter(Phase::Idle);
        progress.bytes_arrived();
        let trickle = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                progress.bytes_arrived();
            }
        };
        let start = tokio::time::Instant::now();
        tokio::select! { () = progress.watch(header, idle) => {}, () = trickle => {} }
        assert!(start.elapsed() <= Duration::from_secs(13), "{:?}", start.elapsed());
        progress.enter(Phase::Idle);
        let start = tokio::time::Instant::now();
        progress.watch(header, idle).await;
        assert!((75..=80).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    }
}
