//! What somebody changes in the schema with SQL of their own: `history verify` finds each of it and says where.
//!
//! Every column of every table, a value in other letters, a value that is taken out; lines that are gone or stand there twice, with and
//! without the cursor's counts made to fit; everything that the cursor says. Other lines are changed by each change, so that one look
//! sees many of them, and each must be told by its line and its column.

use std::collections::BTreeSet;
use std::process::Command;

use coffer::feed::HistoryCheck;
use tempfile::TempDir;
use tokio_postgres::Client;

use crate::kept::Kept;
use crate::verified::{check, written};

/// A table: its name, what leads to a line in words that are told, and the columns that these words are made of.
struct Table {
    name: &'static str,
    place: &'static str,
    key: &'static [&'static str],
}

const BY_ID: &str = "id";
const TABLES: [Table; 11] = [
    Table { name: "transactions", place: "format('record %s row %s', key >> 16, key & 65535)", key: &["key"] },
    // They are told as a value of their row.
    Table { name: "slices", place: "format('record %s row %s', key >> 16, key & 65535)", key: &["key"] },
    Table { name: "wallets", place: BY_ID, key: &["id"] },
    Table { name: "tranches", place: BY_ID, key: &["id"] },
    Table { name: "holds", place: BY_ID, key: &["id"] },
    Table {
        name: "settlements",
        place: "format('customer %s invoice \"%s\"', customer, invoice)",
        key: &["customer", "invoice"],
    },
    Table { name: "transfers", place: BY_ID, key: &["id"] },
    Table { name: "events", place: "format('record %s', record)", key: &["record"] },
    Table { name: "alert_changes", place: BY_ID, key: &["id"] },
    Table { name: "recharges", place: BY_ID, key: &["id"] },
    Table {
        name: "totals",
        place: "format('slot %s currency \"%s\" price_unit \"%s\" conversion_rate %s source \"%s\" kind \"%s\" reason \"%s\"',
                slot, currency, price_unit, trim_scale(conversion_rate), source, kind, reason)",
        key: &["tenant", "slot", "currency", "price_unit", "conversion_rate", "source", "kind", "reason"],
    },
];

/// What an id looks like.
const ID: &str = "^[a-z]+_[0-9A-Z]{26}$";

/// A store that is sound, and a copy of it.
struct Damaged {
    dir: TempDir,
    kept: Kept,
    saved: Kept,
}

impl Damaged {
    async fn new(seed: u64) -> Self {
        let (dir, kept, saved) = (tempfile::tempdir().unwrap(), Kept::new(), Kept::new());
        written(dir.path(), &kept, seed).await;
        saved.copy_from(&kept).await;
        Self { dir, kept, saved }
    }

    async fn found(&self) -> HistoryCheck {
        let found = check(self.dir.path(), &self.kept).await.unwrap();
        assert!(!found.is_sound(), "{found:?}");
        found
    }

    async fn mend(&self) {
        self.kept.copy_from(&self.saved).await;
        assert!(check(self.dir.path(), &self.kept).await.unwrap().is_sound());
    }
}

/// A change of one column of one line.
#[derive(Clone, Debug)]
struct Change {
    column: String,
    /// Lines that it changes.
    of: String,
    /// What stands there afterwards.
    to: String,
}

/// All changes of a table.
async fn changes(client: &Client, schema: &str, table: &str) -> Vec<Change> {
    let columns =
        "SELECT column_name::text, data_type::text, is_nullable = 'YES' FROM information_schema.columns
                   WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position";
    let mut changes = Vec::new();
    for line in client.query(columns, &[&schema, &table]).await.unwrap() {
        let (column, kind, is_optional): (String, String, bool) = (line.get(0), line.get(1), line.get(2));
        let any = format!("SELECT EXISTS (SELECT FROM {table} WHERE {column} IS NOT NULL)");
        let is_used: bool = client.query_one(&any, &[]).await.unwrap().get(0);
        let there = if is_used { format!("{column} IS NOT NULL") } else { "true".to_owned() };
        let change = |of: &str, to: String| Change { column: column.clone(), of: of.to_owned(), to };
        match &*kind {
            // Far enough for no line to be there.
            "bigint" => changes.push(change(&there, format!("coalesce({column}, 0) + 1000003"))),
            "numeric" => {
                changes.push(change(&there, format!("coalesce({column}, 0) + 0.000000000000001")));
                changes.push(change(&there, "'NaN'".to_owned()));
            }
            "text" => {
                changes.push(change(&there, format!("coalesce({column}, '') || 'x'")));
                // Other letters: of an id, which is read in any, and of a word.
                changes.push(change(
                    &format!("{column} ~ '{ID}' AND {column} <> lower({column})"),
                    format!("lower({column})"),
                ));
                let other = format!(
                    "CASE upper({column}) WHEN {column} THEN lower({column}) ELSE upper({column}) END"
                );
                changes.push(change(&format!("{column} !~ '{ID}' AND {column} <> {other}"), other.clone()));
            }
            kind => panic!("{kind}"),
        }
        if is_optional && is_used {
            changes.push(change(&there, "NULL".to_owned()));
        }
    }
    changes
}

