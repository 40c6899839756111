//! Transfers on their way between two customers (DESIGN decision 13).
//!
//! A transfer that left stands in its sender's state until the receiver has it or it is back. Whoever seats such a state makes sure
//! that somebody drives it: one task per transfer, which asks the receiver, then tells the sender, then lets the receiver forget.
//! Each step is a record of its own and is asked again until it is answered; the receiver remembers what it has, so asking twice
//! does nothing twice. A crash between any two steps leaves the sender's state, from which the next start goes on.
//!
//! Only one task drives a transfer at a time: a second one could still hold a question that was asked before the receiver forgot.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use coffer_ledger::command::{Command, TransferIn};
use coffer_ledger::customer::ClosedAs;
use coffer_ledger::ids::{CustomerNumber, TenantNumber, TransferId};
use coffer_ledger::refusal::Refusal;
use coffer_ledger::transfer::TransferOut;
use tokio::sync::watch;

use super::core::Core;
use super::operation::{Failure, Operation, Refused};
use super::read::read;
use super::submit;

/// Between two tries of a step that could not be taken now.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The transfers that a task drives, and what has become of each.
#[derive(Default)]
pub(crate) struct Intents {
    driving: Mutex<HashMap<TransferId, watch::Sender<Option<ClosedAs>>>>,
}

impl Intents {
    /// What becomes of a transfer that is being driven; `None` if nobody drives it.
    pub(crate) fn watch(&self, id: TransferId) -> Option<watch::Receiver<Option<ClosedAs>>> {
        self.lock().get(&id).map(watch::Sender::subscribe)
    }

    /// Whether a task drives it.
    pub(crate) fn is_driven(&self, id: TransferId) -> bool {
        self.lock().contains_key(&id)
    }

    /// How many are driven.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn begin(&self, id: TransferId) -> bool {
        let mut driving = self.lock();
        if driving.contains_key(&id) {
            return false;
        }
        driving.insert(id, watch::Sender::new(None));
        true
    }

    fn tell(&self, id: TransferId, how: ClosedAs) {
        if let Some(sender) = self.lock().get(&id) {
            sender.send_replace(Some(how));
        }
    }

    fn end(&self, id: TransferId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TransferId, watch::Sender<Option<ClosedAs>>>> {
        self.driving.lock().expect("no intent operation panics")
    }
}

/// Makes sure that a transfer is driven. Call it when the record that sent it is durable, or about to be: the task waits for that.
pub(crate) fn drive(core: &Arc<Core>, tenant: TenantNumber, from: CustomerNumber, out: &TransferOut) {
    if !core.intents.begin(out.id) {
        return;
    }
    let driver = Driver { core: Arc::downgrade(core), tenant, from, out: out.clone() };
    core.runtime.spawn(driver.run());
}

/// Makes sure that a transfer that arrived is forgotten when its sender does not know it any more.
pub(crate) fn forget_when_over(
    core: &Arc<Core>,
    tenant: TenantNumber,
    receiver: CustomerNumber,
    (id, from): (TransferId, CustomerNumber),
) {
    // Whoever drives it will see to it.
    if core.intents.is_driven(id) {
        return;
    }
    let weak = Arc::downgrade(core);
    core.runtime.spawn(async move {
        let Some(core) = weak.upgrade() else { return };
        let open = read(&core, (tenant, from), move |sender, _| sender.transfers_out.contains_key(&id)).await;
        // What cannot be asked now is asked when the receiver wakes the next time.
        if open.is_ok_and(|open| !open.value) && !core.intents.is_driven(id) {
            drop(ask(&core, tenant, receiver, Command::TransferForget(id)).await);
        }
    });
}

struct Driver {
    core: Weak<Core>,
    tenant: TenantNumber,
    from: CustomerNumber,
    out: TransferOut,
}

/// The engine is gone or closing: the next start goes on.
struct Closing;

impl Driver {
    async fn run(self) {
        // It ends here or with the process; either way nobody drives it any more.
        drop(self.steps().await);
        if let Some(core) = self.core.upgrade() {
            core.intents.end(self.out.id);
        }
    }

