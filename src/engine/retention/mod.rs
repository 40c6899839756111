//! Which archived segments may go for good, and their removal: by age or size, oldest first, never what is still needed.
//!
//! [`judge`] decides and changes nothing; [`StoppedArchive::remove`] does what it said, on a stopped engine's directory, and `running`
//! does it segment by segment while the engine serves. A segment stays as long as
//! it is in the hot log too, or right before it; as long as a kept snapshot starts before its end; as long as idempotency keys may
//! point into it; until it is signed, where it has a tree; and until whoever follows the log has its rows. The newest always stays.
//! Tested below, in `tests/erasure/pruned.rs` and `tests/erasure/kept.rs`.

pub(crate) mod running;
mod stopped;

use std::path::PathBuf;

use coffer_ledger::ids::LogPosition;
use coffer_wal::{Archive, ArchiveError};

pub use self::stopped::StoppedArchive;
use super::open::OpenError;

const DAY_NS: u64 = 86_400 * 1_000_000_000;
const HOUR_NS: u64 = 3_600 * 1_000_000_000;

/// How much of the archive is wanted. With neither, all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Segments whose last record is at most so many days old.
    pub days: Option<u64>,
    /// The newest segments that have so many bytes together.
    pub bytes: Option<u64>,
}

impl Keep {
    /// Whether anything may go at all.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.days.is_none() && self.bytes.is_none()
    }

    /// Whether a segment is wanted, of an archive of so many bytes from this one on.
    fn wants(&self, segment: &Archived, bytes: u64, now_ns: u64) -> bool {
        let is_young = |days: u64| segment.time_ns >= now_ns.saturating_sub(days.saturating_mul(DAY_NS));
        self.days.is_none_or(is_young) && self.bytes.is_none_or(|limit| bytes <= limit)
    }
}

/// An archived segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Its number.
    pub number: u64,
    /// Its file.
    pub path: PathBuf,
    /// Its first record.
    pub first: LogPosition,
    /// Its last record.
    pub last: LogPosition,
    /// The time of its last record.
    pub time_ns: u64,
    /// The file's length.
    pub bytes: u64,
    /// Whether records of it are erased.
    pub erased: bool,
    /// Whether it is signed; `None` where there is no tree to sign.
    pub signed: Option<bool>,
}

impl Archived {
    /// Looks at a segment; `signed` has the numbers of those that are.
    fn look(archive: &Archive, number: u64, signed: &[u64]) -> Result<Self, ArchiveError> {
        let segment = archive.segment(number)?;
        let has_tree = segment.tree()?.is_some();
        Ok(Self {
            number,
            path: archive.path(number),
            first: LogPosition(segment.chain_before().lsn.next().0),
            last: LogPosition(segment.chain_after().lsn.0),
            time_ns: segment.chain_after().time_ns,
            bytes: segment.file_bytes(),
            erased: segment.header().erased,
            signed: has_tree.then(|| signed.contains(&number)),
        })
    }
}

/// What becomes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is not wanted, and nothing needs it.
    Goes,
    /// It is wanted.
    Wanted,
    /// The newest: the next one's tree follows it.
    Newest,
    /// It, or the segment after it, is in the hot log.
    Hot,
    /// A kept snapshot starts before its end, or fewer than two are sound.
    Snapshot,
    /// Idempotency keys may point to its records.
    Keys,
    /// It is not signed yet.
    Unsigned,
    /// The history has not taken its rows yet.
    History,
    /// An older one stays.
    Older,
}

impl Fate {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Goes => "goes",
            Self::Wanted => "wanted",
            Self::Newest => "newest",
            Self::Hot => "in the hot log, or right before it",
            Self::Snapshot => "a snapshot needs it",
            Self::Keys => "idempotency keys may point to it",
            Self::Unsigned => "not signed yet",
            Self::History => "the history is not past it",
            Self::Older => "an older one stays",
        }
    }
}

/// What keeps segments from going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The oldest hot segment.
    pub oldest_hot: u64,
    /// Where the older of the kept snapshots starts; 0 without two.
    pub snapshot_start: LogPosition,
    /// Keys of records since then are remembered.
    pub keys_since_ns: u64,
    /// How far the history is; `None` = there is none to be.
    pub followed_to: Option<u64>,
}

