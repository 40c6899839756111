//! What is asked of the store. Absent on purpose: how it is asked, which is `sql`.

use coffer_ledger::alert::AlertKind;
use coffer_ledger::ids::{AlertId, CustomerNumber, RechargeId, RowId, TenantNumber, TrancheId, WalletId};
use coffer_ledger::recharge::RechargeStatus;
use coffer_ledger::time::Timestamp;

/// A column that can be filtered and sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// credit, debit, hold, release, memo.
    Type,
    /// scheduled, completed.
    Status,
    /// Why.
    Reason,
    /// Credits moved.
    Credits,
    /// The same in money.
    Amount,
    /// Its currency.
    Currency,
    /// The tranche's burn priority.
    Priority,
    /// When the credit ends.
    ExpiresAt,
    /// The instant that counts.
    EffectiveAt,
    /// The instant of the record.
    RecordedAt,
    /// The wallet.
    Wallet,
    /// The tranche that it made or emptied.
    Tranche,
    /// The grant that it belongs to.
    Grant,
    /// The hold that it belongs to.
    Hold,
    /// The transfer that it belongs to.
    Transfer,
    /// The invoice that it belongs to.
    Invoice,
    /// The row that it belongs to.
    Parent,
    /// The row that it completes.
    Completes,
    /// Who asked.
    By,
    /// Words of the request.
    ReferenceType,
    /// Words of the request.
    ReferenceId,
    /// Words of the request.
    Description,
    /// The request's key.
    IdempotencyKey,
}

/// What a column is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A word.
    Text(Box<str>),
    /// Credits or money, in units of 10⁻¹⁵.
    Amount(i128),
    /// A time in nanoseconds, or a count.
    Number(u64),
    /// An id.
    Id(u128),
}

/// How a column is compared. A row without the value matches only what says "not".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// One of these.
    In(Vec<Given>),
    /// None of these.
    NotIn(Vec<Given>),
    /// More.
    Above(Given),
    /// As much or more.
    AtLeast(Given),
    /// Less.
    Below(Given),
    /// As much or less.
    AtMost(Given),
    /// The text has this in it, whatever the case of its ASCII letters.
    Contains(Box<str>),
    /// It has not.
    NotContains(Box<str>),
}

/// Whose rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// All of the tenant's.
    Tenant,
    /// A customer's.
    Customer(CustomerNumber),
    /// A wallet's.
    Wallet(WalletId),
}

/// A page of rows.
#[derive(Clone, Debug)]
pub struct Query {
    /// Nobody else's are found.
    pub tenant: TenantNumber,
    /// Whose.
    pub of: Of,
    /// Only this customer's, whoever is asked for: a key that is bound to it.
    pub only: Option<CustomerNumber>,
    /// Only rows that move posted.
    pub moving: bool,
    /// All of them must hold.
    pub tests: Vec<(Column, Test)>,
    /// Only credits of these tranches.
    pub credits_of: Option<Vec<TrancheId>>,
    /// Only rows by which credit of this tranche was spent or sent away.
    pub paid_by: Option<TrancheId>,
    /// Before the order of the log; `true` = the largest first.
    pub sort: Vec<(Column, bool)>,
    /// The newest first.
    pub newest_first: bool,
    /// What comes after this row in the order of the log.
    pub after: Option<RowId>,
    /// Rows of the page.
    pub limit: usize,
    /// Rows to pass over.
    pub offset: usize,
}

/// A page of things in the order of their ids, which is that of their creation.
#[derive(Clone, Copy, Debug)]
pub struct Paged<K> {
    /// The newest first.
    pub newest_first: bool,
    /// What comes after this one.
    pub after: Option<K>,
    /// Things of the page.
    pub limit: usize,
    /// Things to pass over.
    pub offset: usize,
}

/// A page, and what it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The page, in the order asked for.
    pub items: Vec<T>,
    /// Everything that matches, on whatever page.
    pub total: usize,
    /// Whether more comes after the page.
    pub more: bool,
}

/// Which changes of alerts. `None` = any.
#[derive(Clone, Debug)]
pub struct AlertsAsked {
    /// Nobody else's are found.
    pub tenant: TenantNumber,
    /// Only this customer's.
    pub customer: Option<CustomerNumber>,
    /// Only this wallet's.
    pub wallet: Option<WalletId>,
    /// Only of this alert.
    pub kind: Option<AlertKind>,
    /// Only those after which the alert was this, by the API's word.
    pub to: Option<Box<str>>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Which of them.
    pub page: Paged<AlertId>,
}

/// Which recharges of a customer. `None` = any.
#[derive(Clone, Debug)]
pub struct RechargesAsked {
    /// Nobody else's are found.
    pub tenant: TenantNumber,
    /// Whose.
    pub customer: CustomerNumber,
    /// Only this wallet's.
    pub wallet: Option<WalletId>,
    /// Only those that are this far.
    pub status: Option<RechargeStatus>,
    /// Only those of which the credit, or the bonus, is or would be one of these.
    pub tranches: Option<Vec<TrancheId>>,
    /// Which of them.
    pub page: Paged<RechargeId>,
}
