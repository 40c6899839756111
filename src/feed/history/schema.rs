//! The tables (docs/OPERATIONS.md tells their columns), and what a file must be to be ours.

use rusqlite::Connection;

/// Stands in the file's header: `CofH`.
pub(super) const APPLICATION_ID: i32 = 0x436f_6648;

/// Grows with every change of the tables or of what stands in them; a file of another one is made anew from the log.
pub(super) const VERSION: i32 = 1;

/// `key` = record × 65,536 + row. The cursor has one line: the last record that is in here, the hash of that record's batch, and how many
/// rows there must be.
const TABLES: &str = "
CREATE TABLE cursor (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL, hash BLOB NOT NULL, at INTEGER NOT NULL,
  transactions INTEGER NOT NULL, slices INTEGER NOT NULL
) STRICT;
INSERT INTO cursor VALUES (1, 0, x'', 0, 0, 0);
CREATE TABLE transactions (
  key INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL, customer INTEGER NOT NULL, wallet BLOB NOT NULL, sequence INTEGER,
  type TEXT NOT NULL, reason TEXT NOT NULL, status TEXT NOT NULL,
  credits BLOB NOT NULL, amount BLOB, currency TEXT, charged BLOB,
  balance_before BLOB, balance_after BLOB, repaid BLOB NOT NULL,
  tranche BLOB, expires_at INTEGER, priority INTEGER,
  parent BLOB, completes BLOB, conversion_rate BLOB, topup_conversion_rate BLOB,
  card BLOB, card_version INTEGER, invoice TEXT, hold BLOB, transfer BLOB,
  reference_type TEXT, reference_id TEXT, description TEXT, metadata TEXT, idempotency_key TEXT, by_key BLOB,
  effective_at INTEGER NOT NULL, recorded_at INTEGER NOT NULL
) STRICT;
CREATE INDEX transactions_of_tenant ON transactions (tenant);
CREATE INDEX transactions_of_customer ON transactions (customer);
CREATE INDEX transactions_of_wallet ON transactions (wallet);
CREATE TABLE slices (
  key INTEGER NOT NULL, number INTEGER NOT NULL,
  wallet BLOB NOT NULL, credits BLOB NOT NULL,
  tranche BLOB, source TEXT, original BLOB, paid BLOB, expires_at INTEGER,
  PRIMARY KEY (key, number)
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
