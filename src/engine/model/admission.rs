//! Permits under the three limits: never more taken than allowed, none leaked, none freed twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use shuttle::thread;

use super::explore;
use super::world::{Deed::Record, World};
use crate::engine::operation::Failure;
use crate::engine::permits::{Door, InFlight, PermitLimits};

const LIMITS: PermitLimits = PermitLimits { engine: 4, tenant: 3, customer: 2 };

/// What the model's callers hold. Not seen by shuttle: counting is no step.
#[derive(Default)]
struct Held([AtomicU32; 3]);

impl Held {
    fn take(&self, writes: u32) {
        let maxima = [LIMITS.engine, LIMITS.tenant, LIMITS.customer];
        for (held, max) in self.0.iter().zip(maxima) {
            let now = held.fetch_add(writes, Ordering::SeqCst) + writes;
            assert!(now <= max, "{now} are held where {max} may be");
        }
    }

    fn give_back(&self, writes: u32) {
        self.0.iter().for_each(|held| {
            held.fetch_sub(writes, Ordering::SeqCst);
        });
    }
}

#[test]
fn whatever_is_admitted_refused_and_dropped_at_once_no_limit_is_passed_and_all_comes_back() {
    explore(|| {
        let (engine, tenant): (Arc<InFlight>, Arc<InFlight>) = Default::default();
        let (door, held) =
            (Door::new(Arc::clone(&engine), Arc::clone(&tenant), LIMITS), Arc::new(Held::default()));
        let callers: Vec<_> = [1, 2, 3]
            .into_iter()
            .map(|writes| {
                let (door, held) = (Arc::clone(&door), Arc::clone(&held));
                thread::spawn(move || {
                    for _ in 0..2 {
                        if let Some(permit) = door.admit(writes) {
                            held.take(writes);
                            thread::yield_now();
                            held.give_back(writes);
                            drop(permit);
                        }
                    }
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        assert_eq!((engine.get(), tenant.get()), (0, 0));
        let all = door.admit(LIMITS.customer);
        assert!(all.is_some(), "as much room as at the start");
    });
}

#[test]
fn customers_of_two_tenants_share_the_engine_and_nothing_else() {
    explore(|| {
        let engine: Arc<InFlight> = Arc::default();
        let callers: Vec<_> = (0..2)
            .map(|_| {
                let engine = Arc::clone(&engine);
                thread::spawn(move || {
                    let tenant: Arc<InFlight> = Arc::default();
                    let doors = [(); 2].map(|()| Door::new(Arc::clone(&engine), Arc::clone(&tenant), LIMITS));
                    let permits = doors.map(|door| door.admit(1));
                    assert!(permits.iter().all(Option::is_some), "all together fill the engine and no more");
                    drop(permits);
                    assert_eq!(tenant.get(), 0);
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        assert_eq!(engine.get(), 0);
    });
}

#[test]
fn a_write_without_a_permit_is_told_so_and_one_with_a_permit_frees_it_before_its_answer() {
    explore(|| {
        let world = World::with_limits(PermitLimits { engine: 2, tenant: 2, customer: 1 });
        let number = world.resting_customer("acme");
        let writers: Vec<_> = (0..3)
            .map(|_| {
                let world = Arc::clone(&world);
                thread::spawn(move || world.write(number, Record))
            })
            .collect();
        world.router.rest_all();
        let answers: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        assert!(
            answers.iter().all(|answer| matches!(answer, Ok(_) | Err(Failure::Overloaded))),
            "{answers:?}"
        );
        let accepted = answers.iter().filter(|answer| answer.is_ok()).count();
        assert!(accepted > 0 && world.records(number).len() == 1 + accepted);
        assert!(world.write(number, Record).is_ok(), "whoever comes when all are answered finds room");
        world.rest_all();
        world.end();
    });
}
