//! What a command does to a customer, decided without doing it.

use crate::catalog::tenant::Settings;
use crate::command::Command;
use crate::customer::Customer;
use crate::fact::Facts;
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// What a decision needs beside the customer and the command. Nothing in it is asked for: the shell brings it.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The instant of the turn; never before the customer's last record.
    pub now: Timestamp,
    /// The tenant's published settings.
    pub settings: &'a Settings,
    /// The engine's limits.
    pub limits: &'a Limits,
    /// Whether the request has an idempotency key, so that a repeat of it cannot act twice.
    pub keyed: bool,
}

/// Decides a command. Pure: same state, command and context, same answer.
///
/// # Errors
/// A [`Refusal`]: nothing happens.
pub fn decide(customer: &Customer, command: &Command, context: &Context<'_>) -> Result<Facts, Refusal> {
    let _ = (customer, command, context);
    Err(Refusal::CustomerNotFound)
}
