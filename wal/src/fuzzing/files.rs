//! One archived segment or one snapshot, whole.

use crate::archive::Archive;
use crate::bytes::{array_at, u16_at, u64_at};
use crate::error::ReadError;
use crate::frame::Lsn;
use crate::options::{archive_dir, snapshots_dir};
use crate::reader::SegmentSource;
use crate::snapshot_file::SnapshotStore;
use crate::storage::BLOCK_BYTES;

use super::pack::{PackedFile, Place, unpack};
use super::{DIR, empty_disk, mend, path_of};

/// Any bytes as a packed archived segment, opened by whoever it says it belongs to.
///
/// # Panics
/// When a segment that verifies cannot be read, or holds other records than it says.
pub fn archive(data: &[u8]) {
    let Some(bytes) = only_file(data, Place::Archive, mend::mend_archive) else { return };
    let (disk, env) = empty_disk();
    let number = u64_at(&bytes, 32);
    disk.put_file(&path_of(Place::Archive, number), &bytes);
    let archive = Archive::open(&env, archive_dir(DIR.as_ref()), array_at(&bytes, 16), u16_at(&bytes, 12));
    let archive = archive.expect("a directory that can be read");
    let sound = archive.verify(number).is_ok();
    let Ok(segment) = archive.segment(number) else {
        assert!(!sound, "it verifies and cannot be opened");
        return;
    };
    let (before, after) = (segment.chain_before().lsn, segment.chain_after().lsn);
    let mut visited = 0;
    let scanned = segment.scan(Lsn::FIRST, Lsn(u64::MAX - 1), &mut |_| {
        visited += 1;
        Ok(())
    });
    for lsn in [before, Lsn(before.0.saturating_add(1)), after] {
        let header: Result<_, ReadError> = archive.batch_header(lsn);
        assert!(!sound || !segment.holds(lsn) || header.is_ok(), "record {lsn} is not found");
    }
    if sound && scanned.is_ok() {
        assert_eq!(visited, after.0 - before.0);
    }
}

/// Any bytes as a packed snapshot, opened by whoever it says it belongs to.
///
/// # Panics
/// When a snapshot that verifies holds another number of blocks than it says.
pub fn snapshot(data: &[u8]) {
    let Some(bytes) = only_file(data, Place::Snapshot, mend::mend_snapshot) else { return };
    let (disk, env) = empty_disk();
    disk.put_file(&path_of(Place::Snapshot, u64_at(&bytes, 32)), &bytes);
    let dir = snapshots_dir(DIR.as_ref());
    let snapshots = SnapshotStore::new(&env, dir, array_at(&bytes, 16), u16_at(&bytes, 10));
    for info in snapshots.list().expect("a directory that can be read") {
        let sound = snapshots.verify(&info).is_ok();
        let blocks = snapshots.open(&info).expect("it was opened before").map_while(Result::ok).count();
        assert!(!sound || blocks as u64 == info.blocks);
    }
}

/// The first file of an input, if it is long enough to say whose it is.
fn only_file(data: &[u8], place: Place, mend: fn(&mut [u8])) -> Option<Vec<u8>> {
    let (mended, files) = unpack(data);
    let PackedFile { mut bytes, .. } = files.into_iter().next().filter(|file| file.place == place)?;
    if mended {
        mend(&mut bytes);
    }
    Some(bytes).filter(|bytes| bytes.len() >= BLOCK_BYTES)
}
