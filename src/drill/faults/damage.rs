//! Damage by hand: which bytes of which file of a stopped server's directory, found through the log's own survey.

use std::ops::Range;
use std::path::{Path, PathBuf};

use coffer_wal::options::{archive_dir, control_path, snapshots_dir, wal_dir};
use coffer_wal::recovery::Survey;
use coffer_wal::segment::segment_name;
use coffer_wal::storage::{BLOCK_BYTES, write_all_at};

use super::ground::{Base, Ground, io, shard};
use crate::cli::exit::{CliError, Code};

/// What is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The segment that was being written: all its batches.
    Live,
    /// Its last block that holds something.
    LiveEnd,
    /// The segment before it, which the newest snapshot does not cover.
    Older,
    /// The last spare.
    Spare,
    /// The first of two spares.
    FirstSpare,
    /// The newest archived segment that is not in the hot log any more.
    Archive,
    /// The newest snapshot.
    Snapshot,
    /// Both.
    Snapshots,
    /// Both, and the archived segment.
    SnapshotsAndArchive,
    /// The control file's newer slot.
    Slot,
    /// The control file: both slots.
    Control,
}

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// The last block is cut off.
    Cut,
    /// Bytes become zeros.
    Zeroed,
    /// One bit becomes another.
    Flipped,
    /// Two files change places.
    Swapped,
    /// The file goes.
    Removed,
}

/// A file, and which of its bytes are meant.
struct Place {
    path: PathBuf,
    bytes: Range<u64>,
    /// What it is swapped with.
    other: Option<PathBuf>,
}

/// Bytes of a control slot that hold its fields.
const FIELDS_BYTES: u64 = 180;
const BLOCK: u64 = BLOCK_BYTES as u64;
/// The start of an archived segment's first block, behind the header: its own header, then compressed records.
const ARCHIVED_BYTES: Range<u64> = BLOCK..BLOCK + 128;

/// Damages a copy of the base; tells the names of the files concerned.
pub(crate) fn apply(
    ground: &Ground,
    dir: &Path,
    base: &Base,
    target: Target,
    damage: Damage,
) -> Result<Vec<String>, CliError> {
    let finder = Finder { ground, shard: shard(dir), survey: &base.survey };
    let mut names = Vec::new();
    for place in finder.places(target, damage)? {
        let swapped_with = place.other.as_ref().filter(|_| damage == Damage::Swapped);
        names
            .extend([Some(&place.path), swapped_with].into_iter().flatten().filter_map(|path| name_of(path)));
        match damage {
            Damage::Cut => {
                let file = ground.open(&place.path)?;
                file.set_bytes(file.bytes().map_err(io)? - BLOCK).map_err(io)?;
            }
            Damage::Zeroed => overwrite(ground, &place, |byte| *byte = 0)?,
            Damage::Flipped => {
                let middle = (place.bytes.start + place.bytes.end) / 2;
                let place = Place { bytes: middle..middle + 1, ..place };
                overwrite(ground, &place, |byte| *byte ^= 0x10)?;
            }
            Damage::Swapped => swap(ground, &place)?,
            Damage::Removed => ground.env.storage.remove(&place.path).map_err(io)?,
        }
    }
    Ok(names)
}

fn name_of(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}

fn overwrite(ground: &Ground, place: &Place, change: impl FnMut(&mut u8)) -> Result<(), CliError> {
    let content = ground.read(&place.path)?;
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
    let mut bytes = content[at(place.bytes.start)..at(place.bytes.end)].to_vec();
    bytes.iter_mut().for_each(change);
    write_all_at(ground.open(&place.path)?.as_ref(), &bytes, place.bytes.start).map_err(io)
}

fn swap(ground: &Ground, place: &Place) -> Result<(), CliError> {
    let other = place.other.as_ref().ok_or_else(|| nothing("to swap it with"))?;
    let aside = place.path.with_extension("aside");
    let storage = &ground.env.storage;
    storage.rename(&place.path, &aside).map_err(io)?;
    storage.rename(other, &place.path).map_err(io)?;
    storage.rename(&aside, other).map_err(io)
}

fn nothing(what: &str) -> CliError {
    CliError::new(Code::Failed, format!("the directory of the killed server has nothing {what}"))
}

/// Finds files.
struct Finder<'a> {
    ground: &'a Ground,
    shard: PathBuf,
    survey: &'a Survey,
}