/// Says what becomes of each segment. `segments` are in order, oldest first.
#[must_use]
pub fn judge(segments: &[Archived], keep: Keep, needs: &Needs, now_ns: u64) -> Vec<Fate> {
    let mut bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let newest = segments.last().map_or(0, |segment| segment.number);
    let mut stays = false;
    let fates = segments.iter().map(|segment| {
        let wanted = keep.wants(segment, bytes, now_ns);
        bytes -= segment.bytes;
        let fate = if wanted {
            Fate::Wanted
        } else if segment.number == newest {
            Fate::Newest
        } else {
            needed(segment, needs)
        };
        let fate = if stays && fate == Fate::Goes { Fate::Older } else { fate };
        stays |= fate != Fate::Goes;
        fate
    });
    fates.collect()
}

fn needed(segment: &Archived, needs: &Needs) -> Fate {
    if segment.number + 1 >= needs.oldest_hot {
        Fate::Hot
    } else if segment.last > needs.snapshot_start {
        Fate::Snapshot
    } else if segment.time_ns >= needs.keys_since_ns {
        Fate::Keys
    } else if segment.signed == Some(false) {
        Fate::Unsigned
    } else if needs.followed_to.is_some_and(|position| position < segment.last.0) {
        Fate::History
    } else {
        Fate::Goes
    }
}

/// Why the archive could not be read or made smaller.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A segment.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A checkpoint.
    #[error("checkpoints: {0}")]
    Checkpoints(std::io::Error),
    /// The snapshots.
    #[error(transparent)]
    Snapshots(#[from] coffer_wal::SnapshotError),
    /// A bug.
    #[error("removing panicked")]
    Panicked,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten segments of ten records and 100 bytes, one a day.
    fn segments() -> Vec<Archived> {
        let segment = |number: u64| Archived {
            number,
            path: PathBuf::new(),
            first: LogPosition(number * 10 - 9),
            last: LogPosition(number * 10),
            time_ns: number * DAY_NS,
            bytes: 100,
            erased: false,
            signed: Some(true),
        };
        (1..=10).map(segment).collect()
    }

    /// Nothing needs anything.
    const NO_NEEDS: Needs = Needs {
        oldest_hot: 100,
        snapshot_start: LogPosition(1_000),
        keys_since_ns: u64::MAX,
        followed_to: None,
    };

    fn gone(keep: Keep, needs: &Needs) -> usize {
        let fates = judge(&segments(), keep, needs, 10 * DAY_NS);
        let gone = fates.iter().filter(|fate| **fate == Fate::Goes).count();
        assert!(fates[..gone].iter().all(|fate| *fate == Fate::Goes), "only the oldest go: {fates:?}");
        gone
    }

    #[test]
    fn what_is_too_old_or_too_much_goes_and_the_newest_stays() {
        assert_eq!(gone(Keep::default(), &NO_NEEDS), 0);
        assert_eq!(gone(Keep { days: Some(3), bytes: None }, &NO_NEEDS), 6);
        assert_eq!(gone(Keep { days: None, bytes: Some(250) }, &NO_NEEDS), 8);
        assert_eq!(gone(Keep { days: Some(3), bytes: Some(250) }, &NO_NEEDS), 8);
        assert_eq!(gone(Keep { days: None, bytes: Some(0) }, &NO_NEEDS), 9);
    }

    #[test]
    fn what_is_needed_stays_and_so_does_everything_after_it() {
        let all = Keep { days: None, bytes: Some(0) };
        assert_eq!(
            gone(all, &Needs { oldest_hot: 5, ..NO_NEEDS }),
            3,
            "the one right before the hot log stays"
        );
        assert_eq!(gone(all, &Needs { snapshot_start: LogPosition(39), ..NO_NEEDS }), 3);
        assert_eq!(
            gone(all, &Needs { snapshot_start: LogPosition(0), ..NO_NEEDS }),
            0,
            "without two snapshots"
        );
        assert_eq!(gone(all, &Needs { keys_since_ns: 4 * DAY_NS, ..NO_NEEDS }), 3);
        assert_eq!(gone(all, &Needs { followed_to: Some(45), ..NO_NEEDS }), 4);
        let mut unsigned = segments();
        unsigned[2].signed = Some(false);
        let fates = judge(&unsigned, all, &NO_NEEDS, 0);
        assert_eq!(fates[1..4], [Fate::Goes, Fate::Unsigned, Fate::Older]);
    }
}
