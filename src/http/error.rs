//! The one error of the edge and its one body (API §1 "Errors").
//!
//! A body satisfies readers of RFC 9457 and both billing SDKs at once. Whatever goes wrong becomes an [`ApiError`]: a refusal of the
//! rules, a failure of the engine, a request that cannot be understood. Inner causes never leave the process; `Internal` says
//! nothing but its request id. Tested in tests/http/bad_input.rs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::http::StatusCode;
use coffer_ledger::amount::AmountError;
use coffer_ledger::refusal::Refusal;
use serde::Serialize;
use utoipa::ToSchema;

use super::refusals::Note;
use super::rfc3339;
use crate::engine::Failure;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal $code:literal $title:literal),* $(,)?) => {
        /// What went wrong, as clients tell it apart.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code { $($(#[$doc])* $name),* }

        impl Code {
            /// Every code, in the order of their statuses.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            /// The code as it stands in the body.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The HTTP status, on the metering half.
            pub(crate) const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            /// The same sentence for every occurrence.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }
        }
    };
}

codes! {
    /// The request cannot be understood or asks for what there is not.
    ValidationError = 400 "validation_error" "The request is not valid",
    /// No key, or an unknown or revoked one.
    Unauthorized = 401 "unauthorized" "A valid API key is required",
    /// Not enough credit.
    InsufficientCredits = 402 "insufficient_credits" "Not enough credits",
    /// The key may not do this.
    PermissionDenied = 403 "permission_denied" "The API key does not permit this",
    /// No such thing here.
    NotFound = 404 "not_found" "Not found",
    /// The path knows other methods.
    MethodNotAllowed = 405 "method_not_allowed" "Method not allowed",
    /// The body did not arrive in time.
    RequestTimeout = 408 "request_timeout" "The request did not arrive in time",
    /// The name or thing is taken.
    AlreadyExists = 409 "already_exists" "Already exists",
    /// Not in this state.
    InvalidOperation = 409 "invalid_operation" "Not possible in this state",
    /// The wallet is frozen.
    WalletFrozen = 409 "wallet_frozen" "The wallet is frozen",
    /// The wallet is closed.
    WalletClosed = 409 "wallet_closed" "The wallet is closed",
    /// The transaction's segment of the log is not sealed and signed yet.
    ProofNotReady = 409 "proof_not_ready" "There is no proof yet",
    /// The hold was captured or released.
    HoldClosed = 409 "hold_closed" "The hold is closed",
    /// The hold's deadline has passed.
    HoldExpired = 410 "hold_expired" "The hold has expired",
    /// Older than the archive.
    RecordGone = 410 "record_gone" "The record is no longer kept",
    /// The body is too large.
    PayloadTooLarge = 413 "payload_too_large" "The body is too large",
    /// The path and query are too long.
    UriTooLong = 414 "uri_too_long" "The URL is too long",
    /// The body is not JSON.
    UnsupportedMediaType = 415 "unsupported_media_type" "The body must be application/json",
    /// Not an amount that moves credit.
    AmountInvalid = 422 "amount_invalid" "The amount is not valid",
    /// Too many fractional digits.
    AmountPrecision = 422 "amount_precision" "The amount has too many fractional digits",
    /// Too many integer digits.
    AmountOverflow = 422 "amount_overflow" "The amount is too large",
    /// The wallets do not share a unit.
    UnitRequired = 422 "unit_required" "Name a wallet or a unit",
    /// The wallet is of another unit.
    UnitMismatch = 422 "unit_mismatch" "The units do not match",
    /// More than the hold holds, and it said `reject`.
    OverCapture = 422 "over_capture" "More than the hold holds",
    /// More than is left of the debit.
    OverRefund = 422 "over_refund" "More than is left to refund",
    /// Too old, or ahead of time.
    EventTime = 422 "event_time" "The event's time is out of range",
    /// A limit is reached.
    LimitReached = 422 "limit_reached" "A limit is reached",
    /// The key was used for another request.
    IdempotencyKeyReused = 422 "idempotency_key_reused" "The idempotency key was used for another request",
    /// A cap of a budget.
    BudgetExceeded = 429 "budget_exceeded" "A budget would be exceeded",
    /// The headers are too large.
    HeadersTooLarge = 431 "headers_too_large" "The headers are too large",
    /// A bug.
    Internal = 500 "internal_error" "Internal error",
    /// No room for one more write.
    Overloaded = 503 "overloaded" "Too busy: try again",
    /// No writes now.
    ReadOnly = 503 "read_only" "Writes are not accepted now",
    /// This customer's state could not be rebuilt.
    Quarantined = 503 "quarantined" "This customer is quarantined",
    /// The history has not seen yet what the caller wants to see.
    HistoryBehind = 503 "history_behind" "The history is not that far yet: try again",
    /// There is no history, or it is being made.
    HistoryUnavailable = 503 "history_unavailable" "The history cannot be read now",
    /// Webhooks are not delivered by this server, or cannot be now.
    WebhooksUnavailable = 503 "webhooks_unavailable" "Webhooks are not delivered now",
    /// The answer was lost.
    OutcomeUnknown = 503 "outcome_unknown" "The outcome is unknown: retry with the same key",
}

