//! What the server listens on, and how many connections the system lets it have.

use std::net::SocketAddr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use crate::cli::exit::{CliError, Code};
use crate::config::Config;
use crate::http::{HttpServer, ServeError, serve_while_starting};

/// Files and connections of our own beside those of clients.
const OWN_FILES: u64 = 128;

/// Connections that the system holds until they are accepted; it takes its own limit (net.core.somaxconn) if that is lower.
///
/// Where it is too small, thousands of clients that come at once believe that they are connected while the system has dropped
/// them, and wait for seconds until it has sent their first request again.
const BACKLOG: u32 = 65_535;

/// The bound addresses.
pub(crate) struct Listeners {
    everybody: TcpListener,
    operators: Option<TcpListener>,
}

impl Listeners {
    /// Binds what the configuration names.
    pub(crate) fn bind(config: &Config) -> Result<Self, CliError> {
        let everybody = bind(config.listen(), "--listen")?;
        let operators = match config.ops_listen() {
            Some(address) => Some(bind(address, "--ops-listen")?),
            None => None,
        };
        Ok(Self { everybody, operators })
    }

    /// Says where. The line for everybody is the sign that the server is ready.
    pub(crate) fn announce(&self, data_dir: &std::path::Path) -> Result<(), CliError> {
        let address = |listener: &TcpListener| {
            listener.local_addr().map_err(|error| CliError::new(Code::Unavailable, error.to_string()))
        };
        if let Some(operators) = &self.operators {
            tracing::info!("operators on http://{}", address(operators)?);
        }
        tracing::info!("serving http://{}, data in {}", address(&self.everybody)?, data_dir.display());
        Ok(())
    }

    /// Answers on all of them that the server is starting, until it is dropped.
    pub(crate) async fn serve_while_starting(&self) -> ServeError {
        let operators = async {
            match &self.operators {
                Some(listener) => serve_while_starting(listener).await,
                None => std::future::pending().await,
            }
        };
        match tokio::try_join!(serve_while_starting(&self.everybody), operators) {
            Ok((never, _)) => match never {},
            Err(error) => error,
        }
    }

    /// Serves everybody until `stop` is true, and operators until `end` is.
    pub(crate) async fn serve(
        self,
        front: HttpServer,
        stop: watch::Receiver<bool>,
        end: watch::Receiver<bool>,
    ) -> Result<(), ServeError> {
        let Some(operators) = self.operators else {
            return front.serve(self.everybody, until(stop)).await;
        };
        let watching = front.clone();
        let watching = async move { watching.serve_ops(operators, until(end)).await };
        // Whoever watches over the process wants to see its end too; that ends with the runtime, or when it is told.
        let watching = tokio::spawn(watching);
        tokio::select! {
            ended = front.serve(self.everybody, until(stop)) => ended,
            ended = watching => ended.unwrap_or(Ok(())),
        }
    }
}

async fn until(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, CliError> {
    listen(address).map_err(|error| {
        let line = format!("cannot listen on {address}: {error}; choose another with {flag}");
        CliError::new(Code::Unavailable, line)
    })
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restarted server takes its port back at once, as `TcpListener::bind` would.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Asks the system for as many open files as it gives without being root, and warns when so many connections cannot be had.
pub(crate) fn raise_file_limit(connections: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        tracing::warn!("the limit of open files stays at {current:?}");
    }
    let wanted = connections + OWN_FILES;
    if let Some(allowed) = getrlimit(Resource::Nofile).current.filter(|allowed| *allowed < wanted) {
        tracing::warn!(
            "the system allows {allowed} open files, fewer than {connections} connections need ({wanted})"
        );
    }
}
