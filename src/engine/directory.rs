//! From (tenant, name) to customer number: the only directory there is (DESIGN decision 9).
//!
//! An index, rebuilt from creation records and snapshots; never written by itself. A name that a request brought gets its
//! number before the request is decided; if nothing is accepted the number lies fallow and the name is forgotten.

use std::hash::{BuildHasher, Hash};
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// Whose a name is. A deleted customer keeps it until somebody else takes it, so that a repeated deletion finds its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    number: CustomerNumber,
    deleted: bool,
}

/// Names of customers, and the next free number.
pub(crate) struct Directory {
    shards: Vec<RwLock<HashMap<Name, Owner>>>,
    chooser: DefaultHashBuilder,
    next: AtomicU64,
}

impl Directory {
    pub(crate) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self { shards, chooser: DefaultHashBuilder::default(), next: AtomicU64::new(1) }
    }

    /// The customer of this name.
    pub(crate) fn find(&self, tenant: TenantNumber, name: &str) -> Option<CustomerNumber> {
        self.owner(tenant, name).filter(|owner| !owner.deleted).map(|owner| owner.number)
    }

    /// The customer that has this name, or had it last.
    pub(crate) fn find_even_deleted(&self, tenant: TenantNumber, name: &str) -> Option<CustomerNumber> {
        self.owner(tenant, name).map(|owner| owner.number)
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
        shard.insert(Name { tenant, name: name.into() }, Owner { number, deleted: false });
        number
    }

    /// Enters a customer's names, or takes a deleted one's out. The same live and in recovery.
    pub(crate) fn note(&self, customer: &Customer) {
        self.number_is_taken(customer.number);
        let Some(identity) = &customer.identity else { return };
        let (tenant, number) = (customer.tenant, customer.number);
        let minted = match identity.id {
            CustomerId::Minted(id) => Some(id.to_string()),
            CustomerId::Named => None,
        };
        for name in [Some(&*identity.external_id), minted.as_deref()].into_iter().flatten() {
            self.enter(tenant, name, Owner { number, deleted: identity.deleted });
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
        shard.insert(Name { tenant, name: name.into() }, Owner { number, deleted });
        true
    }

    /// Enters a name. A deletion does not take a name from whoever has it by now.
    fn enter(&self, tenant: TenantNumber, name: &str, owner: Owner) {
        let key = NameRef { tenant, name };
        let mut shard = self.shard(key).write().expect("no directory operation panics");
        if owner.deleted && shard.get(&key).is_some_and(|known| known.number != owner.number) {
            return;
        }
        shard.insert(Name { tenant, name: name.into() }, owner);
    }

    /// Forgets a name, if it is still this customer's.
    pub(crate) fn forget(&self, tenant: TenantNumber, name: &str, number: CustomerNumber) {
        let key = NameRef { tenant, name };
        let mut shard = self.shard(key).write().expect("no directory operation panics");
        if shard.get(&key).is_some_and(|owner| owner.number == number) {
            shard.remove(&key);
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
        directory.enter(T, "old", Owner { number: CustomerNumber(41), deleted: false });
        assert_eq!(directory.find_or_number(T, "new"), CustomerNumber(42));
    }

    #[test]
    fn a_deleted_name_is_free_and_still_leads_to_its_last_owner() {
        let directory = Directory::new();
        let number = directory.find_or_number(T, "acme");
        directory.enter(T, "acme", Owner { number, deleted: true });
        assert_eq!((directory.find(T, "acme"), directory.find_even_deleted(T, "acme")), (None, Some(number)));
        let next = directory.find_or_number(T, "acme");
        assert_ne!(next, number);
        directory.enter(T, "acme", Owner { number, deleted: true });
        assert_eq!(
            directory.find(T, "acme"),
            Some(next),
            "a late deletion does not take it from the new owner"
        );
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
