//! What-if: the requests of a stopped server's log, decided again under other rules in a shadow engine.
//!
//! The log keeps each request as it was asked, as far as its facts do not say it already; deciding is pure; so the ledger's own
//! `decide` and `apply` run on a shadow of each customer, and what they say is compared with what the log says. Without other rules
//! both are the same, to the last fact: that is the check that this module is right ([`Answer::differing`] = 0), and that the log
//! can be decided again at all.
//!
//! Absent on purpose: requests that were refused. They are no part of the ledger, so only new refusals are found, never requests
//! that other rules would have let through. What clients would have done after another answer is not guessed either. Tested in
//! `tests/whatif/`; why it is as it is: docs/decisions/0015.

mod answer;
mod closed;
mod life;
mod names;
mod refused;
mod rules;
mod rules_file;
mod run;
mod tally;
mod tenants;

use std::sync::Arc;

use coffer_ledger::customer::Customer;
use coffer_ledger::fact::Facts;
use coffer_ledger::ids::{CustomerNumber, LogPosition};
use coffer_ledger::invariants::Violation;
use coffer_ledger::time::Timestamp;
use hashbrown::HashMap;

pub(crate) use self::answer::names_of;
pub use self::answer::{Answer, CustomerAnswer, Figures, UnitFigures};
pub use self::refused::{Refusals, Refused, Why};
pub use self::rules::{LifeSpan, OtherOverdraft, OtherPriorities, Rules};
pub use self::rules_file::RulesError;
pub use self::tally::{BySource, Tally};

use self::closed::Closed;
use self::run::Run;
use self::tenants::Tenants;
use crate::engine::codec::{self, DecodeError};
use crate::engine::stopped_log::{PastRecord, StoppedLog};
use crate::engine::{EngineOptions, OpenError, RecoveryProgress};
use crate::env::Env;

/// Refusals of a customer's that an answer holds one by one; all are counted and told to the watcher.
pub const REFUSALS_KEPT_MAX: usize = 20;
/// Records between two reports of progress.
const RECORDS_PER_REPORT: u64 = 4_096;

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A record's number.
    Position(LogPosition),
    /// The log's time.
    Time(Timestamp),
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The first record; a time: the first one not before it. `None` = the first of the log.
    pub from: Option<At>,
    /// The last record; a time: the last one before it. `None` = the last of the log.
    pub to: Option<At>,
    /// The other rules.
    pub rules: Rules,
    /// Only this tenant's customers, by its name; nothing crosses tenants.
    pub tenant: Option<Box<str>>,
}

/// A record that came out differently.
#[derive(Clone, Copy, Debug)]
pub struct Difference<'a> {
    /// Which record.
    pub position: LogPosition,
    /// Whose.
    pub customer: CustomerNumber,
    /// What happened.
    pub log: &'a Facts,
    /// What would have; `None` = nothing, or it was refused.
    pub shadow: Option<&'a Facts>,
}

