//! The tables and views. Each table begins with what `columns` makes of a line, in that order.
//!
//! Ids are texts as the API prints them, amounts are NUMERIC with all of their 15 digits, times are nanoseconds since 1970, as TIMESTAMPTZ
//! would lose the last three digits; the views show them as instants too. `key` = record × 65,536 + row. A customer's or a tenant's
//! rows have an index in the order of the log; everything else is found among them, or by an index that its reader makes.

use super::table::{Column, Kind, Table};

/// Grows with every change of the tables or of what stands in them; a store of another one is made anew from the log.
pub(super) const VERSION: u32 = 3;

/// What the comment on everything of ours begins with, before the version.
pub(super) const MARK: &str = "Coffer history, version ";

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text, optional: false }
}

const fn amount(name: &'static str) -> Column {
    Column { name, kind: Kind::Amount, optional: false }
}

const fn number(name: &'static str) -> Column {
    Column { name, kind: Kind::Number, optional: false }
}

const fn maybe(column: Column) -> Column {
    Column { optional: true, ..column }
}

/// A line of `columns::transaction`, and the row's id.
pub(super) const TRANSACTIONS: Table = Table {
    name: "transactions",
    columns: &[
        number("key"),
        number("tenant"),
        number("customer"),
        text("wallet"),
        maybe(number("sequence")),
        text("type"),
        text("reason"),
        text("status"),
        amount("credits"),
        maybe(amount("amount")),
        maybe(text("currency")),
        maybe(amount("charged")),
        maybe(amount("balance_before")),
        maybe(amount("balance_after")),
        amount("repaid"),
        maybe(text("tranche")),
        maybe(number("expires_at")),
        maybe(number("priority")),
        maybe(text("parent")),
        maybe(text("completes")),
        maybe(amount("conversion_rate")),
        maybe(amount("topup_conversion_rate")),
        maybe(text("card")),
        maybe(number("card_version")),
        maybe(text("invoice")),
        maybe(text("hold")),
        maybe(text("transfer")),
        maybe(text("grant_id")),
        maybe(text("reference_type")),
        maybe(text("reference_id")),
        maybe(text("description")),
        maybe(text("metadata")),
        maybe(text("idempotency_key")),
        maybe(text("by_key")),
        number("effective_at"),
        number("recorded_at"),
        text("id"),
    ],
    key: "key",
    indices: &[
        "CREATE INDEX transactions_of_tenant ON transactions (tenant, key)",
        "CREATE INDEX transactions_of_customer ON transactions (customer, key)",
        "CREATE UNIQUE INDEX transactions_by_id ON transactions (id)",
    ],
    changes: false,
};

pub(super) const SLICES: Table = Table {
    name: "slices",
    columns: &[
        number("key"),
        number("number"),
        text("wallet"),
        text("kind"),
        amount("credits"),
        maybe(text("tranche")),
        maybe(text("source")),
        maybe(amount("original")),
        maybe(amount("paid")),
        maybe(number("expires_at")),
        maybe(amount("share")),
    ],
    key: "key, number",
    indices: &[],
    changes: false,
};

pub(super) const WALLETS: Table = Table {
    name: "wallets",
    columns: &[
        text("id"),
        number("tenant"),
        number("customer"),
        text("currency"),
        maybe(text("price_unit")),
        amount("conversion_rate"),
        amount("topup_conversion_rate"),
        text("status"),
        number("created_at"),
        amount("debt"),
    ],
    key: "id",
    indices: &[],
    changes: true,
};

pub(super) const TRANCHES: Table = Table {
    name: "tranches",
    columns: &[
        text("id"),
        number("tenant"),
        number("customer"),
        text("wallet"),
        text("source"),
        number("priority"),
        amount("original"),
        amount("paid"),
        number("effective_at"),
        maybe(number("expires_at")),
        text("status"),
        maybe(text("credit")),
        amount("remaining"),
        amount("spent"),
        amount("repaid"),
        amount("expired"),
        amount("voided"),
        amount("forfeited"),
        amount("paid_out"),
        amount("sent"),
        amount("rolled_over"),
    ],
    key: "id",
    indices: &[],
    changes: true,
};

