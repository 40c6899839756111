//! One customer twice: as the log has it, and as it would have become.
//!
//! As long as both are the same there is only one state. The first outcome that differs, or a rule that changes states, parts
//! them. Memory: what a customer takes in the engine, twice once they have parted, and a tally per wallet.

use coffer_ledger::apply::{apply, bind};
use coffer_ledger::burn_order::BurnOrder;
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::{Effect, Facts};
use coffer_ledger::ids::LogPosition;
use coffer_ledger::invariants::{self, Violation};

use super::closed::Side;
use super::names::Names;
use super::refused::Refusals;
use super::rules::Rules;
use super::tally::Tallies;

/// A customer and its shadow.
pub(super) struct Life {
    lived: Lived,
    log_tallies: Tallies,
    /// Counts from the parting on, beginning with a copy of the log's.
    shadow_tallies: Tallies,
    /// What the shadow refused.
    pub(super) refusals: Refusals,
    /// Records.
    pub(super) records: u64,
    /// Records that came out differently.
    pub(super) differing: u64,
}

enum Lived {
    Same(Box<Customer>),
    Apart(Box<Apart>),
}

/// After the parting.
pub(super) struct Apart {
    pub(super) log: Customer,
    pub(super) shadow: Customer,
    pub(super) names: Names,
}

impl Life {
    /// As the customer was before its first record here.
    pub(super) fn new(customer: Customer, rules: &Rules) -> Self {
        let mut life = Self {
            lived: Lived::Same(Box::new(customer)),
            log_tallies: Tallies::default(),
            shadow_tallies: Tallies::default(),
            refusals: Refusals::default(),
            records: 0,
            differing: 0,
        };
        if rules.change_states() {
            put_under(rules, &mut life.part().shadow);
        }
        life
    }

    /// The state on one side.
    pub(super) fn state(&self, side: Side) -> &Customer {
        match (&self.lived, side) {
            (Lived::Same(customer), _) => customer,
            (Lived::Apart(apart), Side::Log) => &apart.log,
            (Lived::Apart(apart), Side::Shadow) => &apart.shadow,
        }
    }

    /// The tallies on one side.
    pub(super) fn tallies(&self, side: Side) -> &Tallies {
        match (&self.lived, side) {
            (Lived::Same(_), _) | (Lived::Apart(_), Side::Log) => &self.log_tallies,
            (Lived::Apart(_), Side::Shadow) => &self.shadow_tallies,
        }
    }

    /// Both sides, if they have parted.
    pub(super) fn apart(&self) -> Option<&Apart> {
        match &self.lived {
            Lived::Same(_) => None,
            Lived::Apart(apart) => Some(apart),
        }
    }

    /// Parts the two sides, if they are not yet.
    pub(super) fn part(&mut self) -> &mut Apart {
        if let Lived::Same(customer) = &mut self.lived {
            let log = Customer::clone(customer);
            let nobody = Customer::new(log.tenant, log.number);
            let shadow = std::mem::replace(&mut **customer, nobody);
            self.lived = Lived::Apart(Box::new(Apart { log, shadow, names: Names::default() }));
            self.shadow_tallies = self.log_tallies.clone();
        }
        match &mut self.lived {
            Lived::Apart(apart) => apart,
            Lived::Same(_) => unreachable!("they have just parted"),
        }
    }

    /// Folds the same facts into both sides, which have not parted.
    pub(super) fn both(&mut self, facts: &Facts, position: LogPosition) {
        if let Lived::Same(customer) = &mut self.lived {
            fold(customer, facts, position);
            self.log_tallies.count(customer, facts);
        }
    }

    /// Folds facts of the log into what happened, after the parting.
    pub(super) fn happened(&mut self, facts: &Facts, position: LogPosition) {
        self.part();
        if let Lived::Apart(apart) = &mut self.lived {
            fold(&mut apart.log, facts, position);
            self.log_tallies.count(&apart.log, facts);
        }
    }

    /// Folds facts into the shadow, after the parting.
    ///
    /// # Errors
    /// The state after them breaks an invariant: a bug.
    pub(super) fn would_have(
        &mut self,
        facts: &Facts,
        position: LogPosition,
        rules: &Rules,
    ) -> Result<(), Violation> {
        self.part();
        if let Lived::Apart(apart) = &mut self.lived {
            fold(&mut apart.shadow, facts, position);
            invariants::check_touched(&apart.shadow, facts)?;
            if matches!(facts.effect, Effect::WalletCreated { .. }) {
                keep_order(rules.burn_order, &mut apart.shadow);
            }
            self.shadow_tallies.count(&apart.shadow, facts);
        }
        Ok(())
    }
}

fn fold(customer: &mut Customer, facts: &Facts, position: LogPosition) {
    apply(customer, facts);
    bind(customer, facts, position);
}

/// A state that the log left, under other rules from here on.
fn put_under(rules: &Rules, shadow: &mut Customer) {
    for wallet in shadow.wallets.iter_mut().filter(|wallet| wallet.is_open()) {
        wallet.head.overdraft_limit = rules.overdraft_limit(wallet.head.id, wallet.head.overdraft_limit);
    }
    keep_order(rules.burn_order, shadow);
}

fn keep_order(order: BurnOrder, shadow: &mut Customer) {
    shadow
        .wallets
        .iter_mut()
        .filter(|wallet| wallet.burn_order != order)
        .for_each(|wallet| wallet.reorder(order));
}
