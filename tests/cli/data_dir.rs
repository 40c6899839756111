//! A data directory that cannot be used: a clear line, a code of its own, and nothing touched.

use crate::program::{Ended, Place, Server};

/// Where the format stands in a slot of the control file, and where its checksum (docs/WAL_FORMAT.md).
const FORMAT_AT: usize = 8;
const CRC_AT: usize = 176;

/// Starts a server on it, which must fail and leave every byte as it was.
fn refused(place: &Place) -> Ended {
    let before = place.tree();
    let ended = place.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(place.tree() == before, "something was touched: {ended:?}");
    ended
}

#[test]
fn a_directory_in_use_ends_with_75_for_every_command_that_would_open_it() {
    let place = Place::new();
    let server = Server::start(&place);
    let listening = ["serve", "--listen", "127.0.0.1:0"];
    let commands: [&[&str]; 9] = [
        &listening,
        &["keys", "list"],
        &["wal", "verify"],
        &["wal", "stat"],
        &["wal", "dump"],
        &["snapshot", "take"],
        &["audit", "verify"],
        &["replay"],
        &["audit", "checkpoint"],
    ];
    for args in commands {
        let ended = place.run(args);
        assert_eq!(ended.code, 75, "{args:?}: {ended:?}");
        assert!(ended.line().contains("locked"), "{args:?}: {ended:?}");
    }
    assert!(server.stop().success());
}

#[test]
fn a_directory_of_another_format_ends_with_76() {
    let place = Place::with_two_keys();
    let path = place.shard_file("control");
    let mut control = std::fs::read(&path).unwrap();
    for slot in [0, 4_096] {
        control[slot + FORMAT_AT] = 9;
        let crc = crc32(&control[slot..slot + CRC_AT]);
        control[slot + CRC_AT..slot + CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
    }
    std::fs::write(&path, control).unwrap();
    let ended = refused(&place);
    assert_eq!(ended.code, 76, "{ended:?}");
    assert!(ended.line().contains("has format 9, this program reads format 1"), "{ended:?}");
}

#[test]
fn a_directory_of_another_store_ends_with_65() {
    let (place, other) = (Place::with_two_keys(), Place::with_two_keys());
    std::fs::copy(other.shard_file("control"), place.shard_file("control")).unwrap();
    let ended = refused(&place);
    assert_eq!(ended.code, 65, "{ended:?}");
    assert!(ended.line().contains("another store"), "{ended:?}");
}

#[test]
fn a_damaged_log_ends_with_65_and_says_where() {
    let place = Place::with_two_keys();
    place.flip("wal/0000000000000002.seg", 4_096 + 200);
    let ended = refused(&place);
    assert_eq!(ended.code, 65, "{ended:?}");
    assert!(ended.line().contains("0000000000000002.seg"), "{ended:?}");
    let before = place.tree();
    let verified = place.run(&["wal", "verify", "--json"]);
    assert_eq!(verified.code, 65);
    assert_eq!(verified.json()["sound"], false);
    assert!(place.tree() == before, "verify touched something");
}

#[test]
fn a_damaged_control_file_ends_with_65() {
    let place = Place::with_two_keys();
    place.flip("control", 40);
    place.flip("control", 4_096 + 40);
    let ended = refused(&place);
    assert_eq!(ended.code, 65, "{ended:?}");
    assert!(ended.line().contains("control"), "{ended:?}");
}

#[test]
fn a_directory_that_cannot_be_made_ends_with_73() {
    let place = Place::new();
    std::fs::write(place.data(), "a file stands where the directory should be").unwrap();
    let ended = refused(&place);
    assert_eq!(ended.code, 73, "{ended:?}");
    assert!(ended.line().contains(&place.arg()), "{ended:?}");
}

#[test]
fn a_damaged_snapshot_is_found_and_the_start_goes_on_without_it() {
    let place = Place::with_two_keys();
    let taken = place.run(&["snapshot", "take", "--json"]).ok().json();
    let name = format!("snapshots/{:016x}.snap", taken["id"].as_u64().unwrap());
    place.run(&["snapshot", "verify"]).ok();
    place.flip(&name, 100);
    let verified = place.run(&["snapshot", "verify", "--json"]);
    assert_eq!(verified.code, 65, "{verified:?}");
    assert_eq!(verified.json()["damaged"].as_array().unwrap().len(), 1);
    let server = Server::start(&place);
    assert!(server.stop().success());
}

/// CRC-32 (IEEE), bit by bit: a second opinion for the control file's checksum.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}
