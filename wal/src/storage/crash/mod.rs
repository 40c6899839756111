//! An in-memory disk that knows durable from merely written bytes, for tests.
//!
//! It keeps two versions of everything: what a running process sees, and what a power cut leaves. The
//! second follows the contract of [`crate::storage`] and nothing kinder: data is durable after a sync of
//! its file, names after a sync of their directory, a direct write when it returns. Whatever is not
//! durable may still survive, sector by sector and name by name, as a [`CrashPlan`] says.
//!
//! - [`CrashStorage::stop_at_change`] stops the machine inside the n-th change: it neither completes nor is
//!   undone, and every later call fails.
//! - [`CrashStorage::fail_call`] lets the n-th call of any kind fail, or a write fall short.
//! - A failed sync of a file drops what it should have made durable, while reads still show it: exactly the trap
//!   that makes retrying a failed `fsync` wrong.
//! - [`CrashStorage::crash`] and [`CrashStorage::kill`] make the disk that the next process finds; the old
//!   one stays as it is, so that one run can be continued in many ways.
//!
//! Direct files refuse misaligned buffers, offsets and lengths, as a real device does.
//! Absent on purpose: time, permissions, renames between directories. Tested in `tests`.

mod disk;
mod faults;
mod file;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Access, DirEntry, File, LockGuard, Storage};
pub use disk::{CrashPlan, Survival, Unsynced};
use disk::{Disk, NameChange};
pub use faults::{Call, Fault};
use faults::{Faults, Verdict};
use file::CrashFile;

/// The disk, shared by everyone who clones it.
#[derive(Clone, Default)]
pub struct CrashStorage {
    machine: Arc<Mutex<Machine>>,
}

#[derive(Default)]
struct Machine {
    disk: Disk,
    faults: Faults,
}

impl CrashStorage {
    /// An empty disk without limits or faults.
    #[must_use]
    pub fn new() -> CrashStorage {
        CrashStorage::default()
    }

    /// The disk as the next process finds it after a power cut; what was not durable survives by `plan`.
    /// Faults, counters and locks start afresh.
    #[must_use]
    pub fn crash(&self, plan: &CrashPlan) -> CrashStorage {
        CrashStorage::holding(self.lock_machine().disk.after_power_cut(plan))
    }

    /// The disk as the next process finds it after this one was killed while the machine ran on: nothing is
    /// lost, and nothing has become durable either.
    #[must_use]
    pub fn kill(&self) -> CrashStorage {
        CrashStorage::holding(self.lock_machine().disk.after_kill())
    }

    /// What a power cut now could take away.
    #[must_use]
    pub fn unsynced(&self) -> Unsynced {
        self.lock_machine().disk.unsynced()
    }

    /// Stops the machine inside the change with this number, counted from 0.
    pub fn stop_at_change(&self, number: u64) {
        self.lock_machine().faults.stop_at_change = Some(number);
    }

    /// Lets the call with this number, counted from 0 over all calls, fail once.
    pub fn fail_call(&self, number: u64, fault: Fault) {
        self.lock_machine().faults.fail_call = Some((number, fault));
    }