pub(super) const HOLDS: Table = Table {
    name: "holds",
    columns: &[
        text("id"),
        number("tenant"),
        number("customer"),
        text("wallet"),
        text("status"),
        text("over_capture"),
        amount("credits"),
        amount("captured"),
        amount("released"),
        amount("held"),
        number("placed_at"),
        number("expires_at"),
        maybe(number("ended_at")),
        number("last_record"),
    ],
    key: "id",
    indices: &[],
    changes: true,
};

pub(super) const SETTLEMENTS: Table = Table {
    name: "settlements",
    columns: &[
        number("customer"),
        text("invoice"),
        number("tenant"),
        text("currency"),
        amount("paid"),
        amount("shortfall"),
        text("status"),
        number("settled_record"),
        number("settled_at"),
        maybe(number("voided_record")),
        maybe(number("voided_at")),
    ],
    key: "customer, invoice",
    indices: &[],
    changes: true,
};

/// What a settlement that was put back changes.
pub(super) const SETTLEMENT_VOIDED: &[Column] =
    &[number("customer"), text("invoice"), number("voided_record"), number("voided_at")];

pub(super) const TRANSFERS: Table = Table {
    name: "transfers",
    columns: &[
        text("id"),
        number("tenant"),
        number("from_customer"),
        number("to_customer"),
        amount("credits"),
        text("status"),
        number("sent_record"),
        number("sent_at"),
        maybe(number("ended_record")),
        maybe(number("ended_at")),
    ],
    key: "id",
    indices: &[],
    changes: true,
};

/// What a transfer's end changes.
pub(super) const TRANSFER_ENDED: &[Column] =
    &[text("id"), text("status"), number("ended_record"), number("ended_at")];

pub(super) const EVENTS: Table = Table {
    name: "events",
    columns: &[
        number("record"),
        number("tenant"),
        number("customer"),
        text("source"),
        text("event"),
        number("happened_at"),
        text("meter"),
        amount("quantity"),
        maybe(amount("price")),
        maybe(text("card")),
        maybe(number("card_version")),
        amount("uncollected"),
        maybe(text("debit")),
        number("recorded_at"),
    ],
    key: "record",
    indices: &[],
    changes: false,
};

pub(super) const ALERT_CHANGES: Table = Table {
    name: "alert_changes",
    columns: &[
        text("id"),
        number("tenant"),
        number("customer"),
        text("wallet"),
        text("type"),
        text("previous_status"),
        text("status"),
        amount("posted"),
        maybe(number("runway_seconds")),
        number("record"),
        number("changed_at"),
    ],
    key: "id",
    indices: &[
        "CREATE INDEX alert_changes_of_tenant ON alert_changes (tenant, id)",
        "CREATE INDEX alert_changes_of_customer ON alert_changes (customer, id)",
    ],
    changes: false,
};

pub(super) const RECHARGES: Table = Table {
    name: "recharges",
    columns: &[
        text("id"),
        number("tenant"),
        number("customer"),
        text("wallet"),
        text("origin"),
        text("status"),
        number("trusted"),
        amount("credits"),
        amount("amount"),
        amount("charged"),
        text("currency"),
        maybe(text("invoice_id")),
        maybe(text("tranche")),
        maybe(text("bonus_tranche")),
        maybe(text("reason")),
        number("begun_record"),
        number("begun_at"),
        maybe(number("expires_at")),
        maybe(number("ended_record")),
        maybe(number("ended_at")),
    ],
    key: "id",
    indices: &["CREATE INDEX recharges_of_customer ON recharges (customer, id)"],
    changes: true,
};

