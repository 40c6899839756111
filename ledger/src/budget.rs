//! Budgets: a tree of caps above a customer's credit (SEMANTICS §18).
//!
//! A window that has ended is not emptied when it ends: whoever comes next finds that its end has passed and counts from nothing in
//! the window that holds now. So budgets need no timer, and the calendar is asked once per window.
//!
//! A window is known by its end, an instant of a whole second, less some nanoseconds: those with which its cap was set ([`begun`]), and one
//! for each time that it was reset ([`reset`]). What was counted before a reset, or in a cap that was taken away and set again, is of another
//! window than what is counted after it, and giving it back takes nothing from that.
//!
//! [`reset`]: BudgetLimit::reset

use crate::amount::Credits;
use crate::ids::LogPosition;
use crate::time::Timestamp;
use crate::unit::{Currency, PriceUnit};

/// For how long a cap counts. Calendar windows are those of the customer's time zone; weeks start on Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// For ever.
    Lifetime,
    /// From full hour to full hour, local time.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first to the first.
    Month,
}

impl Window {
    /// All of them, in the order in which they are checked.
    pub const ALL: [Self; 5] = [Self::Lifetime, Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lifetime => "lifetime",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// One cap of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetLimit {
    /// For how long it counts; one cap per window and budget.
    pub window: Window,
    /// At most so many credits; ≥ 0.
    pub credits: Credits,
    /// What was used of it in the window of `ends_at`.
    pub used: Credits,
    /// Which window: its end, less the nanoseconds that tell it from others with that end ([`begun`], [`reset`](Self::reset)). The end is
    /// [`Timestamp::MAX`] for `Lifetime`. 0 in caps of old records that were not used yet.
    pub ends_at: Timestamp,
}

impl BudgetLimit {
    /// What was used as of `now`: nothing if the window has ended.
    #[must_use]
    pub fn used_at(&self, now: Timestamp) -> Credits {
        if now < window_end(self.ends_at) { self.used } else { Credits::ZERO }
    }

    /// When the window that was counted last ends, if it ends and has not.
    #[must_use]
    pub fn resets_at(&self, now: Timestamp) -> Option<Timestamp> {
        Some(window_end(self.ends_at)).filter(|end| now < *end && *end < Timestamp::MAX)
    }

    /// Nothing is used any more. What was counted until now is of a window that is over, though the one that begins ends when it
    /// would have.
    pub fn reset(&mut self) {
        self.used = Credits::ZERO;
        self.ends_at = Timestamp(self.ends_at.0.saturating_sub(1));
    }
}

/// Positions after which names of windows come again. Names of the last second of time must not leave it, however often they are reset.
const NAMES: u64 = 700_000_000;

/// The name of the window in which a cap begins that is set by the record after `last`.
///
/// No cap of that budget and window, before it or after it, counts under this name: what names a cap's window anew, setting or resetting it,
/// is a record of its own, so that names become smaller with each.
#[must_use]
pub const fn begun(end: Timestamp, last: LogPosition) -> Timestamp {
    Timestamp(end.0 - 1 - last.0 % NAMES)
}

/// The first instant after a window, by whatever name it is known.
#[must_use]
pub const fn window_end(ends_at: Timestamp) -> Timestamp {
    ends_at.up_to_second()
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The caller's name for it, unique per customer.
    pub id: Box<str>,
    /// The budget above it.
    pub parent: Option<Box<str>>,
    /// What it counts: credits of wallets of this currency …
    pub currency: Currency,
    /// … and this price unit.
    pub price_unit: Option<PriceUnit>,
    /// Its caps, by window. None = it only groups.
    pub limits: Vec<BudgetLimit>,
}

/// What a charge used of one cap; the same is given back when the charge is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetMove {
    /// Which budget.
    pub budget: Box<str>,
    /// Which of its caps.
    pub window: Window,
    /// The window that it counts in, as [`BudgetLimit::ends_at`] names it.
    pub ends_at: Timestamp,
    /// How much.
    pub credits: Credits,
}

/// Takes so many credits of every cap out of moves, those that were counted first before the others: what is spent of a hold.
///
/// A cap that has fewer gives what it has. Both what is taken and what stays keep their order.
pub fn take_first(moves: &mut Vec<BudgetMove>, credits: Credits) -> Vec<BudgetMove> {
    let mut left = Left::of(credits);
    let taken: Vec<BudgetMove> = moves.iter_mut().filter_map(|counted| left.take(counted)).collect();
    moves.retain(|counted| counted.credits.is_positive());
    taken
}

