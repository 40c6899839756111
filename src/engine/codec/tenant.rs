//! Records and states of tenants.

use coffer_ledger::catalog::tenant::{Tenant, TenantFacts, TenantRecord};
use coffer_ledger::command::Origin;
use coffer_ledger::ids::TenantNumber;
use coffer_wal::{FrameHeader, Lsn, Subject};

use super::bytes::{Piece, append, append_frame, versioned};
use super::convert::{
    Mirror, Owner, tenant_command_from_shape, tenant_command_text, tenant_command_to_shape,
    tenant_facts_from_shape, tenant_facts_text, tenant_facts_to_shape,
};
use super::error::{DecodeError, EncodeError};
use super::kinds::{self, check_version};
use super::v1::tenant as shapes;

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
    let request =
        shapes::PublicRequest { by: by.to_shape(Owner::NOBODY), command: tenant_command_to_shape(command) };
    let header = FrameHeader {
        record_type: kinds::TENANT_RECORD,
        version: kinds::VERSION,
        flags: 0,
        subject: Subject { kind: kinds::TENANT, tenant: tenant.0, number: u64::from(tenant.0) },
        time_ns: facts.at.0,
        previous,
    };
    append_frame(
        out,
        &header,
        (&tenant_facts_to_shape(facts), &request),
        (&tenant_facts_text(idempotency_key.as_deref(), &facts.effect), &tenant_command_text(command)),
    )
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
    check_version("a tenant's record", version)?;
    let (mut public, mut personal) =
        (Piece::of_record(PUBLIC, public)?, Piece::of_record(PERSONAL, personal)?);
    let (shape, texts): (_, shapes::FactTexts<'_>) = (public.next()?, personal.next()?);
    let facts = tenant_facts_from_shape(shape, texts.effect)?;
    let request: shapes::PublicRequest<'_> = public.next()?;
    let command = tenant_command_from_shape(request.command, personal.next()?)?;
    public.end()?;
    personal.end()?;
    let by = Mirror::from_shape(request.by, Owner::NOBODY)?;
    Ok(TenantRecord {
        origin: Origin { by, idempotency_key: texts.idempotency_key.map(Box::from) },
        command,
        facts,
    })
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
    check_version("a tenant's record", version)?;
    let texts: shapes::FactTexts<'a> = Piece::of_record(PERSONAL, personal)?.next()?;
    let facts = tenant_facts_from_shape(Piece::of_record(PUBLIC, public)?.next()?, texts.effect)?;
    Ok(TenantReplayView { facts, idempotency_key: texts.idempotency_key })
}

/// Appends the state of a tenant, as snapshots keep it. Equal states have equal bytes.
pub fn encode_tenant(tenant: &Tenant, out: &mut Vec<u8>) {
    out.push(kinds::VERSION);
    let shape: shapes::Tenant<'_> = tenant.to_shape(Owner::NOBODY);
    append(out, &shape).expect("a buffer takes every byte, and no shape of version 1 can refuse");
}

/// Reads a tenant's state.
///
/// # Errors
/// [`DecodeError`] if the version is unknown or the bytes are not of its shape, to the last byte.
pub fn decode_tenant(bytes: &[u8]) -> Result<Tenant, DecodeError> {
    let mut piece = versioned(STATE, bytes)?;
    let shape: shapes::Tenant<'_> = piece.next()?;
    piece.end()?;
    Mirror::from_shape(shape, Owner::NOBODY)
}
