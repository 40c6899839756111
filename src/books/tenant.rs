//! A tenant's books of a period: per unit and source what there was, what came, what went, what is left, in credits and in paid money.
//!
//! A fold over sums of quarters of an hour. Different units (currency, price unit, conversion rate) never meet in a figure. Opening is
//! everything before the period, so closing = opening + in − out by construction; that it is also what the tranches hold is what tests,
//! `audit` and the Python computation check.

use std::collections::BTreeMap;

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::command::RefundReason;
use coffer_ledger::ids::TenantNumber;
use coffer_ledger::unit::{Currency, Unit};
use coffer_ledger::view::MoveKind;

use super::account::{Account, booked};
use super::period::Period;
use crate::feed::history::{HistoryError, Look, OVERDRAFT, Sums, TotalOf};

/// Credits, and the paid money in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Credits.
    pub credits: Credits,
    /// The paid share of these.
    pub paid: Money,
}

/// The books of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Books {
    /// Whose.
    pub tenant: TenantNumber,
    /// Which instants count.
    pub period: Period,
    /// The last record of the log that they know of.
    pub position: u64,
    /// Every unit that anything ever moved in, by currency, price unit and rate.
    pub units: Vec<UnitBooks>,
}

/// The books of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitBooks {
    /// Which one.
    pub unit: Unit,
    /// By source of the credit, in alphabetical order.
    pub sources: Vec<SourceBooks>,
    /// Overdraft.
    pub debt: Debt,
    /// Transfers that have left and not arrived.
    pub in_transit: Transit,
    /// What the period earned.
    pub revenue: Revenue,
    /// What the journal's entries of the period add up to.
    pub accounts: Vec<AccountTotal>,
}

/// The credit of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceBooks {
    /// Where it came from, as the API's word.
    pub source: String,
    /// Before the period.
    pub opening: Amounts,
    /// What happened in it, in the order of [`SourceBooks::KINDS`].
    pub moved: BTreeMap<MoveKind, Amounts>,
    /// After it.
    pub closing: Amounts,
    /// The same moves by the reason of their rows.
    pub details: Vec<Detail>,
}

/// Moves of one kind, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// What happened.
    pub kind: MoveKind,
    /// Why, as the rows say it.
    pub reason: String,
    /// How often, how much, and what free credit in it is worth.
    pub sums: Sums,
}

/// The debt of a unit's wallets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Debt {
    /// Before the period.
    pub opening: Credits,
    /// Overdraft that was taken.
    pub taken: Credits,
    /// Repaid by credit that came in.
    pub repaid: Credits,
    /// Given back by refunds.
    pub returned: Credits,
    /// Written off with closed wallets.
    pub written_off: Credits,
    /// After it.
    pub closing: Credits,
}

/// Transfers on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transit {
    /// Before the period.
    pub opening: Amounts,
    /// Left.
    pub sent: Amounts,
    /// Arrived at the receiver.
    pub arrived: Amounts,
    /// Came back to the sender.
    pub returned: Amounts,
    /// After it.
    pub closing: Amounts,
}

/// What the period earned, from paid shares (SEMANTICS §16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revenue {
    /// Paid credit that was used, or that repaid overdraft.
    pub used: Money,
    /// Paid credit that was given back to be used again.
    pub reversed: Money,
    /// The difference.
    pub earned: Money,
    /// Paid credit that expired or was forfeited unused.
    pub breakage: Money,
    /// Paid and unused before the period.
    pub deferred_opening: Money,
    /// Paid and unused after it.
    pub deferred_closing: Money,
    /// Free credit that was used, less what was given back, at the wallets' rate.
    pub promotional_expense: Money,
    /// Paid credit that was taken back unused.
    pub voided: Money,
    /// Paid credit of closed wallets that is marked for paying out.
    pub paid_out: Money,
}

/// An account's line of the trial balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountTotal {
    /// Which account.
    pub account: Account,
    /// Debits less credits before the period.
    pub opening: Money,
    /// Debits of the period.
    pub debits: Money,
    /// Credits of the period.
    pub credits: Money,
    /// Debits less credits after it.
    pub closing: Money,
}

