//! A customer's statement: what each wallet had, every row that moved it, what its rules did (`rules`: recharges and alerts), what is left of
//! which tranche, what is still held.
//!
//! One pass over the customer's rows up to the end of the period, in the order of the log; rows are then put in the order in which they
//! count. Nothing is taken from what is true now: the statement of a closed period stays the same. Shown as `json`, `csv` and `html`.
//! Absent on purpose: names, which come from the engine with the heading. Tested in `tests/books/`.

mod csv;
mod html;
mod json;
mod maker;
mod rules;

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::calendar::Zone;
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, HoldId, RowId, TenantNumber, TrancheId, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Unit;

pub(crate) use self::json::ShownStatement;
pub use self::json::StatementFormat;
use self::maker::Maker;
pub use self::rules::{StatementAlert, StatementRecharge, StatusThen};
use super::period::Period;
use super::tenant::Amounts;
use crate::engine::names_of;
use crate::feed::history::{HistoryError, Look, RowsAsked};

/// Rows that are read at a time.
const PAGE_ROWS: usize = 2_000;

/// Whose statement, and of when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementOf {
    /// Whose.
    pub tenant: TenantNumber,
    /// Whose.
    pub customer: CustomerNumber,
    /// Which instants count.
    pub period: Period,
    /// Lines that it may have: rows, recharges and changes of alerts.
    pub lines_max: usize,
}

/// What stands above a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// What the tenant is called.
    pub tenant: String,
    /// The customer's id.
    pub customer_id: String,
    /// The caller's own id of the customer.
    pub external_id: String,
    /// What the customer is called.
    pub name: Option<String>,
    /// By which clocks times are shown to people.
    pub zone: Zone,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Whose, and of when.
    pub of: StatementOf,
    /// The last record of the log that it knows of.
    pub position: u64,
    /// Every wallet that has a row by the end of the period, or something of its rules in it, oldest first.
    pub wallets: Vec<WalletStatement>,
}

/// A wallet's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletStatement {
    /// Which one.
    pub wallet: WalletId,
    /// What it counts in.
    pub unit: Unit,
    /// Posted before the period, and the paid money in it.
    pub opening: Amounts,
    /// Every row of the period that moved posted, as they count.
    pub lines: Vec<StatementLine>,
    /// These by reason, in alphabetical order.
    pub totals: Vec<ReasonTotal>,
    /// Recharges that began or ended in the period, and those that wait for their payment at its end; by their beginning.
    pub recharges: Vec<StatementRecharge>,
    /// Every change of its alerts in the period, as they came.
    pub alerts: Vec<StatementAlert>,
    /// Posted after it, and the paid money in it.
    pub closing: Amounts,
    /// Overdraft that is not repaid at the end of the period.
    pub debt: Credits,
    /// What is left then, by the end of life.
    pub tranches: Vec<TrancheAtEnd>,
    /// What is held then, oldest first.
    pub holds: Vec<HoldAtEnd>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// Which one.
    pub row: RowId,
    /// The instant that counts.
    pub effective_at: Timestamp,
    /// The instant of the record.
    pub recorded_at: Timestamp,
    /// Why, as the API's word.
    pub reason: String,
    /// What it adds to posted.
    pub change: Credits,
    /// What it adds to the paid money in it.
    pub paid: Money,
    /// Posted then.
    pub balance: Credits,
    /// The row's amount in money, where the record knows it.
    pub amount: Option<Money>,
    /// Money that was charged.
    pub charged: Option<Money>,
    /// What it belongs to: invoice, hold or transfer.
    pub belongs_to: Option<String>,
    /// Words of the request.
    pub reference_type: Option<String>,
    /// Words of the request.
    pub reference_id: Option<String>,
    /// Words of the request.
    pub description: Option<String>,
}

/// Rows of one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReasonTotal {
    /// Why, as the API's word.
    pub reason: String,
    /// How many.
    pub rows: u64,
    /// What they brought.
    pub credits_in: Credits,
    /// What they took.
    pub credits_out: Credits,
    /// What they add to the paid money.
    pub paid: Money,
}

/// What is left of a tranche at the end of the period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrancheAtEnd {
    /// Which one.
    pub tranche: TrancheId,
    /// Where its credit came from, as the API's word.
    pub source: String,
    /// Credits when it was made.
    pub original: Credits,
    /// What is left, and the paid money in it.
    pub left: Amounts,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// What a hold keeps at the end of the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldAtEnd {
    /// Which one.
    pub hold: HoldId,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// What it keeps.
    pub held: Credits,
}

impl Heading {
    /// A customer's.
    #[must_use]
    pub fn of(customer: &Customer, tenant: String, zone: Zone) -> Self {
        let names = names_of(customer);
        let profile = customer.identity.as_ref().map(|identity| &identity.profile);
        Self {
            tenant,
            customer_id: names.id.to_string(),
            external_id: names.external_id.to_string(),
            name: profile.and_then(|profile| profile.name.as_ref()).map(ToString::to_string),
            zone,
        }
    }
}

impl Statement {
    /// Makes it; `None` = it has more lines than it may.
    ///
    /// # Errors
    /// [`HistoryError`]: the store cannot be read.
    pub fn of(look: &dyn Look, of: StatementOf) -> Result<Option<Self>, HistoryError> {
        let position = look.position()?;
        let (mut maker, mut after) = (Maker::new(of.period), None);
        // First: rows are looked at for them.
        rules::read(look, &of, &mut maker)?;
        loop {
            let page = look.rows(&RowsAsked {
                tenant: of.tenant,
                customer: Some(of.customer),
                from: Timestamp(0),
                to: of.period.to(),
                after,
                last: position,
                limit: PAGE_ROWS,
            })?;
            page.iter().for_each(|full| maker.row(full));
            if maker.lines() > of.lines_max {
                return Ok(None);
            }
            after = page.last().map(|full| full.row.id);
            if page.len() < PAGE_ROWS {
                break;
            }
        }
        let wallets = maker.finish(&mut |wallet| Ok(look.wallet(wallet)?.map(|life| life.unit)))?;
        Ok(Some(Self { of, position, wallets }))
    }
}
