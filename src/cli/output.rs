//! What a command prints. A reader that has gone away (`coffer wal dump | head`) is no error.

use std::io::Write;

use serde::Serialize;

/// One line on standard output.
pub(crate) fn line(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
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
    let _ = output.write_all(document).and_then(|()| output.flush());
}
