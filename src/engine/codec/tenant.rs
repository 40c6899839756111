//! Records and states of tenants.

use coffer_ledger::catalog::tenant::{Tenant, TenantFacts, TenantRecord};
use coffer_ledger::command::Origin;
use coffer_ledger::ids::TenantNumber;
use coffer_wal::{FrameHeader, Lsn, Subject};

use super::bytes::{Piece, append, append_frame, versioned};
use super::convert::{
    Mirror, Owner, tenant_command_from_shape, tenant_command_from_v1, tenant_command_from_v3,
    tenant_command_from_v4, tenant_command_text, tenant_command_text_v3, tenant_command_to_shape,
    tenant_command_to_v3, tenant_command_to_v4, tenant_effect_from_shape, tenant_effect_from_v1,
    tenant_effect_from_v3, tenant_effect_text, tenant_effect_text_v3, tenant_effect_to_shape,
    tenant_effect_to_v3, tenant_needs_v3, tenant_rests_in_v1, tenant_rests_in_v3,
};
use super::error::{DecodeError, EncodeError};
use super::kinds::{self, Version};
use super::v1::tenant as v1;
use super::v2::tenant as v2;
use super::v3::tenant as v3;
use super::v4::tenant as v4;

const PUBLIC: &str = "the public part of a tenant's record";
const PERSONAL: &str = "the personal part of a tenant's record";
const STATE: &str = "a tenant's state";

/// Appends the frame of a tenant's record to `out`. The subject's number is the tenant's.
///
/// # Errors
/// [`EncodeError::TooLarge`]: the record is larger than the log takes; `out` is as it was.
pub fn encode_tenant_frame(
    out: &mut Vec<u8>,
    record: &TenantRecord,
    tenant: TenantNumber,
    previous: Lsn,
) -> Result<(), EncodeError> {
    let TenantRecord { origin: Origin { by, idempotency_key }, command, facts } = record;
    let header = |version: Version| FrameHeader {
        record_type: kinds::TENANT_RECORD,
        version: version.number(),
        flags: 0,
        subject: Subject { kind: kinds::TENANT, tenant: tenant.0, number: u64::from(tenant.0) },
        time_ns: facts.at.0,
        previous,
    };
    let (by, at) = (by.to_shape(Owner::NOBODY), facts.at.to_shape(Owner::NOBODY));
    let idempotency_key = idempotency_key.as_deref();
    if let Some(command) = tenant_command_to_v4(command) {
        let (effect, text) = (tenant_effect_to_v3(&facts.effect), tenant_effect_text_v3(&facts.effect));
        return append_frame(
            out,
            &header(Version::V4),
            (&v3::PublicFacts { at, effect }, &v4::PublicRequest { by, command }),
            (&v3::FactTexts { idempotency_key, effect: text }, &()),
        );
    }
    if tenant_needs_v3(command, &facts.effect) {
        let effect_text = tenant_effect_text_v3(&facts.effect);
        let text = tenant_command_text_v3(command);
        let (effect, command) = (tenant_effect_to_v3(&facts.effect), tenant_command_to_v3(command));
        return append_frame(
            out,
            &header(Version::V3),
            (&v3::PublicFacts { at, effect }, &v3::PublicRequest { by, command }),
            (&v3::FactTexts { idempotency_key, effect: effect_text }, &text),
        );
    }
    let effect = (tenant_effect_to_shape(&facts.effect), tenant_effect_text(&facts.effect));
    let command = (tenant_command_to_shape(command), tenant_command_text(command));
    match (effect, command) {
        (
            (v2::Effect::V1(effect), v2::Text::V1(effect_text)),
            (v2::Command::V1(command), v2::Text::V1(text)),
        ) => append_frame(
            out,
            &header(Version::V1),
            (&v1::PublicFacts { at, effect }, &v1::PublicRequest { by, command }),
            (&v1::FactTexts { idempotency_key, effect: effect_text }, &text),
        ),
        ((effect, effect_text), (command, text)) => append_frame(
            out,
            &header(Version::V2),
            (&v2::PublicFacts { at, effect }, &v2::PublicRequest { by, command }),
            (&v2::FactTexts { idempotency_key, effect: effect_text }, &text),
        ),
    }
}

