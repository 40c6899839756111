//! A customer as it was: at an instant, or as of a position in the log (docs/decisions/0018).
//!
//! Its records are found along the chain that their frames make, from the newest one back, and folded by the same fold that
//! recovery uses, from a snapshot's image where one is old enough and the chain is long. What was due by the instant and not
//! written yet is the view's to show, as in a live read. Nothing is written, no actor waits, and only a few look back at once.
//!
//! Absent on purpose: states of many customers at once (that is a replay), and anything that would have to guess: what the
//! archive no longer holds has no answer. Tested in `tests/engine/past.rs` and `tests/http/past.rs`.

mod image;
mod stopped;
mod trail;

use std::sync::Arc;

use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_ledger::time::Timestamp;
use coffer_wal::{LogReader, Lsn, ReadError, SnapshotStore};

pub use self::stopped::Stopped;

use self::trail::{Found, Trail};
use super::codec;
use super::core::{Core, customer_subject};
use super::fold::FoldError;
use super::operation::{Failure, Target};
use super::read::read;
use super::snapshot::SnapshotFailure;

/// Records along the chain that are followed before it is worth reading a snapshot for a place to start from.
const BEFORE_A_SNAPSHOT: usize = 4_096;

/// Which state of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// After everything that this record and those before it did.
    Position(LogPosition),
    /// After everything recorded at or before this instant, by the tenant's time (decisions/0012).
    Time(Timestamp),
}

/// A customer as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// Its state after its last record then.
    pub customer: Customer,
    /// The instant, never before that record: what views show is due by then is shown.
    pub now: Timestamp,
}

impl AsOf {
    /// Whether there was such a customer then.
    ///
    /// # Errors
    /// [`PastFailure::NotYet`], [`PastFailure::Deleted`].
    pub fn check_exists(&self) -> Result<(), PastFailure> {
        match &self.customer.identity {
            None => Err(PastFailure::NotYet),
            Some(identity) if identity.deleted => Err(PastFailure::Deleted),
            Some(_) => Ok(()),
        }
    }
}

/// Why there is no answer about the past.
#[derive(Debug, thiserror::Error)]
pub enum PastFailure {
    /// Nobody has this name, or had it last.
    #[error("customer not found")]
    NotFound,
    /// It has no record that old.
    #[error("the customer did not exist then")]
    NotYet,
    /// It had been deleted.
    #[error("the customer had been deleted by then")]
    Deleted,
    /// The instant has not come.
    #[error("that instant has not come yet")]
    Future {
        /// The tenant's time.
        now: Timestamp,
    },
    /// No record has this position, or it is not durable.
    #[error("the log ends at position {}", .end.0)]
    BeyondTheLog {
        /// The last durable record.
        end: LogPosition,
    },
    /// What it takes was removed from the archive.
    #[error("the archive no longer holds the records that this takes")]
    Gone,
    /// `as_of_records_max`.
    #[error("this takes more than {max} records of the customer (as_of_records_max)")]
    TooManyRecords {
        /// Its value.
        max: usize,
    },
    /// `as_of_in_flight_max`; nothing was tried.
    #[error("{max} look into the past already (as_of_in_flight_max): try again")]
    Busy {
        /// Its value.
        max: usize,
    },
    /// The live customer could not be asked.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// Something on disk is damaged.
    #[error("the past cannot be read: {0}")]
    Unreadable(Box<dyn std::error::Error + Send + Sync>),
}

impl From<ReadError> for PastFailure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Gone { .. } => Self::Gone,
            error => Self::Unreadable(error.into()),
        }
    }
}

impl From<FoldError> for PastFailure {
    fn from(error: FoldError) -> Self {
        Self::Unreadable(error.into())
    }
}

impl From<SnapshotFailure> for PastFailure {
    fn from(error: SnapshotFailure) -> Self {
        Self::Unreadable(error.into())
    }
}

/// One question, after its names were looked up.
#[derive(Clone, Debug)]
struct Question {
    of: (TenantNumber, CustomerNumber),
    /// Oldest or newest first, as the answers are wanted.
    at: Vec<At>,
    /// Whether the tenant's time is not the log's.
    own_clock: bool,
    records_max: usize,
}

/// Where the past is read from.
struct Sources<'a> {
    reader: &'a LogReader,
    snapshots: &'a SnapshotStore,
}

