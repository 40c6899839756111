//! What a handler answers.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use coffer_ledger::ids::LogPosition;
use serde::Serialize;

use super::error::ApiError;
use super::json;
use super::refusals::{Note, Noted};
use crate::engine::{Committed, Seen, TenantCommitted};

/// How far into the log a reply saw or wrote.
const LOG_POSITION: HeaderName = HeaderName::from_static("x-log-position");
/// The outcome is that of an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// Bytes that a reply is expected to have; most fit without growing.
const REPLY_BYTES: usize = 1_024;
/// The same of an error.
const ERROR_BYTES: usize = 512;

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    body: Vec<u8>,
    content_type: HeaderValue,
    position: LogPosition,
    replayed: bool,
    streamed: Option<Box<Streamed>>,
    /// Items of a batch that were refused.
    notes: Vec<Note>,
}

/// A body that is made while it is sent, and what is said of it before.
#[derive(Debug)]
struct Streamed {
    body: Body,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// In a response's extensions: its body takes as long as it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct IsStreamed;

impl Reply {
    /// An answer in JSON that has seen nothing of the log.
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        let mut body = Vec::with_capacity(REPLY_BYTES);
        json::write(&mut body, value);
        Self::raw(status, body)
    }

    /// An answer whose JSON is already written.
    pub(crate) const fn raw(status: StatusCode, body: Vec<u8>) -> Self {
        let position = LogPosition(0);
        Self {
            status,
            body,
            content_type: JSON,
            position,
            replayed: false,
            streamed: None,
            notes: Vec::new(),
        }
    }

    /// An answer in the text format of Prometheus.
    pub(crate) fn plain(body: Vec<u8>) -> Self {
        let mut reply = Self::raw(StatusCode::OK, body);
        reply.content_type = METRICS;
        reply
    }

    /// An answer whose body is made while it is sent.
    pub(crate) fn stream(
        content_type: &'static str,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Body,
    ) -> Self {
        let mut reply = Self::raw(StatusCode::OK, Vec::new());
        reply.content_type = HeaderValue::from_static(content_type);
        reply.streamed = Some(Box::new(Streamed { body, headers }));
        reply
    }

    /// An answer without a body.
    pub(crate) const fn empty(status: StatusCode) -> Self {
        Self::raw(status, Vec::new())
    }

    /// Says where in the log this stands; 0 says nothing.
    pub(crate) const fn at(mut self, position: LogPosition) -> Self {
        self.position = position;
        self
    }

    /// With what is to be kept of items that were refused.
    pub(crate) fn noting(mut self, notes: Vec<Note>) -> Self {
        self.notes = notes;
        self
    }

    /// The outcome of a write.
    pub(crate) const fn of(self, committed: &Committed) -> Self {
        let mut reply = self.at(committed.position);
        reply.replayed = committed.replayed;
        reply
    }

    /// The outcome of a write to a tenant.
    pub(crate) const fn of_tenant(self, committed: &TenantCommitted) -> Self {
        let mut reply = self.at(committed.position);
        reply.replayed = committed.replayed;
        reply
    }

    /// The answer of a read.
    pub(crate) const fn seen<T>(self, seen: &Seen<T>) -> Self {
        self.at(seen.position)
    }

    /// The response.
    pub(crate) fn into_response(self) -> Response {
        let has_body = !self.body.is_empty() || self.streamed.is_some();
        let mut response = match self.streamed {
            None => Response::new(Body::from(self.body)),
            Some(streamed) => streamed.into_response(),
        };
        *response.status_mut() = self.status;
        if !self.notes.is_empty() {
            response.extensions_mut().insert(Noted(self.notes));
        }
        let headers = response.headers_mut();
        if has_body {
            headers.insert(CONTENT_TYPE, self.content_type);
        }
        if self.position.0 > 0 {
            headers.insert(LOG_POSITION, HeaderValue::from(self.position.0));
        }
        if self.replayed {
            headers.insert(REPLAYED, TRUE);
        }
        response
    }
}

impl Streamed {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body);
        response.headers_mut().extend(self.headers);
        response.extensions_mut().insert(IsStreamed);
        response
    }
}

impl ApiError {
    /// The response. The outermost layer calls it a problem where the client asked for that.
    pub(crate) fn into_response(mut self) -> Response {
        let mut body = Vec::with_capacity(ERROR_BYTES);
        json::write(&mut body, &self.body());
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        if let Some(note) = self.take_note() {
            response.extensions_mut().insert(Noted(vec![note]));
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(axum::http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
