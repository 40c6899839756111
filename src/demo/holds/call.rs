//! One row of the trace as a call to a language model: what is held for it before it streams, what happens to it meanwhile, and how it
//! ends. A pure function of the row, so that every run does the same.
//!
//! The estimate is the prompt, whose tokens are known, and [`GENERATED_TOKENS_EXPECTED`] generated tokens; every sixth row generates
//! more than that, so its price is above its hold.

use crate::demo::decimal::Amount;
use crate::demo::trace::Request;

/// Generated tokens that a hold reckons with. The trace's median is 13; 18 % of its rows have more than 32.
pub(crate) const GENERATED_TOKENS_EXPECTED: u32 = 32;
/// Generated tokens for which a stream that grows its hold pins more.
const GENERATED_TOKENS_GROWN: u32 = 16;
/// What an extended hold lives from then on.
const EXTENDED_S: u32 = 900;

/// What a capture of more than the hold does, as the API calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    Reject,
    Draw,
    Overdraft,
}

/// What a call asks of the server, beside reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Hold the estimate.
    Place,
    /// Settle so much; `last` ends the hold.
    Capture { credits: Amount, last: bool },
    /// Hold so much more.
    Grow { credits: Amount },
    /// Live so long from now.
    Extend { seconds: u32 },
    /// Give it back.
    Release,
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its real tokens are settled.
    Settles,
    /// It is called off: every 60th.
    Releases,
    /// Its client is never heard of again: every 40th.
    Vanishes,
}

impl Policy {
    /// The API's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Draw => "draw",
            Self::Overdraft => "overdraft",
        }
    }
}

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call(pub(crate) Request);

impl Call {
    /// Which row.
    pub(crate) fn row(self) -> usize {
        self.0.row
    }

    /// What it costs in the end.
    pub(crate) fn price(self) -> Amount {
        self.0.credits()
    }

    /// The fewest and the most credits that will do: every third takes fewer than the estimate if there are not as many, as long as
    /// the prompt is paid.
    pub(crate) fn asked(self) -> (Amount, Amount) {
        let estimate = self.with_generated(GENERATED_TOKENS_EXPECTED);
        (if self.row().is_multiple_of(3) { self.with_generated(0) } else { estimate }, estimate)
    }

    /// Of every eight, one says reject, two say overdraft, five draw.
    pub(crate) fn policy(self) -> Policy {
        match self.row() % 8 {
            5 => Policy::Reject,
            1 | 6 => Policy::Overdraft,
            _ => Policy::Draw,
        }
    }

    /// How it ends.
    pub(crate) fn fate(self) -> Fate {
        match self.row() {
            row if row % 40 == 7 => Fate::Vanishes,
            row if row % 60 == 11 => Fate::Releases,
            _ => Fate::Settles,
        }
    }

    /// Until its hold is gone by itself; seconds only for a client that will vanish.
    pub(crate) fn expires_in_s(self) -> u32 {
        match self.fate() {
            Fate::Vanishes if self.row().is_multiple_of(2) => 2,
            Fate::Vanishes => 3,
            Fate::Settles | Fate::Releases => 600,
        }
    }

    /// What happens in the middle of its stream: every sixth settles its prompt, or grows, or extends.
    pub(crate) fn midway(self) -> Option<Move> {
        match (self.fate(), self.row() % 6) {
            (Fate::Vanishes, _) => None,
            (_, 0) => Some(Move::Capture { credits: self.with_generated(0), last: false }),
            (_, 2) => Some(Move::Grow {
                credits: self.with_generated(GENERATED_TOKENS_GROWN) - self.with_generated(0),
            }),
            (_, 4) => Some(Move::Extend { seconds: EXTENDED_S }),
            _ => None,
        }
    }

    fn with_generated(self, generated_tokens: u32) -> Amount {
        Request { generated_tokens, ..self.0 }.credits()
    }
}

/// A point in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Opens,
    Streams,
    Ends,
    /// A vanished client is back, and its hold is gone.
    ComesTooLate,
}

/// Parts of calls, in order.
pub(crate) type Script = Vec<(Call, Part)>;

/// How many calls of a customer are open at once: one opens, one streams, one ends.
const OPEN_AT_ONCE: usize = 3;

/// The calls of one customer in the order in which their parts happen: while one streams the next has opened, and only when the one
/// after that has too does it end.
pub(crate) fn script(calls: &[Call]) -> Script {
    let parts = [Part::Opens, Part::Streams, Part::Ends];
    let mut script = Vec::with_capacity(calls.len() * parts.len());
    for turn in 0..calls.len() + OPEN_AT_ONCE - 1 {
        for (behind, part) in parts.into_iter().enumerate() {
            let call = turn.checked_sub(behind).and_then(|index| calls.get(index));
            script.extend(call.map(|call| (*call, part)));
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::trace;

    fn calls() -> Vec<Call> {
        trace::read().unwrap().into_iter().map(Call).collect()
    }

    #[test]
    fn the_trace_has_calls_of_every_kind() {
        let count = |is: &dyn Fn(&Call) -> bool| calls().iter().filter(|call| is(call)).count();
        assert_eq!(count(&|call| call.fate() == Fate::Vanishes), 221);
        assert_eq!(count(&|call| call.fate() == Fate::Releases), 147);
        let above = |call: &Call| call.price() > call.asked().1;
        assert_eq!(count(&above), 1_574);
        for policy in [Policy::Reject, Policy::Draw, Policy::Overdraft] {
            assert!(count(&|call| above(call) && call.policy() == policy) > 100, "{policy:?}");
        }
        assert!(count(&|call| call.midway().is_some()) > 4_000);
    }

    #[test]
    fn three_calls_of_a_customer_are_open_at_once() {
        use Part::{Ends, Opens, Streams};
        let script: Vec<_> =
            script(&calls()[..4]).into_iter().map(|(call, part)| (call.row(), part)).collect();
        assert_eq!(
            script,
            [
                (0, Opens),
                (1, Opens),
                (0, Streams),
                (2, Opens),
                (1, Streams),
                (0, Ends),
                (3, Opens),
                (2, Streams),
                (1, Ends),
                (3, Streams),
                (2, Ends),
                (3, Ends),
            ]
        );
    }
}
