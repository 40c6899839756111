//! What a store is to its readers, and how a read is kept to one opening of it.

use std::cell::Cell;

use super::{Found, HistoryError, Look, Place, Query, StoreError};
use crate::feed::progress::{Shared, State};

/// Readers that are kept for whoever reads next.
const IDLE_MAX: usize = 8;

/// Reads a store, each time as of one instant. Made by [`super::Place::reader`], used by one thread at a time.
pub(crate) trait HistoryReader: Send {
    /// A page of rows.
    ///
    /// # Errors
    /// [`StoreError`]; `Unfit`: what is read is damaged.
    fn find(&mut self, query: &Query) -> Result<Found, StoreError>;

    /// Lets somebody take a look, once.
    ///
    /// # Errors
    /// [`StoreError`]: what went wrong in it; `Unfit`: what is read is damaged. Before the look was taken, or while it was.
    fn look(&mut self, look: &mut dyn FnMut(&dyn Look)) -> Result<(), StoreError>;
}

/// A reader, and which opening of the store it is from.
pub(in crate::feed) struct Idle {
    pub(in crate::feed) generation: u64,
    reader: Box<dyn HistoryReader>,
}

/// Reads what one opening of the store holds. Blocks.
///
/// # Errors
/// [`HistoryError`]: the store cannot be read now, or was made anew meanwhile.
pub(super) fn read<T>(
    shared: &Shared,
    read: impl Fn(&mut dyn HistoryReader) -> Result<T, StoreError>,
) -> Result<T, HistoryError> {
    let generation = open_generation(shared)?;
    let kept = shared.idle(generation).map(|idle| idle.reader);
    let was_kept = kept.is_some();
    let mut reader = kept.map_or_else(|| shared.place.reader(), Ok).map_err(told)?;
    let mut outcome = read(&mut *reader);
    // A connection that nobody used for a while may have been closed at the other end.
    if was_kept && matches!(outcome, Err(StoreError::Lost(_))) {
        reader = shared.place.reader().map_err(told)?;
        outcome = read(&mut *reader);
    }
    let found = outcome.map_err(|error| {
        if matches!(error, StoreError::Unfit(_)) {
            shared.suspect(generation);
        }
        told(error)
    })?;
    // What was read from a store that is no longer the one is not shown.
    if open_generation(shared)? != generation {
        return Err(HistoryError::Unavailable("it was made anew".to_owned()));
    }
    shared.keep(Idle { generation, reader }, IDLE_MAX);
    Ok(found)
}

/// Takes a look into what one opening of the store holds. Blocks.
///
/// # Errors
/// As [`read`]; or what the look itself says.
pub(super) fn look<T>(
    shared: &Shared,
    look: impl FnOnce(&dyn Look) -> Result<T, HistoryError>,
) -> Result<T, HistoryError> {
    let (look, seen) = (Cell::new(Some(look)), Cell::new(None));
    read(shared, |reader| reader.look(&mut once(&look, &seen)))?;
    seen.into_inner().unwrap_or_else(|| Err(nobody_looked()))
}

/// The same in a store that nobody fills.
///
/// # Errors
/// [`HistoryError`]: the store cannot be read; or what the look itself says.
pub(super) fn look_offline<T>(
    place: &Place,
    look: impl FnOnce(&dyn Look) -> Result<T, HistoryError>,
) -> Result<T, HistoryError> {
    let (look, seen) = (Cell::new(Some(look)), Cell::new(None));
    let mut reader = place.reader().map_err(told)?;
    reader.look(&mut once(&look, &seen)).map_err(told)?;
    seen.into_inner().unwrap_or_else(|| Err(nobody_looked()))
}

/// A look that is taken the first time, and whose outcome is kept.
fn once<'a, T, F: FnOnce(&dyn Look) -> Result<T, HistoryError>>(
    look: &'a Cell<Option<F>>,
    seen: &'a Cell<Option<Result<T, HistoryError>>>,
) -> impl FnMut(&dyn Look) + 'a {
    move |view| {
        if let Some(look) = look.take() {
            seen.set(Some(look(view)));
        }
    }
}

fn nobody_looked() -> HistoryError {
    HistoryError::Unavailable("its store was lost while it was read".to_owned())
}

fn open_generation(shared: &Shared) -> Result<u64, HistoryError> {
    let progress = shared.progress.borrow();
    match &progress.state {
        State::Following | State::Stopped => Ok(progress.generation),
        State::Opening => Err(HistoryError::Unavailable("it is being opened".to_owned())),
        State::Failed(why) => Err(HistoryError::Unavailable(why.to_string())),
    }
}

fn told(error: StoreError) -> HistoryError {
    tracing::error!(%error, "the history cannot be read");
    HistoryError::Unavailable("its store cannot be read".to_owned())
}
