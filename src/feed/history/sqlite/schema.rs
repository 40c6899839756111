//! The tables (docs/OPERATIONS.md tells what they are for), and what a file must be to be ours.

use rusqlite::Connection;

/// Stands in the file's header: `CofH`.
pub(super) const APPLICATION_ID: i32 = 0x436f_6648;

/// Grows with every change of the tables or of what stands in them; a file of another one is made anew from the log.
pub(super) const VERSION: i32 = 5;

/// `key` = record × 65,536 + row. The cursor has one line: the last record that is in here, the hash of that record's batch, and how many
/// rows there must be. A row has its slices beside it in one value (`slices.rs`). A customer's rows have the one index that is worth its pages: a wallet's, a hold's or a tranche's are found
/// among them, since each of these ids names its customer.
const TABLES: &str = "
CREATE TABLE cursor (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL, hash BLOB NOT NULL, at INTEGER NOT NULL,
  transactions INTEGER NOT NULL
) STRICT;
INSERT INTO cursor VALUES (1, 0, x'', 0, 0);
CREATE TABLE transactions (
  key INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL, customer INTEGER NOT NULL, wallet BLOB NOT NULL, sequence INTEGER,
  type TEXT NOT NULL, reason TEXT NOT NULL, status TEXT NOT NULL,
  credits BLOB NOT NULL, amount BLOB, currency TEXT, charged BLOB,
  balance_before BLOB, balance_after BLOB, repaid BLOB NOT NULL,
  tranche BLOB, expires_at INTEGER, priority INTEGER,
  parent BLOB, completes BLOB, conversion_rate BLOB, topup_conversion_rate BLOB,
  card BLOB, card_version INTEGER, invoice TEXT, hold BLOB, transfer BLOB, grant_id BLOB,
  reference_type TEXT, reference_id TEXT, description TEXT, metadata TEXT, idempotency_key TEXT, by_key BLOB,
  effective_at INTEGER NOT NULL, recorded_at INTEGER NOT NULL,
  slices BLOB NOT NULL
) STRICT;
CREATE INDEX transactions_of_tenant ON transactions (tenant);
CREATE INDEX transactions_of_customer ON transactions (customer);
CREATE TABLE wallets (
  id BLOB PRIMARY KEY, tenant INTEGER NOT NULL, customer INTEGER NOT NULL,
  currency TEXT NOT NULL, price_unit TEXT, conversion_rate BLOB NOT NULL, topup_conversion_rate BLOB NOT NULL,
  status TEXT NOT NULL, created_at INTEGER NOT NULL, debt BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tranches (
  id BLOB PRIMARY KEY, tenant INTEGER NOT NULL, customer INTEGER NOT NULL, wallet BLOB NOT NULL,
  source TEXT NOT NULL, priority INTEGER NOT NULL, original BLOB NOT NULL, paid BLOB NOT NULL,
  effective_at INTEGER NOT NULL, expires_at INTEGER, status TEXT NOT NULL, credit BLOB,
  remaining BLOB NOT NULL, spent BLOB NOT NULL, repaid BLOB NOT NULL, expired BLOB NOT NULL, voided BLOB NOT NULL,
  forfeited BLOB NOT NULL, paid_out BLOB NOT NULL, sent BLOB NOT NULL, rolled_over BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE holds (
  id BLOB PRIMARY KEY, tenant INTEGER NOT NULL, customer INTEGER NOT NULL, wallet BLOB NOT NULL, status TEXT NOT NULL,
  over_capture TEXT NOT NULL, credits BLOB NOT NULL, captured BLOB NOT NULL, released BLOB NOT NULL, held BLOB NOT NULL,
  placed_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, ended_at INTEGER, last_record INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE settlements (
  customer INTEGER NOT NULL, invoice TEXT NOT NULL, tenant INTEGER NOT NULL, currency TEXT NOT NULL,
  paid BLOB NOT NULL, shortfall BLOB NOT NULL, status TEXT NOT NULL,
  settled_record INTEGER NOT NULL, settled_at INTEGER NOT NULL, voided_record INTEGER, voided_at INTEGER,
  PRIMARY KEY (customer, invoice)
) STRICT, WITHOUT ROWID;
CREATE TABLE transfers (
  id BLOB PRIMARY KEY, tenant INTEGER NOT NULL, from_customer INTEGER NOT NULL, to_customer INTEGER NOT NULL,
  credits BLOB NOT NULL, status TEXT NOT NULL,
  sent_record INTEGER NOT NULL, sent_at INTEGER NOT NULL, ended_record INTEGER, ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
  record INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, customer INTEGER NOT NULL,
  source TEXT NOT NULL, event TEXT NOT NULL, happened_at INTEGER NOT NULL,
  meter TEXT NOT NULL, quantity BLOB NOT NULL, price BLOB, card BLOB, card_version INTEGER,
  uncollected BLOB NOT NULL, debit BLOB, recorded_at INTEGER NOT NULL
) STRICT;
CREATE TABLE alert_changes (
  id BLOB PRIMARY KEY, tenant INTEGER NOT NULL, customer INTEGER NOT NULL, wallet BLOB NOT NULL,
  type TEXT NOT NULL, previous_status TEXT NOT NULL, status TEXT NOT NULL, posted BLOB NOT NULL, runway_seconds INTEGER,
  record INTEGER NOT NULL, changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_changes_of_tenant ON alert_changes (tenant);
CREATE INDEX alert_changes_of_customer ON alert_changes (customer);
CREATE TABLE recharges (
  id BLOB PRIMARY KEY, tenant INTEGER NOT NULL, customer INTEGER NOT NULL, wallet BLOB NOT NULL,
  origin TEXT NOT NULL, status TEXT NOT NULL, trusted INTEGER NOT NULL,
  credits BLOB NOT NULL, amount BLOB NOT NULL, charged BLOB NOT NULL, currency TEXT NOT NULL,
  invoice_id BLOB, tranche BLOB, bonus_tranche BLOB, reason TEXT,
  begun_record INTEGER NOT NULL, begun_at INTEGER NOT NULL, expires_at INTEGER, ended_record INTEGER, ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX recharges_of_customer ON recharges (customer);
CREATE TABLE totals (
  tenant INTEGER NOT NULL, slot INTEGER NOT NULL,
  currency TEXT NOT NULL, price_unit TEXT NOT NULL, conversion_rate BLOB NOT NULL,
  source TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL,
  moves INTEGER NOT NULL, credits BLOB NOT NULL, share BLOB NOT NULL, free_value BLOB NOT NULL,
  PRIMARY KEY (tenant, slot, currency, price_unit, conversion_rate, source, kind, reason)
) STRICT, WITHOUT ROWID;
";

/// Makes the tables in an empty file, all or none.
pub(super) fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// What must be in a file of this version and is not there as it must be; other things may stand beside it.
pub(super) fn missing(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let mut model = Connection::open_in_memory()?;
    create(&mut model)?;
    let mut of_model = model.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    let all = of_model.query_map([], |line| Ok((line.get(0)?, line.get(1)?)))?;
    for one in all {
        let (name, sql): (String, String) = one?;
        let same = "SELECT count(*) FROM sqlite_schema WHERE name = ?1 AND sql = ?2";
        let found: i64 = connection.query_row(same, (&name, sql), |line| line.get(0))?;
        if found == 0 {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
