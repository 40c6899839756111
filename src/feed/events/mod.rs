//! Events: every change of a customer's wallets, rows, holds and what belongs to them, for whoever is not the caller.
//!
//! An event is derived from a durable record and from nothing else, by [`derive`]: the same record gives the same events with the same
//! ids whenever it is asked, so nothing has to be kept of them, and whoever gets one twice knows it by its id. What there is, is a table:
//! [`EventKind`]; what each tells is in docs/EVENTS.md. A kind that is added later must come from facts that are added with it: an
//! event's id counts the events of its record.
//!
//! Absent on purpose: who gets them (`stream`, `webhooks`). Tested in `tests/http/event_stream.rs`.

mod data;
mod filter;
mod kind;
mod names;
mod of_log;
mod of_record;
mod rules;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use coffer_ledger::ids::{CustomerNumber, EventId, LogPosition, TenantNumber};
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use serde::Serialize;
use serde_json::Value;

pub use self::filter::{EVENT_TYPES_MAX, EventFilter};
pub use self::kind::EventKind;
pub(crate) use self::names::Names;
pub(crate) use self::of_log::{Decoded, events_of, scan, scan_while, whose};

use self::data::{Around, Fit, tell};
use self::of_record::{Happened, What};
use super::history::Row;
use crate::engine::CustomerNames;
use crate::wire::{Id, Time};

/// Bytes of an event as JSON at most, as the Standard Webhooks specification advises (20 kB).
pub const EVENT_BYTES_MAX: usize = 20_000;

/// An event, written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its id.
    pub(crate) id: EventId,
    /// What it is.
    pub(crate) kind: EventKind,
    /// Its record.
    pub(crate) position: LogPosition,
    /// Which event of its record, from 0.
    pub(crate) index: u32,
    /// Whether it is the last of its record, of all kinds.
    pub(crate) ends_record: bool,
    /// All of it: a JSON object without a line break.
    pub(crate) json: Bytes,
}

/// Where a record is, and what its customers are called.
struct Of<'a> {
    /// Whose it is.
    tenant: TenantNumber,
    /// Whose it is; `None` = the tenant's own.
    customer: Option<CustomerNumber>,
    /// Its place in the log.
    position: LogPosition,
    /// The customer's names; `None` = nobody can say.
    names: Option<&'a Arc<CustomerNames>>,
    /// Those of the other customer, if the record is about two.
    other: Option<&'a Arc<CustomerNames>>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    id: Id,
    #[serde(rename = "type")]
    kind: &'static str,
    schema_version: u32,
    timestamp: Time,
    customer_id: Option<&'a str>,
    external_customer_id: Option<&'a str>,
    log_position: String,
    omitted: &'a [&'static str],
    data: &'a Value,
}

/// The other customer that a record's events name.
fn other_customer(record: &Record) -> Option<CustomerNumber> {
    use coffer_ledger::fact::Effect;
    match &record.facts.effect {
        Effect::TransferSent(sent) => Some(sent.out.to),
        Effect::TransferReceived { from, .. } => Some(*from),
        _ => None,
    }
}

/// The events of a record that are wanted, in order. `from_index`: those before it are not.
fn derive(
    at: Timestamp,
    happened: Vec<Happened<'_>>,
    record: Option<&Record>,
    of: &Of<'_>,
    filter: EventFilter,
    from_index: u32,
) -> Vec<Event> {
    let is_wanted =
        |(index, happened): &(u32, &Happened<'_>)| *index >= from_index && filter.wants(happened.kind);
    let all = happened.len();
    let wanted = (0_u32..).zip(&happened).filter(is_wanted);
    let ends = |index: u32| usize::try_from(index).is_ok_and(|index| index + 1 == all);
    wanted.map(|(index, happened)| event((at, record), of, happened, (index, ends(index)))).collect()
}

fn event(
    (at, record): (Timestamp, Option<&Record>),
    of: &Of<'_>,
    happened: &Happened<'_>,
    (index, ends_record): (u32, bool),
) -> Event {
    let id = EventId::new(at, of.position, index);
    let row = match (&happened.what, of.customer, record) {
        (What::Row(row), Some(customer), Some(record)) => Some(Row::of(of.tenant, customer, record, row)),
        _ => None,
    };
    let around = Around { row: row.as_ref(), other: of.other };
    let written = |fit: Fit| {
        let told = tell(&happened.what, &around, fit);
        let envelope = Envelope {
            id: id.into(),
            kind: happened.kind.as_str(),
            schema_version: happened.kind.schema_version(),
            timestamp: Time(at),
            customer_id: of.names.map(|names| &*names.id),
            external_customer_id: of.names.map(|names| &*names.external_id),
            log_position: of.position.0.to_string(),
            omitted: &told.omitted,
            data: &told.data,
        };
        serde_json::to_vec(&envelope).expect("maps of strings go into a buffer")
    };
    let fits = |json: &Vec<u8>| json.len() <= EVENT_BYTES_MAX;
    let json = Fit::STEPS.into_iter().map(written).find(fits);
    let json = json.expect("without lists and words an event is a few fields of limited length");
    Event { id, kind: happened.kind, position: of.position, index, ends_record, json: json.into() }
}
