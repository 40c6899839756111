//! What is still to be sent and what was: an SQLite file of its own.
//!
//! No event is in it, only where each stands in the log. An endpoint's cursor moves in the transaction that enters its deliveries, so
//! nothing is passed over and nothing entered twice, whenever the process is killed. A *lane* is the deliveries of one endpoint about one
//! customer, in log order: the next one is sent when the one before it was taken or given up.
//!
//! WAL mode, `synchronous = NORMAL`: a power cut takes the last transactions away whole, cursors with them; what was sent meanwhile is sent
//! again. A file that was removed begins anew, each endpoint at the record that made it. Tested in `tests/http/webhooks.rs`.

use std::path::Path;
use std::time::Duration;

use coffer_ledger::ids::{ThingId, WebhookEndpointId};
use rusqlite::{Connection, OptionalExtension, Row, params};

const FORMAT: i64 = 1;
/// How long another process may hold the file's lock before that is an answer.
const BUSY: Duration = Duration::from_millis(1_000);
const TABLES: &str = "
CREATE TABLE about (format INTEGER NOT NULL, store BLOB NOT NULL);
CREATE TABLE endpoints (
  id BLOB PRIMARY KEY, cursor INTEGER NOT NULL, failures INTEGER NOT NULL, failing_since INTEGER, paused_until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, endpoint BLOB NOT NULL, lane INTEGER NOT NULL, position INTEGER NOT NULL, event INTEGER NOT NULL,
  kind TEXT NOT NULL, at INTEGER NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER NOT NULL, last_at INTEGER,
  status INTEGER, error TEXT, took_ms INTEGER
);
CREATE INDEX deliveries_lane ON deliveries (endpoint, lane, id) WHERE state = 0;
CREATE INDEX deliveries_log ON deliveries (endpoint, id);
CREATE TABLE lanes (
  endpoint BLOB NOT NULL, lane INTEGER NOT NULL, next_at INTEGER NOT NULL, waits_for_endpoint INTEGER NOT NULL, PRIMARY KEY (endpoint, lane)
) WITHOUT ROWID;
CREATE INDEX lanes_due ON lanes (endpoint, next_at);
";

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryState {
    /// To be sent, for the first time or again.
    Pending,
    /// Taken.
    Delivered,
    /// Given up.
    Failed,
}

impl DeliveryState {
    /// The API's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The state of this word.
    pub(crate) fn named(word: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Failed].into_iter().find(|state| state.as_str() == word)
    }

    const fn number(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Delivered => 1,
            Self::Failed => 2,
        }
    }

    const fn of(number: i64) -> Self {
        match number {
            0 => Self::Pending,
            1 => Self::Delivered,
            _ => Self::Failed,
        }
    }
}

/// A delivery as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Its number, rising.
    pub(crate) id: i64,
    /// Whose turn it waits for: the customer's number; 0 = it is about none; below 0 = sent again by itself.
    pub(crate) lane: i64,
    /// The event's record …
    pub(crate) position: u64,
    /// … and which event of it.
    pub(crate) event: u32,
    /// The event's type.
    pub(crate) kind: String,
    /// Time of the record, in nanoseconds.
    pub(crate) at: u64,
    pub(crate) state: DeliveryState,
    /// Its own attempts: those that only asked whether the endpoint is back are not counted.
    pub(crate) attempts: u32,
    /// When its next own attempt is, in milliseconds; in lists, when it is sent next.
    pub(crate) next_at: u64,
    /// When it was tried last, in milliseconds.
    pub(crate) last_at: Option<u64>,
    /// What the endpoint answered then.
    pub(crate) status: Option<u16>,
    /// Why there was no answer, or it was no good.
    pub(crate) error: Option<String>,
    /// How long that took, in milliseconds.
    pub(crate) took_ms: Option<u64>,
}

/// An event that is to be sent.
#[derive(Clone, Debug)]
pub(super) struct New {
    pub(super) lane: i64,
    pub(super) position: u64,
    pub(super) event: u32,
    pub(super) kind: &'static str,
    pub(super) at: u64,
}

/// What is remembered of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// Everything up to this record was entered.
    pub(super) cursor: u64,
    /// Attempts without an answer, or with one that says it is busy, in a row; those under way together are one.
    pub(super) failures: u32,
    /// Since when nothing was taken, in milliseconds.
    pub(super) failing_since: Option<u64>,
    /// Until when it is left alone, in milliseconds.
    pub(super) paused_until: u64,
}

/// What an attempt comes to.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    pub(super) state: DeliveryState,
    /// Whether it is one of the event's own attempts, and did not only ask whether the endpoint is back.
    pub(super) is_counted: bool,
    /// When the event's next own attempt is, in milliseconds …
    pub(super) next_at: u64,
    /// … and when its lane is due, unless the endpoint is left alone then.
    pub(super) lane_at: u64,
    pub(super) last_at: u64,
    pub(super) status: Option<u16>,
    pub(super) error: Option<String>,
    pub(super) took_ms: u64,
}

