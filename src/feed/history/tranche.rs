//! A tranche over its whole life, also after it has left the engine's state: what was minted, where it went, what is left.

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::ids::{CustomerNumber, RowId, TenantNumber, TrancheId, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::{Source, Terms};
use coffer_ledger::view::MoveKind;

use super::key::key;

/// How far a tranche is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrancheStatus {
    /// It will start.
    Scheduled,
    /// It has started; nothing may be left of it.
    Started,
    /// It was scheduled and will never start.
    Cancelled,
}

impl TrancheStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Scheduled, Self::Started, Self::Cancelled];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Started => "started",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What became of a tranche's credit. `original = remaining + spent + repaid + expired + voided + forfeited + paid_out + sent` once it has
/// started (SEMANTICS I2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrancheLife {
    /// Which one.
    pub id: TrancheId,
    /// Whose it is.
    pub tenant: TenantNumber,
    /// Whose it is.
    pub customer: CustomerNumber,
    /// The wallet.
    pub wallet: WalletId,
    /// Where the credit came from.
    pub source: Source,
    /// Lower burns first.
    pub priority: u32,
    /// Credits when minted.
    pub original: Credits,
    /// Money paid for these.
    pub paid: Money,
    /// First instant at which it can be spent.
    pub effective_at: Timestamp,
    /// First instant at which it cannot any more.
    pub expires_at: Option<Timestamp>,
    /// How far it is.
    pub status: TrancheStatus,
    /// The row that brought it in, where that is known.
    pub credit: Option<RowId>,
    /// Not gone in any way; pinned credit included.
    pub remaining: Credits,
    /// Taken by debits, less what came back.
    pub spent: Credits,
    /// Repaid debt with.
    pub repaid: Credits,
    /// Reached its end.
    pub expired: Credits,
    /// Taken back.
    pub voided: Credits,
    /// Given up by a closing wallet.
    pub forfeited: Credits,
    /// The same, marked for paying out.
    pub paid_out: Credits,
    /// Taken by transfers, less what came back.
    pub sent: Credits,
    /// Went on from a grant's ending period.
    pub rolled_over: Credits,
}

impl TrancheLife {
    /// One that is new: nothing of it counts yet.
    #[must_use]
    pub fn new(
        (tenant, customer, wallet): (TenantNumber, CustomerNumber, WalletId),
        id: TrancheId,
        terms: &Terms,
        credit: Option<RowId>,
    ) -> Self {
        Self {
            id,
            tenant,
            customer,
            wallet,
            source: terms.source,
            priority: terms.priority,
            original: terms.original,
            paid: terms.paid,
            effective_at: terms.effective_at,
            expires_at: terms.expires_at,
            status: TrancheStatus::Scheduled,
            credit,
            remaining: Credits::ZERO,
            spent: Credits::ZERO,
            repaid: Credits::ZERO,
            expired: Credits::ZERO,
            voided: Credits::ZERO,
            forfeited: Credits::ZERO,
            paid_out: Credits::ZERO,
            sent: Credits::ZERO,
            rolled_over: Credits::ZERO,
        }
    }

    /// The first key of the record that brought it in, where that is known: no row before it can name it.
    pub(super) fn since(&self) -> Option<i64> {
        self.credit.and_then(|credit| key(credit.position().0, 0))
    }

    /// Enters a move; the money of its paid share, without a sign (SEMANTICS §6). `sent`: what comes back, comes from a transfer.
    pub(crate) fn enter(&mut self, kind: MoveKind, credits: Credits, sent: bool) -> Money {
        let before = self.remaining;
        match kind {
            MoveKind::Scheduled => return Money::ZERO,
            MoveKind::Cancelled => {
                self.status = TrancheStatus::Cancelled;
                return Money::ZERO;
            }
            MoveKind::Issued | MoveKind::Arrived | MoveKind::Regranted | MoveKind::RolledIn => {
                self.status = TrancheStatus::Started;
                self.remaining += credits;
            }
            MoveKind::Returned => {
                self.remaining += credits;
                *(if sent { &mut self.sent } else { &mut self.spent }) -= credits;
            }
            MoveKind::Spent => self.leave(credits, |life| &mut life.spent),
            MoveKind::Repaid => self.leave(credits, |life| &mut life.repaid),
            MoveKind::Expired => self.leave(credits, |life| &mut life.expired),
            MoveKind::Voided => self.leave(credits, |life| &mut life.voided),
            MoveKind::Forfeited => self.leave(credits, |life| &mut life.forfeited),
            MoveKind::PaidOut => self.leave(credits, |life| &mut life.paid_out),
            MoveKind::Sent => self.leave(credits, |life| &mut life.sent),
            MoveKind::RolledOut => self.leave(credits, |life| &mut life.rolled_over),
            // Of debts only.
            MoveKind::WrittenOff => {}
        }
        self.share_between(before, self.remaining)
    }

    fn leave(&mut self, credits: Credits, to: fn(&mut Self) -> &mut Credits) {
        self.remaining -= credits;
        *to(self) += credits;
    }

    fn share_between(&self, before: Credits, after: Credits) -> Money {
        let share = |unspent| Money::unspent_share(self.paid, unspent, self.original);
        if before < after { share(after) - share(before) } else { share(before) - share(after) }
    }
}
