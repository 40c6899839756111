//! Files of the log that fail by order: only in a program built with the feature `failpoints`, and then only where the variable
//! `FAILPOINTS` says so, in the form of the crate `fail`: `log-write=100*off->return`.
//!
//! `log-write` is each write of a file that the log writes in place (segments, control), `log-sync` each sync of one. They fail
//! with "Input/output error", and nothing is done. Used by `coffer drill --fault`; tested by `tests/faults.rs`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use coffer_wal::storage::{Access, DirEntry, File, LockGuard, Storage};

use crate::env::Env;

const VARIABLE: &str = "FAILPOINTS";
/// The system's number of "Input/output error".
const EIO: i32 = 5;

/// The machine, with files that fail as the variable says.
pub(crate) fn machine(env: Env) -> Env {
    let Ok(orders) = std::env::var(VARIABLE) else { return env };
    for (name, actions) in orders.split(';').filter_map(|order| order.split_once('=')) {
        if let Err(problem) = fail::cfg(name, actions) {
            tracing::error!("{VARIABLE}: {name}: {problem}");
        }
    }
    Env { storage: Arc::new(FaultyStorage(env.storage)), ..env }
}

struct FaultyStorage(Arc<dyn Storage>);

struct FaultyFile(Box<dyn File>);

fn at_write() -> io::Result<()> {
    fail::fail_point!("log-write", |_| Err(io::Error::from_raw_os_error(EIO)));
    Ok(())
}

fn at_sync() -> io::Result<()> {
    fail::fail_point!("log-sync", |_| Err(io::Error::from_raw_os_error(EIO)));
    Ok(())
}

impl File for FaultyFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        at_write()?;
        self.0.write_at(buf, offset)
    }

    fn sync(&self) -> io::Result<()> {
        at_sync()?;
        self.0.sync()
    }

    fn bytes(&self) -> io::Result<u64> {
        self.0.bytes()
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.0.set_bytes(bytes)
    }

    fn is_direct(&self) -> bool {
        self.0.is_direct()
    }
}

impl Storage for FaultyStorage {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        let file = self.0.open(path, access)?;
        Ok(match access {
            Access::Write | Access::WriteDirectSync => Box::new(FaultyFile(file)),
            Access::Read
            | Access::ReadDirect
            | Access::CreateNew
            | Access::CreateNewPrivate
            | Access::CreateNewDirect => file,
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir_all(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.0.list(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.0.exists(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.sync_dir(dir)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.0.free_bytes(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LockGuard>>> {
        self.0.lock(path)
    }

    fn direct_io_supported(&self, dir: &Path) -> bool {
        self.0.direct_io_supported(dir)
    }
}
