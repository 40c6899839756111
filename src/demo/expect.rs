//! What every debit should have done, computed from the plan and the trace alone: an own, slow and plain burn order and own
//! arithmetic ([`super::decimal`]). It shares no code with the ledger.

use super::decimal::Amount;
use super::plan::{CustomerPlan, TopUp};
use super::standing::Standing;

/// One tranche as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Tranche {
    /// Which of the customer's wallets.
    pub(crate) wallet: usize,
    /// As the API calls it.
    pub(crate) source: &'static str,
    /// Lower pays first.
    pub(crate) priority: u32,
    /// End in nanoseconds since the epoch.
    pub(crate) expires_ns: Option<u64>,
    /// Whether nothing was paid for it.
    pub(crate) free: bool,
    /// What it began with.
    pub(crate) original: Amount,
    /// What is left.
    pub(crate) remaining: Amount,
}

/// A customer as it should be: its tranches in burn order.
#[derive(Clone, Debug)]
pub(crate) struct Customer {
    /// Number of wallets.
    pub(crate) wallets: usize,
    /// In burn order.
    pub(crate) tranches: Vec<Tranche>,
}

/// What an accepted debit should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Debit {
    /// Taken.
    pub(crate) credits: Amount,
    /// Asked for and not there.
    pub(crate) shortfall: Amount,
    /// Which tranche (by its place in burn order) gave how much.
    pub(crate) slices: Vec<(usize, Amount)>,
    /// Wallet, credits, posted before, posted after.
    pub(crate) rows: Vec<(usize, Amount, Amount, Amount)>,
    /// Over all wallets, after.
    pub(crate) available: Amount,
}

/// What a refusal should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Asked for.
    pub(crate) required: Amount,
    /// There.
    pub(crate) available: Amount,
}

impl Tranche {
    /// A wallet's place is its age; `false` sorts first.
    fn order(&self) -> (usize, u32, u64, bool) {
        (self.wallet, self.priority, self.expires_ns.unwrap_or(u64::MAX), !self.free)
    }

    /// Whether it can be spent at an instant.
    pub(crate) fn usable(&self, at_ns: u64) -> bool {
        self.expires_ns.is_none_or(|end| at_ns < end)
    }
}

impl Customer {
    /// Nothing spent yet.
    pub(crate) fn new(plan: &CustomerPlan) -> Self {
        let mut customer = Self { wallets: plan.wallets.len(), tranches: Vec::new() };
        for (wallet, top_ups) in plan.wallets.iter().enumerate() {
            top_ups.iter().for_each(|top_up| drop(customer.credit(wallet, top_up)));
        }
        customer
    }

    /// Adds credit; tells at which places its tranches now stand, each at the time it was put there. What is equal stays in
    /// the order of creation.
    pub(crate) fn credit(&mut self, wallet: usize, top_up: &TopUp) -> Vec<usize> {
        let mut places = Vec::new();
        for tranche in minted(wallet, top_up) {
            let place = self.tranches.partition_point(|older| older.order() <= tranche.order());
            self.tranches.insert(place, tranche);
            places.push(place);
        }
        places
    }

    /// What a wallet holds at an instant. There are no holds and no debt here, so posted = own = available.
    pub(crate) fn posted(&self, wallet: usize, at_ns: u64) -> Amount {
        let of_wallet = self.tranches.iter().filter(|tranche| tranche.wallet == wallet);
        of_wallet.filter(|tranche| tranche.usable(at_ns)).map(|tranche| tranche.remaining).sum()
    }

    /// What all wallets hold at an instant.
    pub(crate) fn available(&self, at_ns: u64) -> Amount {
        (0..self.wallets).map(|wallet| self.posted(wallet, at_ns)).sum()
    }

    /// What the customer should have at an instant.
    pub(crate) fn standing(&self, at_ns: u64) -> Standing {
        let left = |tranche: &Tranche| if tranche.usable(at_ns) { tranche.remaining } else { Amount::ZERO };
        Standing {
            posted: (0..self.wallets).map(|wallet| self.posted(wallet, at_ns)).collect(),
            held: Amount::ZERO,
            available: self.available(at_ns),
            remaining: self.tranches.iter().map(left).collect(),
        }
    }

