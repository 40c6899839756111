//! Closed things and other customers that a command needs to know about, found before its turn (DESIGN decision 11).
//!
//! What is found is immutable (an old record) or checked again where it counts (a transfer's receiver decides for itself), so it may be
//! looked at outside the turn. Few commands need it; the rest pay one comparison.

use std::sync::Arc;

use coffer_ledger::command::Command;
use coffer_ledger::ids::{CustomerNumber, LogPosition, RowId, TenantNumber, WalletId};
use coffer_ledger::looked_up::{self, LookedUp, OldDebit, Receiver};
use coffer_ledger::record::Record;
use coffer_ledger::refusal::Refusal;

use super::core::Core;
use super::message::Found;
use super::operation::{Failure, Target};
use super::read::read;
use super::{replayer, submit};

/// What the command needs of the log or of another customer; `None` if nothing. Where that fails, with [`Failure::NotFound`],
/// [`Failure::RecordGone`] or a refusal of [`looked_up`], the turn says so, unless the command repeats one that was done: what that
/// one looked at may have gone since (SEMANTICS §9).
pub(crate) async fn look_up(
    core: &Arc<Core>,
    tenant: TenantNumber,
    number: CustomerNumber,
    command: &Command,
) -> Option<Found> {
    all(core, tenant, number, command).await.transpose().map(Box::new)
}

async fn all(
    core: &Arc<Core>,
    tenant: TenantNumber,
    number: CustomerNumber,
    command: &Command,
) -> Result<Option<LookedUp>, Failure> {
    match command {
        Command::Atomic(items) => {
            let mut each = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                let found = one(core, tenant, number, item).await;
                each.push(found.map_err(|failure| of_item(index, failure))?);
            }
            Ok(each.iter().any(Option::is_some).then_some(LookedUp::Each(each)))
        }
        other => one(core, tenant, number, other).await,
    }
}

/// A refusal of one item of an atomic batch says which.
fn of_item(index: usize, failure: Failure) -> Failure {
    let refusal = match failure {
        Failure::Refused(refused) => refused.refusal,
        Failure::NotFound(what) => Refusal::NotFound(what),
        failure => return failure,
    };
    Refusal::Item { index, refusal: Box::new(refusal) }.into()
}

/// Whether [`look_up`] would look at anything.
pub(crate) fn needs(command: &Command) -> bool {
    match command {
        Command::Refund(_) | Command::VoidCredit(_) | Command::VoidInvoice { .. } | Command::Transfer(_) => {
            true
        }
        Command::Atomic(items) => items.iter().any(needs),
        Command::CreateCustomer { .. }
        | Command::UpdateCustomer { .. }
        | Command::ChangeCustomer(_)
        | Command::DeleteCustomer
        | Command::CreateWallet(_)
        | Command::UpdateWallet(_)
        | Command::TopUp(_)
        | Command::Debit(_)
        | Command::ManualDebit(_)
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Close { .. }
        | Command::PlaceHold(_)
        | Command::Capture(_)
        | Command::Release { .. }
        | Command::Extend { .. }
        | Command::Grow { .. }
        | Command::Settle(_)
        | Command::TransferIn(_)
        | Command::TransferDone(_)
        | Command::TransferBack(_)
        | Command::TransferForget(_)
        | Command::SetBudget(_)
        | Command::DeleteBudget(_)
        | Command::ResetBudget(_)
        | Command::Event(_)
        | Command::Subscribe(_)
        | Command::Unsubscribe { .. }
        | Command::CreateGrant(_)
        | Command::UpdateGrant(_)
        | Command::DeleteGrant { .. }
        | Command::FollowPlans
        | Command::CompleteRecharge(_)
        | Command::FailRecharge { .. }
        | Command::CancelRecharge(_)
        | Command::ResumeAutoTopup(_)
        | Command::Recharge(_)
        | Command::Tick => false,
    }
}

async fn one(
    core: &Arc<Core>,
    tenant: TenantNumber,
    number: CustomerNumber,
    command: &Command,
) -> Result<Option<LookedUp>, Failure> {
    let of = (tenant, number);
    Ok(match command {
        Command::Refund(request) => {
            let record = record_of_row(core, of, request.row).await?;
            let debit = looked_up::old_debit(&record, request.row.position(), request.row.row())?;
            Some(LookedUp::Debit(debit))
        }
        Command::VoidCredit(request) => {
            let record = record_of_row(core, of, request.row).await?;
            let credits = looked_up::old_credits(&record, request.row.position(), request.row.row())?;
            Some(LookedUp::Credits(credits))
        }
        Command::VoidInvoice { invoice } => Some(LookedUp::Debit(settlement(core, of, invoice).await?)),
        Command::Transfer(request) => {
            Some(LookedUp::Receiver(receiver(core, tenant, &request.to_customer, request.to_wallet).await?))
        }
        _ => None,
    })
}

/// The record of a row that is this customer's.
async fn record_of_row(
    core: &Arc<Core>,
    (tenant, number): (TenantNumber, CustomerNumber),
    row: RowId,
) -> Result<Box<Record>, Failure> {
    let stored = replayer::stored(core, tenant, row.position()).await?;
    let is_it = stored.customer.number == number && stored.record.facts.at.ms() == row.ms();
    if is_it { Ok(stored.record) } else { Err(Failure::NotFound("transaction")) }
}

async fn settlement(
    core: &Arc<Core>,
    of: (TenantNumber, CustomerNumber),
    invoice: &str,
) -> Result<OldDebit, Failure> {
    let id: Box<str> = invoice.into();
    let seen =
        read(core, of, move |customer, _| customer.invoices.get(&id).map(|known| known.settled)).await?;
    let position: LogPosition = seen.value.ok_or(Failure::NotFound("invoice"))?;
    let stored = replayer::stored(core, of.0, position).await?;
    Ok(looked_up::old_settlement(&stored.record, position)?)
}

async fn receiver(
    core: &Arc<Core>,
    tenant: TenantNumber,
    name: &str,
    wallet: Option<WalletId>,
) -> Result<Receiver, Failure> {
    let number = submit::find(core, tenant, Target::Customer(name)).ok_or(Failure::NotFound("customer"))?;
    // A wallet of somebody else is no wallet of the receiver's.
    if wallet.is_some_and(|wallet| wallet.0.customer() != number) {
        return Err(Failure::NotFound("wallet"));
    }
    let seen = read(core, (tenant, number), move |customer, _| {
        let wallets = customer.wallets.iter();
        wallets.map(|wallet| (wallet.head.id, wallet.head.unit.clone(), wallet.head.status)).collect()
    });
    Ok(Receiver { customer: number, wallets: seen.await?.value })
}
