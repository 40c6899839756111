//! Statements of a period that is over stay as they are: their rows, also when credit is paid after its end, and recharges and alerts as
//! they stood, whatever becomes of them. Every one is in those of its time and in no other, and each line counts. What they say is computed
//! anew in `tests/python/books`; here it is compared with what the store said when the period ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coffer::books::{Period, Statement, StatementOf, StatementRecharge};
use coffer::engine::{Engine, EngineOptions, Operation, Target, TenantOperation};
use coffer::env::Env;
use coffer::feed::history::{History, RechargeLife, Row};
use coffer_ledger::catalog::tenant::{Settings, TenantCommand};
use coffer_ledger::command::{Command, Origin};
use coffer_ledger::ids::{CustomerNumber, WalletId};
use coffer_ledger::recharge::{RechargeReason, RechargeStatus};
use coffer_ledger::time::Timestamp;

use crate::kept::Kept;
use crate::program::{Random, World, make, plain, recharging, wallets};
use crate::rules::Rules;
use crate::support::{TENANT, all, close, follow};

/// 2027-03-18T00:00:00Z.
const BEGIN: Timestamp = Timestamp(1_805_328_000_000_000_000);
const DAY_NS: u64 = 86_400_000_000_000;
/// How often the clock moves in each half of the program, by a day.
const DAYS: u64 = 5;
const STEPS_OF_DAY: u64 = 250;

