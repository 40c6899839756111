//! What wallets' rules did: every change of an alert and every recharge is in the store once, found by each filter and page by page; and
//! what the engine remembers is the end of it.

use std::collections::{BTreeMap, BTreeSet};

use coffer::engine::{Engine, Operation, StoredRecord, Target};
use coffer::feed::history::{
    AlertLine, AlertsAsked, History, HistoryError, Listed, Look, Paged, RechargeLife, RechargesAsked,
};
use coffer_ledger::alert::{ALERT_CHANGES_KEPT_MAX, AlertKind, AlertState};
use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Command, CreditReason, ManualDebit, Memo, Quantity, TopUp};
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::{Due, Effect};
use coffer_ledger::ids::{AlertId, CustomerNumber, RechargeId, WalletId};
use coffer_ledger::recharge::{ENDED_KEPT_MAX, Recharge, RechargeReason, RechargeStatus};

use crate::kept::Kept;
use crate::program::{Random, recharging, run, wallets, wallets_of};
use crate::support::{PATIENCE, TENANT, all, close, engine, follow};

/// Changes of alerts and recharges, each by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) alerts: BTreeMap<AlertId, AlertLine>,
    pub(crate) recharges: BTreeMap<RechargeId, RechargeLife>,
}

impl Rules {
    /// Everything in the store, of these customers, and the last record that it knows of.
    pub(crate) fn in_store(
        look: &dyn Look,
        customers: &BTreeSet<CustomerNumber>,
    ) -> Result<(Self, u64), HistoryError> {
        let alerts = whole(look.alerts(&any_alert())?);
        let mut recharges = Vec::new();
        for customer in customers {
            recharges.extend(whole(look.recharges(&any_recharge(*customer))?));
        }
        let alerts = alerts.into_iter().map(|line| (line.change.id, line)).collect();
        let recharges = recharges.into_iter().map(|one| (one.id, one)).collect();
        Ok((Self { alerts, recharges }, look.position()?))
    }

    /// What the next record says.
    pub(crate) fn add(&mut self, stored: &StoredRecord) {
        let (facts, customer, position) = (&stored.record.facts, stored.customer.number, stored.position);
        let due = facts.due.iter().filter_map(|due| match due {
            Due::RechargeExpired(end) => Some(&end.recharge),
            _ => None,
        });
        due.for_each(|recharge| self.note(stored, recharge));
        match &facts.effect {
            Effect::Recharged { recharge, .. } => self.note(stored, recharge),
            Effect::RechargeEnded(end) => self.note(stored, &end.recharge),
            _ => {}
        }
        let Some(set_off) = &facts.set_off else { return };
        let begun = set_off.before.as_deref().into_iter().chain(&set_off.after);
        let ended = set_off.ended.iter().map(|end| &end.recharge);
        begun.chain(ended).for_each(|recharge| self.note(stored, recharge));
        for change in &set_off.alerts {
            let line = AlertLine { tenant: TENANT, customer, position, change: change.clone() };
            assert!(self.alerts.insert(change.id, line).is_none(), "{change:?}");
        }
    }

    /// A recharge begins in the first record that has it, and is what the newest says.
    fn note(&mut self, stored: &StoredRecord, recharge: &Recharge) {
        let position = stored.position;
        let begun_in = self.recharges.get(&recharge.id).map_or(position, |before| before.begun_in);
        let bought = &recharge.rows[0];
        let life = RechargeLife {
            id: recharge.id,
            tenant: TENANT,
            customer: stored.customer.number,
            wallet: recharge.wallet,
            origin: recharge.origin,
            status: recharge.status,
            trusted: recharge.is_trusted(),
            credits: recharge.rows.iter().map(|row| row.terms.original).sum(),
            amount: bought.amount,
            charged: bought.charged.unwrap(),
            currency: recharge.currency,
            invoice: recharge.invoice,
            tranche: Some(bought.tranche),
            bonus: recharge.rows.get(1).map(|row| row.tranche),
            reason: recharge.reason,
            begun_in,
            begun_at: recharge.begun_at,
            expires_at: recharge.expires_at,
            ended_in: recharge.ended_at.map(|_| position),
            ended_at: recharge.ended_at,
        };
        self.recharges.insert(life.id, life);
    }
}

