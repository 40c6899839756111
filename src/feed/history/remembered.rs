//! What customers remember of alerts and recharges, each as a fingerprint: enough to say whether the history knows the same, in few bytes.
//!
//! A wallet remembers its last [`ALERT_CHANGES_KEPT_MAX`] changes; a customer all recharges that are pending, and of the others the
//! [`ENDED_KEPT_MAX`] that began last; older ones that are unpaid, which it remembers too, are not compared. Tested in
//! `tests/cli/audit.rs` and `tests/history/verified.rs`.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use coffer_ledger::alert::{ALERT_CHANGES_KEPT_MAX, AlertChange};
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition, WalletId};
use coffer_ledger::recharge::{ENDED_KEPT_MAX, Recharge, RechargeStatus};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::RechargeLife;

/// What some customers remember.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Of each wallet of which an alert ever changed, its last changes.
    alerts: BTreeMap<WalletId, u64>,
    /// Of each customer that ever had one, its recharges.
    recharges: BTreeMap<CustomerNumber, u64>,
}

impl Remembered {
    /// Adds what a customer remembers.
    pub fn add_customer(&mut self, customer: &Customer) {
        let watches = customer.wallets.iter().filter_map(|wallet| wallet.watch.as_ref());
        watches.flat_map(|watch| &watch.changes).for_each(|change| self.add_alert(change));
        let is_open = |recharge: &&Recharge| recharge.status == RechargeStatus::Pending;
        let ended = customer.recharges.len() - customer.recharges.iter().filter(is_open).count();
        let mut older = ended.saturating_sub(ENDED_KEPT_MAX);
        for recharge in customer.recharges.iter() {
            if !is_open(&recharge) && older > 0 {
                older -= 1;
                continue;
            }
            let whose = (customer.tenant, customer.number);
            self.add_recharge(RechargeLife::of(whose, recharge, LogPosition(0)));
        }
    }

    /// Adds the next of a wallet's changes.
    pub(super) fn add_alert(&mut self, change: &AlertChange) {
        add(self.alerts.entry(change.wallet).or_default(), change);
    }

    /// Adds the next of a customer's recharges, by their ids.
    pub(super) fn add_recharge(&mut self, life: RechargeLife) {
        // The state does not know it.
        let life = RechargeLife { ended_in: None, ..life };
        add(self.recharges.entry(life.customer).or_default(), &life);
    }

    /// What asks a store for the changes, wallet by wallet.
    pub(super) fn alerts() -> String {
        format!(
            "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY wallet ORDER BY id DESC) AS back FROM alert_changes) AS change
             WHERE back <= {ALERT_CHANGES_KEPT_MAX} ORDER BY wallet, id"
        )
    }

    /// What asks a store for the recharges, customer by customer.
    pub(super) fn recharges() -> String {
        format!(
            "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY customer, status = 'pending' ORDER BY id DESC) AS back FROM recharges) AS one
             WHERE status = 'pending' OR back <= {ENDED_KEPT_MAX} ORDER BY customer, id"
        )
    }

    /// Of whom a history says something else than the state, a line each.
    #[must_use]
    pub fn apart(&self, history: &Self) -> Vec<String> {
        let wallets = differing(&self.alerts, &history.alerts);
        let wallets = wallets.map(|wallet| format!("the last alerts of wallet {wallet}"));
        let customers = differing(&self.recharges, &history.recharges);
        let customers = customers.map(|customer| format!("the recharges of customer {}", customer.0));
        let told = |what| format!("{what} are not the same in the replayed state and in the history");
        wallets.chain(customers).map(told).collect()
    }
}

/// Whom one of both does not know, or knows otherwise.
fn differing<'a, K: Ord + Copy>(
    left: &'a BTreeMap<K, u64>,
    right: &'a BTreeMap<K, u64>,
) -> impl Iterator<Item = K> + 'a {
    let only_right = right.keys().filter(|key| !left.contains_key(key));
    left.keys().filter(|key| left.get(key) != right.get(key)).chain(only_right).copied()
}

