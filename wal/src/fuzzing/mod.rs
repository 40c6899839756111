//! What the fuzz targets call: every reader of this crate over any bytes, one function for each target.
//!
//! A function returns when all is well and panics when it found something. Damage is not a find: readers answer it with an error.
//! Checksums would keep a fuzzer at the door, so inputs can ask for theirs to be made right before they are read (`mend`).
//! Behind the feature `fuzzing`. Called by `fuzz/` and by `tests/fuzz_corpus.rs` of the workspace's root.

mod files;
mod frames;
mod mend;
mod pack;
mod store;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::env::{Clock, Entropy, Env};
use crate::storage::Storage;
use crate::storage::crash::CrashStorage;

pub use files::{archive, snapshot};
pub use frames::frames;
pub use pack::{PackedFile, Place, pack};
pub use store::store;

/// The shard's directory on the disk in memory.
const DIR: &str = "/data/shard-00";

/// A machine whose clock stands and whose entropy repeats: an input always does the same.
struct Still;

impl Clock for Still {
    fn now_ns(&self) -> u64 {
        1_763_000_000_000_000_000
    }

    fn monotonic_ns(&self) -> u64 {
        0
    }
}

impl Entropy for Still {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

/// An empty disk with the shard's directories, and the environment on it.
fn empty_disk() -> (CrashStorage, Env) {
    let disk = CrashStorage::new();
    for dir in ["wal", "archive", "snapshots"] {
        disk.create_dir_all(&Path::new(DIR).join(dir)).expect("a disk without faults");
    }
    let env = env_on(&disk);
    (disk, env)
}

fn env_on(disk: &CrashStorage) -> Env {
    Env { storage: Arc::new(disk.clone()), clock: Arc::new(Still), entropy: Arc::new(Still) }
}

fn path_of(place: Place, number: u64) -> PathBuf {
    let dir = Path::new(DIR);
    match place {
        Place::Control => dir.join("control"),
        Place::Segment => dir.join(format!("wal/{number:016x}.seg")),
        Place::Archive => dir.join(format!("archive/{number:016x}.arc")),
        Place::Snapshot => dir.join(format!("snapshots/{number:016x}.snap")),
    }
}