/// A customer of a running engine at each of these.
pub(crate) async fn look(
    core: &Arc<Core>,
    tenant: TenantNumber,
    target: Target<'_>,
    at: Vec<At>,
) -> Result<Vec<AsOf>, PastFailure> {
    let number = find(core, tenant, target).ok_or(PastFailure::NotFound)?;
    let busy = PastFailure::Busy { max: core.options.as_of_in_flight_max };
    let permit = Arc::clone(&core.looking_back).try_acquire_owned().map_err(|_| busy)?;
    let (now, end) = (core.now_of(tenant), LogPosition(core.reader.durable_lsn().0));
    at.iter().try_for_each(|at| has_come(*at, now, end))?;
    let own_clock = core.views.get(tenant).is_some_and(|view| view.test_clock.is_some());
    let records_max = core.options.as_of_records_max;
    let question = Question { of: (tenant, number), at, own_clock, records_max };
    let wanted = question.at.clone();
    // Most questions about a customer at rest, or about a moment ago, are answered by what it is.
    let is_answer = move |live: &Customer| wanted.iter().all(|at| includes(*at, live));
    let seen =
        read(core, question.of, move |live, _| (live.last_position, is_answer(live).then(|| live.clone())));
    let (head, live) = seen.await.map_err(unknown)?.value;
    let (reader, snapshots) = (core.reader.clone(), core.snapshots.clone());
    let looking = core.runtime.spawn_blocking(move || {
        let _permit = permit;
        let sources = Sources { reader: &reader, snapshots: &snapshots };
        answer(&sources, &question, head, live)
    });
    looking.await.map_err(|_| Failure::Internal)?
}

fn unknown(failure: Failure) -> PastFailure {
    match failure {
        Failure::NotFound(_) => PastFailure::NotFound,
        failure => failure.into(),
    }
}

/// Whoever has the name, or had it last: a deleted customer has a past.
fn find(core: &Core, tenant: TenantNumber, target: Target<'_>) -> Option<CustomerNumber> {
    let number = match target {
        Target::Customer(name) | Target::NewCustomer(name) => {
            core.directory.find_even_deleted(tenant, name)?
        }
        Target::Wallet(id) => id.0.customer(),
        Target::Number(number) => number,
    };
    core.router.is_seated(tenant, number).then_some(number)
}

/// Nobody is told what has not happened yet.
fn has_come(at: At, now: Timestamp, end: LogPosition) -> Result<(), PastFailure> {
    match at {
        At::Position(position) if position > end => Err(PastFailure::BeyondTheLog { end }),
        At::Time(time) if time > now => Err(PastFailure::Future { now }),
        At::Position(_) | At::Time(_) => Ok(()),
    }
}

/// Whether a state is one of then or before.
fn includes(at: At, state: &Customer) -> bool {
    holds(at, state.last_position, state.last_at)
}

fn holds(at: At, position: LogPosition, recorded_at: Timestamp) -> bool {
    match at {
        At::Position(then) => position <= then,
        At::Time(then) => recorded_at <= then,
    }
}

/// The states, each as of its instant. `live`: the state of now, if it is the answer to everything.
fn answer(
    sources: &Sources<'_>,
    question: &Question,
    head: LogPosition,
    live: Option<Customer>,
) -> Result<Vec<AsOf>, PastFailure> {
    let states = match live {
        Some(live) => vec![live; question.at.len()],
        None => fold_back(sources, question, head)?,
    };
    states
        .into_iter()
        .zip(&question.at)
        .map(|(customer, at)| as_of(sources, question, customer, *at))
        .collect()
}

fn as_of(
    sources: &Sources<'_>,
    question: &Question,
    customer: Customer,
    at: At,
) -> Result<AsOf, PastFailure> {
    let now = match at {
        At::Time(time) => time,
        // What the tenant's own clock said is known by what happened on it only.
        At::Position(position) if question.own_clock || position == customer.last_position => {
            customer.last_at
        }
        At::Position(position) => Timestamp(sources.reader.read(Lsn(position.0))?.header.time_ns),
    };
    let now = now.max(customer.last_at);
    Ok(AsOf { customer, now })
}

/// Finds the last record of each instant, then a state to start from, then folds.
fn fold_back(
    sources: &Sources<'_>,
    question: &Question,
    head: LogPosition,
) -> Result<Vec<Customer>, PastFailure> {
    let subject = customer_subject(question.of.0, question.of.1);
    let mut trail = Trail::new(sources.reader, subject, Lsn(head.0), question);
    let mut found = trail.follow(BEFORE_A_SNAPSHOT)?;
    let mut start = Customer::new(question.of.0, question.of.1);
    if found != Found::Beginning {
        if let Some(image) = image::find(sources, question.of, &trail)? {
            found = trail.end_at(&image);
            start = image;
        }
    }
    if found == Found::MayGoOn {
        found = trail.follow(usize::MAX)?;
    }
    if found == Found::Gone {
        return Err(PastFailure::Gone);
    }
    trail.fold(start)
}

/// The tenant's time of a record.
fn recorded_at(record: &coffer_wal::Record<'_>) -> Result<Timestamp, FoldError> {
    codec::decode_for_replay(record.header.version, record.public, record.personal)
        .map(|view| view.facts.at)
        .map_err(|source| FoldError::Decode { lsn: record.lsn.0, source })
}
