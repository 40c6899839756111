//! Load on the engine in this process: closed (so many in flight, each waits for its answer) or open (so many a second, whether
//! the engine keeps up or not).
//!
//! The open load is handed over once a millisecond, so it comes in bursts; a debit's time counts from its hand-over to its
//! durable answer. A refusal for lack of a permit is counted and not sent again.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use coffer_wal::Clock;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::embedded::debit;
use super::report::new_histogram;
use super::world::World;
use crate::cli::exit::{CliError, Code};
use crate::demo::Random;
use crate::engine::{Committed, Engine, Failure, Operation, Target};

/// Tasks that hand debits over.
const GENERATORS: u64 = 2;
const TICK: Duration = Duration::from_millis(1);

/// Who is debited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    /// One after the other.
    InTurn,
    /// Few often and many seldom: a power of two is drawn, then a customer below it (Zipf's law with exponent 1, in steps).
    Zipf,
}

impl Pick {
    /// An index, to be taken modulo the customers.
    pub(crate) fn index(self, customers: u64, count: u64, random: &mut Random) -> u64 {
        match self {
            Self::InTurn => count,
            Self::Zipf => {
                let low = 1_u64 << random.within(0, u64::from(customers.ilog2()));
                let rank = random.within(low, (2 * low - 1).min(customers)) - 1;
                // Neighbours in rank are none in number.
                rank.wrapping_mul(7_368_787)
            }
        }
    }
}

/// A load.
pub(crate) struct Load {
    pub(crate) engine: Engine,
    pub(crate) world: World,
    pub(crate) pick: Pick,
    pub(crate) clock: Arc<dyn Clock>,
    /// Makes the keys of this load unlike those of any other.
    pub(crate) salt: String,
}

/// What became of it.
pub(crate) struct Seen {
    pub(crate) accepted: u64,
    /// For lack of a permit.
    pub(crate) refused: u64,
    pub(crate) elapsed_ns: u64,
    /// Of what was accepted.
    pub(crate) latencies_us: Histogram<u64>,
}

impl Seen {
    /// Accepted debits per second.
    pub(crate) fn per_second(&self) -> f64 {
        self.accepted as f64 * 1e9 / self.elapsed_ns.max(1) as f64
    }

    /// All debits per second, the refused ones included.
    pub(crate) fn offered_per_second(&self) -> f64 {
        (self.accepted + self.refused) as f64 * 1e9 / self.elapsed_ns.max(1) as f64
    }
}

/// A load that runs until it is stopped.
pub(crate) struct Running {
    shared: Arc<Shared>,
    began_ns: u64,
    tasks: JoinSet<()>,
}

struct Shared {
    load: Load,
    stop: AtomicBool,
    in_flight: AtomicU64,
    refused: AtomicU64,
    seen: Mutex<(Histogram<u64>, Option<Failure>)>,
}

impl Running {
    /// So many debits in flight, always.
    pub(crate) fn closed(load: Load, in_flight: u64) -> Self {
        let (shared, began_ns) = Shared::new(load);
        let mut tasks = JoinSet::new();
        for task in 0..in_flight {
            tasks.spawn(Arc::clone(&shared).one_by_one(task, in_flight));
        }
        Self { shared, began_ns, tasks }
    }

    /// So many debits a second.
    pub(crate) fn open(load: Load, per_second: u64) -> Self {
        let (shared, began_ns) = Shared::new(load);
        let mut tasks = JoinSet::new();
        for generator in 0..GENERATORS {
            tasks.spawn(Arc::clone(&shared).generate(generator, per_second.div_ceil(GENERATORS)));
        }
        Self { shared, began_ns, tasks }
    }

    /// Lets it run for a time and ends it.
    pub(crate) async fn run_for(self, span: Duration) -> Result<Seen, CliError> {
        tokio::time::sleep(span).await;
        self.stop().await
    }

