//! Send × rest × panic: every message is handled once or its sender told; a state is in one place; nobody stays on the way.

use std::sync::Arc;

use coffer_ledger::ids::{CustomerNumber, LogPosition};
use shuttle::thread::{self, JoinHandle};

use super::explore;
use super::world::{
    Deed::{self, Break, Kill, Record, Refused},
    TENANT, World,
};
use crate::engine::operation::Failure;
use crate::engine::router::Peek;

type Answers = Vec<(Deed, Result<LogPosition, Failure>)>;

fn writer(world: &Arc<World>, number: CustomerNumber, deeds: &'static [Deed]) -> JoinHandle<Answers> {
    let world = Arc::clone(world);
    thread::spawn(move || deeds.iter().map(|deed| (*deed, world.write(number, *deed))).collect())
}

fn sweeper(world: &Arc<World>, times: usize) -> JoinHandle<()> {
    let world = Arc::clone(world);
    thread::spawn(move || {
        for _ in 0..times {
            world.router.rest_all();
        }
    })
}

/// Runs writers against sweeps and gives every answer.
fn race(world: &Arc<World>, number: CustomerNumber, writers: &[&'static [Deed]], sweeps: usize) -> Answers {
    let writers: Vec<_> = writers.iter().map(|deeds| writer(world, number, deeds)).collect();
    let sweeper = sweeper(world, sweeps);
    let answers = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    sweeper.join().unwrap();
    answers
}

/// Positions of the records that writers were told of, in order.
fn told(answers: &Answers) -> Vec<LogPosition> {
    let mut told: Vec<_> = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok().copied()).collect();
    told.sort();
    told
}

/// The customer rests, and what rests is its last record.
fn assert_rests(world: &Arc<World>, number: CustomerNumber) {
    let records = world.records(number);
    match world.router.peek(TENANT, number) {
        Ok(Peek::Resting(resting)) => assert_eq!(Some(&resting.position), records.last()),
        Ok(Peek::Busy) => panic!("still on the way"),
        Err(failure) => panic!("{failure}"),
    }
    let places = world.router.places();
    assert_eq!((places.active, places.resting, places.quarantined), (0, 1, 0));
}

#[test]
fn every_write_is_answered_once_whoever_rests_meanwhile() {
    explore(|| {
        let world = World::new();
        let number = world.resting_customer("acme");
        let answers = race(&world, number, &[&[Record, Refused, Record], &[Record, Record]], 3);
        world.rest_all();
        assert_eq!(told(&answers), world.records(number)[1..]);
        assert!(answers.iter().all(|(deed, answer)| match deed {
            Record => answer.is_ok(),
            Refused | Break | Kill => *answer == Err(Failure::Internal),
        }));
        assert_rests(&world, number);
        world.end();
    });
}

#[test]
fn what_breaks_costs_its_own_request_and_nobody_elses_wherever_the_customer_is() {
    explore(|| {
        let world = World::new();
        let number = world.resting_customer("acme");
        let answers = race(&world, number, &[&[Record, Break, Record], &[Record, Record]], 3);
        world.rest_all();
        for (deed, answer) in &answers {
            assert_eq!(answer.is_ok(), *deed == Record, "{deed:?}: {answer:?}");
        }
        assert_eq!(told(&answers), world.records(number)[1..]);
        assert_rests(&world, number);
        world.end();
    });
}

#[test]
fn what_breaks_twice_is_quarantined_on_whatever_way_it_is_and_everyone_is_told() {
    explore(|| {
        let world = World::new();
        let number = world.resting_customer("acme");
        let answers = race(&world, number, &[&[Record, Break, Record], &[Break, Record]], 2);
        world.rest_all();
        for (deed, answer) in &answers {
            let fits = match answer {
                Ok(_) => *deed == Record,
                Err(Failure::Internal) => *deed == Break,
                Err(failure) => *failure == Failure::Quarantined,
            };
            assert!(fits, "{deed:?}: {answer:?}");
        }
        assert_eq!(told(&answers), world.records(number)[1..]);
        let places = world.router.places();
        assert_eq!((places.active, places.resting + places.quarantined), (0, 1));
        let next = world.write(number, Record);
        assert_eq!(next.is_err(), places.quarantined == 1, "{next:?}");
        world.end();
    });
}

