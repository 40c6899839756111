//! `coffer wal stat`.

use std::fmt::Write;

use coffer_wal::inspect::{StatReport, stat};
use serde_json::{Value, json};

use super::Shard;
use crate::cli::exit::CliError;
use crate::cli::instant::rfc3339;
use crate::cli::output;

/// Prints how the log stands.
pub(crate) fn run(shard: &Shard, as_json: bool) -> Result<(), CliError> {
    let report = stat(&shard.env, &shard.dir)?;
    let document = document(&report);
    if as_json {
        output::json(&document);
        return Ok(());
    }
    let fields = document.as_object().expect("it is built as an object");
    for (name, value) in fields {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        output::line(format!("{name:<20} {shown}"));
    }
    Ok(())
}

fn document(report: &StatReport) -> Value {
    let control = &report.control;
    json!({
        "store": hex(&control.store),
        "shard": control.shard,
        "epoch": control.epoch,
        "closed_cleanly": control.clean,
        "first_record": report.first_lsn.0,
        "last_record": report.end.lsn.0,
        "last_record_at": rfc3339(report.end.time_ns),
        "last_batch": report.end.sequence,
        "last_hash": hex(&report.end.hash),
        "torn": report.torn.as_ref().map(|torn| json!({ "path": torn.path, "offset": torn.offset, "bytes": torn.bytes })),
        "hot_segments": report.hot_segments,
        "hot_bytes": report.hot_bytes,
        "spare_segments": report.spare_segments,
        "archived_segments": report.archived_segments,
        "archive_bytes": report.archive_bytes,
        "snapshots": report.snapshots.iter().map(snapshot).collect::<Vec<_>>(),
        "free_bytes": report.free_bytes,
    })
}

/// A snapshot as `wal stat` and `snapshot verify` show it.
pub(crate) fn snapshot(info: &coffer_wal::SnapshotInfo) -> Value {
    json!({
        "id": info.id,
        "start_record": info.start_lsn.0,
        "highest_record": info.highest_lsn.0,
        "created_at": rfc3339(info.created_ns),
        "bytes": info.bytes,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}