/// Which deliveries a list shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeliveryQuery {
    /// Only these.
    pub(crate) state: Option<DeliveryState>,
    /// Only older ones than this.
    pub(crate) before: Option<i64>,
    /// So many.
    pub(crate) limit: usize,
}

/// The file, open.
pub(super) struct Store(Connection);

type Result<T> = std::result::Result<T, rusqlite::Error>;

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn key(id: WebhookEndpointId) -> [u8; 16] {
    id.0.0.to_be_bytes()
}

impl Store {
    /// Opens the file, or makes it. One of another log, or of another format, is not touched.
    pub(super) fn open(path: &Path, store: [u8; 16]) -> std::result::Result<Self, String> {
        let opened = Connection::open(path).and_then(|connection| {
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            let tables: i64 =
                connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
            if tables == 0 {
                connection.execute_batch(&format!("BEGIN IMMEDIATE;{TABLES}"))?;
                connection.execute("INSERT INTO about VALUES (?1, ?2)", params![FORMAT, store])?;
                connection.execute_batch("COMMIT")?;
            }
            let about = connection.query_row("SELECT format, store FROM about", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 16]>(1)?))
            })?;
            Ok((connection, about))
        });
        let (connection, (format, of)) = opened.map_err(|error| error.to_string())?;
        match (format, of == store) {
            (FORMAT, true) => {
                // An older build had lanes that wait for the endpoint wait for an event's schedule.
                let due = "UPDATE lanes SET next_at = 0, waits_for_endpoint = 0 WHERE waits_for_endpoint";
                connection.execute(due, []).map_err(|error| error.to_string())?;
                Ok(Self(connection))
            }
            (FORMAT, false) => Err("it is of another log".to_owned()),
            (format, _) => Err(format!("it is of format {format}, and this build knows {FORMAT}")),
        }
    }

    /// Everything that `work` does, or nothing of it.
    pub(super) fn at_once<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let transaction = self.0.transaction()?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// What is remembered of an endpoint; one that is new begins at `from`.
    pub(super) fn endpoint(&mut self, id: WebhookEndpointId, from: u64) -> Result<(Health, u64)> {
        self.at_once(|file| {
            let add = "INSERT OR IGNORE INTO endpoints VALUES (?1, ?2, 0, NULL, 0)";
            file.prepare_cached(add)?.execute(params![key(id), whole(from)])?;
            let read = "SELECT cursor, failures, failing_since, paused_until FROM endpoints WHERE id = ?1";
            let health = file.query_row(read, params![key(id)], |row| {
                Ok(Health {
                    cursor: unsigned(row.get(0)?),
                    failures: row.get(1)?,
                    failing_since: row.get::<_, Option<i64>>(2)?.map(unsigned),
                    paused_until: unsigned(row.get(3)?),
                })
            })?;
            let count = "SELECT count(*) FROM deliveries WHERE endpoint = ?1 AND state = 0";
            let pending = file.query_row(count, params![key(id)], |row| row.get(0)).map(unsigned)?;
            Ok((health, pending))
        })
    }

    /// Every endpoint that the file knows.
    pub(super) fn known(&self) -> Result<Vec<WebhookEndpointId>> {
        let mut all = self.0.prepare_cached("SELECT id FROM endpoints")?;
        let ids = all.query_map([], |row| row.get::<_, [u8; 16]>(0))?;
        ids.map(|id| id.map(|id| WebhookEndpointId(ThingId(u128::from_be_bytes(id))))).collect()
    }

    /// Forgets an endpoint that is gone.
    pub(super) fn forget(&mut self, id: WebhookEndpointId) -> Result<()> {
        self.at_once(|file| {
            for table in ["deliveries WHERE endpoint", "lanes WHERE endpoint", "endpoints WHERE id"] {
                file.execute(&format!("DELETE FROM {table} = ?1"), params![key(id)])?;
            }
            Ok(())
        })
    }

    /// The lanes that are due, most overdue first, with their next delivery; not those that are `busy`.
    pub(super) fn due(
        &self,
        id: WebhookEndpointId,
        now: u64,
        room: usize,
        busy: &dyn Fn(i64) -> bool,
    ) -> Result<Vec<Delivery>> {
        let find = "SELECT lane FROM lanes WHERE endpoint = ?1 AND next_at <= ?2 ORDER BY next_at";
        let mut lanes = self.0.prepare_cached(find)?;
        let mut lanes = lanes.query(params![key(id), whole(now)])?;
        let mut found = Vec::new();
        while found.len() < room
            && let Some(row) = lanes.next()?
        {
            let lane: i64 = row.get(0)?;
            if !busy(lane) {
                found.extend(self.first_of(id, lane)?);
            }
        }
        Ok(found)
    }

    fn first_of(&self, id: WebhookEndpointId, lane: i64) -> Result<Option<Delivery>> {
        let find = format!(
            "SELECT {COLUMNS} FROM deliveries WHERE endpoint = ?1 AND lane = ?2 AND state = 0 ORDER BY id LIMIT 1"
        );
        self.0.prepare_cached(&find)?.query_row(params![key(id), lane], delivery).optional()
    }

    /// When the next lane that is not due yet is; `None` = there is none.
    pub(super) fn next_due(&self, id: WebhookEndpointId, now: u64) -> Result<Option<u64>> {
        let find = "SELECT min(next_at) FROM lanes WHERE endpoint = ?1 AND next_at > ?2";
        let mut find = self.0.prepare_cached(find)?;
        let found: Option<i64> = find.query_row(params![key(id), whole(now)], |row| row.get(0))?;
        Ok(found.map(unsigned))
    }

    /// Deliveries of an endpoint that is left alone until then, newest first.
    pub(super) fn list(
        &self,
        id: WebhookEndpointId,
        query: DeliveryQuery,
        paused_until: u64,
    ) -> Result<Vec<Delivery>> {
        let find = format!(
            "SELECT {COLUMNS} FROM deliveries WHERE endpoint = ?1 AND id < ?2 AND (?3 IS NULL OR state = ?3) ORDER BY id DESC LIMIT ?4"
        );
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let state = query.state.map(DeliveryState::number);
        let mut find = self.0.prepare_cached(&find)?;
        let found =
            find.query_map(params![key(id), query.before.unwrap_or(i64::MAX), state, limit], delivery)?;
        let mut found = found.collect::<Result<Vec<_>>>()?;
        let lane_at = "SELECT next_at FROM lanes WHERE endpoint = ?1 AND lane = ?2";
        let mut lane_at = self.0.prepare_cached(lane_at)?;
        for delivery in found.iter_mut().filter(|one| one.state == DeliveryState::Pending) {
            let due: Option<i64> =
                lane_at.query_row(params![key(id), delivery.lane], |row| row.get(0)).optional()?;
            delivery.next_at = due.map_or(0, unsigned).max(paused_until);
        }
        Ok(found)
    }

    /// One delivery of an endpoint.
    pub(super) fn delivery(&self, id: WebhookEndpointId, number: i64) -> Result<Option<Delivery>> {
        let find = format!("SELECT {COLUMNS} FROM deliveries WHERE endpoint = ?1 AND id = ?2");
        self.0.prepare_cached(&find)?.query_row(params![key(id), number], delivery).optional()
    }

    /// Sends a delivery again, beside the order; the number of the new one.
    pub(super) fn resend(&mut self, id: WebhookEndpointId, again: &Delivery) -> Result<i64> {
        self.at_once(|file| {
            let add = "INSERT INTO deliveries (endpoint, lane, position, event, kind, at, state, attempts, next_at) \
                       VALUES (?1, 0, ?2, ?3, ?4, ?5, 0, 0, 0)";
            let (position, at) = (whole(again.position), whole(again.at));
            file.execute(add, params![key(id), position, again.event, again.kind, at])?;
            let number = file.last_insert_rowid();
            file.execute("UPDATE deliveries SET lane = ?1 WHERE id = ?2", params![-number, number])?;
            file.execute("INSERT INTO lanes VALUES (?1, ?2, 0, 0)", params![key(id), -number])?;
            Ok(number)
        })
    }

    /// Begins again after this record: what is pending is dropped, for it comes again, or is not wanted.
    pub(super) fn replay(&mut self, id: WebhookEndpointId, cursor: u64) -> Result<()> {
        self.at_once(|file| {
            file.execute("DELETE FROM deliveries WHERE endpoint = ?1 AND state = 0", params![key(id)])?;
            file.execute("DELETE FROM lanes WHERE endpoint = ?1", params![key(id)])?;
            move_cursor(file, id, cursor)
        })
    }

    /// The endpoint was changed: how it was says nothing any more, and whatever waited is due.
    pub(super) fn begin_afresh(&mut self, id: WebhookEndpointId, health: &Health, now: u64) -> Result<()> {
        self.at_once(|file| {
            set_health(file, id, health)?;
            let due = "UPDATE lanes SET next_at = min(next_at, ?2) WHERE endpoint = ?1";
            file.execute(due, params![key(id), whole(now)])?;
            Ok(())
        })
    }

    /// Keeps the newest `kept` of what is not pending any more.
    pub(super) fn prune(&mut self, id: WebhookEndpointId, kept: u64) -> Result<()> {
        let oldest = "DELETE FROM deliveries WHERE endpoint = ?1 AND state != 0 AND id <= coalesce(\
                      (SELECT id FROM deliveries WHERE endpoint = ?1 AND state != 0 ORDER BY id DESC LIMIT 1 OFFSET ?2), 0)";
        self.0.prepare_cached(oldest)?.execute(params![key(id), whole(kept)])?;
        Ok(())
    }
}