#[test]
fn a_customer_that_does_not_rest_between_two_breaks_is_quarantined_for_good() {
    explore(|| {
        let world = World::new();
        let number = world.resting_customer("acme");
        let answers = race(&world, number, &[&[Record, Break], &[Break, Record]], 0);
        assert!(answers.iter().filter(|(deed, _)| *deed == Break).all(|(_, answer)| answer.is_err()));
        assert_eq!(told(&answers), world.records(number)[1..]);
        assert_eq!(world.write(number, Record), Err(Failure::Quarantined));
        let places = world.router.places();
        assert_eq!((places.active, places.resting, places.quarantined), (0, 0, 1));
        world.end();
    });
}

#[test]
fn an_actor_that_dies_without_a_word_leaves_a_customer_that_answers_everyone() {
    explore(|| {
        let world = World::new();
        let number = world.resting_customer("acme");
        let mut answers = race(&world, number, &[&[Record, Kill], &[Record, Record]], 3);
        // The one that is lost with the mailbox, then the one that finds it dead.
        for attempt in 1.. {
            let answer = world.write(number, Record);
            let again = answer == Err(Failure::OutcomeUnknown);
            answers.push((Record, answer));
            assert!(attempt < 2 || !again, "nobody noticed that it is dead");
            if !again {
                break;
            }
        }
        for (deed, answer) in &answers {
            let fits = match answer {
                Ok(_) => *deed == Record,
                // Unknown: it stood in the mailbox that died; nothing of it was done.
                Err(failure) => matches!(failure, Failure::OutcomeUnknown | Failure::Quarantined),
            };
            assert!(fits, "{deed:?}: {answer:?}");
        }
        assert_eq!(told(&answers), world.records(number)[1..]);
        world.rest_all();
        world.end();
    });
}

#[test]
fn a_reader_never_sees_less_than_was_acknowledged_before() {
    explore(|| {
        let world = World::new();
        let number = world.resting_customer("acme");
        let writer = writer(&world, number, &[Record, Record]);
        let sweeper = sweeper(&world, 2);
        let reader = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let mut seen = LogPosition(0);
                for _ in 0..3 {
                    let now = world.read(number).expect("it exists and is well");
                    assert!(now >= seen, "a state went back from {} to {}", seen.0, now.0);
                    seen = now;
                }
            })
        };
        for (_, answer) in writer.join().unwrap() {
            assert!(world.read(number).unwrap() >= answer.unwrap());
        }
        reader.join().unwrap();
        sweeper.join().unwrap();
        world.rest_all();
        assert_rests(&world, number);
        world.end();
    });
}

#[test]
fn a_new_name_gets_one_customer_and_a_refused_one_leaves_nothing() {
    explore(|| {
        let world = World::new();
        let callers = [Refused, Record, Refused].map(|deed| {
            let world = Arc::clone(&world);
            thread::spawn(move || (deed, world.write_new("acme", deed)))
        });
        let sweeper = sweeper(&world, 3);
        for caller in callers {
            let (deed, answer) = caller.join().unwrap();
            assert_eq!(answer.is_ok(), deed == Record, "{deed:?}: {answer:?}");
        }
        sweeper.join().unwrap();
        world.rest_all();
        let number = world.directory.find(TENANT, "acme").expect("its record was acknowledged");
        assert_eq!(world.records(number).len(), 1);
        assert_rests(&world, number);
        world.end();
    });
}

#[test]
fn a_name_that_was_only_refused_is_forgotten_and_may_come_again() {
    explore(|| {
        let world = World::new();
        let callers = [Refused, Refused].map(|deed| {
            let world = Arc::clone(&world);
            thread::spawn(move || world.write_new("ghost", deed))
        });
        let sweeper = sweeper(&world, 2);
        for caller in callers {
            assert_eq!(caller.join().unwrap(), Err(Failure::Internal));
        }
        sweeper.join().unwrap();
        world.rest_all();
        assert_eq!(world.directory.find(TENANT, "ghost"), None);
        let position = world.write_new("ghost", Record).unwrap();
        let number = world.directory.find(TENANT, "ghost").unwrap();
        assert_eq!(world.records(number), [position]);
        world.end();
    });
}
