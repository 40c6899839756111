//! The way back along one customer's records.
//!
//! Each frame names its subject's record before it, so a customer with few records among millions costs a read for each of its
//! own. Where its records stand close together one read brings many: the window that is read grows as long as the next record
//! is near, and shrinks to one record when it is far. Records are passed twice, backwards for their places and forwards to be
//! folded, so that a customer with very many costs time and no memory.

use coffer_ledger::customer::Customer;
use coffer_ledger::time::Timestamp;
use coffer_wal::{LogReader, Lsn, ReadError, Record, Subject};

use super::{At, PastFailure, Question, holds, includes, recorded_at};
use crate::engine::fold::fold;

/// Records that a read passes over rather than that another read is made.
const NEAR_RECORDS: u64 = 128;
/// Records that one step back reads at most.
const WINDOW_RECORDS_MAX: u64 = 8_192;

/// How far the way back has been followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// To the first record, or to what the state to start from has already.
    Beginning,
    /// As far as it was asked to; there is more.
    MayGoOn,
    /// To a record that nobody has any more.
    Gone,
}

/// One record on the way.
struct Link {
    lsn: Lsn,
    previous: Lsn,
    recorded_at: Timestamp,
}

/// A way back, as far as it has been followed.
pub(super) struct Trail<'a> {
    reader: &'a LogReader,
    subject: Subject,
    question: &'a Question,
    /// The oldest record that can be read.
    first: Lsn,
    /// Where it goes on.
    next: Lsn,
    /// The state to start from has this and everything before.
    floor: Lsn,
    width: u64,
    records: usize,
    /// From and to, both the customer's own; newest first.
    stretches: Vec<(Lsn, Lsn)>,
    /// The last record of each instant, once it is known.
    last: Vec<Option<Lsn>>,
    /// The oldest record known that is later than one of the instants.
    after: Option<Lsn>,
}

impl<'a> Trail<'a> {
    /// The way back from the customer's newest record.
    pub(super) fn new(reader: &'a LogReader, subject: Subject, head: Lsn, question: &'a Question) -> Self {
        Self {
            reader,
            subject,
            question,
            first: reader.first_lsn(),
            next: head,
            floor: Lsn::NONE,
            width: 1,
            records: 0,
            stretches: Vec::new(),
            last: vec![None; question.at.len()],
            after: None,
        }
    }

    /// Follows it until the last record of each instant is known and `records` were passed in all.
    pub(super) fn follow(&mut self, records: usize) -> Result<Found, PastFailure> {
        while self.next > self.floor {
            if self.records >= records && self.is_resolved() {
                return Ok(Found::MayGoOn);
            }
            if self.next < self.first {
                return Ok(Found::Gone);
            }
            match self.step_back(self.room(records)?) {
                // The archive is not obliged to keep what it had a moment ago.
                Err(PastFailure::Gone) => {
                    self.first = self.reader.first_lsn().max(self.next.next());
                    return Ok(Found::Gone);
                }
                stepped => stepped?,
            }
        }
        Ok(Found::Beginning)
    }

    /// The oldest record known that no state may have.
    pub(super) const fn after(&self) -> Option<Lsn> {
        self.after
    }

    /// Whether the states can be folded from this one: it is not later than any of them, and no record between is missing.
    pub(super) fn fits(&self, image: &Customer) -> bool {
        let at = Lsn(image.last_position.0);
        let is_early = |(last, then): (&Option<Lsn>, &At)| match last {
            Some(last) => at <= *last,
            None => includes(*then, image),
        };
        let is_joined = at >= self.next || self.next >= self.first;
        is_joined && self.last.iter().zip(&self.question.at).all(is_early)
    }

    /// Nothing before this state is looked for any more.
    pub(super) fn end_at(&mut self, image: &Customer) -> Found {
        self.floor = Lsn(image.last_position.0);
        for last in &mut self.last {
            *last = last.or(Some(self.floor));
        }
        if self.next > self.floor { Found::MayGoOn } else { Found::Beginning }
    }

    /// Folds the records that were passed into `start`, and gives the state at each instant.
    pub(super) fn fold(self, start: Customer) -> Result<Vec<Customer>, PastFailure> {
        let mut in_order: Vec<usize> = (0..self.last.len()).collect();
        in_order.sort_by_key(|index| self.last[*index]);
        let mut states = vec![None; self.last.len()];
        let mut state = start;
        for index in in_order {
            self.fold_to(&mut state, self.last[index].unwrap_or(Lsn::NONE))?;
            states[index] = Some(state.clone());
        }
        Ok(states.into_iter().flatten().collect())
    }

