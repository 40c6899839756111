//! Folding records into customers: the same `apply` and `bind` as live, used by recovery and by a rebuild.
//!
//! I6: folding the log gives exactly the live state. What does not fit (a gap in a customer's chain, an unknown version, a
//! broken invariant) stops the start: a state that differs from what was acknowledged must not serve.

use coffer_ledger::apply::{apply, bind};
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::LogPosition;
use coffer_ledger::invariants::{self, Violation};
use coffer_wal::Record;

use super::codec::{self, DecodeError};
use super::enrolments::name_of_ended;

/// Why a record cannot be folded in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FoldError {
    /// The bytes are not a record that this version knows.
    #[error("record {lsn} cannot be read: {source}")]
    Decode { lsn: u64, source: DecodeError },
    /// The customer's chain has a gap.
    #[error("record {lsn} follows record {named} of its customer, but the last one known is {known}")]
    Gap { lsn: u64, named: u64, known: u64 },
    /// The state after the record breaks a rule.
    #[error("record {lsn} leads to a state that breaks an invariant: {violation}")]
    Violation { lsn: u64, violation: Violation },
}

/// What folding a record came to.
#[derive(Debug, Default)]
pub(crate) struct Folded<'a> {
    /// The key that it was asked under.
    pub(crate) key: Option<&'a str>,
    /// What the customer was called before, if it is called otherwise now.
    pub(crate) was_called: Option<Box<str>>,
    /// The name of the subscription that it ended.
    pub(crate) ended: Option<Box<str>>,
}

/// Folds one record in, unless the state has it already.
pub(crate) fn fold<'a>(customer: &mut Customer, record: &Record<'a>) -> Result<Folded<'a>, FoldError> {
    let lsn = record.lsn.0;
    let view = codec::decode_for_replay(record.header.version, record.public, record.personal)
        .map_err(|source| FoldError::Decode { lsn, source })?;
    let ended = name_of_ended(&view.facts.effect).map(Box::from);
    if lsn <= customer.last_position.0 {
        return Ok(Folded { key: view.idempotency_key, was_called: None, ended });
    }
    let (named, known) = (record.header.previous.0, customer.last_position.0);
    if named != known {
        return Err(FoldError::Gap { lsn, named, known });
    }
    let was_called = renamed(customer, &view.facts.effect);
    apply(customer, &view.facts);
    customer.last_at = view.facts.at;
    bind(customer, &view.facts, LogPosition(lsn));
    customer.last_position = LogPosition(lsn);
    invariants::check_touched(customer, &view.facts)
        .map_err(|violation| FoldError::Violation { lsn, violation })?;
    Ok(Folded { key: view.idempotency_key, was_called, ended })
}

/// What the customer is called, if this effect calls it otherwise: only an erasure does.
pub(crate) fn renamed(customer: &Customer, effect: &Effect) -> Option<Box<str>> {
    let (Some(identity), Effect::CustomerSet(set)) = (&customer.identity, effect) else { return None };
    (identity.external_id != set.external_id).then(|| identity.external_id.clone())
}
