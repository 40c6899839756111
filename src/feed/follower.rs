//! The feed's thread: opens the store, makes it anew where it is of no use, follows the log, and begins again when the store breaks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::history::{Projector, Store, StoreError};
use super::marks::Marks;
use super::pace::{Pace, Seen};
use super::progress::{Asked, Errand, Shared, State};
use super::tail::{FeedError, advance};

/// After how long a store that could not be used is tried again.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// How often it is asked whether the store is still there.
const PRESENCE_EVERY_NS: u64 = 1_000_000_000;
/// How often the store is synced, so that the archive need not keep what it has.
const SECURE_EVERY_NS: u64 = 60 * 1_000_000_000;

/// Runs until it is asked to stop.
pub(super) fn run(shared: &Shared, pace: Pace) {
    while !shared.stopping() {
        match session(shared, pace) {
            Ok(()) => break,
            Err(error) => again(shared, error),
        }
    }
    shared.progress.send_modify(|progress| {
        if progress.is_open() {
            progress.state = State::Stopped;
        } else if progress.state == State::Opening {
            progress.state = State::Failed("it has not been opened".into());
        }
    });
    shared.progress.send_modify(|_| {});
}

/// From opening the store to its end or a stop.
fn session(shared: &Shared, pace: Pace) -> Result<(), FeedError> {
    let (mut store, mut projector) = (open(shared)?, Projector::default());
    let generation = opened(shared, &*store);
    let mut secured = secure(shared, &*store)?;
    let mut asked_at = shared.clock.monotonic_ns();
    let mut secured_at = asked_at;
    let (mut marks, mut was_beyond) = (Marks::default(), false);
    loop {
        // Before the look at the log: what is durable by now is taken before the end.
        let stopping = shared.stopping();
        let (began, durable) = (shared.clock.monotonic_ns(), shared.log.durable_lsn().0);
        marks.note(durable, began);
        let taken = advance(&mut *store, &mut projector, &shared.log, pace.batch_records)?;
        let position = store.cursor().position;
        let is_level = position >= durable;
        tell(shared, position, marks.reached(position), is_level);
        if is_level && stopping {
            store.settle();
            return Ok(());
        }
        while let Some(errand) = shared.errand(position) {
            run_errand(shared, &mut *store, errand)?;
        }
        let worked = Duration::from_nanos(shared.clock.monotonic_ns().saturating_sub(began));
        let durable = (durable, shared.log.durable_lsn().0);
        let seen = Seen::of((taken, position), durable, shared.is_awaited(), worked);
        was_beyond = tell_of_the_limit(&pace, &seen, was_beyond);
        shared.rest(pace.rest(&seen));
        let now = shared.clock.monotonic_ns();
        if store.cursor().position > secured && now.saturating_sub(secured_at) >= SECURE_EVERY_NS {
            secured_at = now;
            secured = secure(shared, &*store)?;
        }
        if shared.is_suspect(generation) {
            return Err(StoreError::Unfit("a reader found it damaged".to_owned()).into());
        }
        if now.saturating_sub(asked_at) >= PRESENCE_EVERY_NS {
            asked_at = now;
            if !store.is_in_place()? {
                return Err(StoreError::Unfit("it was removed or replaced".to_owned()).into());
            }
        }
    }
}

