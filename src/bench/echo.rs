//! The yardstick: an axum handler that reads a body and sends it back. What HTTP alone costs on this machine.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use axum::serve::ListenerExt;
use coffer_wal::Clock;
use tokio::net::TcpListener;

use crate::cli::child::{Server, own_program};
use crate::cli::exit::{CliError, Code};
use crate::cli::output;

/// Starts it as a process of its own.
pub(crate) async fn start(clock: &Arc<dyn Clock>) -> Result<Server, CliError> {
    let mut echo = own_program()?;
    echo.args(["bench", "--serve-echo"]);
    Server::spawn(echo, clock).await
}

/// Serves until the process ends.
pub(crate) async fn serve() -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::new(Code::Unavailable, error.to_string());
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    output::note(format!("serving http://{}", listener.local_addr().map_err(failed)?));
    let listener = listener.tap_io(|stream| {
        // Without it every reply would wait for Nagle's timer; it is the same on the other side.
        let _ = stream.set_nodelay(true);
    });
    let echo = |body: Bytes| async move { ([(CONTENT_TYPE, "application/json")], body) };
    axum::serve(listener, Router::new().route("/v1/customers/{id}/debits", post(echo))).await.map_err(failed)
}