type Wallets = Vec<(&'static str, WalletId)>;

/// An engine whose only tenant has a clock of its own.
struct Clocked {
    engine: Engine,
    rounds: u64,
}

impl Clocked {
    async fn new(dir: &std::path::Path) -> Self {
        let engine = Engine::open(EngineOptions::new(dir), Env::os(), Arc::new(())).await.unwrap();
        engine.create_test_tenant("default", Origin::default()).await.unwrap();
        let clocked = Self { engine, rounds: 0 };
        clocked.move_to(BEGIN).await;
        clocked
    }

    fn now(&self) -> Timestamp {
        self.engine.now_of(TENANT)
    }

    async fn move_to(&self, at: Timestamp) {
        let operation = TenantOperation::new(TenantCommand::MoveClock(at), Origin::default());
        self.engine.move_clock(TENANT, operation).await.unwrap();
    }

    /// Some days of commands; whether payments are reported, and whether invoices are trusted, changes from one to the next.
    async fn go_on(&mut self, world: &mut World, random: &mut Random) {
        for _ in 0..DAYS {
            let (payment_result, auto_complete) = (!self.rounds.is_multiple_of(3), self.rounds % 4 == 3);
            let settings = Settings { payment_result, auto_complete, ..Settings::default() };
            let set = TenantOperation::new(TenantCommand::SetSettings(settings), Origin::default());
            self.engine.submit_tenant(TENANT, set).await.unwrap();
            world.run(&self.engine, random, STEPS_OF_DAY).await;
            self.rounds += 1;
            self.move_to(Timestamp(self.now().0 + DAY_NS)).await;
        }
        self.settle().await;
    }

    /// Has everything written that is due by now: with each customer's next command.
    async fn settle(&self) {
        for customer in ["acme", "other", "third", "fourth"] {
            make(&self.engine, customer, plain(customer), &format!("{customer} after {}", self.rounds)).await;
        }
    }

    async fn fail(&self, recharge: &RechargeLife) {
        let command = Command::FailRecharge { id: recharge.id, reason: RechargeReason::InsufficientFunds };
        let target = Target::Number(recharge.customer);
        self.engine.submit(TENANT, target, Operation::new(command)).await.unwrap();
    }
}

/// What the store says at one moment.
struct Said {
    rows: Vec<Row>,
    rules: Rules,
}

impl Said {
    async fn by(clocked: &Clocked, history: &History) -> Self {
        let rows = all(&clocked.engine, history, "statements").await;
        let customers: BTreeSet<_> = rows.iter().map(|row| row.customer).collect();
        let (rules, _) = history.look(move |look| Rules::in_store(look, &customers)).await.unwrap();
        Self { rows, rules }
    }

    fn customers(&self) -> BTreeSet<CustomerNumber> {
        self.rows.iter().map(|row| row.customer).collect()
    }
}

async fn made(
    history: &History,
    customer: CustomerNumber,
    period: Period,
    lines_max: usize,
) -> Option<Statement> {
    let of = StatementOf { tenant: TENANT, customer, period, lines_max };
    history.look(move |look| Statement::of(look, of)).await.unwrap()
}

/// Each customer's, without how far into the log it saw.
async fn statements(
    history: &History,
    customers: &BTreeSet<CustomerNumber>,
    period: Period,
) -> BTreeMap<CustomerNumber, Statement> {
    let mut all = BTreeMap::new();
    for customer in customers {
        let statement = made(history, *customer, period, usize::MAX).await.unwrap();
        all.insert(*customer, Statement { position: 0, ..statement });
    }
    all
}

fn recharges(of: &BTreeMap<CustomerNumber, Statement>) -> Vec<&StatementRecharge> {
    of.values().flat_map(|statement| &statement.wallets).flat_map(|wallet| &wallet.recharges).collect()
}

/// What a statement that ends when the store says this must show of it: who is trusted has said nothing yet.
fn stands(life: &RechargeLife) -> (&'static str, Option<Timestamp>, Option<RechargeReason>) {
    let status = if life.trusted { "trusted" } else { life.status.as_str() };
    (status, life.ended_at.filter(|_| !life.trusted), life.reason)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_period_keeps_its_recharges_and_alerts_as_they_stood_whatever_becomes_of_them() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let mut clocked = Clocked::new(dir.path()).await;
    let feed = follow(&clocked.engine, kept.place());
    let history = feed.history();
    let of: Wallets = wallets(&clocked.engine).await;
    recharging(&clocked.engine, &of).await;
    let (mut world, mut random) = (World::new(&of), Random::new(91));
    println!("seed 91");

    clocked.go_on(&mut world, &mut random).await;
    let first = Period::new(BEGIN, Timestamp(clocked.now().0 + 1)).unwrap();
    let then = Said::by(&clocked, &history).await;
    let customers = then.customers();
    let before = statements(&history, &customers, first).await;
    every_recharge_stands_as_the_store_says(&before, &then);
    every_alert_is_there_with_its_row(&before, &then);

    // It is over.
    clocked.move_to(Timestamp(clocked.now().0 + 1_000_000_000)).await;
    // Some turn out not to be paid, also those whose credit was there at once, whether their payment was waited for or not.
    let (completed, pending) = (RechargeStatus::Completed, RechargeStatus::Pending);
    for (status, trusted) in [(completed, true), (pending, true), (pending, false)] {
        let all = then.rules.recharges.values();
        for recharge in all.filter(|one| (one.status, one.trusted) == (status, trusted)).take(2) {
            clocked.fail(recharge).await;
        }
    }
    clocked.go_on(&mut world, &mut random).await;
    clocked.move_to(Timestamp(clocked.now().0 + 8 * DAY_NS)).await;
    clocked.settle().await;
    let now = Said::by(&clocked, &history).await;
    are_unchanged(&statements(&history, &customers, first).await, &before);
    let turned = turns(&then, &now);
    assert!(TURNS.iter().all(|turn| turned.contains(*turn)), "{turned:?}");
    assert!(paid_late(&now) > paid_late(&then), "{} before, {} now", paid_late(&then), paid_late(&now));

    let second = Period::new(first.to(), Timestamp(clocked.now().0 + 1)).unwrap();
    let after = statements(&history, &customers, second).await;
    what_went_on_is_in_both(&before, &after, &now);
    let alerts = |of: &BTreeMap<CustomerNumber, Statement>| {
        let wallets = of.values().flat_map(|statement| &statement.wallets);
        wallets.flat_map(|wallet| &wallet.alerts).map(|alert| alert.id).collect::<Vec<_>>()
    };
    let (early, late) = (alerts(&before), alerts(&after));
    let together: BTreeSet<_> = early.iter().chain(&late).copied().collect();
    assert_eq!(together.len(), early.len() + late.len(), "one is in both");
    assert_eq!(together, now.rules.alerts.keys().copied().collect());
    every_line_counts(&history, &after, second).await;
    close(clocked.engine, feed).await;
}

fn are_unchanged(now: &BTreeMap<CustomerNumber, Statement>, before: &BTreeMap<CustomerNumber, Statement>) {
    assert_eq!(now.len(), before.len());
    for (customer, before) in before {
        for (now, before) in now[customer].wallets.iter().zip(&before.wallets) {
            assert_eq!(now, before);
        }
        assert_eq!(now[customer], *before);
    }
}

/// Purchases whose credit came in after the end with which it was bought.
fn paid_late(of: &Said) -> usize {
    let bought: BTreeMap<_, _> =
        of.rows.iter().filter(|row| row.status == "pending").map(|row| (row.id, row.expires_at)).collect();
    let came_in = of.rows.iter().filter_map(|row| Some((bought.get(&row.completes?)?, row)));
    came_in.filter(|(end, row)| end.is_some_and(|end| end <= row.effective_at)).count()
}

fn every_recharge_stands_as_the_store_says(of: &BTreeMap<CustomerNumber, Statement>, then: &Said) {
    let shown: BTreeMap<_, _> = recharges(of).into_iter().map(|one| (one.id, one)).collect();
    let all: BTreeSet<_> = then.rules.recharges.keys().copied().collect();
    assert_eq!(shown.keys().copied().collect::<BTreeSet<_>>(), all);
    for (id, life) in &then.rules.recharges {
        let one = shown[id];
        assert_eq!((one.status.as_str(), one.ended_at, one.reason), stands(life), "{life:?}");
        let mut rows = then.rows.iter().filter(|row| row.row_type == "credit" && row.tranche == life.tranche);
        assert_eq!(one.row, rows.next_back().map(|row| row.id), "{life:?}");
        let said = (one.credits, one.charged, one.invoice, one.begun_at);
        assert_eq!(said, (life.credits, life.charged, life.invoice, life.begun_at));
    }
}

fn every_alert_is_there_with_its_row(of: &BTreeMap<CustomerNumber, Statement>, then: &Said) {
    let (mut shown, mut with_row) = (0, 0);
    for wallet in of.values().flat_map(|statement| &statement.wallets) {
        let mut state = "ok";
        for alert in &wallet.alerts {
            let line = &then.rules.alerts[&alert.id];
            assert_eq!((line.change.wallet, line.position), (wallet.wallet, alert.position));
            assert_eq!((alert.from.as_str(), alert.posted), (state, line.change.posted), "{alert:?}");
            state = alert.to.as_str();
            let mut reached = then.rows.iter().filter(|row| {
                row.id.position() == alert.position
                    && row.wallet == wallet.wallet
                    && row.balance_after == Some(alert.posted)
            });
            assert_eq!(alert.row, reached.next_back().map(|row| row.id), "{alert:?}");
            with_row += usize::from(alert.row.is_some());
            shown += 1;
        }
    }
    assert_eq!(shown, then.rules.alerts.len());
    assert!(with_row > 20, "{with_row} of {shown}");
}

/// What became of recharges that were not over when the first period ended: how the store had them then, and has them now.
const TURNS: [&str; 7] = [
    "pending -> cancelled",
    "pending -> completed",
    "pending -> failed, expired",
    "pending -> failed, insufficient_funds",
    "trusted, completed -> failed, insufficient_funds",
    "trusted, pending -> completed",
    "trusted, pending -> failed, insufficient_funds",
];

fn turns(then: &Said, now: &Said) -> BTreeSet<String> {
    let mut turns = BTreeSet::new();
    for (id, life) in &then.rules.recharges {
        let later = &now.rules.recharges[id];
        if (later.status, later.ended_at) != (life.status, life.ended_at) {
            let trusted = if life.trusted { "trusted, " } else { "" };
            let why = later.reason.filter(|_| later.status == RechargeStatus::Failed);
            let why = why.map_or(String::new(), |reason| format!(", {}", reason.as_str()));
            turns.insert(format!("{trusted}{} -> {}{why}", life.status.as_str(), later.status.as_str()));
        }
    }
    turns
}

/// One that waited when the first period ended is in the second too, as it is now; so is what was trusted and ended in it. Nothing else is.
fn what_went_on_is_in_both(
    before: &BTreeMap<CustomerNumber, Statement>,
    after: &BTreeMap<CustomerNumber, Statement>,
    now: &Said,
) {
    let was: BTreeMap<_, _> = recharges(before).into_iter().map(|one| (one.id, one)).collect();
    let is: BTreeMap<_, _> = recharges(after).into_iter().map(|one| (one.id, one)).collect();
    let mut both = 0;
    for (id, life) in &now.rules.recharges {
        let (was, is) = (was.get(id), is.get(id));
        let went_on = was.is_none_or(|was| was.ended_at.is_none());
        let is_news = was.is_none() || stands(life).1.is_some();
        assert_eq!(
            is.is_some(),
            went_on && (is_news || life.status == RechargeStatus::Pending && !life.trusted),
            "{life:?}"
        );
        if let Some(is) = is {
            assert_eq!((is.status.as_str(), is.ended_at, is.reason), stands(life), "{life:?}");
        }
        both += usize::from(was.is_some() && is.is_some());
    }
    assert!(both > 7, "{both}");
}

async fn every_line_counts(history: &History, of: &BTreeMap<CustomerNumber, Statement>, period: Period) {
    for (customer, statement) in of {
        let count = |wallet: &coffer::books::WalletStatement| {
            [wallet.lines.len(), wallet.recharges.len(), wallet.alerts.len()]
        };
        let counts = statement.wallets.iter().map(count);
        let counts = counts.fold([0; 3], |sum, one| [0, 1, 2].map(|at| sum[at] + one[at]));
        assert!(counts.iter().all(|count| *count > 2), "{counts:?}");
        let lines: usize = counts.iter().sum();
        assert!(made(history, *customer, period, lines).await.is_some());
        for fewer in [lines - 1, counts[1] - 1] {
            assert!(made(history, *customer, period, fewer).await.is_none(), "{counts:?}");
        }
    }
}
