//! `coffer archive prune`.

use serde_json::json;

use super::PruneArgs;
use super::list::{document, line};
use crate::cli::exit::CliError;
use crate::cli::{output, start};
use crate::engine::retention::{Fate, Keep, judge};

pub(super) fn run(args: &PruneArgs) -> Result<(), CliError> {
    let archive = super::open(&args.settings.load(Vec::new())?)?;
    let keep = Keep { days: args.keep_days, bytes: args.keep_bytes };
    let now_ns = start::machine(true).clock.now_ns();
    let fates = judge(&archive.segments, keep, &archive.needs, now_ns);
    if !args.dry_run {
        archive.remove(&fates)?;
    }
    let judged = || archive.segments.iter().zip(&fates);
    let gone = || judged().filter(|(_, fate)| **fate == Fate::Goes);
    let (count, bytes) = (gone().count(), gone().map(|(segment, _)| segment.bytes).sum::<u64>());
    if args.json {
        let segments: Vec<_> = judged()
            .map(|(segment, fate)| {
                let mut shown = document(segment);
                shown["fate"] = fate.as_str().into();
                shown
            })
            .collect();
        output::json(&json!({
            "dry_run": args.dry_run, "removed_segments": count, "removed_bytes": bytes,
            "removed_to": gone().last().map_or(archive.removed_to().0, |(segment, _)| segment.last.0),
            "segments": segments,
        }));
        return Ok(());
    }
    for (segment, fate) in judged().filter(|(_, fate)| **fate != Fate::Wanted) {
        output::line(format!("{}: {}", line(segment), fate.as_str()));
    }
    let verb = if args.dry_run { "would be removed" } else { "removed" };
    output::line(format!("{count} segments of {bytes} bytes {verb}"));
    Ok(())
}
