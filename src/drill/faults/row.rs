//! The rows of the table: what is done, to what, and what docs/WAL_FORMAT.md says comes of it.

use super::damage::{Damage, Target};
use super::files::{self, Promise};
use super::ground::Ground;
use super::{full, owners, writes};
use crate::cli::exit::CliError;

/// One row.
pub(crate) struct Row {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What is done.
    pub(crate) fault: &'static str,
    /// To what.
    pub(crate) done_to: &'static str,
    act: Act,
}

/// How a row is played.
#[derive(Clone, Copy)]
enum Act {
    WriteFails,
    SyncFails,
    WriteRefused,
    WriteShort,
    TornHeader,
    Fenced,
    SecondProcess,
    DiskFull,
    Files(Target, Damage, Promise),
}

/// What was seen, and whether it is what was expected.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    parts: Vec<String>,
    wrong: bool,
}

/// What became of a row.
pub(crate) enum Outcome {
    /// It was played.
    Played(Seen),
    /// It could not be, and why.
    NotRun(String),
}

impl Seen {
    /// Notes one thing that was seen.
    pub(crate) fn note(&mut self, what: impl Into<String>, right: bool) {
        let what = what.into();
        self.parts.push(if right { what } else { format!("WRONG: {what}") });
        self.wrong |= !right;
    }

    /// Everything that was seen, in one line.
    pub(crate) fn describe(&self) -> String {
        self.parts.join("; ")
    }

    /// Whether all of it was expected.
    pub(crate) fn is_right(&self) -> bool {
        !self.wrong && !self.parts.is_empty()
    }
}

impl Row {
    /// What comes of it.
    pub(crate) fn expected(&self) -> String {
        let line = match self.act {
            Act::WriteFails | Act::SyncFails | Act::WriteRefused => {
                "exit 74, nothing answered after; the next start has all that was acknowledged"
            }
            Act::WriteShort | Act::TornHeader => {
                "exit 74, nothing answered after; the next start sets the torn write aside and has all that was acknowledged"
            }
            Act::Fenced => {
                "the first ends with exit 75; the second has all that was acknowledged before it came"
            }
            Act::SecondProcess => "the second ends with exit 75; the first goes on, no byte changed",
            Act::DiskFull => {
                "writes answer 503 read_only, reads go on; writes work again when there is space; without room for a last snapshot it ends with exit 0, and starts again; nothing lost"
            }
            Act::Files(_, _, promise) => return promise.to_string(),
        };
        line.to_owned()
    }

    /// Plays it.
    pub(crate) async fn play(&self, ground: &Ground) -> Result<Outcome, CliError> {
        match self.act {
            Act::WriteFails => writes::injected(ground, self.name, writes::Point::Write).await,
            Act::SyncFails => writes::injected(ground, self.name, writes::Point::Sync).await,
            Act::WriteRefused => writes::refused(ground, self.name).await,
            Act::WriteShort => writes::short(ground, self.name, false).await,
            Act::TornHeader => writes::short(ground, self.name, true).await,
            Act::Fenced => owners::fenced(ground, self.name).await,
            Act::SecondProcess => owners::second_process(ground, self.name).await,
            Act::DiskFull => full::play(ground, self.name).await,
            Act::Files(target, damage, promise) => {
                files::play(ground, self.name, (target, damage), promise).await
            }
        }
    }
}

const fn row(name: &'static str, fault: &'static str, done_to: &'static str, act: Act) -> Row {
    Row { name, fault, done_to, act }
}

const fn file(
    name: &'static str,
    fault: &'static str,
    done_to: &'static str,
    target: Target,
    damage: Damage,
    promise: Promise,
) -> Row {
    row(name, fault, done_to, Act::Files(target, damage, promise))
}

const LIVE: &str = "live hot segment, acknowledged part";
const OLDER: &str = "older hot segment";
const SPARE: &str = "spare segment";
const ARCHIVE: &str = "archived segment";
const SNAPSHOT: &str = "newest snapshot";
const SNAPSHOTS: &str = "both snapshots";
const SLOT: &str = "control, newer slot";
const CONTROL: &str = "control";

const REFUSED: Promise = Promise::Refused;
const WHOLE: Promise = Promise::Starts { says: None, verify: files::SOUND, history: true };
const BY_VERIFY: Promise = Promise::Starts { says: None, verify: files::DAMAGED, history: false };
const PASSED_OVER: Promise =
    Promise::Starts { says: Some("is passed over"), verify: files::DAMAGED, history: true };
const LEFT_OUT: Promise =
    Promise::Starts { says: Some("leaving out a snapshot"), verify: files::DAMAGED, history: true };
const OTHER_SLOT: Promise =
    Promise::Starts { says: Some("one slot of the control file"), verify: files::DAMAGED, history: true };

