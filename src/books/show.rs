//! Books as JSON and CSV (`csv`): the same document over HTTP and from the command line.

mod csv;

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::view::MoveKind;
use serde::Serialize;
use utoipa::ToSchema;

use super::tenant::{AccountTotal, Amounts, Books, Debt, Revenue, SourceBooks, Transit, UnitBooks};
use crate::rfc3339;

/// A tenant's books of a period.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Books)]
pub(crate) struct Shown {
    /// The first instant that counts.
    from: String,
    /// The first instant that does not any more.
    to: String,
    /// The last record of the log that they know of: what is recorded behind it is not in them.
    log_position: u64,
    /// Each currency, price unit and conversion rate for itself: different units are never added up.
    units: Vec<ShownUnit>,
}

/// The books of a unit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BooksOfUnit)]
struct ShownUnit {
    currency: String,
    price_unit: Option<String>,
    conversion_rate: String,
    /// By source of the credit. In each, opening + issued + arrived + returned + regranted + rolled_in − spent − repaid − expired −
    /// voided − forfeited − paid_out − sent − rolled_out = closing, in credits and in paid money.
    sources: Vec<ShownSource>,
    debt: ShownDebt,
    in_transit: ShownTransit,
    revenue: ShownRevenue,
    /// The trial balance of the period's journal.
    accounts: Vec<ShownAccount>,
}

/// Credits, and the paid money in them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BooksAmounts)]
struct ShownAmounts {
    credits: String,
    paid: String,
}

/// The credit of a source.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BooksOfSource)]
struct ShownSource {
    source: String,
    opening: ShownAmounts,
    issued: ShownAmounts,
    arrived: ShownAmounts,
    returned: ShownAmounts,
    regranted: ShownAmounts,
    rolled_in: ShownAmounts,
    spent: ShownAmounts,
    repaid: ShownAmounts,
    expired: ShownAmounts,
    voided: ShownAmounts,
    forfeited: ShownAmounts,
    paid_out: ShownAmounts,
    sent: ShownAmounts,
    rolled_out: ShownAmounts,
    closing: ShownAmounts,
    /// The same by the reason of the rows.
    details: Vec<ShownDetail>,
}

/// Moves of one kind, for one reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BooksDetail)]
struct ShownDetail {
    kind: &'static str,
    reason: String,
    moves: u64,
    credits: String,
    paid: String,
    /// What free credit in it is worth at the wallets' rate.
    free_value: String,
}

/// Overdraft. opening + taken − repaid − returned − written_off = closing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BooksOfDebt)]
struct ShownDebt {
    opening: String,
    taken: String,
    repaid: String,
    returned: String,
    written_off: String,
    closing: String,
}

/// Transfers on their way. opening + sent − arrived − returned = closing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BooksOfTransit)]
struct ShownTransit {
    opening: ShownAmounts,
    sent: ShownAmounts,
    arrived: ShownAmounts,
    returned: ShownAmounts,
    closing: ShownAmounts,
}

/// What the period earned, in money.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BooksRevenue)]
struct ShownRevenue {
    /// Paid credit that was used, or that repaid overdraft.
    used: String,
    /// Paid credit that refunds gave back.
    reversed: String,
    /// used − reversed.
    earned: String,
    /// Paid credit that expired or was forfeited unused.
    breakage: String,
    deferred_opening: String,
    deferred_closing: String,
    /// Free credit that was used, less what was given back, at the wallets' rate.
    promotional_expense: String,
    /// Paid credit that was taken back unused.
    voided: String,
    /// Paid credit of closed wallets that is marked for paying out.
    paid_out: String,
}

/// An account of the trial balance. opening + debits − credits = closing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BooksAccount)]
struct ShownAccount {
    account: u32,
    name: &'static str,
    opening: String,
    debits: String,
    credits: String,
    closing: String,
}

impl Shown {
    /// Of these books.
    pub(crate) fn of(books: &Books) -> Self {
        let instant = |at| rfc3339::Text::new(at).as_str().to_owned();
        Self {
            from: instant(books.period.from()),
            to: instant(books.period.to()),
            log_position: books.position,
            units: books.units.iter().map(ShownUnit::of).collect(),
        }
    }
}

