//! What the engine counts about itself. Relaxed atomics: numbers for people, never for decisions.

use std::sync::atomic::{AtomicU64, Ordering};

use coffer_ledger::command::Command;
use coffer_ledger::refusal::Refusal;

/// Codes under which refusals are counted, in the order of `Refusal`'s variants.
const REFUSAL_CODES: [&str; 15] = [
    "insufficient_credits",
    "not_found",
    "already_exists",
    "wallet_frozen",
    "wallet_closed",
    "invalid_operation",
    "amount",
    "unit",
    "limit_reached",
    "hold_closed",
    "hold_expired",
    "over_capture",
    "over_refund",
    "budget_exceeded",
    "event_time",
];

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) debits: AtomicU64,
    pub(crate) holds: AtomicU64,
    pub(crate) captures: AtomicU64,
    pub(crate) other_commands: AtomicU64,
    pub(crate) replays: AtomicU64,
    pub(crate) overloaded: AtomicU64,
    pub(crate) rebuilt: AtomicU64,
    pub(crate) erasures: AtomicU64,
    pub(crate) archive_bytes: AtomicU64,
    pub(crate) archive_removed_segments: AtomicU64,
    pub(crate) archive_removed_bytes: AtomicU64,
    pub(crate) recovery_ms: AtomicU64,
    pub(crate) recovery_records: AtomicU64,
    refusals: [AtomicU64; REFUSAL_CODES.len()],
}

impl Counters {
    /// One more.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// One more command of this kind that was accepted.
    pub(crate) fn accepted(&self, command: &Command) {
        Self::count(match command {
            Command::Debit(_) => &self.debits,
            Command::PlaceHold(_) => &self.holds,
            Command::Capture(_) => &self.captures,
            _ => &self.other_commands,
        });
    }

    /// One more refusal of this kind.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        Self::count(&self.refusals[index_of(refusal)]);
    }

    /// Refusals by code.
    pub(crate) fn refusals(&self) -> Vec<(&'static str, u64)> {
        let counts = self.refusals.iter().map(|count| count.load(Ordering::Relaxed));
        REFUSAL_CODES.into_iter().zip(counts).collect()
    }
}

fn index_of(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::InsufficientCredits { .. } => 0,
        Refusal::CustomerNotFound | Refusal::WalletNotFound(_) | Refusal::NotFound(_) => 1,
        Refusal::AlreadyExists(_) => 2,
        Refusal::WalletFrozen(_) => 3,
        Refusal::WalletClosed(_) => 4,
        Refusal::InvalidOperation(_) | Refusal::Invalid { .. } => 5,
        Refusal::AmountInvalid(_) | Refusal::AmountOverflow(_) => 6,
        Refusal::UnitRequired | Refusal::UnitMismatch => 7,
        Refusal::LimitReached { .. } => 8,
        Refusal::HoldClosed(_) => 9,
        Refusal::HoldExpired(_) => 10,
        Refusal::OverCapture { .. } => 11,
        Refusal::OverRefund { .. } => 12,
        Refusal::BudgetExceeded { .. } => 13,
        Refusal::EventTime(_) => 14,
        Refusal::Item { refusal, .. } => index_of(refusal),
    }
}