impl Books {
    /// Makes them.
    ///
    /// # Errors
    /// [`HistoryError`]: the store cannot be read.
    pub fn of(
        look: &dyn Look,
        tenant: TenantNumber,
        period: Period,
        currency: Option<Currency>,
    ) -> Result<Self, HistoryError> {
        let mut units: BTreeMap<UnitKey, Unit> = BTreeMap::new();
        let mut lines: BTreeMap<(UnitKey, LineKey), (Sums, Sums)> = BTreeMap::new();
        let position = look.position()?;
        look.totals(tenant, period.to(), &mut |of, sums| {
            if currency.is_some_and(|only| only != of.unit.currency) {
                return;
            }
            let TotalOf { slot, unit, source, kind, reason, .. } = of;
            let key = key_of(&unit);
            units.entry(key.clone()).or_insert(unit);
            let line = (source.into_owned(), kind, reason.into_owned());
            let (before, within) = lines.entry((key, line)).or_default();
            (if period.has(slot) { within } else { before }).add(&sums);
        })?;
        let mut made: BTreeMap<UnitKey, UnitMaker> = BTreeMap::new();
        for ((key, (source, kind, reason)), (before, within)) in lines {
            made.entry(key).or_default().enter(source, kind, reason, before, within);
        }
        let of_key = |(key, maker): (UnitKey, UnitMaker)| maker.finish(units[&key].clone());
        Ok(Self { tenant, period, position, units: made.into_iter().map(of_key).collect() })
    }
}

/// Orders units.
type UnitKey = (Currency, String, i128);
/// Source, kind and reason.
type LineKey = (String, MoveKind, String);

fn key_of(unit: &Unit) -> UnitKey {
    let price_unit = unit.price_unit.as_ref().map_or("", |unit| unit.as_str());
    (unit.currency, price_unit.to_owned(), unit.conversion_rate.0)
}

/// A unit's books while its lines come in.
#[derive(Default)]
struct UnitMaker {
    sources: BTreeMap<String, SourceBooks>,
    debt: Debt,
    in_transit: Transit,
    revenue: Revenue,
    accounts: BTreeMap<Account, (Money, Money, Money)>,
}

impl UnitMaker {
    fn enter(&mut self, source: String, kind: MoveKind, reason: String, before: Sums, within: Sums) {
        if source == OVERDRAFT {
            return self.debt.enter(kind, before.credits, within.credits);
        }
        self.post(&source, kind, &reason, before, within);
        self.revenue.enter(kind, &reason, &within);
        self.in_transit.enter(kind, &reason, &before, &within);
        let books = self.sources.entry(source.clone()).or_insert_with(|| SourceBooks {
            source,
            moved: SourceBooks::KINDS.map(|kind| (kind, Amounts::default())).into(),
            ..SourceBooks::default()
        });
        books.enter(kind, reason, before, within);
    }

    fn post(&mut self, source: &str, kind: MoveKind, reason: &str, before: Sums, within: Sums) {
        for one in booked(kind, source, reason, before.share, before.free_value) {
            self.accounts.entry(one.debit).or_default().0 += one.money;
            self.accounts.entry(one.credit).or_default().0 -= one.money;
        }
        for one in booked(kind, source, reason, within.share, within.free_value) {
            self.accounts.entry(one.debit).or_default().1 += one.money;
            self.accounts.entry(one.credit).or_default().2 += one.money;
        }
    }

    fn finish(self, unit: Unit) -> UnitBooks {
        let Self { sources, debt, in_transit, mut revenue, accounts } = self;
        let sources: Vec<_> = sources.into_values().collect();
        revenue.deferred_opening = sources.iter().map(|source| source.opening.paid).sum();
        revenue.deferred_closing = sources.iter().map(|source| source.closing.paid).sum();
        let total = |(account, (opening, debits, credits)): (Account, (Money, Money, Money))| AccountTotal {
            account,
            opening,
            debits,
            credits,
            closing: opening + debits - credits,
        };
        let accounts = accounts.into_iter().map(total).collect();
        UnitBooks { unit, sources, debt, in_transit, revenue, accounts }
    }
}

