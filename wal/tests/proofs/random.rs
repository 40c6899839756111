//! Random lives of a log: sizes, masks, rotations, archiving, crashes and kills by chance, against the model.

use coffer_wal::storage::crash::{CrashPlan, Survival};
use coffer_wal::{Lsn, ReadError};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};

use crate::world::{Body, Op, World, long};

/// How a run ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Close,
    Kill,
    Cut {
        sectors: u64,
        names: u64,
    },
    /// Stops inside a change some way on; what is not durable survives by a coin.
    Stop {
        after: u64,
        seed: u64,
    },
}

fn an_op() -> impl Strategy<Value = Op> {
    let size = prop_oneof![4 => 0usize..300, 2 => 300usize..4000, 1 => 7000usize..8000];
    prop_oneof![
        6 => vec(size, 1..4).prop_map(Op::Append),
        6 => Just(Op::Write),
        2 => Just(Op::Fill),
        1 => Just(Op::Idle),
        1 => Just(Op::Seal),
        1 => Just(Op::Snapshot),
        1 => Just(Op::Purge),
    ]
}

fn an_end() -> impl Strategy<Value = End> {
    prop_oneof![
        1 => Just(End::Close),
        1 => Just(End::Kill),
        2 => (any::<u64>(), any::<u64>()).prop_map(|(sectors, names)| End::Cut { sectors, names }),
        3 => (0u64..60, any::<u64>()).prop_map(|(after, seed)| End::Stop { after, seed }),
    ]
}

fn live(world: &mut World, ops: &[Op], end: End) {
    if let End::Stop { after, .. } = end {
        world.disk.stop_at_change(after);
    }
    let mut ops = ops.to_vec();
    if matches!(end, End::Close) {
        ops.push(Op::Close);
    }
    let lived = world.run(&ops);
    assert!(lived.is_ok() || world.disk.stopped(), "{lived:?}");
    let plan =
        |sectors, names| CrashPlan { sectors: Survival::Seeded(sectors), names: Survival::Seeded(names) };
    *world = match end {
        End::Close | End::Kill => world.after_kill(),
        End::Cut { sectors, names } => world.after_crash(&plan(sectors, names)),
        End::Stop { seed, .. } => world.after_crash(&plan(seed, !seed)),
    };
}

fn cases(short: u32) -> Config {
    let cases = if long() { short * 50 } else { short };
    let persistence = Box::new(FileFailurePersistence::Off);
    Config { cases, failure_persistence: Some(persistence), ..Config::default() }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn whatever_a_log_lives_through_all_that_was_acknowledged_is_there(
        lives in vec((vec(an_op(), 1..25), an_end()), 1..6),
    ) {
        let mut world = World::new();
        for (number, (ops, end)) in lives.iter().enumerate() {
            live(&mut world, ops, *end);
            drop(world.recover(&format!("after life {number}")));
            world.disk = world.disk.kill();
        }
    }

    #[test]
    fn every_record_can_be_read_by_its_number_wherever_it_has_moved(
        ops in vec(an_op(), 1..60), from in 1usize..40, count in 0usize..40,
    ) {
        let mut world = World::new();
        let mut run = world.start().unwrap();
        for op in ops.iter().chain(&[Op::Write]) {
            world.apply(&mut run, op).unwrap();
        }
        let reader = run.log.reader();
        let all = world.model.records.len() as u64;
        for (lsn, body) in (1..).zip(&world.model.records) {
            let record = reader.read(Lsn(lsn)).unwrap();
            prop_assert_eq!(record.lsn.0, lsn);
            prop_assert!(record.public == body.public && record.personal == body.personal);
        }
        let beyond = reader.read(Lsn(all + 1)).unwrap_err();
        let not_durable = matches!(beyond, ReadError::NotDurable { .. });
        prop_assert!(not_durable, "{}", beyond);
        let mut seen: Vec<Body> = Vec::new();
        let next = reader.scan(Lsn(from as u64), Lsn((from + count) as u64), &mut |record| {
            seen.push(Body { public: record.public.to_vec(), personal: record.personal.to_vec() });
            Ok(())
        }).unwrap();
        let expected = world.model.records.iter().skip(from - 1).take(count + 1);
        prop_assert!(seen.iter().eq(expected));
        prop_assert_eq!(next.0, (from + seen.len()) as u64);
    }
}
