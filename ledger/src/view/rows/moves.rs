//! What rows do to single tranches and to debts: the finest view of a record, from which paid shares and books are made.
//!
//! Σ [`Move::posted`] over a row is what the row adds to its wallet's posted. A tranche's moves in the order of the log give its
//! remaining at each of them, and with it the share of its paid money that each one takes along (SEMANTICS §6):
//! [`crate::tranche::Terms::unspent_share`] before minus after. What holds pin and let go moves nothing. Absent on purpose: money, which
//! needs what is remaining and so a state. Tested in `view/tests.rs`, after every step of every test of `decide`, and by the books' tests.

use super::RowReason;
use super::list::Rows;
use crate::amount::Credits;
use crate::fact::{Arrived, Back, BackTo, CreditRow, Forfeit, Giver, Lapsed, Slice, Voided};
use crate::ids::{TrancheId, WalletId};
use crate::tranche::Terms;

/// What happened to the credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MoveKind {
    /// A tranche was minted, or one that was scheduled started: it counts from now on.
    Issued,
    /// A tranche was minted for the future: in no balance yet.
    Scheduled,
    /// A scheduled tranche will never start: it was voided, or its wallet was closed.
    Cancelled,
    /// A transfer brought a tranche.
    Arrived,
    /// Credit came back to the tranche or the debt that a debit took it from.
    Returned,
    /// Credit came back as a new tranche, because its own has ended or its debt was repaid meanwhile.
    Regranted,
    /// A debit took it; of the debt: overdraft was taken.
    Spent,
    /// It repaid debt; of the debt: it became less by that.
    Repaid,
    /// It reached its end.
    Expired,
    /// It was taken back.
    Voided,
    /// A closing wallet gave it up.
    Forfeited,
    /// A closing wallet gave it up, and its paid share is marked for paying out.
    PaidOut,
    /// A transfer took it.
    Sent,
    /// It went on from a grant's ending period.
    RolledOut,
    /// It went on into a grant's next period, as a new tranche.
    RolledIn,
    /// Debt that nobody will pay.
    WrittenOff,
}

impl MoveKind {
    /// All of them, in a fixed order.
    pub const ALL: [Self; 16] = [
        Self::Issued,
        Self::Scheduled,
        Self::Cancelled,
        Self::Arrived,
        Self::Returned,
        Self::Regranted,
        Self::Spent,
        Self::Repaid,
        Self::Expired,
        Self::Voided,
        Self::Forfeited,
        Self::PaidOut,
        Self::Sent,
        Self::RolledOut,
        Self::RolledIn,
        Self::WrittenOff,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Scheduled => "scheduled",
            Self::Cancelled => "cancelled",
            Self::Arrived => "arrived",
            Self::Returned => "returned",
            Self::Regranted => "regranted",
            Self::Spent => "spent",
            Self::Repaid => "repaid",
            Self::Expired => "expired",
            Self::Voided => "voided",
            Self::Forfeited => "forfeited",
            Self::PaidOut => "paid_out",
            Self::Sent => "sent",
            Self::RolledOut => "rolled_out",
            Self::RolledIn => "rolled_in",
            Self::WrittenOff => "written_off",
        }
    }
}

/// What moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved<'a> {
    /// Credit of a tranche.
    Tranche {
        /// Which one.
        id: TrancheId,
        /// Its terms. `None` where the record does not say them: a scheduled tranche that starts or is cancelled was minted by an older one.
        terms: Option<&'a Terms>,
    },
    /// The wallet's debt.
    Debt,
}

/// One change of one tranche, or of a wallet's debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move<'a> {
    /// Number of the row that it belongs to. `None`: no row shows it (a closing wallet's scheduled tranche).
    pub row: Option<u32>,
    /// The wallet.
    pub wallet: WalletId,
    /// What moves.
    pub of: Moved<'a>,
    /// What happened.
    pub kind: MoveKind,
    /// How much; > 0. Of a tranche that a closing wallet cancels the record does not say it: 0.
    pub credits: Credits,
}

