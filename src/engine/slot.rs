//! Where a customer is: at rest as bytes, in an actor, or on the way (DESIGN decision 7).
//!
//! State is in the slot, in one actor, or in one `post_stop`: never in two. A send is a push and happens under the shard's
//! lock, so that no message can slip between "is active" and "is leaving". Checked under shuttle's schedules in `engine/model`.

use std::sync::Arc;

use coffer_ledger::ids::{LogPosition, TenantNumber};
use coffer_ledger::time::Timestamp;

use super::core::Core;
use super::host::Host;
use super::permits::Door;

/// A customer at rest: canonical bytes, the same that a snapshot holds.
#[derive(Clone, Debug)]
pub(crate) struct Resting {
    pub(crate) bytes: Box<[u8]>,
    pub(crate) position: LogPosition,
    pub(crate) next_due: Timestamp,
}

/// A customer with a live actor.
pub(crate) struct Active<H: Host> {
    pub(crate) mailbox: H::Mailbox,
    pub(crate) door: Arc<Door>,
    /// Seconds of engine time of the last message.
    pub(crate) touched_s: u64,
}

/// An actor that drains, and what came for it meanwhile.
pub(crate) struct Leaving<H: Host> {
    pub(crate) waiting: Vec<H::Message>,
    pub(crate) door: Arc<Door>,
}

/// Where a customer is.
#[derive(Default)]
pub(crate) enum Place<H: Host = Core> {
    /// No record ever.
    #[default]
    Vacant,
    Resting(Resting),
    Active(Active<H>),
    Leaving(Leaving<H>),
    /// Could not be rebuilt. Answers 503 until an operator has looked at it and restarted.
    Quarantined,
}

/// A customer's place and whose it is.
pub(crate) struct Slot<H: Host = Core> {
    pub(crate) tenant: TenantNumber,
    /// Counts activations: an actor speaks for its slot only in its own generation.
    pub(crate) generation: u32,
    pub(crate) place: Place<H>,
}

impl<H: Host> Default for Slot<H> {
    fn default() -> Self {
        Self { tenant: TenantNumber::default(), generation: 0, place: Place::Vacant }
    }
}
