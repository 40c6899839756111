//! Checks every byte of a store and reports all that is wrong, not only the first thing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::archive::{ArchivedSegment, Removed};
use crate::audit::SegmentRoot;
use crate::batch::{ChainEnd, Hash};
use crate::env::Env;
use crate::error::OpenError;
use crate::frame::Lsn;
use crate::reader::SegmentSource;
use crate::recovery::{TornReport, survey};
use crate::segment::{SegmentHeader, SegmentHeaderError, StoreId};
use crate::snapshot_file::{HistoryMark, SnapshotInfo};
use crate::storage::Access;
use crate::walk::{SegmentWalk, WalkStep};

use super::store::{HotFile, Store};

/// How far a verification has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Bytes of files that are done.
    pub bytes_done: u64,
    /// Bytes of all files.
    pub bytes_total: u64,
    /// Records verified so far.
    pub records: u64,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file concerned.
    pub path: PathBuf,
    /// Where in it, in bytes, when that is known.
    pub offset: Option<u64>,
    /// What is wrong, and what it means.
    pub what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{} at offset {offset}: {}", self.path.display(), self.what),
            None => write!(f, "{}: {}", self.path.display(), self.what),
        }
    }
}

/// What a segment is to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    /// In the archive.
    Archived,
    /// In the hot log, written in an earlier run or filled up.
    Sealed,
    /// In the hot log, the last one that was written.
    Last,
    /// Zeros, ready for use.
    Spare,
}

/// One segment and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentReport {
    /// Its number.
    pub number: u64,
    /// Its file.
    pub path: PathBuf,
    /// What it is.
    pub kind: SegmentKind,
    /// The chain before its first batch; `None` for a spare.
    pub before: Option<ChainEnd>,
    /// The chain after its last verified batch; `None` for a spare.
    pub after: Option<ChainEnd>,
    /// The file's length in bytes.
    pub file_bytes: u64,
}

impl SegmentReport {
    /// Verified records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.counted(|chain| chain.lsn.0)
    }

    /// Verified batches.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.counted(|chain| chain.sequence)
    }

    fn counted(&self, count: fn(&ChainEnd) -> u64) -> u64 {
        let (before, after) = (self.before.as_ref().map_or(0, count), self.after.as_ref().map_or(0, count));
        after.saturating_sub(before)
    }
}

/// All that was found.
#[derive(Clone, Debug)]
pub struct VerifyReport {
    /// The store's identity.
    pub store: StoreId,
    /// The shard's number.
    pub shard: u16,
    /// Where the log ends, unless it is damaged.
    pub end: Option<ChainEnd>,
    /// The write that a crash cut short, if there was one: no problem, it was never acknowledged.
    pub torn: Option<TornReport>,
    /// Whether the log was closed in good order.
    pub clean: bool,
    /// All segments, by number; one that is both hot and archived is here twice.
    pub segments: Vec<SegmentReport>,
    /// The archived segments whose audit tree follows the one before, each with its chained root.
    pub roots: Vec<(SegmentRoot, Hash)>,
    /// The archived segments that have no audit tree: an older version made them.
    pub treeless: Vec<u64>,
    /// What was removed from the front of the archive for good, if anything was.
    pub removed: Option<Removed>,
    /// The sound snapshots, newest first.
    pub snapshots: Vec<SnapshotInfo>,
    /// What is wrong. Empty when everything is sound.
    pub problems: Vec<Problem>,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Verifies the store in `dir`, a shard's directory. Changes nothing.
///
/// # Errors
/// [`OpenError`] when there is nothing to verify: no log, locked by its owner, another format, or files that
/// cannot be read. Damage is not an error here but a [`Problem`] of the report.
pub fn verify(
    env: &Env,
    dir: &Path,
    progress: &mut dyn FnMut(&VerifyProgress),
) -> Result<VerifyReport, OpenError> {
    let store = Store::open(env, dir)?;
    let mut verifier = Verifier::new(&store, progress);
    verifier.survey()?;
    verifier.archive();
    verifier.trees();
    verifier.hot_log()?;
    verifier.links();
    verifier.snapshots();
    Ok(verifier.report)
}

struct Verifier<'a> {
    store: &'a Store,
    progress: &'a mut dyn FnMut(&VerifyProgress),
    done: VerifyProgress,
    report: VerifyReport,
    /// The hashes of hot batches whose records snapshots name, by these records.
    batches: HashMap<Lsn, Hash>,
}

