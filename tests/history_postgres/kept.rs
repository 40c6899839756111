//! What the tests do to a store that is a schema of a PostgreSQL database. `tests/history/kept.rs` says the same of a file.

use std::sync::atomic::{AtomicU64, Ordering};

use coffer::feed::history::{Address, Place};
use tokio_postgres::Client;

use crate::program::Random;
use crate::server::Server;

/// The store's tables.
const TABLES: [&str; 12] = [
    "cursor",
    "transactions",
    "slices",
    "wallets",
    "tranches",
    "holds",
    "settlements",
    "transfers",
    "events",
    "alert_changes",
    "recharges",
    "totals",
];

/// A store, and all that can be done to it.
pub(crate) struct Kept {
    pub(crate) server: &'static Server,
    pub(crate) schema: String,
}

impl Kept {
    /// Changes that only this store can be told in these words.
    pub(crate) const CHANGES: [(&'static str, &'static str); 7] = [
        ("slices removed", "DELETE FROM slices WHERE key = (SELECT max(key) FROM slices)"),
        ("another version", "COMMENT ON TABLE cursor IS 'Coffer history, version 77'"),
        (
            "tables of an older build",
            "DROP TABLE alert_changes, recharges CASCADE; COMMENT ON TABLE cursor IS 'Coffer history, version 2'",
        ),
        ("a table dropped", "DROP TABLE slices CASCADE"),
        ("a column changed", "ALTER TABLE events DROP COLUMN meter"),
        ("a view dropped", "DROP VIEW ledger"),
        ("a cursor of another log", "UPDATE cursor SET hash = decode(repeat('00', 32), 'hex')"),
    ];

    /// A place where no store is yet.
    pub(crate) fn new() -> Self {
        Self::at(Server::shared())
    }

    /// The same on a server of its own, which may fall without disturbing others.
    pub(crate) fn alone() -> Self {
        Self::at(Server::of_its_own())
    }

    fn at(server: &'static Server) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { server, schema: format!("store_{}", NEXT.fetch_add(1, Ordering::Relaxed)) }
    }

    /// Where it is.
    pub(crate) fn place(&self) -> Place {
        self.place_as("coffer")
    }

    /// The same for another role.
    pub(crate) fn place_as(&self, role: &str) -> Place {
        let server = self.server.text().replace("user=coffer", &format!("user={role}"));
        let server = server.parse().unwrap();
        Place::Postgres(Box::new(Address::new(server, &self.schema).unwrap()))
    }

    /// The variables that tell a server where it is.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("COFFER_HISTORY_POSTGRES", self.server.text()),
            ("COFFER_HISTORY_POSTGRES_SCHEMA", self.schema.clone()),
        ]
    }

    /// A session in the schema.
    pub(crate) async fn session(&self) -> Client {
        let client = self.server.connect().await;
        client.batch_execute(&format!("SET search_path TO {}", self.schema)).await.unwrap();
        client
    }

    /// Does something to what stands in it.
    pub(crate) async fn sql(&self, sql: &str) {
        self.session().await.batch_execute(sql).await.unwrap();
    }

    /// The last record in it.
    pub(crate) async fn position(&self) -> i64 {
        self.session().await.query_one("SELECT position FROM cursor", &[]).await.unwrap().get(0)
    }

    /// Takes over what stands in another that nobody uses.
    pub(crate) async fn copy_from(&self, other: &Self) {
        let client = self.session().await;
        client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", self.schema)).await.unwrap();
        for table in TABLES {
            let from = format!("{}.{table}", other.schema);
            let sql = format!(
                "CREATE TABLE IF NOT EXISTS {table} (LIKE {from}); TRUNCATE {table}; INSERT INTO {table} TABLE {from}"
            );
            client.batch_execute(&sql).await.unwrap();
        }
    }

    /// Keeps everybody from writing, until it is dropped.
    pub(crate) async fn lock(&self) -> Client {
        let client = self.session().await;
        client.batch_execute("BEGIN; LOCK TABLE cursor IN EXCLUSIVE MODE").await.unwrap();
        client
    }

    /// Takes it away.
    pub(crate) async fn remove(&self) {
        self.sql(&format!("DROP SCHEMA {} CASCADE", self.schema)).await;
    }

    /// Lets happen what can happen to such a store while it is written: now and then its server falls.
    pub(crate) fn disturb(&self, random: &mut Random) {
        if random.below(3) == 0 {
            self.server.crash();
        }
    }
}
