//! What a customer's mailbox holds.

use coffer_ledger::customer::Customer;
use coffer_ledger::ids::LogPosition;
use coffer_ledger::looked_up::LookedUp;
use coffer_ledger::time::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::gate::{Answer, GroupShare};
use super::keys::KeyHash;
use super::operation::{Failure, Operation};
use super::permits::Permit;

/// What was looked up for an operation before its turn, or why that failed: a repeat is answered all the same.
pub(crate) type Found = Box<Result<LookedUp, Failure>>;

/// An operation, the hash of its key, and what was looked up for it.
pub(crate) struct Keyed {
    pub(crate) operation: Box<Operation>,
    pub(crate) key: Option<KeyHash>,
    pub(crate) looked_up: Option<Found>,
}

/// A reader: looks at the state as of the instant and gives what is to be done once that state is durable.
pub(crate) type Reader = Box<dyn FnOnce(Result<(&Customer, Timestamp), Failure>) -> super::gate::Then + Send>;

/// A customer's canonical bytes as of one record, for a snapshot.
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    pub(crate) position: LogPosition,
}

/// What a customer's mailbox holds.
pub(crate) enum Message {
    /// One operation.
    One { keyed: Keyed, reply: oneshot::Sender<Answer>, permit: Permit },
    /// Some operations of a batch, each alone, in order.
    Envelope { items: Vec<Keyed>, share: GroupShare, permit: Permit },
    /// Look, do not touch.
    Read(Reader),
    /// Something may be due. The timers send the next when a permit of theirs comes back.
    Tick(Option<OwnedSemaphorePermit>),
    /// Everything personal goes. Answered with the last record when that is durable.
    Erase(oneshot::Sender<Result<LogPosition, Failure>>),
    /// Give your image to the snapshot.
    Image(std::sync::mpsc::Sender<Image>),
}

impl Message {
    /// Answers it for a quarantined customer.
    pub(crate) fn refuse(self) {
        match self {
            Self::One { reply, .. } => drop(reply.send(Err(Failure::Quarantined))),
            Self::Envelope { items, share, .. } => {
                share.answer(items.iter().map(|_| Err(Failure::Quarantined)))
            }
            Self::Read(reader) => reader(Err(Failure::Quarantined))(Ok(())),
            Self::Erase(reply) => drop(reply.send(Err(Failure::Quarantined))),
            Self::Tick(_) | Self::Image(_) => {}
        }
    }
}
