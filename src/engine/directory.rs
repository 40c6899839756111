//! From (tenant, name) to customer number: the only directory there is (DESIGN decision 9).
//!
//! An index, rebuilt from creation records and snapshots; never written by itself. A name that a request brought gets its
//! number before the request is decided; if nothing is accepted the number lies fallow and the name is forgotten.

use std::hash::{BuildHasher, Hash};
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::enrolments::Enrolments;
use coffer_ledger::customer::{Customer, CustomerId};
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use hashbrown::{DefaultHashBuilder, Equivalent, HashMap};

const SHARDS: usize = 64;

#[derive(PartialEq, Eq, Hash)]
struct Name {
    tenant: TenantNumber,
    name: Box<str>,
}

#[derive(Clone, Copy, Hash)]
struct NameRef<'a> {
    tenant: TenantNumber,
    name: &'a str,
}

impl Equivalent<Name> for NameRef<'_> {
    fn equivalent(&self, key: &Name) -> bool {
        self.tenant == key.tenant && *self.name == *key.name
    }
}

/// Whose a name is. A deleted customer keeps it until somebody else takes it, so that a repeated deletion finds its record; whoever
/// takes it knows the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    number: CustomerNumber,
    deleted: bool,
    /// The last deleted one before; 0 = none, a number that nobody has.
    before: CustomerNumber,
}

impl Owner {
    const NOBODY: CustomerNumber = CustomerNumber(0);

    const fn new(number: CustomerNumber, deleted: bool) -> Self {
        Self { number, deleted, before: Self::NOBODY }
    }

    /// This owner after, or beside, what was known of the name, in whatever order the two are heard of.
    fn beside(self, known: Self) -> Self {
        if known.number == self.number {
            return Self { before: known.before, ..self };
        }
        // A deletion does not take a name from whoever has it by now; of two deleted ones the later was the last.
        let (owner, other) = match (self.deleted, known.deleted) {
            (true, false) => (known, self),
            (true, true) if self.number < known.number => (known, self),
            _ => (self, known),
        };
        let other = if other.deleted { other.number } else { Self::NOBODY };
        Self { before: other.max(self.before).max(known.before), ..owner }
    }
}

/// Names of customers, and the next free number.
pub(crate) struct Directory {
    shards: Vec<RwLock<HashMap<Name, Owner>>>,
    chooser: DefaultHashBuilder,
    next: AtomicU64,
    /// What they are enrolled in.
    pub(crate) enrolments: Enrolments,
}

impl Directory {
    pub(crate) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        let (chooser, enrolments) = (DefaultHashBuilder::default(), Enrolments::default());
        Self { shards, chooser, next: AtomicU64::new(1), enrolments }
    }

    /// The customer of this name.
    pub(crate) fn find(&self, tenant: TenantNumber, name: &str) -> Option<CustomerNumber> {
        self.owner(tenant, name).filter(|owner| !owner.deleted).map(|owner| owner.number)
    }

    /// The customer that has this name, or had it last.
    pub(crate) fn find_even_deleted(&self, tenant: TenantNumber, name: &str) -> Option<CustomerNumber> {
        self.owner(tenant, name).map(|owner| owner.number)
    }

    /// Deleted customers that had this name, the last one first: at most two are remembered.
    pub(crate) fn former_owners(&self, tenant: TenantNumber, name: &str) -> [Option<CustomerNumber>; 2] {
        let Some(owner) = self.owner(tenant, name) else { return [None, None] };
        let before = (owner.before != Owner::NOBODY).then_some(owner.before);
        [owner.deleted.then_some(owner.number), before]
    }

    fn owner(&self, tenant: TenantNumber, name: &str) -> Option<Owner> {
        let name = NameRef { tenant, name };
        self.shard(name).read().expect("no directory operation panics").get(&name).copied()
    }

    /// The customer of this name, with a new number if nobody has it.
    pub(crate) fn find_or_number(&self, tenant: TenantNumber, name: &str) -> CustomerNumber {
        if let Some(number) = self.find(tenant, name) {
            return number;
        }
        let key = NameRef { tenant, name };
        let mut shard = self.shard(key).write().expect("no directory operation panics");
        if let Some(owner) = shard.get(&key).filter(|owner| !owner.deleted) {
            return owner.number;
        }
        let number = CustomerNumber(self.next.fetch_add(1, Ordering::Relaxed));
        put(&mut shard, key, Owner::new(number, false));
        number
    }

    /// Enters a customer's names and what it is enrolled in, or takes a deleted one's out. The same live and in recovery.
    pub(crate) fn note(&self, customer: &Customer) {
        self.number_is_taken(customer.number);
        self.enrolments.note(customer);
        let Some(identity) = &customer.identity else { return };
        let (tenant, number) = (customer.tenant, customer.number);
        let minted = match identity.id {
            CustomerId::Minted(id) => Some(id.to_string()),
            CustomerId::Named => None,
        };
        for name in [Some(&*identity.external_id), minted.as_deref()].into_iter().flatten() {
            self.enter(tenant, name, Owner::new(number, identity.deleted));
        }
    }

    /// Enters a name for this customer, unless it is another's, or was another's last; whether it is this one's now.
    pub(crate) fn claim(
        &self,
        tenant: TenantNumber,
        name: &str,
        number: CustomerNumber,
        deleted: bool,
    ) -> bool {
        let key = NameRef { tenant, name };
        let mut shard = self.shard(key).write().expect("no directory operation panics");
        if let Some(owner) = shard.get(&key) {
            return owner.number == number;
        }
        put(&mut shard, key, Owner::new(number, deleted));
        true
    }

    /// Enters a name.
    fn enter(&self, tenant: TenantNumber, name: &str, owner: Owner) {
        let key = NameRef { tenant, name };
        put(&mut self.shard(key).write().expect("no directory operation panics"), key, owner);
    }

    /// Forgets a name, if it is still this customer's. A deleted one that had it before has it again.
    pub(crate) fn forget(&self, tenant: TenantNumber, name: &str, number: CustomerNumber) {
        let key = NameRef { tenant, name };
        let mut shard = self.shard(key).write().expect("no directory operation panics");
        match shard.get_mut(&key) {
            Some(owner) if owner.number == number && owner.before != Owner::NOBODY => {
                *owner = Owner::new(owner.before, true);
            }
            Some(owner) if owner.number == number => drop(shard.remove(&key)),
            Some(_) | None => {}
        }
    }

    /// No customer is given this number or a smaller one again.
    pub(crate) fn number_is_taken(&self, number: CustomerNumber) {
        self.next.fetch_max(number.0 + 1, Ordering::Relaxed);
    }

    /// One more than the largest number given.
    pub(crate) fn next_number(&self) -> CustomerNumber {
        CustomerNumber(self.next.load(Ordering::Relaxed))
    }

    /// Bytes that the names and their tables have allocated.
    pub(crate) fn allocated_bytes(&self) -> usize {
        let of_shard = |shard: &RwLock<HashMap<Name, Owner>>| {
            let shard = shard.read().expect("no directory operation panics");
            shard.allocation_size() + shard.keys().map(|key| key.name.len()).sum::<usize>()
        };
        self.shards.iter().map(of_shard).sum()
    }

    fn shard(&self, name: NameRef<'_>) -> &RwLock<HashMap<Name, Owner>> {
        let index = usize::try_from(self.chooser.hash_one(name) >> 32).expect("32 bits fit") % SHARDS;
        &self.shards[index]
    }
}

