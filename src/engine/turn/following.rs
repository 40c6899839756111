//! What an enrolled customer needs of its tenant: names of subscriptions, and what has changed about its plans (SEMANTICS §13).

use coffer_ledger::command::{Command, Origin};
use coffer_ledger::decide::is_behind;
use coffer_ledger::record::Record;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::time::Timestamp;

use super::due::Portion;
use super::{Broken, Seat, Turned};
use crate::engine::enrolments::name_of_ended;
use crate::engine::keys::KeyHash;
use crate::engine::operation::Failure;

impl Seat {
    /// A subscription's name belongs to one customer of the tenant: it is taken before it is decided, and given back if it is not used.
    pub(super) fn claim(&self, command: &Command) -> Result<Option<Box<str>>, Failure> {
        let Command::Subscribe(request) = command else { return Ok(None) };
        let Some(name) = &request.id else { return Ok(None) };
        if self.core.directory.enrolments.claim(self.tenant, name, self.number) {
            return Ok(Some(name.clone()));
        }
        let refusal = Refusal::AlreadyExists("subscription");
        self.core.counters.refused(&refusal);
        Err(refusal.into())
    }

    /// What leads a repeat of this request here by the name of a subscription that it ends.
    pub(super) fn key_by_subscription(&self, record: &Record) -> Option<KeyHash> {
        let (key, name) = (record.origin.idempotency_key.as_deref()?, name_of_ended(&record.facts.effect)?);
        Some(self.core.keys.hash_by_subscription(self.tenant, name, key))
    }

    /// What comes before every operation: the plans are followed, and no more is due than may share its record. `Some` = it cannot be decided.
    pub(super) fn come_up_to(&mut self, at: (Timestamp, Timestamp)) -> Option<(Turned, Result<(), Broken>)> {
        let sound = match self.follow_plans(at) {
            Ok(true) => self.make_room(at),
            Ok(false) => return Some((Turned::unlogged(Err(Failure::Internal)), Ok(()))),
            Err(broken) => Err(broken),
        };
        sound.err().map(|broken| (Turned::unlogged(Err(Failure::Internal)), Err(broken)))
    }

    /// Follows what has changed about the plans that the customer is enrolled in, before anything that comes later is minted. Whoever is in
    /// none compares nothing; whoever is, one number. `false`: it could not be followed, and so nothing may be minted: the rules that the
    /// customer has may be gone.
    pub(super) fn follow_plans(&mut self, (now, logged_at): (Timestamp, Timestamp)) -> Result<bool, Broken> {
        if self.customer.grants.subscriptions.is_empty() {
            return Ok(true);
        }
        let Some(view) = self.view.get().cloned() else { return Ok(true) };
        if view.plans_version == self.plans_checked {
            return Ok(true);
        }
        let mut portion = Portion::of(self.core.options.limits);
        while is_behind(&self.customer, view.plans()) {
            let command = Command::FollowPlans;
            let Ok(facts) = self.decide((&command, None), now, false, &portion.limits) else {
                return Ok(false);
            };
            let record = Box::new(Record { origin: Origin::default(), command, facts });
            let (turned, sound) = self.log(record, logged_at, None);
            sound?;
            match turned.answer {
                Ok(_) => portion.more(),
                Err(Failure::RecordTooLarge { .. }) if portion.less() => {}
                // Reported where it happened; whoever comes next tries again.
                Err(_) => return Ok(false),
            }
        }
        self.plans_checked = view.plans_version;
        Ok(true)
    }

    /// Writes down everything that is due, for the timer.
    pub(crate) fn tick(&mut self) -> Result<(), Broken> {
        self.timer_has_fired();
        let now = self.begin_turn();
        let caught_up = match self.follow_plans(now) {
            Ok(true) => self.catch_up(now, 0),
            Ok(false) => Ok(()),
            Err(broken) => Err(broken),
        };
        let result = caught_up.and_then(|()| self.look_at_runways(now));
        if self.gathered > 0 {
            self.append(None);
        }
        self.schedule();
        result
    }
}