pub(super) const TOTALS: Table = Table {
    name: "totals",
    columns: &[
        number("tenant"),
        number("slot"),
        text("currency"),
        text("price_unit"),
        amount("conversion_rate"),
        text("source"),
        text("kind"),
        text("reason"),
        number("moves"),
        amount("credits"),
        amount("share"),
        amount("free_value"),
    ],
    key: "tenant, slot, currency, price_unit, conversion_rate, source, kind, reason",
    indices: &[],
    changes: true,
};

/// All but the cursor.
pub(super) const TABLES: [&Table; 11] = [
    &TRANSACTIONS,
    &SLICES,
    &WALLETS,
    &TRANCHES,
    &HOLDS,
    &SETTLEMENTS,
    &TRANSFERS,
    &EVENTS,
    &ALERT_CHANGES,
    &RECHARGES,
    &TOTALS,
];

/// One line: the last record that is in the store, the hash of that record's batch, and how many rows there must be.
pub(super) const CURSOR: &str = "CREATE TABLE cursor (
  one boolean PRIMARY KEY CHECK (one),
  position bigint NOT NULL, hash bytea NOT NULL, at bigint NOT NULL,
  transactions bigint NOT NULL, slices bigint NOT NULL
)";

/// The cursor's columns.
pub(super) const CURSOR_COLUMNS: [(&str, &str); 6] = [
    ("one", "boolean"),
    ("position", "bigint"),
    ("hash", "bytea"),
    ("at", "bigint"),
    ("transactions", "bigint"),
    ("slices", "bigint"),
];

/// The cursor of a store with nothing in it.
pub(super) const EMPTY: &str = "INSERT INTO cursor VALUES (true, 0, '', 0, 0, 0)";

/// Views for people, by name. A customer's name is in the engine only, so they have its number.
pub(super) const VIEWS: [(&str, &str); 5] = [
    (
        "ledger",
        "SELECT id, {recorded_at}, {effective_at}, tenant, customer, wallet, sequence, type, reason, status, credits, amount, currency,
           charged, balance_before, balance_after, repaid, tranche, {expires_at}, priority, parent, completes, conversion_rate,
           topup_conversion_rate, card, card_version, invoice, hold, transfer, grant_id, reference_type, reference_id, description,
           metadata::json AS metadata, idempotency_key, by_key, key >> 16 AS record
         FROM transactions",
    ),
    (
        "ledger_slices",
        "SELECT t.id AS transaction, {t.recorded_at}, {t.effective_at}, t.tenant, t.customer, s.wallet, t.type, t.reason,
           s.number, s.kind, s.credits, s.share, s.tranche, s.source, s.original, s.paid, {s.expires_at}
         FROM slices s JOIN transactions t USING (key)",
    ),
    (
        "tranche_lives",
        "SELECT id, tenant, customer, wallet, source, priority, original, paid, {effective_at}, {expires_at}, status, credit,
           remaining, spent, repaid, expired, voided, forfeited, paid_out, sent, rolled_over
         FROM tranches",
    ),
    (
        "alert_log",
        "SELECT id, {changed_at}, tenant, customer, wallet, type, previous_status, status, posted, runway_seconds, record
         FROM alert_changes",
    ),
    (
        "recharge_lives",
        "SELECT id, {begun_at}, tenant, customer, wallet, origin, status, trusted = 1 AS trusted, credits, amount, charged, currency,
           invoice_id, tranche, bonus_tranche, reason, {expires_at}, {ended_at}, begun_record, ended_record
         FROM recharges",
    ),
];

/// The text of a view: a time in braces as an instant. Beyond 2262, where nanoseconds wrap, that is infinity.
pub(super) fn view(text: &str) -> String {
    let mut sql = String::new();
    for (part, is_time) in text.split(['{', '}']).zip([false, true].into_iter().cycle()) {
        if !is_time {
            sql.push_str(part);
            continue;
        }
        let name = part.rsplit('.').next().unwrap_or(part);
        sql.push_str(&format!(
            "CASE WHEN {part} < 0 THEN 'infinity' ELSE timestamptz 'epoch' + {part} / 1000 * interval '1 microsecond' END AS {name}"
        ));
    }
    sql
}
