//! Automatic top-up under other rules: a recharge begins where the shadow needs it, and is paid as the log's was.

use coffer::engine::Committed;
use coffer::whatif::Rules;
use coffer_ledger::auto_topup::AutoTopup;
use coffer_ledger::command::{Command, CreateWallet};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{RechargeId, WalletId};
use coffer_ledger::recharge::RechargeReason;
use coffer_ledger::watch::WalletRules;

use crate::support::{S, create_wallet, debit, whole};
use crate::world::*;

/// What is bought goes first, so that what is free ends unused.
const OTHER: &str = "burn_order = [\"purchased_first\"]";

/// 100 more at 40 or fewer.
async fn wallet(world: &World, invoicing: bool) -> WalletId {
    let auto_topup = AutoTopup {
        enabled: true,
        threshold: whole(40),
        amount: whole(100),
        invoicing,
        target_balance: None,
        cooldown_s: 0,
        count_max: 24,
        amount_max: None,
        failures_max: 3,
    };
    let Command::CreateWallet(request) = create_wallet("acme", 0) else { panic!("a wallet") };
    let rules = Some(Box::new(WalletRules { alerts: None, auto_topup: Some(auto_topup) }));
    let made = world.ask("acme", Command::CreateWallet(CreateWallet { rules, ..request })).await.unwrap();
    let Effect::WalletCreated { wallet, .. } = &made.record.facts.effect else { panic!("{made:?}") };
    wallet.id
}

async fn take(world: &World, credits: i64) -> Committed {
    world.ask("acme", debit(credits)).await.unwrap()
}

fn begun(committed: &Committed) -> Option<RechargeId> {
    committed.record.facts.set_off.as_ref()?.begun().map(|recharge| recharge.id).next()
}

/// 60 bought and 30 free that end after a day, of which 30 are used; two days later 5 and then 20 more. The last one needs a recharge; with
/// the bought ones used first, the one before it does.
async fn used(world: &World, invoicing: bool) -> [Committed; 2] {
    let wallet = wallet(world, invoicing).await;
    world.credit("acme", bought(wallet, 60)).await;
    world.credit("acme", promotional(wallet, 30, Some(day(1)))).await;
    take(world, 30).await;
    world.pass(2 * DAY);
    let sooner = take(world, 5).await;
    // Ids name their milliseconds: the shadow's is another one.
    world.pass(S);
    let both = [sooner, take(world, 20).await];
    assert_eq!(both.each_ref().map(|made| begun(made).is_some()), [false, true]);
    both
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoiced_recharge_moves_with_the_burn_order_and_is_paid_where_the_logs_is() {
    let world = World::new().await;
    let [sooner, later] = used(&world, true).await;
    world.ask("acme", Command::CompleteRecharge(begun(&later).unwrap())).await.unwrap();
    // 135 and 105: only who was paid can pay this.
    let again = take(&world, 100).await;
    let reason = RechargeReason::CardDeclined;
    let id = begun(&again).unwrap();
    world.ask("acme", Command::FailRecharge { id, reason }).await.unwrap();
    take(&world, 2).await;
    let stopped = world.stopped().await;
    stopped.check(None, "recharges by invoice");
    let rules = || Rules::parse(OTHER).unwrap();
    let [log, shadow] = stopped.recharged(rules());
    assert_eq!(log, [later.position, again.position]);
    assert_eq!(shadow, [sooner.position, again.position]);
    let answer = stopped.what_if(&coffer::whatif::Question { rules: rules(), ..Default::default() });
    assert_eq!((answer.refused, answer.following), (0, 0), "{:?}", of(&answer, "acme").refusals);
    let unit = &answer.units[0];
    assert_eq!((unit.log.posted, unit.shadow.posted), (whole(33), whole(3)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_direct_recharge_moves_too_and_its_credit_is_there_at_once() {
    let world = World::new().await;
    let [sooner, later] = used(&world, false).await;
    let stopped = world.stopped().await;
    stopped.check(None, "direct recharges");
    let rules = || Rules::parse(OTHER).unwrap();
    assert_eq!(stopped.recharged(rules()), [vec![later.position], vec![sooner.position]]);
    let answer = stopped.what_if(&coffer::whatif::Question { rules: rules(), ..Default::default() });
    let unit = &answer.units[0];
    assert_eq!((unit.log.posted, unit.shadow.posted), (whole(135), whole(105)));
}