    async fn steps(&self) -> Result<(), Closing> {
        let id = self.out.id;
        self.sent().await?;
        let arrived = self.arrive().await?;
        fail::fail_point!("intents::arrived");
        let (verdict, how) = if arrived {
            (Command::TransferDone(id), ClosedAs::Completed)
        } else {
            (Command::TransferBack(id), ClosedAs::Returned)
        };
        match self.until_answered(self.from, verdict).await? {
            Ok(()) => {
                let core = self.core.upgrade().ok_or(Closing)?;
                core.intents.tell(id, how);
            }
            // The sender knew already.
            Err(Failure::Refused(Refused { refusal: Refusal::NotFound(_), .. })) => {}
            Err(failure) => {
                tracing::error!(transfer = %id, %failure, "a sender cannot take a transfer's end; it stays open");
                return Ok(());
            }
        }
        fail::fail_point!("intents::told");
        if arrived {
            // One that is not known any more is forgotten.
            drop(self.until_answered(self.out.to, Command::TransferForget(id)).await?);
        }
        Ok(())
    }

    /// Waits until the record that sent it is durable: before that nothing has left.
    async fn sent(&self) -> Result<(), Closing> {
        let core = self.core.upgrade().ok_or(Closing)?;
        let position = self.out.position;
        let durable = core.durable(position).await.map_err(|_| Closing);
        fail::fail_point!("intents::sent");
        durable
    }

    /// Whether the receiver has it.
    async fn arrive(&self) -> Result<bool, Closing> {
        let TransferOut { id, to_wallet, moved, .. } = &self.out;
        let arrival =
            TransferIn { transfer: *id, from: self.from, to_wallet: *to_wallet, moved: moved.clone() };
        match self.until_answered(self.out.to, Command::TransferIn(Box::new(arrival))).await? {
            Ok(()) | Err(Failure::Refused(Refused { refusal: Refusal::AlreadyExists(_), .. })) => Ok(true),
            Err(_) => Ok(false),
        }
    }

    /// Asks until there is an answer: yes or no, but not "not now".
    async fn until_answered(
        &self,
        whom: CustomerNumber,
        command: Command,
    ) -> Result<Result<(), Failure>, Closing> {
        let mut pause = PAUSE_MIN;
        loop {
            let core = self.core.upgrade().ok_or(Closing)?;
            match ask(&core, self.tenant, whom, command.clone()).await {
                Ok(()) => return Ok(Ok(())),
                Err(failure) if is_final(&command, &failure) => return Ok(Err(failure)),
                Err(_) if core.closing.load(Ordering::Acquire) || core.journal.halted().is_some() => {
                    return Err(Closing);
                }
                Err(failure) => {
                    tracing::debug!(transfer = %self.out.id, customer = whom.0, %failure, "a transfer waits");
                }
            }
            drop(core);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

async fn ask(
    core: &Arc<Core>,
    tenant: TenantNumber,
    whom: CustomerNumber,
    command: Command,
) -> Result<(), Failure> {
    submit::internal(core, tenant, whom, Operation::new(command)).await.map(drop)
}

/// Whether asking again later would give the same answer.
const fn is_final(command: &Command, failure: &Failure) -> bool {
    match failure {
        Failure::Refused(_) | Failure::NotFound(_) => true,
        // What arrives may be too large, and goes back. What left is the sender's until it knows of the end, however long that takes.
        Failure::RecordTooLarge { .. } => matches!(command, Command::TransferIn(_)),
        Failure::KeyReused
        | Failure::RecordGone
        | Failure::LimitReached { .. }
        | Failure::Overloaded
        | Failure::KeysFull
        | Failure::ReadOnly(_)
        | Failure::Quarantined
        | Failure::Internal
        | Failure::OutcomeUnknown
        | Failure::InTransit(_)
        | Failure::Halted => false,
    }
}

#[cfg(test)]
mod tests {
    use coffer_ledger::ids::{ThingId, WalletId};

    use super::*;

    #[test]
    fn a_sender_is_told_until_it_knows_however_large_its_record_would_be() {
        let (transfer, wallet) = (TransferId(ThingId(1)), WalletId(ThingId(2)));
        let too_large = Failure::RecordTooLarge { max: 1 };
        for verdict in [Command::TransferDone(transfer), Command::TransferBack(transfer)] {
            assert!(!is_final(&verdict, &too_large), "{verdict:?}");
            assert!(is_final(&verdict, &Failure::NotFound("transfer")), "{verdict:?}");
        }
        let arrival = TransferIn { transfer, from: CustomerNumber(1), to_wallet: wallet, moved: Vec::new() };
        assert!(is_final(&Command::TransferIn(Box::new(arrival)), &too_large), "it goes back");
    }
}
