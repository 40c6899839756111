//! What a command prints. A reader that has gone away (`coffer wal dump | head`) is no error, and nothing is made for it any more; whatever
//! else keeps the output from being written is told once, at the command's end.

use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use serde::Serialize;

use super::exit::{CliError, Code};

/// Why standard output took no more.
static BROKEN: OnceLock<std::io::Error> = OnceLock::new();

/// One line on standard output.
pub(crate) fn line(text: impl AsRef<str>) {
    keep(writeln!(std::io::stdout().lock(), "{}", text.as_ref()));
}

/// One JSON document on one line of standard output.
pub(crate) fn json(value: &impl Serialize) {
    line(serde_json::to_string(value).expect("our own types have text keys only"));
}

/// One line on standard error, for people.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}

/// A whole document on standard output.
pub(crate) fn bytes(document: &[u8]) {
    let mut output = std::io::stdout().lock();
    keep(output.write_all(document).and_then(|()| output.flush()));
}

/// Whether nobody gets what would be printed next: whoever prints much stops.
pub(crate) fn is_broken() -> bool {
    BROKEN.get().is_some()
}

/// Whether all that was printed was written, as far as somebody wanted it.
///
/// # Errors
/// Why not.
pub(crate) fn check() -> Result<(), CliError> {
    match BROKEN.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::new(Code::Io, format!("standard output cannot be written: {error}")))
        }
        Some(_) | None => Ok(()),
    }
}

fn keep(written: std::io::Result<()>) {
    if let Err(error) = written {
        // The first one says why.
        drop(BROKEN.set(error));
    }
}
