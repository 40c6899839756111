//! An export as a stream of bytes, for whoever reads it while it is made: an HTTP response.
//!
//! It is made on a thread of its own that presses less than all others, and waits when the reader is slow: a few parts are ready at any
//! time, never more. If it fails, the stream ends with an error, and the response without its end.

use std::io;

use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::error::ExportError;
use super::exporter::{Exporter, Request};
use crate::engine::Engine;

/// Bytes of a part, about.
const PART_BYTES: usize = 64 << 10;
/// Parts that wait for the reader.
const PARTS: usize = 2;

/// Parts of the export, in order; an error is the last one.
pub(crate) type Streamed = mpsc::Receiver<io::Result<Bytes>>;

/// Begins to make the export. `permit` is given back when it is done; it ends early when nobody reads, or when `goes_on` says no.
///
/// # Errors
/// [`ExportError`]: it cannot begin.
pub(crate) fn stream(
    engine: &Engine,
    runtime: tokio::runtime::Handle,
    request: Request,
    permit: OwnedSemaphorePermit,
    goes_on: impl Fn() -> bool + Send + 'static,
) -> Result<Streamed, ExportError> {
    let (parts, streamed) = mpsc::channel(PARTS);
    let first = request.range.first;
    let exporter = Exporter::new(engine, runtime, request.clone(), first)?;
    let making = move || {
        let _permit = permit;
        match make(exporter, &request, &parts, &goes_on) {
            Ok(()) | Err(ExportError::Stopped) => {}
            Err(error) => {
                tracing::error!(%error, kind = request.kind.table.name, "an export was cut short");
                let _ = parts.blocking_send(Err(io::Error::other(error.to_string())));
            }
        }
    };
    engine.spawn_later("export", making).map_err(ExportError::io("a thread for the export"))?;
    Ok(streamed)
}

fn make(
    mut exporter: Exporter,
    request: &Request,
    parts: &mpsc::Sender<io::Result<Bytes>>,
    goes_on: &dyn Fn() -> bool,
) -> Result<(), ExportError> {
    let send = |bytes: Vec<u8>| parts.blocking_send(Ok(bytes.into())).map_err(|_| ExportError::Stopped);
    let mut encoder = request.format.begin(request.kind.table)?;
    while !exporter.is_done() {
        if parts.is_closed() {
            return Err(ExportError::Stopped);
        }
        if !goes_on() {
            return Err(ExportError::Mismatch("the server is stopping".to_owned()));
        }
        exporter.step(encoder.as_mut())?;
        if encoder.pending() >= PART_BYTES {
            send(encoder.take()?)?;
        }
    }
    send(encoder.finish(request.range.first, request.range.last)?)
}
