//! How a store stands, from headers alone: quick, and right as far as headers tell.

use std::path::Path;

use crate::batch::ChainEnd;
use crate::control::Control;
use crate::env::Env;
use crate::error::OpenError;
use crate::frame::Lsn;
use crate::reader::SegmentSource;
use crate::recovery::{TornReport, survey};
use crate::snapshot_file::SnapshotInfo;

use super::store::{Store, archive_error};

/// How a store stands.
#[derive(Clone, Debug)]
pub struct StatReport {
    /// What the witness says.
    pub control: Control,
    /// Where the log ends.
    pub end: ChainEnd,
    /// The write that a crash cut short, if there was one.
    pub torn: Option<TornReport>,
    /// The oldest record that can be read, from the archive or the hot log.
    pub first_lsn: Lsn,
    /// Segments of the hot log that were written.
    pub hot_segments: u64,
    /// Bytes of their files.
    pub hot_bytes: u64,
    /// Segments of zeros, ready for use.
    pub spare_segments: u64,
    /// Archived segments.
    pub archived_segments: u64,
    /// Bytes of their files.
    pub archive_bytes: u64,
    /// Snapshots, newest first.
    pub snapshots: Vec<SnapshotInfo>,
    /// Bytes that may still be written to the file system.
    pub free_bytes: u64,
}

/// Looks at the store in `dir`, a shard's directory. Changes nothing.
///
/// # Errors
/// [`OpenError`] when there is no log, it is locked by its owner, or it would not open.
pub fn stat(env: &Env, dir: &Path) -> Result<StatReport, OpenError> {
    let store = Store::open(env, dir)?;
    let storage = store.storage();
    let survey = survey(storage.as_ref(), dir, store.control.shard)?;
    let survey = survey.ok_or_else(|| {
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, "the control file has just gone");
        OpenError::Io { path: crate::options::control_path(dir), source }
    })?;
    let hot_first = survey.live.first().map(|segment| segment.header.first_lsn());
    let archive_first = store.archive.lsn_range().map(|(first, _)| first);
    let snapshots = store.snapshots.list().map_err(|error| {
        let source = std::io::Error::other(error.to_string());
        OpenError::Io { path: crate::options::snapshots_dir(dir), source }
    })?;
    Ok(StatReport {
        end: survey.end.chain,
        torn: survey.end.torn,
        first_lsn: archive_first.into_iter().chain(hot_first).min().unwrap_or(Lsn::FIRST),
        hot_segments: survey.live.len() as u64,
        hot_bytes: survey.live.iter().map(|segment| segment.header.bytes).sum(),
        spare_segments: survey.spares.len() as u64,
        archived_segments: store.archive.numbers().len() as u64,
        archive_bytes: store.archive.bytes().map_err(archive_error)?,
        snapshots,
        free_bytes: storage.free_bytes(dir).map_err(OpenError::io(dir))?,
        control: store.control,
    })
}
