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

/// An engine with one customer that is awake, on a runtime of its own.
fn awake() -> (tempfile::TempDir, tokio::runtime::Runtime, Engine, CustomerNumber) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let options = EngineOptions { segment_bytes: 2 << 20, ..EngineOptions::new(dir.path()) };
    let engine = runtime.block_on(Engine::open(options, Env::os(), Arc::new(()))).unwrap();
    runtime.block_on(engine.create_tenant("t", Origin::default())).unwrap();
    let made = runtime.block_on(engine.submit(TENANT, Target::NewCustomer("acme"), asking())).unwrap();
    let number = made.customer.number;
    (dir, runtime, engine, number)
}

impl Router {
    fn with_slot<T>(&self, number: CustomerNumber, look: impl FnOnce(&mut Slot<Core>) -> T) -> T {
        look(slot_mut(&mut self.lock(number), index_of(number)))
    }
}

/// What an actor of this generation says when it has left.
fn left(number: CustomerNumber, generation: u32) -> Left {
    let customer = Customer::new(TENANT, number);
    let resting = crate::engine::customer_actor::resting_of(&customer);
    Left { number, generation, seated_as: "".into(), state: Some((Box::new(customer), resting)) }
}

#[test]
fn an_actor_of_an_earlier_life_does_not_speak_for_the_slot() {
    let (_dir, runtime, engine, number) = awake();
    let router = &engine.core.router;
    let now = router.with_slot(number, |slot| slot.generation);
    let leaving = |slot: &mut Slot<Core>| {
        let Place::Active(active) = std::mem::take(&mut slot.place) else { panic!("it is awake") };
        let door = Arc::clone(&active.door);
        slot.place = Place::Leaving(Leaving { waiting: Vec::new(), door });
        active
    };
    let active = router.with_slot(number, leaving);
    router.has_left(&engine.core, left(number, now - 1));
    router.quarantine(number, now - 1);
    router.with_slot(number, |slot| {
        assert!(matches!(slot.place, Place::Leaving(_)), "it leaves only when its own actor has left");
        slot.place = Place::Active(active);
    });
    assert_eq!((router.places().active, router.places().quarantined), (1, 0));
    runtime.block_on(engine.shutdown()).unwrap();
}

#[test]
fn writes_in_flight_count_on_across_a_rest() {
    let (_dir, runtime, engine, number) = awake();
    let router = &engine.core.router;
    let (generation, door) = router.with_slot(number, |slot| {
        let Place::Active(active) = std::mem::take(&mut slot.place) else { panic!("it is awake") };
        let door = Arc::clone(&active.door);
        let (reader, _) = tokio::sync::oneshot::channel::<()>();
        let waiting =
            vec![crate::engine::message::Message::Read(Box::new(move |_| Box::new(move |_| drop(reader))))];
        slot.place = Place::Leaving(Leaving { waiting, door: Arc::clone(&door) });
        (slot.generation, door)
    });
    router.has_left(&engine.core, left(number, generation));
    router.with_slot(number, |slot| {
        let Place::Active(active) = &slot.place else { panic!("what waited woke it") };
        assert!(Arc::ptr_eq(&active.door, &door), "a new door would forget what is in flight");
    });
    drop(door);
    runtime.block_on(engine.shutdown()).unwrap();
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
