//! One attempt: resolve, check the addresses, connect to one of those that were checked, send, read the status.
//!
//! Written over hyper's connections and not with a whole client: the address that was checked is the one that is connected to, no
//! redirect is ever followed, no proxy of the environment is asked. A connection is kept for the endpoint's next events, though not for long:
//! what is between may forget it without a word. One that gives no answer says nothing of the endpoint, which is asked over a new one.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use axum::http::{Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::address::is_public;

/// Bytes of an answer that are read, so that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long they are waited for: the status has said all.
const ANSWER_REST: Duration = Duration::from_secs(1);
/// How long a connection is kept while nothing is sent.
const IDLE_MAX: Duration = Duration::from_secs(30);
const AGENT: &str = concat!("coffer/", env!("CARGO_PKG_VERSION"));

/// What is sent.
pub(super) struct Letter {
    pub(super) url: Uri,
    pub(super) id: String,
    pub(super) timestamp_s: u64,
    pub(super) signatures: String,
    pub(super) body: Bytes,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It answered.
    Status {
        /// The status.
        status: u16,
        /// What `Retry-After` said.
        retry_after: Option<String>,
    },
    /// Its name leads to addresses that are not sent to.
    AddressRefused(IpAddr),
    /// There was no answer.
    Failed(String),
    /// Nothing was sent: there is no such event any more.
    Gone,
}

impl Answer {
    /// Whether it ends the delivery wherever it came from: it was taken, or there is nothing to be sent.
    pub(super) fn ends_it(&self) -> bool {
        match self {
            Self::Status { status, .. } => is_taken(*status),
            Self::Gone => true,
            Self::AddressRefused(_) | Self::Failed(_) => false,
        }
    }
}

/// A connection to an endpoint, over which nothing is sent just now.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    idle_since: Instant,
}

impl Connection {
    /// Whether the next event may go over it.
    pub(super) fn may_be_used(&self) -> bool {
        !self.sender.is_closed() && self.idle_since.elapsed() < IDLE_MAX
    }
}

/// What became of an attempt.
pub(super) struct Sent {
    pub(super) answer: Answer,
    /// A connection that can be used again.
    pub(super) connection: Option<Connection>,
    /// A connection gave no answer: others that were kept may be as dead.
    pub(super) found_dead: bool,
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Makes attempts. Cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    tls: Arc<ClientConfig>,
    allow_private: bool,
    timeout: Duration,
}

enum Failed {
    Refused(IpAddr),
    Io(String),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

impl Client {
    /// Trusts the authorities that the machine trusts, or those of the file in `SSL_CERT_FILE`.
    pub(super) fn new(allow_private: bool, timeout: Duration) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("ring knows the versions that rustls was built for");
        let tls = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Self { tls, allow_private, timeout }
    }

