//! Sums of what moved, by quarter of an hour: the books of a period without reading its rows.
//!
//! A quarter of an hour, because each time zone's midnight is on one. A move counts at its row's `effective_at`: what happened by itself
//! at its own instant, so that breakage lands in the right month (SEMANTICS §8), and everything else when it was recorded.

use std::borrow::Cow;
use std::collections::HashMap;

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::ids::TenantNumber;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Unit;
use coffer_ledger::view::MoveKind;

/// Nanoseconds of a slot.
pub const SLOT_NS: u64 = 15 * 60 * 1_000_000_000;

/// The source of what is no tranche's: the debt of overdraft.
pub const OVERDRAFT: &str = "overdraft";

/// What is summed up together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TotalOf {
    /// Whose.
    pub tenant: TenantNumber,
    /// The start of the quarter of an hour.
    pub slot: Timestamp,
    /// Different units are never added up.
    pub unit: Unit,
    /// The tranche's source, or [`OVERDRAFT`].
    pub source: Cow<'static, str>,
    /// What happened.
    pub kind: MoveKind,
    /// The row's reason; empty where no row shows it.
    pub reason: Cow<'static, str>,
}

/// What came together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Moves.
    pub moves: u64,
    /// Credits, without a sign.
    pub credits: Credits,
    /// Shares of paid money.
    pub share: Money,
    /// What free credit is worth at the wallet's rate: each move half-even at 15 digits. Free is what nothing was paid for.
    pub free_value: Money,
}

impl Sums {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.moves += other.moves;
        self.credits += other.credits;
        self.share += other.share;
        self.free_value += other.free_value;
    }
}

/// The slot of an instant.
#[must_use]
pub const fn slot_of(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0 % SLOT_NS)
}

/// Sums of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals(HashMap<TotalOf, Sums>);

impl Totals {
    /// Adds one.
    pub(crate) fn add(&mut self, of: TotalOf, sums: &Sums) {
        self.0.entry(of).or_default().add(sums);
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&TotalOf, &Sums)> {
        self.0.iter()
    }
}
