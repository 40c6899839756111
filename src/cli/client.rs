//! A small HTTP/1.1 client for our own server: one kept connection, one request at a time. Used by `keys --url` and the demo.
//!
//! Absent on purpose: TLS (the server speaks none; a proxy in front does), redirects, retries. Who retries decides the key.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long a request may take before it counts as unanswered.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no reply. The server may have done what was asked, unless it could not be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Not an address that this client speaks to.
    #[error("{0:?} is not an address of a server; write it as http://127.0.0.1:7070")]
    Url(String),
    /// No connection.
    #[error("{authority} cannot be reached: {source}")]
    Unreachable {
        /// Host and port.
        authority: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The connection ended before the reply.
    #[error("no reply: {0}")]
    NoReply(#[from] hyper::Error),
    /// Nothing came in time.
    #[error("no reply within {} s", ANSWER_TIMEOUT.as_secs())]
    TimedOut,
    /// A header or path that cannot be sent.
    #[error("the request cannot be written: {0}")]
    Unwritable(#[from] hyper::http::Error),
}

/// A reply.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// Whether the server says that this is an earlier outcome.
    pub(crate) replayed: bool,
    /// The body.
    pub(crate) body: Bytes,
}

/// One connection to one server.
pub(crate) struct Client {
    authority: String,
    authorization: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client of this server, with this API key. Connects with the first request.
    ///
    /// # Errors
    /// When `url` is none that it speaks to.
    pub(crate) fn new(url: &str, api_key: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") {
            return Err(wrong());
        }
        let authority = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
        Ok(Self { authority, authorization: format!("Bearer {api_key}"), connection: None })
    }

    /// Sends a request and waits for the whole reply. `headers` come on top of authorization and content type.
    ///
    /// # Errors
    /// When there is no reply; the next request connects anew.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into()))?;
        let mut connection = self.connected().await?;
        let exchange = async {
            let response = connection.send_request(request).await?;
            let status = response.status().as_u16();
            let replayed =
                response.headers().get("idempotency-replayed").is_some_and(|value| value == "true");
            let body = response.into_body().collect().await?.to_bytes();
            Ok(Reply { status, replayed, body })
        };
        let reply =
            tokio::time::timeout(ANSWER_TIMEOUT, exchange).await.map_err(|_| ClientError::TimedOut)?;
        if reply.is_ok() {
            self.connection = Some(connection);
        }
        reply
    }

    /// The kept connection if it is still good, else a new one. It is put back only after a whole reply.
    async fn connected(&mut self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        if let Some(mut kept) = self.connection.take()
            && kept.ready().await.is_ok()
        {
            return Ok(kept);
        }
        let unreachable = |source| ClientError::Unreachable { authority: self.authority.clone(), source };
        let stream = TcpStream::connect(&self.authority).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends with the connection; its error reaches whoever waits for the reply.
        tokio::spawn(connection);
        Ok(sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_taken() {
        for url in ["http://127.0.0.1:7070", "http://localhost", "http://[::1]:7070/"] {
            assert!(Client::new(url, "k").is_ok(), "{url}");
        }
        for url in ["", "127.0.0.1:7070", "https://localhost", "http://localhost/v1", "ftp://x"] {
            assert!(Client::new(url, "k").is_err(), "{url}");
        }
    }
}