    /// One attempt: over `kept`, and over a new connection if that gives no answer.
    pub(super) async fn send(&self, letter: &Letter, kept: Option<Connection>) -> Sent {
        let had_one = kept.is_some();
        if let Some(Connection { sender, .. }) = kept
            && let Ok((answer, connection)) = self.in_time(exchange(sender, letter)).await
        {
            return Sent { answer, connection: connection.reusable().await, found_dead: false };
        }
        let afresh = async { exchange(self.connect(&letter.url).await?, letter).await };
        match self.in_time(afresh).await {
            Ok((answer, connection)) => {
                Sent { answer, connection: connection.reusable().await, found_dead: had_one }
            }
            Err(Failed::Refused(address)) => {
                Sent { answer: Answer::AddressRefused(address), connection: None, found_dead: had_one }
            }
            Err(Failed::Io(why)) => Sent { answer: Answer::Failed(why), connection: None, found_dead: true },
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
        let late = |_| Failed::Io(format!("no answer in {} s", self.timeout.as_secs_f64()));
        tokio::time::timeout(self.timeout, work).await.map_err(late)?
    }

    async fn connect(&self, url: &Uri) -> Result<SendRequest<Full<Bytes>>, Failed> {
        let host = host_of(url).ok_or_else(|| Failed::Io("the URL has no host".to_owned()))?;
        let is_tls = url.scheme_str() != Some("http");
        let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let stream = self.reach(host, port).await?;
        let _ = stream.set_nodelay(true);
        let io: Box<dyn Io> = if is_tls {
            let name =
                ServerName::try_from(host.to_owned()).map_err(|error| Failed::Io(error.to_string()))?;
            Box::new(TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await?)
        } else {
            Box::new(stream)
        };
        let failed = |error: hyper::Error| Failed::Io(error.to_string());
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(failed)?;
        // It ends when the sender is dropped, or the other side closes.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    /// A connection to one of the addresses of a name, each of which was checked.
    async fn reach(&self, host: &str, port: u16) -> Result<TcpStream, Failed> {
        let mut failed = Failed::Io(format!("{host} has no address"));
        let found: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
        for address in found {
            if !self.allow_private && !is_public(address.ip()) {
                failed = Failed::Refused(address.ip());
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = Failed::Io(format!("{address}: {error}")),
            }
        }
        Err(failed)
    }
}

/// A URL's host; an IPv6 address without its brackets.
pub(super) fn host_of(url: &Uri) -> Option<&str> {
    let host = url.host()?;
    Some(host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host))
}

/// A connection whose answer is not read to its end.
struct Answering {
    sender: SendRequest<Full<Bytes>>,
    body: Incoming,
}

impl Answering {
    /// Reads the rest, unless it is long or slow: then there is none that can be used again.
    async fn reusable(self) -> Option<Connection> {
        let rest = Limited::new(self.body, ANSWER_BYTES_MAX).collect();
        let read = tokio::time::timeout(ANSWER_REST, rest).await;
        let idle_since = Instant::now();
        matches!(read, Ok(Ok(_))).then_some(Connection { sender: self.sender, idle_since })
    }
}

/// Sends the request and reads the head of the answer.
async fn exchange(
    mut sender: SendRequest<Full<Bytes>>,
    letter: &Letter,
) -> Result<(Answer, Answering), Failed> {
    let path = letter.url.path_and_query().map_or("/", |path| path.as_str());
    let authority = letter.url.authority().map_or("", |authority| authority.as_str());
    let request = Request::post(path)
        .header(HOST, authority)
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", &letter.id)
        .header("webhook-timestamp", letter.timestamp_s)
        .header("webhook-signature", &letter.signatures)
        .body(Full::new(letter.body.clone()))
        .map_err(|error| Failed::Io(error.to_string()))?;
    let failed = |error: hyper::Error| Failed::Io(error.to_string());
    sender.ready().await.map_err(failed)?;
    let response = sender.send_request(request).await.map_err(failed)?;
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let answer = Answer::Status { status: status.as_u16(), retry_after: retry_after.map(str::to_owned) };
    Ok((answer, Answering { sender, body: response.into_body() }))
}

/// Whether an endpoint that answers so has taken the event.
pub(super) fn is_taken(status: u16) -> bool {
    StatusCode::from_u16(status).is_ok_and(|status| status.is_success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_kept_for_a_while_and_not_when_it_was_closed() {
        let (ours, theirs) = tokio::io::duplex(64);
        let (sender, driver) = http1::handshake(TokioIo::new(ours)).await.unwrap();
        let driving = tokio::spawn(driver);
        let kept = Connection { sender, idle_since: Instant::now() };
        tokio::time::advance(IDLE_MAX - Duration::from_millis(1)).await;
        assert!(kept.may_be_used());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!kept.may_be_used());
        let kept = Connection { idle_since: Instant::now(), ..kept };
        assert!(kept.may_be_used());
        drop(theirs);
        drop(driving.await);
        assert!(!kept.may_be_used());
    }
}
