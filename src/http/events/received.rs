//! An event that was read: the command that it is, and what its request said beside it.
//!
//! An event with an id of its own is known by that, and the first one counts. One whose id is made of the request's idempotency key is
//! a request as any other: under the same key it must ask the same (SEMANTICS §9). How much it was is told by the rate card of the day,
//! so that the same request may be another command tomorrow: then what it says is compared.

use coffer_ledger::amount::Usage;
use coffer_ledger::command::{Command, Event};
use coffer_ledger::erasure;
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::RateCardId;

use super::given;
use crate::engine::{Committed, Failure};
use crate::http::error::ApiError;

/// A rate card and its version.
pub(super) type Card = Option<(RateCardId, u64)>;

/// An event that was read.
#[derive(Clone)]
pub(super) struct Received {
    pub(super) event: Event,
    /// Why the rate card of the day cannot tell how much it was: then it is good as a repeat, and for nothing else.
    pub(super) unclear: Option<ApiError>,
    /// What else makes two requests the same, if its id is made of the request's key.
    pub(super) by_key: Option<ByKey>,
}

/// What a request said of an event that has no id of its own.
#[derive(Clone)]
pub(super) struct ByKey {
    /// Whether it said when; else the command has the time at which it was read.
    pub(super) is_timed: bool,
    /// How much, as a field of its own.
    pub(super) quantity: Option<Box<str>>,
    /// The card that told how much it was.
    pub(super) card: Card,
}

/// Why an event could not be read, and its id if that could be.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) id: Option<Box<str>>,
    pub(super) error: ApiError,
}

impl From<ApiError> for Unread {
    fn from(error: ApiError) -> Self {
        Self { id: None, error }
    }
}

impl From<Unread> for ApiError {
    fn from(unread: Unread) -> Self {
        unread.error
    }
}

impl Received {
    /// The outcome, unless it is that of another request under the same key.
    ///
    /// # Errors
    /// `idempotency_key_reused`.
    pub(super) fn told(&self, committed: Committed) -> Result<Committed, ApiError> {
        let is_another =
            committed.replayed && self.by_key.as_ref().is_some_and(|by| !self.is(by, &committed));
        if is_another { Err(Failure::KeyReused.into()) } else { Ok(committed) }
    }

    fn is(&self, by: &ByKey, committed: &Committed) -> bool {
        let (Command::Event(first), Effect::EventRecorded { priced, .. }) =
            (&committed.record.command, &committed.record.facts.effect)
        else {
            return false;
        };
        let mut asked = self.event.clone();
        // Whichever of its customer's names it says: the key is the customer's.
        asked.customer.clone_from(&first.customer);
        if !by.is_timed {
            asked.timestamp = first.timestamp;
        }
        let was_told_by = priced.as_ref().map(|priced| (priced.card, priced.version));
        if was_told_by != by.card && by.can_be(first.metered.quantity, &asked) {
            asked.metered.quantity = first.metered.quantity;
        } else if self.unclear.is_some() {
            return false;
        }
        // What was erased is compared without its words; its id is not what it was.
        let asked = Command::Event(Box::new(asked));
        committed.record.command == asked || committed.record.command == erasure::of_command(&asked)
    }
}

impl ByKey {
    /// Whether some rate card reads this quantity out of the request.
    fn can_be(&self, quantity: Usage, event: &Event) -> bool {
        let says = |text: &str| Usage::parse_json(text) == Ok(quantity);
        let properties = &event.metered.properties;
        let of_itself =
            match self.quantity.as_deref().or_else(|| given::property(properties, given::QUANTITY)) {
                Some(text) => says(text),
                None => quantity == Usage::ONE,
            };
        of_itself || properties.iter().any(|(_, value)| says(value))
    }
}
