//! Records into batches: the rows and slices of each, the paid shares, and what becomes of tranches, wallets, holds and recharges.
//!
//! A record does not say what is left of a tranche, and its paid shares depend on that (SEMANTICS §6). So the projector knows every
//! tranche that moves: from the batch, from batches before, or else from the store that it fills. It is a function of log and store alone;
//! after a failed write it is thrown away with the store's handle. Absent on purpose: SQL. Tested in `tests/history/`.

mod rules;
mod things;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use coffer_ledger::amount::Money;
use coffer_ledger::command::RefundReason;
use coffer_ledger::fact::{Giver, Slice};
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber, TrancheId, WalletId};
use coffer_ledger::record::Record;
use coffer_ledger::unit::Unit;
use coffer_ledger::view::{self, Move, MoveKind, Moved, RowReason, RowType, RowView};

use super::StoreError;
use super::batch::{Batch, FullRow, SliceKind, SliceLine, WalletLife};
use super::row::{OfTranche, Row};
use super::totals::{OVERDRAFT, Sums, TotalOf, slot_of};
use super::tranche::TrancheLife;

/// Tranches that are kept in memory between batches; beyond it all but the batch's own are forgotten, and read again when they move.
const TRANCHES_KEPT_MAX: usize = 200_000;

/// What a store has of batches before.
pub(crate) trait Known {
    /// A tranche.
    fn tranche(&self, id: TrancheId) -> Result<Option<TrancheLife>, StoreError>;
    /// A wallet.
    fn wallet(&self, id: WalletId) -> Result<Option<WalletLife>, StoreError>;
}

/// Makes batches of records.
#[derive(Debug)]
pub(crate) struct Projector {
    /// Tranches, and wallets, that it remembers between batches.
    kept_max: usize,
    tranches: HashMap<TrancheId, TrancheLife>,
    wallets: HashMap<WalletId, WalletLife>,
    /// Tranches that the batch changed.
    changed: HashSet<TrancheId>,
}

impl Default for Projector {
    fn default() -> Self {
        Self::keeping(TRANCHES_KEPT_MAX)
    }
}

/// A store that has nothing.
pub(crate) struct Nothing;

impl Known for Nothing {
    fn tranche(&self, _: TrancheId) -> Result<Option<TrancheLife>, StoreError> {
        Ok(None)
    }

    fn wallet(&self, _: WalletId) -> Result<Option<WalletLife>, StoreError> {
        Ok(None)
    }
}

/// Whose record it is, and where.
#[derive(Clone, Copy)]
pub(super) struct Of {
    pub(super) tenant: TenantNumber,
    pub(super) customer: CustomerNumber,
    pub(super) position: LogPosition,
}

impl Projector {
    /// One that fills no store, and so forgets nothing: beside [`Nothing`] it needs the log from its first record on.
    pub(crate) fn without_a_store() -> Self {
        Self::keeping(usize::MAX)
    }

    fn keeping(kept_max: usize) -> Self {
        Self { kept_max, tranches: HashMap::new(), wallets: HashMap::new(), changed: HashSet::new() }
    }

    /// What a wallet counts in, as far as it is remembered.
    pub(crate) fn unit_of(&self, wallet: WalletId) -> Option<&Unit> {
        self.wallets.get(&wallet).map(|wallet| &wallet.unit)
    }

    /// Adds a customer's record to the batch.
    ///
    /// # Errors
    /// [`StoreError`]: the store cannot say what it knows, or does not know what it must.
    pub(crate) fn add(
        &mut self,
        (tenant, customer): (TenantNumber, CustomerNumber),
        record: &Record,
        position: LogPosition,
        known: &dyn Known,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let of = Of { tenant, customer, position };
        let (rows, moves) = view::rows_and_moves(record, position);
        self.note_things(of, record, known, batch)?;
        let mut moves = moves.iter().peekable();
        for (row, number) in rows.iter().zip(0..) {
            let mut of_row = Vec::with_capacity(row.slices.len());
            while let Some(one) = moves.next_if(|one| one.row.is_none_or(|of| of == number)) {
                if one.row.is_none() {
                    self.cancel(one, known)?;
                } else {
                    of_row.push((one, self.enter(of, row, one, known, batch)?));
                }
            }
            let row_of = Row::of(tenant, customer, record, row);
            let slices = self.lines(row, &of_row);
            batch.rows.push(FullRow { row: row_of, slices });
        }
        // What no row shows, after the last of them.
        for one in moves {
            self.cancel(one, known)?;
        }
        Ok(())
    }

    /// Ends the batch: every tranche and wallet that it changed stands in it as it is now.
    pub(crate) fn finish(&mut self, batch: &mut Batch) {
        let changed = std::mem::take(&mut self.changed);
        batch.tranches.extend(changed.iter().map(|id| self.tranches[id].clone()));
        // Neighbours go into the same pages.
        batch.tranches.sort_unstable_by_key(|tranche| tranche.id);
        if self.tranches.len() > self.kept_max {
            self.tranches.retain(|id, _| changed.contains(id));
        }
        if self.wallets.len() > self.kept_max {
            self.wallets.retain(|id, _| batch.wallets.contains_key(id));
        }
    }

