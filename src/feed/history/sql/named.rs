//! Whose rows alone can be found, where ids in a question say it.
//!
//! The id of a thing has its customer's number in it, and a customer's rows name no other customer's things but one: a transfer, which the
//! receiver's rows name as the sender's do. The id of a row says where the row stands, and what belongs to a row or completes it is its
//! customer's. So who asks a whole tenant for such an id asks for the rows of one customer, or of a few; those have an index, and nothing
//! narrower has. Absent on purpose: grants that are a tenant's, which rows of any of its customers name.

use coffer_ledger::ids::{CustomerNumber, GrantId, RowId, ThingId, TrancheId, TransferId};

use super::{Dialect, Sql};
use crate::feed::history::key::key;
use crate::feed::history::query::{Column, Given, Of, Query, Test};

/// A question that names more is not narrowed: it is for a large part of the rows.
const NAMED_MAX: usize = 200;

/// A customer, as far as a question says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    /// It is in an id.
    Number(CustomerNumber),
    /// Whoever has the row with this key.
    OfRow(i64),
    /// Whoever received this.
    Receiver(TransferId),
}

/// Where in the table everything is that can be found.
#[derive(Debug)]
pub(in crate::feed::history) struct Narrowing {
    /// For each condition that tells: the customers whose rows alone it can hold for.
    named: Vec<Vec<Named>>,
    /// The first key that can be.
    pub(super) since: Option<i64>,
}

impl Narrowing {
    /// What the question tells, unless it says by itself whose rows it asks for. `since`: the first key that can be, where that is known.
    pub(in crate::feed::history) fn of(query: &Query, since: Option<i64>) -> Self {
        if query.of != Of::Tenant || query.only.is_some() {
            return Self { named: Vec::new(), since };
        }
        let things = |ids: &[TrancheId]| ids.iter().map(|id| number(id.0)).collect();
        let paid_by = query.paid_by.map(|id| things(&[id]));
        let credits_of = query.credits_of.as_deref().map(things);
        let tests = query.tests.iter().filter_map(|(column, test)| match test {
            Test::In(given) => told(*column, given),
            _ => None,
        });
        let named = paid_by.into_iter().chain(credits_of).chain(tests).map(each_once);
        Self { named: named.filter(|named| (1..=NAMED_MAX).contains(&named.len())).collect(), since }
    }

    /// What has to be looked up to know the customers of a condition. It is told by [`Narrowing::tell`], and then there may be another.
    pub(in crate::feed::history) fn look_up(&self, dialect: Dialect) -> Option<Sql> {
        let named = self.named.iter().find(|named| is_open(named))?;
        let mut sql = Sql { dialect, order: None, text: String::new(), parameters: Vec::new() };
        for one in named {
            let (select, value) = match one {
                Named::Number(_) => continue,
                Named::OfRow(key) => ("SELECT customer FROM transactions WHERE key =", (*key).into()),
                Named::Receiver(transfer) => {
                    ("SELECT to_customer FROM transfers WHERE id =", (*transfer).into())
                }
            };
            let (mark, union) = (sql.mark(value), if sql.text.is_empty() { "" } else { " UNION " });
            sql.text.push_str(&format!("{union}{select} {mark}"));
        }
        Some(sql)
    }

    /// Takes over what was found by [`Narrowing::look_up`].
    pub(in crate::feed::history) fn tell(&mut self, customers: impl Iterator<Item = i64>) {
        let Some(named) = self.named.iter_mut().find(|named| is_open(named)) else { return };
        named.retain(|one| matches!(one, Named::Number(_)));
        named.extend(customers.map(|number| Named::Number(CustomerNumber(number.cast_unsigned()))));
        *named = each_once(std::mem::take(named));
    }

    /// Whether only rows of a few can be found, so that the index of customers is the one to look in. A page of several customers' rows in
    /// the order of the log is no part of that index: PostgreSQL, which knows how many rows they have, is left the tenant's index too.
    pub(super) fn is_narrow(&self, dialect: Dialect) -> bool {
        self.named.iter().any(|named| named.len() == 1 || dialect == Dialect::Sqlite)
    }
}

fn each_once(mut named: Vec<Named>) -> Vec<Named> {
    named.sort_unstable();
    named.dedup();
    named
}

fn is_open(named: &[Named]) -> bool {
    named.iter().any(|one| !matches!(one, Named::Number(_)))
}

/// Whom a list of values of a column tells, if it does.
fn told(column: Column, given: &[Given]) -> Option<Vec<Named>> {
    let ids = given.iter().filter_map(|given| match given {
        Given::Id(bits) => Some(*bits),
        Given::Text(_) | Given::Amount(_) | Given::Number(_) => None,
    });
    match column {
        Column::Wallet | Column::Tranche | Column::Hold => {
            Some(ids.map(|bits| number(ThingId(bits))).collect())
        }
        Column::Grant => {
            let own = |grant: GrantId| (!grant.is_template()).then(|| number(grant.0));
            ids.map(|bits| own(GrantId(ThingId(bits)))).collect()
        }
        Column::Transfer => Some(
            ids.flat_map(|bits| [number(ThingId(bits)), Named::Receiver(TransferId(ThingId(bits)))])
                .collect(),
        ),
        Column::Parent | Column::Completes => Some(ids.map(|bits| of_row(RowId(bits))).collect()),
        _ => None,
    }
}

fn number(id: ThingId) -> Named {
    Named::Number(id.customer())
}

/// What no key can say has no row.
fn of_row(id: RowId) -> Named {
    Named::OfRow(key(id.position().0, id.row()).unwrap_or(i64::MAX))
}

impl Sql {
    /// Only rows of those who are told.
    pub(super) fn narrowed(&mut self, narrowing: &Narrowing) {
        // The first of them enters the index: one alone, if there is one.
        let (one, several): (Vec<_>, Vec<_>) = narrowing.named.iter().partition(|named| named.len() == 1);
        for named in one.into_iter().chain(several) {
            let numbers = named.iter().filter_map(|one| match one {
                Named::Number(number) => Some(*number),
                Named::OfRow(_) | Named::Receiver(_) => None,
            });
            match &*numbers.collect::<Vec<_>>() {
                [] => self.and("false"),
                [number] => self.whose("customer", (*number).into()),
                numbers => {
                    let marks: Vec<_> = numbers.iter().map(|number| self.mark((*number).into())).collect();
                    self.and(&format!("customer IN ({})", marks.join(", ")));
                }
            }
        }
    }
}
