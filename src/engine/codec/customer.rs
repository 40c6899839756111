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
    Mirror, Owner, command_from_v1, commands_from_shape, commands_texts, commands_to_shape, due_to_v1,
    effects_to_shape, facts_from_v1, facts_from_v2, facts_texts, facts_texts_v1, rests_in_v1,
};
use super::error::{DecodeError, EncodeError};
use super::kinds::{self, Version};
use super::{v1, v2};

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
    let (key, owner) = (idempotency_key.as_deref(), Owner(number));
    let header = |version: Version| FrameHeader {
        record_type: kinds::CUSTOMER_RECORD,
        version: version.number(),
        flags: 0,
        subject: Subject { kind: kinds::CUSTOMER, tenant: tenant.0, number: number.0 },
        time_ns: logged_at.0,
        previous,
    };
    let (by, at) = (by.to_shape(owner), facts.at.to_shape(owner));
    let effects = effects_to_shape(&facts.effect, owner)?;
    let commands = commands_to_shape(command, owner)?;
    match (due_to_v1(&facts.due, owner), effects, commands, commands_texts(command)?) {
        (
            Some(due),
            v2::record::Effects::One(v2::record::Effect::V1(effect)),
            v2::request::Commands::One(v2::request::Command::V1(command)),
            v2::texts::RequestTexts::One(v2::texts::RequestText::V1(words)),
        ) => append_frame(
            out,
            &header(Version::V1),
            (
                &v1::record::PublicFacts { owner: number.0, at, due, effect },
                &v1::record::PublicRequest { by, command },
            ),
            (&facts_texts_v1(key, &facts.effect), &words),
        ),
        (_, effects, commands, words) => append_frame(
            out,
            &header(Version::V2),
            (
                &v2::record::PublicFacts { owner: number.0, at, due: facts.due.to_shape(owner), effects },
                &v2::request::PublicRequest { by, commands },
            ),
            (&facts_texts(key, &facts.effect)?, &words),
        ),
    }
}

/// Reads a whole record.
///
/// # Errors
/// [`DecodeError`] if the version is unknown or the parts are not of its shape, to the last byte.
pub fn decode_record(version: u8, public: &[u8], personal: &[u8]) -> Result<Record, DecodeError> {
    let version = kinds::version("a customer's record", version)?;
    let (mut public, mut personal) =
        (Piece::of_record(PUBLIC, public)?, Piece::of_record(PERSONAL, personal)?);
    let (by, key, command, facts) = match version {
        Version::V1 => {
            let (shape, texts): (_, v1::texts::FactTexts<'_>) = (public.next()?, personal.next()?);
            let key = texts.idempotency_key;
            let (facts, owner) = facts_from_v1(shape, texts)?;
            let v1::record::PublicRequest { by, command } = public.next()?;
            (by, key, command_from_v1(command, personal.next()?, owner)?, facts)
        }
        Version::V2 => {
            let (shape, texts): (_, v2::texts::FactTexts<'_>) = (public.next()?, personal.next()?);
            let key = texts.idempotency_key;
            let (facts, owner) = facts_from_v2(shape, texts)?;
            let v2::request::PublicRequest { by, commands } = public.next()?;
            (by, key, commands_from_shape(commands, personal.next()?, owner)?, facts)
        }
    };
    public.end()?;
    personal.end()?;
    let by = Mirror::from_shape(by, Owner::NOBODY)?;
    Ok(Record { origin: Origin { by, idempotency_key: key.map(Box::from) }, command, facts })
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
    let (idempotency_key, (facts, _)) = match version {
        Version::V1 => {
            let texts: v1::texts::FactTexts<'a> = personal.next()?;
            (texts.idempotency_key, facts_from_v1(public.next()?, texts)?)
        }
        Version::V2 => {
            let texts: v2::texts::FactTexts<'a> = personal.next()?;
            (texts.idempotency_key, facts_from_v2(public.next()?, texts)?)
        }
    };
    Ok(ReplayView { facts, idempotency_key })
}

/// Appends the state of a customer: the form in which it rests and in which snapshots keep it. Equal states have equal bytes.
pub fn encode_customer(customer: &Customer, out: &mut Vec<u8>) {
    let owner = Owner(customer.number);
    let appended = if rests_in_v1(customer) {
        out.push(Version::V1.number());
        let shape: v1::state::Customer<'_> = customer.to_shape(owner);
        append(out, &shape)
    } else {
        out.push(Version::V2.number());
        let shape: v2::state::Customer<'_> = customer.to_shape(owner);
        append(out, &shape)
    };
    appended.expect("a buffer takes every byte, and no shape of a state can refuse");
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
        Version::V2 => {
            let shape: v2::state::Customer<'_> = piece.next()?;
            piece.end()?;
            Mirror::from_shape(shape, Owner::NOBODY)
        }
    }
}
