//! Accepting connections, and stopping.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::App;
use super::connection::{Progress, WatchedIo, front};

/// Bytes of a connection's read buffer beyond its head's limits.
const READ_BUFFER_BYTES: usize = 16 << 10;
/// Headers that hyper takes where it is told nothing.
const HYPER_HEADERS_MAX: usize = 100;
/// Pause after the system had no room for one more connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why serving ended other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener is broken.
    #[error("cannot accept connections: {0}")]
    Accept(#[source] io::Error),
    /// Requests were still in flight when the time to drain was over.
    #[error("{connections} connections were still open after {seconds} s")]
    Drain {
        /// How many.
        connections: usize,
        /// `drain_timeout_s`.
        seconds: u64,
    },
}

/// Serves until `shutdown` resolves, then lets the requests in flight finish.
pub(super) async fn run(
    app: Arc<App>,
    router: Router,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let connections_max = app.options.connections_max;
    let room = Arc::new(Semaphore::new(connections_max));
    let (stop, stopped) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &room) => accepted?,
        };
        let (stream, permit) = accepted;
        tokio::spawn(serve(Arc::clone(&app), router.clone(), stream, stopped.clone(), permit));
    }
    drop(listener);
    app.draining.store(true, Ordering::Relaxed);
    app.streams.close();
    stop.send_replace(true);
    drain(&app, &room).await
}

/// A connection, once there is room for it.
pub(super) async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Result<(TcpStream, OwnedSemaphorePermit), ServeError> {
    let permit = Arc::clone(room).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok((stream, permit)),
            Err(error) if is_passing(&error) => tokio::time::sleep(ACCEPT_PAUSE).await,
            Err(error) => return Err(ServeError::Accept(error)),
        }
    }
}

/// Whether a failed accept says nothing about the next: the client left, or the system is out of files or memory just now.
fn is_passing(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = 105;
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::OutOfMemory
    ) || matches!(error.raw_os_error(), Some(ENFILE | EMFILE | ENOBUFS))
}

/// One connection to its end. A request that has reached the engine is carried out whether its client stays or not.
async fn serve(
    app: Arc<App>,
    router: Router,
    stream: TcpStream,
    mut stopped: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
) {
    // Without it a small reply may wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let header_timeout = Duration::from_secs(app.options.header_timeout_s);
    let idle_timeout = Duration::from_secs(app.options.idle_timeout_s);
    let progress = Arc::new(Progress::default());
    let builder = builder(&app);
    let io = WatchedIo::new(stream, Arc::clone(&progress));
    let front = front(app, router, Arc::clone(&progress));
    let mut connection = pin!(builder.serve_connection(io, front));
    let mut watch = pin!(progress.watch(header_timeout, idle_timeout));
    let mut stop = pin!(stopped.wait_for(|stopped| *stopped));
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            // An error is the client's: it left, or spoke no HTTP. hyper has answered what can be answered.
            _ = connection.as_mut() => return,
            () = watch.as_mut() => return,
            _ = stop.as_mut(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn builder(app: &App) -> http1::Builder {
    let options = &app.options;
    let head_bytes = options.header_bytes_max + options.url_bytes_max;
    let mut builder = http1::Builder::new();
    // Not `pipeline_flush`: with it hyper keeps its answer to a head that it cannot read for itself.
    builder.header_read_timeout(None).max_buf_size(head_bytes + READ_BUFFER_BYTES).writev(false);
    // hyper's own limit costs a request nothing; for any other it fills two tables of that many headers, 100 of them 6.4 kB.
    if options.headers_max != HYPER_HEADERS_MAX {
        builder.max_headers(options.headers_max);
    }
    builder
}

async fn drain(app: &App, room: &Semaphore) -> Result<(), ServeError> {
    let options = &app.options;
    let all = u32::try_from(options.connections_max).unwrap_or(u32::MAX);
    let limit = Duration::from_secs(options.drain_timeout_s);
    match tokio::time::timeout(limit, room.acquire_many(all)).await {
        Ok(_) => Ok(()),
        Err(_) => Err(ServeError::Drain {
            connections: options.connections_max.saturating_sub(room.available_permits()),
            seconds: options.drain_timeout_s,
        }),
    }
}