/// Seconds after which a client may try again when the engine is busy.
const RETRY_AFTER_S: u64 = 1;

/// Anything but success.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    code: Code,
    message: Cow<'static, str>,
    details: Vec<(&'static str, String)>,
    billing: bool,
    retry_after_s: Option<u64>,
    note: Option<Box<Note>>,
}

impl ApiError {
    /// An error with a sentence for people.
    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let (details, billing, retry_after_s, note) = (Vec::new(), false, None, None);
        Self { code, message: message.into(), details, billing, retry_after_s, note }
    }

    /// 400: one field is wrong.
    pub(crate) fn field(field: &str, problem: &str) -> Self {
        Self::new(Code::ValidationError, format!("{field}: {problem}")).with("field", field)
    }

    /// 400: a field or value whose rule is not in this version. Refused, since money rules are never accepted and ignored.
    pub(crate) fn not_available(field: &str) -> Self {
        Self::field(field, "not available in this version")
    }

    /// An amount that could not be read.
    pub(crate) fn amount(field: &str, error: AmountError) -> Self {
        let code = match error {
            AmountError::NotANumber => Code::ValidationError,
            AmountError::Precision => Code::AmountPrecision,
            AmountError::Overflow => Code::AmountOverflow,
        };
        Self::new(code, format!("{field}: {error}")).with("field", field)
    }

    /// 404.
    pub(crate) fn not_found(what: &'static str) -> Self {
        Self::new(Code::NotFound, format!("{what} not found"))
    }

    /// 500: a bug. The sentence is for the log, not for the client.
    pub(crate) fn internal(cause: &str) -> Self {
        tracing::error!(cause, "internal error");
        Self::new(Code::Internal, "internal error")
    }

    /// Adds a fact.
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.details.push((name, value.to_string()));
        self
    }

    /// The same, where the request calls this field otherwise.
    pub(crate) fn renamed(mut self, field: &str, called: &str) -> Self {
        for (_, value) in self.details.iter_mut().filter(|(name, value)| *name == "field" && value == field) {
            called.clone_into(value);
            if let Some(problem) = self.message.strip_prefix(field) {
                self.message = format!("{called}{problem}").into();
            }
        }
        self
    }

    /// The same with what is to be kept of it.
    pub(crate) fn noted(mut self, note: Option<Note>) -> Self {
        self.note = note.map(Box::new);
        self
    }

    /// Takes out what is to be kept of it, as it is answered.
    pub(crate) fn take_note(&mut self) -> Option<Note> {
        let status = self.status().as_u16();
        self.note.take().map(|note| note.answered(status))
    }

    /// The facts, by name.
    pub(crate) fn facts(self) -> impl Iterator<Item = (&'static str, String)> {
        self.details.into_iter()
    }

    /// The same on the billing half, where most of 409 and 422 answer 400 (API §1).
    pub(crate) fn on_billing_half(mut self, billing: bool) -> Self {
        self.billing = billing;
        self
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        let keeps = matches!(self.code, Code::AlreadyExists | Code::IdempotencyKeyReused);
        let status = match self.code.status() {
            409 | 422 if self.billing && !keeps => 400,
            status => status,
        };
        StatusCode::from_u16(status).expect("the table holds statuses only")
    }

    /// The code.
    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    /// What happened, for people.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// `Retry-After`, where trying again can help.
    pub(crate) const fn retry_after_s(&self) -> Option<u64> {
        match self.code {
            Code::Overloaded
            | Code::ReadOnly
            | Code::OutcomeUnknown
            | Code::HistoryBehind
            | Code::HistoryUnavailable
            | Code::WebhooksUnavailable => Some(RETRY_AFTER_S),
            _ => self.retry_after_s,
        }
    }

    const fn again_after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after_s = seconds;
        self
    }

    /// The body.
    pub(crate) fn body(&self) -> ErrorBody<'_> {
        let status = self.status().as_u16();
        ErrorBody {
            kind: Kind(self.code),
            title: self.code.title(),
            status,
            detail: &self.message,
            code: self.code.as_str(),
            message: &self.message,
            http_status_code: status,
            details: self.details.iter().map(|(name, value)| (*name, value.as_str())).collect(),
            success: false,
            error: InnerError { message: &self.message, internal_error: None },
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::InsufficientCredits { required, available, shortfall } => {
                Self::new(Code::InsufficientCredits, message)
                    .with("required", required)
                    .with("available", available)
                    .with("shortfall", shortfall)
            }
            Refusal::CustomerNotFound | Refusal::NotFound(_) => Self::new(Code::NotFound, message),
            Refusal::WalletNotFound(wallet) => Self::new(Code::NotFound, message).with("wallet_id", wallet),
            Refusal::AlreadyExists(_) => Self::new(Code::AlreadyExists, message),
            Refusal::WalletFrozen(wallet) => Self::new(Code::WalletFrozen, message).with("wallet_id", wallet),
            Refusal::WalletClosed(wallet) => Self::new(Code::WalletClosed, message).with("wallet_id", wallet),
            Refusal::InvalidOperation(_) => Self::new(Code::InvalidOperation, message),
            Refusal::AmountInvalid(_) => Self::new(Code::AmountInvalid, message),
            Refusal::AmountOverflow(_) => Self::new(Code::AmountOverflow, message),
            Refusal::UnitRequired => Self::new(Code::UnitRequired, message),
            Refusal::UnitMismatch => Self::new(Code::UnitMismatch, message),
            Refusal::LimitReached { limit, max } => limit_reached(message, limit, max),
            Refusal::Invalid { field, problem } => Self::field(field, problem),
            Refusal::HoldClosed(hold) => Self::new(Code::HoldClosed, message).with("hold_id", hold),
            Refusal::HoldExpired(hold) => Self::new(Code::HoldExpired, message).with("hold_id", hold),
            Refusal::OverCapture { held, asked } => {
                Self::new(Code::OverCapture, message).with("held", held).with("credits", asked)
            }
            Refusal::OverRefund { left, asked } => {
                Self::new(Code::OverRefund, message).with("refundable_left", left).with("credits", asked)
            }
            Refusal::BudgetExceeded { budget, window, limit, used, resets_at, retry_after_s } => {
                let error = Self::new(Code::BudgetExceeded, message)
                    .again_after(retry_after_s)
                    .with("budget_id", budget)
                    .with("window", window.as_str())
                    .with("limit", limit)
                    .with("used", used);
                match resets_at {
                    Some(at) => error.with("resets_at", rfc3339::Text::new(at).as_str()),
                    None => error,
                }
            }
            Refusal::EventTime(_) => Self::new(Code::EventTime, message),
            Refusal::Item { index, refusal } => Self::from(*refusal).with("index", index),
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let message = failure.to_string();
        match failure {
            Failure::Refused(refused) => {
                let error = Self::from(refused.refusal);
                match refused.recharge {
                    Some(recharge) => error.with("recharge_id", recharge),
                    None => error,
                }
            }
            Failure::NotFound(_) => Self::new(Code::NotFound, message),
            Failure::KeyReused => Self::new(Code::IdempotencyKeyReused, message),
            Failure::RecordGone => Self::new(Code::RecordGone, message),
            Failure::RecordTooLarge { max } => {
                limit_reached(message, "record_bytes_max", u64::try_from(max).unwrap_or(u64::MAX))
            }
            Failure::LimitReached { limit, max } => limit_reached(message, limit, max),
            Failure::Overloaded | Failure::KeysFull => Self::new(Code::Overloaded, message),
            Failure::ReadOnly(_) => Self::new(Code::ReadOnly, message),
            Failure::Quarantined => Self::new(Code::Quarantined, message),
            Failure::Internal => Self::new(Code::Internal, message),
            Failure::InTransit(id) => Self::new(Code::OutcomeUnknown, message).with("transfer_id", id),
            Failure::OutcomeUnknown | Failure::Halted => Self::new(Code::OutcomeUnknown, message),
        }
    }
}

