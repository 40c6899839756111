//! Holds that could not be ended any more (SEMANTICS §5): whatever is pinned can be captured whole, or released, in one record.

use coffer_ledger::command::{Command, Origin};
use coffer_ledger::fact::{Effect, Facts, HoldStep, HoldVerb};
use coffer_ledger::hold::Hold;
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;

use super::Seat;
use crate::engine::operation::Failure;

/// The end of a hold takes at most so many times the bytes of the record that placed it, or let it grow: each of its pins is in there,
/// and in the end each is back and gone.
const END_TO_RECORD_MAX: usize = 4;

impl Seat {
    /// Refuses to pin what one record could not let go. `bytes` is the length of the record with these facts.
    pub(super) fn check_holds(
        &mut self,
        effect: &Effect,
        bytes: usize,
        logged_at: Timestamp,
    ) -> Result<(), Failure> {
        let max = self.core.options.hold_bytes_max;
        if bytes <= max / END_TO_RECORD_MAX {
            return Ok(());
        }
        match effect {
            Effect::Held(step) if matches!(step.verb, HoldVerb::Placed | HoldVerb::Grown) => {
                self.check_hold(&step.hold, max, logged_at)
            }
            Effect::Atomic(effects) => {
                effects.iter().try_for_each(|effect| self.check_holds(effect, bytes, logged_at))
            }
            _ => Ok(()),
        }
    }

    fn check_hold(&mut self, hold: &Hold, max: usize, logged_at: Timestamp) -> Result<(), Failure> {
        let effect = Effect::Held(Box::new(HoldStep::largest_end(hold)));
        let facts = Facts { at: logged_at, due: Vec::new(), effect, set_off: None };
        let record = Record { origin: Origin::default(), command: Command::Tick, facts };
        let before = self.scratch.len();
        let encoded = self.encode(&record, logged_at);
        let bytes = self.scratch.len() - before;
        self.scratch.truncate(before);
        match encoded {
            Ok(()) if bytes <= max => Ok(()),
            Ok(()) | Err(Failure::RecordTooLarge { .. }) => {
                let max = u64::try_from(max).unwrap_or(u64::MAX);
                Err(Failure::LimitReached { limit: "hold_bytes_max", max })
            }
            Err(failure) => Err(failure),
        }
    }
}