impl<'a> Verifier<'a> {
    fn new(store: &'a Store, progress: &'a mut dyn FnMut(&VerifyProgress)) -> Verifier<'a> {
        let control = &store.control;
        let bytes_total = store.hot.iter().map(|file| file.bytes).sum();
        let report = VerifyReport {
            store: control.store,
            shard: control.shard,
            end: None,
            torn: None,
            clean: control.clean,
            segments: Vec::new(),
            roots: Vec::new(),
            treeless: Vec::new(),
            removed: store.archive.removed(),
            snapshots: Vec::new(),
            problems: Vec::new(),
        };
        Verifier {
            store,
            progress,
            done: VerifyProgress { bytes_total, ..VerifyProgress::default() },
            report,
            batches: HashMap::new(),
        }
    }

    fn problem(&mut self, path: &Path, offset: Option<u64>, what: impl Into<String>) {
        self.report.problems.push(Problem { path: path.to_path_buf(), offset, what: what.into() });
    }

    fn advance(&mut self, bytes: u64) {
        self.done.bytes_done += bytes;
        (self.progress)(&self.done);
    }

    /// What opening the log would say.
    fn survey(&mut self) -> Result<(), OpenError> {
        let storage = self.store.storage();
        match survey(storage.as_ref(), &self.store.dir, self.store.control.shard) {
            Ok(Some(survey)) => {
                self.report.end = Some(survey.end.chain);
                self.report.torn = survey.end.torn;
                if survey.control_slot_damaged {
                    let path = crate::options::control_path(&self.store.dir);
                    let what = "one of its two slots is damaged; the other one answers for it";
                    self.problem(&path, None, what);
                }
            }
            Ok(None) => {}
            Err(OpenError::Corrupt(found)) => {
                let what = format!("{}; records from LSN {}", found.why, found.first_lsn);
                self.problem(&found.path, Some(found.offset), what);
            }
            Err(error @ OpenError::WrongStore { .. }) => {
                self.problem(&self.store.dir, None, error.to_string());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn archive(&mut self) {
        for number in self.store.archive.numbers() {
            let verified = self.store.archive.verify(number);
            if let Err(error) = verified {
                self.problem(&self.store.archive.path(number), None, error.to_string());
            }
            // A file with a damaged block still tells where it belongs.
            if let Ok(segment) = self.store.archive.segment(number) {
                self.archived(number, &segment);
            }
        }
    }

    fn archived(&mut self, number: u64, segment: &ArchivedSegment) {
        self.done.bytes_total += segment.file_bytes();
        self.done.records += segment.chain_after().lsn.0.saturating_sub(segment.chain_before().lsn.0);
        self.report.segments.push(SegmentReport {
            number,
            path: self.store.archive.path(number),
            kind: SegmentKind::Archived,
            before: Some(segment.chain_before()),
            after: Some(segment.chain_after()),
            file_bytes: segment.file_bytes(),
        });
        self.advance(segment.file_bytes());
    }

    fn hot_log(&mut self) -> Result<(), OpenError> {
        let snapshots = self.store.snapshots.inspect().unwrap_or_default();
        let snapshots_show: Vec<Lsn> =
            snapshots.into_iter().filter_map(|(_, found)| Some(found.ok()?.highest_lsn)).collect();
        for (file, header, next) in self.store.live() {
            self.hot_segment(file, &header, next.as_ref(), &snapshots_show)?;
        }
        let last_live = self.store.live().last().map_or(0, |(file, ..)| file.number);
        for file in &self.store.hot {
            let Err(error) = file.header else { continue };
            // Damage in place of a header is the survey's to judge when it stands at the end of the log.
            if error != SegmentHeaderError::Unwritten && file.number < last_live {
                self.problem(&file.path, Some(0), error.to_string());
            }
            self.report.segments.push(SegmentReport {
                number: file.number,
                path: file.path.clone(),
                kind: SegmentKind::Spare,
                before: None,
                after: None,
                file_bytes: file.bytes,
            });
            self.advance(file.bytes);
        }
        Ok(())
    }

    /// Walks a segment up to where its successor says that it ends. In the last one the survey has judged
    /// what follows the last sound batch.
    fn hot_segment(
        &mut self,
        file: &HotFile,
        header: &SegmentHeader,
        next: Option<&SegmentHeader>,
        snapshots_show: &[Lsn],
    ) -> Result<(), OpenError> {
        let open = self.store.env.storage.open(&file.path, Access::ReadDirect);
        let open = open.map_err(OpenError::io(&file.path))?;
        let limit = next.map_or(file.bytes, |next| next.previous_end).min(file.bytes);
        let mut walk = SegmentWalk::new(open.as_ref(), *header, limit);
        let invalid = loop {
            match walk.step().map_err(OpenError::io(&file.path))? {
                WalkStep::Batch(batch) => {
                    self.done.records += u64::from(batch.header.count);
                    let records = batch.header.first_lsn..=batch.header.last_lsn();
                    for lsn in snapshots_show.iter().filter(|lsn| records.contains(lsn)) {
                        self.batches.insert(*lsn, batch.header.hash());
                    }
                }
                WalkStep::Invalid(error) => break Some(error),
                WalkStep::Limit => break None,
            }
        };
        match (invalid, next) {
            (Some(error), Some(_)) => {
                let first = walk.chain().lsn.next();
                let what = format!("{error}; records from LSN {first} in this segment cannot be read");
                self.problem(&file.path, Some(walk.offset()), what);
            }
            (None, Some(next)) if walk.chain() != next.chain => {
                let what = "its batches end in another chain than the next segment continues";
                self.problem(&file.path, Some(walk.offset()), what);
            }
            (Some(_) | None, Some(_) | None) => {}
        }
        self.report.segments.push(SegmentReport {
            number: file.number,
            path: file.path.clone(),
            kind: if next.is_some() { SegmentKind::Sealed } else { SegmentKind::Last },
            before: Some(header.chain),
            after: Some(walk.chain()),
            file_bytes: file.bytes,
        });
        self.advance(file.bytes);
        Ok(())
    }

    /// Each audit tree must follow that of the segment before; where one of the two is damaged that was said already.
    fn trees(&mut self) {
        for number in self.store.archive.numbers() {
            let path = self.store.archive.path(number);
            let before = number.saturating_sub(1);
            let readable = before == 0 || self.store.archive.segment(before).is_ok();
            let damaged = self.report.problems.iter().any(|problem| problem.path == path);
            match self.store.archive.verify_chained_root(number) {
                Ok(Some(root)) => self.report.roots.push(root),
                Ok(None) => self.report.treeless.push(number),
                Err(error) if readable && !damaged => self.problem(&path, None, error.to_string()),
                Err(_) => {}
            }
        }
    }

    /// Each segment must continue the one before it, wherever the two are; copies must agree.
    fn links(&mut self) {
        self.report.segments.sort_by_key(|segment| segment.number);
        let found = self.report.segments.clone();
        let removed = self.report.removed;
        let begins = removed.map_or(1, |removed| removed.segment + 1);
        // A removal that was cut short has left some of what it says is gone.
        let written: Vec<&SegmentReport> =
            found.iter().filter(|segment| segment.before.is_some() && segment.number >= begins).collect();
        if let Some(first) = written.first().filter(|first| first.number > begins) {
            let what =
                format!("segments {begins} to {} are neither here nor in the archive", first.number - 1);
            self.problem(&first.path, None, what);
        }
        if let (Some(first), Some(removed)) = (written.first(), removed)
            && first.number == begins
            && first.before != Some(removed.chain)
        {
            self.problem(
                &first.path,
                Some(0),
                "it does not continue the segments that were removed before it",
            );
        }
        for pair in written.windows(2) {
            let (one, other) = (pair[0], pair[1]);
            let damaged = self.report.problems.iter().any(|problem| problem.path == one.path);
            if one.number == other.number && !damaged && one.after != other.after {
                self.problem(&one.path, None, "the archived copy and the hot file end differently");
            } else if other.number > one.number + 1 {
                let what = format!("segments {} to {} are missing", one.number + 1, other.number - 1);
                self.problem(&other.path, None, what);
            } else if other.number == one.number + 1 && !damaged && one.after != other.before {
                self.problem(&other.path, Some(0), "it does not continue the segment before it");
            }
        }
    }

    fn snapshots(&mut self) {
        let snapshots = &self.store.snapshots;
        let inspected = match snapshots.inspect() {
            Ok(inspected) => inspected,
            Err(error) => {
                self.problem(&self.store.dir, None, error.to_string());
                return;
            }
        };
        for (name, found) in inspected {
            let path = crate::options::snapshots_dir(&self.store.dir).join(name);
            match found.and_then(|info| snapshots.verify(&info).map(|()| info)) {
                Ok(info) => self.sound_snapshot(&path, info),
                Err(error) => self.problem(&path, None, error.to_string()),
            }
        }
    }

    fn sound_snapshot(&mut self, path: &Path, info: SnapshotInfo) {
        let end = self.report.end.map_or(Lsn(u64::MAX), |end| end.lsn);
        if info.highest_lsn > end {
            let what = format!("it holds record {}, but the log ends at {end}", info.highest_lsn);
            self.problem(path, None, what);
        } else if self.is_of_another_history(&info) {
            self.problem(
                path,
                None,
                format!("it shows another record {} than the log has", info.highest_lsn),
            );
        }
        self.report.snapshots.push(info);
    }

    /// What cannot be read speaks against nothing.
    fn is_of_another_history(&self, info: &SnapshotInfo) -> bool {
        let hot = self.batches.get(&info.highest_lsn).copied();
        let archived = || Some(self.store.archive.batch_header(info.highest_lsn).ok()?.hash());
        let batch = hot.or_else(archived);
        info.mark.zip(batch).is_some_and(|(mark, batch)| mark != HistoryMark::of(&batch))
    }
}