fn limit_reached(message: String, limit: &'static str, max: u64) -> ApiError {
    ApiError::new(Code::LimitReached, message).with("limit", limit).with("max", max)
}

/// A URI that names the kind of problem (RFC 9457 `type`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind(Code);

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("urn:coffer:error:{}", self.0.as_str()))
    }
}

/// The body of every error.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody<'a> {
    /// `urn:coffer:error:` and the code.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "urn:coffer:error:insufficient_credits")]
    kind: Kind,
    /// The same for every occurrence of the code.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What happened here.
    detail: &'a str,
    /// What clients tell errors apart by.
    #[schema(example = "insufficient_credits")]
    code: &'a str,
    /// As `detail`.
    message: &'a str,
    /// As `status`.
    http_status_code: u16,
    /// Facts, as strings; of 402: `required`, `available`, `shortfall`, and `recharge_id` if it began a recharge.
    details: BTreeMap<&'a str, &'a str>,
    /// Always false.
    success: bool,
    /// For older clients.
    error: InnerError<'a>,
}

/// The error once more, in the shape of older clients.
#[derive(Serialize, ToSchema)]
pub(crate) struct InnerError<'a> {
    /// As `detail`.
    message: &'a str,
    /// Always null: causes stay inside.
    #[schema(value_type = Option<String>)]
    internal_error: Option<&'a str>,
}
