//! `coffer wal verify`.

use coffer_wal::inspect::{SegmentKind, SegmentReport, VerifyProgress, VerifyReport, verify};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::Shard;
use crate::cli::exit::{CliError, Code};
use crate::cli::output;

/// Checks everything, prints what it found.
pub(crate) fn run(shard: &Shard, as_json: bool) -> Result<(), CliError> {
    let bar = ProgressBar::new(0);
    let report = verify(&shard.env, &shard.dir, &mut |progress: &VerifyProgress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_done);
    });
    bar.finish_and_clear();
    let report = report?;
    if as_json {
        output::json(&document(&report));
    } else {
        print(&report);
    }
    match report.problems.len() {
        0 => Ok(()),
        count => Err(CliError::new(Code::Corrupt, format!("{}: {count} problems", shard.dir.display()))),
    }
}

fn print(report: &VerifyReport) {
    for problem in &report.problems {
        output::line(format!("problem: {problem}"));
    }
    let records: u64 = distinct(report).map(SegmentReport::records).sum();
    let batches: u64 = distinct(report).map(SegmentReport::batches).sum();
    let end = report.end.map_or("unknown".to_owned(), |end| end.lsn.to_string());
    output::line(format!("{records} records in {batches} batches are sound; the log ends at record {end}"));
    if let Some(torn) = &report.torn {
        let (path, offset) = (torn.path.display(), torn.offset);
        output::line(format!("{path} at offset {offset}: a write was cut short; it was never acknowledged"));
    }
    let (segments, snapshots) = (report.segments.len(), report.snapshots.len());
    let closed = if report.clean { "closed in good order" } else { "not closed in good order" };
    output::line(format!("{segments} segments, {snapshots} sound snapshots; {closed}"));
}

/// A segment may be both hot and archived; it counts once.
fn distinct(report: &VerifyReport) -> impl Iterator<Item = &SegmentReport> {
    let again =
        |index: usize| index > 0 && report.segments[index - 1].number == report.segments[index].number;
    report.segments.iter().enumerate().filter(move |(index, _)| !again(*index)).map(|(_, segment)| segment)
}

fn document(report: &VerifyReport) -> Value {
    let problem = |problem: &coffer_wal::inspect::Problem| json!({ "path": problem.path, "offset": problem.offset, "what": problem.what });
    json!({
        "sound": report.is_sound(),
        "records": distinct(report).map(SegmentReport::records).sum::<u64>(),
        "batches": distinct(report).map(SegmentReport::batches).sum::<u64>(),
        "end": report.end.map(|end| end.lsn.0),
        "torn": report.torn.as_ref().map(|torn| json!({ "path": torn.path, "offset": torn.offset, "bytes": torn.bytes })),
        "clean": report.clean,
        "segments": report.segments.iter().map(segment).collect::<Vec<_>>(),
        "snapshots": report.snapshots.iter().map(|snapshot| snapshot.id).collect::<Vec<_>>(),
        "problems": report.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn segment(segment: &SegmentReport) -> Value {
    let kind = match segment.kind {
        SegmentKind::Archived => "archived",
        SegmentKind::Sealed => "sealed",
        SegmentKind::Last => "last",
        SegmentKind::Spare => "spare",
    };
    json!({
        "number": segment.number,
        "path": segment.path,
        "kind": kind,
        "records": segment.records(),
        "batches": segment.batches(),
        "bytes": segment.file_bytes,
    })
}
