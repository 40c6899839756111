//! What stands in the schema: nothing, a store of ours, or what others keep there under our names. Only ours is ever removed.

use tokio_postgres::{Client, Row};

use super::schema::{self, CURSOR, CURSOR_COLUMNS, EMPTY, MARK, TABLES, VERSION, VIEWS};
use crate::feed::history::StoreError;

/// What stands in the schema.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// None of our names is taken.
    Nothing,
    /// The tables of this build.
    Ours,
    /// Tables of ours that are not as this build has them, and why.
    Unfit(String),
}

const RELATIONS: &str = "SELECT c.relname::text, c.relkind::text, coalesce(obj_description(c.oid, 'pg_class'), '')
  FROM pg_class c WHERE c.relnamespace = to_regnamespace($1::text) AND c.relkind <> 'i' AND c.relkind <> 't' ORDER BY 1";
const COLUMNS: &str = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relnamespace = to_regnamespace($1::text) AND c.relkind = 'r' AND c.relname = ANY($2)
    AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum";

/// Something in the schema.
struct Relation {
    name: String,
    is_view: bool,
    mark: String,
}

impl Relation {
    fn is_ours(&self) -> bool {
        self.mark.starts_with(MARK)
    }
}

/// Looks at the schema.
///
/// # Errors
/// [`StoreError::Unusable`] also when one of our names is somebody else's.
pub(super) async fn inspect(client: &Client, schema: &str) -> Result<Seen, StoreError> {
    let all = relations(client, schema).await?;
    let names: Vec<&str> = names().collect();
    let named: Vec<_> = all.iter().filter(|one| names.contains(&&*one.name)).collect();
    if let Some(other) = named.iter().find(|one| !one.is_ours()) {
        return Err(StoreError::Unusable(format!(
            "the schema {schema} has a \"{}\" that is no history of Coffer's: name another schema in history.postgres_schema",
            other.name
        )));
    }
    if !all.iter().any(Relation::is_ours) {
        return Ok(Seen::Nothing);
    }
    let ours = mark();
    if let Some(other) = named.iter().find(|one| one.mark != ours) {
        let version = other.mark.trim_start_matches(MARK);
        return Ok(Seen::Unfit(format!("its tables are of version {version}")));
    }
    let as_made = named.len() == names.len() && columns(client, schema).await? == expected();
    Ok(if as_made { Seen::Ours } else { Seen::Unfit("its tables were changed".to_owned()) })
}

/// Makes everything, in a transaction of the caller's.
pub(super) async fn create(client: &Client, schema: &str) -> Result<(), tokio_postgres::Error> {
    // Asked first: whoever may not make a schema may still be given one.
    let there = client.query_one("SELECT to_regnamespace($1::text) IS NOT NULL", &[&schema]).await?;
    if !there.get::<_, bool>(0) {
        client.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await?;
    }
    let tables = TABLES.iter().map(|table| table.create());
    let views = VIEWS.iter().map(|(name, text)| format!("CREATE VIEW {name} AS {}", schema::view(text)));
    let mut all: Vec<_> = tables.chain(views).collect();
    all.extend([CURSOR.to_owned(), EMPTY.to_owned()]);
    let kinds = VIEWS.iter().map(|(name, _)| ("VIEW", *name));
    let kinds = kinds.chain(table_names().map(|name| ("TABLE", name)));
    all.extend(kinds.map(|(kind, name)| format!("COMMENT ON {kind} {name} IS '{}'", mark())));
    client.batch_execute(&all.join(";\n")).await
}

/// Empties what is ours, in a transaction of the caller's: tables of this build stay, with the views, rights and indices that others made
/// on them.
pub(super) async fn empty(client: &Client, schema: &str) -> Result<(), StoreError> {
    match inspect(client, schema).await? {
        Seen::Nothing => Ok(()),
        Seen::Ours => {
            let names: Vec<_> = table_names().collect();
            Ok(client.batch_execute(&format!("TRUNCATE {}; {EMPTY}", names.join(", "))).await?)
        }
        Seen::Unfit(_) => {
            let all = relations(client, schema).await?;
            let (views, tables): (Vec<_>, Vec<_>) =
                all.iter().filter(|one| one.is_ours()).partition(|one| one.is_view);
            let drop = |kind| move |one: &&Relation| format!("DROP {kind} \"{schema}\".\"{}\"", one.name);
            let drops: Vec<_> =
                views.iter().map(drop("VIEW")).chain(tables.iter().map(drop("TABLE"))).collect();
            Ok(client.batch_execute(&drops.join("; ")).await?)
        }
    }
}

async fn relations(client: &Client, schema: &str) -> Result<Vec<Relation>, tokio_postgres::Error> {
    let relation =
        |row: &Row| Relation { name: row.get(0), is_view: row.get::<_, &str>(1) == "v", mark: row.get(2) };
    Ok(client.query(RELATIONS, &[&schema]).await?.iter().map(relation).collect())
}

async fn columns(client: &Client, schema: &str) -> Result<Vec<[String; 3]>, tokio_postgres::Error> {
    let names: Vec<_> = table_names().collect();
    let rows = client.query(COLUMNS, &[&schema, &names]).await?;
    Ok(rows.iter().map(|row| [row.get(0), row.get(1), row.get(2)]).collect())
}

/// Table, column and type of everything that there must be, in the order of `COLUMNS`.
fn expected() -> Vec<[String; 3]> {
    let mut all = Vec::new();
    let cursor = CURSOR_COLUMNS.map(|(name, kind)| ["cursor", name, kind]);
    all.extend(cursor.map(|line| line.map(str::to_owned)));
    for table in TABLES {
        let line = |column: &super::table::Column| [table.name, column.name, column.kind.sql()];
        all.extend(table.columns.iter().map(line).map(|line| line.map(str::to_owned)));
    }
    // By table; the columns of one stay in their order.
    all.sort_by(|one, other| one[0].cmp(&other[0]));
    all
}

fn table_names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name).chain(["cursor"])
}

fn names() -> impl Iterator<Item = &'static str> {
    table_names().chain(VIEWS.iter().map(|(name, _)| *name))
}

fn mark() -> String {
    format!("{MARK}{VERSION}")
}
