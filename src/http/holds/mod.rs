//! Holds: credit reserved for work whose price is not known yet (SEMANTICS §5, API §2).
//!
//! Every verb's reply is the hold as its record left it ([`reply`]); reads show the hold as it is now, or as its last record left it.
//! Tested in tests/http/holds.rs.

pub(crate) mod capture;
pub(crate) mod change;
pub(crate) mod place;
pub(crate) mod read;
pub(crate) mod reply;

use coffer_ledger::command::Command;
use coffer_ledger::ids::HoldId;

use super::call::Call;
use super::error::ApiError;
use super::fields;
use crate::engine::{Committed, Target};

/// The hold that the path names. What is no hold's id is nobody's hold.
fn hold_of_path(call: &Call) -> Result<HoldId, ApiError> {
    call.param("hold_id").parse().map_err(|_| ApiError::not_found("hold"))
}

/// The hold that an item of a batch names.
fn hold_of_item(hold_id: Option<&str>) -> Result<HoldId, ApiError> {
    fields::hold_id("hold_id", hold_id.ok_or_else(|| ApiError::field("hold_id", "missing"))?)
}

/// Asks something of the path's customer.
async fn submit(
    call: &Call,
    command: Command,
    idempotency_key: Option<Box<str>>,
    dry_run: bool,
) -> Result<Committed, ApiError> {
    let origin = call.origin(idempotency_key)?;
    call.submit(Target::Customer(call.customer_name()?), command, origin, dry_run).await
}