/// Every row, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    row("write-error", "a write of the log fails with EIO", "running server", Act::WriteFails),
    row("sync-error", "fdatasync of the log fails with EIO", "running server, no direct I/O", Act::SyncFails),
    row("write-refused", "a write of the log fails with EFBIG", "running server", Act::WriteRefused),
    row("write-short", "a write of the log falls short", "running server", Act::WriteShort),
    row(
        "torn-header",
        "the same, and its first sector zeroed",
        "running server, then its file",
        Act::TornHeader,
    ),
    row("fenced", "lock file removed, a second server started", "running server", Act::Fenced),
    row("second-process", "a second server started", "running server", Act::SecondProcess),
    row(
        "disk-full",
        "no space left, also at its end and next start",
        "file system of a running server",
        Act::DiskFull,
    ),
    file("live-cut", "cut by a block", LIVE, Target::Live, Damage::Cut, REFUSED),
    file("live-zeroed", "all batches zeroed", LIVE, Target::Live, Damage::Zeroed, REFUSED),
    file("live-end-zeroed", "last block zeroed", LIVE, Target::LiveEnd, Damage::Zeroed, REFUSED),
    file(
        "live-flipped",
        "one bit flipped in the last batch",
        LIVE,
        Target::LiveEnd,
        Damage::Flipped,
        REFUSED,
    ),
    file("live-swapped", "swapped with the one before", LIVE, Target::Live, Damage::Swapped, REFUSED),
    file("live-removed", "removed", LIVE, Target::Live, Damage::Removed, REFUSED),
    file("older-cut", "cut by a block", OLDER, Target::Older, Damage::Cut, REFUSED),
    file("older-zeroed", "a block zeroed", OLDER, Target::Older, Damage::Zeroed, REFUSED),
    file("older-flipped", "one bit flipped", OLDER, Target::Older, Damage::Flipped, REFUSED),
    file("older-swapped", "swapped with the one before", OLDER, Target::Older, Damage::Swapped, REFUSED),
    file("older-removed", "removed", OLDER, Target::Older, Damage::Removed, REFUSED),
    file("spare-cut", "cut by a block", SPARE, Target::Spare, Damage::Cut, WHOLE),
    file("spare-flipped", "one bit flipped", SPARE, Target::Spare, Damage::Flipped, REFUSED),
    file(
        "spare-swapped",
        "swapped with the live segment",
        SPARE,
        Target::FirstSpare,
        Damage::Swapped,
        REFUSED,
    ),
    file("spare-removed", "the last one removed", SPARE, Target::Spare, Damage::Removed, WHOLE),
    file(
        "first-spare-removed",
        "one before another removed",
        SPARE,
        Target::FirstSpare,
        Damage::Removed,
        REFUSED,
    ),
    file("archive-cut", "cut by a block", ARCHIVE, Target::Archive, Damage::Cut, BY_VERIFY),
    file("archive-zeroed", "128 bytes zeroed", ARCHIVE, Target::Archive, Damage::Zeroed, BY_VERIFY),
    file("archive-flipped", "one bit flipped", ARCHIVE, Target::Archive, Damage::Flipped, BY_VERIFY),
    file(
        "archive-swapped",
        "swapped with the one before",
        ARCHIVE,
        Target::Archive,
        Damage::Swapped,
        BY_VERIFY,
    ),
    file(
        "archive-removed",
        "removed",
        ARCHIVE,
        Target::Archive,
        Damage::Removed,
        Promise::RefusedAt("the archive does not have it"),
    ),
    file("snapshot-cut", "cut by a block", SNAPSHOT, Target::Snapshot, Damage::Cut, LEFT_OUT),
    file("snapshot-zeroed", "a block zeroed", SNAPSHOT, Target::Snapshot, Damage::Zeroed, PASSED_OVER),
    file("snapshot-flipped", "one bit flipped", SNAPSHOT, Target::Snapshot, Damage::Flipped, PASSED_OVER),
    file(
        "snapshot-swapped",
        "swapped with the older one",
        SNAPSHOT,
        Target::Snapshot,
        Damage::Swapped,
        LEFT_OUT,
    ),
    file("snapshot-removed", "removed", SNAPSHOT, Target::Snapshot, Damage::Removed, WHOLE),
    file(
        "snapshots-flipped",
        "one bit flipped in each",
        SNAPSHOTS,
        Target::Snapshots,
        Damage::Flipped,
        PASSED_OVER,
    ),
    file("snapshots-removed", "removed", SNAPSHOTS, Target::Snapshots, Damage::Removed, WHOLE),
    file(
        "nothing-to-replay",
        "removed, and an archived segment too",
        SNAPSHOTS,
        Target::SnapshotsAndArchive,
        Damage::Removed,
        Promise::RefusedAt("records from LSN 1 are asked for"),
    ),
    file(
        "replay-damaged",
        "one bit flipped, and in an archived segment too",
        SNAPSHOTS,
        Target::SnapshotsAndArchive,
        Damage::Flipped,
        Promise::RefusedAt(".arc"),
    ),
    file("slot-zeroed", "zeroed", SLOT, Target::Slot, Damage::Zeroed, OTHER_SLOT),
    file("slot-flipped", "one bit flipped", SLOT, Target::Slot, Damage::Flipped, OTHER_SLOT),
    file("control-cut", "cut by a block", CONTROL, Target::Control, Damage::Cut, REFUSED),
    file("control-zeroed", "both slots zeroed", CONTROL, Target::Control, Damage::Zeroed, REFUSED),
    file(
        "control-flipped",
        "one bit flipped in each slot",
        CONTROL,
        Target::Control,
        Damage::Flipped,
        REFUSED,
    ),
    file(
        "control-swapped",
        "swapped with that of another store",
        CONTROL,
        Target::Control,
        Damage::Swapped,
        Promise::RefusedAt(".seg"),
    ),
    file("control-removed", "removed", CONTROL, Target::Control, Damage::Removed, Promise::RefusedAt(".seg")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let mut names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROWS.len());
    }

    #[test]
    fn a_row_is_right_only_when_something_was_seen_and_nothing_was_wrong() {
        let mut seen = Seen::default();
        assert!(!seen.is_right());
        seen.note("exit 65", true);
        assert!(seen.is_right());
        seen.note("a byte changed", false);
        assert!(!seen.is_right());
        assert_eq!(seen.describe(), "exit 65; WRONG: a byte changed");
    }
}
