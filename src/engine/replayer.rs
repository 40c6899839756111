//! Answers from the log: a repeated key is answered by its record, compared by value and rendered anew (SEMANTICS §9).

use std::sync::Arc;

use coffer_ledger::catalog::tenant::{TenantCommand, TenantRecord};
use coffer_ledger::catalog::webhook::CreateWebhookEndpoint;
use coffer_ledger::command::{Command, CreateWallet};
use coffer_ledger::erasure;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_ledger::record::Record;
use coffer_ledger::refusal::Refusal;
use coffer_wal::{Lsn, ReadError, RecordBuf};

use super::codec::{self, kinds};
use super::core::Core;
use super::gate::SameBy;
use super::names::names;
use super::operation::{Committed, Failure, Operation, StoredRecord, TenantCommitted, TenantOperation};

/// The first outcome of a repeated request.
pub(crate) async fn replay(
    core: &Arc<Core>,
    to: (TenantNumber, CustomerNumber),
    asked: Operation,
    (position, by): (LogPosition, SameBy),
) -> Result<Committed, Failure> {
    // A settled invoice is found in the state, which may be ahead of the disk.
    core.durable(position).await?;
    let stored = read(core, position).await?;
    let record = customer_record(&stored, to.0)?;
    // What was erased cannot be compared. The key led here by its hash, and the rest of the request must be the same.
    let same_key = stored.erased.is_some() || record.origin.idempotency_key == asked.origin.idempotency_key;
    let same_request = match stored.erased {
        None => same_command(&record, &asked.command),
        Some(_) => same_command(&record, &erasure::of_command(&asked.command)),
    };
    match by {
        SameBy::Key if !(same_key && same_request) => return Err(Failure::KeyReused),
        SameBy::Event if !same_key => return Err(Failure::KeyReused),
        SameBy::Invoice if !same_request => return Err(Refusal::AlreadyExists("invoice").into()),
        SameBy::Key | SameBy::Event | SameBy::Invoice => {}
    }
    let customer = names(core, to).await?;
    Ok(Committed { position, record: Box::new(record), customer, replayed: true })
}

/// The first outcome of a repeated tenant request.
pub(crate) async fn replay_tenant(
    core: &Arc<Core>,
    asked: TenantOperation,
    position: LogPosition,
) -> Result<TenantCommitted, Failure> {
    let stored = read(core, position).await?;
    let record = tenant_record(&stored)?;
    let asked = match stored.erased {
        None => asked.command,
        Some(_) => erasure::of_tenant_command(&asked.command),
    };
    if !same_tenant_command(&record.command, &asked) {
        return Err(Failure::KeyReused);
    }
    Ok(TenantCommitted { position, record: Box::new(record), replayed: true })
}

/// The customer that a record of the tenant's is about.
pub(crate) async fn whose(
    core: &Arc<Core>,
    tenant: TenantNumber,
    position: LogPosition,
) -> Result<CustomerNumber, Failure> {
    core.durable(position).await?;
    let stored = read(core, position).await?;
    customer_record(&stored, tenant)?;
    Ok(CustomerNumber(stored.header.subject.number))
}

/// A customer's record by its position, if it is the tenant's.
pub(crate) async fn stored(
    core: &Arc<Core>,
    tenant: TenantNumber,
    position: LogPosition,
) -> Result<StoredRecord, Failure> {
    if position.0 == 0 || position.0 > core.journal.appended_lsn().0 {
        return Err(Failure::NotFound("transaction"));
    }
    core.durable(position).await?;
    let stored = read(core, position).await?;
    let record = customer_record(&stored, tenant)?;
    let number = CustomerNumber(stored.header.subject.number);
    let customer = names(core, (tenant, number)).await?;
    Ok(StoredRecord { position, record: Box::new(record), customer })
}

/// A customer's record, and the position of the one before it.
pub(crate) async fn stored_with_previous(
    core: &Arc<Core>,
    tenant: TenantNumber,
    position: LogPosition,
) -> Result<(Record, LogPosition), Failure> {
    let stored = read(core, position).await?;
    Ok((customer_record(&stored, tenant)?, LogPosition(stored.header.previous.0)))
}

async fn read(core: &Arc<Core>, position: LogPosition) -> Result<RecordBuf, Failure> {
    let reader = core.reader.clone();
    let reading = core.runtime.spawn_blocking(move || reader.read(Lsn(position.0)));
    let read = reading.await.map_err(|_| Failure::Internal)?;
    read.map_err(|error| match error {
        ReadError::Gone { .. } => Failure::RecordGone,
        error => {
            tracing::error!(position = position.0, %error, "a record cannot be read back");
            Failure::Internal
        }
    })
}

fn customer_record(stored: &RecordBuf, tenant: TenantNumber) -> Result<Record, Failure> {
    let subject = stored.header.subject;
    if subject.kind != kinds::CUSTOMER || subject.tenant != tenant.0 {
        return Err(Failure::NotFound("transaction"));
    }
    codec::decode_record(stored.header.version, &stored.public, &stored.personal)
        .map_err(|error| unreadable(stored, &error))
}

fn tenant_record(stored: &RecordBuf) -> Result<TenantRecord, Failure> {
    codec::decode_tenant_record(stored.header.version, &stored.public, &stored.personal)
        .map_err(|error| unreadable(stored, &error))
}

fn unreadable(stored: &RecordBuf, error: &codec::DecodeError) -> Failure {
    tracing::error!(position = stored.lsn.0, %error, "a record cannot be decoded");
    Failure::Internal
}

/// Whether a repeat asks the same.
///
/// Builds before version 4 of the codec wrote down what a request came to: a customer's personal data whole, and a wallet's currency
/// where the tenant's default was taken. Of the former what is given must be the same. A wallet's currency that either leaves out is the
/// one that the wallet has: it was the default then.
fn same_command(record: &Record, second: &Command) -> bool {
    match (&record.command, second) {
        (Command::UpdateCustomer { profile }, Command::ChangeCustomer(change)) => {
            change.over(profile) == *profile
        }
        (Command::CreateWallet(first), Command::CreateWallet(second)) => {
            let made = record.facts.effect.wallet().map(|head| head.unit.currency);
            let filled =
                |asked: &CreateWallet| CreateWallet { currency: asked.currency.or(made), ..asked.clone() };
            filled(first) == filled(second)
        }
        (first, second) => first == second,
    }
}

/// Whether a repeat asks the same of a tenant. The secret of a key or an endpoint is made by the server, anew each time: it is no part of
/// the request. As [`same_command`] of settings that were written down whole.
fn same_tenant_command(first: &TenantCommand, second: &TenantCommand) -> bool {
    match (first, second) {
        (
            TenantCommand::CreateKey { name: a, scopes: b, customer: c, .. },
            TenantCommand::CreateKey { name: x, scopes: y, customer: z, .. },
        ) => (a, b, c) == (x, y, z),
        (TenantCommand::CreateWebhookEndpoint(first), TenantCommand::CreateWebhookEndpoint(second)) => {
            *first == CreateWebhookEndpoint { secret: first.secret, ..second.clone() }
        }
        (
            TenantCommand::RotateWebhookSecret { id: a, overlap_s: b, secret: _ },
            TenantCommand::RotateWebhookSecret { id: x, overlap_s: y, secret: _ },
        ) => (a, b) == (x, y),
        (TenantCommand::SetSettings(settings), TenantCommand::ChangeSettings(change)) => {
            change.over(settings) == *settings
        }
        (first, second) => first == second,
    }
}
