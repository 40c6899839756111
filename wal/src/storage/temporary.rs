//! A file that has not got its own name yet, and goes with whoever gives it up.
//!
//! What fails half-way must not keep the space that it had taken: on a nearly full disk the log needs it.
//! A process that is killed leaves the file; whoever owns the directory removes it at the next start.
//! Tested below and by the files that use it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Access, File, Storage};

/// A file under a temporary name. Dropped before [`Temporary::publish`], it removes the file.
pub(crate) struct Temporary {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    published: bool,
}

impl Temporary {
    /// Makes the file, which must not be there, to be written past the page cache.
    pub(crate) fn create(
        storage: &Arc<dyn Storage>,
        path: PathBuf,
    ) -> io::Result<(Temporary, Box<dyn File>)> {
        let file = storage.open(&path, Access::CreateNewDirect)?;
        Ok((Temporary { storage: Arc::clone(storage), path, published: false }, file))
    }

    /// Gives the file, whose content must be durable, its own name in the same directory, durably.
    pub(crate) fn publish(mut self, path: &Path) -> io::Result<()> {
        self.storage.rename(&self.path, path)?;
        self.published = true;
        self.storage.sync_dir(path.parent().unwrap_or_else(|| Path::new(".")))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.published {
            return;
        }
        if let Err(error) = self.storage.remove(&self.path) {
            tracing::warn!(file = %self.path.display(), %error, "an unfinished file could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::crash::CrashStorage;

    #[test]
    fn a_file_has_its_own_name_or_none() {
        let disk = CrashStorage::new();
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        let path = PathBuf::from("/file.tmp");
        let (given_up, _file) = Temporary::create(&storage, path.clone()).unwrap();
        assert_eq!(disk.files(), std::slice::from_ref(&path));
        drop(given_up);
        assert_eq!(disk.files(), [] as [PathBuf; 0]);
        let (kept, _file) = Temporary::create(&storage, path).unwrap();
        kept.publish(Path::new("/file")).unwrap();
        assert_eq!(disk.files(), [PathBuf::from("/file")]);
    }
}
