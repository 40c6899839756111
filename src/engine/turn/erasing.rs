//! Erasing a customer's live state: by records, after everything that is due.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use coffer_ledger::command::Origin;
use coffer_ledger::erasure;
use coffer_ledger::fact::Facts;
use coffer_ledger::ids::LogPosition;
use coffer_ledger::record::Record;
use tokio::sync::oneshot;

use super::{Broken, Seat};
use crate::engine::operation::Failure;

impl Seat {
    /// Writes down that everything personal in the state goes, as far as it is there.
    pub(crate) fn erase(
        &mut self,
        reply: oneshot::Sender<Result<LogPosition, Failure>>,
    ) -> Result<(), Broken> {
        let sound = self.clear();
        let cleared = if sound.is_ok() && self.is_clear() {
            Ok(self.customer.last_position)
        } else {
            Err(Failure::Internal)
        };
        let tell = move |durable: Result<(), coffer_wal::Halted>| {
            drop(reply.send(durable.map_err(|_| Failure::Halted).and(cleared)));
        };
        self.core.after(self.customer.last_position, Box::new(tell));
        sound
    }

    fn clear(&mut self) -> Result<(), Broken> {
        let (now, logged_at) = self.begin_turn();
        let mut sound = match self.follow_plans((now, logged_at)) {
            Ok(true) => self.catch_up((now, logged_at), 0),
            // Nothing may be minted by rules that are over: it is not cleared, and says so. What was followed before that stands.
            Ok(false) => {
                if self.gathered > 0 {
                    self.append(None);
                }
                return Ok(());
            }
            Err(broken) => Err(broken),
        };
        let was_called = self.customer.identity.as_ref().map(|identity| identity.external_id.clone());
        for (command, effect) in erasure::clearing(&self.customer, now) {
            if sound.is_ok() {
                let facts = Facts { at: now, due: Vec::new(), effect, set_off: None };
                let record = Box::new(Record { origin: Origin::default(), command, facts });
                sound = self.log(record, logged_at, None).1;
            }
        }
        if self.gathered > 0 {
            self.append(None);
        }
        self.core.counters.erasures.fetch_add(1, Ordering::Release);
        let is_called = self.customer.identity.as_ref().map(|identity| &identity.external_id);
        if let Some(name) = was_called.filter(|was| is_called != Some(was)) {
            self.forget_when_durable(name);
        }
        sound
    }

    fn is_clear(&self) -> bool {
        erasure::of_customer(&self.customer) == self.customer
    }

    /// A name is free when nothing can bring its owner back.
    fn forget_when_durable(&self, name: Box<str>) {
        let (core, tenant, number) = (Arc::clone(&self.core), self.tenant, self.number);
        let forget = move |durable: Result<(), coffer_wal::Halted>| {
            if durable.is_ok() {
                core.directory.forget(tenant, &name, number);
            }
        };
        self.core.after(self.customer.last_position, Box::new(forget));
    }
}
