//! A whole store: recovery, replay, the offline tools, and going on from there.

use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::frame::{Lsn, RecordBuf};
use crate::inspect::{dump, stat, verify};
use crate::log::{Log, Opened};
use crate::options::LogOptions;
use crate::storage::crash::CrashStorage;

use super::pack::unpack;
use super::{DIR, empty_disk, env_on, mend, path_of};

/// Any bytes as the packed files of a store.
///
/// # Panics
/// When the tools and the log disagree about whether it is sound, or when it opens and does not open again.
pub fn store(data: &[u8]) {
    let (mended, mut files) = unpack(data);
    if mended {
        mend::mend_store(&mut files);
    }
    let (disk, env) = empty_disk();
    for file in &files {
        disk.put_file(&path_of(file.place, file.number.into()), &file.bytes);
    }
    let sound = verify(&env, Path::new(DIR), &mut |_| {}).is_ok_and(|report| report.is_sound());
    let _ = stat(&env, Path::new(DIR));
    let dumped = dump(&env, Path::new(DIR), Lsn::FIRST, Lsn(u64::MAX - 1), &mut |_| Ok(()));
    let read = read(&disk);
    if sound {
        assert!(dumped.is_ok(), "it verifies and cannot be dumped: {dumped:?}");
        assert!(read.is_ok(), "it verifies and cannot be read: {:?}", read.err());
    }
    if let Ok((opened, records)) = read {
        goes_on(&disk, opened, &records);
    }
}

fn options() -> LogOptions {
    LogOptions {
        dir: PathBuf::from(DIR),
        segment_bytes: 16 << 10,
        spare_segments: 1,
        batch_bytes_max: 12 << 10,
        record_bytes_max: 8 << 10,
        ..LogOptions::default()
    }
}

fn read(disk: &CrashStorage) -> Result<(Opened, Vec<RecordBuf>), OpenError> {
    let mut opened = Log::open(options(), env_on(disk))?;
    let mut records = Vec::new();
    opened.replay(Lsn::NONE, &mut |_| {}, &mut |record| {
        records.push(record.to_owned());
        Ok(())
    })?;
    for (lsn, record) in (1..).zip(&records) {
        assert_eq!(record.lsn, Lsn(lsn), "records are dense from 1");
    }
    assert_eq!(opened.end().last_lsn.0, records.len() as u64);
    Ok((opened, records))
}

/// A log that opens also starts, and after that holds what it held.
fn goes_on(disk: &CrashStorage, opened: Opened, records: &[RecordBuf]) {
    let started = opened.assemble::<()>();
    let (log, machines) = started.unwrap_or_else(|error| panic!("it opens and does not start: {error}"));
    drop((log, machines));
    let again = read(&disk.kill()).map(|(_, records)| records);
    assert!(
        again.as_ref().is_ok_and(|again| again == records),
        "it opens no more as it was: {:?}",
        again.err()
    );
}
