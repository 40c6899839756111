//! A shard's directory as the offline tools see it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::Archive;
use crate::control::{Control, ControlError, read_control};
use crate::env::Env;
use crate::error::{Corruption, OpenError};
use crate::frame::Lsn;
use crate::log::{lock_to_read, no_log};
use crate::options::{archive_dir, control_path, snapshots_dir, wal_dir};
use crate::segment::{SegmentHeader, SegmentHeaderError, segment_name, segment_number};
use crate::snapshot_file::SnapshotStore;
use crate::storage::{Access, AlignedBuf, BLOCK_BYTES, LockGuard, Storage, read_up_to};

/// The parts of a store, opened for looking at.
pub(super) struct Store {
    pub(super) env: Env,
    pub(super) dir: PathBuf,
    pub(super) control: Control,
    pub(super) archive: Archive,
    pub(super) snapshots: SnapshotStore,
    pub(super) hot: Vec<HotFile>,
    _lock: Option<Box<dyn LockGuard>>,
}

/// A segment's file in the hot log.
pub(super) struct HotFile {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) header: Result<SegmentHeader, SegmentHeaderError>,
}

impl Store {
    pub(super) fn open(env: &Env, dir: &Path) -> Result<Store, OpenError> {
        let storage = env.storage.as_ref();
        let lock = lock_to_read(storage, dir)?;
        let control = control_of(storage, dir)?;
        let archive = Archive::open(env, archive_dir(dir), control.store, control.shard);
        Ok(Store {
            env: env.clone(),
            dir: dir.to_path_buf(),
            archive: archive.map_err(archive_error)?,
            snapshots: SnapshotStore::new(env, snapshots_dir(dir), control.store, control.shard),
            hot: hot_files(storage, dir)?,
            control,
            _lock: lock,
        })
    }

    pub(super) fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.env.storage)
    }

    /// The hot segments whose header is sound, oldest first, each with its successor's header.
    pub(super) fn live(&self) -> Vec<(&HotFile, SegmentHeader, Option<SegmentHeader>)> {
        let sound: Vec<(&HotFile, SegmentHeader)> =
            self.hot.iter().filter_map(|file| Some((file, file.header.ok()?))).collect();
        let after = |at: usize| {
            let (_, next) = sound.get(at + 1)?;
            (next.number == sound[at].1.number + 1).then_some(*next)
        };
        sound.iter().enumerate().map(|(at, (file, header))| (*file, *header, after(at))).collect()
    }
}

fn control_of(storage: &dyn Storage, dir: &Path) -> Result<Control, OpenError> {
    let path = control_path(dir);
    match read_control(storage, &path, Access::ReadDirect) {
        Ok(Some((control, _))) => Ok(control),
        Ok(None) => Err(no_log(path)),
        Err(ControlError::Format { found }) => Err(OpenError::FormatVersion { path, found }),
        Err(ControlError::Io(source)) => Err(OpenError::io(&path)(source)),
        Err(error @ ControlError::BothSlots) => {
            let why = error.to_string();
            Err(Corruption { path, offset: 0, first_lsn: Lsn::FIRST, last_lsn: None, why }.into())
        }
    }
}

fn hot_files(storage: &dyn Storage, dir: &Path) -> Result<Vec<HotFile>, OpenError> {
    let dir = wal_dir(dir);
    if !storage.exists(&dir).map_err(OpenError::io(&dir))? {
        return Ok(Vec::new());
    }
    let entries = storage.list(&dir).map_err(OpenError::io(&dir))?;
    let numbered = entries.iter().filter_map(|entry| Some((segment_number(&entry.name)?, entry.bytes)));
    numbered.map(|(number, bytes)| hot_file(storage, &dir, number, bytes)).collect()
}

fn hot_file(storage: &dyn Storage, dir: &Path, number: u64, bytes: u64) -> Result<HotFile, OpenError> {
    let path = dir.join(segment_name(number));
    let file = storage.open(&path, Access::ReadDirect).map_err(OpenError::io(&path))?;
    let mut block = AlignedBuf::zeroed(BLOCK_BYTES);
    read_up_to(file.as_ref(), &mut block, 0).map_err(OpenError::io(&path))?;
    Ok(HotFile { number, path, bytes, header: SegmentHeader::decode(&block) })
}

pub(super) use crate::archive::open_error as archive_error;