    fn fold_to(&self, state: &mut Customer, end: Lsn) -> Result<(), PastFailure> {
        for (from, to) in self.stretches.iter().rev() {
            let (from, to) = ((*from).max(Lsn(state.last_position.0).next()), (*to).min(end));
            if from > to {
                continue;
            }
            let mut failed = None;
            self.reader.scan(from, to, &mut |record| {
                if record.header.subject == self.subject && failed.is_none() {
                    failed = fold(state, &record).err();
                }
                Ok(())
            })?;
            failed.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn is_resolved(&self) -> bool {
        self.last.iter().all(Option::is_some)
    }

    /// Records that the next step may pass.
    fn room(&self, wanted: usize) -> Result<u64, PastFailure> {
        let max = self.question.records_max;
        let goal = if self.records < wanted { wanted.min(max) } else { max };
        match goal.saturating_sub(self.records) {
            0 => Err(PastFailure::TooManyRecords { max }),
            room => Ok(u64::try_from(room).unwrap_or(u64::MAX)),
        }
    }

    fn step_back(&mut self, room: u64) -> Result<(), PastFailure> {
        let end = self.next;
        let width = self.width.min(room);
        let start = Lsn(end.0.saturating_sub(width - 1)).max(self.first).max(self.floor.next());
        let links = self.window(start, end)?;
        let Some(oldest) = links.first().filter(|_| is_chain(&links, end)) else {
            let why = "the customer's records do not follow each other".to_owned();
            let path = std::path::PathBuf::from("log");
            return Err(ReadError::Corrupt { path, offset: 0, lsn: end, why }.into());
        };
        self.records += links.len();
        links.iter().rev().for_each(|link| self.resolve(link));
        self.pass((oldest.lsn, end), oldest.previous);
        Ok(())
    }

    /// The customer's records among these, oldest first.
    fn window(&self, start: Lsn, end: Lsn) -> Result<Vec<Link>, PastFailure> {
        let with_times = !self.is_resolved() && self.question.at.iter().any(|at| matches!(at, At::Time(_)));
        let (mut links, mut failed) = (Vec::new(), None);
        self.reader.scan(start, end, &mut |record| {
            if record.header.subject == self.subject {
                match link(&record, with_times) {
                    Ok(link) => links.push(link),
                    Err(error) => failed = Some(error),
                }
            }
            Ok(())
        })?;
        failed.map_or(Ok(links), Err)
    }

    /// Whether a record, which is older than those before, is the last one of an instant.
    fn resolve(&mut self, link: &Link) {
        if self.is_resolved() {
            return;
        }
        for (last, at) in self.last.iter_mut().zip(&self.question.at) {
            if last.is_none() && holds(*at, coffer_ledger::ids::LogPosition(link.lsn.0), link.recorded_at) {
                *last = Some(link.lsn);
            }
        }
        if !self.is_resolved() {
            self.after = Some(link.lsn);
        }
    }

    /// Notes a stretch, and chooses how much the next step reads.
    fn pass(&mut self, (from, to): (Lsn, Lsn), next: Lsn) {
        match self.stretches.last_mut() {
            Some((newer, _)) if newer.0 - to.0 <= NEAR_RECORDS => *newer = from,
            _ => self.stretches.push((from, to)),
        }
        let is_near = from.0 - next.0 <= NEAR_RECORDS;
        self.width = if is_near { (self.width * 2).min(WINDOW_RECORDS_MAX) } else { 1 };
        self.next = next;
    }
}

fn link(record: &Record<'_>, with_time: bool) -> Result<Link, PastFailure> {
    let recorded_at = if with_time { recorded_at(record)? } else { Timestamp(0) };
    Ok(Link { lsn: record.lsn, previous: record.header.previous, recorded_at })
}

/// Whether each names the one before it, and the newest is the one that was looked for.
fn is_chain(links: &[Link], newest: Lsn) -> bool {
    let joined = links.windows(2).all(|pair| pair[1].previous == pair[0].lsn);
    let comes_before = links.first().is_some_and(|oldest| oldest.previous < oldest.lsn);
    joined && comes_before && links.last().is_some_and(|last| last.lsn == newest)
}