/// The fingerprint of everything so far and of what comes now.
fn add(fingerprint: &mut u64, next: &impl Hash) {
    let mut bytes = Bytes(Vec::new());
    next.hash(&mut bytes);
    *fingerprint = xxh3_64_with_seed(&bytes.0, *fingerprint);
}

/// What is hashed, as bytes.
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        xxh3_64_with_seed(&self.0, 0)
    }
}

#[cfg(test)]
mod tests {
    use coffer_ledger::alert::{AlertKind, AlertState};
    use coffer_ledger::amount::{Credits, Money};
    use coffer_ledger::ids::{AlertId, RechargeId, TenantNumber, ThingId};
    use coffer_ledger::recharge::RechargeOrigin;
    use coffer_ledger::time::Timestamp;
    use coffer_ledger::unit::Currency;

    use super::*;

    fn change(wallet: u128, id: u128) -> AlertChange {
        AlertChange {
            id: AlertId(ThingId(id)),
            wallet: WalletId(ThingId(wallet)),
            kind: AlertKind::Balance,
            from: AlertState::Ok,
            to: AlertState::Warning,
            posted: Credits::whole(5),
            runway_s: None,
            at: Timestamp(7),
        }
    }

    fn recharge(customer: u64, id: u128) -> RechargeLife {
        RechargeLife {
            id: RechargeId(ThingId(id)),
            tenant: TenantNumber(1),
            customer: CustomerNumber(customer),
            wallet: WalletId(ThingId(1)),
            origin: RechargeOrigin::Auto,
            status: RechargeStatus::Completed,
            trusted: true,
            credits: Credits::whole(10),
            amount: Money::whole(10),
            charged: Money::whole(10),
            currency: Currency::parse("usd").unwrap(),
            invoice: None,
            tranche: None,
            bonus: None,
            reason: None,
            begun_in: LogPosition(3),
            begun_at: Timestamp(7),
            expires_at: None,
            ended_in: Some(LogPosition(4)),
            ended_at: Some(Timestamp(8)),
        }
    }

    fn of(changes: &[AlertChange], recharges: &[RechargeLife]) -> Remembered {
        let mut remembered = Remembered::default();
        changes.iter().for_each(|change| remembered.add_alert(change));
        recharges.iter().for_each(|life| remembered.add_recharge(life.clone()));
        remembered
    }

    #[test]
    fn whatever_is_missing_more_changed_or_in_another_order_is_told_by_whose_it_is() {
        let (alerts, recharges) =
            (vec![change(1, 1), change(2, 2), change(1, 3)], vec![recharge(1, 1), recharge(1, 2)]);
        let right = of(&alerts, &recharges);
        assert_eq!(right.apart(&right.clone()), Vec::<String>::new());
        // The state does not know in which record one ended.
        let unknown = recharges.iter().map(|life| RechargeLife { ended_in: None, ..life.clone() });
        assert_eq!(right.apart(&of(&alerts, &unknown.collect::<Vec<_>>())), Vec::<String>::new());
        let mut others = vec![
            alerts[1..].to_vec(),
            alerts[..2].to_vec(),
            vec![alerts[2].clone(), alerts[1].clone(), alerts[0].clone()],
        ];
        others.push([&alerts[..], &[change(1, 4)]].concat());
        others.push(vec![
            AlertChange { posted: Credits::whole(6), ..change(1, 1) },
            change(2, 2),
            change(1, 3),
        ]);
        for other in others {
            let [told] = &right.apart(&of(&other, &recharges))[..] else { panic!("{other:?}") };
            assert!(
                told.starts_with("the last alerts of wallet wallet_00000000000000000000000001 "),
                "{told}"
            );
        }
        for other in [
            vec![recharge(1, 1)],
            vec![recharge(1, 2), recharge(1, 1)],
            vec![RechargeLife { status: RechargeStatus::Failed, ..recharge(1, 1) }, recharge(1, 2)],
        ] {
            let [told] = &right.apart(&of(&alerts, &other))[..] else { panic!("{other:?}") };
            assert!(told.starts_with("the recharges of customer 1 "), "{told}");
        }
        let (nothing, all) = (Remembered::default(), right.clone());
        assert_eq!((nothing.apart(&all).len(), all.apart(&nothing).len()), (3, 3));
    }
}
