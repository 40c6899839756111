//! Pages of tables whose lines are in the order of their ids.

use super::{Dialect, Order, Sql};
use crate::feed::history::cell::Cell;
use crate::feed::history::query::{AlertsAsked, Paged, RechargesAsked};

/// What a page takes.
pub(in crate::feed::history) struct Listing {
    /// Counts everything that matches.
    pub(in crate::feed::history) count: Sql,
    /// Reads the page and one line more.
    pub(in crate::feed::history) page: Sql,
    /// Lines of the page.
    pub(in crate::feed::history) limit: usize,
}

/// Changes of alerts.
pub(in crate::feed::history) fn alerts(asked: &AlertsAsked, dialect: Dialect) -> Listing {
    // A wallet's id names its customer, whose changes have an index.
    let customer = asked.customer.or(asked.wallet.map(|wallet| wallet.0.customer()));
    let narrow = |sql: &mut Sql| {
        sql.of_tenant(asked.tenant, customer.is_some());
        if let Some(customer) = customer {
            sql.whose("customer", customer.into());
        }
        sql.only("wallet", "=", asked.wallet);
        sql.only("type", "=", asked.kind.map(|kind| kind.as_str()));
        sql.only("status", "=", asked.to.as_deref().map(|word| Cell::Owned(word.to_owned())));
        sql.only("changed_at", ">=", asked.from);
        sql.only("changed_at", "<", asked.until);
    };
    listing("alert_changes", &asked.page, dialect, narrow)
}

/// Recharges of a customer.
pub(in crate::feed::history) fn recharges(asked: &RechargesAsked, dialect: Dialect) -> Listing {
    let narrow = |sql: &mut Sql| {
        sql.of_tenant(asked.tenant, true);
        sql.whose("customer", asked.customer.into());
        sql.only("wallet", "=", asked.wallet);
        sql.only("status", "=", asked.status.map(|status| status.as_str()));
        if let Some(tranches) = &asked.tranches {
            let mut among = |column: &str| {
                let marks: Vec<_> = tranches.iter().map(|tranche| sql.mark((*tranche).into())).collect();
                format!("{column} IN ({})", marks.join(", "))
            };
            let (bought, bonus) = (among("tranche"), among("bonus_tranche"));
            sql.and(&format!("({bought} OR {bonus})"));
        }
    };
    listing("recharges", &asked.page, dialect, narrow)
}

fn listing<K: Copy + Into<Cell<'static>>>(
    table: &str,
    page: &Paged<K>,
    dialect: Dialect,
    narrow: impl Fn(&mut Sql),
) -> Listing {
    let matching = |select: &str, order: Option<Order>| {
        let mut sql = Sql::new(&format!("SELECT {select} FROM {table}"), dialect, order);
        narrow(&mut sql);
        sql
    };
    let order = Order::new("id", page.newest_first, page.after.map(Into::into));
    let mut lines = matching("*", Some(order.by_index(dialect == Dialect::Postgres)));
    lines.in_order("");
    lines.cut(page.limit, page.offset);
    Listing { count: matching("count(*)", None), page: lines, limit: page.limit }
}

impl Sql {
    /// A condition, where it is asked for.
    fn only(&mut self, column: &str, operator: &str, value: Option<impl Into<Cell<'static>>>) {
        if let Some(value) = value {
            self.compare(column, operator, value.into());
        }
    }
}
