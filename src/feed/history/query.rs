//! What is asked of the store, and its SQL. Every value is a parameter; names of columns come from [`Column`] alone.

use coffer_ledger::ids::{CustomerNumber, RowId, TenantNumber, TrancheId, WalletId};
use rusqlite::types::Value;

use super::sqlite::values::{amount, blob, key, number};

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
    /// The hold that it belongs to.
    Hold,
    /// The transfer that it belongs to.
    Transfer,
    /// The invoice that it belongs to.
    Invoice,
    /// The row that it belongs to.
    Parent,
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

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Status => "status",
            Self::Reason => "reason",
            Self::Credits => "credits",
            Self::Amount => "amount",
            Self::Currency => "currency",
            Self::Priority => "priority",
            Self::ExpiresAt => "expires_at",
            Self::EffectiveAt => "effective_at",
            Self::RecordedAt => "recorded_at",
            Self::Wallet => "wallet",
            Self::Tranche => "tranche",
            Self::Hold => "hold",
            Self::Transfer => "transfer",
            Self::Invoice => "invoice",
            Self::Parent => "parent",
            Self::By => "by_key",
            Self::ReferenceType => "reference_type",
            Self::ReferenceId => "reference_id",
            Self::Description => "description",
            Self::IdempotencyKey => "idempotency_key",
        }
    }
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

impl Given {
    fn value(&self) -> Value {
        match self {
            Self::Text(text) => Value::Text(text.to_string()),
            Self::Amount(units) => blob(amount(*units)),
            Self::Number(value) => Value::Integer(number(*value)),
            Self::Id(bits) => blob(super::sqlite::values::id(*bits)),
        }
    }
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

/// Conditions and their parameters, in order.
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) parameters: Vec<Value>,
}

impl Query {
    /// Counts everything that matches.
    pub(super) fn count(&self) -> Sql {
        let mut sql = self.conditions();
        sql.text.insert_str(0, "SELECT count(*) FROM transactions WHERE ");
        sql
    }

    /// Reads the page and one row more.
    pub(super) fn page(&self) -> Sql {
        let mut sql = self.conditions();
        sql.text.insert_str(0, "SELECT * FROM transactions WHERE ");
        if let Some(after) = self.after {
            let beyond = key(after.position().0, after.row()).unwrap_or(i64::MAX);
            sql.and(if self.newest_first { "key < ?" } else { "key > ?" }, [Value::Integer(beyond)]);
        }
        sql.text.push_str(" ORDER BY ");
        for (column, largest_first) in &self.sort {
            let direction = if *largest_first { " DESC, " } else { " ASC, " };
            sql.text.push_str(column.name());
            sql.text.push_str(direction);
        }
        sql.text.push_str(if self.newest_first { "key DESC" } else { "key ASC" });
        sql.text.push_str(" LIMIT ? OFFSET ?");
        let counts = [self.limit.saturating_add(1), self.offset];
        sql.parameters.extend(counts.map(|count| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))));
        sql
    }

    fn conditions(&self) -> Sql {
        let tenant = Value::Integer(i64::from(self.tenant.0));
        // A plus keeps the index of the tenant out of the way where there is a narrower one.
        let narrow = self.of != Of::Tenant || self.only.is_some();
        let text = if narrow { "+tenant = ?" } else { "tenant = ?" };
        let mut sql = Sql { text: text.to_owned(), parameters: vec![tenant] };
        let customer = |number: CustomerNumber| [Value::Integer(number_of_customer(number))];
        match self.of {
            Of::Tenant => {}
            Of::Customer(number) => sql.and("customer = ?", customer(number)),
            // Its id names its customer, whose rows have an index.
            Of::Wallet(id) => {
                sql.and("customer = ?", customer(id.0.customer()));
                sql.and("wallet = ?", [blob(super::sqlite::values::id(id.0.0))]);
            }
        }
        if let Some(only) = self.only {
            sql.and("customer = ?", customer(only));
        }
        if self.moving {
            sql.and("sequence IS NOT NULL", []);
        }
        if let Some(tranches) = &self.credits_of {
            sql.and("type = 'credit'", []);
            // One parameter, however many there are: SQLite has a limit of these.
            let ids: Vec<String> = tranches.iter().map(|tranche| format!("{:032X}", tranche.0.0)).collect();
            let list = serde_json::to_string(&ids).expect("strings are JSON");
            sql.and("hex(tranche) IN (SELECT value FROM json_each(?))", [Value::Text(list)]);
        }
        if let Some(tranche) = self.paid_by {
            sql.and(
                "EXISTS (SELECT 1 FROM slices WHERE slices.key = transactions.key AND slices.tranche = ? \
                 AND slices.kind IN ('spent', 'sent'))",
                [blob(super::sqlite::values::id(tranche.0.0))],
            );
        }
        self.tests.iter().for_each(|(column, test)| sql.test(*column, test));
        sql
    }
}

impl Sql {
    fn and(&mut self, condition: &str, parameters: impl IntoIterator<Item = Value>) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
        self.parameters.extend(parameters);
    }

    fn test(&mut self, column: Column, test: &Test) {
        let name = column.name();
        match test {
            Test::In(given) => self.list(&format!("{name} IN ("), given, ")"),
            Test::NotIn(given) => {
                self.list(&format!("({name} IS NULL OR {name} NOT IN ("), given, "))");
            }
            Test::Above(given) => self.and(&format!("{name} > ?"), [given.value()]),
            Test::AtLeast(given) => self.and(&format!("{name} >= ?"), [given.value()]),
            Test::Below(given) => self.and(&format!("{name} < ?"), [given.value()]),
            Test::AtMost(given) => self.and(&format!("{name} <= ?"), [given.value()]),
            Test::Contains(part) => {
                self.and(&format!("instr(lower({name}), lower(?)) > 0"), [Value::Text(part.to_string())]);
            }
            Test::NotContains(part) => {
                let condition = format!("({name} IS NULL OR instr(lower({name}), lower(?)) = 0)");
                self.and(&condition, [Value::Text(part.to_string())]);
            }
        }
    }

    fn list(&mut self, before: &str, given: &[Given], after: &str) {
        let marks = vec!["?"; given.len()].join(", ");
        self.and(&format!("{before}{marks}{after}"), given.iter().map(Given::value));
    }
}

fn number_of_customer(number_of: CustomerNumber) -> i64 {
    number(number_of.0)
}
