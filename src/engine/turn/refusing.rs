//! A no, and what it sets off: a recharge that begins because a request was refused for lack of credit (SEMANTICS §11).

use std::panic::{AssertUnwindSafe, catch_unwind};

use coffer_ledger::command::{Command, RechargeDue};
use coffer_ledger::decide::{Context, recharge_for_refused};
use coffer_ledger::ids::RechargeId;
use coffer_ledger::record::Record;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::time::Timestamp;

use super::{Broken, Seat};
use crate::engine::gate::Turned;
use crate::engine::operation::{Failure, Operation, Refused};

impl Seat {
    /// A no. For lack of credit it may set off a recharge, which is a record of its own (SEMANTICS §11).
    pub(super) fn refuse(
        &mut self,
        failure: Failure,
        operation: &Operation,
        (now, logged_at): (Timestamp, Timestamp),
    ) -> (Turned, Result<(), Broken>) {
        let Failure::Refused(Refused { refusal, .. }) = &failure else {
            return (self.refused(failure, None), Ok(()));
        };
        let due = if operation.dry_run { None } else { self.recharge_for(refusal, &operation.command, now) };
        let Some(due) = due else { return (self.refused(failure, None), Ok(())) };
        let recharging = Operation::new(Command::Recharge(due));
        let facts = match self.decide_to_fit(&recharging, None, false, (now, logged_at)) {
            Ok(Ok(facts)) => facts,
            Ok(Err(_)) => return (self.refused(failure, None), Ok(())),
            Err(broken) => return (Turned::unlogged(Err(Failure::Internal)), Err(broken)),
        };
        let begun = facts.recharge().map(|recharge| recharge.id);
        let Operation { command, origin, dry_run: _ } = recharging;
        let record = Box::new(Record { origin, command, facts });
        let (turned, sound) = self.log(record, logged_at, None);
        let begun = begun.filter(|_| turned.answer.is_ok());
        (self.refused(failure, begun), sound)
    }

    fn recharge_for(&mut self, refusal: &Refusal, command: &Command, now: Timestamp) -> Option<RechargeDue> {
        let view = self.view.get()?;
        let customer = &self.customer;
        let (settings, cards) = (&view.settings, view.rate_cards.as_slice());
        let limits = &self.core.options.limits;
        let context =
            Context { now, settings, cards, plans: view.plans(), limits, keyed: false, looked_up: None };
        let due =
            catch_unwind(AssertUnwindSafe(|| recharge_for_refused(customer, command, refusal, &context)));
        due.unwrap_or_else(|_| {
            self.report_panic("decide on a recharge");
            None
        })
    }

    /// A no, with the last record that it was decided on: the last one gathered, or the last one appended.
    pub(super) fn refused(&self, failure: Failure, recharge: Option<RechargeId>) -> Turned {
        match failure {
            Failure::Refused(Refused { refusal, .. }) => {
                let saw = self.customer.last_position;
                let failure = Failure::Refused(Refused { refusal, saw, recharge: recharge.map(Box::new) });
                Turned { answer: Err(failure), offset: self.gathered.checked_sub(1) }
            }
            failure => Turned::unlogged(Err(failure)),
        }
    }
}
