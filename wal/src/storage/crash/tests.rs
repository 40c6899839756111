//! The in-memory disk keeps the promises it was built to break the log with.

use std::io;
use std::path::Path;

use super::*;
use crate::storage::{AlignedBuf, BLOCK_BYTES, SECTOR_BYTES, publish, write_all_at};

const NOTHING_SURVIVES: CrashPlan = CrashPlan { sectors: Survival::None, names: Survival::None };
const NAMES_SURVIVE: CrashPlan = CrashPlan { sectors: Survival::None, names: Survival::All };
const PATH: &str = "/d/file";

fn disk_with_file(content: &[u8]) -> (CrashStorage, Box<dyn File>) {
    let disk = CrashStorage::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    disk.put_file(Path::new(PATH), content);
    let file = disk.open(Path::new(PATH), Access::Write).unwrap();
    (disk, file)
}

fn content(disk: &CrashStorage) -> Vec<u8> {
    disk.read_file(Path::new(PATH)).unwrap()
}

#[test]
fn a_write_is_seen_at_once_and_durable_only_after_a_sync() {
    let (disk, file) = disk_with_file(&[1; 600]);
    write_all_at(file.as_ref(), &[2; 600], 0).unwrap();
    assert_eq!(content(&disk), [2; 600]);
    assert_eq!(content(&disk.crash(&NOTHING_SURVIVES)), [1; 600]);
    assert_eq!(content(&disk.kill()), [2; 600]);
    assert_eq!(content(&disk.kill().crash(&NOTHING_SURVIVES)), [1; 600]);
    file.sync().unwrap();
    assert_eq!(content(&disk.crash(&NOTHING_SURVIVES)), [2; 600]);
}

#[test]
fn unsynced_sectors_survive_one_by_one() {
    let (disk, file) = disk_with_file(&[1; 4 * SECTOR_BYTES]);
    write_all_at(file.as_ref(), &[2; 4 * SECTOR_BYTES], 0).unwrap();
    assert_eq!(disk.unsynced(), Unsynced { sectors: 4, names: 0 });
    let torn = disk.crash(&CrashPlan { sectors: Survival::Mask(0b1010), names: Survival::None });
    let by_sector: Vec<u8> = content(&torn).chunks(SECTOR_BYTES).map(|sector| sector[0]).collect();
    assert_eq!(by_sector, [1, 2, 1, 2]);
}

#[test]
fn a_direct_write_is_durable_when_it_returns() {
    let (disk, _) = disk_with_file(&[0; BLOCK_BYTES]);
    let file = disk.open(Path::new(PATH), Access::WriteDirectSync).unwrap();
    let mut block = AlignedBuf::zeroed(BLOCK_BYTES);
    block.fill(9);
    write_all_at(file.as_ref(), &block, 0).unwrap();
    assert_eq!(content(&disk.crash(&NOTHING_SURVIVES)), [9; BLOCK_BYTES]);
}

#[test]
fn direct_files_refuse_what_is_not_aligned() {
    let (disk, _) = disk_with_file(&[0; BLOCK_BYTES]);
    let file = disk.open(Path::new(PATH), Access::WriteDirectSync).unwrap();
    let block = AlignedBuf::zeroed(2 * BLOCK_BYTES);
    for (buf, offset) in [(&block[..100], 0), (&block[1..4097], 0), (&block[..BLOCK_BYTES], 512)] {
        assert_eq!(file.write_at(buf, offset).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn a_published_file_is_there_whole_or_not_at_all_wherever_the_machine_stops() {
    for stop in 0..=5 {
        let disk = CrashStorage::new();
        disk.create_dir_all(Path::new("/d")).unwrap();
        disk.stop_at_change(1 + stop);
        let written = write_and_publish(&disk);
        assert_eq!(written.is_ok(), stop == 5);
        for seed in 0..32 {
            let plan = CrashPlan { sectors: Survival::Seeded(seed), names: Survival::Seeded(!seed) };
            let found = disk.crash(&plan).read_file(Path::new(PATH));
            assert!(found.is_none_or(|bytes| bytes == [3; 2000]), "stop {stop}, seed {seed}");
        }
    }
}

fn write_and_publish(disk: &CrashStorage) -> io::Result<()> {
    let temporary = Path::new("/d/file.tmp");
    let file = disk.open(temporary, Access::CreateNew)?;
    write_all_at(file.as_ref(), &[3; 2000], 0)?;
    publish(disk, file.as_ref(), temporary, Path::new(PATH))
}

#[test]
fn names_are_durable_only_after_their_directory_was_synced() {
    let disk = CrashStorage::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    let file = disk.open(Path::new(PATH), Access::CreateNew).unwrap();
    file.sync().unwrap();
    assert_eq!(disk.crash(&NOTHING_SURVIVES).files(), Vec::<PathBuf>::new());
    assert_eq!(disk.crash(&NAMES_SURVIVE).files(), [PathBuf::from(PATH)]);
    disk.sync_dir(Path::new("/d")).unwrap();
    disk.remove(Path::new(PATH)).unwrap();
    assert_eq!(disk.crash(&NOTHING_SURVIVES).files(), [PathBuf::from(PATH)]);
    assert_eq!(disk.crash(&NAMES_SURVIVE).files(), Vec::<PathBuf>::new());
}

#[test]
fn after_a_failed_sync_a_second_one_succeeds_and_makes_nothing_durable() {
    let (disk, file) = disk_with_file(&[1; 512]);
    write_all_at(file.as_ref(), &[2; 512], 0).unwrap();
    disk.fail_call(disk.calls(), Fault::Errno(5));
    assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(5));
    file.sync().unwrap();
    assert_eq!(content(&disk), [2; 512]);
    assert_eq!(content(&disk.crash(&NOTHING_SURVIVES)), [1; 512]);
}

#[test]
fn a_stopped_machine_answers_nothing_more() {
    let (disk, file) = disk_with_file(&[1; 512]);
    disk.stop_at_change(disk.changes());
    assert!(file.write_at(&[2; 512], 0).is_err());
    assert!(disk.stopped());
    assert!(file.sync().is_err());
    assert!(disk.list(Path::new("/d")).is_err());
    let survivors: Vec<u8> = [Survival::None, Survival::All]
        .map(|sectors| content(&disk.crash(&CrashPlan { sectors, names: Survival::None }))[0])
        .into();
    assert_eq!(survivors, [1, 2]);
}

#[test]
fn growing_past_the_capacity_reports_no_space_and_short_writes_say_how_short() {
    let (disk, file) = disk_with_file(&[1; 512]);
    disk.set_capacity_bytes(1000);
    assert_eq!(file.write_at(&[2; 1001], 0).unwrap_err().raw_os_error(), Some(28));
    assert_eq!(disk.free_bytes(Path::new("/d")).unwrap(), 488);
    disk.fail_call(disk.calls(), Fault::ShortWrite(7));
    assert_eq!(file.write_at(&[2; 512], 0).unwrap(), 7);
    assert_eq!(content(&disk)[6..8], [2, 1]);
}
