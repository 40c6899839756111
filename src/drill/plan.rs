//! Who has what when the drill begins, and what is asked while it runs: pure functions of seed, round and writer.
//!
//! Every 4th customer has little and gets no more, so that real refusals happen; every 5th has a second wallet, so that debits
//! spill over. Of the credit that is given while the drill runs, a third ends within seconds.

use super::operation::{Key, Operation, What};
use crate::demo::decimal::Amount;
use crate::demo::plan::{CustomerPlan, TopUp};
use crate::demo::random::Random;

const SECOND_NS: u64 = 1_000_000_000;
/// No customer pays this: what asks for it is refused.
const TOO_MUCH: u64 = 1_000_000_000;
/// Debits of one batch.
const BATCH: (u64, u64) = (2, 12);

/// The customers of a drill that begins at `start_ns`.
pub(crate) fn customers(count: usize, seed: u64, start_ns: u64) -> Vec<CustomerPlan> {
    let mut random = Random::new(seed);
    (0..count).map(|index| customer(index, &mut random, start_ns)).collect()
}

fn customer(index: usize, random: &mut Random, start_ns: u64) -> CustomerPlan {
    let scale = if is_poor(index) { 1 } else { 20 };
    let grant = |reason, thousandths, seconds| TopUp {
        reason,
        credits: Amount::thousandths(thousandths),
        expires_ns: Some(start_ns + seconds * SECOND_NS),
        priority: None,
        bonus: None,
    };
    let mut wallets = vec![vec![
        TopUp {
            expires_ns: None,
            ..grant("PURCHASED_CREDIT_DIRECT", scale * random.within(1_000, 4_000), 0)
        },
        grant("FREE_CREDIT_GRANT", scale * random.within(500, 3_000), random.within(60, 600)),
        grant("SUBSCRIPTION_CREDIT_GRANT", scale * random.within(500, 2_000), random.within(3_600, 86_400)),
    ]];
    if index % 5 == 3 {
        wallets.push(vec![TopUp { expires_ns: None, ..grant("PURCHASED_CREDIT_DIRECT", 5_000, 0) }]);
    }
    CustomerPlan { name: format!("drill-{index:06}"), wallets }
}

const fn is_poor(index: usize) -> bool {
    index.is_multiple_of(4)
}

/// What a writer does next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Sends one operation.
    Send(Operation),
    /// Sends one operation over two connections at once.
    Twice(Operation),
    /// Sends debits of many customers in one request.
    Batch(Vec<Operation>),
    /// Sends again what was answered before.
    Again,
    /// Reads what a customer has.
    Read(usize),
}

/// The steps of one writer in one round.
pub(crate) struct Steps {
    random: Random,
    round: u32,
    writer: u16,
    count: u32,
    wallets: Vec<usize>,
}

impl Steps {
    /// Of these customers, whose numbers of wallets are given.
    pub(crate) fn new(seed: u64, round: u32, writer: u16, wallets: Vec<usize>) -> Self {
        let place = (u64::from(round) << 16) | u64::from(writer);
        Self { random: Random::new(seed ^ (place << 8)), round, writer, count: 0, wallets }
    }

    /// The next step, asked for at `now_ns`.
    pub(crate) fn next(&mut self, now_ns: u64) -> Step {
        match self.random.within(0, 99) {
            0..=54 => Step::Send(self.debit()),
            55..=64 => Step::Send(self.top_up(now_ns)),
            65..=72 => {
                let count = self.random.within(BATCH.0, BATCH.1);
                Step::Batch((0..count).map(|_| self.debit()).collect())
            }
            73..=78 => Step::Twice(self.debit()),
            79..=80 => Step::Twice(self.top_up(now_ns)),
            81..=84 => {
                let what = What::Debit { credits: Amount::thousandths(TOO_MUCH), partial: false };
                let customer = self.customer();
                Step::Send(self.operation(customer, what))
            }
            85..=91 => Step::Again,
            _ => Step::Read(self.customer()),
        }
    }

    /// A number below `count`.
    pub(crate) fn pick(&mut self, count: usize) -> usize {
        let last = u64::try_from(count.saturating_sub(1)).unwrap_or(u64::MAX);
        usize::try_from(self.random.within(0, last)).unwrap_or(0)
    }

    fn customer(&mut self) -> usize {
        self.pick(self.wallets.len())
    }

    fn debit(&mut self) -> Operation {
        let customer = self.customer();
        let credits = Amount::thousandths(self.random.within(1, 3_000));
        let partial = self.random.within(0, 9) == 0;
        self.operation(customer, What::Debit { credits, partial })
    }

    fn top_up(&mut self, now_ns: u64) -> Operation {
        let mut customer = self.customer();
        if is_poor(customer) && customer + 1 < self.wallets.len() {
            customer += 1;
        }
        let wallet = self.pick(self.wallets[customer]);
        let credits = Amount::thousandths(self.random.within(5_000, 25_000));
        let soon = now_ns + self.random.within(3_000, 20_000) * 1_000_000;
        let (reason, expires_ns) = match self.random.within(0, 2) {
            0 => ("FREE_CREDIT_GRANT", Some(soon)),
            1 => ("SUBSCRIPTION_CREDIT_GRANT", Some(now_ns + 86_400 * SECOND_NS)),
            _ => ("PURCHASED_CREDIT_DIRECT", None),
        };
        let bonus = (expires_ns.is_none() && self.random.within(0, 4) == 0)
            .then(|| (Amount::thousandths(self.random.within(100, 900)), soon));
        let top_up = TopUp { reason, credits, expires_ns, priority: None, bonus };
        self.operation(customer, What::TopUp { wallet, top_up: Box::new(top_up) })
    }

    fn operation(&mut self, customer: usize, what: What) -> Operation {
        self.count += 1;
        Operation { key: Key { round: self.round, writer: self.writer, count: self.count }, customer, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_asks_the_same() {
        let steps = |seed| {
            let mut steps = Steps::new(seed, 3, 7, vec![1; 50]);
            (0..200).map(|_| format!("{:?}", steps.next(5))).collect::<Vec<_>>()
        };
        assert_eq!(steps(1), steps(1));
        assert_ne!(steps(1), steps(2));
    }

    #[test]
    fn no_two_operations_of_a_round_have_one_key() {
        let mut keys = std::collections::HashSet::new();
        for writer in 0..4 {
            let mut steps = Steps::new(9, 1, writer, vec![1; 50]);
            for _ in 0..500 {
                let operations = match steps.next(5) {
                    Step::Send(operation) | Step::Twice(operation) => vec![operation],
                    Step::Batch(operations) => operations,
                    Step::Again | Step::Read(_) => Vec::new(),
                };
                operations
                    .iter()
                    .for_each(|operation| assert!(keys.insert(operation.key.to_string()), "{operation:?}"));
            }
        }
    }
}