fn whole<T>(listed: Listed<T>) -> Vec<T> {
    assert_eq!((listed.total, listed.more), (listed.items.len(), false));
    listed.items
}

const fn oldest_first<K>() -> Paged<K> {
    Paged { newest_first: false, after: None, limit: 1_000_000, offset: 0 }
}

pub(crate) const fn any_alert() -> AlertsAsked {
    AlertsAsked {
        tenant: TENANT,
        customer: None,
        wallet: None,
        kind: None,
        to: None,
        from: None,
        until: None,
        page: oldest_first(),
    }
}

pub(crate) const fn any_recharge(customer: CustomerNumber) -> RechargesAsked {
    let page = oldest_first();
    RechargesAsked { tenant: TENANT, customer, wallet: None, status: None, tranches: None, page }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_alert_and_recharge_is_found_by_each_filter_and_listed_once() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    let history = feed.history();
    let wallets = wallets(&engine).await;
    recharging(&engine, &wallets).await;
    run(&engine, &wallets, &mut Random::new(81), 1_000).await;
    let mine = wallets_of(&engine, &["busy"]).await;
    recharging(&engine, &mine).await;
    let (name, busiest) = mine[1];
    busy(&engine, name, busiest).await;
    let rows = all(&engine, &history, "rules").await;
    let customers: BTreeSet<_> = rows.iter().map(|row| row.customer).collect();
    let (states, rules) = at_one_record(&engine, &history, &customers).await;
    states.iter().for_each(|state| remembered(state, &rules));

    let changes = rules.alerts.values().filter(|line| line.change.wallet == busiest).count();
    let of_busy = rules.recharges.values().filter(|one| one.wallet == busiest);
    let statuses: BTreeMap<_, usize> = of_busy.fold(BTreeMap::new(), |mut counts, one| {
        *counts.entry(one.status.as_str()).or_default() += 1;
        counts
    });
    let ended: usize = statuses.values().sum::<usize>() - statuses["pending"];
    assert!(changes > ALERT_CHANGES_KEPT_MAX && ended > ENDED_KEPT_MAX, "{changes} {statuses:?}");
    assert_eq!(statuses.len(), 4, "{statuses:?}");

    // What ends by itself would be one more between two questions; a history that has ended answers as it is.
    close(engine, feed).await;
    let asked = customers.clone();
    let (rules, _) = history.look(move |look| Rules::in_store(look, &asked)).await.unwrap();
    alerts_by_each_filter(&history, &rules, &customers).await;
    recharges_by_each_filter(&history, &rules, &customers).await;
}

/// A wallet goes below its thresholds and back, again and again, and buys by invoice, which ends in every way.
async fn busy(engine: &Engine, customer: &'static str, wallet: WalletId) {
    let submit = async |command| {
        let submitted = engine.submit(TENANT, Target::Customer(customer), Operation::new(command)).await;
        submitted.unwrap()
    };
    let top_up = |reason| TopUp::new(wallet, Quantity::Credits(Credits::whole(150)), reason);
    let nearly_all = ManualDebit { wallet, credits: Credits::whole(149), memo: Memo::default() };
    for _ in 0..25 {
        submit(Command::TopUp(top_up(CreditReason::FreeCreditGrant))).await;
        submit(Command::ManualDebit(nearly_all.clone())).await;
    }
    for number in 0..180 {
        let bought = submit(Command::TopUp(top_up(CreditReason::PurchasedCreditInvoiced))).await;
        let Effect::Recharged { recharge, .. } = &bought.record.facts.effect else { panic!() };
        let id = recharge.id;
        let end = match number % 30 {
            0 => continue,
            end if end % 3 == 0 => Command::CompleteRecharge(id),
            end if end % 3 == 1 => Command::FailRecharge { id, reason: RechargeReason::CardDeclined },
            _ => Command::CancelRecharge(id),
        };
        submit(end).await;
    }
}

