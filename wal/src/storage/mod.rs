//! The one door to the disk: what the log asks of a file system, and nothing more.
//!
//! Two implementations stand behind these traits: [`os`] for real files, and `crash` (feature
//! `crash-storage`) for an in-memory disk that loses what was not synced. The log never names either.
//!
//! Contract, the same for every implementation:
//! - A write through [`Access::WriteDirectSync`] is durable when it returns. Every other write is durable
//!   only after [`File::sync`] on the same file.
//! - A created, renamed or removed name is durable only after [`Storage::sync_dir`] on its directory.
//! - On files opened with a direct access, buffers, offsets and lengths are multiples of
//!   [`BLOCK_BYTES`]; use [`AlignedBuf`].
//! - After the first error of a write or a sync nothing is known about the bytes concerned; the caller
//!   halts and does not retry.
//!
//! Absent on purpose: appending, memory maps, seeking, permissions, recursive listing, asynchronous I/O.
//! Tested in each implementation and by everything under `wal/tests/`.

mod aligned_buf;
#[cfg(any(test, feature = "crash-storage"))]
pub mod crash;
pub mod os;
pub(crate) mod stream;
pub(crate) mod temporary;

use std::io;
use std::path::Path;

pub use aligned_buf::AlignedBuf;

/// The unit of direct I/O in bytes: buffers, offsets and lengths are multiples of it.
pub const BLOCK_BYTES: usize = 4096;

/// The unit in which a device may tear a write, in bytes: a sector is written whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read an existing file through the page cache.
    Read,
    /// Read an existing file past the page cache where the file system can do it.
    ReadDirect,
    /// Read and write an existing file; durable after [`File::sync`].
    Write,
    /// Read and write an existing file past the page cache; each write is durable when it returns.
    WriteDirectSync,
    /// Create a file that must not exist, then read and write it; durable after [`File::sync`].
    CreateNew,
    /// As [`Access::CreateNew`], and nobody but the owner of the process may read it: for secrets.
    CreateNewPrivate,
    /// As [`Access::CreateNew`], but past the page cache where the file system can do it.
    CreateNewDirect,
}

impl Access {
    /// Whether this access asks for I/O past the page cache, and so for aligned buffers.
    #[must_use]
    pub fn wants_direct(self) -> bool {
        match self {
            Access::ReadDirect | Access::WriteDirectSync | Access::CreateNewDirect => true,
            Access::Read | Access::Write | Access::CreateNew | Access::CreateNewPrivate => false,
        }
    }
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The file's name without its directory. Names that are not UTF-8 are not ours and are left out.
    pub name: String,
    /// The file's length in bytes; 0 for a directory.
    pub bytes: u64,
}

/// A file system as far as the log needs one.
pub trait Storage: Send + Sync + 'static {
    /// Opens a file. `NotFound` when it must exist and does not, `AlreadyExists` when it must not and does.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>>;

    /// Renames within one file system, replacing `to`. Durable after [`Storage::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable after [`Storage::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes a directory and its parents, each its owner's alone where the system knows owners, and durable in its parent when this returns.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// The files of a directory, sorted by name, directories left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;

    /// Whether a file or a directory of this name is there.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Bytes that this process may still write to the directory's file system; `u64::MAX` where it does not count them.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;

    /// As [`Storage::lock`] of a file that is there, for whoever only reads and may not be allowed to write it.
    fn lock_to_read(&self, path: &Path) -> io::Result<Option<Box<dyn LockGuard>>> {
        self.lock(path)
    }

    /// Takes the exclusive lock file at `path`, creating it; `None` when another owner holds it. The lock
    /// ends with the guard and with the process.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LockGuard>>>;

    /// Whether files in this directory can be read and written past the page cache. When not, direct
    /// accesses still work and keep their promise of durability, through the page cache and a sync.
    fn direct_io_supported(&self, dir: &Path) -> bool;
}

/// An open file. Offsets are absolute; there is no cursor, so several threads may share one.
pub trait File: Send + Sync {
    /// Reads up to `buf.len()` bytes; 0 only at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes and returns how many bytes were taken. Fewer than `buf.len()` is a failed write to the log.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes everything written so far durable, the length included.
    fn sync(&self) -> io::Result<()>;

    /// The file's length in bytes.
    fn bytes(&self) -> io::Result<u64>;

    /// Sets the file's length; new bytes read as zero.
    fn set_bytes(&self, bytes: u64) -> io::Result<()>;

    /// Whether this file really goes past the page cache.
    fn is_direct(&self) -> bool;
}

/// Holds a lock until it is dropped.
pub trait LockGuard: Send + Sync {}

/// Reads exactly `buf.len()` bytes, in as many calls as it takes.
///
/// # Errors
/// `UnexpectedEof` when the file ends before; otherwise what the file reports.
pub fn read_exact_at(file: &dyn File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    let read = read_up_to(file, buf, offset)?;
    if read < buf.len() {
        let detail = format!("the file ends {} bytes before what is needed", buf.len() - read);
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, detail));
    }
    Ok(())
}

/// Reads until `buf` is full or the file ends, and returns how many bytes were read.
///
/// # Errors
/// What the file reports.
pub fn read_up_to(file: &dyn File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read_at(&mut buf[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
        // A short direct read that stops between blocks can only be the end of the file; asking again
        // from there would be an unaligned call.
        if file.is_direct() && filled % BLOCK_BYTES != 0 {
            break;
        }
    }
    Ok(filled)
}

/// Writes all of `buf` in one call; a short write is an error, because it is never retried.
///
/// # Errors
/// `WriteZero` when the file took fewer bytes; otherwise what the file reports.
pub fn write_all_at(file: &dyn File, buf: &[u8], offset: u64) -> io::Result<()> {
    let written = file.write_at(buf, offset)?;
    if written < buf.len() {
        let detail = format!("short write: {written} of {} bytes at offset {offset}", buf.len());
        return Err(io::Error::new(io::ErrorKind::WriteZero, detail));
    }
    Ok(())
}

/// Makes a finished temporary file appear under its final name, durably: sync, rename, sync directory.
///
/// # Errors
/// What the storage reports; the temporary file may then still be there.
pub fn publish(storage: &dyn Storage, file: &dyn File, temporary: &Path, path: &Path) -> io::Result<()> {
    file.sync()?;
    storage.rename(temporary, path)?;
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    storage.sync_dir(dir)
}