    /// Ends it; every debit is answered when this resolves.
    pub(crate) async fn stop(mut self) -> Result<Seen, CliError> {
        self.shared.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
        }
        while self.shared.in_flight.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(TICK).await;
        }
        let elapsed_ns = self.shared.load.clock.monotonic_ns() - self.began_ns;
        let mut seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = seen.1.take() {
            return Err(failure.into());
        }
        let latencies_us = seen.0.clone();
        let refused = self.shared.refused.load(Ordering::Relaxed);
        Ok(Seen { accepted: latencies_us.len(), refused, elapsed_ns, latencies_us })
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Committed, Failure>> + Send>>;

impl Shared {
    fn new(load: Load) -> (Arc<Self>, u64) {
        let began_ns = load.clock.monotonic_ns();
        let shared = Self {
            load,
            stop: AtomicBool::new(false),
            in_flight: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            seen: Mutex::new((new_histogram(), None)),
        };
        (Arc::new(shared), began_ns)
    }

    fn ask(&self, task: u64, count: u64, index: u64) -> Answer {
        let Load { engine, world, salt, .. } = &self.load;
        let operation = Operation::new(debit()).with_key(&format!("{salt}/{task}/{count}"));
        let (engine, tenant, customer) = (engine.clone(), world.tenant, world.customer(index));
        Box::pin(async move { engine.submit(tenant, Target::Number(customer), operation).await })
    }

    fn record(&self, began_ns: u64, answer: Result<Committed, Failure>) {
        match answer {
            Ok(_) => {
                let us = (self.load.clock.monotonic_ns() - began_ns) / 1_000;
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).0.saturating_record(us);
            }
            Err(Failure::Overloaded) => drop(self.refused.fetch_add(1, Ordering::Relaxed)),
            Err(failure) => {
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).1.get_or_insert(failure);
            }
        }
    }

    async fn one_by_one(self: Arc<Self>, task: u64, tasks: u64) {
        let mut random = Random::new(task);
        let mut count = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let index = self.load.pick.index(self.load.world.customers, task + count * tasks, &mut random);
            let began_ns = self.load.clock.monotonic_ns();
            let answer = self.ask(task, count, index).await;
            self.record(began_ns, answer);
            count += 1;
        }
    }

    async fn generate(self: Arc<Self>, generator: u64, per_second: u64) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut random = Random::new(generator);
        let (began_ns, mut sent) = (self.load.clock.monotonic_ns(), 0);
        while !self.stop.load(Ordering::Relaxed) {
            ticks.tick().await;
            let elapsed_ns = u128::from(self.load.clock.monotonic_ns() - began_ns);
            let due = elapsed_ns * u128::from(per_second) / 1_000_000_000;
            while u128::from(sent) < due {
                let at = generator + sent * GENERATORS;
                let index = self.load.pick.index(self.load.world.customers, at, &mut random);
                self.hand_over(self.ask(generator, sent, index));
                sent += 1;
            }
        }
    }

    /// What is refused is so at the first look, and costs no task.
    fn hand_over(self: &Arc<Self>, mut answer: Answer) {
        let began_ns = self.load.clock.monotonic_ns();
        match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => self.record(began_ns, answer),
            Poll::Pending => {
                self.in_flight.fetch_add(1, Ordering::Relaxed);
                let shared = Arc::clone(self);
                tokio::spawn(async move {
                    let answer = answer.await;
                    shared.record(began_ns, answer);
                    shared.in_flight.fetch_sub(1, Ordering::Release);
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use coffer_ledger::ids::TenantNumber;

    use super::*;

    #[test]
    fn zipf_draws_every_customer_and_the_first_far_more_often() {
        let world = World::of(TenantNumber(1), 1, 100);
        let mut random = Random::new(7);
        let mut drawn = vec![0_u32; 100];
        for count in 0..100_000 {
            let index = Pick::Zipf.index(100, count, &mut random);
            drawn[usize::try_from(world.customer(index).0 - 1).unwrap()] += 1;
        }
        assert!(drawn.iter().all(|times| *times > 0), "{drawn:?}");
        assert!(drawn[0] > 10_000, "a seventh of all: {drawn:?}");
    }
}
