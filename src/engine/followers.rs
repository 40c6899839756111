//! Whoever follows the log, and how far each is: what it has not taken yet is not removed from the archive.
//!
//! Following pins nothing else; a follower that falls behind, or begins again, only keeps the archive from being made smaller.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followers {
    all: Arc<Mutex<Vec<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    position: u64,
}

/// One that follows the log. Until it says how far it is, it needs everything. Dropped, it needs nothing more.
#[derive(Debug)]
pub struct Follower {
    all: Followers,
    id: u64,
}

/// While this is kept, nobody moves.
pub(crate) struct HeldStill<'a>(MutexGuard<'a, Vec<Entry>>);

impl Followers {
    /// One more, at the beginning.
    pub(crate) fn add(&self) -> Follower {
        let mut all = self.lock();
        let id = all.last().map_or(0, |last| last.id + 1);
        all.push(Entry { id, position: 0 });
        drop(all);
        Follower { all: self.clone(), id }
    }

    /// Keeps all of them where they are.
    pub(crate) fn hold_still(&self) -> HeldStill<'_> {
        HeldStill(self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower {
    /// Says the last record that it has taken, or that it begins again with 0. Waits while a segment is being removed: what it finds in
    /// the archive afterwards stays for it.
    pub fn is_at(&self, position: u64) {
        if let Some(own) = self.all.lock().iter_mut().find(|entry| entry.id == self.id) {
            own.position = position;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.all.lock().retain(|entry| entry.id != self.id);
    }
}

impl HeldStill<'_> {
    /// How far the one furthest behind is; `None` = nobody follows.
    pub(crate) fn least(&self) -> Option<u64> {
        self.0.iter().map(|entry| entry.position).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_furthest_behind_counts_until_it_is_dropped() {
        let followers = Followers::default();
        assert_eq!(followers.hold_still().least(), None);
        let (quick, slow) = (followers.add(), followers.add());
        quick.is_at(7);
        assert_eq!(
            followers.hold_still().least(),
            Some(0),
            "one that has not said anything needs everything"
        );
        slow.is_at(5);
        assert_eq!(followers.hold_still().least(), Some(5));
        drop(slow);
        assert_eq!(followers.hold_still().least(), Some(7));
        let next = followers.add();
        assert_eq!(followers.hold_still().least(), Some(0));
        next.is_at(9);
        quick.is_at(8);
        assert_eq!(followers.hold_still().least(), Some(8));
    }
}
