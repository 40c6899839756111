//! Which call fails, which change the machine stops in, and what was called so far.

use std::io;
use std::path::{Path, PathBuf};

/// What was asked of the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// An existing file was opened.
    Open,
    /// A file was created.
    Create,
    /// Bytes were read.
    Read,
    /// Bytes were written.
    Write,
    /// A file was synced.
    Sync,
    /// A file's length was set.
    SetBytes,
    /// A file's length was asked for.
    Bytes,
    /// A file was renamed.
    Rename,
    /// A file was removed.
    Remove,
    /// A directory was made.
    CreateDir,
    /// A directory was listed.
    List,
    /// A name was looked up.
    Exists,
    /// A directory was synced.
    SyncDir,
    /// The free space was asked for.
    FreeBytes,
    /// The lock was asked for.
    Lock,
}

impl Call {
    /// Whether the call can change what a power cut leaves.
    #[must_use]
    pub fn changes_the_disk(self) -> bool {
        match self {
            Call::Create | Call::Write | Call::Sync | Call::SetBytes => true,
            Call::Rename | Call::Remove | Call::CreateDir | Call::SyncDir => true,
            Call::Open | Call::Read | Call::Bytes | Call::List => false,
            Call::Exists | Call::FreeBytes | Call::Lock => false,
        }
    }
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// With this error number: 5 is an I/O error, 28 means no space.
    Errno(i32),
    /// A write takes only this many bytes and reports so; any other call succeeds.
    ShortWrite(usize),
}

/// What is to happen with a call.
pub(super) enum Verdict {
    Go,
    Short(usize),
    Fail(io::Error),
    StopInside,
}

#[derive(Default)]
pub(super) struct Faults {
    pub(super) calls: u64,
    pub(super) changes: u64,
    pub(super) trace: Vec<(Call, PathBuf)>,
    pub(super) stop_at_change: Option<u64>,
    pub(super) fail_call: Option<(u64, Fault)>,
    pub(super) stopped: bool,
}

impl Faults {
    /// Counts the call and says what is to happen with it.
    pub(super) fn begin(&mut self, call: Call, path: &Path) -> io::Result<Verdict> {
        if self.stopped {
            return Err(stopped_error());
        }
        let (number, change) = (self.calls, self.changes);
        self.calls += 1;
        self.trace.push((call, path.to_path_buf()));
        if call.changes_the_disk() {
            self.changes += 1;
            self.stopped = self.stop_at_change == Some(change);
        }
        if self.stopped {
            return Ok(Verdict::StopInside);
        }
        Ok(match self.fail_call {
            Some((at, Fault::Errno(errno))) if at == number => {
                Verdict::Fail(io::Error::from_raw_os_error(errno))
            }
            Some((at, Fault::ShortWrite(bytes))) if at == number => Verdict::Short(bytes),
            Some(_) | None => Verdict::Go,
        })
    }
}

pub(super) fn stopped_error() -> io::Error {
    io::Error::other("the machine has stopped")
}
