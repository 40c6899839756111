//! Queries as SQL: one text for every backend but for the few places where their dialects differ.
//!
//! Every value is a parameter; names of columns come from [`Column`] alone. What is found, and in which order, is the same in each
//! dialect: a missing value sorts before all others and matches only what says "not", texts compare by their bytes, and "contains"
//! passes over the case of ASCII letters only. In which order a page comes is in `order`, whose rows it can have in `named`, lists of other
//! things than rows are in `listing`.
//! Tested in `tests/http/history.rs`, `tests/history/` and `tests/history_postgres/`.

mod listing;
mod named;
mod order;

use coffer_ledger::ids::{GrantId, HoldId, KeyId, RowId, TrancheId, TransferId, WalletId};

pub(super) use self::listing::{Listing, alerts, recharges};
pub(super) use self::named::Narrowing;
use self::order::Order;
use super::cell::Cell;
use super::key::key;
use super::query::{Column, Given, Of, Query, Test};

/// Whose SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// Kinds of slices by which a tranche's credit was spent or sent away.
const GIVING: [&str; 2] = ["spent", "sent"];

/// A value of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    One(Cell<'static>),
    /// A slice by which this tranche gave credit, by the word of its kind; SQLite's only.
    Gave(&'static str, TrancheId),
    /// Any number of them in one: there is a limit of parameters.
    Tranches(Vec<TrancheId>),
}

/// A statement and its parameters, in order.
pub(super) struct Sql {
    dialect: Dialect,
    /// Of a page.
    order: Option<Order>,
    pub(super) text: String,
    pub(super) parameters: Vec<Parameter>,
}

/// Counts everything that matches.
pub(super) fn count(query: &Query, narrowing: &Narrowing, dialect: Dialect) -> Sql {
    Sql::matching("SELECT count(*) FROM transactions", query, narrowing, dialect, None)
}

/// Reads the page and one row more.
pub(super) fn page(query: &Query, narrowing: &Narrowing, dialect: Dialect) -> Sql {
    let after = query.after.map(|after| key(after.position().0, after.row()).unwrap_or(i64::MAX));
    let before_all = narrowing.since.map(|since| since - 1);
    let after = if query.newest_first { after } else { after.max(before_all) };
    let order = Order::new("key", query.newest_first, after.map(Cell::Number));
    let order = order.by_index(dialect == Dialect::Postgres && query.sort.is_empty());
    let mut sql = Sql::matching("SELECT * FROM transactions", query, narrowing, dialect, Some(order));
    let mut sort = String::new();
    for (column, largest_first) in &query.sort {
        let order = if *largest_first { " DESC NULLS LAST, " } else { " ASC NULLS FIRST, " };
        if is_time(*column) {
            // What has wrapped is later than all others.
            sort.push_str(&format!("({} < 0){order}", name(*column)));
        }
        sort.push_str(name(*column));
        sort.push_str(order);
    }
    sql.in_order(&sort);
    sql.cut(query.limit, query.offset);
    sql
}

impl Sql {
    fn new(select: &str, dialect: Dialect, order: Option<Order>) -> Self {
        Self { dialect, order, text: format!("{select} WHERE true"), parameters: Vec::new() }
    }

    fn matching(
        select: &str,
        query: &Query,
        narrowing: &Narrowing,
        dialect: Dialect,
        order: Option<Order>,
    ) -> Self {
        let mut sql = Self::new(select, dialect, order);
        let is_narrow = query.of != Of::Tenant || query.only.is_some() || narrowing.is_narrow(dialect);
        sql.of_tenant(query.tenant, is_narrow);
        match query.of {
            Of::Tenant => {}
            Of::Customer(number) => sql.whose("customer", number.into()),
            // Its id names its customer, whose rows have an index.
            Of::Wallet(id) => {
                sql.whose("customer", id.0.customer().into());
                sql.compare("wallet", "=", id.into());
            }
        }
        if let Some(only) = query.only {
            sql.whose("customer", only.into());
        }
        sql.narrowed(narrowing);
        if let Some(since) = narrowing.since {
            sql.compare("key", ">=", since.into());
        }
        if query.moving {
            sql.and("sequence IS NOT NULL");
        }
        if let Some(tranches) = &query.credits_of {
            sql.credits_of(tranches);
        }
        if let Some(tranche) = query.paid_by {
            sql.paid_by(tranche);
        }
        query.tests.iter().for_each(|(column, test)| sql.test(*column, test));
        sql
    }

    /// So many lines and one more, from this one on.
    fn cut(&mut self, limit: usize, offset: usize) {
        for (word, count) in [(" LIMIT ", limit.saturating_add(1)), (" OFFSET ", offset)] {
            let mark = self.mark(Cell::Number(i64::try_from(count).unwrap_or(i64::MAX)));
            self.text.push_str(word);
            self.text.push_str(&mark);
        }
    }

