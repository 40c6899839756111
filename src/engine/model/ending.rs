//! Shutdown × append, and a halt at any instant: every admitted write is durable or told, and nobody waits for ever.

use std::sync::Arc;

use coffer_ledger::ids::LogPosition;
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread;

use super::explore;
use super::world::{Deed::Record, World};
use crate::engine::operation::Failure;

/// The door of `Core::admit`, then the write.
fn write_if_open(world: &Arc<World>, closing: &AtomicBool, name: &str) -> Result<LogPosition, Failure> {
    if closing.load(Ordering::Acquire) {
        return Err(Failure::ReadOnly("the engine is shutting down"));
    }
    world.write_new(name, Record)
}

/// What `shutdown::run` does, in its order; the snapshot is a matter of its own.
fn shut_down(world: &Arc<World>, closing: &AtomicBool) {
    closing.store(true, Ordering::Release);
    while world.engine.get() > 0 {
        thread::yield_now();
    }
    while !world.router.rest_all() && world.log.halted().is_none() {
        thread::yield_now();
    }
    world.log.close();
}

/// Writers of a customer that rests and of a new one, against `end`. What was acknowledged is durable; the others were told.
fn race(end: impl FnOnce(&Arc<World>, &AtomicBool) + Send + 'static) {
    let world = World::new();
    let closing = Arc::new(AtomicBool::new(false));
    world.resting_customer("acme");
    let writers = ["acme", "acme", "new"].map(|name| {
        let (world, closing) = (Arc::clone(&world), Arc::clone(&closing));
        thread::spawn(move || [(); 2].map(|()| write_if_open(&world, &closing, name)))
    });
    let ending = thread::spawn({
        let world = Arc::clone(&world);
        move || end(&world, &closing)
    });
    for answer in writers.into_iter().flat_map(|writer| writer.join().unwrap()) {
        match answer {
            Ok(position) => assert!(position.0 <= world.log.durable_lsn().0),
            // Quarantined: it was rebuilt, or tried to be, when the log had halted.
            Err(failure) => assert!(
                matches!(failure, Failure::ReadOnly(_) | Failure::Halted | Failure::Quarantined),
                "{failure}"
            ),
        }
    }
    ending.join().unwrap();
    world.end();
}

#[test]
fn a_shutdown_amid_writes_answers_every_one_of_them() {
    explore(|| {
        race(|world, closing| shut_down(world, closing));
    });
}

#[test]
fn a_log_that_halts_amid_writes_and_rests_tells_everyone() {
    explore(|| {
        race(|world, _| {
            world.router.rest_all();
            world.break_disk();
            world.router.rest_all();
        });
    });
}
