//! What is due before a command (SEMANTICS §8): beside it in its record as far as that fits, else in records of its own before it, in the same turn.

use coffer_ledger::command::{Command, Origin};
use coffer_ledger::expiry;
use coffer_ledger::fact::Facts;
use coffer_ledger::limits::Limits;
use coffer_ledger::looked_up::LookedUp;
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;

use super::{Broken, Seat};
use crate::engine::operation::{Failure, Operation};

/// Due things that may share a record with a command; more go into records of their own before it, so that they cannot make
/// it too large. Fewer that are too large all the same go there too.
pub(crate) const DUE_BESIDE_A_COMMAND_MAX: usize = 32;

/// How much of what is due goes into one record: less after one that was too large, more again after one that fitted.
pub(super) struct Portion {
    pub(super) limits: Limits,
    most: Limits,
}

impl Portion {
    /// Begins with as much as one record may take.
    pub(super) const fn of(most: Limits) -> Self {
        Self { limits: most, most }
    }

    /// `false`: there is no less than this.
    pub(super) const fn less(&mut self) -> bool {
        let Limits { due_per_record_max: things, hold_pins_per_record_max: pins, .. } = &mut self.limits;
        // A hold is written in parts only if it does not fit alone.
        if *things > 1 {
            *things /= 2;
        } else if *pins > 1 {
            *pins /= 2;
        } else {
            return false;
        }
        true
    }

    /// After a record that fitted.
    pub(super) fn more(&mut self) {
        let Limits { due_per_record_max: things, hold_pins_per_record_max: pins, .. } = &mut self.limits;
        *things = (*things * 2).min(self.most.due_per_record_max);
        *pins = (*pins * 2).min(self.most.hold_pins_per_record_max);
    }
}

impl Seat {
    /// Leaves no more due than may share a record with a command.
    pub(super) fn make_room(&mut self, (now, logged_at): (Timestamp, Timestamp)) -> Result<(), Broken> {
        if now < self.customer.next_due() {
            return Ok(());
        }
        let beside_max = self.core.options.limits.due_per_record_max.min(DUE_BESIDE_A_COMMAND_MAX);
        let left_max = if expiry::write_apart(&self.customer) { 0 } else { beside_max };
        self.catch_up((now, logged_at), left_max)
    }

    /// Writes down what is due until at most `left_max` things are; each record is one of its own. What is too large for one record
    /// goes into more.
    pub(super) fn catch_up(
        &mut self,
        (now, logged_at): (Timestamp, Timestamp),
        left_max: usize,
    ) -> Result<(), Broken> {
        let mut portion = Portion::of(self.core.options.limits);
        while expiry::is_more_due_than(&self.customer, now, left_max) {
            let tick = (&Command::Tick, None);
            let Ok(facts) = self.decide(tick, now, false, &portion.limits) else { return Ok(()) };
            let record = Box::new(Record { origin: Origin::default(), command: Command::Tick, facts });
            let (turned, sound) = self.log(record, logged_at, None);
            sound?;
            match turned.answer {
                Ok(_) => portion.more(),
                Err(Failure::RecordTooLarge { .. }) if portion.less() => {}
                // Reported where it happened; whoever comes next tries again.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Decides an operation. What is due and would make its record too large is written before it: nobody is refused because of it.
    pub(super) fn decide_to_fit(
        &mut self,
        operation: &Operation,
        looked_up: Option<&LookedUp>,
        keyed: bool,
        (now, logged_at): (Timestamp, Timestamp),
    ) -> Result<Result<Facts, Failure>, Broken> {
        let limits = self.core.options.limits;
        let asked = (&operation.command, looked_up);
        let facts = match self.decide(asked, now, keyed, &limits) {
            Ok(facts) if !facts.due.is_empty() && !operation.dry_run => facts,
            decided => return Ok(decided),
        };
        let (origin, command) = (operation.origin.clone(), operation.command.clone());
        let record = Record { origin, command, facts };
        if self.fits(&record, logged_at) {
            return Ok(Ok(record.facts));
        }
        self.catch_up((now, logged_at), 0)?;
        Ok(self.decide(asked, now, keyed, &limits))
    }

    /// Whether a record is one that the log takes.
    fn fits(&mut self, record: &Record, logged_at: Timestamp) -> bool {
        let before = self.scratch.len();
        let encoded = self.encode(record, logged_at);
        self.scratch.truncate(before);
        !matches!(encoded, Err(Failure::RecordTooLarge { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_written_one_by_one_before_a_hold_is_written_in_parts() {
        let most = Limits { due_per_record_max: 5, hold_pins_per_record_max: 4, ..Limits::default() };
        let mut portion = Portion::of(most);
        let now =
            |portion: &Portion| (portion.limits.due_per_record_max, portion.limits.hold_pins_per_record_max);
        let mut seen = vec![now(&portion)];
        while portion.less() {
            seen.push(now(&portion));
        }
        assert_eq!(seen, [(5, 4), (2, 4), (1, 4), (1, 2), (1, 1)]);
        portion.more();
        assert_eq!(now(&portion), (2, 2));
        (0..3).for_each(|_| portion.more());
        assert_eq!(now(&portion), (5, 4), "never more than the limits");
    }
}
