//! A statement while its rows come in.

use std::collections::{BTreeMap, HashMap};

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::ids::{HoldId, LogPosition, RowId, TrancheId, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Unit;
use coffer_ledger::view::MoveKind;

use super::rules::{StatementAlert, StatementRecharge};
use super::{HoldAtEnd, ReasonTotal, StatementLine, TrancheAtEnd, WalletStatement};
use crate::books::period::Period;
use crate::books::tenant::{Amounts, SourceBooks};
use crate::feed::history::{
    AlertLine, FullRow, HistoryError, OfTranche, RechargeLife, Row, SliceKind, SliceLine,
};

/// The word of a row's type that brings in credit, or says that it will come.
const CREDIT: &str = "credit";

/// Takes what rules did, and then rows in the order of the log.
pub(super) struct Maker {
    period: Period,
    wallets: BTreeMap<WalletId, OfWallet>,
    lines: usize,
}

/// A wallet so far.
#[derive(Default)]
struct OfWallet {
    opening: Amounts,
    debt: Credits,
    lines: Vec<StatementLine>,
    tranches: HashMap<TrancheId, TrancheAtEnd>,
    holds: HashMap<HoldId, HoldAtEnd>,
    /// Each with the tranche that it is about.
    recharges: Vec<(StatementRecharge, Option<TrancheId>)>,
    /// The last row that brings each of these tranches in, or says that it will come.
    bought: HashMap<TrancheId, Option<RowId>>,
    alerts: Vec<StatementAlert>,
    /// The last row of each change's record after which posted was what it says.
    reached: HashMap<(LogPosition, Credits), Option<RowId>>,
}

impl Maker {
    pub(super) const fn new(period: Period) -> Self {
        Self { period, wallets: BTreeMap::new(), lines: 0 }
    }

    /// Lines so far.
    pub(super) const fn lines(&self) -> usize {
        self.lines
    }

    /// Takes a recharge, if it is one of the period.
    pub(super) fn recharge(&mut self, life: &RechargeLife) {
        let Some(recharge) = StatementRecharge::of(life, self.period) else { return };
        let wallet = self.wallets.entry(life.wallet).or_default();
        wallet.bought.extend(life.tranche.map(|tranche| (tranche, None)));
        wallet.recharges.push((recharge, life.tranche));
        self.lines += 1;
    }

    /// Takes a change of the period.
    pub(super) fn alert(&mut self, line: &AlertLine) {
        let wallet = self.wallets.entry(line.change.wallet).or_default();
        wallet.reached.insert((line.position, line.change.posted), None);
        wallet.alerts.push(StatementAlert::of(line));
        self.lines += 1;
    }

    /// Takes a row that counts before the end of the period.
    pub(super) fn row(&mut self, FullRow { row, slices }: &FullRow) {
        let wallet = self.wallets.entry(row.wallet).or_default();
        wallet.look_at(row);
        let mut change = Amounts::default();
        for slice in slices {
            wallet.slice(row, slice, &mut change);
        }
        // Debt that is written off stands outside the balance chain, and moves posted all the same.
        if row.sequence.is_none() && change.credits.is_zero() {
            return;
        }
        if self.period.has(row.effective_at) {
            wallet.lines.push(line(row, change));
            self.lines += 1;
        } else {
            wallet.opening.credits += change.credits;
            wallet.opening.paid += change.paid;
        }
    }

    /// The wallets, oldest first; `unit` tells what one counts in.
    pub(super) fn finish(
        self,
        unit: &mut dyn FnMut(WalletId) -> Result<Option<Unit>, HistoryError>,
    ) -> Result<Vec<WalletStatement>, HistoryError> {
        let mut finished = Vec::with_capacity(self.wallets.len());
        for (id, wallet) in self.wallets {
            let unit =
                unit(id)?.ok_or_else(|| HistoryError::Unavailable(format!("it does not know {id}")))?;
            finished.push(wallet.finish(id, unit));
        }
        Ok(finished)
    }
}

impl OfWallet {
    /// Whether it is a row that a recharge or an alert names.
    fn look_at(&mut self, row: &Row) {
        let of_tranche = row.tranche.filter(|_| row.row_type == CREDIT);
        if let Some(bought) = of_tranche.and_then(|tranche| self.bought.get_mut(&tranche)) {
            *bought = Some(row.id);
        }
        let after = row.balance_after.map(|posted| (row.id.position(), posted));
        if let Some(reached) = after.and_then(|key| self.reached.get_mut(&key)) {
            *reached = Some(row.id);
        }
    }

    fn slice(&mut self, row: &Row, slice: &SliceLine, change: &mut Amounts) {
        self.hold(row, slice);
        let SliceKind::Moved(kind) = slice.kind else { return };
        match &slice.tranche {
            Some(of) => self.tranche(kind, slice, of, change),
            None => {
                let taken = if kind == MoveKind::Spent { slice.credits } else { -slice.credits };
                self.debt += taken;
                change.credits -= taken;
            }
        }
    }

    fn tranche(&mut self, kind: MoveKind, slice: &SliceLine, of: &OfTranche, change: &mut Amounts) {
        if matches!(kind, MoveKind::Scheduled | MoveKind::Cancelled) {
            return;
        }
        let share = slice.share.unwrap_or(Money::ZERO);
        let brings = SourceBooks::brings(kind);
        let credits = if brings { slice.credits } else { -slice.credits };
        let paid = if brings { share } else { -share };
        let tranche = self.tranches.entry(of.id).or_insert_with(|| TrancheAtEnd {
            tranche: of.id,
            source: of.source.to_string(),
            original: of.original,
            left: Amounts::default(),
            expires_at: of.expires_at,
        });
        for amounts in [&mut tranche.left, change] {
            amounts.credits += credits;
            amounts.paid += paid;
        }
    }

    /// What a hold keeps: what it reserved, less what it let go and what was captured of it. A capture beyond it is its end.
    fn hold(&mut self, row: &Row, slice: &SliceLine) {
        let Some(id) = row.hold else { return };
        let credits = match slice.kind {
            SliceKind::Pinned => slice.credits,
            SliceKind::Unpinned | SliceKind::Moved(MoveKind::Spent) => -slice.credits,
            SliceKind::Moved(_) | SliceKind::RegrantedFrom => return,
        };
        let fresh = HoldAtEnd { hold: id, placed_at: row.effective_at, held: Credits::ZERO };
        self.holds.entry(id).or_insert(fresh).held += credits;
    }

    fn finish(self, wallet: WalletId, unit: Unit) -> WalletStatement {
        let Self { opening, debt, mut lines, tranches, holds, recharges, bought, mut alerts, reached } = self;
        // Stable: what counts at the same instant stays in the order of the log.
        lines.sort_by_key(|line| line.effective_at);
        let (mut closing, mut totals) = (opening, BTreeMap::new());
        for line in &mut lines {
            closing.credits += line.change;
            closing.paid += line.paid;
            line.balance = closing.credits;
            total(&mut totals, line);
        }
        let mut tranches: Vec<_> = tranches.into_values().filter(|one| !one.left.credits.is_zero()).collect();
        tranches.sort_by_key(|one| (one.expires_at.unwrap_or(Timestamp::MAX), one.tranche));
        let mut holds: Vec<_> = holds.into_values().filter(|one| one.held.is_positive()).collect();
        holds.sort_by_key(|one| (one.placed_at, one.hold));
        let totals = totals.into_values().collect();
        let row_of = |tranche: TrancheId| bought.get(&tranche).copied().flatten();
        let named = |(recharge, tranche): (_, Option<_>)| StatementRecharge {
            row: tranche.and_then(row_of),
            ..recharge
        };
        let mut recharges: Vec<_> = recharges.into_iter().map(named).collect();
        // Stable, as that of the rows: at the same instant they stay in the order of their ids.
        recharges.sort_by_key(|recharge| recharge.begun_at);
        alerts.sort_by_key(|alert| alert.at);
        for alert in &mut alerts {
            alert.row = reached.get(&(alert.position, alert.posted)).copied().flatten();
        }
        WalletStatement {
            wallet,
            unit,
            opening,
            lines,
            totals,
            recharges,
            alerts,
            closing,
            debt,
            tranches,
            holds,
        }
    }
}

fn total(totals: &mut BTreeMap<String, ReasonTotal>, line: &StatementLine) {
    let total = totals
        .entry(line.reason.clone())
        .or_insert_with(|| ReasonTotal { reason: line.reason.clone(), ..ReasonTotal::default() });
    total.rows += 1;
    total.paid += line.paid;
    if line.change.is_negative() {
        total.credits_out -= line.change;
    } else {
        total.credits_in += line.change;
    }
}

/// The balance is told when all lines are in order.
fn line(row: &Row, change: Amounts) -> StatementLine {
    let text = |text: &Option<Box<str>>| text.as_ref().map(ToString::to_string);
    let belongs_to = text(&row.invoice)
        .or_else(|| row.hold.map(|hold| hold.to_string()))
        .or_else(|| row.transfer.map(|transfer| transfer.to_string()))
        .or_else(|| row.grant.map(|grant| grant.to_string()));
    StatementLine {
        row: row.id,
        effective_at: row.effective_at,
        recorded_at: row.recorded_at,
        reason: row.reason.to_string(),
        change: change.credits,
        paid: change.paid,
        balance: Credits::ZERO,
        amount: row.amount,
        charged: row.charged,
        belongs_to,
        reference_type: text(&row.reference_type),
        reference_id: text(&row.reference_id),
        description: text(&row.description),
    }
}