/// Makes these changes, each in another place, as far as there are places; what was made and where, and what is left.
async fn make(client: &Client, table: &Table, changes: Vec<Change>) -> (Vec<(Change, String)>, Vec<Change>) {
    let (mut lines, mut used, mut left) = (Vec::new(), BTreeSet::new(), Vec::new());
    for change in changes {
        let asked = format!("SELECT ctid::text, {} FROM {} WHERE {}", table.place, table.name, change.of);
        let found = client.query(&asked, &[]).await.unwrap();
        let places = found.iter().map(|line| (line.get::<_, String>(0), line.get::<_, String>(1)));
        let has_any = !found.is_empty();
        match places.into_iter().find(|(_, place)| !used.contains(place)) {
            Some((line, place)) => {
                used.insert(place.clone());
                lines.push((change, line, place));
            }
            None if has_any => left.push(change),
            None => {}
        }
    }
    let mut made = Vec::new();
    for (change, line, place) in lines {
        let sql =
            format!("UPDATE {} SET {} = {} WHERE ctid = $1::text::tid", table.name, change.column, change.to);
        assert_eq!(client.execute(&sql, &[&line]).await.unwrap(), 1, "{change:?}");
        made.push((change, place));
    }
    (made, left)
}

/// What must be told of a change in this place.
fn told(table: &Table, column: &str, place: &str) -> [String; 2] {
    match table.name {
        "slices" => [format!("{place}:"), " slices is ".to_owned()],
        _ if table.key.contains(&column) => [table.name.to_owned(), format!("{place} is missing")],
        _ => [format!("{place}:"), format!(" {column} is ")],
    }
}