/// The engine's customers and what the store has of them, as of one record.
async fn at_one_record(
    engine: &Engine,
    history: &History,
    customers: &BTreeSet<CustomerNumber>,
) -> (Vec<Customer>, Rules) {
    loop {
        let before = engine.stats().appended.0;
        let mut states = Vec::new();
        for customer in customers {
            let target = Target::Number(*customer);
            states.push(engine.read(TENANT, target, |customer, _| customer.clone()).await.unwrap().value);
        }
        assert!(history.wait_for(before, PATIENCE).await);
        let asked = customers.clone();
        let (rules, position) = history.look(move |look| Rules::in_store(look, &asked)).await.unwrap();
        if engine.stats().appended.0 == before && position == before {
            return (states, rules);
        }
    }
}

/// What the engine remembers is the end of what the store has: of each wallet its last changes; of each customer all recharges that are
/// pending, and of the others those that began last.
fn remembered(customer: &Customer, rules: &Rules) {
    for wallet in &customer.wallets {
        let changes = rules.alerts.values().map(|line| &line.change);
        let all: Vec<_> = changes.filter(|change| change.wallet == wallet.head.id).cloned().collect();
        let kept: Vec<_> = wallet.watch.iter().flat_map(|watch| watch.changes.iter().cloned()).collect();
        assert_eq!(kept.len(), all.len().min(ALERT_CHANGES_KEPT_MAX), "{}", wallet.head.id);
        assert_eq!(kept, all[all.len() - kept.len()..], "{}", wallet.head.id);
    }
    let own = rules.recharges.values().filter(|one| one.customer == customer.number);
    let (open, mut ended): (Vec<_>, Vec<_>) = own.partition(|one| one.status == RechargeStatus::Pending);
    ended.drain(..ended.len().saturating_sub(ENDED_KEPT_MAX));
    let last = open.into_iter().chain(ended).map(|one| (one.id, (one.status, one.ended_at, one.credits)));
    let kept = customer.recharges.iter().map(|one| (one.id, (one.status, one.ended_at, one.credits())));
    assert_eq!(kept.collect::<BTreeMap<_, _>>(), last.collect(), "customer {}", customer.number.0);
}

async fn alerts_by_each_filter(history: &History, rules: &Rules, customers: &BTreeSet<CustomerNumber>) {
    let of = |test: &dyn Fn(&AlertLine) -> bool| -> Vec<AlertLine> {
        rules.alerts.values().filter(|line| test(line)).cloned().collect()
    };
    let find = async |asked: AlertsAsked, expected: Vec<AlertLine>| {
        let what = format!("{asked:?}");
        assert_eq!(alerts_by_page(history, asked).await, expected, "{what}");
        expected.len()
    };
    assert_eq!(find(any_alert(), of(&|_| true)).await, rules.alerts.len());
    let mut found = 0;
    for customer in customers {
        let asked = AlertsAsked { customer: Some(*customer), ..any_alert() };
        found += find(asked, of(&|line| line.customer == *customer)).await;
    }
    assert_eq!(found, rules.alerts.len());
    found = 0;
    for wallet in rules.alerts.values().map(|line| line.change.wallet).collect::<BTreeSet<_>>() {
        let asked = AlertsAsked { wallet: Some(wallet), ..any_alert() };
        found += find(asked, of(&|line| line.change.wallet == wallet)).await;
    }
    assert_eq!(found, rules.alerts.len());
    found = 0;
    for to in AlertState::ALL {
        let asked = AlertsAsked { to: Some(to.as_str().into()), ..any_alert() };
        let of_state = find(asked, of(&|line| line.change.to == to)).await;
        assert!(of_state > 0, "{to:?}");
        found += of_state;
    }
    assert_eq!(found, rules.alerts.len());
    assert_eq!(find(AlertsAsked { to: Some("none".into()), ..any_alert() }, Vec::new()).await, 0);
    for kind in AlertKind::ALL {
        let asked = AlertsAsked { kind: Some(kind), ..any_alert() };
        find(asked, of(&|line| line.change.kind == kind)).await;
    }
    let middle = rules.alerts.values().nth(rules.alerts.len() / 2).unwrap().change.at;
    let before =
        find(AlertsAsked { until: Some(middle), ..any_alert() }, of(&|line| line.change.at < middle)).await;
    let since =
        find(AlertsAsked { from: Some(middle), ..any_alert() }, of(&|line| line.change.at >= middle)).await;
    assert!(before > 0 && since > 0 && before + since == rules.alerts.len(), "{before} {since}");
    // Nobody else's.
    let other = AlertsAsked { tenant: coffer_ledger::ids::TenantNumber(2), ..any_alert() };
    find(other, Vec::new()).await;
}

