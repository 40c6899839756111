//! An export into whatever takes bytes: standard output. It cannot be gone on with.

use std::io::{ErrorKind, Write};

use sha2::{Digest, Sha256};

use super::error::ExportError;
use super::exporter::{Exporter, Request};
use super::manifest::{Asked, FileInfo, Manifest};
use crate::audit::hex;
use crate::engine::Engine;

/// Bytes that are written at once, about.
const WRITE_BYTES: usize = 256 << 10;

/// Writes it, and gives what a manifest would say.
///
/// # Errors
/// [`ExportError::Stopped`]: the reader has left; everything else as it says.
pub fn pipe(
    engine: &Engine,
    runtime: tokio::runtime::Handle,
    request: Request,
    out: &mut dyn Write,
) -> Result<Manifest, ExportError> {
    let mut manifest = Manifest::begun(&request, Asked::default(), engine.store_id(), &engine.log_reader())?;
    let mut exporter = Exporter::new(engine, runtime, request.clone(), request.range.first)?;
    let mut encoder = request.format.begin(request.kind.table)?;
    let (mut rows, mut bytes, mut hash) = (0, 0_usize, Sha256::new());
    let mut put = |part: &[u8]| {
        hash.update(part);
        bytes += part.len();
        out.write_all(part).map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => ExportError::Stopped,
            _ => ExportError::io("standard output")(error),
        })
    };
    while !exporter.is_done() {
        rows += exporter.step(encoder.as_mut())?;
        if encoder.pending() >= WRITE_BYTES {
            put(&encoder.take()?)?;
        }
    }
    let (log_from, log_to) = (request.range.first, request.range.last);
    put(&encoder.finish(log_from, log_to)?)?;
    let bytes = u64::try_from(bytes).expect("a length fits");
    let sha256 = hex::encode(&hash.finalize());
    manifest.add(FileInfo { name: "-".to_owned(), rows, bytes, sha256, log_from, log_to });
    manifest.complete = true;
    Ok(manifest)
}
