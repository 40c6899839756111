//! Who has prepaid what: 200 customers with plan, promotional and purchased credit of different ends. A pure function of seed
//! and time.
//!
//! Every 4th customer has too little, so that real refusals happen; every 5th has a second wallet, so that debits spill over;
//! every 25th gets promotional credit at the last moment that ends while the demo runs.

use super::decimal::Amount;
use super::random::Random;
use super::trace::CUSTOMERS;

/// What one customer has prepaid, wallet by wallet, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct CustomerPlan {
    /// The customer's name for the server.
    pub(crate) name: String,
    /// Top-ups per wallet, in the order in which they are made.
    pub(crate) wallets: Vec<Vec<TopUp>>,
}

/// One top-up.
#[derive(Clone, Debug)]
pub(crate) struct TopUp {
    /// Why, as the API calls it.
    pub(crate) reason: &'static str,
    /// Credits.
    pub(crate) credits: Amount,
    /// End in nanoseconds since the epoch; `None` = never.
    pub(crate) expires_ns: Option<u64>,
    /// Burn priority, where it is not the default.
    pub(crate) priority: Option<u32>,
    /// Free credit on top, with its own end.
    pub(crate) bonus: Option<(Amount, u64)>,
}

const MINUTE_NS: u64 = 60_000_000_000;
const DAY_NS: u64 = 24 * 60 * MINUTE_NS;

/// The plan of every customer, for a run that begins at `start_ns`.
pub(crate) fn customers(seed: u64, start_ns: u64) -> Vec<CustomerPlan> {
    let mut random = Random::new(seed);
    (0..CUSTOMERS).map(|index| customer(index, &mut random, start_ns)).collect()
}

fn customer(index: usize, random: &mut Random, start_ns: u64) -> CustomerPlan {
    let mut wallets = vec![first_wallet(index, random, start_ns)];
    if index % 5 == 3 {
        wallets.push(vec![purchased(random.within(2_000, 6_000), None)]);
    }
    CustomerPlan { name: format!("demo-{index:03}"), wallets }
}

/// Credit of some customers that ends seconds after it was given, and pays first as long as it is there.
pub(crate) fn ending_soon(index: usize, now_ns: u64) -> Option<TopUp> {
    const SHORTEST_NS: u64 = 1_800_000_000;
    const STEP_NS: u64 = 50_000_000;
    if index % 25 != 7 {
        return None;
    }
    let end_ns = now_ns + SHORTEST_NS + STEP_NS * u64::try_from(index / 25).unwrap_or(0);
    Some(TopUp { priority: Some(1), ..granted("FREE_CREDIT_GRANT", 25_000, end_ns) })
}

fn first_wallet(index: usize, random: &mut Random, start_ns: u64) -> Vec<TopUp> {
    let promotional_end = start_ns + random.within(30, 40) * MINUTE_NS;
    let mut top_ups = vec![
        // The shared end shows that free credit pays before bought credit that ends with it.
        purchased(random.within(3_000, 8_000), index.is_multiple_of(3).then_some(promotional_end)),
        granted("FREE_CREDIT_GRANT", random.within(500, 3_000), promotional_end),
        granted(
            "SUBSCRIPTION_CREDIT_GRANT",
            random.within(4_000, 9_000),
            start_ns + random.within(1, 31) * DAY_NS,
        ),
    ];
    if !index.is_multiple_of(4) {
        top_ups.push(purchased(random.within(12_000, 20_000), None));
    }
    if index % 4 == 2 {
        let bonus = (Amount::thousandths(random.within(100, 900)), start_ns + random.within(1, 7) * DAY_NS);
        top_ups.push(TopUp { bonus: Some(bonus), ..purchased(random.within(1_000, 5_000), None) });
    }
    if index.is_multiple_of(7) {
        let first = granted("CREDIT_NOTE", random.within(200, 900), start_ns + 3 * DAY_NS);
        top_ups.push(TopUp { priority: Some(5), ..first });
    }
    top_ups
}

fn purchased(thousandths: u64, expires_ns: Option<u64>) -> TopUp {
    let credits = Amount::thousandths(thousandths);
    TopUp { reason: "PURCHASED_CREDIT_DIRECT", credits, expires_ns, priority: None, bonus: None }
}

fn granted(reason: &'static str, thousandths: u64, expires_ns: u64) -> TopUp {
    TopUp {
        reason,
        credits: Amount::thousandths(thousandths),
        expires_ns: Some(expires_ns),
        priority: None,
        bonus: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_plan() {
        assert_eq!(format!("{:?}", customers(7, 1)), format!("{:?}", customers(7, 1)));
        assert_ne!(format!("{:?}", customers(7, 1)), format!("{:?}", customers(8, 1)));
    }
}
