//! `coffer archive list`.

use serde_json::{Value, json};

use crate::cli::exit::CliError;
use crate::cli::instant::rfc3339;
use crate::cli::{SettingsArgs, output};
use crate::engine::retention::Archived;

pub(super) fn run(settings: &SettingsArgs, as_json: bool) -> Result<(), CliError> {
    let archive = super::open(&settings.load(Vec::new())?)?;
    let removed = archive.removed_to().0;
    if as_json {
        let segments: Vec<_> = archive.segments.iter().map(document).collect();
        output::json(&json!({ "removed_to": removed, "segments": segments }));
        return Ok(());
    }
    if removed > 0 {
        output::line(format!("records 1 to {removed} were removed"));
    }
    archive.segments.iter().for_each(|segment| output::line(line(segment)));
    let bytes: u64 = archive.segments.iter().map(|segment| segment.bytes).sum();
    output::line(format!("{} segments, {bytes} bytes", archive.segments.len()));
    Ok(())
}

/// A segment for programs.
pub(super) fn document(segment: &Archived) -> Value {
    json!({
        "segment": segment.number, "file": segment.path, "first_record": segment.first.0,
        "last_record": segment.last.0, "last_at": rfc3339(segment.time_ns), "bytes": segment.bytes,
        "signed": segment.signed, "erased": segment.erased,
    })
}

/// A segment for people.
pub(super) fn line(segment: &Archived) -> String {
    let Archived { number, first, last, time_ns, bytes, erased, signed, .. } = segment;
    let records =
        if last < first { "no records".to_owned() } else { format!("records {} to {}", first.0, last.0) };
    let signed = match signed {
        Some(true) => "signed",
        Some(false) => "not signed",
        None => "no tree",
    };
    let erased = if *erased { ", has erased records" } else { "" };
    format!("{number:>6}  {records}, up to {}, {bytes} bytes, {signed}{erased}", rfc3339(*time_ns))
}
