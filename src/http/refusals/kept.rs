//! The last refusals of each customer, in memory: a ring per customer, and one limit for all.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use coffer_ledger::ids::CustomerNumber;
use hashbrown::HashMap;

use super::note::Note;

/// Customers share a lock with a sixty-fourth of the others.
const SHARDS: usize = 64;

/// Refusals by customer; each is found by the number of its request, too.
pub(crate) struct Refusals {
    shards: Vec<Mutex<Shard>>,
    per_customer_max: usize,
}

struct Kept {
    number: u64,
    request: u64,
    note: Note,
}

#[derive(Default)]
struct Shard {
    rings: HashMap<CustomerNumber, VecDeque<Kept>>,
    /// Every refusal in the order of coming. One whose ring has let go of it stays until it is passed over.
    order: VecDeque<(u64, CustomerNumber)>,
    next: u64,
    count: usize,
    bytes: usize,
    bytes_max: usize,
}

impl Refusals {
    /// At most so many of each customer, and so many bytes of all together; either may be zero.
    pub(crate) fn new(per_customer_max: usize, bytes_max: usize) -> Self {
        let shard = || Mutex::new(Shard { bytes_max: bytes_max / SHARDS, ..Shard::default() });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), per_customer_max }
    }

    /// Keeps one; its customer's oldest goes when there are too many, everybody's oldest when it takes too much memory.
    pub(crate) fn keep(&self, request: u64, note: Note) {
        if self.per_customer_max > 0 {
            self.shard(note.customer).keep(request, note, self.per_customer_max);
        }
    }

    /// Lets go of a customer's.
    pub(crate) fn forget(&self, customer: CustomerNumber) {
        self.shard(customer).forget(customer);
    }

    /// A customer's with their requests, newest first.
    pub(super) fn of_customer(&self, customer: CustomerNumber) -> Vec<(u64, Note)> {
        let shard = self.shard(customer);
        let ring = shard.rings.get(&customer).into_iter().flatten();
        ring.rev().map(|kept| (kept.request, kept.note.clone())).collect()
    }

    /// A request's, in the order of its items. Looks through all of them: few ask.
    pub(super) fn of_request(&self, request: u64, may_be_seen: impl Fn(&Note) -> bool) -> Vec<(u64, Note)> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = lock(shard);
            let all = shard.rings.values().flatten();
            let of_it = all.filter(|kept| kept.request == request && may_be_seen(&kept.note));
            found.extend(of_it.map(|kept| (kept.request, kept.note.clone())));
        }
        found.sort_by_key(|(_, note)| note.item);
        found
    }

    fn shard(&self, customer: CustomerNumber) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(customer.0 % SHARDS as u64).expect("below 64");
        lock(&self.shards[index])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn keep(&mut self, request: u64, note: Note, per_customer_max: usize) {
        let (number, customer) = (self.next, note.customer);
        self.next += 1;
        self.bytes += bytes_of(&note);
        self.count += 1;
        let ring = self.rings.entry(customer).or_default();
        ring.push_back(Kept { number, request, note });
        let oldest = if ring.len() > per_customer_max { ring.pop_front() } else { None };
        self.order.push_back((number, customer));
        if let Some(oldest) = oldest {
            self.forgotten(&oldest);
        }
        while self.bytes > self.bytes_max && self.forget_oldest() {}
        self.tidy();
    }

    fn forget(&mut self, customer: CustomerNumber) {
        for kept in self.rings.remove(&customer).into_iter().flatten() {
            self.forgotten(&kept);
        }
        self.tidy();
    }

    fn forgotten(&mut self, kept: &Kept) {
        self.bytes -= bytes_of(&kept.note);
        self.count -= 1;
    }

    /// Whether there was one.
    fn forget_oldest(&mut self) -> bool {
        while let Some((number, customer)) = self.order.pop_front() {
            let Some(ring) = self.rings.get_mut(&customer) else { continue };
            if ring.front().is_some_and(|kept| kept.number == number) {
                let kept = ring.pop_front().expect("it was just looked at");
                if ring.is_empty() {
                    self.rings.remove(&customer);
                }
                self.forgotten(&kept);
                return true;
            }
        }
        false
    }

    /// Drops what the rings have let go of, when that is more than half: a customer that floods costs its own ring and no more.
    fn tidy(&mut self) {
        if self.order.len() <= 2 * self.count + SHARDS {
            return;
        }
        let rings = &self.rings;
        self.order.retain(|(number, customer)| {
            let oldest = rings.get(customer).and_then(VecDeque::front);
            oldest.is_some_and(|oldest| oldest.number <= *number)
        });
    }
}

