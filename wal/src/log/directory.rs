//! A log's directory: how it begins, and who has it. Who has a log open writes it; looking at it then would see half of things.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::control::{Control, create_control};
use crate::env::Env;
use crate::error::OpenError;
use crate::options::{LogOptions, control_path, lock_path};
use crate::recovery::{Survey, survey};
use crate::storage::{LockGuard, Storage};

/// Takes the lock, to write.
pub(super) fn lock(storage: &dyn Storage, dir: &Path) -> Result<Box<dyn LockGuard>, OpenError> {
    let path = lock_path(dir);
    match storage.lock(&path) {
        Ok(Some(guard)) => Ok(guard),
        Ok(None) => Err(OpenError::Locked { path }),
        Err(source) => Err(OpenError::io(path)(source)),
    }
}

/// Takes the lock, to read. A log that was never opened has none, and a file system that can neither be written nor locks what is only read
/// (some network mounts) gives none: `None`.
pub(crate) fn lock_to_read(
    storage: &dyn Storage,
    dir: &Path,
) -> Result<Option<Box<dyn LockGuard>>, OpenError> {
    let path = lock_path(dir);
    if !storage.exists(&path).map_err(OpenError::io(&path))? {
        return Ok(None);
    }
    match storage.lock_to_read(&path) {
        Ok(Some(guard)) => Ok(Some(guard)),
        Ok(None) => Err(OpenError::Locked { path }),
        Err(error) if is_read_only(&error) => Ok(None),
        Err(error) => Err(OpenError::io(&path)(error)),
    }
}

fn is_read_only(error: &io::Error) -> bool {
    const EBADF: i32 = 9;
    error.kind() == ErrorKind::ReadOnlyFilesystem || error.raw_os_error() == Some(EBADF)
}

/// There is nothing to read where its control file would be.
pub(crate) fn no_log(path: PathBuf) -> OpenError {
    let source = io::Error::new(ErrorKind::NotFound, "there is no log here: no control file");
    OpenError::Io { path, source }
}

/// Makes a log where there is none.
pub(super) fn create_store(options: &LogOptions, env: &Env) -> Result<Survey, OpenError> {
    let mut store = [0; 16];
    env.entropy.fill(&mut store);
    let control = Control::new(store, options.shard);
    let path = control_path(&options.dir);
    create_control(&*env.storage, &path, &control).map_err(OpenError::io(&path))?;
    match survey(&*env.storage, &options.dir, options.shard)? {
        Some(found) => Ok(found),
        None => Err(OpenError::io(path)(ErrorKind::NotFound.into())),
    }
}
