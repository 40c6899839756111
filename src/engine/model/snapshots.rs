//! Snapshots × everything: each customer once, as of one of its records, and never less than what was durable at the start.

use std::sync::Arc;
use std::sync::mpsc::{self, TryRecvError};

use coffer_ledger::ids::{CustomerNumber, LogPosition};
use shuttle::thread;

use super::explore;
use super::world::{
    Deed::{self, Break, Record, Refused},
    TENANT, World,
};
use crate::engine::host::Life;
use crate::engine::message::{Image, Message};
use crate::engine::operation::Failure;
use crate::engine::router::SendError;
use crate::engine::snapshot::gather;

/// What `snapshot::take` does with customers, on the model's threads.
fn take(world: &Arc<World>) -> Vec<(CustomerNumber, LogPosition)> {
    let mut images = Vec::new();
    for shard in 0..world.router.shard_count() {
        let gathered = gather(&world.router, shard);
        images.extend(gathered.resting.into_iter().map(|(_, number, resting)| (number, resting.position)));
        for (_, number) in gathered.busy {
            let position = ask(world, number).filter(|position| position.0 > 0);
            images.extend(position.map(|position| (number, position)));
        }
    }
    images
}

fn ask(world: &Arc<World>, number: CustomerNumber) -> Option<LogPosition> {
    let (give, taken) = mpsc::channel();
    match world.router.send(world, (TENANT, number), Message::Image(give)) {
        Ok(()) => {
            if let Some(image) = wait(&taken) {
                return Some(image.position);
            }
        }
        Err(SendError::Failed(Failure::NotFound(_))) => return None,
        Err(SendError::Failed(_) | SendError::Renumbered) => {}
    }
    let rebuilt = shuttle::future::block_on(world.rebuild(TENANT, number));
    Some(rebuilt.expect("the log does not halt here").last_position)
}

fn wait(taken: &mpsc::Receiver<Image>) -> Option<Image> {
    loop {
        match taken.try_recv() {
            Ok(image) => return Some(image),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => thread::yield_now(),
        }
    }
}

/// Takes a snapshot while these writes and sweeps go on, and holds it against the log.
fn race(deeds: [&'static [Deed]; 2]) {
    let world = World::new();
    let customers = ["acme", "other"].map(|name| world.resting_customer(name));
    let writers: Vec<_> = customers
        .into_iter()
        .zip(deeds)
        .map(|(number, deeds)| {
            let world = Arc::clone(&world);
            thread::spawn(move || deeds.iter().for_each(|deed| drop(world.write(number, *deed))))
        })
        .collect();
    let newcomer = thread::spawn({
        let world = Arc::clone(&world);
        move || [Refused, Record].map(|deed| drop(world.write_new("new", deed)))
    });
    let sweeper = thread::spawn({
        let world = Arc::clone(&world);
        move || [(); 2].map(|()| world.router.rest_all())
    });
    let start = LogPosition(world.log.durable_lsn().0);
    let images = take(&world);
    let mut numbers: Vec<_> = images.iter().map(|(number, _)| *number).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), images.len(), "a customer is in it once");
    for number in customers.into_iter().chain(world.directory.find(TENANT, "new")) {
        let at_start = world.records_until(number, start).last().copied();
        let image = images.iter().find(|(of, _)| *of == number).map(|(_, position)| *position);
        assert!(image >= at_start, "{image:?} lacks what was durable at the start: {at_start:?}");
        assert!(image.is_none_or(|image| world.records(number).contains(&image)), "an image of no record");
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    newcomer.join().unwrap();
    sweeper.join().unwrap();
    world.rest_all();
    world.end();
}

#[test]
fn a_snapshot_has_each_customer_once_and_at_least_as_of_its_start() {
    explore(|| race([&[Record, Record], &[Record]]));
}

#[test]
fn a_snapshot_has_what_the_log_has_of_customers_that_break_meanwhile() {
    explore(|| race([&[Record, Break, Record], &[Break, Break]]));
}