/// What one takes, its places in ring and order included; texts inside a refusal are short.
fn bytes_of(note: &Note) -> usize {
    size_of::<Kept>()
        + 2 * size_of::<(u64, CustomerNumber)>()
        + note.idempotency_key.as_ref().map_or(0, |key| key.len())
}

#[cfg(test)]
mod tests {
    use coffer_ledger::ids::TenantNumber;
    use coffer_ledger::time::Timestamp;

    use super::*;
    use crate::engine::Failure;

    fn note(customer: u64) -> Note {
        Note {
            tenant: TenantNumber(1),
            customer: CustomerNumber(customer),
            at: Timestamp(0),
            operation: "debit",
            item: None,
            idempotency_key: None,
            dry_run: false,
            status: 402,
            failure: Failure::KeyReused,
        }
    }

    fn requests(refusals: &Refusals, customer: u64) -> Vec<u64> {
        refusals.of_customer(CustomerNumber(customer)).into_iter().map(|(request, _)| request).collect()
    }

    #[test]
    fn the_last_of_each_customer_are_kept_and_a_flood_of_one_costs_nobody_else() {
        let refusals = Refusals::new(3, 1 << 20);
        refusals.keep(7, note(65));
        for request in 100..10_000 {
            refusals.keep(request, note(1));
        }
        assert_eq!(requests(&refusals, 1), [9_999, 9_998, 9_997]);
        assert_eq!(requests(&refusals, 65), [7], "it shares the shard");
        let shard = lock(&refusals.shards[1]);
        assert!(shard.order.len() <= 2 * 4 + SHARDS + 1 && shard.count == 4, "{}", shard.order.len());
    }

    #[test]
    fn everybodys_oldest_go_when_they_take_too_much_memory() {
        let one = bytes_of(&note(1));
        let refusals = Refusals::new(50, SHARDS * 10 * one);
        for request in 0..100 {
            refusals.keep(request, note(64 * request));
        }
        for request in 0..90 {
            assert_eq!(requests(&refusals, 64 * request), Vec::<u64>::new());
        }
        for request in 90..100 {
            assert_eq!(requests(&refusals, 64 * request), [request]);
        }
        let shard = lock(&refusals.shards[0]);
        assert_eq!((shard.bytes, shard.count, shard.rings.len()), (10 * one, 10, 10));
    }

    #[test]
    fn nothing_is_kept_where_nothing_may_be() {
        for (each, bytes) in [(0, 1 << 20), (50, 0)] {
            let refusals = Refusals::new(each, bytes);
            refusals.keep(1, note(1));
            assert_eq!(requests(&refusals, 1), Vec::<u64>::new());
            assert!(lock(&refusals.shards[1]).rings.is_empty());
        }
    }

    #[test]
    fn a_request_is_found_by_those_who_may_see_it_in_the_order_of_its_items() {
        let refusals = Refusals::new(50, 1 << 20);
        for (item, customer) in [(2, 5), (0, 9), (1, 5)] {
            refusals.keep(3, note(customer).of_item(item, None));
        }
        let items = |seen: fn(&Note) -> bool| {
            refusals.of_request(3, seen).into_iter().map(|(_, note)| note.item.unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(items(|_| true), [0, 1, 2]);
        assert_eq!(items(|note| note.customer == CustomerNumber(5)), [1, 2]);
    }
}
