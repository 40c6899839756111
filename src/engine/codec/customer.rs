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
    Mirror, Owner, command_from_v1, command_from_v4, command_text_v1, command_to_v1, command_to_v4,
    commands_from_shape, commands_from_v3, commands_texts, commands_texts_v3, commands_to_shape,
    commands_to_v3, effect_to_v1, effects_to_shape, effects_to_v3, facts_from_v1, facts_from_v2,
    facts_from_v3, facts_texts, facts_texts_v1, facts_texts_v3, record_fits_v1, record_needs_v3,
    record_needs_v4, rests_in_v1, rests_in_v3,
};
use super::error::{DecodeError, EncodeError};
use super::kinds::{self, Version};
use super::{v1, v2, v3, v4};

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
    let header = |version: Version| FrameHeader {
        record_type: kinds::CUSTOMER_RECORD,
        version: version.number(),
        flags: 0,
        subject: Subject { kind: kinds::CUSTOMER, tenant: tenant.0, number: number.0 },
        time_ns: logged_at.0,
        previous,
    };
    if record_needs_v4(record) {
        frame_of_v4(out, &header(Version::V4), record, Owner(number))
    } else if record_needs_v3(record) {
        frame_of_v3(out, &header(Version::V3), record, Owner(number))
    } else if record_fits_v1(record) {
        frame_of_v1(out, &header(Version::V1), record, Owner(number))
    } else {
        frame_of_v2(out, &header(Version::V2), record, Owner(number))
    }
}

fn frame_of_v1(
    out: &mut Vec<u8>,
    header: &FrameHeader,
    record: &Record,
    owner: Owner,
) -> Result<(), EncodeError> {
    let Record { origin: Origin { by, idempotency_key }, command, facts } = record;
    let Facts { at, due, effect, set_off: _ } = facts;
    let public = v1::record::PublicFacts {
        owner: owner.0.to_shape(owner),
        at: at.to_shape(owner),
        due: due.to_shape(owner),
        effect: effect_to_v1(effect, owner),
    };
    let request =
        v1::record::PublicRequest { by: by.to_shape(owner), command: command_to_v1(command, owner) };
    let words = (&facts_texts_v1(idempotency_key.as_deref(), effect), &command_text_v1(command));
    append_frame(out, header, (&public, &request), words)
}

// Apart from the common case, whose room on the stack stays small.
#[inline(never)]
fn frame_of_v2(
    out: &mut Vec<u8>,
    header: &FrameHeader,
    record: &Record,
    owner: Owner,
) -> Result<(), EncodeError> {
    let Record { origin: Origin { by, idempotency_key }, command, facts } = record;
    let Facts { at, due, effect, set_off: _ } = facts;
    let public = v2::record::PublicFacts {
        owner: owner.0.to_shape(owner),
        at: at.to_shape(owner),
        due: due.to_shape(owner),
        effects: effects_to_shape(effect, owner)?,
    };
    let request =
        v2::request::PublicRequest { by: by.to_shape(owner), commands: commands_to_shape(command, owner)? };
    let words = (&facts_texts(idempotency_key.as_deref(), effect)?, &commands_texts(command)?);
    append_frame(out, header, (&public, &request), words)
}

#[inline(never)]
fn frame_of_v3(
    out: &mut Vec<u8>,
    header: &FrameHeader,
    record: &Record,
    owner: Owner,
) -> Result<(), EncodeError> {
    let Record { origin: Origin { by, idempotency_key }, command, facts } = record;
    let request =
        v3::request::PublicRequest { by: by.to_shape(owner), commands: commands_to_v3(command, owner)? };
    let words = (&facts_texts_v3(idempotency_key.as_deref(), &facts.effect)?, &commands_texts_v3(command)?);
    append_frame(out, header, (&public_facts_v3(facts, owner)?, &request), words)
}

#[inline(never)]
fn frame_of_v4(
    out: &mut Vec<u8>,
    header: &FrameHeader,
    record: &Record,
    owner: Owner,
) -> Result<(), EncodeError> {
    let Record { origin: Origin { by, idempotency_key }, command, facts } = record;
    let (command, text) = command_to_v4(command, owner)?;
    let request = v4::request::PublicRequest { by: by.to_shape(owner), command };
    let words = (&facts_texts_v3(idempotency_key.as_deref(), &facts.effect)?, &text);
    append_frame(out, header, (&public_facts_v3(facts, owner)?, &request), words)
}

