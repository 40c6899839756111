//! One timer entry per customer (DESIGN decision 12).
//!
//! A heap of (instant, customer). Correctness never waits for it: every turn first does what is due. The timer only makes
//! things happen for customers that nobody touches, within a second of their instant, and paced, so that a million tranches
//! that end at one midnight cost no debit its latency. Nothing about timers is logged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use coffer_ledger::time::Timestamp;
use coffer_wal::Space;
use hashbrown::HashMap;

use super::core::Core;
use super::message::Message;

/// The timer looks this often; what is due starts within a second (SEMANTICS §8).
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS_PER_S: usize = 20;
/// Customers that are sent a tick before others get their turn on this thread.
const TICKS_AT_ONCE: usize = 32;

type Entry = Reverse<(Timestamp, TenantNumber, CustomerNumber)>;

/// Everything that will be due.
#[derive(Default)]
pub(crate) struct Timers {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    heap: BinaryHeap<Entry>,
    /// The earliest entry of each customer; what the heap holds beside it is stale and falls out when it is due.
    earliest: HashMap<CustomerNumber, Timestamp>,
}

impl Timers {
    /// Looks at this customer at this instant, if it does not look earlier anyway.
    pub(crate) fn schedule(&self, at: Timestamp, tenant: TenantNumber, number: CustomerNumber) {
        let mut queue = self.queue.lock().expect("no timer operation panics");
        if queue.earliest.get(&number).is_some_and(|known| *known <= at) {
            return;
        }
        queue.earliest.insert(number, at);
        queue.heap.push(Reverse((at, tenant, number)));
    }

    /// Bytes that the queue has allocated.
    pub(crate) fn allocated_bytes(&self) -> usize {
        let queue = self.queue.lock().expect("no timer operation panics");
        queue.heap.capacity() * size_of::<Entry>() + queue.earliest.allocation_size()
    }

    /// Takes at most `max` customers that are due.
    fn take_due(&self, now: Timestamp, max: usize) -> Vec<(TenantNumber, CustomerNumber)> {
        let mut queue = self.queue.lock().expect("no timer operation panics");
        let mut due = Vec::new();
        while due.len() < max {
            let Some(Reverse((at, tenant, number))) =
                queue.heap.peek().copied().filter(|Reverse((at, ..))| *at <= now)
            else {
                break;
            };
            queue.heap.pop();
            if queue.earliest.get(&number) == Some(&at) {
                queue.earliest.remove(&number);
                due.push((tenant, number));
            }
        }
        due
    }
}

/// Sends ticks until the engine is gone or closing.
pub(crate) async fn run(core: Weak<Core>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let Some(core) = core.upgrade() else { return };
        if core.closing.load(std::sync::atomic::Ordering::Acquire) {
            return;
        }
        tick_due(&core).await;
    }
}

async fn tick_due(core: &Arc<Core>) {
    if core.journal.space() != Space::Enough {
        // Nobody waits for a row of expiry; the last segments are for those who do.
        return;
    }
    let per_look = usize::try_from(core.options.ticks_per_s_max).unwrap_or(usize::MAX) / LOOKS_PER_S;
    let due = core.timers.take_due(core.time.now(), per_look.max(1));
    for some in due.chunks(TICKS_AT_ONCE) {
        for (tenant, number) in some {
            // A customer that is gone or quarantined has nothing to do.
            drop(core.router.send(core, (*tenant, *number), Message::Tick));
        }
        // Each may have woken a customer: whoever waits for a debit goes first.
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_entries_come_in_order_and_no_more_than_asked_for() {
        let timers = Timers::default();
        for (at, number) in [(30, 3), (10, 1), (20, 2), (99, 9)] {
            timers.schedule(Timestamp(at), TenantNumber(1), CustomerNumber(number));
        }
        let numbers =
            |due: Vec<(TenantNumber, CustomerNumber)>| due.iter().map(|(_, n)| n.0).collect::<Vec<_>>();
        assert_eq!(numbers(timers.take_due(Timestamp(30), 2)), [1, 2]);
        assert_eq!(numbers(timers.take_due(Timestamp(30), 2)), [3]);
        assert_eq!(numbers(timers.take_due(Timestamp(98), 2)), [] as [u64; 0]);
    }

    #[test]
    fn a_customer_is_queued_once_however_often_it_wakes() {
        let timers = Timers::default();
        for at in [50, 50, 70, 40, 40, 60] {
            timers.schedule(Timestamp(at), TenantNumber(1), CustomerNumber(1));
        }
        assert_eq!(timers.queue.lock().unwrap().heap.len(), 2, "50, then the earlier 40");
        assert_eq!(timers.take_due(Timestamp(99), 9).len(), 1);
    }
}
