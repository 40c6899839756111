//! What is noted of a refusal while its response is made.

use axum::body::Bytes;
use axum::http::HeaderMap;
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use coffer_ledger::time::Timestamp;
use serde::Deserialize;

use crate::engine::{Authenticated, Engine, Failure, Target};
use crate::http::idempotency;

/// A refusal: everything but the id of its request.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(super) tenant: TenantNumber,
    pub(super) customer: CustomerNumber,
    pub(super) at: Timestamp,
    pub(super) operation: &'static str,
    /// Its place in a batch.
    pub(super) item: Option<usize>,
    pub(super) idempotency_key: Option<Box<str>>,
    pub(super) dry_run: bool,
    /// As it was answered.
    pub(super) status: u16,
    pub(super) failure: Failure,
}

/// Notes on a response, on their way to where they are kept.
#[derive(Clone, Debug)]
pub(crate) struct Noted(pub(crate) Vec<Note>);

impl Note {
    /// Of a failure that is a no to this customer; `None` of one that is not, and of nobody.
    pub(crate) fn of(
        engine: &Engine,
        who: &Authenticated,
        target: Target<'_>,
        (operation, dry_run): (&'static str, bool),
        failure: &Failure,
    ) -> Option<Self> {
        if !is_a_no(failure) {
            return None;
        }
        Some(Self {
            tenant: who.tenant,
            customer: engine.resolve(who.tenant, target)?,
            at: engine.now_of(who.tenant),
            operation,
            item: None,
            idempotency_key: None,
            dry_run,
            status: 0,
            failure: failure.clone(),
        })
    }

    /// With the key of the request, which is read once more: nobody else pays for keeping it.
    pub(crate) fn keyed(mut self, headers: &HeaderMap, body: &Bytes) -> Self {
        let of_body = serde_json::from_slice::<OnlyKey>(body).ok().and_then(|body| body.idempotency_key);
        self.idempotency_key = idempotency::of_request(headers, of_body).ok().flatten();
        self
    }

    /// As an item of a batch, under this key.
    pub(crate) fn of_item(mut self, index: usize, idempotency_key: Option<Box<str>>) -> Self {
        (self.item, self.idempotency_key) = (Some(index), idempotency_key);
        self
    }

    /// As it was answered.
    pub(crate) const fn answered(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Whether it is of the key's tenant, and of its customer if it is bound to one.
    pub(super) fn may_be_seen_by(&self, who: &Authenticated) -> bool {
        self.tenant == who.tenant && who.customer.is_none_or(|only| only == self.customer)
    }
}

#[derive(Deserialize)]
struct OnlyKey {
    idempotency_key: Option<Box<str>>,
}

const fn is_a_no(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(_)
        | Failure::KeyReused
        | Failure::RecordGone
        | Failure::RecordTooLarge { .. }
        | Failure::LimitReached { .. } => true,
        Failure::NotFound(_)
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
