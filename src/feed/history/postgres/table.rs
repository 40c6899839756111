//! A table of the store: what makes it, and what fills it.

use std::fmt::Write;

use tokio_postgres::types::Type;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text; compared by its bytes, as in every other store.
    Text,
    /// Credits, money or a rate: all digits of it.
    Amount,
    /// A count, or a time in nanoseconds since 1970.
    Number,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether a line may be without it.
    pub(super) optional: bool,
}

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    /// Its primary key.
    pub(super) key: &'static str,
    /// Further statements that make it whole.
    pub(super) indices: &'static [&'static str],
    /// Whether its lines change after they came: room for that is left in its pages.
    pub(super) changes: bool,
}

impl Kind {
    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Amount => "numeric(39,15)",
            Self::Number => "bigint",
        }
    }

    pub(super) const fn parameter(self) -> Type {
        match self {
            Self::Text => Type::TEXT,
            Self::Amount => Type::NUMERIC,
            Self::Number => Type::INT8,
        }
    }
}

impl Table {
    /// What makes it.
    pub(super) fn create(&self) -> String {
        let mut sql = format!("CREATE TABLE {} (", self.name);
        for Column { name, kind, optional } in self.columns {
            let collation = if *kind == Kind::Text { " COLLATE \"C\"" } else { "" };
            let needed = if *optional { "" } else { " NOT NULL" };
            write!(sql, "{name} {}{collation}{needed}, ", kind.sql()).expect("a string takes everything");
        }
        write!(sql, "PRIMARY KEY ({}))", self.key).expect("a string takes everything");
        if self.changes {
            sql.push_str(" WITH (fillfactor = 80)");
        }
        for index in self.indices {
            sql.push_str("; ");
            sql.push_str(index);
        }
        sql
    }

    /// What takes many lines of all columns in binary form.
    pub(super) fn copy(&self) -> String {
        format!("COPY {} ({}) FROM STDIN BINARY", self.name, names(self.columns))
    }

    /// The types of its columns.
    pub(super) fn types(&self) -> Vec<Type> {
        self.columns.iter().map(|column| column.kind.parameter()).collect()
    }

    /// What takes many lines of its first columns, each column as one array; `conflict`: what is done about a line that is there.
    pub(super) fn insert(&self, count: usize, conflict: &str) -> String {
        let columns = &self.columns[..count];
        let (table, names, lines, key) = (self.name, names(columns), lines(columns), self.key);
        format!("INSERT INTO {table} ({names}) SELECT * FROM {lines} ON CONFLICT ({key}) DO {conflict}")
    }

    /// The same with all columns, where a line does to each column outside of the key what `set` says.
    pub(super) fn merge(&self, set: impl Fn(&str) -> String) -> String {
        let in_key = |column: &Column| self.key.split(", ").any(|part| part == column.name);
        let changed = self.columns.iter().filter(|column| !in_key(column));
        let set: Vec<_> = changed.map(|Column { name, .. }| format!("{name} = {}", set(name))).collect();
        self.insert(self.columns.len(), &format!("UPDATE SET {}", set.join(", ")))
    }
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

/// Parameters, one array for each column, as lines.
pub(super) fn lines(columns: &[Column]) -> String {
    let marks = columns.iter().zip(1..).map(|(column, number)| format!("${number}::{}[]", column.kind.sql()));
    format!("unnest({}) AS line ({})", marks.collect::<Vec<_>>().join(", "), names(columns))
}