    fn and(&mut self, condition: &str) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
    }

    fn compare(&mut self, column: &str, operator: &str, value: Cell<'static>) {
        let mark = self.mark(value);
        self.and(&format!("{column} {operator} {mark}"));
    }

    /// Adds a parameter; what stands for it.
    fn mark(&mut self, value: Cell<'static>) -> String {
        self.next(Parameter::One(value))
    }

    fn next(&mut self, parameter: Parameter) -> String {
        self.parameters.push(parameter);
        match self.dialect {
            Dialect::Sqlite => "?".to_owned(),
            Dialect::Postgres => format!("${}", self.parameters.len()),
        }
    }

    fn credits_of(&mut self, tranches: &[TrancheId]) {
        let mark = self.next(Parameter::Tranches(tranches.to_vec()));
        self.and("type = 'credit'");
        self.and(&match self.dialect {
            Dialect::Sqlite => format!("hex(tranche) IN (SELECT value FROM json_each({mark}))"),
            Dialect::Postgres => format!("tranche = ANY({mark})"),
        });
    }

    fn paid_by(&mut self, tranche: TrancheId) {
        match self.dialect {
            Dialect::Sqlite => {
                let gave = GIVING.map(|kind| self.next(Parameter::Gave(kind, tranche)));
                let gave = gave.map(|mark| format!("instr(slices, {mark}) > 0"));
                self.and(&format!("({})", gave.join(" OR ")));
            }
            // OFFSET keeps it from being made a join: then the planner may begin with the slices, which have no index but their rows', and
            // looks at everybody's.
            Dialect::Postgres => {
                let mark = self.mark(tranche.into());
                let kinds = GIVING.map(|kind| format!("'{kind}'")).join(", ");
                self.and(&format!(
                    "EXISTS (SELECT 1 FROM slices WHERE slices.key = transactions.key AND slices.tranche = {mark} \
                     AND slices.kind IN ({kinds}) OFFSET 0)"
                ));
            }
        }
    }

    fn test(&mut self, column: Column, test: &Test) {
        let name = name(column);
        match test {
            Test::In(given) => self.list(column, given, false),
            Test::NotIn(given) => self.list(column, given, true),
            Test::Above(given) => self.range(column, ">", given),
            Test::AtLeast(given) => self.range(column, ">=", given),
            Test::Below(given) => self.range(column, "<", given),
            Test::AtMost(given) => self.range(column, "<=", given),
            Test::Contains(part) => {
                let found = self.found(name, part);
                self.and(&format!("{found} > 0"));
            }
            Test::NotContains(part) => {
                let found = self.found(name, part);
                self.and(&format!("({name} IS NULL OR {found} = 0)"));
            }
        }
    }

    /// A time beyond 2262 stands there below zero, and is later than all others.
    fn range(&mut self, column: Column, operator: &str, given: &Given) {
        let (name, value) = (name(column), cell(column, given));
        let wraps = matches!(value, Cell::Number(number) if number < 0);
        if !is_time(column) {
            return self.compare(name, operator, value);
        }
        let mark = self.mark(value);
        let others = match (operator.starts_with('>'), wraps) {
            (true, false) => "OR {} < 0",
            (true, true) => "AND {} < 0",
            (false, false) => "AND {} >= 0",
            (false, true) => "OR {} >= 0",
        };
        self.and(&format!("({name} {operator} {mark} {})", others.replace("{}", name)));
    }

    /// Where the part stands in the column; 0 = nowhere.
    fn found(&mut self, name: &str, part: &str) -> String {
        let mark = self.mark(Cell::Owned(part.to_ascii_lowercase()));
        match self.dialect {
            Dialect::Sqlite => format!("instr(lower({name}), {mark})"),
            Dialect::Postgres => format!("strpos(lower({name}), {mark})"),
        }
    }

    fn list(&mut self, column: Column, given: &[Given], not: bool) {
        let name = name(column);
        if given.is_empty() {
            return self.and(if not { "true" } else { "false" });
        }
        let marks: Vec<String> = given.iter().map(|given| self.mark(cell(column, given))).collect();
        let marks = marks.join(", ");
        self.and(&if not {
            format!("({name} IS NULL OR {name} NOT IN ({marks}))")
        } else {
            format!("{name} IN ({marks})")
        });
    }
}

fn cell(column: Column, given: &Given) -> Cell<'static> {
    match given {
        Given::Text(text) => Cell::Owned(text.to_string()),
        Given::Amount(units) => Cell::Amount(*units),
        Given::Number(value) => (*value).into(),
        Given::Id(bits) => Cell::Id(prefix(column), *bits),
    }
}

const fn is_time(column: Column) -> bool {
    matches!(column, Column::ExpiresAt | Column::EffectiveAt | Column::RecordedAt)
}

/// What an id of the column begins with; empty where there are none.
const fn prefix(column: Column) -> &'static str {
    match column {
        Column::Wallet => WalletId::PREFIX,
        Column::Tranche => TrancheId::PREFIX,
        Column::Grant => GrantId::PREFIX,
        Column::Hold => HoldId::PREFIX,
        Column::Transfer => TransferId::PREFIX,
        Column::Parent | Column::Completes => RowId::PREFIX,
        Column::By => KeyId::PREFIX,
        Column::Type
        | Column::Status
        | Column::Reason
        | Column::Credits
        | Column::Amount
        | Column::Currency
        | Column::Priority
        | Column::ExpiresAt
        | Column::EffectiveAt
        | Column::RecordedAt
        | Column::Invoice
        | Column::ReferenceType
        | Column::ReferenceId
        | Column::Description
        | Column::IdempotencyKey => "",
    }
}

const fn name(column: Column) -> &'static str {
    match column {
        Column::Type => "type",
        Column::Status => "status",
        Column::Reason => "reason",
        Column::Credits => "credits",
        Column::Amount => "amount",
        Column::Currency => "currency",
        Column::Priority => "priority",
        Column::ExpiresAt => "expires_at",
        Column::EffectiveAt => "effective_at",
        Column::RecordedAt => "recorded_at",
        Column::Wallet => "wallet",
        Column::Tranche => "tranche",
        Column::Grant => "grant_id",
        Column::Hold => "hold",
        Column::Transfer => "transfer",
        Column::Invoice => "invoice",
        Column::Parent => "parent",
        Column::Completes => "completes",
        Column::By => "by_key",
        Column::ReferenceType => "reference_type",
        Column::ReferenceId => "reference_id",
        Column::Description => "description",
        Column::IdempotencyKey => "idempotency_key",
    }
}
