//! What goes into the engine and what comes out: the surface that the HTTP front and embedding programs share.

use std::sync::Arc;

use coffer_ledger::catalog::tenant::{TenantCommand, TenantRecord};
use coffer_ledger::command::{Command, Origin};
use coffer_ledger::ids::{CustomerNumber, LogPosition, RechargeId, TransferId, WalletId};
use coffer_ledger::record::Record;
use coffer_ledger::refusal::Refusal;

/// How a request names the customer that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// By id or external id; unknown → [`Failure::NotFound`].
    Customer(&'a str),
    /// By one of its wallets: the id says which customer; another tenant's → [`Failure::NotFound`].
    Wallet(WalletId),
    /// By id or external id; an unknown name gets a place, which stays only if the command is accepted.
    NewCustomer(&'a str),
    /// By number, as [`super::Engine::resolve`] gave it.
    Number(CustomerNumber),
}

/// A command with who asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What is asked.
    pub command: Command,
    /// Who asks, and under which idempotency key.
    pub origin: Origin,
    /// Answer what would happen and change nothing. A dry run stores no key.
    pub dry_run: bool,
}

impl Operation {
    /// A command of the embedding program, without a key.
    #[must_use]
    pub fn new(command: Command) -> Self {
        Self { command, origin: Origin::default(), dry_run: false }
    }

    /// The same under an idempotency key (1–255 bytes, SEMANTICS §9).
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.origin.idempotency_key = Some(key.into());
        self
    }
}

/// What replies call a customer. Fixed when the customer is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerNames {
    /// Its number.
    pub number: CustomerNumber,
    /// `cust_…`, or the external id where the customer was made by naming it.
    pub id: Box<str>,
    /// The caller's own name for it.
    pub external_id: Box<str>,
}

/// An accepted operation. A reply is rendered from this alone, so the first reply and its replays are the same bytes.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Where its record stands in the log; 0 for a dry run.
    pub position: LogPosition,
    /// Who asked, what was asked, what was decided.
    pub record: Box<Record>,
    /// What the reply calls the customer.
    pub customer: Arc<CustomerNames>,
    /// Whether this is the outcome of an earlier request with the same key.
    pub replayed: bool,
}

/// A record as read back from the log.
#[derive(Clone, Debug)]
pub struct StoredRecord {
    /// Where it stands.
    pub position: LogPosition,
    /// The record.
    pub record: Box<Record>,
    /// Whose it is.
    pub customer: Arc<CustomerNames>,
}

/// What a read saw, and how far into the log that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    /// What the reader made of the state.
    pub value: T,
    /// The customer's last record at that time; durable.
    pub position: LogPosition,
}

/// A tenant command with who asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantOperation {
    /// What is asked.
    pub command: TenantCommand,
    /// Who asks, and under which idempotency key.
    pub origin: Origin,
    /// Answer what would happen and change nothing. A dry run stores no key.
    pub dry_run: bool,
}

impl TenantOperation {
    /// To be done, not only tried.
    #[must_use]
    pub const fn new(command: TenantCommand, origin: Origin) -> Self {
        Self { command, origin, dry_run: false }
    }
}

/// An accepted tenant operation; published before this is returned.
#[derive(Clone, Debug)]
pub struct TenantCommitted {
    /// Where its record stands in the log.
    pub position: LogPosition,
    /// Who asked, what was asked, what was decided.
    pub record: Box<TenantRecord>,
    /// Whether this is the outcome of an earlier request with the same key.
    pub replayed: bool,
}

/// A business no, and what it was decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The no.
    pub refusal: Refusal,
    /// The customer's last record that the decision saw; 0 = it was made without its state, or the customer has none.
    pub saw: LogPosition,
    /// The recharge that it set off (SEMANTICS §11): the request is refused all the same.
    pub recharge: Option<RechargeId>,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Refused { refusal, saw: LogPosition(0), recharge: None })
    }
}

/// Why an operation has no outcome. Only `OutcomeUnknown` and `Halted` leave open whether it took effect: retry with the same key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The rules said no; nothing changed.
    #[error("{}", .0.refusal)]
    Refused(Refused),
    /// No such customer, wallet, transaction or tenant here.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// 422: the key was used for another request.
    #[error("the idempotency key was used for a different request")]
    KeyReused,
    /// 410: the record is older than the archive.
    #[error("the record is no longer in the archive")]
    RecordGone,
    /// 422: the request would make a record beyond the log's limit.
    #[error("the record would be larger than {max} bytes")]
    RecordTooLarge {
        /// `record_bytes_max`.
        max: usize,
    },
    /// 422: a limit of the engine, by name.
    #[error("{limit} ({max}) is reached")]
    LimitReached {
        /// Its name.
        limit: &'static str,
        /// Its value.
        max: u64,
    },
    /// 503 `overloaded`: no permit; nothing was tried.
    #[error("too many writes in flight")]
    Overloaded,
    /// 503 `overloaded`: the key table is full (`keys_max`).
    #[error("the table of idempotency keys is full")]
    KeysFull,
    /// 503 `read_only`: the disk is nearly full, or the engine is shutting down.
    #[error("writes are not accepted: {0}")]
    ReadOnly(&'static str),
    /// 503 `quarantined`: this customer's state could not be rebuilt; others go on.
    #[error("this customer is quarantined")]
    Quarantined,
    /// 500: a bug; the state is untouched.
    #[error("internal error")]
    Internal,
    /// 503 `outcome_unknown`: the engine lost the answer.
    #[error("the outcome is unknown: retry with the same idempotency key")]
    OutcomeUnknown,
    /// 503 `outcome_unknown`: the transfer left and has neither arrived nor returned yet; it goes on by itself.
    #[error("transfer {0} is on its way: ask for it, or retry with the same idempotency key")]
    InTransit(TransferId),
    /// The log halted: an I/O failure or a fence. Nothing more is answered.
    #[error("the log has halted")]
    Halted,
}