/// What is erased must also be gone from the pages that idle readers know.
fn run_errand(shared: &Shared, store: &mut dyn Store, errand: Errand) -> Result<(), StoreError> {
    let Errand { what, asked, reply } = errand;
    // Whoever asked may have given up, and asks again.
    if reply.is_closed() {
        return Ok(());
    }
    let done = match asked {
        Asked::Count => store.erasable(&what),
        Asked::Erase => {
            shared.forget_readers();
            store.erase(&what)
        }
    };
    drop(reply.send(done.as_ref().map_or_else(|error| Err(error.to_string()), |rows| Ok(*rows))));
    match done {
        Ok(_) | Err(StoreError::Unusable(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Lets the archive go as far as the store is: what a power cut could still take from it must come again from there.
fn secure(shared: &Shared, store: &dyn Store) -> Result<u64, StoreError> {
    let position = store.cursor().position;
    store.make_durable()?;
    shared.follower.is_at(position);
    Ok(position)
}

/// One line when it stops giving way to debits, and one when it does so again.
fn tell_of_the_limit(pace: &Pace, seen: &Seen, was_beyond: bool) -> bool {
    let is_beyond = pace.lag_records_max > 0 && pace.is_beyond(seen.lag);
    if is_beyond && !was_beyond {
        tracing::info!(
            lag_records = seen.lag,
            "the history is further behind than history.lag_records_max: it does not rest"
        );
    } else if was_beyond && !is_beyond {
        tracing::info!(lag_records = seen.lag, "the history is not further behind than it may be");
    }
    is_beyond
}

/// The store, if it is of this log.
fn open(shared: &Shared) -> Result<Box<dyn Store>, FeedError> {
    let store = shared.place.open()?;
    match store.cursor().misfit(&shared.log)? {
        None => Ok(store),
        Some(why) => Err(StoreError::Unfit(why).into()),
    }
}

fn opened(shared: &Shared, store: &dyn Store) -> u64 {
    let mut generation = 0;
    shared.progress.send_modify(|progress| {
        progress.state = State::Following;
        progress.position = store.cursor().position;
        progress.generation += 1;
        generation = progress.generation;
    });
    tracing::info!(place = %shared.place, position = store.cursor().position, "the history is open");
    generation
}

fn tell(shared: &Shared, position: u64, level_at: Option<u64>, is_level: bool) {
    if let Some(at) = level_at {
        shared.level_ns.store(at, Ordering::Relaxed);
    }
    shared.progress.send_if_modified(|progress| {
        let caught_up = progress.caught_up || is_level;
        let changed = progress.position != position || progress.caught_up != caught_up;
        (progress.position, progress.caught_up) = (position, caught_up);
        changed
    });
}

/// Closes the store to readers, makes it anew where that helps, and otherwise waits.
fn again(shared: &Shared, error: FeedError) {
    if matches!(&error, FeedError::Store(StoreError::Unfit(_) | StoreError::Foreign)) {
        // Nothing is removed from now on, so that what is asked next stays true.
        shared.follower.is_at(0);
    }
    let room = match &error {
        // The log cannot make it anew any more, and what is there still has the old rows.
        FeedError::Store(StoreError::Unfit(_)) if !shared.log.removed_to().is_none() => None,
        FeedError::Store(StoreError::Unfit(_)) => Some(true),
        FeedError::Store(StoreError::Foreign) => Some(false),
        FeedError::Store(StoreError::Unusable(_) | StoreError::Lost(_) | StoreError::Io(_))
        | FeedError::Log(_)
        | FeedError::Halted
        | FeedError::Record { .. } => None,
    };
    let why: Arc<str> = match &error {
        FeedError::Store(StoreError::Unfit(_)) if room.is_none() => {
            let removed = shared.log.removed_to();
            format!("{error}; records up to {removed} were removed from the archive, so it cannot be made anew: bring its file back from a copy")
        }
        error => error.to_string(),
    }
    .into();
    let state = if room.is_some() { State::Opening } else { State::Failed(Arc::clone(&why)) };
    shared.progress.send_modify(|progress| {
        progress.state = state;
        progress.caught_up = false;
    });
    shared.forget_readers();
    let place = &shared.place;
    let Some(ours) = room else {
        tracing::error!(%place, why = &*why, "the history cannot go on; it is tried again");
        return shared.rest(TRY_EVERY);
    };
    tracing::warn!(%place, why = &*why, "the history is made anew from the log");
    shared.rebuilds.fetch_add(1, Ordering::Relaxed);
    if let Err(error) = shared.place.make_room(ours) {
        let why: Arc<str> = error.to_string().into();
        tracing::error!(%place, why = &*why, "the history's store cannot be removed");
        shared.progress.send_modify(|progress| progress.state = State::Failed(why));
        shared.rest(TRY_EVERY);
    }
}

#[cfg(test)]
mod tests;