    /// Debits at an instant, or says why not and changes nothing.
    pub(crate) fn debit(&mut self, asked: Amount, partial: bool, at_ns: u64) -> Result<Debit, Refusal> {
        let available = self.available(at_ns);
        if available < asked && (!partial || available == Amount::ZERO) {
            return Err(Refusal { required: asked, available });
        }
        let credits = asked.min(available);
        let before: Vec<_> = (0..self.wallets).map(|wallet| self.posted(wallet, at_ns)).collect();
        let slices = self.take(credits, at_ns);
        let mut rows: Vec<(usize, Amount, Amount, Amount)> = Vec::new();
        for (place, given) in &slices {
            let wallet = self.tranches[*place].wallet;
            match rows.last_mut().filter(|row| row.0 == wallet) {
                Some(row) => *row = (wallet, row.1 + *given, row.2, row.3 - *given),
                None => rows.push((wallet, *given, before[wallet], before[wallet] - *given)),
            }
        }
        Ok(Debit { credits, shortfall: asked - credits, slices, rows, available: available - credits })
    }

    fn take(&mut self, credits: Amount, at_ns: u64) -> Vec<(usize, Amount)> {
        let mut left = credits;
        let mut slices = Vec::new();
        for (place, tranche) in self.tranches.iter_mut().enumerate() {
            if left == Amount::ZERO {
                break;
            }
            let given = if tranche.usable(at_ns) { tranche.remaining.min(left) } else { Amount::ZERO };
            if given > Amount::ZERO {
                tranche.remaining = tranche.remaining - given;
                left = left - given;
                slices.push((place, given));
            }
        }
        slices
    }
}

/// The tranche of a top-up, and that of its bonus.
fn minted(wallet: usize, top_up: &TopUp) -> Vec<Tranche> {
    let (source, priority, free) = match top_up.reason {
        "PURCHASED_CREDIT_DIRECT" => ("purchased", 50, false),
        "SUBSCRIPTION_CREDIT_GRANT" => ("plan_included", 10, true),
        "CREDIT_NOTE" => ("refund", 50, false),
        _ => ("promotional", 50, true),
    };
    let tranche = |source, priority, free, credits, expires_ns| Tranche {
        wallet,
        source,
        priority,
        expires_ns,
        free,
        original: credits,
        remaining: credits,
    };
    let priority = top_up.priority.unwrap_or(priority);
    let mut tranches = vec![tranche(source, priority, free, top_up.credits, top_up.expires_ns)];
    if let Some((credits, expires_ns)) = top_up.bonus {
        tranches.push(tranche("promotional", 50, true, credits, Some(expires_ns)));
    }
    tranches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::testing::top_up;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    #[test]
    fn plan_credit_pays_first_then_what_ends_first_then_the_next_wallet() {
        let plan = CustomerPlan {
            name: "x".into(),
            wallets: vec![
                vec![
                    top_up("PURCHASED_CREDIT_DIRECT", 10_000, None),
                    top_up("FREE_CREDIT_GRANT", 2_000, Some(50)),
                    top_up("SUBSCRIPTION_CREDIT_GRANT", 1_000, Some(90)),
                ],
                vec![top_up("PURCHASED_CREDIT_DIRECT", 4_000, None)],
            ],
        };
        let mut customer = Customer::new(&plan);
        let debit = customer.debit(amount("15"), false, 10).unwrap();
        let given: Vec<_> = debit.slices.iter().map(|(_, given)| given.to_string()).collect();
        assert_eq!(given, ["1", "2", "10", "2"]);
        assert_eq!(
            debit.rows,
            [(0, amount("13"), amount("13"), amount("0")), (1, amount("2"), amount("4"), amount("2"))]
        );
        assert_eq!(debit.available, amount("2"));
    }

    #[test]
    fn what_has_ended_is_gone_at_its_instant() {
        let plan = CustomerPlan {
            name: "x".into(),
            wallets: vec![vec![top_up("FREE_CREDIT_GRANT", 2_000, Some(50))]],
        };
        let customer = Customer::new(&plan);
        assert!(customer.clone().debit(amount("2"), false, 49).is_ok());
        let refused = Refusal { required: amount("2"), available: amount("0") };
        assert_eq!(customer.clone().debit(amount("2"), true, 50), Err(refused));
    }
}