fn says(found: &HistoryCheck, words: &[String]) -> bool {
    found.differences.told.iter().any(|line| words.iter().all(|word| line.contains(word)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_of_every_table_that_is_changed_in_one_line_is_told_with_its_line() {
    let of = Damaged::new(62).await;
    let client = of.kept.session().await;
    for table in &TABLES {
        let mut left = changes(&client, &of.kept.schema, table.name).await;
        while !left.is_empty() {
            let (made, rest) = make(&client, table, left).await;
            let found = of.found().await;
            for (change, place) in &made {
                let words = told(table, &change.column, place);
                assert!(says(&found, &words), "{} {place}: {change:?}: {found:#?}", table.name);
            }
            of.mend().await;
            left = rest;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_gone_is_told_whatever_the_cursor_counts() {
    let of = Damaged::new(63).await;
    let client = of.kept.session().await;
    for table in &TABLES {
        // The first, the last, and one between.
        let (name, place, key) = (table.name, table.place, table.key.join(", "));
        let lines = format!("SELECT ctid::text, {place} FROM {name} ORDER BY {key}");
        let lines = client.query(&lines, &[]).await.unwrap();
        assert!(!lines.is_empty(), "{}", table.name);
        let chosen = BTreeSet::from([0, lines.len() / 2, lines.len() - 1]);
        let (gone, places): (Vec<String>, Vec<String>) =
            chosen.iter().map(|line| (lines[*line].get(0), lines[*line].get(1))).unzip();
        let delete = format!("DELETE FROM {} WHERE ctid = ANY($1::text[]::tid[])", table.name);
        assert_eq!(client.execute(&delete, &[&gone]).await.unwrap(), chosen.len() as u64);
        for counts_fit in [false, true] {
            if counts_fit {
                of.kept.sql(FIT).await;
            }
            let found = of.found().await;
            let is_counted = ["transactions", "slices"].contains(&table.name);
            assert_eq!(found.damaged.is_empty(), counts_fit || !is_counted, "{found:?}");
            for place in &places {
                let words = told(table, table.key[0], place);
                assert!(says(&found, &words), "{} {place}: {found:#?}", table.name);
            }
        }
        of.mend().await;
    }
}

/// Makes the counts fit.
const FIT: &str = "UPDATE cursor SET transactions = (SELECT count(*) FROM transactions), slices = (SELECT count(*) FROM slices)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_stands_there_twice_is_told_whatever_the_cursor_counts() {
    let of = Damaged::new(64).await;
    let client = of.kept.session().await;
    for table in &TABLES {
        let name = table.name;
        let keys = "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' AND conrelid = $1::text::regclass";
        let key = client.query_one(keys, &[&name]).await.unwrap();
        let (key, definition): (String, String) = (key.get(0), key.get(1));
        // As of an index that broke.
        of.kept
            .sql(&format!(
                "DROP INDEX IF EXISTS transactions_by_id; ALTER TABLE {name} DROP CONSTRAINT {key}"
            ))
            .await;
        let lines =
            client.query(&format!("SELECT ctid::text, {} FROM {name}", table.place), &[]).await.unwrap();
        let line = &lines[lines.len() / 2];
        let double = format!("INSERT INTO {name} SELECT * FROM {name} WHERE ctid = $1::text::tid");
        client.execute(&double, &[&line.get::<_, String>(0)]).await.unwrap();
        for counts_fit in [false, true] {
            if counts_fit {
                of.kept.sql(FIT).await;
            }
            let found = of.found().await;
            let words = match name {
                "slices" => told(table, "key", line.get(1)),
                _ => [name.to_owned(), format!("{} is there and must not be", line.get::<_, String>(1))],
            };
            assert!(says(&found, &words), "{name}: {words:?}: {found:#?}");
        }
        of.mend().await;
        of.kept.sql(&format!("ALTER TABLE {name} ADD CONSTRAINT {key} {definition}; CREATE UNIQUE INDEX IF NOT EXISTS transactions_by_id ON transactions (id)")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_never_were_are_told_with_their_place() {
    let of = Damaged::new(65).await;
    for (change, told) in [
        (
            "UPDATE slices SET key = 77::bigint << 40 WHERE key = (SELECT max(key) FROM slices)",
            "are of record 1291845632 row 0, and there is no such row",
        ),
        (
            "INSERT INTO transfers SELECT 'xfer_7ZZZZZZZZZZZZZZZZZZZZZZZZZ', tenant, from_customer, to_customer, credits,
               status, sent_record, sent_at FROM transfers LIMIT 1",
            "transfers xfer_7ZZZZZZZZZZZZZZZZZZZZZZZZZ is there and must not be",
        ),
    ] {
        of.kept.sql(change).await;
        assert!(says(&of.found().await, &[told.to_owned()]), "{change}: {:#?}", of.found().await);
        of.mend().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_says_what_is_not_so_is_found() {
    let of = Damaged::new(66).await;
    for (change, told) in [
        ("UPDATE cursor SET position = position + 1", "and the log ends at"),
        ("UPDATE cursor SET position = position / 2", "the log holds something else at record"),
        ("UPDATE cursor SET position = 0", "the log holds something else at record 0"),
        (
            "UPDATE cursor SET hash = set_byte(hash, 31, get_byte(hash, 31) # 1)",
            "the log holds something else at record",
        ),
        ("UPDATE cursor SET hash = ''", "the log holds something else at record"),
        ("UPDATE cursor SET at = at + 1", "and the log says"),
        ("UPDATE cursor SET transactions = transactions + 1", "rows and"),
        ("UPDATE cursor SET slices = slices - 1", "slices instead of"),
        ("DELETE FROM cursor", "it has no cursor"),
    ] {
        of.kept.sql(change).await;
        let found = of.found().await;
        assert!(found.damaged.iter().any(|line| line.contains(told)), "{change}: {found:?}");
        of.mend().await;
    }
}

/// Runs a command on the directory; its code and what it printed.
fn coffer(of: &Damaged, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coffer"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COFFER_")) {
        command.env_remove(name);
    }
    command.args(arguments).arg("--data-dir").arg(of.dir.path());
    command
        .env("COFFER_SEGMENT_BYTES", "2097152")
        .env("COFFER_HISTORY_ENABLED", "true")
        .envs(of.kept.variables());
    let output = command.output().unwrap();
    let told =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code().unwrap(), told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_say_what_they_found_and_where() {
    let of = Damaged::new(67).await;
    let (code, told) = coffer(&of, &["history", "verify"]);
    assert!(code == 0 && told.contains("everything is sound"), "{code}: {told}");
    let changes = [
        (
            "UPDATE transactions SET credits = credits + 1 WHERE key = (SELECT min(key) FROM transactions)",
            "credits is ",
        ),
        (
            "UPDATE alert_changes SET status = 'ok' WHERE id = (SELECT min(id) FROM alert_changes WHERE status <> 'ok')",
            "status is \"ok\" and must be ",
        ),
        (
            "UPDATE recharges SET status = 'completed', reason = NULL WHERE id = (SELECT min(id) FROM recharges WHERE status = 'failed')",
            "status is \"completed\" and must be \"failed\"",
        ),
    ];
    for (change, words) in changes {
        of.kept.sql(change).await;
        for (command, line) in [("history", "differs: "), ("audit", "history: ")] {
            let (code, told) = coffer(&of, &[command, "verify"]);
            let is_told = told.lines().any(|told| told.contains(line) && told.contains(words));
            assert!(code == 1 && is_told, "{command} {change}: {code}: {told}");
        }
        of.mend().await;
    }
    of.kept.sql("DELETE FROM transactions WHERE key = (SELECT min(key) FROM transactions)").await;
    for command in ["history", "audit"] {
        let (code, told) = coffer(&of, &[command, "verify"]);
        assert!(
            code != 0 && told.contains("row 0 is missing") && told.contains("rows and"),
            "{code}: {told}"
        );
    }
}
