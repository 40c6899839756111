//! A customer whose wallet recharges itself, warns and is granted credit: its words go, and what pends, counts and is granted stays.

use std::path::Path;
use std::sync::Arc;

use coffer::engine::{Engine, Operation, StoppedLog, Target, from_archive};
use coffer::env::Env;
use coffer::feed::history::Remembered;
use coffer::feed::{Eraser, RebuildProgress, verify};
use coffer_ledger::command::Command;
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::RechargeId;
use coffer_ledger::recharge::RechargeOrigin;
use coffer_ledger::{erasure, invariants};

use crate::directory::{
    books, close, erase, history_file, open_with_history, options, places_of, plan, used, verified,
};
use crate::program::{ADA, BOB, TENANT, buy};

async fn state(engine: &Engine, name: &str) -> Customer {
    engine.read(TENANT, Target::Customer(name), |customer, _| customer.clone()).await.unwrap().value
}

/// Without what says when it was erased, and what the engine counts for itself.
fn kept(customer: &Customer) -> String {
    let Customer { wallets, recharges, grants, .. } = erasure::of_customer(customer);
    let watched: Vec<_> = wallets.iter().map(|wallet| (&wallet.head.rules, &wallet.watch)).collect();
    let tranches: Vec<_> = wallets.iter().map(|wallet| &wallet.tranches).collect();
    let granted: Vec<_> =
        grants.iter().map(|grant| (grant.key, &grant.rule, grant.next, &grant.minted)).collect();
    format!("{watched:?} {tranches:?} {recharges:?} {granted:?}")
}

/// What pends of its own asking and by a rule.
fn pending(customer: &Customer, origin: RechargeOrigin) -> Vec<RechargeId> {
    let open = customer.recharges.open_of(customer.wallets[0].head.id);
    open.filter(|recharge| recharge.origin == origin).map(|recharge| recharge.id).collect()
}

/// Two customers with pending purchases, alerts that changed, and grants.
async fn lived(dir: &Path, seed: u64) -> Customer {
    used(dir, seed).await;
    let (engine, feed) = open_with_history(dir).await;
    for whose in [ADA, BOB] {
        let wallet = state(&engine, whose).await.wallets[0].head.id;
        buy(&engine, (whose, wallet), 8_000).await;
    }
    let ada = state(&engine, ADA).await;
    let watch = ada.wallets[0].watch.as_ref().unwrap();
    assert!(!watch.changes.is_empty(), "no alert ever changed");
    for origin in [RechargeOrigin::Auto, RechargeOrigin::TopUp] {
        assert!(!pending(&ada, origin).is_empty(), "nothing pends of {origin:?}");
    }
    assert!(ada.grants.iter().any(|grant| !grant.minted.is_empty() && grant.name.contains(ADA)));
    close(engine, feed).await;
    ada
}

/// The erased customer is what it was, and what pended can be paid.
async fn lives_on(engine: &Engine, before: &Customer, name: &str) {
    let now = state(engine, name).await;
    assert_eq!(kept(&now), kept(before));
    assert!(now.grants.iter().all(|grant| grant.name.is_empty() && grant.metadata.is_empty()));
    for origin in [RechargeOrigin::TopUp, RechargeOrigin::Auto] {
        let customer = state(engine, name).await;
        let before = customer.wallets[0].head.posted;
        let last = *pending(&customer, origin).last().unwrap();
        let comes = customer.recharges.get(last).unwrap().credits();
        let paid = Operation::new(Command::CompleteRecharge(last));
        engine.submit(TENANT, Target::Customer(name), paid).await.unwrap();
        let after = state(engine, name).await.wallets[0].head.posted;
        assert_eq!(after - before, comes, "{origin:?}");
    }
    invariants::check_all(&state(engine, name).await).unwrap();
}

struct Silent;

impl RebuildProgress for Silent {
    fn records(&self, _done: u64, _all: u64) {}
}

/// Alerts and recharges of the history are what an erased log gives, line by line, and what customers remember: nothing of them is personal.
fn history_agrees(dir: &Path) {
    let mut remembered = Remembered::default();
    let progress: Arc<dyn coffer::engine::RecoveryProgress> = Arc::new(());
    from_archive(&options(dir), &Env::os(), &progress, &mut |customer| remembered.add_customer(customer))
        .unwrap();
    let log = StoppedLog::open(&options(dir), &Env::os()).unwrap();
    let found = verify(&history_file(dir).into(), &log.reader(), 70, &Silent).unwrap().expect("there is one");
    assert!(found.is_sound() && found.position == found.log_end, "{found:?}");
    assert_ne!(remembered, Remembered::default());
    assert_eq!(remembered.apart(&found.remembered), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_stopped_engine_words_go_and_pending_purchases_alerts_and_grants_stay() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    let before = lived(dir, 0x9EC4).await;
    let (engine, feed) = open_with_history(dir).await;
    let (ada, bob) = (books(&engine, &feed, ADA).await, books(&engine, &feed, BOB).await);
    close(engine, feed).await;
    let name = plan(dir, ADA).name;
    erase(dir, ADA, &mut |_| {}).await;
    assert_eq!(places_of(dir, ADA), Vec::<String>::new());
    verified(dir, "erased while stopped");
    history_agrees(dir);
    let (engine, feed) = open_with_history(dir).await;
    let (ada_now, bob_now) = (books(&engine, &feed, &name).await, books(&engine, &feed, BOB).await);
    assert_eq!((ada.0, ada.1.len(), bob.0), (ada_now.0, ada_now.1.len(), bob_now.0));
    lives_on(&engine, &before, &name).await;
    close(engine, feed).await;
    verified(dir, "after it lived on");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_running_engine_too_and_no_snapshot_keeps_the_name_of_a_grant() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    let before = lived(dir, 0x9EC5).await;
    let (engine, feed) = open_with_history(dir).await;
    let ada = books(&engine, &feed, ADA).await;
    let eraser = Eraser::new(engine.clone(), Some(feed.history()));
    let name = eraser.erase(TENANT, ADA).await.unwrap().plan.name;
    assert_eq!(ada.0, books(&engine, &feed, &name).await.0);
    assert!(eraser.plan(TENANT, &name).await.unwrap().is_nothing(), "a second time there is nothing left");
    lives_on(&engine, &before, &name).await;
    engine.take_snapshot().await.unwrap();
    close(engine, feed).await;
    assert_eq!(places_of(dir, ADA), Vec::<String>::new());
    verified(dir, "erased while serving");
    history_agrees(dir);
}
