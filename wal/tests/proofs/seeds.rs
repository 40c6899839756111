//! The seeds of the fuzz targets are the golden files of format 1, packed.
//!
//! `COFFER_TEST_BLESS=1` writes them anew.

use coffer_wal::batch::BATCH_HEADER_BYTES;
use coffer_wal::fuzzing::{PackedFile, Place, archive, frames, pack, snapshot, store};

use crate::golden::{assert_seed, read};

fn file(place: Place, number: u8, name: &str) -> PackedFile {
    PackedFile { place, number, bytes: read(&format!("store/{name}")) }
}

/// As they are, and with their checksums made right, which must change nothing.
fn assert_seeds(target: fn(&[u8]), name: &str, files: &[PackedFile]) {
    for (kind, mended) in [("plain", false), ("mended", true)] {
        let packed = pack(mended, files);
        assert_seed(&format!("{name}-{kind}.bin"), &packed);
        target(&packed);
    }
}

#[test]
fn the_golden_store_is_a_seed_of_the_store_target() {
    let mut files = vec![file(Place::Control, 0, "control")];
    files.extend((1..=2).map(|number| file(Place::Archive, number, &format!("archive/{number:016x}.arc"))));
    files.extend(
        (1..=2).map(|number| file(Place::Snapshot, number, &format!("snapshots/{number:016x}.snap"))),
    );
    files.extend((3..=6).map(|number| file(Place::Segment, number, &format!("wal/{number:016x}.seg"))));
    assert_seeds(store, "store/golden", &files);
}

#[test]
fn golden_archives_and_snapshots_are_seeds_of_their_targets() {
    for number in 1..=2 {
        let archived = file(Place::Archive, number, &format!("archive/{number:016x}.arc"));
        assert_seeds(archive, &format!("archive/golden-{number}"), &[archived]);
        let snapshotted = file(Place::Snapshot, number, &format!("snapshots/{number:016x}.snap"));
        assert_seeds(snapshot, &format!("snapshot/golden-{number}"), &[snapshotted]);
    }
}

#[test]
fn golden_batches_and_headers_are_seeds_of_the_frames_target() {
    let plain = read("batch-plain.bin");
    let length = usize::try_from(u32::from_le_bytes(*plain[4..].first_chunk().unwrap())).unwrap();
    let empty = &read("batch-empty.bin")[..176];
    for (name, seed) in [
        ("batch", &plain[..length]),
        ("batch-empty", empty),
        ("frame", &empty[BATCH_HEADER_BYTES..]),
        ("frames", &plain[BATCH_HEADER_BYTES..length]),
        ("segment-header", &read("segment-header.bin")[..140]),
        ("control", &read("control.bin")[..4096 + 180]),
    ] {
        assert_seed(&format!("frames/{name}.bin"), seed);
        frames(seed);
    }
}