/// Reads a whole record.
///
/// # Errors
/// [`DecodeError`] if the version is unknown or the parts are not of its shape, to the last byte.
pub fn decode_tenant_record(
    version: u8,
    public: &[u8],
    personal: &[u8],
) -> Result<TenantRecord, DecodeError> {
    let version = kinds::version("a tenant's record", version)?;
    let (mut public, mut personal) =
        (Piece::of_record(PUBLIC, public)?, Piece::of_record(PERSONAL, personal)?);
    let (idempotency_key, facts) = facts_of(version, &mut public, &mut personal)?;
    let (by, command) = match version {
        Version::V1 => {
            let v1::PublicRequest { by, command } = public.next()?;
            (by, tenant_command_from_v1(command, personal.next()?)?)
        }
        Version::V2 => {
            let v2::PublicRequest { by, command } = public.next()?;
            (by, tenant_command_from_shape(command, personal.next()?)?)
        }
        Version::V3 => {
            let v3::PublicRequest { by, command } = public.next()?;
            (by, tenant_command_from_v3(command, personal.next()?)?)
        }
        Version::V4 => {
            let v4::PublicRequest { by, command } = public.next()?;
            (by, tenant_command_from_v4(command)?)
        }
    };
    public.end()?;
    personal.end()?;
    let by = Mirror::from_shape(by, Owner::NOBODY)?;
    Ok(TenantRecord {
        origin: Origin { by, idempotency_key: idempotency_key.map(Box::from) },
        command,
        facts,
    })
}

/// The key and the facts, which come first.
fn facts_of<'a>(
    version: Version,
    public: &mut Piece<'a>,
    personal: &mut Piece<'a>,
) -> Result<(Option<&'a str>, TenantFacts), DecodeError> {
    let (key, at, effect) = match version {
        Version::V1 => {
            let v1::FactTexts { idempotency_key, effect: text } = personal.next()?;
            let v1::PublicFacts { at, effect } = public.next()?;
            (idempotency_key, at, tenant_effect_from_v1(effect, text)?)
        }
        Version::V2 => {
            let v2::FactTexts { idempotency_key, effect: text } = personal.next()?;
            let v2::PublicFacts { at, effect } = public.next()?;
            (idempotency_key, at, tenant_effect_from_shape(effect, text)?)
        }
        Version::V3 | Version::V4 => {
            let v3::FactTexts { idempotency_key, effect: text } = personal.next()?;
            let v3::PublicFacts { at, effect } = public.next()?;
            (idempotency_key, at, tenant_effect_from_v3(effect, text)?)
        }
    };
    Ok((key, TenantFacts { at: Mirror::from_shape(at, Owner::NOBODY)?, effect }))
}

/// What recovery needs of a tenant's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantReplayView<'a> {
    /// What was decided.
    pub facts: TenantFacts,
    /// The key that points to this record from now on.
    pub idempotency_key: Option<&'a str>,
}

/// Reads the facts and the key, which come first, and nothing behind them.
///
/// # Errors
/// [`DecodeError`] if the version is unknown or the facts are not of its shape.
pub fn decode_tenant_for_replay<'a>(
    version: u8,
    public: &'a [u8],
    personal: &'a [u8],
) -> Result<TenantReplayView<'a>, DecodeError> {
    let version = kinds::version("a tenant's record", version)?;
    let (mut public, mut personal) =
        (Piece::of_record(PUBLIC, public)?, Piece::of_record(PERSONAL, personal)?);
    let (idempotency_key, facts) = facts_of(version, &mut public, &mut personal)?;
    Ok(TenantReplayView { facts, idempotency_key })
}

/// Appends the state of a tenant, as snapshots keep it. Equal states have equal bytes.
pub fn encode_tenant(tenant: &Tenant, out: &mut Vec<u8>) {
    let appended = if tenant_rests_in_v3(tenant) {
        out.push(Version::V3.number());
        let shape: v3::Tenant<'_> = tenant.to_shape(Owner::NOBODY);
        append(out, &shape)
    } else if tenant_rests_in_v1(tenant) {
        out.push(Version::V1.number());
        let shape: v1::Tenant<'_> = tenant.to_shape(Owner::NOBODY);
        append(out, &shape)
    } else {
        out.push(Version::V2.number());
        let shape: v2::Tenant<'_> = tenant.to_shape(Owner::NOBODY);
        append(out, &shape)
    };
    appended.expect("a buffer takes every byte, and no shape of a state can refuse");
}

/// Reads a tenant's state.
///
/// # Errors
/// [`DecodeError`] if the version is unknown or the bytes are not of its shape, to the last byte.
pub fn decode_tenant(bytes: &[u8]) -> Result<Tenant, DecodeError> {
    let (version, mut piece) = versioned(STATE, bytes)?;
    match version {
        Version::V1 => {
            let shape: v1::Tenant<'_> = piece.next()?;
            piece.end()?;
            Mirror::from_shape(shape, Owner::NOBODY)
        }
        Version::V2 => {
            let shape: v2::Tenant<'_> = piece.next()?;
            piece.end()?;
            Mirror::from_shape(shape, Owner::NOBODY)
        }
        Version::V3 => {
            let shape: v3::Tenant<'_> = piece.next()?;
            piece.end()?;
            Mirror::from_shape(shape, Owner::NOBODY)
        }
        Version::V4 => unreachable!("no state has it, and `versioned` says so"),
    }
}