fn public_facts_v3(facts: &Facts, owner: Owner) -> Result<v3::record::PublicFacts<'_>, EncodeError> {
    let Facts { at, due, effect, set_off } = facts;
    Ok(v3::record::PublicFacts {
        owner: owner.0.to_shape(owner),
        at: at.to_shape(owner),
        due: due.to_shape(owner),
        effects: effects_to_v3(effect, owner)?,
        set_off: set_off.to_shape(owner),
    })
}

/// Reads a whole record.
///
/// # Errors
/// [`DecodeError`] if the version is unknown or the parts are not of its shape, to the last byte.
pub fn decode_record(version: u8, public: &[u8], personal: &[u8]) -> Result<Record, DecodeError> {
    let version = kinds::version("a customer's record", version)?;
    let (public, personal) = (Piece::of_record(PUBLIC, public)?, Piece::of_record(PERSONAL, personal)?);
    match version {
        Version::V1 => record_from_v1(public, personal),
        Version::V2 => record_from_v2(public, personal),
        Version::V3 => record_from_v3(public, personal),
        Version::V4 => record_from_v4(public, personal),
    }
}

fn record_from_v1(mut public: Piece<'_>, mut personal: Piece<'_>) -> Result<Record, DecodeError> {
    let (shape, texts): (_, v1::texts::FactTexts<'_>) = (public.next()?, personal.next()?);
    let idempotency_key = texts.idempotency_key.map(Box::from);
    let (facts, owner) = facts_from_v1(shape, texts)?;
    let request: v1::record::PublicRequest<'_> = public.next()?;
    let command = command_from_v1(request.command, personal.next()?, owner)?;
    public.end()?;
    personal.end()?;
    let by = Mirror::from_shape(request.by, owner)?;
    Ok(Record { origin: Origin { by, idempotency_key }, command, facts })
}

#[inline(never)]
fn record_from_v2(mut public: Piece<'_>, mut personal: Piece<'_>) -> Result<Record, DecodeError> {
    let (shape, texts): (_, v2::texts::FactTexts<'_>) = (public.next()?, personal.next()?);
    let idempotency_key = texts.idempotency_key.map(Box::from);
    let (facts, owner) = facts_from_v2(shape, texts)?;
    let request: v2::request::PublicRequest<'_> = public.next()?;
    let command = commands_from_shape(request.commands, personal.next()?, owner)?;
    public.end()?;
    personal.end()?;
    let by = Mirror::from_shape(request.by, owner)?;
    Ok(Record { origin: Origin { by, idempotency_key }, command, facts })
}

#[inline(never)]
fn record_from_v3(mut public: Piece<'_>, mut personal: Piece<'_>) -> Result<Record, DecodeError> {
    let (shape, texts): (_, v3::texts::FactTexts<'_>) = (public.next()?, personal.next()?);
    let idempotency_key = texts.idempotency_key.map(Box::from);
    let (facts, owner) = facts_from_v3(shape, texts)?;
    let request: v3::request::PublicRequest<'_> = public.next()?;
    let command = commands_from_v3(request.commands, personal.next()?, owner)?;
    public.end()?;
    personal.end()?;
    let by = Mirror::from_shape(request.by, owner)?;
    Ok(Record { origin: Origin { by, idempotency_key }, command, facts })
}

#[inline(never)]
fn record_from_v4(mut public: Piece<'_>, mut personal: Piece<'_>) -> Result<Record, DecodeError> {
    let (shape, texts): (_, v3::texts::FactTexts<'_>) = (public.next()?, personal.next()?);
    let idempotency_key = texts.idempotency_key.map(Box::from);
    let (facts, owner) = facts_from_v3(shape, texts)?;
    let request: v4::request::PublicRequest<'_> = public.next()?;
    let command = command_from_v4(request.command, personal.next()?, owner)?;
    public.end()?;
    personal.end()?;
    let by = Mirror::from_shape(request.by, owner)?;
    Ok(Record { origin: Origin { by, idempotency_key }, command, facts })
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
    let version = kinds::version("a customer's record", version)?;
    let (mut public, mut personal) =
        (Piece::of_record(PUBLIC, public)?, Piece::of_record(PERSONAL, personal)?);
    match version {
        Version::V1 => {
            let texts: v1::texts::FactTexts<'a> = personal.next()?;
            let idempotency_key = texts.idempotency_key;
            let (facts, _) = facts_from_v1(public.next()?, texts)?;
            Ok(ReplayView { facts, idempotency_key })
        }
        Version::V2 => replay_from_v2(public, personal),
        // What version 4 has of its own comes behind.
        Version::V3 | Version::V4 => replay_from_v3(public, personal),
    }
}

#[inline(never)]
fn replay_from_v2<'a>(mut public: Piece<'a>, mut personal: Piece<'a>) -> Result<ReplayView<'a>, DecodeError> {
    let texts: v2::texts::FactTexts<'a> = personal.next()?;
    let idempotency_key = texts.idempotency_key;
    let (facts, _) = facts_from_v2(public.next()?, texts)?;
    Ok(ReplayView { facts, idempotency_key })
}

#[inline(never)]
fn replay_from_v3<'a>(mut public: Piece<'a>, mut personal: Piece<'a>) -> Result<ReplayView<'a>, DecodeError> {
    let texts: v3::texts::FactTexts<'a> = personal.next()?;
    let idempotency_key = texts.idempotency_key;
    let (facts, _) = facts_from_v3(public.next()?, texts)?;
    Ok(ReplayView { facts, idempotency_key })
}

/// Appends the state of a customer: the form in which it rests and in which snapshots keep it. Equal states have equal bytes.
pub fn encode_customer(customer: &Customer, out: &mut Vec<u8>) {
    let appended = if rests_in_v3(customer) {
        out.push(Version::V3.number());
        append_v3(out, customer)
    } else if rests_in_v1(customer) {
        out.push(Version::V1.number());
        let shape: v1::state::Customer<'_> = customer.to_shape(Owner(customer.number));
        append(out, &shape)
    } else {
        out.push(Version::V2.number());
        append_v2(out, customer)
    };
    appended.expect("a buffer takes every byte, and no shape of a state can refuse");
}

#[inline(never)]
fn append_v2(out: &mut Vec<u8>, customer: &Customer) -> Result<(), bincode::error::EncodeError> {
    let shape: v2::state::Customer<'_> = customer.to_shape(Owner(customer.number));
    append(out, &shape)
}

#[inline(never)]
fn append_v3(out: &mut Vec<u8>, customer: &Customer) -> Result<(), bincode::error::EncodeError> {
    let shape: v3::state::Customer<'_> = customer.to_shape(Owner(customer.number));
    append(out, &shape)
}

/// Reads a customer's state.
///
/// # Errors
/// [`DecodeError`] if the version is unknown or the bytes are not of its shape, to the last byte.
pub fn decode_customer(bytes: &[u8]) -> Result<Customer, DecodeError> {
    let (version, mut piece) = versioned(STATE, bytes)?;
    match version {
        Version::V1 => {
            let shape: v1::state::Customer<'_> = piece.next()?;
            piece.end()?;
            Mirror::from_shape(shape, Owner::NOBODY)
        }
        Version::V2 => customer_from_v2(piece),
        Version::V3 => customer_from_v3(piece),
        Version::V4 => unreachable!("no state has it, and `versioned` says so"),
    }
}

#[inline(never)]
fn customer_from_v2(mut piece: Piece<'_>) -> Result<Customer, DecodeError> {
    let shape: v2::state::Customer<'_> = piece.next()?;
    piece.end()?;
    Mirror::from_shape(shape, Owner::NOBODY)
}

#[inline(never)]
fn customer_from_v3(mut piece: Piece<'_>) -> Result<Customer, DecodeError> {
    let shape: v3::state::Customer<'_> = piece.next()?;
    piece.end()?;
    Mirror::from_shape(shape, Owner::NOBODY)
}
