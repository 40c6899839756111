//! Real files: `pread`, `pwrite`, `fdatasync`, `O_DIRECT | O_DSYNC`, `flock`.
//!
//! Where a file system refuses `O_DIRECT` (older tmpfs, some network mounts), direct accesses go through
//! the page cache instead, with one warning per process: a write is then followed by `fdatasync` before it
//! returns, and a file opened for direct reading is synced and dropped from the cache first, so that what
//! is read is what the device holds.
//!
//! Absent on purpose: retries. Tested below on the directory that `TMPDIR` names, and by every
//! integration test that does not use the crash storage.
#![expect(clippy::disallowed_methods, reason = "this module is the door through which files are reached")]

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Advice, FlockOperation, OFlags};

use super::{Access, AlignedBuf, BLOCK_BYTES, DirEntry, File, LockGuard, Storage, write_all_at};

/// Of directories: a ledger, its customers and its webhooks' secrets are for their owner.
const PRIVATE: u32 = 0o700;

/// The machine's own file system.
#[derive(Debug)]
pub struct OsStorage {
    direct_wanted: bool,
    fallback_reported: AtomicBool,
}

impl OsStorage {
    /// Goes past the page cache wherever the file system allows it.
    #[must_use]
    pub fn new() -> OsStorage {
        OsStorage { direct_wanted: true, fallback_reported: AtomicBool::new(false) }
    }

    /// Never goes past the page cache; every promise of durability stays the same.
    #[must_use]
    pub fn buffered() -> OsStorage {
        OsStorage { direct_wanted: false, fallback_reported: AtomicBool::new(true) }
    }

    fn report_fallback(&self, path: &Path) {
        if !self.fallback_reported.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                path = %path.display(),
                "the file system refuses direct I/O; using the page cache and fdatasync instead"
            );
        }
    }

    fn open_buffered(path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        let file = open_options(access).open(path)?;
        if access == Access::ReadDirect {
            drop_from_cache(&file)?;
        }
        let sync_each_write = access == Access::WriteDirectSync;
        Ok(Box::new(OsFile { file, direct: false, sync_each_write }))
    }
}

impl Default for OsStorage {
    fn default() -> OsStorage {
        OsStorage::new()
    }
}

impl Storage for OsStorage {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        if !access.wants_direct() || !self.direct_wanted {
            return OsStorage::open_buffered(path, access);
        }
        match open_options(access).custom_flags(direct_flags(access)).open(path) {
            Ok(file) => Ok(Box::new(OsFile { file, direct: true, sync_each_write: false })),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.report_fallback(path);
                reopen_buffered(path, access)
            }
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        let parent = parent_of(path);
        self.create_dir_all(&parent)?;
        match fs::DirBuilder::new().mode(PRIVATE).create(path) {
            Ok(()) => self.sync_dir(&parent),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if let (false, Ok(name)) = (metadata.is_dir(), entry.file_name().into_string()) {
                entries.push(DirEntry { name, bytes: metadata.len() });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(dir)?;
        if stat.f_blocks == 0 {
            return Ok(u64::MAX);
        }
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LockGuard>>> {
        lock(fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?)
    }

    fn lock_to_read(&self, path: &Path) -> io::Result<Option<Box<dyn LockGuard>>> {
        lock(fs::File::open(path)?)
    }

    fn direct_io_supported(&self, dir: &Path) -> bool {
        self.direct_wanted && probe_direct(self, dir).unwrap_or(false)
    }
}

fn lock(file: fs::File) -> io::Result<Option<Box<dyn LockGuard>>> {
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Box::new(OsLock { _file: file }))),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn open_options(access: Access) -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    match access {
        Access::Read | Access::ReadDirect => &mut options,
        Access::Write | Access::WriteDirectSync => options.write(true),
        Access::CreateNew | Access::CreateNewDirect => options.write(true).create_new(true),
        Access::CreateNewPrivate => options.write(true).create_new(true).mode(0o600),
    };
    options
}

fn direct_flags(access: Access) -> i32 {
    let flags = match access {
        Access::WriteDirectSync => OFlags::DIRECT | OFlags::DSYNC,
        Access::ReadDirect | Access::CreateNewDirect => OFlags::DIRECT,
        Access::Read | Access::Write | Access::CreateNew | Access::CreateNewPrivate => OFlags::empty(),
    };
    flags.bits().cast_signed()
}

/// A refused direct open may already have created the file, so creation must not insist on being first.
fn reopen_buffered(path: &Path, access: Access) -> io::Result<Box<dyn File>> {
    match OsStorage::open_buffered(path, access) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OsStorage::open_buffered(path, Access::Write)
        }
        opened => opened,
    }
}

/// Without this a reader could be shown cached bytes that the device never got.
fn drop_from_cache(file: &fs::File) -> io::Result<()> {
    file.sync_data()?;
    rustix::fs::fadvise(file, 0, None, Advice::DontNeed)?;
    Ok(())
}

fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// Some file systems accept the flag and refuse the first read or write, so both are tried.
fn probe_direct(storage: &OsStorage, dir: &Path) -> io::Result<bool> {
    let path = dir.join(format!("direct-io-probe-{}.tmp", std::process::id()));
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(direct_flags(Access::WriteDirectSync))
        .open(&path);
    let supported = file.and_then(|file| {
        let file = OsFile { file, direct: true, sync_each_write: false };
        let mut block = AlignedBuf::zeroed(BLOCK_BYTES);
        write_all_at(&file, &block, 0)?;
        Ok(file.read_at(&mut block, 0)? == BLOCK_BYTES)
    });
    storage.remove(&path)?;
    supported
}

