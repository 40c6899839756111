//! Alerts on runways: time alone moves them, so somebody has to look, at most once a minute (SEMANTICS §12).
//!
//! A wallet that asks for no such alert costs nothing here. What changes is a record of its own. A customer at rest is woken for a look
//! by its timer while something was spent lately; after a restart, with its next record.

use coffer_ledger::command::{Command, Origin};
use coffer_ledger::decide::runway_alerts_change;
use coffer_ledger::fact::Facts;
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_ledger::wallet::Wallet;
use coffer_ledger::watch::Watch;

use super::{Broken, Seat};

/// Seconds between two looks at the runways of a customer.
const RUNWAY_LOOK_S: u32 = 60;

impl Seat {
    /// Whoever is seated is looked at as if its last record had just been written.
    pub(super) fn begin_to_look(&mut self) {
        self.learn_runways();
        if self.has_runways {
            self.looks_at = self.customer.last_at.plus_seconds(RUNWAY_LOOK_S);
        }
    }

    fn learn_runways(&mut self) {
        let warns = |wallet: &Wallet| {
            let alerts = wallet.head.rules.as_ref().and_then(|rules| rules.alerts.as_ref());
            alerts.is_some_and(|alerts| alerts.enabled && alerts.runway_below_s.is_some())
        };
        self.has_runways = self.customer.wallets.iter().any(warns);
    }

    /// After a record: whoever may have spent is looked at within a minute.
    pub(super) fn expect_runways(&mut self, facts: &Facts) {
        if facts.effect.wallet().is_some_and(|head| head.rules.is_some()) {
            self.learn_runways();
        }
        if self.has_runways && self.looks_at == Timestamp::MAX {
            self.looks_at = facts.at.plus_seconds(RUNWAY_LOOK_S);
        }
    }

    /// Writes down alerts on runways that changed, at most once a minute. While something is spent, or an alert is on, there is a next
    /// time.
    pub(super) fn look_at_runways(&mut self, (now, logged_at): (Timestamp, Timestamp)) -> Result<(), Broken> {
        if now < self.looks_at || now >= self.customer.next_due() {
            return Ok(());
        }
        if runway_alerts_change(&self.customer, now) {
            let limits = self.core.options.limits;
            if let Ok(facts) = self.decide((&Command::Tick, None), now, false, &limits) {
                let record = Box::new(Record { origin: Origin::default(), command: Command::Tick, facts });
                self.log(record, logged_at, None).1?;
            }
        }
        let moves = |watch: &Watch| watch.runway_low || watch.spent.is_of_late(now);
        let goes_on = self.customer.wallets.iter().filter_map(|wallet| wallet.watch.as_deref()).any(moves);
        let next = now.plus_seconds(RUNWAY_LOOK_S);
        self.looks_at = if self.has_runways && goes_on { next } else { Timestamp::MAX };
        Ok(())
    }
}