/// As [`take_first`], but those that were counted last before the others: what is given back of a hold or of a debit.
pub fn take_last(moves: &mut Vec<BudgetMove>, credits: Credits) -> Vec<BudgetMove> {
    let mut left = Left::of(credits);
    let mut taken: Vec<BudgetMove> =
        moves.iter_mut().rev().filter_map(|counted| left.take(counted)).collect();
    taken.reverse();
    moves.retain(|counted| counted.credits.is_positive());
    taken
}

/// What is still to be taken of each cap.
struct Left {
    each: Credits,
    /// What was taken so far, by cap.
    taken: Vec<(Box<str>, Window, Credits)>,
}

impl Left {
    const fn of(each: Credits) -> Self {
        Self { each, taken: Vec::new() }
    }

    /// Takes what is still wanted of the move's cap; `None` if nothing is.
    fn take(&mut self, from: &mut BudgetMove) -> Option<BudgetMove> {
        let seen = self
            .taken
            .iter()
            .position(|(budget, window, _)| (budget, *window) == (&from.budget, from.window));
        let seen = seen.unwrap_or_else(|| {
            self.taken.push((from.budget.clone(), from.window, Credits::ZERO));
            self.taken.len() - 1
        });
        let credits = from.credits.min(self.each - self.taken[seen].2);
        self.taken[seen].2 += credits;
        from.credits -= credits;
        credits.is_positive().then(|| BudgetMove { credits, ..from.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{credits, second};

    #[test]
    fn a_window_ends_when_it_does_under_any_name() {
        for end in [second(60), Timestamp::MAX] {
            for last in [0, 1, 17, NAMES - 1, NAMES, u64::MAX] {
                let mut limit = BudgetLimit {
                    window: Window::Day,
                    credits: credits("1"),
                    used: credits("1"),
                    ends_at: begun(end, LogPosition(last)),
                };
                assert!(limit.ends_at < end && window_end(limit.ends_at) == end, "{last}");
                limit.reset();
                assert!(limit.ends_at != begun(end, LogPosition(last)) && window_end(limit.ends_at) == end);
            }
        }
    }

    fn counted(budget: &str, window: Window, end: u64, amount: &str) -> BudgetMove {
        BudgetMove { budget: budget.into(), window, ends_at: second(end), credits: credits(amount) }
    }

    /// Two days of a cap, and what all of it is above.
    fn moves() -> Vec<BudgetMove> {
        vec![
            counted("leaf", Window::Day, 1, "5"),
            counted("root", Window::Lifetime, 9, "5"),
            counted("leaf", Window::Day, 2, "3"),
            counted("root", Window::Lifetime, 9, "3"),
        ]
    }

    #[test]
    fn what_is_given_back_was_counted_last_and_what_is_spent_first() {
        let mut back = moves();
        let taken = take_last(&mut back, credits("4"));
        let last = [
            counted("leaf", Window::Day, 1, "1"),
            counted("root", Window::Lifetime, 9, "1"),
            counted("leaf", Window::Day, 2, "3"),
            counted("root", Window::Lifetime, 9, "3"),
        ];
        assert_eq!(taken, last);
        assert_eq!(back, [counted("leaf", Window::Day, 1, "4"), counted("root", Window::Lifetime, 9, "4")]);

        let mut spent = moves();
        let taken = take_first(&mut spent, credits("6"));
        let first = [
            counted("leaf", Window::Day, 1, "5"),
            counted("root", Window::Lifetime, 9, "5"),
            counted("leaf", Window::Day, 2, "1"),
            counted("root", Window::Lifetime, 9, "1"),
        ];
        assert_eq!(taken, first);
        assert_eq!(spent, [counted("leaf", Window::Day, 2, "2"), counted("root", Window::Lifetime, 9, "2")]);
    }

    #[test]
    fn a_cap_that_counted_less_gives_what_it_has() {
        let mut some = moves();
        some.truncate(3);
        assert_eq!(take_last(&mut some, credits("100")), moves()[..3]);
        assert!(some.is_empty());
        assert!(take_first(&mut some, credits("1")).is_empty());
        let mut untouched = moves();
        assert!(take_first(&mut untouched, Credits::ZERO).is_empty());
        assert_eq!(untouched, moves());
    }
}
