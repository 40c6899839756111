//! Holds: credit reserved for work whose price is not known yet (SEMANTICS §5).

use super::{Charge, Memo, Metered};
use crate::amount::Credits;
use crate::ids::HoldId;

/// What a capture of more than the hold does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OverCapture {
    /// It is refused; the hold is untouched.
    Reject,
    /// The excess is debited from what is available; what is not there is noted as UNCOLLECTED.
    Draw,
    /// As draw, then overdraft up to the limit.
    Overdraft,
}

impl OverCapture {
    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Draw => "draw",
            Self::Overdraft => "overdraft",
        }
    }
}

/// How much is to be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldAsked {
    /// Exactly so many credits; > 0.
    Exactly(Credits),
    /// As many as there are in this range; 0 < min ≤ max.
    Range {
        /// Fewer are refused.
        min: Credits,
        /// More are not needed.
        max: Credits,
    },
    /// Exactly what the rate card says.
    Metered(Box<Metered>),
}

/// `POST /customers/{id}/holds`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceHold {
    /// How much.
    pub asked: HoldAsked,
    /// For what, and who pays.
    pub charge: Charge,
    /// Seconds until the deadline, 1..=604,800.
    pub expires_in_s: u32,
    /// What a capture of more does.
    pub over_capture: OverCapture,
    /// Words for the rows.
    pub memo: Memo,
}

/// `POST …/holds/{hold_id}/capture`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Which hold.
    pub hold: HoldId,
    /// How much; > 0.
    pub credits: Credits,
    /// Release the rest and end the hold; else it stays open. An over-capture is final whatever this says.
    pub last: bool,
    /// Words for the rows.
    pub memo: Memo,
}
