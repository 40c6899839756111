//! The history of a stopped server: brought up to date with the log, and then looked into.

use super::{HistoryError, Look, Place, reader};

/// A history that nobody fills at the moment.
#[derive(Clone, Debug)]
pub struct HistoryFile {
    place: Place,
}

impl HistoryFile {
    /// One that [`crate::feed::catch_up`] has made.
    pub(in crate::feed) const fn new(place: Place) -> Self {
        Self { place }
    }

    /// Takes a look. Blocks.
    ///
    /// # Errors
    /// [`HistoryError`]: the store cannot be read; or what the look itself says.
    pub fn look<T>(
        &self,
        look: impl FnOnce(&dyn Look) -> Result<T, HistoryError>,
    ) -> Result<T, HistoryError> {
        reader::look_offline(&self.place, look)
    }
}