fn put(names: &mut HashMap<Name, Owner>, key: NameRef<'_>, owner: Owner) {
    match names.get_mut(&key) {
        Some(known) => *known = owner.beside(*known),
        None => drop(names.insert(Name { tenant: key.tenant, name: key.name.into() }, owner)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: TenantNumber = TenantNumber(1);

    #[test]
    fn a_name_gets_one_number_for_good() {
        let directory = Directory::new();
        let number = directory.find_or_number(T, "acme");
        assert_eq!(directory.find_or_number(T, "acme"), number);
        assert_ne!(directory.find_or_number(TenantNumber(2), "acme"), number, "tenants share no names");
    }

    #[test]
    fn numbers_from_the_log_are_never_given_again() {
        let directory = Directory::new();
        directory.number_is_taken(CustomerNumber(41));
        directory.enter(T, "old", Owner::new(CustomerNumber(41), false));
        assert_eq!(directory.find_or_number(T, "new"), CustomerNumber(42));
    }

    #[test]
    fn a_deleted_name_is_free_and_still_leads_to_its_last_owner() {
        let directory = Directory::new();
        let number = directory.find_or_number(T, "acme");
        directory.enter(T, "acme", Owner::new(number, true));
        assert_eq!((directory.find(T, "acme"), directory.find_even_deleted(T, "acme")), (None, Some(number)));
        let next = directory.find_or_number(T, "acme");
        assert_ne!(next, number);
        directory.enter(T, "acme", Owner::new(number, true));
        assert_eq!(
            directory.find(T, "acme"),
            Some(next),
            "a late deletion does not take it from the new owner"
        );
    }

    #[test]
    fn whoever_takes_a_name_knows_who_had_it_before_in_whatever_order_they_are_heard_of() {
        let number = CustomerNumber;
        let history =
            [Owner::new(number(1), true), Owner::new(number(2), true), Owner::new(number(3), false)];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let directory = Directory::new();
            order.iter().for_each(|place| directory.enter(T, "acme", history[*place]));
            assert_eq!(directory.find(T, "acme"), Some(number(3)), "{order:?}");
            assert_eq!(directory.former_owners(T, "acme"), [None, Some(number(2))], "{order:?}");
            directory.enter(T, "acme", Owner::new(number(3), true));
            assert_eq!(directory.former_owners(T, "acme"), [Some(number(3)), Some(number(2))], "{order:?}");
        }
    }

    #[test]
    fn a_name_whose_new_owner_was_refused_leads_to_the_deleted_one_again() {
        let directory = Directory::new();
        let number = directory.find_or_number(T, "acme");
        directory.enter(T, "acme", Owner::new(number, true));
        let refused = directory.find_or_number(T, "acme");
        directory.forget(T, "acme", refused);
        assert_eq!((directory.find(T, "acme"), directory.find_even_deleted(T, "acme")), (None, Some(number)));
    }

    #[test]
    fn a_name_is_claimed_by_one_only() {
        let directory = Directory::new();
        let taken = directory.find_or_number(T, "acme");
        let other = CustomerNumber(taken.0 + 1);
        assert!(!directory.claim(T, "acme", other, false) && directory.claim(T, "acme", taken, false));
        assert!(directory.claim(T, "cust", other, false) && directory.claim(T, "cust", other, false));
        assert_eq!(directory.find(T, "cust"), Some(other));
    }

    #[test]
    fn a_name_is_forgotten_only_by_its_owner() {
        let directory = Directory::new();
        let number = directory.find_or_number(T, "acme");
        directory.forget(T, "acme", CustomerNumber(number.0 + 1));
        assert_eq!(directory.find(T, "acme"), Some(number));
        directory.forget(T, "acme", number);
        assert_eq!(directory.find(T, "acme"), None);
    }
}