struct OsFile {
    file: fs::File,
    direct: bool,
    sync_each_write: bool,
}

impl File for OsFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        let written = self.file.write_at(buf, offset)?;
        if self.sync_each_write {
            self.file.sync_data()?;
        }
        Ok(written)
    }

    fn sync(&self) -> io::Result<()> {
        // fdatasync also writes the metadata needed to read the data back, the length among them.
        self.file.sync_data()
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn is_direct(&self) -> bool {
        self.direct
    }
}

/// The kernel drops the `flock` when the last descriptor closes, also when the process is killed.
struct OsLock {
    _file: fs::File,
}

impl LockGuard for OsLock {}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::storage::{publish, read_exact_at};

    fn both() -> [OsStorage; 2] {
        [OsStorage::new(), OsStorage::buffered()]
    }

    #[test]
    fn what_is_written_directly_is_read_back_directly_and_through_the_cache() {
        for storage in both() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("file");
            let mut block = AlignedBuf::zeroed(2 * BLOCK_BYTES);
            let created = storage.open(&path, Access::CreateNewDirect).unwrap();
            write_all_at(created.as_ref(), &block, 0).unwrap();
            created.sync().unwrap();
            block.fill(0xC3);
            let writer = storage.open(&path, Access::WriteDirectSync).unwrap();
            write_all_at(writer.as_ref(), &block[..BLOCK_BYTES], BLOCK_BYTES as u64).unwrap();
            for access in [Access::Read, Access::ReadDirect] {
                let mut read = AlignedBuf::zeroed(2 * BLOCK_BYTES);
                read_exact_at(storage.open(&path, access).unwrap().as_ref(), &mut read, 0).unwrap();
                assert!(read[..BLOCK_BYTES].iter().all(|byte| *byte == 0));
                assert!(read[BLOCK_BYTES..].iter().all(|byte| *byte == 0xC3));
            }
        }
    }

    #[test]
    fn a_lock_has_one_owner_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let storage = OsStorage::new();
        let path = dir.path().join("lock");
        let held = storage.lock(&path).unwrap();
        assert!(held.is_some());
        assert!(storage.lock(&path).unwrap().is_none());
        drop(held);
        assert!(storage.lock(&path).unwrap().is_some());
    }

    #[test]
    fn names_are_listed_in_order_and_without_directories() {
        let dir = tempfile::tempdir().unwrap();
        let storage = OsStorage::new();
        storage.create_dir_all(&dir.path().join("a/b/c")).unwrap();
        for made in ["a", "a/b", "a/b/c"] {
            let mode = fs::metadata(dir.path().join(made)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{made} is its owner's alone");
        }
        for name in ["z", "m"] {
            let file = storage.open(&dir.path().join(name), Access::CreateNew).unwrap();
            write_all_at(file.as_ref(), b"12345", 0).unwrap();
        }
        let listed: Vec<(String, u64)> =
            storage.list(dir.path()).unwrap().into_iter().map(|entry| (entry.name, entry.bytes)).collect();
        assert_eq!(listed, [("m".to_owned(), 5), ("z".to_owned(), 5)]);
    }

    #[test]
    fn publishing_replaces_the_final_name_and_leaves_no_temporary() {
        let dir = tempfile::tempdir().unwrap();
        let storage = OsStorage::new();
        let (temporary, path) = (dir.path().join("x.tmp"), dir.path().join("x"));
        for content in [b"one", b"two"] {
            let file = storage.open(&temporary, Access::CreateNew).unwrap();
            write_all_at(file.as_ref(), content, 0).unwrap();
            publish(&storage, file.as_ref(), &temporary, &path).unwrap();
            let mut read = [0; 3];
            read_exact_at(storage.open(&path, Access::Read).unwrap().as_ref(), &mut read, 0).unwrap();
            assert_eq!(&read, content);
            assert!(!storage.exists(&temporary).unwrap());
        }
    }

    #[test]
    fn a_private_file_is_nobody_elses_to_read() {
        use std::os::unix::fs::PermissionsExt;
        for storage in both() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("secret");
            drop(storage.open(&path, Access::CreateNewPrivate).unwrap());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn opening_what_is_missing_or_creating_what_exists_is_refused_by_kind() {
        for storage in both() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("file");
            for access in [Access::Read, Access::ReadDirect, Access::Write, Access::WriteDirectSync] {
                let error = storage.open(&path, access).err().unwrap();
                assert_eq!(error.kind(), io::ErrorKind::NotFound);
            }
            drop(storage.open(&path, Access::CreateNew).unwrap());
            for access in [Access::CreateNew, Access::CreateNewDirect] {
                let error = storage.open(&path, access).err().unwrap();
                assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            }
        }
    }

    #[test]
    fn probing_for_direct_io_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let _ = OsStorage::new().direct_io_supported(dir.path());
        assert!(!OsStorage::buffered().direct_io_supported(dir.path()));
        assert_eq!(OsStorage::new().list(dir.path()).unwrap(), []);
        assert!(OsStorage::new().free_bytes(dir.path()).unwrap() > 0);
    }
}
