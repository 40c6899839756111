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
use tokio::sync::Semaphore;

use super::core::Core;
use super::message::Message;

/// The timer looks this often; what is due starts within a second (SEMANTICS §8).
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// While more is due than one look takes, it looks this often: small portions, between which debits have their turn.
const LOOKS_AGAIN_PER_S: u32 = 200;
/// Ticks that were sent and have not had their turn: so many may stand before a debit, which must not wait for a midnight.
const TICKS_IN_FLIGHT_MAX: usize = 16;

type Entry = Reverse<(Timestamp, TenantNumber, CustomerNumber)>;

/// Everything that will be due.
pub(crate) struct Timers {
    queue: Mutex<Queue>,
    ticks: Arc<Semaphore>,
}

#[derive(Default)]
struct Queue {
    heap: BinaryHeap<Entry>,
    /// The earliest entry of each customer; what the heap holds beside it is stale and falls out when it is due.
    earliest: HashMap<CustomerNumber, Timestamp>,
}

impl Default for Timers {
    fn default() -> Self {
        Self { queue: Mutex::default(), ticks: Arc::new(Semaphore::new(TICKS_IN_FLIGHT_MAX)) }
    }
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
    let mut pause = LOOK_EVERY;
    loop {
        tokio::time::sleep(pause).await;
        let Some(core) = core.upgrade() else { return };
        if core.closing.load(std::sync::atomic::Ordering::Acquire) {
            return;
        }
        pause = tick_due(&core).await;
    }
}

/// One look, and the pause until the next.
async fn tick_due(core: &Arc<Core>) -> Duration {
    if core.journal.space() != Space::Enough {
        // Nobody waits for a row of expiry; the last segments are for those who do.
        return LOOK_EVERY;
    }
    let (portion, pause) = portion_of(core.options.ticks_per_s_max);
    let due = core.timers.take_due(core.time.now(), portion);
    let may_be_more = due.len() == portion;
    for (tenant, number) in due {
        let Ok(permit) = Arc::clone(&core.timers.ticks).acquire_owned().await else { return LOOK_EVERY };
        // A customer that is gone or quarantined has nothing to do.
        drop(core.router.send(core, (tenant, number), Message::Tick(Some(permit))));
    }
    if may_be_more { pause } else { LOOK_EVERY }
}

/// How many one look takes, and the pause after it that makes so many a second of them; 20 a second at least.
fn portion_of(per_s: u32) -> (usize, Duration) {
    let portion = (per_s / LOOKS_AGAIN_PER_S).max(1);
    let pause = Duration::from_secs(portion.into()) / per_s.max(1);
    (usize::try_from(portion).unwrap_or(usize::MAX), pause.min(LOOK_EVERY))
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
    fn portions_and_pauses_make_so_many_a_second() {
        assert_eq!(portion_of(20_000), (100, Duration::from_millis(5)));
        assert_eq!(portion_of(1_000), (5, Duration::from_millis(5)));
        assert_eq!(portion_of(50), (1, Duration::from_millis(20)));
        assert_eq!(portion_of(20), (1, LOOK_EVERY));
        assert_eq!(portion_of(0), (1, LOOK_EVERY));
        let (portion, pause) = portion_of(u32::MAX);
        assert!(portion > 20_000_000 && pause <= Duration::from_millis(6));
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