impl Move<'_> {
    /// What it adds to the tranche's remaining, or to the debt.
    #[must_use]
    pub fn change(&self) -> Credits {
        let grows = match (self.kind, self.of) {
            (MoveKind::Scheduled | MoveKind::Cancelled, _) => return Credits::ZERO,
            (MoveKind::Spent, Moved::Debt) => true,
            (_, Moved::Debt) => false,
            (
                MoveKind::Issued
                | MoveKind::Arrived
                | MoveKind::Returned
                | MoveKind::Regranted
                | MoveKind::RolledIn,
                Moved::Tranche { .. },
            ) => true,
            (
                MoveKind::Spent
                | MoveKind::Repaid
                | MoveKind::Expired
                | MoveKind::Voided
                | MoveKind::Forfeited
                | MoveKind::PaidOut
                | MoveKind::Sent
                | MoveKind::RolledOut
                | MoveKind::WrittenOff,
                Moved::Tranche { .. },
            ) => false,
        };
        if grows { self.credits } else { -self.credits }
    }

    /// What it adds to posted = Σ usable − debt.
    #[must_use]
    pub fn posted(&self) -> Credits {
        match self.of {
            Moved::Tranche { .. } => self.change(),
            Moved::Debt => -self.change(),
        }
    }
}

/// What a row's slices do, by the row's reason. `None`: they only stand for what is reserved.
const fn kind_of_slices(reason: RowReason) -> Option<MoveKind> {
    match reason {
        RowReason::UsageDebit
        | RowReason::ManualDebit
        | RowReason::HoldCapture
        | RowReason::InvoicePayment => Some(MoveKind::Spent),
        RowReason::TransferOut => Some(MoveKind::Sent),
        RowReason::Credit(_)
        | RowReason::ScheduledCredit
        | RowReason::Hold
        | RowReason::HoldRelease
        | RowReason::Back(_)
        | RowReason::TransferIn
        | RowReason::Rollover
        | RowReason::CreditVoided
        | RowReason::CreditExpired
        | RowReason::WalletTermination
        | RowReason::Uncollected => None,
    }
}

/// The moves of the row that is entered next.
impl<'a> Rows<'a> {
    pub(super) fn moved(&mut self, wallet: WalletId, of: Moved<'a>, kind: MoveKind, credits: Credits) {
        let row = u32::try_from(self.list.len()).expect("a record has fewer rows than an id can number");
        self.moves.push(Move { row: Some(row), wallet, of, kind, credits });
    }

    fn moved_tranche(
        &mut self,
        wallet: WalletId,
        id: TrancheId,
        terms: &'a Terms,
        kind: MoveKind,
        credits: Credits,
    ) {
        self.moved(wallet, Moved::Tranche { id, terms: Some(terms) }, kind, credits);
    }

