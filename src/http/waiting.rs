//! What a listener answers while there is no engine behind it: alive, not ready, and "try again" to whatever else is asked. A log is
//! replayed for seconds or minutes, and whoever watches over the process must not take it for dead.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::error::{ApiError, Code};
use super::ops::Health;
use super::server::{self, ServeError};

/// Connections at once; each has one answer.
const CONNECTIONS_MAX: usize = 256;
/// From the connection's beginning to the end of its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers until it is dropped.
///
/// # Errors
/// [`ServeError::Accept`]: the listener broke.
pub async fn serve_while_starting(listener: &TcpListener) -> Result<Infallible, ServeError> {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let (stream, permit) = server::accept(listener, &room).await?;
        tokio::spawn(async move {
            // Too slow, or gone: it had its chance.
            let _ = tokio::time::timeout(PATIENCE, one(stream)).await;
            drop(permit);
        });
    }
}

async fn one(stream: TcpStream) {
    let front =
        service_fn(
            |request: Request<Incoming>| async move { Ok::<_, Infallible>(answer(request.uri().path())) },
        );
    let mut builder = http1::Builder::new();
    // The next request finds the engine.
    builder.keep_alive(false).header_read_timeout(None);
    // An error is the client's.
    let _ = builder.serve_connection(TokioIo::new(stream), front).await;
}

fn answer(path: &str) -> Response {
    match path {
        "/healthz" => Health::alive().into_response(),
        "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, Health::not_ready("starting")).into_response(),
        _ => ApiError::new(Code::Overloaded, "the server is starting: it reads its log").into_response(),
    }
}
