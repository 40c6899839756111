//! Usage events (SEMANTICS §19).

use super::{Charge, Metered};
use crate::time::Timestamp;

/// `POST /events`: usage that happened. Deduplicated by customer, source and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The customer as the request named it: its name if it has to be made.
    pub customer: Box<str>,
    /// Where it comes from; may be empty.
    pub source: Box<str>,
    /// Its id at the source.
    pub id: Box<str>,
    /// When it happened: picks the rate card. The debit is now.
    pub timestamp: Timestamp,
    /// What was used. The meter is the event's name; properties decide which card.
    pub metered: Metered,
    /// For what, and who pays.
    pub charge: Charge,
}