/// Told while it runs.
pub trait Watch {
    /// So many records of so many were taken.
    fn records(&mut self, done: u64, all: u64);
    /// A record came out differently.
    fn difference(&mut self, difference: &Difference<'_>);
    /// The shadow refused what the log accepted.
    fn refused(&mut self, customer: &Customer, refused: &Refused);
}

/// Nobody watches.
impl Watch for () {
    fn records(&mut self, _: u64, _: u64) {}
    fn difference(&mut self, _: &Difference<'_>) {}
    fn refused(&mut self, _: &Customer, _: &Refused) {}
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WhatIfError {
    /// The log cannot be opened or read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The state before the first record cannot be had.
    #[error("{0}")]
    State(String),
    /// A record is none that this version knows.
    #[error("record {0} cannot be read: {1}")]
    Unreadable(u64, #[source] DecodeError),
    /// A customer's chain has a gap.
    #[error("record {position} follows record {named} of its customer, but the last one known is {known}")]
    Gap {
        /// The record.
        position: u64,
        /// The one that it names.
        named: u64,
        /// The one that was seen.
        known: u64,
    },
    /// There is no such tenant in the log.
    #[error("no tenant {0:?} in the log")]
    NoTenant(Box<str>),
    /// The rules led to a state that breaks an invariant: a bug.
    #[error("record {0} leads the shadow to a state that breaks an invariant: {1}")]
    Violation(u64, #[source] Violation),
}

/// Runs the log of a stopped engine's directory, or of a copy of one, against other rules. Changes no file in it.
///
/// Reads the log twice: first for which old records are named by refunds and voids, then to decide. Needs the memory of the customers
/// that have records in between (once, and again for those that come out differently), and of the engine's state at `from`.
///
/// # Errors
/// [`WhatIfError`]: the directory is in use or damaged, or older than what is asked for.
pub fn run(
    options: &EngineOptions,
    env: &Env,
    question: &Question,
    progress: &Arc<dyn RecoveryProgress>,
    watch: &mut dyn Watch,
) -> Result<Answer, WhatIfError> {
    let mut past = StoppedLog::open(options, env)?;
    let (from, to, mut closed) = look_ahead(&mut past, question)?;
    let before = past.state_before(from, progress)?;
    let tenants = Tenants::new(before.tenants(), &question.rules);
    keep_older(&mut past, &mut closed, from)?;
    let mut run = Run {
        rules: &question.rules,
        limits: options.limits,
        only: question.tenant.as_deref(),
        before,
        tenants,
        lives: HashMap::new(),
        closed,
        records: 0,
        last_at: Timestamp(0),
        watch,
    };
    let all = (to.0 + 1).saturating_sub(from.0);
    visit(&mut past, from, to, &mut |record| {
        let done = record.position.0 - from.0;
        if done.is_multiple_of(RECORDS_PER_REPORT) {
            run.watch.records(done, all);
        }
        run.take(&record)
    })?;
    run.watch.records(all, all);
    let until = match question.to {
        Some(At::Time(to)) => Timestamp(to.0.saturating_sub(1)).max(run.last_at),
        Some(At::Position(_)) | None => run.last_at,
    };
    run.run_out(until)?;
    run.last_at = until;
    answer::of(&run, (from, to), question)
}

/// Where the walk begins and ends, and which records are named by those between.
fn look_ahead(
    past: &mut StoppedLog,
    question: &Question,
) -> Result<(LogPosition, LogPosition, Closed), WhatIfError> {
    let end = past.end();
    let start = match question.from {
        Some(At::Position(position)) => LogPosition(position.0.max(1)),
        Some(At::Time(_)) | None => LogPosition(1),
    };
    let (mut from, mut to, mut closed) = (None, None, Closed::default());
    let mut look = |record: PastRecord<'_>| {
        let is_in = match question.from {
            Some(At::Time(time)) => record.logged_at >= time,
            Some(At::Position(_)) | None => true,
        };
        let is_past = match question.to {
            Some(At::Time(time)) => record.logged_at >= time,
            Some(At::Position(last)) => record.position > last,
            None => false,
        };
        if !is_in || is_past {
            return Ok(());
        }
        from = from.or(Some(record.position));
        to = Some(record.position);
        if record.customer.is_some() {
            let decoded = codec::decode_for_replay(record.version, record.public, record.personal);
            let unreadable = |error| WhatIfError::Unreadable(record.position.0, error);
            closed.note(&decoded.map_err(unreadable)?.facts.effect);
        }
        Ok(())
    };
    visit(past, start, end, &mut look)?;
    let from = from.unwrap_or(LogPosition(end.0 + 1));
    Ok((from, to.unwrap_or(LogPosition(from.0 - 1)), closed))
}

/// Keeps what is named and older than the first record: there both sides are the same.
fn keep_older(past: &mut StoppedLog, closed: &mut Closed, from: LogPosition) -> Result<(), WhatIfError> {
    let Some(oldest) = closed.oldest().filter(|oldest| *oldest < from) else { return Ok(()) };
    visit(past, oldest, LogPosition(from.0 - 1), &mut |record| {
        if closed.is_named(record.position) && record.customer.is_some() {
            let decoded = codec::decode_for_replay(record.version, record.public, record.personal);
            let unreadable = |error| WhatIfError::Unreadable(record.position.0, error);
            let facts = decoded.map_err(unreadable)?.facts;
            closed.keep(record.position, &facts, Some(&facts));
        }
        Ok(())
    })
}

/// Visits records, and gives the visitor's error back as it was.
fn visit(
    past: &mut StoppedLog,
    from: LogPosition,
    to: LogPosition,
    look: &mut dyn FnMut(PastRecord<'_>) -> Result<(), WhatIfError>,
) -> Result<(), WhatIfError> {
    if from > to {
        return Ok(());
    }
    let mut failed = None;
    let visited = past.records(from, to, &mut |record| {
        look(record).map_err(|error| {
            failed = Some(error);
            "see the error that was kept".into()
        })
    });
    match failed {
        Some(error) => Err(error),
        None => visited.map_err(WhatIfError::from),
    }
}
