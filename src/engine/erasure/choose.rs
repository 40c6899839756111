//! Which records are about an erased customer, and what is left of their personal parts.

use coffer_ledger::erasure;
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use coffer_ledger::time::Timestamp;
use coffer_wal::{Lsn, Record, decode_frame};

use crate::engine::codec::kinds::{self, Kind};
use crate::engine::codec::{self, DecodeError, EncodeError};

/// Whose personal data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    /// The customer's tenant.
    pub(crate) tenant: TenantNumber,
    /// The customer.
    pub(crate) number: CustomerNumber,
}

/// What of a record is personal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErasedFields {
    /// The key that it was asked under.
    pub idempotency_keys: u64,
    /// Words of the request: names, memos, properties.
    pub requests: u64,
    /// Words of what was done: the customer's profile and name, names of wallets, lines of invoices.
    pub outcomes: u64,
}

impl ErasedFields {
    /// Adds what another record has.
    pub(crate) fn add(&mut self, other: Self) {
        self.idempotency_keys += other.idempotency_keys;
        self.requests += other.requests;
        self.outcomes += other.outcomes;
    }
}

/// Why a record cannot be erased.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChooseError {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A bug: an erasure must not change what is proven.
    #[error("record {0} without its personal data would have another public part")]
    Public(Lsn),
}

/// What stands in place of the personal part of an erased record, and what goes; `None` if the record says nothing about this
/// customer that is personal.
pub(crate) fn instead(record: &Record<'_>, who: Who) -> Result<Option<(Vec<u8>, ErasedFields)>, ChooseError> {
    match kinds::kind_of(&record.header)? {
        Kind::Customer => of_customer(record, Some(who)),
        Kind::Tenant if record.header.subject.tenant == who.tenant.0 => of_tenant(record, Some(who)),
        Kind::Tenant => Ok(None),
    }
}

/// Whether a record of another customer names this one.
pub(crate) fn mentions(record: &Record<'_>, number: CustomerNumber) -> Result<bool, DecodeError> {
    let (subject, header) = (record.header.subject, &record.header);
    // Only the newer version has transfers.
    if subject.kind != kinds::CUSTOMER || subject.number == number.0 || header.version == 1 {
        return Ok(false);
    }
    let whole = codec::decode_record(header.version, record.public, record.personal)?;
    Ok(erasure::names(&whole, number))
}

/// Whether a record that is erased says nothing but what follows from its public part.
pub(crate) fn says_no_more_than_it_must(record: &Record<'_>) -> Result<bool, ChooseError> {
    let left = match kinds::kind_of(&record.header)? {
        Kind::Customer => of_customer(record, None)?,
        Kind::Tenant => of_tenant(record, None)?,
    };
    Ok(left.is_none())
}

fn of_customer(frame: &Record<'_>, who: Option<Who>) -> Result<Option<(Vec<u8>, ErasedFields)>, ChooseError> {
    let (subject, header) = (frame.header.subject, &frame.header);
    let own = who.is_none_or(|who| subject.number == who.number.0);
    // Only the newer version has transfers.
    if !own && header.version == 1 {
        return Ok(None);
    }
    let record = codec::decode_record(header.version, frame.public, frame.personal)?;
    if !own && who.is_some_and(|who| !erasure::names(&record, who.number)) {
        return Ok(None);
    }
    let number = CustomerNumber(subject.number);
    let erased = erasure::of_record(&record, number);
    if erased == record {
        return Ok(None);
    }
    let fields = ErasedFields {
        idempotency_keys: u64::from(record.origin != erased.origin),
        requests: u64::from(record.command != erased.command),
        outcomes: u64::from(record.facts != erased.facts),
    };
    let mut encoded = Vec::new();
    let of = (TenantNumber(subject.tenant), number);
    codec::encode_customer_frame(&mut encoded, &erased, of, Timestamp(header.time_ns), header.previous)?;
    Ok(Some((personal_of(frame, &encoded)?, fields)))
}

fn of_tenant(frame: &Record<'_>, who: Option<Who>) -> Result<Option<(Vec<u8>, ErasedFields)>, ChooseError> {
    let header = &frame.header;
    let record = codec::decode_tenant_record(header.version, frame.public, frame.personal)?;
    if who.is_some_and(|who| !erasure::concerns(&record, who.number)) {
        return Ok(None);
    }
    let erased = erasure::of_tenant_record(&record);
    if erased == record {
        return Ok(None);
    }
    let fields = ErasedFields {
        idempotency_keys: u64::from(record.origin != erased.origin),
        requests: u64::from(record.command != erased.command),
        outcomes: u64::from(record.facts != erased.facts),
    };
    let mut encoded = Vec::new();
    codec::encode_tenant_frame(&mut encoded, &erased, TenantNumber(header.subject.tenant), header.previous)?;
    Ok(Some((personal_of(frame, &encoded)?, fields)))
}

/// The personal part of what was encoded, if the public one is the same.
fn personal_of(was: &Record<'_>, encoded: &[u8]) -> Result<Vec<u8>, ChooseError> {
    match decode_frame(encoded, was.lsn) {
        Ok((is, _)) if (is.public, is.header.version) == (was.public, was.header.version) => {
            Ok(is.personal.to_vec())
        }
        Ok(_) | Err(_) => Err(ChooseError::Public(was.lsn)),
    }
}