    /// Slices that left.
    pub(super) fn moved_slices(&mut self, slices: &[&'a Slice], reason: RowReason) {
        let Some(kind) = kind_of_slices(reason) else { return };
        for slice in slices {
            self.moved(slice.wallet, giver(slice), kind, slice.credits);
        }
    }

    /// A credit, and what of it repaid debt at once.
    pub(super) fn moved_credit(&mut self, wallet: WalletId, credit: &'a CreditRow) {
        let kind = if credit.posting.is_some() { MoveKind::Issued } else { MoveKind::Scheduled };
        self.moved_tranche(wallet, credit.tranche, &credit.terms, kind, credit.terms.original);
        self.repaid(wallet, Moved::Tranche { id: credit.tranche, terms: Some(&credit.terms) }, credit.repaid);
    }

    /// A scheduled tranche that starts.
    pub(super) fn moved_start(&mut self, wallet: WalletId, id: TrancheId, credits: Credits, repaid: Credits) {
        let of = Moved::Tranche { id, terms: None };
        self.moved(wallet, of, MoveKind::Issued, credits);
        self.repaid(wallet, of, repaid);
    }

    /// What a transfer brought.
    pub(super) fn moved_arrival(&mut self, arrived: &'a Arrived, at: usize) {
        let (wallet, row) = (arrived.wallet, &arrived.rows[at]);
        self.moved_tranche(wallet, row.tranche, &row.terms, MoveKind::Arrived, row.terms.original);
        self.repaid(wallet, Moved::Tranche { id: row.tranche, terms: Some(&row.terms) }, row.repaid);
    }

    fn repaid(&mut self, wallet: WalletId, of: Moved<'a>, credits: Credits) {
        if credits.is_positive() {
            self.moved(wallet, of, MoveKind::Repaid, credits);
            self.moved(wallet, Moved::Debt, MoveKind::Repaid, credits);
        }
    }

    /// A slice that came back.
    pub(super) fn moved_back(&mut self, Back { slice, to }: &'a Back) {
        if let (BackTo::Debt, Giver::Tranche { id, terms }) = (to, &slice.giver) {
            // Nobody paid for it: what was used is not any more, the credit goes as the rest of it went, and so much less is owed.
            self.moved_tranche(slice.wallet, *id, terms, MoveKind::Returned, slice.credits);
            self.moved_tranche(slice.wallet, *id, terms, MoveKind::Voided, slice.credits);
            return self.moved(slice.wallet, Moved::Debt, MoveKind::Repaid, slice.credits);
        }
        let (of, kind) = match to {
            BackTo::Tranche => (giver(slice), MoveKind::Returned),
            BackTo::Debt => (Moved::Debt, MoveKind::Returned),
            BackTo::New { tranche, terms } => {
                (Moved::Tranche { id: *tranche, terms: Some(terms) }, MoveKind::Regranted)
            }
        };
        self.moved(slice.wallet, of, kind, slice.credits);
    }

    /// What came back and was gone at once.
    pub(super) fn moved_lapse(&mut self, gone: &'a Lapsed) {
        let kind = if gone.voided { MoveKind::Voided } else { MoveKind::Expired };
        self.moved_tranche(gone.posting.wallet, gone.tranche, &gone.terms, kind, gone.credits);
    }

    /// A tranche at its end.
    pub(super) fn moved_end(&mut self, wallet: WalletId, id: TrancheId, terms: &'a Terms, credits: Credits) {
        self.moved_tranche(wallet, id, terms, MoveKind::Expired, credits);
    }

    /// Credit of a grant that went on, and what it was part of.
    pub(super) fn moved_on(
        &mut self,
        wallet: WalletId,
        id: TrancheId,
        terms: &'a Terms,
        (kind, credits): (MoveKind, Credits),
    ) {
        self.moved_tranche(wallet, id, terms, kind, credits);
    }

    /// A credit that was taken back. One that never counted has no posting.
    pub(super) fn moved_void(&mut self, void: &'a Voided) {
        if void.credits.is_positive() {
            let kind = if void.posting.is_some() { MoveKind::Voided } else { MoveKind::Cancelled };
            self.moved_tranche(void.wallet, void.tranche, &void.terms, kind, void.credits);
        }
    }

    /// What a closing wallet gave up.
    pub(super) fn moved_forfeits(&mut self, wallet: WalletId, forfeits: &'a [Forfeit]) {
        for forfeit in forfeits {
            let kind = if forfeit.refundable.is_positive() { MoveKind::PaidOut } else { MoveKind::Forfeited };
            self.moved_tranche(wallet, forfeit.tranche, &forfeit.terms, kind, forfeit.credits);
        }
    }

    /// What never starts because its wallet is closed. No row says so.
    pub(super) fn moved_cancelled(&mut self, wallet: WalletId, cancelled: &[TrancheId]) {
        for id in cancelled {
            let of = Moved::Tranche { id: *id, terms: None };
            self.moved_without_row(wallet, of, MoveKind::Cancelled, Credits::ZERO);
        }
    }

    /// A move that no row shows.
    pub(super) fn moved_without_row(
        &mut self,
        wallet: WalletId,
        of: Moved<'a>,
        kind: MoveKind,
        credits: Credits,
    ) {
        self.moves.push(Move { row: None, wallet, of, kind, credits });
    }

    /// Debt that was written off.
    pub(super) fn moved_write_off(&mut self, wallet: WalletId, credits: Credits) {
        self.moved(wallet, Moved::Debt, MoveKind::WrittenOff, credits);
    }
}

const fn giver(slice: &Slice) -> Moved<'_> {
    match &slice.giver {
        Giver::Tranche { id, terms } => Moved::Tranche { id: *id, terms: Some(terms) },
        Giver::Overdraft => Moved::Debt,
    }
}
