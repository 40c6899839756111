//! The chart of accounts, and what each move posts to it (docs/BOOKS.md "Journal").
//!
//! Money is the paid share of what moved, and for free credit what it is worth at the wallet's rate. Overdraft posts nothing when it is
//! taken: the credit that repays it does. Absent on purpose: numbers of anybody's own chart; the export is mapped where it is read.

use coffer_ledger::amount::Money;
use coffer_ledger::command::RefundReason;
use coffer_ledger::tranche::Source;
use coffer_ledger::view::MoveKind;

/// An account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What was charged for purchased credit.
    CashAndReceivables,
    /// Money of other bills, such as a plan's fee, that credit was given for.
    BilledElsewhere,
    /// Paid and not used.
    DeferredRevenue,
    /// Paid, taken back unused: owed to the customer.
    RefundsPayable,
    /// Paid, on its way between two wallets.
    CreditInTransit,
    /// Paid and used.
    UsageRevenue,
    /// Paid, never used, gone.
    BreakageRevenue,
    /// What free credit was used for, at its worth.
    PromotionalUsage,
    /// Revenue of other bills that was given back as credit.
    CreditNotes,
    /// What free credit that was used cost.
    PromotionalExpense,
}

impl Account {
    /// The chart, by number.
    pub const ALL: [Self; 10] = [
        Self::CashAndReceivables,
        Self::BilledElsewhere,
        Self::DeferredRevenue,
        Self::RefundsPayable,
        Self::CreditInTransit,
        Self::UsageRevenue,
        Self::BreakageRevenue,
        Self::PromotionalUsage,
        Self::CreditNotes,
        Self::PromotionalExpense,
    ];

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::CashAndReceivables => 1000,
            Self::BilledElsewhere => 1100,
            Self::DeferredRevenue => 2000,
            Self::RefundsPayable => 2100,
            Self::CreditInTransit => 2200,
            Self::UsageRevenue => 4000,
            Self::BreakageRevenue => 4100,
            Self::PromotionalUsage => 4200,
            Self::CreditNotes => 4300,
            Self::PromotionalExpense => 5000,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CashAndReceivables => "Cash and receivables",
            Self::BilledElsewhere => "Billed elsewhere",
            Self::DeferredRevenue => "Deferred revenue",
            Self::RefundsPayable => "Refunds payable",
            Self::CreditInTransit => "Credit in transit",
            Self::UsageRevenue => "Usage revenue",
            Self::BreakageRevenue => "Breakage revenue",
            Self::PromotionalUsage => "Promotional usage",
            Self::CreditNotes => "Credit notes",
            Self::PromotionalExpense => "Promotional expense",
        }
    }
}

/// Money that goes from one account to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booked {
    /// The account that is debited.
    pub debit: Account,
    /// The account that is credited.
    pub credit: Account,
    /// How much; > 0.
    pub money: Money,
}

/// What a move of a tranche of this source posts: its paid share, or what free credit is worth. Nothing where no money moves.
#[must_use]
pub fn booked(kind: MoveKind, source: &str, reason: &str, share: Money, free_value: Money) -> Vec<Booked> {
    let returned = reason == RefundReason::TransferReturned.as_str();
    let paid = sides(kind, source, returned).map(|(debit, credit)| Booked { debit, credit, money: share });
    let free = free_sides(kind, returned).map(|(debit, credit)| Booked { debit, credit, money: free_value });
    paid.into_iter().chain(free).filter(|one| one.money.is_positive()).collect()
}

/// Debit and credit of the paid share.
fn sides(kind: MoveKind, source: &str, transfer_returned: bool) -> Option<(Account, Account)> {
    use Account::{BreakageRevenue, CreditInTransit, DeferredRevenue, RefundsPayable, UsageRevenue};
    match kind {
        MoveKind::Issued => Some((paid_by(source), DeferredRevenue)),
        MoveKind::Arrived => Some((CreditInTransit, DeferredRevenue)),
        MoveKind::Returned | MoveKind::Regranted if transfer_returned => {
            Some((CreditInTransit, DeferredRevenue))
        }
        MoveKind::Returned | MoveKind::Regranted => Some((UsageRevenue, DeferredRevenue)),
        MoveKind::Spent | MoveKind::Repaid => Some((DeferredRevenue, UsageRevenue)),
        MoveKind::Expired | MoveKind::Forfeited => Some((DeferredRevenue, BreakageRevenue)),
        MoveKind::Voided => Some((DeferredRevenue, owed_for(source))),
        MoveKind::PaidOut => Some((DeferredRevenue, RefundsPayable)),
        MoveKind::Sent => Some((DeferredRevenue, CreditInTransit)),
        // What goes on is owed as before, by another tranche.
        MoveKind::Scheduled
        | MoveKind::Cancelled
        | MoveKind::RolledOut
        | MoveKind::RolledIn
        | MoveKind::WrittenOff => None,
    }
}

/// Debit and credit of what free credit is worth: only its use costs.
const fn free_sides(kind: MoveKind, transfer_returned: bool) -> Option<(Account, Account)> {
    match kind {
        MoveKind::Spent | MoveKind::Repaid => Some((Account::PromotionalExpense, Account::PromotionalUsage)),
        MoveKind::Returned | MoveKind::Regranted if !transfer_returned => {
            Some((Account::PromotionalUsage, Account::PromotionalExpense))
        }
        MoveKind::Returned
        | MoveKind::Regranted
        | MoveKind::Scheduled
        | MoveKind::Cancelled
        | MoveKind::Issued
        | MoveKind::Arrived
        | MoveKind::Expired
        | MoveKind::Voided
        | MoveKind::Forfeited
        | MoveKind::PaidOut
        | MoveKind::Sent
        | MoveKind::RolledOut
        | MoveKind::RolledIn
        | MoveKind::WrittenOff => None,
    }
}

/// What stands against money that came in with a credit.
fn paid_by(source: &str) -> Account {
    if source == Source::Purchased.as_str() {
        Account::CashAndReceivables
    } else if source == Source::Refund.as_str() {
        Account::CreditNotes
    } else {
        Account::BilledElsewhere
    }
}

/// What a credit that was taken back leaves: money owed for what was bought, nothing but the way back for all else.
fn owed_for(source: &str) -> Account {
    match paid_by(source) {
        Account::CashAndReceivables => Account::RefundsPayable,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_is_by_number_and_each_has_a_name_of_its_own() {
        assert!(Account::ALL.map(Account::number).is_sorted_by(|one, next| one < next));
        let mut names = Account::ALL.map(Account::name);
        names.sort_unstable();
        assert!(names.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn what_moves_without_money_posts_nothing() {
        for kind in MoveKind::ALL {
            assert_eq!(booked(kind, "purchased", "USAGE_DEBIT", Money::ZERO, Money::ZERO), []);
        }
    }

    #[test]
    fn a_return_of_a_transfer_reverses_no_revenue() {
        let one = Money::ONE;
        let back = booked(MoveKind::Returned, "purchased", "TRANSFER_RETURNED", one, Money::ZERO);
        assert_eq!(back[0].debit, Account::CreditInTransit);
        let refunded = booked(MoveKind::Returned, "purchased", "REFUND", one, Money::ZERO);
        assert_eq!(refunded[0].debit, Account::UsageRevenue);
        assert_eq!(booked(MoveKind::Returned, "promotional", "TRANSFER_RETURNED", Money::ZERO, one), []);
    }
}
