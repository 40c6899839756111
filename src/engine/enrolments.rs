//! Who is enrolled in which plan, and whose a subscription's name is (DESIGN decision 8).
//!
//! An index, rebuilt from customers' states as the directory of names is; never written by itself. A plan's change is told to those who are
//! enrolled through the timer, paced like everything that is due: nobody is looked for in a debit. A name is claimed in the customer's own turn
//! before the request is decided, so that two customers cannot both get it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use coffer_ledger::customer::Customer;
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use hashbrown::HashMap;

type Name = (TenantNumber, Box<str>);

/// One lock: enrolling is rare, and a debit never comes here.
#[derive(Default)]
pub(crate) struct Enrolments {
    index: Mutex<Index>,
}

#[derive(Default)]
struct Index {
    /// Names that callers gave; the others say themselves whose they are.
    names: HashMap<Name, CustomerNumber>,
    plans: HashMap<Name, BTreeSet<CustomerNumber>>,
    of: HashMap<CustomerNumber, Enrolled>,
}

/// What a customer is enrolled in, for taking it out again.
struct Enrolled {
    tenant: TenantNumber,
    names: Vec<Box<str>>,
    plans: BTreeSet<Box<str>>,
    /// The version of the catalog that it follows.
    seen: u64,
}

impl Enrolments {
    /// Enters what a customer is enrolled in now, in place of what it was.
    pub(crate) fn note(&self, customer: &Customer) {
        let mut index = self.index.lock().expect("no enrolment panics");
        index.remove(customer.number);
        if customer.grants.subscriptions.is_empty() {
            return;
        }
        let (tenant, number) = (customer.tenant, customer.number);
        let subscriptions = customer.grants.subscriptions.values();
        let enrolled = Enrolled {
            tenant,
            names: subscriptions
                .clone()
                .filter(|one| !one.is_unnamed())
                .map(|one| one.name.clone())
                .collect(),
            plans: subscriptions.map(|one| one.plan.clone()).collect(),
            seen: customer.grants.plans_seen,
        };
        for name in &enrolled.names {
            index.names.insert((tenant, name.clone()), number);
        }
        for plan in &enrolled.plans {
            index.plans.entry((tenant, plan.clone())).or_default().insert(number);
        }
        index.of.insert(number, enrolled);
    }

    /// Takes a name for a customer; `false`: it is another one's.
    pub(crate) fn claim(&self, tenant: TenantNumber, name: &str, number: CustomerNumber) -> bool {
        let mut index = self.index.lock().expect("no enrolment panics");
        *index.names.entry((tenant, name.into())).or_insert(number) == number
    }

    /// Gives back a name that was claimed and not used.
    pub(crate) fn release(&self, tenant: TenantNumber, name: &str, number: CustomerNumber) {
        let mut index = self.index.lock().expect("no enrolment panics");
        let used = index.of.get(&number).is_some_and(|of| of.names.iter().any(|known| **known == *name));
        let key = (tenant, name.into());
        if !used && index.names.get(&key) == Some(&number) {
            index.names.remove(&key);
        }
    }

    /// Whose subscription has this name, of those that callers gave.
    pub(crate) fn find(&self, tenant: TenantNumber, name: &str) -> Option<CustomerNumber> {
        let index = self.index.lock().expect("no enrolment panics");
        index.names.get(&(tenant, name.into())).copied()
    }

    /// Who is enrolled in a plan, by number.
    pub(crate) fn of_plan(&self, tenant: TenantNumber, plan: &str) -> Vec<CustomerNumber> {
        let index = self.index.lock().expect("no enrolment panics");
        index.plans.get(&(tenant, plan.into())).map(|of| of.iter().copied().collect()).unwrap_or_default()
    }

    /// Who is enrolled in a plan and follows an older version of the catalog.
    pub(crate) fn behind(&self, tenant: TenantNumber, plan: &str, version: u64) -> Vec<CustomerNumber> {
        let index = self.index.lock().expect("no enrolment panics");
        let of_plan = index.plans.get(&(tenant, plan.into())).into_iter().flatten();
        of_plan.filter(|number| index.of.get(*number).is_some_and(|of| of.seen < version)).copied().collect()
    }
}

/// The name that its maker gave to a subscription, if this is what ended it: from then on the name does not say whose it was.
pub(crate) fn name_of_ended(effect: &Effect) -> Option<&str> {
    let Effect::Unsubscribed(left) = effect else { return None };
    (!left.subscription.is_unnamed()).then_some(&*left.subscription.name)
}

impl Index {
    fn remove(&mut self, number: CustomerNumber) {
        let Some(enrolled) = self.of.remove(&number) else { return };
        for name in enrolled.names {
            let key = (enrolled.tenant, name);
            if self.names.get(&key) == Some(&number) {
                self.names.remove(&key);
            }
        }
        for plan in enrolled.plans {
            let key = (enrolled.tenant, plan);
            if let Some(of) = self.plans.get_mut(&key) {
                of.remove(&number);
                if of.is_empty() {
                    self.plans.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coffer_ledger::grant::Subscription;
    use coffer_ledger::ids::{SubscriptionId, ThingId};
    use coffer_ledger::time::Timestamp;

    const T: TenantNumber = TenantNumber(1);

    fn enrolled(number: u64, subscriptions: &[(&str, &str)]) -> Customer {
        let mut customer = Customer::new(T, CustomerNumber(number));
        for ((name, plan), counter) in subscriptions.iter().zip(0..) {
            let id = SubscriptionId(ThingId::new(Timestamp(0), customer.number, counter));
            let name = if name.is_empty() { id.to_string().into() } else { Box::from(*name) };
            let plan = Box::from(*plan);
            let subscription =
                Subscription { id, name, plan, start: None, zone: None, created_at: Timestamp(0) };
            customer.grants.subscriptions.insert(id, subscription);
        }
        customer
    }

    #[test]
    fn a_customer_is_found_by_plan_and_by_the_name_that_its_maker_gave_until_it_leaves() {
        let enrolments = Enrolments::default();
        enrolments.note(&enrolled(7, &[("sub-7", "starter"), ("", "pro")]));
        enrolments.note(&enrolled(8, &[("", "starter")]));
        assert_eq!(enrolments.of_plan(T, "starter"), [CustomerNumber(7), CustomerNumber(8)]);
        assert_eq!(enrolments.of_plan(TenantNumber(2), "starter"), []);
        assert_eq!(enrolments.find(T, "sub-7"), Some(CustomerNumber(7)));
        assert_eq!(enrolments.behind(T, "pro", 1), [CustomerNumber(7)]);
        assert_eq!(enrolments.behind(T, "pro", 0), []);
        enrolments.note(&enrolled(7, &[("", "pro")]));
        assert_eq!(
            (enrolments.find(T, "sub-7"), enrolments.of_plan(T, "starter")),
            (None, vec![CustomerNumber(8)])
        );
    }

    #[test]
    fn a_name_is_one_customers_and_free_again_if_it_was_not_used() {
        let enrolments = Enrolments::default();
        let (one, other) = (CustomerNumber(1), CustomerNumber(2));
        assert!(enrolments.claim(T, "s", one) && enrolments.claim(T, "s", one));
        assert!(!enrolments.claim(T, "s", other));
        enrolments.release(T, "s", other);
        assert!(!enrolments.claim(T, "s", other));
        enrolments.release(T, "s", one);
        assert!(enrolments.claim(T, "s", other));
        enrolments.note(&enrolled(2, &[("s", "starter")]));
        enrolments.release(T, "s", other);
        assert!(!enrolments.claim(T, "s", one), "what is used is not given back");
    }
}