const COLUMNS: &str =
    "id, lane, position, event, kind, at, state, attempts, next_at, last_at, status, error, took_ms";

fn delivery(row: &Row<'_>) -> Result<Delivery> {
    Ok(Delivery {
        id: row.get(0)?,
        lane: row.get(1)?,
        position: unsigned(row.get(2)?),
        event: row.get(3)?,
        kind: row.get(4)?,
        at: unsigned(row.get(5)?),
        state: DeliveryState::of(row.get(6)?),
        attempts: row.get(7)?,
        next_at: unsigned(row.get(8)?),
        last_at: row.get::<_, Option<i64>>(9)?.map(unsigned),
        status: row.get(10)?,
        error: row.get(11)?,
        took_ms: row.get::<_, Option<i64>>(12)?.map(unsigned),
    })
}

/// Enters what is to be sent.
pub(super) fn enter(file: &Connection, id: WebhookEndpointId, all: &[New], now: u64) -> Result<()> {
    let add = "INSERT INTO deliveries (endpoint, lane, position, event, kind, at, state, attempts, next_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, 0)";
    // Whoever waits longest is next.
    let lane = "INSERT OR IGNORE INTO lanes VALUES (?1, ?2, ?3, 0)";
    let (mut add, mut lane) = (file.prepare_cached(add)?, file.prepare_cached(lane)?);
    for new in all {
        add.execute(params![key(id), new.lane, whole(new.position), new.event, new.kind, whole(new.at)])?;
        lane.execute(params![key(id), new.lane, whole(now)])?;
    }
    Ok(())
}

