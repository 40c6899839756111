//! An open file on the in-memory disk.

use std::io;
use std::path::PathBuf;

use super::faults::{Call, Verdict, stopped_error};
use super::{Access, CrashStorage, File};
use crate::storage::BLOCK_BYTES;

pub(super) struct CrashFile {
    pub(super) storage: CrashStorage,
    pub(super) path: PathBuf,
    pub(super) inode: usize,
    pub(super) access: Access,
}

impl CrashFile {
    fn check_alignment(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let aligned = buf.as_ptr().align_offset(BLOCK_BYTES) == 0
            && buf.len().is_multiple_of(BLOCK_BYTES)
            && offset.is_multiple_of(BLOCK_BYTES as u64);
        if self.is_direct() && !aligned {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "misaligned direct I/O"));
        }
        Ok(())
    }

    fn check_writable(&self) -> io::Result<()> {
        match self.access {
            Access::Read | Access::ReadDirect => Err(io::ErrorKind::PermissionDenied.into()),
            Access::Write | Access::WriteDirectSync => Ok(()),
            Access::CreateNew | Access::CreateNewPrivate | Access::CreateNewDirect => Ok(()),
        }
    }

    fn write_durably(&self) -> bool {
        self.access == Access::WriteDirectSync
    }
}

impl File for CrashFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.check_alignment(buf, offset)?;
        let machine = self.storage.observe(Call::Read, &self.path)?;
        let live = &machine.disk.inodes[self.inode].live;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(live.len());
        let bytes = buf.len().min(live.len() - start);
        buf[..bytes].copy_from_slice(&live[start..start + bytes]);
        Ok(bytes)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.check_writable()?;
        self.check_alignment(buf, offset)?;
        let mut machine = self.storage.lock_machine();
        match machine.faults.begin(Call::Write, &self.path)? {
            Verdict::Fail(error) => {
                machine.disk.write(self.inode, buf, offset, false)?;
                Err(error)
            }
            Verdict::StopInside => {
                machine.disk.write(self.inode, buf, offset, false)?;
                Err(stopped_error())
            }
            Verdict::Short(bytes) => {
                let taken = &buf[..bytes.min(buf.len())];
                machine.disk.write(self.inode, taken, offset, self.write_durably())?;
                Ok(taken.len())
            }
            Verdict::Go => {
                machine.disk.write(self.inode, buf, offset, self.write_durably())?;
                Ok(buf.len())
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        let mut machine = self.storage.lock_machine();
        match machine.faults.begin(Call::Sync, &self.path)? {
            Verdict::Fail(error) => {
                machine.disk.inodes[self.inode].lose_unsynced();
                Err(error)
            }
            Verdict::StopInside => Err(stopped_error()),
            Verdict::Go | Verdict::Short(_) => {
                machine.disk.inodes[self.inode].sync();
                Ok(())
            }
        }
    }

    fn bytes(&self) -> io::Result<u64> {
        let machine = self.storage.observe(Call::Bytes, &self.path)?;
        Ok(machine.disk.inodes[self.inode].live.len() as u64)
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut machine = self.storage.lock_machine();
        match machine.faults.begin(Call::SetBytes, &self.path)? {
            Verdict::Fail(error) => Err(error),
            Verdict::StopInside => Err(stopped_error()),
            Verdict::Go | Verdict::Short(_) => machine.disk.set_bytes(self.inode, bytes),
        }
    }

    fn is_direct(&self) -> bool {
        self.access.wants_direct()
    }
}