/// Everything that is found, oldest first: read in one go, page by page from either end, and by offset.
async fn alerts_by_page(history: &History, asked: AlertsAsked) -> Vec<AlertLine> {
    let find = async |page| {
        let asked = AlertsAsked { page, ..asked.clone() };
        history.look(move |look| look.alerts(&asked)).await.unwrap()
    };
    let all = whole(find(oldest_first()).await);
    for newest_first in [false, true] {
        let mut expected = all.clone();
        if newest_first {
            expected.reverse();
        }
        let (mut after, mut offset, mut by_cursor, mut by_offset) = (None, 0, Vec::new(), Vec::new());
        loop {
            let page = find(Paged { newest_first, after, limit: 7, offset: 0 }).await;
            after = page.items.last().map(|line| line.change.id);
            by_cursor.extend(page.items);
            assert_eq!(page.total, all.len());
            let page_by_offset = find(Paged { newest_first, after: None, limit: 7, offset }).await;
            offset += 7;
            by_offset.extend(page_by_offset.items);
            assert_eq!(page.more, page_by_offset.more);
            if !page.more {
                break;
            }
        }
        assert_eq!((&by_cursor, &by_offset), (&expected, &expected));
    }
    all
}

async fn recharges_by_each_filter(history: &History, rules: &Rules, customers: &BTreeSet<CustomerNumber>) {
    let mut found = 0;
    for customer in customers {
        let own: Vec<_> = rules.recharges.values().filter(|one| one.customer == *customer).collect();
        let of = |test: &dyn Fn(&RechargeLife) -> bool| -> Vec<RechargeLife> {
            own.iter().filter(|one| test(one)).map(|one| (*one).clone()).collect()
        };
        let find = async |asked: RechargesAsked, expected: Vec<RechargeLife>| {
            let what = format!("{asked:?}");
            assert_eq!(recharges_by_page(history, asked).await, expected, "{what}");
            expected.len()
        };
        let any = || any_recharge(*customer);
        found += find(any(), of(&|_| true)).await;
        let mut parts = (0, 0);
        for wallet in own.iter().map(|one| one.wallet).collect::<BTreeSet<_>>() {
            let asked = RechargesAsked { wallet: Some(wallet), ..any() };
            parts.0 += find(asked, of(&|one| one.wallet == wallet)).await;
        }
        for status in RechargeStatus::ALL {
            let asked = RechargesAsked { status: Some(status), ..any() };
            parts.1 += find(asked, of(&|one| one.status == status)).await;
        }
        assert_eq!(parts, (own.len(), own.len()));
        // By what they brought: of every third recharge, the purchase and the bonus.
        let some: Vec<_> = own.iter().step_by(3).collect();
        let bought = some.iter().flat_map(|one| one.bonus.or(one.tranche)).collect();
        let asked = RechargesAsked { tranches: Some(bought), ..any() };
        find(asked, some.into_iter().map(|one| (*one).clone()).collect()).await;
        find(RechargesAsked { tenant: coffer_ledger::ids::TenantNumber(2), ..any() }, Vec::new()).await;
    }
    assert_eq!(found, rules.recharges.len());
}

/// As [`alerts_by_page`].
async fn recharges_by_page(history: &History, asked: RechargesAsked) -> Vec<RechargeLife> {
    let find = async |page| {
        let asked = RechargesAsked { page, ..asked.clone() };
        history.look(move |look| look.recharges(&asked)).await.unwrap()
    };
    let all = whole(find(oldest_first()).await);
    for newest_first in [false, true] {
        let mut expected = all.clone();
        if newest_first {
            expected.reverse();
        }
        let (mut after, mut listed) = (None, Vec::new());
        loop {
            let page = find(Paged { newest_first, after, limit: 13, offset: 0 }).await;
            after = page.items.last().map(|one| one.id);
            listed.extend(page.items);
            assert_eq!(page.total, all.len());
            if !page.more {
                break;
            }
        }
        assert_eq!(listed, expected);
    }
    all
}
