//! A device that stores another bit than it was given is found before the segment has its name.

use std::io;

use super::*;
use crate::storage::{Access, DirEntry, File, LockGuard, Storage};

/// A disk that flips one bit of every unfinished file.
struct Rotten {
    disk: CrashStorage,
    bit: usize,
}

struct RottenFile {
    file: Box<dyn File>,
    bit: usize,
}

impl File for RottenFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.file.read_at(buf, offset)?;
        let byte = (self.bit / 8) as u64;
        if (offset..offset + read as u64).contains(&byte) {
            buf[usize::try_from(byte - offset).unwrap()] ^= 1 << (self.bit % 8);
        }
        Ok(read)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(buf, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.file.set_bytes(bytes)
    }

    fn is_direct(&self) -> bool {
        self.file.is_direct()
    }
}

impl Storage for Rotten {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        let file = self.disk.open(path, access)?;
        let unfinished = path.extension() == Some("tmp".as_ref());
        Ok(if unfinished { Box::new(RottenFile { file, bit: self.bit }) } else { file })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir_all(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.disk.list(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.disk.free_bytes(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LockGuard>>> {
        self.disk.lock(path)
    }

    fn direct_io_supported(&self, dir: &Path) -> bool {
        self.disk.direct_io_supported(dir)
    }
}

#[test]
fn a_segment_that_does_not_read_back_as_it_was_written_is_not_archived() {
    let batches = [(3, 10), (2, 500)];
    let sound = CrashStorage::new();
    archive_segment(&archive_on(&sound, 0), 1, genesis(), &batches).unwrap();
    let bytes = sound.read_file(&archive_on(&sound, 0).path(1)).unwrap().len();
    for byte in 0..bytes {
        let disk = CrashStorage::new();
        let rotten = Rotten { disk: disk.clone(), bit: byte * 8 + byte % 8 };
        let machine = Arc::new(OsEnv::new());
        let env = Env { storage: Arc::new(rotten), clock: machine.clone(), entropy: machine };
        let archive = Archive::open(&env, PathBuf::from(DIR), STORE, 0).unwrap();
        assert!(archive_segment(&archive, 1, genesis(), &batches).is_err(), "byte {byte}");
        assert!(!archive.holds(1) && !archive_on(&disk, 0).holds(1), "byte {byte}");
    }
}
