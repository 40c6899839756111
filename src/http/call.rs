//! A request after the door: authorised, within its limits, its body read. What every handler gets.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::RawPathParams;
use axum::http::request::Parts;
use coffer_ledger::command::{Command, Origin};
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{TenantNumber, WalletId};
use coffer_ledger::time::Timestamp;
use serde::Deserialize;

use super::App;
use super::error::{ApiError, Code};
use super::idempotency::{self, KeyBody};
use super::query::Query;
use super::refusals::Note;
use super::{body, fields};
use crate::engine::{Authenticated, Committed, Engine, Failure, Operation, Seen, Target};

/// The query parameter that makes a write a rehearsal.
pub(crate) const DRY_RUN: &str = "dry_run";

/// The parameters of a path.
pub(crate) enum Params {
    /// As the router found them, decoded.
    Routed(RawPathParams),
    /// Only `{id}`, which stands there in the path without an escape.
    Id(Range<usize>),
}

/// One request.
pub(crate) struct Call {
    /// What the front runs on.
    pub(crate) app: Arc<App>,
    /// Whose key was shown.
    pub(crate) who: Authenticated,
    /// What the path's parameters are.
    pub(crate) params: Params,
    /// Method, URL and headers.
    pub(crate) head: Parts,
    /// The body, whole.
    pub(crate) body: Bytes,
}

impl Call {
    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.app.engine
    }

    /// The tenant that everything is looked up in.
    pub(crate) const fn tenant(&self) -> TenantNumber {
        self.who.tenant
    }

    /// A parameter of the path, decoded.
    pub(crate) fn param(&self, name: &str) -> &str {
        let value = match &self.params {
            Params::Routed(params) => params.iter().find(|(given, _)| *given == name).map(|(_, value)| value),
            Params::Id(place) => (name == "id").then(|| &self.head.uri.path()[place.clone()]),
        };
        value.expect("handlers ask for parameters of their own path only")
    }

    /// The customer that the path's `{id}` names.
    pub(crate) fn customer_name(&self) -> Result<&str, ApiError> {
        fields::known_name("id", self.param("id"))
    }

    /// The wallet that the path's `{id}` names. What is no wallet's id is nobody's wallet.
    pub(crate) fn wallet_id(&self) -> Result<WalletId, ApiError> {
        self.param("id").parse().map_err(|_| ApiError::not_found("wallet"))
    }

    /// The body as JSON.
    pub(crate) fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ApiError> {
        body::parse(&self.body)
    }

    /// The body as JSON, where none means `{}`.
    pub(crate) fn json_or_empty<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ApiError> {
        body::parse_or_empty(&self.body)
    }

    /// The idempotency key in the body of a write that has nothing else to say, and needs no body.
    pub(crate) fn key_alone(&self) -> Result<Option<Box<str>>, ApiError> {
        Ok(self.json_or_empty::<KeyBody>()?.idempotency_key)
    }

    /// The parameters behind the path.
    pub(crate) fn query(&self) -> Result<Query, ApiError> {
        Query::of(&self.head.uri)
    }

    /// Whether a write of ours is a dry run; any other parameter is refused.
    pub(crate) fn dry_run(&self) -> Result<bool, ApiError> {
        let query = self.query()?;
        query.only(&[DRY_RUN])?;
        query.flag(DRY_RUN)
    }

    /// Whether a write of the billing half is a dry run; other parameters are not ours to judge.
    pub(crate) fn billing_dry_run(&self) -> Result<bool, ApiError> {
        self.query()?.flag(DRY_RUN)
    }

    /// Who asks, and under which key: the header's or the body's.
    pub(crate) fn origin(&self, body_key: Option<Box<str>>) -> Result<Origin, ApiError> {
        let idempotency_key = idempotency::of_request(&self.head.headers, body_key)?;
        Ok(Origin { by: Some(self.who.key), idempotency_key })
    }

    /// A key that is bound to a customer finds nobody else's things.
    pub(crate) fn check_bound(&self, target: Target<'_>) -> Result<(), ApiError> {
        let Some(only) = self.who.customer else { return Ok(()) };
        if self.engine().resolve(self.tenant(), target) == Some(only) {
            return Ok(());
        }
        Err(not_found(target))
    }

    /// A key that is bound to a customer changes nothing that is all customers'.
    pub(crate) fn check_unbound(&self, of_all: &str) -> Result<(), ApiError> {
        if self.who.customer.is_none() {
            return Ok(());
        }
        Err(ApiError::new(Code::PermissionDenied, format!("the API key is bound to a customer: {of_all}")))
    }

    /// Hands a command to the engine.
    pub(crate) fn submit<'a>(
        &'a self,
        target: Target<'a>,
        command: Command,
        origin: Origin,
        dry_run: bool,
    ) -> impl Future<Output = Result<Committed, ApiError>> + Send + 'a {
        let asked = (command.name(), dry_run);
        let operation = Box::new(Operation { command, origin, dry_run });
        async move {
            self.check_bound(target)?;
            let submitted = self.engine().submit(self.tenant(), target, operation);
            submitted.await.map_err(|failure| self.refused(target, asked, failure))
        }
    }

    /// What failed, in the words of the request; a no is noted, to be explained later.
    pub(crate) fn refused(
        &self,
        target: Target<'_>,
        asked: (&'static str, bool),
        failure: Failure,
    ) -> ApiError {
        let note = Note::of(self.engine(), &self.who, target, asked, &failure);
        let note = note.map(|note| note.keyed(&self.head.headers, &self.body));
        failed(target, failure).noted(note)
    }

    /// Looks at a customer that exists. What the reader gives was durable when it leaves.
    pub(crate) async fn read<T, F>(&self, target: Target<'_>, read: F) -> Result<Seen<T>, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Customer, Timestamp) -> T + Send + 'static,
    {
        self.check_bound(target)?;
        let look = move |customer: &Customer, now| {
            // A rehearsed or refused creation can leave an empty place behind.
            let identity = customer.identity.as_ref().filter(|identity| !identity.deleted);
            identity.map(|_| read(customer, now))
        };
        let seen = self.engine().read(self.tenant(), target, look).await;
        let seen = seen.map_err(|failure| failed(target, failure))?;
        let value = seen.value.ok_or_else(|| not_found(target))?;
        Ok(Seen { value, position: seen.position })
    }
}

/// A failure in the words of the request: it may have named a wallet where the engine looked for a customer.
pub(crate) fn failed(target: Target<'_>, failure: Failure) -> ApiError {
    match failure {
        Failure::NotFound("customer") => not_found(target),
        failure => failure.into(),
    }
}

/// 404 for who or what a request names.
fn not_found(target: Target<'_>) -> ApiError {
    ApiError::not_found(match target {
        Target::Wallet(_) => "wallet",
        Target::Customer(_) | Target::NewCustomer(_) | Target::Number(_) => "customer",
    })
}
