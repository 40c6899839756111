//! Records and states of customers.

use coffer_ledger::command::Origin;
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::Facts;
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_wal::{FrameHeader, Lsn, Subject};

use super::bytes::{Piece, append, append_frame, versioned};
use super::convert::{
    Mirror, Owner, command_from_shape, command_text, command_to_shape, facts_from_shape, facts_texts,
    facts_to_shape,
};
use super::error::{DecodeError, EncodeError};
use super::kinds::{self, check_version};
use super::v1;

const PUBLIC: &str = "the public part of a customer's record";
const PERSONAL: &str = "the personal part of a customer's record";
const STATE: &str = "a customer's state";

/// Appends the frame of a customer's record to `out`.
///
/// `previous` is the customer's record before this one. `logged_at` is the log's time; it differs from the facts' for a tenant
/// with a clock of its own (SEMANTICS §10).
///
/// # Errors
/// [`EncodeError::TooLarge`]: the record is larger than the log takes; `out` is as it was.
pub fn encode_customer_frame(
    out: &mut Vec<u8>,
    record: &Record,
    (tenant, number): (TenantNumber, CustomerNumber),
    logged_at: Timestamp,
    previous: Lsn,
) -> Result<(), EncodeError> {
    let Record { origin: Origin { by, idempotency_key }, command, facts } = record;
    let owner = Owner(number);
    let request =
        v1::record::PublicRequest { by: by.to_shape(owner), command: command_to_shape(command, owner) };
    let header = FrameHeader {
        record_type: kinds::CUSTOMER_RECORD,
        version: kinds::VERSION,
        flags: 0,
        subject: Subject { kind: kinds::CUSTOMER, tenant: tenant.0, number: number.0 },
        time_ns: logged_at.0,
        previous,
    };
    append_frame(
        out,
        &header,
        (&facts_to_shape(facts, owner), &request),
        (&facts_texts(idempotency_key.as_deref(), &facts.effect), &command_text(command)),
    )
}

/// Reads a whole record.
///
/// # Errors
/// [`DecodeError`] if the version is unknown or the parts are not of its shape, to the last byte.
pub fn decode_record(version: u8, public: &[u8], personal: &[u8]) -> Result<Record, DecodeError> {
    check_version("a customer's record", version)?;
    let (mut public, mut personal) =
        (Piece::of_record(PUBLIC, public)?, Piece::of_record(PERSONAL, personal)?);
    let (shape, texts): (_, v1::texts::FactTexts<'_>) = (public.next()?, personal.next()?);
    let idempotency_key = texts.idempotency_key.map(Box::from);
    let (facts, owner) = facts_from_shape(shape, texts)?;
    let request: v1::record::PublicRequest<'_> = public.next()?;
    let command = command_from_shape(request.command, personal.next()?, owner)?;
    public.end()?;
    personal.end()?;
    Ok(Record {
        origin: Origin { by: Mirror::from_shape(request.by, owner)?, idempotency_key },
        command,
        facts,
    })
}

/// What recovery needs of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayView<'a> {
    /// What was decided.
    pub facts: Facts,
    /// The key that points to this record from now on.
    pub idempotency_key: Option<&'a str>,
}

/// Reads the facts and the key, which come first, and nothing behind them.
///
/// # Errors
/// [`DecodeError`] if the version is unknown or the facts are not of its shape.
pub fn decode_for_replay<'a>(
    version: u8,
    public: &'a [u8],
    personal: &'a [u8],
) -> Result<ReplayView<'a>, DecodeError> {
    check_version("a customer's record", version)?;
    let texts: v1::texts::FactTexts<'a> = Piece::of_record(PERSONAL, personal)?.next()?;
    let idempotency_key = texts.idempotency_key;
    let (facts, _) = facts_from_shape(Piece::of_record(PUBLIC, public)?.next()?, texts)?;
    Ok(ReplayView { facts, idempotency_key })
}

/// Appends the state of a customer: the form in which it rests and in which snapshots keep it. Equal states have equal bytes.
pub fn encode_customer(customer: &Customer, out: &mut Vec<u8>) {
    out.push(kinds::VERSION);
    let shape: v1::state::Customer<'_> = customer.to_shape(Owner(customer.number));
    append(out, &shape).expect("a buffer takes every byte, and no shape of version 1 can refuse");
}

/// Reads a customer's state.
///
/// # Errors
/// [`DecodeError`] if the version is unknown or the bytes are not of its shape, to the last byte.
pub fn decode_customer(bytes: &[u8]) -> Result<Customer, DecodeError> {
    let mut piece = versioned(STATE, bytes)?;
    let shape: v1::state::Customer<'_> = piece.next()?;
    piece.end()?;
    Mirror::from_shape(shape, Owner::NOBODY)
}