    /// Whether the machine has stopped.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.lock_machine().faults.stopped
    }

    /// How many changes (creations, writes, syncs, renames, removals) were begun.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.lock_machine().faults.changes
    }

    /// How many calls of any kind were begun.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.lock_machine().faults.calls
    }

    /// The kind and the path of every call so far, in order.
    #[must_use]
    pub fn trace(&self) -> Vec<(Call, PathBuf)> {
        self.lock_machine().faults.trace.clone()
    }

    /// Bounds the sum of all files' lengths; growing past it fails with "no space".
    pub fn set_capacity_bytes(&self, bytes: u64) {
        self.lock_machine().disk.capacity_bytes = bytes;
    }

    /// All files, sorted by path.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.lock_machine().disk.names.keys().cloned().collect()
    }

    /// A file's content as a running process sees it, if it is there.
    #[must_use]
    pub fn read_file(&self, path: &Path) -> Option<Vec<u8>> {
        let machine = self.lock_machine();
        let inode = machine.disk.names.get(path)?;
        Some(machine.disk.inodes[*inode].live.clone())
    }

    /// Puts a durable file there behind the log's back: how tests damage things.
    pub fn put_file(&self, path: &Path, content: &[u8]) {
        self.lock_machine().disk.put_durably(path, content);
    }

    /// Removes a file durably behind the log's back.
    pub fn remove_file(&self, path: &Path) {
        self.lock_machine().disk.remove_durably(path);
    }

    fn holding(disk: Disk) -> CrashStorage {
        CrashStorage { machine: Arc::new(Mutex::new(Machine { disk, faults: Faults::default() })) }
    }

    fn lock_machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call that changes names and does it, unless a fault says otherwise. Inside a stop the
    /// change is left pending.
    fn change_names(&self, call: Call, path: &Path, change: NameChange) -> io::Result<()> {
        let mut machine = self.lock_machine();
        match machine.faults.begin(call, path)? {
            Verdict::Fail(error) => Err(error),
            Verdict::StopInside => {
                machine.disk.change_names(change);
                Err(faults::stopped_error())
            }
            Verdict::Go | Verdict::Short(_) => {
                machine.disk.change_names(change);
                Ok(())
            }
        }
    }

    /// Counts a call that changes nothing.
    fn observe(&self, call: Call, path: &Path) -> io::Result<MutexGuard<'_, Machine>> {
        let mut machine = self.lock_machine();
        match machine.faults.begin(call, path)? {
            Verdict::Fail(error) => Err(error),
            Verdict::StopInside => Err(faults::stopped_error()),
            Verdict::Go | Verdict::Short(_) => Ok(machine),
        }
    }

    fn inode_of(&self, path: &Path) -> io::Result<usize> {
        self.lock_machine().disk.inode_of(path)
    }

    fn create(&self, path: &Path) -> io::Result<usize> {
        let inode = {
            let mut machine = self.lock_machine();
            if machine.disk.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            machine.disk.check_parent(path)?;
            machine.disk.new_inode()
        };
        self.change_names(Call::Create, path, NameChange::Link { path: path.to_path_buf(), inode })?;
        Ok(inode)
    }
}

impl Storage for CrashStorage {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        let inode = match access {
            Access::CreateNew | Access::CreateNewPrivate | Access::CreateNewDirect => self.create(path)?,
            Access::Read | Access::ReadDirect | Access::Write | Access::WriteDirectSync => {
                drop(self.observe(Call::Open, path)?);
                self.inode_of(path)?
            }
        };
        Ok(Box::new(CrashFile { storage: self.clone(), path: path.to_path_buf(), inode, access }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.inode_of(from)?;
        assert_eq!(from.parent(), to.parent(), "the log renames within one directory only");
        let change = NameChange::Rename { from: from.to_path_buf(), to: to.to_path_buf(), inode };
        self.change_names(Call::Rename, to, change)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inode_of(path)?;
        self.change_names(Call::Remove, path, NameChange::Unlink { path: path.to_path_buf() })
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        if self.lock_machine().disk.dirs.contains(path) {
            return Ok(());
        }
        let mut machine = self.observe(Call::CreateDir, path)?;
        machine.disk.dirs.extend(path.ancestors().map(Path::to_path_buf));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.observe(Call::List, dir)?.disk.list(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let machine = self.observe(Call::Exists, path)?;
        Ok(machine.disk.names.contains_key(path) || machine.disk.dirs.contains(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut machine = self.lock_machine();
        match machine.faults.begin(Call::SyncDir, dir)? {
            // Names go through a journal, which keeps them or fails for good; they stay undecided.
            Verdict::Fail(error) => Err(error),
            Verdict::StopInside => Err(faults::stopped_error()),
            Verdict::Go | Verdict::Short(_) => {
                machine.disk.sync_dir(dir);
                Ok(())
            }
        }
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        Ok(self.observe(Call::FreeBytes, dir)?.disk.free_bytes())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LockGuard>>> {
        let mut machine = self.observe(Call::Lock, path)?;
        if !machine.disk.locks.insert(path.to_path_buf()) {
            return Ok(None);
        }
        Ok(Some(Box::new(CrashLock { storage: self.clone(), path: path.to_path_buf() })))
    }

    fn direct_io_supported(&self, _dir: &Path) -> bool {
        true
    }
}

struct CrashLock {
    storage: CrashStorage,
    path: PathBuf,
}

impl LockGuard for CrashLock {}

impl Drop for CrashLock {
    fn drop(&mut self) {
        self.storage.lock_machine().disk.locks.remove(&self.path);
    }
}
