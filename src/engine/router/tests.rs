//! The router with real actors, where the protocol leans on what ractor does. Its schedules are tested in `model`.

use std::task::{Context, Waker};
use std::time::Duration;

use coffer_ledger::command::{Command, Origin};
use coffer_ledger::customer::Profile;

use super::*;
use crate::engine::{Engine, EngineOptions, Operation, Target};
use crate::env::Env;

const TENANT: TenantNumber = TenantNumber(1);

fn asking() -> Operation {
    Operation::new(Command::CreateCustomer { external_id: "acme".into(), profile: Profile::default() })
}

/// Keeps the runtime's only thread busy until the sender is dropped, so that nothing that is spawned starts.
fn hold(runtime: &tokio::runtime::Runtime) -> std::sync::mpsc::Sender<()> {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel::<()>();
    runtime.spawn(async move {
        drop(tell);
        let _ = held.recv();
    });
    let _ = told.recv();
    hold
}

#[test]
fn an_actor_that_has_not_started_yet_is_not_asked_to_leave_and_answers() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let options = EngineOptions { segment_bytes: 2 << 20, ..EngineOptions::new(dir.path()) };
    let engine = runtime.block_on(Engine::open(options, Env::os(), Arc::new(()))).unwrap();
    runtime.block_on(engine.create_tenant("t", Origin::default())).unwrap();
    let busy = hold(&runtime);
    let mut answer = Box::pin(engine.submit(TENANT, Target::NewCustomer("acme"), asking()));
    assert!(answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let router = &engine.core.router;
    let asked: usize = (0..router.shard_count()).map(|shard| router.sweep(shard, u64::MAX)).sum();
    assert_eq!((asked, router.places().active), (0, 1), "it is active and has not started");
    drop(busy);
    let answered = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), answer).await });
    assert!(answered.unwrap().is_ok(), "what was in its mailbox is answered");
    runtime.block_on(engine.shutdown()).unwrap();
}