impl Finder<'_> {
    fn places(&self, target: Target, damage: Damage) -> Result<Vec<Place>, CliError> {
        Ok(match target {
            Target::Live => vec![self.live(BLOCK)?],
            Target::LiveEnd => vec![self.live(self.survey.end.offset - BLOCK)?],
            Target::Older => vec![self.older()?],
            Target::Spare => vec![self.spare(1)?],
            Target::FirstSpare => vec![self.spare(0)?],
            Target::Archive => vec![self.archive()?],
            Target::Snapshot => self.snapshots()?.into_iter().take(1).collect(),
            Target::Snapshots => self.snapshots()?,
            Target::SnapshotsAndArchive => {
                let mut all = self.snapshots()?;
                all.push(self.first_archive());
                all
            }
            Target::Slot => vec![self.slot()?],
            Target::Control => self.controls(damage)?,
        })
    }

    fn segment(&self, number: u64) -> PathBuf {
        wal_dir(&self.shard).join(segment_name(number))
    }

    /// The number of the live segment that is `back` before the last.
    fn number(&self, back: usize) -> Result<u64, CliError> {
        let live = &self.survey.live;
        let found = live.len().checked_sub(back + 1).map(|at| live[at].header.number);
        found.ok_or_else(|| nothing("written in so many segments"))
    }

    fn live(&self, from: u64) -> Result<Place, CliError> {
        let (path, other) = (self.segment(self.number(0)?), self.segment(self.number(1)?));
        Ok(Place { path, bytes: from..self.survey.end.offset, other: Some(other) })
    }

    fn older(&self) -> Result<Place, CliError> {
        let (path, other) = (self.segment(self.number(1)?), self.segment(self.number(2)?));
        Ok(Place { path, bytes: 64 * BLOCK..65 * BLOCK, other: Some(other) })
    }

    fn spare(&self, index: usize) -> Result<Place, CliError> {
        let number = self.survey.spares.get(index).ok_or_else(|| nothing("spare"))?.number;
        let (path, other) = (self.segment(number), self.segment(self.number(0)?));
        Ok(Place { path, bytes: 64 * BLOCK..65 * BLOCK, other: Some(other) })
    }

    fn archived(&self, number: u64) -> PathBuf {
        archive_dir(&self.shard).join(format!("{number:016x}.arc"))
    }

    fn archive(&self) -> Result<Place, CliError> {
        let oldest = self.survey.live.first().map_or(0, |oldest| oldest.header.number);
        if oldest < 3 {
            return Err(nothing("archived that is not hot any more"));
        }
        let path = self.archived(oldest - 1);
        Ok(Place { path, bytes: ARCHIVED_BYTES, other: Some(self.archived(oldest - 2)) })
    }

    fn first_archive(&self) -> Place {
        Place { path: self.archived(1), bytes: ARCHIVED_BYTES, other: None }
    }

    /// Newest first, each with the other.
    fn snapshots(&self) -> Result<Vec<Place>, CliError> {
        let dir = snapshots_dir(&self.shard);
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in self.ground.env.storage.list(&dir).map_err(io)? {
            paths.push(dir.join(entry.name));
        }
        paths.reverse();
        let [newest, older] = paths.as_slice() else { return Err(nothing("like two snapshots")) };
        let place = |path: &PathBuf, other: &PathBuf| {
            let bytes = self.ground.open(path)?.bytes().map_err(io)?;
            // A block in the middle: header and trailer stay.
            let middle = bytes / 2 / BLOCK * BLOCK;
            Ok::<_, CliError>(Place {
                path: path.clone(),
                bytes: middle..middle + BLOCK,
                other: Some(other.clone()),
            })
        };
        Ok(vec![place(newest, older)?, place(older, newest)?])
    }

    fn control(&self, from: u64) -> Result<Place, CliError> {
        let path = control_path(&self.shard);
        let other = Some(control_path(&shard(&self.ground.other_store())));
        Ok(Place { path, bytes: from..from + FIELDS_BYTES, other })
    }

    /// Both slots where bytes are changed, once where something is done to the file.
    fn controls(&self, damage: Damage) -> Result<Vec<Place>, CliError> {
        let both = vec![self.control(0)?, self.control(BLOCK)?];
        Ok(match damage {
            Damage::Zeroed | Damage::Flipped => both,
            Damage::Cut | Damage::Swapped | Damage::Removed => both.into_iter().take(1).collect(),
        })
    }

    /// Slot `turn mod 2` was written last.
    fn slot(&self) -> Result<Place, CliError> {
        self.control(self.survey.control.turn % 2 * BLOCK)
    }
}
