//! Keys and checkpoints on a disk that fails at any call and loses power at any change: whole, or not there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffer_wal::storage::Storage;
use coffer_wal::storage::crash::{CrashPlan, CrashStorage, Fault, Survival};

use super::*;
use crate::env::Env;

const DATA: &str = "/data";

fn env_on(disk: &CrashStorage) -> Env {
    Env { storage: Arc::new(disk.clone()), ..Env::os() }
}

fn empty_disk() -> CrashStorage {
    let disk = CrashStorage::new();
    disk.create_dir_all(Path::new(DATA)).unwrap();
    disk
}

fn checkpoint_bytes() -> [u8; CHECKPOINT_BYTES] {
    let key = AuditKey::from_seed(&[7; 32]);
    let segment = coffer_wal::audit::SegmentRoot {
        number: 5,
        first: coffer_wal::Lsn(1),
        last: coffer_wal::Lsn(9),
        root: [3; 32],
    };
    Checkpoint::of(([1; 16], 0), &segment, [2; 32], 99, key.public()).sign(&key)
}

/// Does `work` on a disk that fails each of its calls in turn, then on one that stops at each change; `look` sees what is left and
/// whether the work said that it was done.
fn break_everywhere(work: &dyn Fn(&CrashStorage) -> bool, look: &dyn Fn(&CrashStorage, bool, &str)) {
    let whole = empty_disk();
    let (calls, changes) = (whole.calls(), whole.changes());
    assert!(work(&whole));
    for call in calls..whole.calls() {
        for fault in [Fault::Errno(5), Fault::ShortWrite(10)] {
            let disk = empty_disk();
            disk.fail_call(call, fault);
            let done = work(&disk);
            look(&disk, done, &format!("call {call}, {fault:?}"));
        }
    }
    for stop in changes..whole.changes() {
        let disk = empty_disk();
        disk.stop_at_change(stop);
        let done = work(&disk);
        for seed in 0..16 {
            let plan = CrashPlan { sectors: Survival::Seeded(seed), names: Survival::Seeded(!seed) };
            look(&disk.crash(&plan), done, &format!("stop {stop}, seed {seed}"));
        }
    }
}

#[test]
fn a_checkpoint_is_whole_or_not_there_and_can_be_written_again() {
    let store = |disk: &CrashStorage| CheckpointStore::new(Arc::new(disk.clone()), Path::new(DATA));
    let bytes = checkpoint_bytes();
    break_everywhere(&|disk| store(disk).write(5, &bytes).is_ok(), &|disk, done, context| {
        let found = store(disk).segments().unwrap();
        assert!(found == [5] || (found.is_empty() && !done), "{context}: {found:?}");
        if found == [5] {
            assert_eq!(store(disk).bytes(5).unwrap().unwrap(), bytes, "{context}");
        }
        store(disk).write(5, &bytes).unwrap();
        assert!(store(disk).read(5).unwrap().unwrap().is_ok(), "{context}");
    });
}

#[test]
fn a_key_is_whole_or_made_anew_and_one_that_was_used_stays() {
    let path = PathBuf::from(DATA).join("audit.key");
    let made = |disk: &CrashStorage| AuditKey::open_or_make(&env_on(disk), Path::new(DATA), None);
    break_everywhere(&|disk| made(disk).is_ok(), &|disk, done, context| {
        let there = disk.exists(&path).unwrap();
        assert!(there || !done, "{context}");
        let key = made(disk).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(made(disk).unwrap().public(), key.public(), "{context}");
    });
}

#[test]
fn what_is_no_key_is_refused_and_left_as_it_is() {
    let path = PathBuf::from(DATA).join("audit.key");
    for content in ["", "5a", &"5A".repeat(32), &"5a".repeat(33), &format!(" {}", "5a".repeat(32))] {
        let disk = empty_disk();
        disk.put_file(&path, content.as_bytes());
        let refused = AuditKey::open_or_make(&env_on(&disk), Path::new(DATA), None).unwrap_err();
        assert!(matches!(refused, KeyError::NotAKey { .. }), "{refused}");
        assert_eq!(disk.read_file(&path).unwrap(), content.as_bytes());
    }
}