impl Revenue {
    /// Each figure with its name.
    #[must_use]
    pub const fn figures(&self) -> [(&'static str, Money); 9] {
        [
            ("used", self.used),
            ("reversed", self.reversed),
            ("earned", self.earned),
            ("breakage", self.breakage),
            ("deferred_opening", self.deferred_opening),
            ("deferred_closing", self.deferred_closing),
            ("promotional_expense", self.promotional_expense),
            ("voided", self.voided),
            ("paid_out", self.paid_out),
        ]
    }
}

impl ShownUnit {
    fn of(books: &UnitBooks) -> Self {
        Self {
            currency: books.unit.currency.to_string(),
            price_unit: books.unit.price_unit.as_ref().map(ToString::to_string),
            conversion_rate: books.unit.conversion_rate.to_string(),
            sources: books.sources.iter().map(ShownSource::of).collect(),
            debt: ShownDebt::of(&books.debt),
            in_transit: ShownTransit::of(&books.in_transit),
            revenue: ShownRevenue::of(&books.revenue),
            accounts: books.accounts.iter().map(ShownAccount::of).collect(),
        }
    }
}

impl ShownAmounts {
    fn of(amounts: Amounts) -> Self {
        Self { credits: amounts.credits.to_string(), paid: amounts.paid.to_string() }
    }
}

impl ShownSource {
    fn of(books: &SourceBooks) -> Self {
        let moved = |kind: MoveKind| ShownAmounts::of(books.moved.get(&kind).copied().unwrap_or_default());
        let details = books.details.iter().map(|detail| ShownDetail {
            kind: detail.kind.as_str(),
            reason: detail.reason.clone(),
            moves: detail.sums.moves,
            credits: detail.sums.credits.to_string(),
            paid: detail.sums.share.to_string(),
            free_value: detail.sums.free_value.to_string(),
        });
        Self {
            source: books.source.clone(),
            opening: ShownAmounts::of(books.opening),
            issued: moved(MoveKind::Issued),
            arrived: moved(MoveKind::Arrived),
            returned: moved(MoveKind::Returned),
            regranted: moved(MoveKind::Regranted),
            rolled_in: moved(MoveKind::RolledIn),
            spent: moved(MoveKind::Spent),
            repaid: moved(MoveKind::Repaid),
            expired: moved(MoveKind::Expired),
            voided: moved(MoveKind::Voided),
            forfeited: moved(MoveKind::Forfeited),
            paid_out: moved(MoveKind::PaidOut),
            sent: moved(MoveKind::Sent),
            rolled_out: moved(MoveKind::RolledOut),
            closing: ShownAmounts::of(books.closing),
            details: details.collect(),
        }
    }
}

impl ShownDebt {
    fn of(debt: &Debt) -> Self {
        let text = |credits: Credits| credits.to_string();
        Self {
            opening: text(debt.opening),
            taken: text(debt.taken),
            repaid: text(debt.repaid),
            returned: text(debt.returned),
            written_off: text(debt.written_off),
            closing: text(debt.closing),
        }
    }
}

impl ShownTransit {
    fn of(transit: &Transit) -> Self {
        Self {
            opening: ShownAmounts::of(transit.opening),
            sent: ShownAmounts::of(transit.sent),
            arrived: ShownAmounts::of(transit.arrived),
            returned: ShownAmounts::of(transit.returned),
            closing: ShownAmounts::of(transit.closing),
        }
    }
}

impl ShownRevenue {
    fn of(revenue: &Revenue) -> Self {
        let [
            used,
            reversed,
            earned,
            breakage,
            deferred_opening,
            deferred_closing,
            promotional_expense,
            voided,
            paid_out,
        ] = revenue.figures().map(|(_, money)| money.to_string());
        Self {
            used,
            reversed,
            earned,
            breakage,
            deferred_opening,
            deferred_closing,
            promotional_expense,
            voided,
            paid_out,
        }
    }
}

impl ShownAccount {
    fn of(total: &AccountTotal) -> Self {
        Self {
            account: total.account.number(),
            name: total.account.name(),
            opening: total.opening.to_string(),
            debits: total.debits.to_string(),
            credits: total.credits.to_string(),
            closing: total.closing.to_string(),
        }
    }
}
