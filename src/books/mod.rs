//! Statements, books and the journal: what finance people read, made of the history's rows and sums.
//!
//! Pure: a function of what a [`crate::feed::history::Look`] gives, so the same from a running server, a stopped one, and the log.
//! `period` is which instants count, `account` the chart of accounts and what each move posts to it, `tenant` the books of a period,
//! `journal` the double entries of its rows, `statement` one customer's. docs/BOOKS.md is the contract.
//!
//! Absent on purpose: reading, HTTP, and any rounding: what is added up here was rounded once, when it was recorded or shared out.
//! Tested in `tests/books/`, and by a computation of its own in `tests/python/books`.

mod account;
mod journal;
mod period;
mod show;
mod statement;
mod tenant;

pub use self::account::{Account, Booked, booked};
pub use self::journal::{Entry, JournalLine, entry};
pub use self::period::{Period, PeriodError};
pub(crate) use self::show::Shown;
pub(crate) use self::statement::ShownStatement;
pub use self::statement::{
    Heading, HoldAtEnd, ReasonTotal, Statement, StatementAlert, StatementFormat, StatementLine, StatementOf,
    StatementRecharge, StatusThen, TrancheAtEnd, WalletStatement,
};
pub use self::tenant::{
    AccountTotal, Amounts, Books, Debt, Detail, Revenue, SourceBooks, Transit, UnitBooks,
};
