//! Many operations in one request, answered in order: of debits only ([`debits`]), of every metering verb ([`mixed`]), and all of one
//! customer's or none ([`atomic`]).
//!
//! Here is what they share: items become operations, outcomes become results. What stands in an item is read by [`item`].

use axum::http::StatusCode;
use coffer_ledger::command::Origin;
use coffer_ledger::ids::{CustomerNumber, LogPosition};
use serde_json::value::RawValue;

use super::call::Call;
use super::error::ApiError;
use super::refusals::Note;
use super::reply::Reply;
use super::{fields, idempotency};
use crate::engine::{Committed, Failure, Operation, Target};
use item::Item;

mod atomic;
pub(crate) mod debits;
pub(crate) mod item;
pub(crate) mod mixed;
mod result;

/// Bytes that an item's result is expected to have.
const RESULT_BYTES: usize = 768;

/// How an item of this kind of batch is read.
type ReadItem = fn(&Call, &RawValue) -> Result<Item, ApiError>;

/// What became of one item.
type Outcome = Result<Committed, ApiError>;

/// A batch as the request asks for it.
struct Batch<'a> {
    call: &'a Call,
    /// Name of the request's list, for its errors.
    list: &'static str,
    items: Vec<&'a RawValue>,
    read: ReadItem,
    /// The request's key.
    key: Option<Box<str>>,
    dry_run: bool,
}

impl Batch<'_> {
    /// Refuses none and too many.
    fn check_length(&self) -> Result<(), ApiError> {
        let items_max = self.call.app.options.batch_items_max;
        if self.items.is_empty() || self.items.len() > items_max {
            return Err(ApiError::field(self.list, &format!("1 to {items_max} items")));
        }
        Ok(())
    }

    /// Does each item alone.
    async fn each_alone(self) -> Result<Reply, ApiError> {
        self.check_length()?;
        let mut operations = Vec::with_capacity(self.items.len());
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(self.items.len());
        for index in 0..self.items.len() {
            match self.operation(index) {
                Ok(operation) => {
                    operations.push(operation);
                    outcomes.push(None);
                }
                Err(error) => outcomes.push(Some(Err(error))),
            }
        }
        let customers: Vec<_> = operations.iter().map(|(customer, _)| *customer).collect();
        let tried = self.call.engine().submit_many(self.call.tenant(), operations).await;
        let mut notes = Vec::new();
        let places = outcomes.iter_mut().enumerate().filter(|(_, outcome)| outcome.is_none());
        for ((index, place), (customer, outcome)) in places.zip(customers.into_iter().zip(tried)) {
            *place = Some(outcome.map_err(|failure| {
                notes.extend(self.note(index, customer, &failure));
                ApiError::from(failure)
            }));
        }
        Ok(render(outcomes)?.noting(notes))
    }

    /// What is kept of an item that was refused. The item is read once more: those that are accepted pay nothing for it.
    fn note(&self, index: usize, customer: CustomerNumber, failure: &Failure) -> Option<Note> {
        let Item { idempotency_key, command, .. } = (self.read)(self.call, self.items[index]).ok()?;
        let asked = (command.name(), self.dry_run);
        let note = Note::of(self.call.engine(), &self.call.who, Target::Number(customer), asked, failure)?;
        let key = idempotency::of_item(self.key.as_deref(), index, idempotency_key).ok().flatten();
        let status = ApiError::from(failure.clone()).status().as_u16();
        Some(note.of_item(index, key).answered(status))
    }

    /// An item as the engine takes it.
    fn operation(&self, index: usize) -> Result<(CustomerNumber, Operation), ApiError> {
        let Item { customer_id, idempotency_key, command } = (self.read)(self.call, self.items[index])?;
        let idempotency_key = idempotency::of_item(self.key.as_deref(), index, idempotency_key)?;
        let customer = customer(self.call, customer_id.as_deref())?;
        let origin = Origin { by: Some(self.call.who.key), idempotency_key };
        Ok((customer, Operation { command, origin, dry_run: self.dry_run }))
    }
}

/// The customer that an item names.
fn customer(call: &Call, name: Option<&str>) -> Result<CustomerNumber, ApiError> {
    let name = name.ok_or_else(|| ApiError::field("customer_id", "missing"))?;
    let name = fields::known_name("customer_id", name)?;
    call.check_bound(Target::Customer(name))?;
    let number = call.engine().resolve_even_deleted(call.tenant(), name);
    number.ok_or_else(|| ApiError::not_found("customer"))
}

fn render(outcomes: Vec<Option<Outcome>>) -> Result<Reply, ApiError> {
    let mut json = Vec::with_capacity(outcomes.len() * RESULT_BYTES);
    let mut highest = LogPosition(0);
    result::list(&mut json, outcomes, |json, outcome| {
        let outcome = outcome.ok_or_else(|| ApiError::internal("the engine left out an item of a batch"))?;
        match outcome.and_then(|committed| result::alone(json, &committed).map(|()| committed.position)) {
            Ok(position) => highest = highest.max(position),
            Err(error) => result::error(json, &error),
        }
        Ok(())
    })?;
    Ok(Reply::raw(StatusCode::OK, json).at(highest))
}
