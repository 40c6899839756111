//! The history of a stopped server: brought up to date with the log, and then looked into.

use std::path::PathBuf;

use super::{HistoryError, Look, sqlite};

/// A history that nobody fills at the moment.
#[derive(Clone, Debug)]
pub struct HistoryFile {
    path: PathBuf,
}

impl HistoryFile {
    /// One that [`crate::feed::catch_up`] has made.
    pub(in crate::feed) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Takes a look. Blocks.
    ///
    /// # Errors
    /// [`HistoryError`]: the file cannot be read; or what the look itself says.
    pub fn look<T>(
        &self,
        look: impl FnOnce(&dyn Look) -> Result<T, HistoryError>,
    ) -> Result<T, HistoryError> {
        sqlite::look_offline(&self.path, look)
    }
}
