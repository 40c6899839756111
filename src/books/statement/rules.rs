//! What wallets' rules did in a period: recharges as they stood at its end, and every change of an alert.
//!
//! The history keeps a recharge as it is after its newest record; how it stood at an earlier instant is told by its own instants. What
//! nobody can tell afterwards is whether credit that was there at once waited for its payment or was taken to be paid: a statement calls
//! both `trusted`, as long as nothing says more. Absent on purpose: recharges that did not begin, which are events (`recharge.held_back`), and
//! thresholds, which only the engine knows, as of now. Tested in `tests/history/statements.rs` and `tests/http/statement_rules.rs`, by a computation
//! of its own in `tests/python/books`, and, page by page, below.

#[cfg(test)]
mod tests;

use coffer_ledger::alert::{AlertKind, AlertState};
use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::ids::{AlertId, InvoiceId, LogPosition, RechargeId, RowId};
use coffer_ledger::recharge::{RechargeOrigin, RechargeReason, RechargeStatus};
use coffer_ledger::time::Timestamp;

use super::maker::Maker;
use super::{PAGE_ROWS, StatementOf};
use crate::books::period::Period;
use crate::feed::history::{
    AlertLine, AlertsAsked, HistoryError, Listed, Look, Paged, RechargeLife, RechargesAsked,
};

/// A recharge as it stood at the end of the period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRecharge {
    /// Which one.
    pub id: RechargeId,
    /// Who wanted it.
    pub origin: RechargeOrigin,
    /// How far its payment was.
    pub status: StatusThen,
    /// What it brings, its bonus included.
    pub credits: Credits,
    /// Worth of what is bought in money, unrounded.
    pub amount: Money,
    /// Money to be paid, in whole minor units.
    pub charged: Money,
    /// The invoice that asks for it; `None` = it is charged directly.
    pub invoice: Option<InvoiceId>,
    /// The last row of what is bought, its bonus apart: by which it came in, or with which it waits.
    pub row: Option<RowId>,
    /// Why it ended unpaid.
    pub reason: Option<RechargeReason>,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it fails by itself.
    pub expires_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// How far a recharge's payment was at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusThen {
    /// Its credit is there, and nobody has said that it is paid, or that it is not.
    Trusted,
    /// Its credit waits for the payment, or it has ended.
    Is(RechargeStatus),
}

/// A change of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementAlert {
    /// Which one.
    pub id: AlertId,
    /// Of which alert.
    pub kind: AlertKind,
    /// What it was.
    pub from: AlertState,
    /// What it is since.
    pub to: AlertState,
    /// Posted at that moment.
    pub posted: Credits,
    /// Seconds until empty; of the runway's alert only.
    pub runway_s: Option<u64>,
    /// The record that it stands in.
    pub position: LogPosition,
    /// The last row of that record and the wallet after which the balance was that; `None`: none was (settings changed, time passed, debt was
    /// written off).
    pub row: Option<RowId>,
    /// When.
    pub at: Timestamp,
}

impl StatusThen {
    /// The statement's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Is(status) => status.as_str(),
        }
    }
}

impl StatementRecharge {
    /// How it stood at the end of a period in which it began or ended, or at whose end its credit waited; `None` = it is in no such way
    /// of this period. The row is found later.
    pub(super) fn of(life: &RechargeLife, period: Period) -> Option<Self> {
        // Who is trusted with it has said nothing, whatever the instant of an end that nobody reported.
        let ended_at = life.ended_at.filter(|at| !life.trusted && *at < period.to());
        // What was trusted when it began never fails by itself; `trusted` is over when it ends.
        let status = match (ended_at, life.expires_at) {
            (Some(_), _) => StatusThen::Is(life.status),
            (None, Some(_)) => StatusThen::Is(RechargeStatus::Pending),
            (None, None) => StatusThen::Trusted,
        };
        let waits = status == StatusThen::Is(RechargeStatus::Pending) && life.begun_at < period.to();
        let is_of_period = |at: Timestamp| period.has(at);
        if !(waits || is_of_period(life.begun_at) || ended_at.is_some_and(is_of_period)) {
            return None;
        }
        Some(Self {
            id: life.id,
            origin: life.origin,
            status,
            credits: life.credits,
            amount: life.amount,
            charged: life.charged,
            invoice: life.invoice,
            row: None,
            reason: life.reason.filter(|_| ended_at.is_some()),
            begun_at: life.begun_at,
            expires_at: life.expires_at,
            ended_at,
        })
    }
}

impl StatementAlert {
    /// The row is found later.
    pub(super) const fn of(line: &AlertLine) -> Self {
        let change = &line.change;
        Self {
            id: change.id,
            kind: change.kind,
            from: change.from,
            to: change.to,
            posted: change.posted,
            runway_s: change.runway_s,
            position: line.position,
            row: None,
            at: change.at,
        }
    }
}

/// Shows the maker all of the period, or as much as the statement may have lines.
pub(super) fn read(look: &dyn Look, of: &StatementOf, maker: &mut Maker) -> Result<(), HistoryError> {
    let asked = |page| RechargesAsked {
        tenant: of.tenant,
        customer: of.customer,
        wallet: None,
        status: None,
        tranches: None,
        page,
    };
    each(|page| look.recharges(&asked(page)), |life| life.id, of, maker, Maker::recharge)?;
    let asked = |page| AlertsAsked {
        tenant: of.tenant,
        customer: Some(of.customer),
        wallet: None,
        kind: None,
        to: None,
        from: Some(of.period.from()),
        until: Some(of.period.to()),
        page,
    };
    each(|page| look.alerts(&asked(page)), |line| line.change.id, of, maker, Maker::alert)
}

/// Reads page by page, in the order of their ids.
fn each<K, T>(
    list: impl Fn(Paged<K>) -> Result<Listed<T>, HistoryError>,
    id: impl Fn(&T) -> K,
    of: &StatementOf,
    maker: &mut Maker,
    take: fn(&mut Maker, &T),
) -> Result<(), HistoryError> {
    let mut after = None;
    loop {
        let page = list(Paged { newest_first: false, after: after.take(), limit: PAGE_ROWS, offset: 0 })?;
        page.items.iter().for_each(|one| take(maker, one));
        if !page.more || maker.lines() > of.lines_max {
            return Ok(());
        }
        after = page.items.last().map(&id);
    }
}