impl SourceBooks {
    /// What moves credit, those that bring it first.
    pub const KINDS: [MoveKind; 13] = [
        MoveKind::Issued,
        MoveKind::Arrived,
        MoveKind::Returned,
        MoveKind::Regranted,
        MoveKind::RolledIn,
        MoveKind::Spent,
        MoveKind::Repaid,
        MoveKind::Expired,
        MoveKind::Voided,
        MoveKind::Forfeited,
        MoveKind::PaidOut,
        MoveKind::Sent,
        MoveKind::RolledOut,
    ];

    /// Whether a kind brings credit; all others take it away.
    #[must_use]
    pub const fn brings(kind: MoveKind) -> bool {
        matches!(
            kind,
            MoveKind::Issued
                | MoveKind::Arrived
                | MoveKind::Returned
                | MoveKind::Regranted
                | MoveKind::RolledIn
        )
    }

    fn enter(&mut self, kind: MoveKind, reason: String, before: Sums, within: Sums) {
        let brings = Self::brings(kind);
        self.opening.change(brings, &before);
        self.closing.change(brings, &before);
        self.closing.change(brings, &within);
        self.moved.entry(kind).or_default().change(true, &within);
        if within.moves > 0 {
            self.details.push(Detail { kind, reason, sums: within });
        }
    }
}

impl Amounts {
    fn change(&mut self, more: bool, by: &Sums) {
        if more {
            self.credits += by.credits;
            self.paid += by.share;
        } else {
            self.credits -= by.credits;
            self.paid -= by.share;
        }
    }
}

impl Debt {
    fn enter(&mut self, kind: MoveKind, before: Credits, within: Credits) {
        let (place, grows) = match kind {
            MoveKind::Spent => (&mut self.taken, true),
            MoveKind::Repaid => (&mut self.repaid, false),
            MoveKind::WrittenOff => (&mut self.written_off, false),
            MoveKind::Returned => (&mut self.returned, false),
            // Of tranches only.
            MoveKind::Issued
            | MoveKind::Scheduled
            | MoveKind::Cancelled
            | MoveKind::Arrived
            | MoveKind::Regranted
            | MoveKind::Expired
            | MoveKind::Voided
            | MoveKind::Forfeited
            | MoveKind::PaidOut
            | MoveKind::Sent
            | MoveKind::RolledOut
            | MoveKind::RolledIn => return,
        };
        *place += within;
        let signed = |credits: Credits| if grows { credits } else { -credits };
        self.opening += signed(before);
        self.closing += signed(before) + signed(within);
    }
}

impl Transit {
    fn enter(&mut self, kind: MoveKind, reason: &str, before: &Sums, within: &Sums) {
        let back = reason == RefundReason::TransferReturned.as_str();
        let (place, more) = match kind {
            MoveKind::Sent => (&mut self.sent, true),
            MoveKind::Arrived => (&mut self.arrived, false),
            MoveKind::Returned | MoveKind::Regranted if back => (&mut self.returned, false),
            _ => return,
        };
        place.change(true, within);
        self.opening.change(more, before);
        self.closing.change(more, before);
        self.closing.change(more, within);
    }
}

impl Revenue {
    fn enter(&mut self, kind: MoveKind, reason: &str, within: &Sums) {
        let back = reason == RefundReason::TransferReturned.as_str();
        match kind {
            MoveKind::Spent | MoveKind::Repaid => {
                self.used += within.share;
                self.earned += within.share;
                self.promotional_expense += within.free_value;
            }
            MoveKind::Returned | MoveKind::Regranted if !back => {
                self.reversed += within.share;
                self.earned -= within.share;
                self.promotional_expense -= within.free_value;
            }
            MoveKind::Expired | MoveKind::Forfeited => self.breakage += within.share,
            MoveKind::Voided => self.voided += within.share,
            MoveKind::PaidOut => self.paid_out += within.share,
            MoveKind::Returned
            | MoveKind::Regranted
            | MoveKind::Issued
            | MoveKind::Scheduled
            | MoveKind::Cancelled
            | MoveKind::Arrived
            | MoveKind::Sent
            | MoveKind::RolledOut
            | MoveKind::RolledIn
            | MoveKind::WrittenOff => {}
        }
    }
}