/// Says that everything up to there was entered.
pub(super) fn move_cursor(file: &Connection, id: WebhookEndpointId, cursor: u64) -> Result<()> {
    let set = "UPDATE endpoints SET cursor = ?2 WHERE id = ?1";
    file.prepare_cached(set)?.execute(params![key(id), whole(cursor)])?;
    Ok(())
}

/// Writes down how an attempt ended; whether the delivery was still there.
pub(super) fn settle(
    file: &Connection,
    id: WebhookEndpointId,
    tried: &Delivery,
    how: &Tried,
) -> Result<bool> {
    let set = "UPDATE deliveries SET state = ?3, attempts = attempts + ?9, next_at = ?4, last_at = ?5, status = ?6, error = ?7, took_ms = ?8 \
               WHERE endpoint = ?1 AND id = ?2 AND state = 0";
    let (state, next_at, last_at, took_ms) =
        (how.state.number(), whole(how.next_at), whole(how.last_at), whole(how.took_ms));
    let values =
        params![key(id), tried.id, state, next_at, last_at, how.status, how.error, took_ms, how.is_counted];
    if file.prepare_cached(set)?.execute(values)? == 0 {
        return Ok(false);
    }
    if how.state == DeliveryState::Pending {
        let wait = "UPDATE lanes SET next_at = ?3 WHERE endpoint = ?1 AND lane = ?2";
        file.prepare_cached(wait)?.execute(params![key(id), tried.lane, whole(how.lane_at)])?;
        return Ok(true);
    }
    let more = "SELECT EXISTS (SELECT 1 FROM deliveries WHERE endpoint = ?1 AND lane = ?2 AND state = 0)";
    let more: bool = file.prepare_cached(more)?.query_row(params![key(id), tried.lane], |row| row.get(0))?;
    if more {
        let next = "UPDATE lanes SET next_at = ?3 WHERE endpoint = ?1 AND lane = ?2";
        file.prepare_cached(next)?.execute(params![key(id), tried.lane, whole(how.last_at)])?;
    } else {
        let done = "DELETE FROM lanes WHERE endpoint = ?1 AND lane = ?2";
        file.prepare_cached(done)?.execute(params![key(id), tried.lane])?;
    }
    Ok(true)
}

/// Writes down how an endpoint is.
pub(super) fn set_health(file: &Connection, id: WebhookEndpointId, health: &Health) -> Result<()> {
    let set = "UPDATE endpoints SET failures = ?2, failing_since = ?3, paused_until = ?4 WHERE id = ?1";
    let (since, until) = (health.failing_since.map(whole), whole(health.paused_until));
    file.prepare_cached(set)?.execute(params![key(id), health.failures, since, until])?;
    Ok(())
}