    /// A move into what it concerns, and into the totals; its paid share.
    fn enter(
        &mut self,
        of: Of,
        row: &RowView<'_>,
        one: &Move<'_>,
        known: &dyn Known,
        batch: &mut Batch,
    ) -> Result<Money, StoreError> {
        let rate = self.wallet(one.wallet, known)?.unit.conversion_rate;
        let (source, share, is_free) = match one.of {
            Moved::Debt => {
                self.owe(one, batch);
                (OVERDRAFT, Money::ZERO, false)
            }
            Moved::Tranche { id, .. } => {
                let tranche = self.tranche(of, row, one, known)?;
                let sent = row.reason == RowReason::Back(RefundReason::TransferReturned);
                let share = tranche.enter(one.kind, one.credits, sent);
                let told = (tranche.source.as_str(), share, tranche.paid.is_zero());
                self.changed.insert(id);
                told
            }
        };
        let worth = is_free.then(|| Money::of_credits_half_even(one.credits, rate)).flatten();
        let free_value = worth.unwrap_or(Money::ZERO);
        let total = TotalOf {
            tenant: of.tenant,
            slot: slot_of(row.effective_at),
            unit: self.wallets[&one.wallet].unit.clone(),
            source: source.into(),
            kind: one.kind,
            reason: row.reason.as_str().into(),
        };
        if !matches!(one.kind, MoveKind::Scheduled | MoveKind::Cancelled) {
            batch.totals.add(total, &Sums { moves: 1, credits: one.credits, share, free_value });
        }
        Ok(share)
    }

    /// A scheduled tranche that a closing wallet cancels.
    fn cancel(&mut self, one: &Move<'_>, known: &dyn Known) -> Result<(), StoreError> {
        let Moved::Tranche { id, .. } = one.of else { return Ok(()) };
        let read = || known.tranche(id)?.ok_or_else(|| unknown("tranche", id));
        let life = found_or(&mut self.tranches, id, read)?;
        self.changed.insert(id);
        life.enter(one.kind, one.credits, false);
        Ok(())
    }

    fn owe(&mut self, one: &Move<'_>, batch: &mut Batch) {
        let wallet = self.wallets.get_mut(&one.wallet).expect("it was looked up for its rate");
        wallet.debt += one.change();
        batch.wallets.insert(one.wallet, wallet.clone());
    }

    /// The tranche of a move: new, or known.
    fn tranche(
        &mut self,
        of: Of,
        row: &RowView<'_>,
        one: &Move<'_>,
        known: &dyn Known,
    ) -> Result<&mut TrancheLife, StoreError> {
        let Moved::Tranche { id, terms } = one.of else { unreachable!("debts have no tranche") };
        let minted = matches!(
            one.kind,
            MoveKind::Issued
                | MoveKind::Scheduled
                | MoveKind::Arrived
                | MoveKind::Regranted
                | MoveKind::RolledIn
        );
        found_or(&mut self.tranches, id, || match terms.filter(|_| minted) {
            Some(terms) => {
                let whose = (of.tenant, of.customer, one.wallet);
                Ok(TrancheLife::new(whose, id, terms, Some(row.id)))
            }
            None => known.tranche(id)?.ok_or_else(|| unknown("tranche", id)),
        })
    }

    fn wallet(&mut self, id: WalletId, known: &dyn Known) -> Result<&WalletLife, StoreError> {
        let read = || known.wallet(id)?.ok_or_else(|| unknown("wallet", id));
        Ok(found_or(&mut self.wallets, id, read)?)
    }

    /// The slices of a row: its moves, and what a hold reserved or let go.
    fn lines(&self, row: &RowView<'_>, moves: &[(&Move<'_>, Money)]) -> Vec<SliceLine> {
        if moves.is_empty() {
            let kind = match row.row_type {
                RowType::Hold => SliceKind::Pinned,
                RowType::Release | RowType::Credit | RowType::Debit | RowType::Memo => SliceKind::Unpinned,
            };
            return row.slices.iter().map(|slice| from(slice, kind)).collect();
        }
        let mut slices = row.slices.iter();
        let mut lines = Vec::with_capacity(moves.len());
        for (one, share) in moves {
            // A row with slices has a move for each. What of one comes back to debt beside it is no slice.
            let slice = match one.kind {
                MoveKind::Voided | MoveKind::Repaid => None,
                _ => slices.next(),
            };
            if one.kind == MoveKind::Regranted {
                lines.extend(slice.map(|slice| from(slice, SliceKind::RegrantedFrom)));
            }
            lines.push(self.line(one, *share));
        }
        lines
    }

    fn line(&self, one: &Move<'_>, share: Money) -> SliceLine {
        let tranche = match one.of {
            Moved::Tranche { id, .. } => Some(self.tranches[&id].shown()),
            Moved::Debt => None,
        };
        let share = tranche.is_some().then_some(share);
        SliceLine {
            wallet: one.wallet,
            kind: SliceKind::Moved(one.kind),
            credits: one.credits,
            tranche,
            share,
        }
    }
}

impl TrancheLife {
    /// What a slice says of it.
    fn shown(&self) -> OfTranche {
        OfTranche {
            id: self.id,
            source: self.source.as_str().into(),
            original: self.original,
            paid: self.paid,
            expires_at: self.expires_at,
        }
    }
}

/// A slice that moves nothing.
fn from(slice: &Slice, kind: SliceKind) -> SliceLine {
    let tranche = match &slice.giver {
        Giver::Tranche { id, terms } => Some(OfTranche::of(*id, terms)),
        Giver::Overdraft => None,
    };
    SliceLine { wallet: slice.wallet, kind, credits: slice.credits, tranche, share: None }
}

/// What a map has, or what is read now and kept in it.
fn found_or<K: Eq + Hash, V>(
    map: &mut HashMap<K, V>,
    key: K,
    read: impl FnOnce() -> Result<V, StoreError>,
) -> Result<&mut V, StoreError> {
    Ok(match map.entry(key) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => place.insert(read()?),
    })
}

fn unknown(what: &str, id: impl std::fmt::Display) -> StoreError {
    StoreError::Unfit(format!("it does not know the {what} {id}"))
}
