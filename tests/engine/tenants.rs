//! Tenants see nothing of each other; a revoked key works no more.

use coffer::engine::{Failure, Operation, Target, TenantOperation};
use coffer_ledger::catalog::api_key::KeyScopes;
use coffer_ledger::catalog::tenant::{Settings, TenantCommand, TenantEffect};
use coffer_ledger::command::Origin;
use coffer_ledger::ids::{KeyId, TenantNumber};
use coffer_ledger::refusal::Refusal;
use coffer_wal::storage::crash::CrashStorage;

use crate::support::*;

const OTHER: TenantNumber = TenantNumber(2);

async fn make_key(engine: &coffer::engine::Engine, secret: [u8; 32]) -> KeyId {
    let scopes = KeyScopes { debit: true, ..KeyScopes::default() };
    let command =
        TenantCommand::CreateKey { secret_sha256: secret, name: "k".into(), scopes, customer: None };
    let made = engine.submit_tenant(TENANT, TenantOperation::new(command, Origin::default())).await.unwrap();
    match &made.record.facts.effect {
        TenantEffect::KeySet(key) => key.id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenant_finds_neither_the_name_nor_the_wallet_nor_the_record() {
    let engine = open(&CrashStorage::new()).await;
    engine.create_tenant("other", Origin::default()).await.unwrap();
    let id = wallet(&engine, "acme", 10).await;
    let taken = debit_now(&engine, "acme", 1).await.unwrap();
    for target in [Target::Customer("acme"), Target::Wallet(id)] {
        let answer = engine.submit(OTHER, target, Operation::new(debit(1))).await;
        assert!(matches!(answer, Err(Failure::NotFound(_))), "{answer:?}");
        assert!(matches!(engine.read(OTHER, target, |_, _| ()).await, Err(Failure::NotFound(_))));
    }
    assert!(matches!(engine.record(OTHER, taken.position).await, Err(Failure::NotFound(_))));
    assert_eq!(posted(&engine, "acme").await, whole(9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_works_from_its_reply_to_its_revocation_and_not_after_a_restart_either() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    let secret = [7; 32];
    let id = make_key(&engine, secret).await;
    assert_eq!(engine.authenticate(&secret).unwrap().key, id);
    let kept = [9; 32];
    make_key(&engine, kept).await;
    let revoke = TenantOperation::new(TenantCommand::RevokeKey(id), Origin::default());
    engine.submit_tenant(TENANT, revoke).await.unwrap();
    assert!(engine.authenticate(&secret).is_none());
    let engine = open(&disk.kill()).await;
    assert!(engine.authenticate(&secret).is_none());
    assert_eq!(engine.authenticate(&kept).unwrap().tenant, TENANT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_own_idempotency_keys_survive_a_crash() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    let ask = |secret: u8| TenantOperation {
        command: TenantCommand::CreateKey {
            secret_sha256: [secret; 32],
            name: "k".into(),
            scopes: KeyScopes::default(),
            customer: None,
        },
        origin: Origin { by: None, idempotency_key: Some("once".into()) },
        dry_run: false,
    };
    let made = engine.submit_tenant(TENANT, ask(1)).await.unwrap();
    let engine = open(&disk.kill()).await;
    let again = engine.submit_tenant(TENANT, ask(2)).await.unwrap();
    assert_eq!((again.replayed, again.position), (true, made.position));
    assert_eq!(engine.tenant_view(TENANT).unwrap().keys.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_hold_from_the_next_turn_on_and_over_a_snapshot() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    let id = wallet(&engine, "acme", 0).await;
    let mut settings = Settings::default();
    settings.default_priorities.purchased = 7;
    let command = TenantCommand::SetSettings(settings.clone());
    engine.submit_tenant(TENANT, TenantOperation::new(command, Origin::default())).await.unwrap();
    let command = coffer_ledger::command::Command::TopUp(top_up(id, 5, None));
    engine.submit(TENANT, Target::Wallet(id), Operation::new(command)).await.unwrap();
    let priority =
        |customer: &coffer_ledger::customer::Customer, _| customer.wallets[0].tranches[0].terms.priority;
    assert_eq!(engine.read(TENANT, Target::Wallet(id), priority).await.unwrap().value, 7);
    engine.shutdown().await.unwrap();
    let engine = open(&disk).await;
    assert_eq!(engine.tenant_view(TENANT).unwrap().settings, settings);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tenants_cannot_share_a_name() {
    let engine = open(&CrashStorage::new()).await;
    let again = engine.create_tenant("default", Origin::default()).await;
    assert_eq!(again.unwrap_err(), Failure::from(Refusal::AlreadyExists("tenant")));
    let keyed = || Origin { by: None, idempotency_key: Some("k".into()) };
    let made = engine.create_tenant("other", keyed()).await.unwrap();
    let retried = engine.create_tenant("other", keyed()).await.unwrap();
    assert_eq!((made.replayed, retried.replayed, retried.position), (false, true, made.position));
}
