//! In which order a page comes, and from where on.
//!
//! The order of the log is that of a table's key. A page of a tenant's or a customer's rows comes from the index of whose they are, whatever
//! part of the table they are: SQLite's planner is told by a plus before the other column. PostgreSQL's knows only how many rows somebody
//! has, not that they may all be old; of somebody with a tenth of the table it would walk along the key, past everybody else's newer rows.
//! So it is asked for an order that only that index has, and by bounds instead of an equality, which would make that order the key's again.
//! A page that goes on is bounded by both columns at once: that is where the index is entered.

use coffer_ledger::ids::TenantNumber;

use super::{Dialect, Sql};
use crate::feed::history::cell::Cell;

/// The order of a page.
pub(super) struct Order {
    key: &'static str,
    newest_first: bool,
    /// The key that it begins behind.
    after: Option<Cell<'static>>,
    /// Whether it is asked of an index of whose rows they are.
    by_index: bool,
    /// The first column of that index, once it is known.
    leader: Option<&'static str>,
}

impl Order {
    pub(super) const fn new(key: &'static str, newest_first: bool, after: Option<Cell<'static>>) -> Self {
        Self { key, newest_first, after, by_index: false, leader: None }
    }

    pub(super) fn by_index(self, by_index: bool) -> Self {
        Self { by_index, ..self }
    }
}

impl Sql {
    /// Only rows of a tenant; whether they are somebody's among its customers as well.
    pub(super) fn of_tenant(&mut self, tenant: TenantNumber, is_narrow: bool) {
        match (is_narrow, self.dialect) {
            (false, _) => self.whose("tenant", tenant.into()),
            (true, Dialect::Sqlite) => self.compare("+tenant", "=", tenant.into()),
            (true, Dialect::Postgres) => self.compare("tenant", "=", tenant.into()),
        }
    }

    /// Only rows with this value in a column that an index begins with.
    pub(super) fn whose(&mut self, column: &'static str, value: Cell<'static>) {
        let mark = self.mark(value);
        let Some(order) = self.order.as_mut().filter(|order| order.by_index) else {
            return self.and(&format!("{column} = {mark}"));
        };
        let after = match order.leader {
            None => order.after.take(),
            Some(_) => None,
        };
        order.leader.get_or_insert(column);
        let (key, beyond, until) =
            if order.newest_first { (order.key, "<", ">=") } else { (order.key, ">", "<=") };
        let condition = match after {
            Some(after) => {
                let after = self.mark(after);
                format!("({column}, {key}) {beyond} ({mark}, {after}) AND {column} {until} {mark}")
            }
            None => format!("{column} BETWEEN {mark} AND {mark}"),
        };
        self.and(&condition);
    }

    /// Behind what it begins behind, and in its order; `sort`: what comes before that, with a comma behind each.
    pub(super) fn in_order(&mut self, sort: &str) {
        let Some(Order { key, newest_first, after, leader, .. }) = self.order.take() else { return };
        let (beyond, way) = if newest_first { ("<", "DESC") } else { (">", "ASC") };
        if let Some(after) = after {
            self.compare(key, beyond, after);
        }
        let leader = leader.map(|column| format!("{column} {way}, ")).unwrap_or_default();
        self.text.push_str(&format!(" ORDER BY {sort}{leader}{key} {way}"));
    }
}
