//! An export that is cut off, by a power cut at any change of its disk or by a kill, and gone on with, is the same bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffer::env::Env;
use coffer::export::{ExportError, Filter, Format, Job, JobOptions, Manifest, Range};
use coffer_wal::storage::Storage;
use coffer_wal::storage::crash::{CrashPlan, CrashStorage, Survival};

use crate::support::{World, options};

const OUT: &str = "/exports/ledger";

fn disk() -> CrashStorage {
    let disk = CrashStorage::new();
    disk.create_dir_all(Path::new("/exports")).unwrap();
    disk.sync_dir(Path::new("/exports")).unwrap();
    disk
}

fn beside(ending: &str) -> PathBuf {
    PathBuf::from(format!("{OUT}{ending}"))
}

fn run(world: &World, disk: &CrashStorage, options: &JobOptions) -> Result<Manifest, ExportError> {
    world.job(Arc::new(disk.clone()), options.clone())
}

#[test]
fn a_power_cut_at_any_change_of_the_disk_costs_no_byte_and_doubles_none() {
    let world = World::lived(7, 2_500);
    for format in [Format::Csv, Format::Jsonl] {
        let mut options = options("transactions", format, Path::new(OUT), world.durable());
        options.checkpoint_bytes = 150_000;
        let whole = disk();
        let manifest = run(&world, &whole, &options).unwrap();
        let expected = whole.read_file(Path::new(OUT)).unwrap();
        assert!(manifest.complete && manifest.rows > 1_000, "{manifest:?}");
        let changes = whole.changes();
        assert!(changes > 20, "only {changes} changes: nothing to cut between");
        options.resume = true;
        for change in 0..changes {
            let cut = disk();
            let before = cut.changes();
            cut.stop_at_change(before + change);
            let stopped = run(&world, &cut, &options);
            if !cut.stopped() {
                continue;
            }
            assert!(matches!(stopped, Err(ExportError::Io { .. })), "{change}: {stopped:?}");
            let plans =
                [Survival::None, Survival::All, Survival::Seeded(change), Survival::Seeded(change + 99)];
            for survives in plans {
                let after = cut.crash(&CrashPlan { sectors: survives, names: survives });
                let resumed =
                    run(&world, &after, &options).unwrap_or_else(|error| panic!("{change}: {error}"));
                let bytes = after.read_file(Path::new(OUT)).unwrap();
                assert!(bytes == expected, "cut at change {change}, {survives:?}: other bytes");
                assert_eq!(resumed, manifest, "cut at change {change}, {survives:?}");
                let left = after.files();
                assert_eq!(left, [PathBuf::from(OUT), beside(".manifest.json")], "cut at change {change}");
            }
        }
    }
}

#[test]
fn a_parquet_export_that_is_left_at_any_step_is_gone_on_with_file_by_file() {
    let world = World::lived(11, 8_000);
    let dir = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = Arc::clone(&Env::os().storage);
    let options = |name: &str| {
        let mut options = options("slices", Format::Parquet, &dir.path().join(name), world.durable());
        (options.resume, options.file_rows) = (true, 500);
        options
    };
    let expected = world.job(Arc::clone(&storage), options("whole")).unwrap();
    assert!(expected.files.len() > 3, "{:?}", expected.files);
    for left_after in 1..=3_usize {
        let name = format!("left-{left_after}");
        let resumed = loop {
            let mut steps = 0;
            let env = Env { storage: Arc::clone(&storage), ..Env::os() };
            let job = Job::open(options(&name), &world.engine, &env, world.runtime.handle().clone()).unwrap();
            // What a kill leaves: nothing is flushed, renamed or removed on the way out.
            let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                job.run(&mut |_| {
                    steps += 1;
                    assert!(steps < left_after + 2, "left");
                })
            }));
            // Else a file more is whole at least, or it would never end.
            if let Ok(done) = ran {
                break done.unwrap();
            }
        };
        assert_eq!(resumed.files, expected.files, "left after {left_after} steps: other bytes");
    }
}

#[test]
fn what_is_complete_is_not_made_again_and_what_was_asked_differently_is_not_gone_on_with() {
    let world = World::lived(3, 2_000);
    let disk = disk();
    let mut asked = options("transactions", Format::Csv, Path::new(OUT), world.durable());
    disk.stop_at_change(disk.changes() + 20);
    run(&world, &disk, &asked).unwrap_err();
    let disk = disk.kill();
    let refused = run(&world, &disk, &asked).unwrap_err().to_string();
    assert!(refused.contains("--resume goes on with it"), "{refused}");
    asked.resume = true;
    for change in [
        (|options: &mut JobOptions| options.to = None) as fn(&mut JobOptions),
        |options| options.format = Format::Jsonl,
        |options| options.filter.tenant = Some(crate::support::TENANT),
        |options| options.kind = coffer::export::KindInfo::named("slices").unwrap(),
    ] {
        let mut other = asked.clone();
        change(&mut other);
        let refused = run(&world, &disk, &other).unwrap_err().to_string();
        assert!(refused.contains("is not what is asked for"), "{refused}");
    }
    let made = run(&world, &disk, &asked).unwrap();
    let changes = disk.changes();
    assert_eq!(run(&world, &disk, &asked).unwrap(), made);
    assert_eq!(disk.changes(), changes, "nothing is written again");
    asked.resume = false;
    let refused = run(&world, &disk, &asked).unwrap_err().to_string();
    assert!(refused.contains("is there already"), "{refused}");
}

#[test]
fn a_part_that_somebody_changed_and_a_log_that_is_another_are_noticed() {
    let world = World::lived(5, 2_000);
    let disk = disk();
    let mut asked = options("transactions", Format::Csv, Path::new(OUT), world.durable());
    disk.stop_at_change(disk.changes() + 20);
    run(&world, &disk, &asked).unwrap_err();
    let disk = disk.kill();
    asked.resume = true;
    let sound = disk.read_file(&beside(".part")).unwrap();
    let mut changed = sound.clone();
    changed[100] ^= 1;
    disk.put_file(&beside(".part"), &changed);
    let refused = run(&world, &disk, &asked).unwrap_err().to_string();
    assert!(refused.contains("is not what was written"), "{refused}");
    disk.put_file(&beside(".part"), &sound);
    let other = World::lived(5, 2_000);
    let refused = run(&other, &disk, &asked).unwrap_err().to_string();
    assert!(refused.contains("it is of the store"), "{refused}");
    run(&world, &disk, &asked).unwrap();
    let range = Range { first: 1, last: world.durable() };
    let whole = world.piped("transactions", Format::Csv, range, Filter::default());
    assert!(disk.read_file(Path::new(OUT)).unwrap() == whole, "a file and a stream are the same bytes");
}
