//! Files and names in two versions, and what a power cut makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::DirEntry;
use crate::storage::SECTOR_BYTES;

/// Which of the things that were not durable survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// Nothing.
    None,
    /// Everything, as if the cut had come a moment later.
    All,
    /// Thing number n survives when bit n is set; things from number 64 on do not.
    Mask(u64),
    /// Each survives or not by a coin whose seed is given.
    Seeded(u64),
}

impl Survival {
    fn keeps(self, number: usize) -> bool {
        match self {
            Survival::None => false,
            Survival::All => true,
            Survival::Mask(mask) => number < 64 && mask >> number & 1 == 1,
            Survival::Seeded(seed) => scramble(seed ^ scramble(number as u64)) & 1 == 1,
        }
    }
}

/// A fixed bijective mixing of 64 bits, so that neighbouring seeds give unrelated coins.
fn scramble(value: u64) -> u64 {
    let mixed = (value ^ (value >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ (mixed >> 31)
}

/// What a power cut leaves of the things that were not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPlan {
    /// Over the unsynced sectors, in order of the files' creation and of the sectors.
    pub sectors: Survival,
    /// Over the unsynced changes of names, in the order in which they were made.
    pub names: Survival,
}

/// How many things a power cut now could take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsynced {
    /// Sectors written and not synced.
    pub sectors: usize,
    /// Changes of names whose directory was not synced.
    pub names: usize,
}

/// A file's content as seen and as durable. Unnamed inodes stay, since open files may use them.
#[derive(Clone, Default)]
pub(super) struct Inode {
    pub(super) live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: BTreeSet<usize>,
}

impl Inode {
    pub(super) fn sync(&mut self) {
        self.durable.resize(self.live.len(), 0);
        for sector in std::mem::take(&mut self.unsynced) {
            self.make_durable(sector);
        }
    }

    /// What a failed sync does: the kernel forgets that the pages were dirty.
    pub(super) fn lose_unsynced(&mut self) {
        self.unsynced.clear();
    }

    fn make_durable(&mut self, sector: usize) {
        let start = (sector * SECTOR_BYTES).min(self.live.len());
        let end = (start + SECTOR_BYTES).min(self.live.len());
        if self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        self.durable[start..end].copy_from_slice(&self.live[start..end]);
    }

    fn write(&mut self, bytes: &[u8], start: usize, durably: bool) {
        let end = start + bytes.len();
        if self.live.len() < end {
            self.live.resize(end, 0);
        }
        self.live[start..end].copy_from_slice(bytes);
        for sector in start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            if durably {
                self.make_durable(sector);
                self.unsynced.remove(&sector);
            } else {
                self.unsynced.insert(sector);
            }
        }
    }
}

/// One change of a directory. Each can be replayed on any set of names, whichever others survived.
#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Link { path: PathBuf, inode: usize },
    Unlink { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf, inode: usize },
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            NameChange::Link { path, inode } => drop(names.insert(path.clone(), *inode)),
            NameChange::Unlink { path } => drop(names.remove(path)),
            NameChange::Rename { from, to, inode } => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        let path = match self {
            NameChange::Link { path, .. } | NameChange::Unlink { path } => path,
            NameChange::Rename { to, .. } => to,
        };
        path.parent() == Some(dir)
    }
}

#[derive(Clone)]
pub(super) struct Disk {
    pub(super) inodes: Vec<Inode>,
    pub(super) names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<NameChange>,
    pub(super) dirs: BTreeSet<PathBuf>,
    pub(super) locks: BTreeSet<PathBuf>,
    pub(super) capacity_bytes: u64,
}

impl Default for Disk {
    fn default() -> Disk {
        Disk {
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            dirs: [PathBuf::from("/"), PathBuf::new()].into(),
            locks: BTreeSet::new(),
            capacity_bytes: 1 << 40,
        }
    }
}

impl Disk {
    pub(super) fn unsynced(&self) -> Unsynced {
        let sectors = self.inodes.iter().map(|inode| inode.unsynced.len()).sum();
        Unsynced { sectors, names: self.unsynced_names.len() }
    }

    pub(super) fn after_kill(&self) -> Disk {
        Disk { locks: BTreeSet::new(), ..self.clone() }
    }

    pub(super) fn after_power_cut(&self, plan: &CrashPlan) -> Disk {
        let mut disk = self.after_kill();
        let mut number = 0;
        for inode in &mut disk.inodes {
            for sector in std::mem::take(&mut inode.unsynced) {
                if plan.sectors.keeps(number) {
                    inode.make_durable(sector);
                }
                number += 1;
            }
            inode.live.clone_from(&inode.durable);
        }
        for (number, change) in std::mem::take(&mut disk.unsynced_names).iter().enumerate() {
            if plan.names.keeps(number) {
                change.apply(&mut disk.durable_names);
            }
        }
        disk.names.clone_from(&disk.durable_names);
        disk
    }

    pub(super) fn inode_of(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn check_parent(&self, path: &Path) -> io::Result<()> {
        let known = path.parent().is_some_and(|parent| self.dirs.contains(parent));
        if known { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    pub(super) fn new_inode(&mut self) -> usize {
        self.inodes.push(Inode::default());
        self.inodes.len() - 1
    }

    pub(super) fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) {
        for change in std::mem::take(&mut self.unsynced_names) {
            if change.is_in(dir) {
                change.apply(&mut self.durable_names);
            } else {
                self.unsynced_names.push(change);
            }
        }
    }

    pub(super) fn write(&mut self, inode: usize, bytes: &[u8], at: u64, durably: bool) -> io::Result<()> {
        let start = usize::try_from(at).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.check_space(inode, (start + bytes.len()) as u64)?;
        self.inodes[inode].write(bytes, start, durably);
        Ok(())
    }

    pub(super) fn set_bytes(&mut self, inode: usize, bytes: u64) -> io::Result<()> {
        self.check_space(inode, bytes)?;
        let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.inodes[inode].live.resize(bytes, 0);
        Ok(())
    }

    fn check_space(&self, inode: usize, bytes: u64) -> io::Result<()> {
        let grows = bytes.saturating_sub(self.inodes[inode].live.len() as u64);
        if grows > self.free_bytes() { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
    }

    pub(super) fn free_bytes(&self) -> u64 {
        let used: u64 = self.names.values().map(|inode| self.inodes[*inode].live.len() as u64).sum();
        self.capacity_bytes.saturating_sub(used)
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        if !self.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let here = self.names.iter().filter(|(path, _)| path.parent() == Some(dir));
        let entry = |(path, inode): (&PathBuf, &usize)| {
            let name = path.file_name()?.to_str()?.to_owned();
            Some(DirEntry { name, bytes: self.inodes[*inode].live.len() as u64 })
        };
        Ok(here.filter_map(entry).collect())
    }

    pub(super) fn put_durably(&mut self, path: &Path, content: &[u8]) {
        let known = self.names.get(path).copied().filter(|inode| self.durable_names.get(path) == Some(inode));
        let inode = known.unwrap_or_else(|| self.new_inode());
        self.inodes[inode] =
            Inode { live: content.to_vec(), durable: content.to_vec(), unsynced: BTreeSet::new() };
        self.names.insert(path.to_path_buf(), inode);
        self.durable_names.insert(path.to_path_buf(), inode);
    }

    pub(super) fn remove_durably(&mut self, path: &Path) {
        self.names.remove(path);
        self.durable_names.remove(path);
    }
}
