//! How old what a store lacks is: when the log ended where.

use std::collections::VecDeque;

/// Marks that are kept; while there are so many, new ones are left out, and what is lacking looks older than it is.
const MARKS_MAX: usize = 1_024;

/// Ends of the log that were seen and are not in the store yet, with the time, in nanoseconds of the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Marks(VecDeque<(u64, u64)>);

impl Marks {
    /// The log ends here now.
    pub(super) fn note(&mut self, end: u64, now_ns: u64) {
        let has_room = self.0.len() < MARKS_MAX;
        match self.0.back_mut() {
            Some((last, at)) if *last >= end => *at = now_ns,
            Some(_) | None if has_room => self.0.push_back((end, now_ns)),
            Some(_) | None => {}
        }
    }

    /// The store is so far: as of when it has everything, if that is later than was said before.
    pub(super) fn reached(&mut self, position: u64) -> Option<u64> {
        let mut latest = None;
        while let Some((end, at)) = self.0.front()
            && *end <= position
        {
            latest = Some(*at);
            self.0.pop_front();
        }
        latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_always_behind_is_as_old_as_the_last_end_that_it_has_reached() {
        let mut marks = Marks::default();
        for (end, at) in [(100, 1), (200, 2), (200, 3), (300, 4)] {
            marks.note(end, at);
        }
        assert_eq!(marks.reached(99), None);
        assert_eq!(marks.reached(250), Some(3));
        assert_eq!(marks.reached(250), None);
        marks.note(400, 5);
        assert_eq!(marks.reached(300), Some(4));
        assert_eq!(marks.reached(400), Some(5));
    }

    #[test]
    fn marks_are_bounded_and_never_make_a_store_look_newer() {
        let mut marks = Marks::default();
        for end in 0..5_000 {
            marks.note(end, end);
        }
        assert_eq!(marks.0.len(), MARKS_MAX);
        assert_eq!(marks.reached(4_999), Some(MARKS_MAX as u64 - 1));
    }
}
