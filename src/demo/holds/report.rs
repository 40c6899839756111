//! What a run of calls tells at its end.

use serde::Serialize;

use super::call::{Call, Fate, Move};
use super::expect::{Book, Hold, Refusal, Taken};
use crate::demo::decimal::Amount;
use crate::demo::report::{Common, Own};

/// What became of the calls.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    /// Captured, from holds and beyond.
    pub(crate) captured: Amount,
    /// Of it, beyond the holds.
    pub(crate) drawn: Amount,
    /// Used and not paid.
    pub(crate) uncollected: Amount,
    /// Captured from credit that had ended while it was pinned.
    pub(crate) outlived: Amount,
    /// Given back to credit that had ended, and so gone.
    pub(crate) lapsed: Amount,
    /// All that ended unspent, `lapsed` included.
    pub(crate) expired: Amount,
}

/// How often what happened.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Counts {
    /// Holds placed.
    pub(crate) holds: u64,
    /// Of them, with less than the estimate, because there was no more.
    pub(crate) in_range: u64,
    /// Captures.
    pub(crate) captures: u64,
    /// Of them, those that left their hold open.
    pub(crate) partial: u64,
    /// Of them, those of more than the hold.
    pub(crate) draws: u64,
    /// Of them, those that were not paid whole.
    pub(crate) shortfalls: u64,
    /// Holds that grew.
    pub(crate) grown: u64,
    /// Deadlines that were moved.
    pub(crate) extended: u64,
    /// Holds given back by their client.
    pub(crate) released: u64,
    /// Holds whose client vanished.
    pub(crate) vanished: u64,
    /// Of them, those whose credit came back by itself.
    pub(crate) came_back: u64,
    /// 402.
    pub(crate) refused_insufficient: u64,
    /// 422, of a hold that lets no more be captured than it holds.
    pub(crate) refused_over_capture: u64,
    /// 410, of a capture after the deadline.
    pub(crate) refused_expired: u64,
    /// 409, of a hold that a capture beyond it had ended.
    pub(crate) refused_closed: u64,
}

/// The summary's own part.
#[derive(Debug, Serialize)]
pub(crate) struct Calls {
    #[serde(flatten)]
    counts: Counts,
    captured: String,
    drawn: String,
    uncollected: String,
    captured_after_end: String,
    lapsed: String,
    expired: String,
}

impl Tally {
    /// An accepted step.
    pub(crate) fn count(&mut self, call: Call, what: Move, hold: &Hold, taken: Option<Taken>) {
        let counts = &mut self.counts;
        match what {
            Move::Place => {
                counts.holds += 1;
                counts.in_range += u64::from(hold.credits < call.asked().1);
                counts.vanished += u64::from(call.fate() == Fate::Vanishes);
            }
            Move::Capture { last, .. } => {
                counts.captures += 1;
                counts.partial += u64::from(!last);
            }
            Move::Grow { .. } => counts.grown += 1,
            Move::Extend { .. } => counts.extended += 1,
            Move::Release => counts.released += 1,
        }
        if let Some(Taken { captured_now, drawn, shortfall }) = taken {
            counts.draws += u64::from(drawn > Amount::ZERO || shortfall > Amount::ZERO);
            counts.shortfalls += u64::from(shortfall > Amount::ZERO);
            self.captured = self.captured + captured_now;
            self.drawn = self.drawn + drawn;
        }
    }

    /// A refusal.
    pub(crate) fn count_refusal(&mut self, refusal: &Refusal) {
        let counts = &mut self.counts;
        *match refusal {
            Refusal::Insufficient { .. } => &mut counts.refused_insufficient,
            Refusal::OverCapture { .. } => &mut counts.refused_over_capture,
            Refusal::Expired => &mut counts.refused_expired,
            Refusal::Closed => &mut counts.refused_closed,
        } += 1;
    }

    /// What a customer's calls left, as of an instant.
    pub(crate) fn add(&mut self, book: &Book, at_ns: u64) {
        self.expired = self.expired + book.pool.unspent_at_end(at_ns);
        self.uncollected = self.uncollected + book.uncollected;
        self.outlived = self.outlived + book.outlived;
        self.lapsed = self.lapsed + book.lapsed;
    }
}

impl From<Tally> for Calls {
    fn from(tally: Tally) -> Self {
        let Tally { counts, captured, drawn, uncollected, outlived, lapsed, expired } = tally;
        Self {
            counts,
            captured: captured.to_string(),
            drawn: drawn.to_string(),
            uncollected: uncollected.to_string(),
            captured_after_end: outlived.to_string(),
            lapsed: lapsed.to_string(),
            expired: expired.to_string(),
        }
    }
}

impl Own for Calls {
    fn lines(&self, common: &Common) -> Vec<(&'static str, String)> {
        let Self { counts, captured, drawn, uncollected, captured_after_end, lapsed, expired } = self;
        let Counts { holds, in_range, captures, partial, draws, shortfalls, grown, extended, .. } = counts;
        let Counts { refused_insufficient, refused_over_capture, refused_expired, refused_closed, .. } =
            counts;
        vec![
            (
                "holds",
                format!(
                    "{holds} ({in_range} with less than the estimate); {grown} grown, {extended} extended"
                ),
            ),
            ("captures", format!("{captures} of {captured} credits; {partial} left their hold open")),
            (
                "draws",
                format!("{draws} beyond their hold: {drawn} credits drawn, {shortfalls} not paid whole"),
            ),
            ("uncollected", format!("{uncollected} credits used and not paid, each noted in the ledger")),
            (
                "ended",
                format!(
                    "{captured_after_end} credits captured after their tranche's end, {lapsed} lapsed on their way back, \
                     {expired} expired in all"
                ),
            ),
            (
                "vanished",
                format!(
                    "{} clients; {} holds came back at their deadline",
                    counts.vanished, counts.came_back
                ),
            ),
            ("released", counts.released.to_string()),
            (
                "refusals",
                format!(
                    "{}: {refused_insufficient} insufficient_credits, {refused_over_capture} over_capture, \
                     {refused_expired} hold_expired, {refused_closed} hold_closed",
                    common.refusals
                ),
            ),
        ]
    }
}
