//! When the requests of an open load are due. A thread of its own tells each connection, to a tenth of a millisecond: tokio's timers
//! count in milliseconds, and all that is due within one would be sent at once, a burst that no caller made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// The thread sleeps no shorter.
const SLEEP_MIN: Duration = Duration::from_micros(50);

/// One connection's place in the schedule.
#[derive(Debug)]
struct Seat {
    due: Notify,
    /// A request of it is due or on its way, or it has not begun.
    busy: AtomicBool,
}

/// So many requests a second, one connection after the other.
#[derive(Debug)]
pub(crate) struct Schedule {
    seats: Vec<Seat>,
    over: AtomicBool,
    unsent: AtomicU64,
}

impl Schedule {
    /// For so many connections; nothing is due before [`Schedule::run`].
    pub(crate) fn new(connections: u32) -> Arc<Self> {
        let seats =
            (0..connections).map(|_| Seat { due: Notify::new(), busy: AtomicBool::new(true) }).collect();
        Arc::new(Self { seats, over: AtomicBool::new(false), unsent: AtomicU64::new(0) })
    }

    /// Tells the connections in turn, so many a second in all, until the time is over. Blocks for as long.
    #[expect(
        clippy::disallowed_methods,
        reason = "a client of the machine's own time, no part of the engine"
    )]
    pub(crate) fn run(&self, per_second: u64, span: Duration) {
        let (start, rate) = (std::time::Instant::now(), per_second.max(1));
        let at = |turn: u64| {
            Duration::from_secs(turn / rate) + Duration::from_nanos(turn % rate * 1_000_000_000 / rate)
        };
        let mut turns = 0_u64..;
        for (seat, turn) in self.seats.iter().cycle().zip(turns.by_ref()) {
            if at(turn) >= span {
                break;
            }
            while let Some(early) = at(turn).checked_sub(start.elapsed()).filter(|early| !early.is_zero()) {
                std::thread::sleep(early.max(SLEEP_MIN));
            }
            if seat.busy.swap(true, Ordering::AcqRel) {
                self.unsent.fetch_add(1, Ordering::Relaxed);
            } else {
                seat.due.notify_one();
            }
        }
        self.over.store(true, Ordering::Release);
        self.seats.iter().for_each(|seat| seat.due.notify_one());
    }

    /// Waits until a request of this connection is due; false when the time is over.
    pub(crate) async fn is_due(&self, connection: usize) -> bool {
        let seat = &self.seats[connection];
        seat.busy.store(false, Ordering::Release);
        while !self.over.load(Ordering::Acquire) {
            seat.due.notified().await;
            if seat.busy.load(Ordering::Acquire) {
                return true;
            }
        }
        // What was due before the end is still sent.
        seat.busy.load(Ordering::Acquire)
    }

    /// Requests that came due while their connection waited for the answer before.
    pub(crate) fn unsent(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn everything_that_is_due_is_told_once_or_counted_as_unsent() {
        let schedule = Schedule::new(4);
        let slow = |connection: usize| {
            let schedule = Arc::clone(&schedule);
            tokio::spawn(async move {
                let mut told = 0;
                while schedule.is_due(connection).await {
                    told += 1;
                    tokio::time::sleep(Duration::from_millis(7 * connection as u64)).await;
                }
                told
            })
        };
        let tasks: Vec<_> = (0..4).map(slow).collect();
        let timing = Arc::clone(&schedule);
        tokio::task::spawn_blocking(move || timing.run(1_000, Duration::from_millis(200))).await.unwrap();
        let mut told = Vec::new();
        for task in tasks {
            told.push(task.await.unwrap());
        }
        assert_eq!(told.iter().sum::<u64>() + schedule.unsent(), 200);
        assert!(told[3] < told[0], "who is slow is told less often: {told:?}");
    }
}
