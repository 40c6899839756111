//! Format 1, byte by byte: what was written once must be written the same and be read for ever.
//!
//! `COFFER_TEST_BLESS=1` writes the files anew; that is right only while no release has the format.

use std::path::{Path, PathBuf};

use coffer_wal::batch::{
    BATCH_BYTES_LIMIT, BATCH_HEADER_BYTES, BatchHeader, BatchOwner, ChainEnd, begin_batch, open_batch_body,
    seal_batch,
};
use coffer_wal::control::{Control, SnapshotMark, decode_control};
use coffer_wal::inspect::verify;
use coffer_wal::segment::SegmentHeader;
use coffer_wal::storage::crash::CrashStorage;
use coffer_wal::storage::os::OsStorage;
use coffer_wal::storage::{Access, AlignedBuf, Storage, read_exact_at, write_all_at};
use coffer_wal::{Archive, FrameHeader, Lsn, Subject, encode_frame};
use sha2::{Digest, Sha256};

use crate::world::{Body, DIR, Op, World, env_on};

const OWNER: BatchOwner = BatchOwner { shard: 3, epoch: 9, salt: 0x1122_3344_5566_7788 };

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn blessing() -> bool {
    std::env::var_os("COFFER_TEST_BLESS").is_some_and(|value| value == "1")
}

pub(crate) fn read(name: &str) -> Vec<u8> {
    read_path(&golden_dir().join(name))
}

fn read_path(path: &Path) -> Vec<u8> {
    let file = OsStorage::buffered().open(path, Access::Read);
    let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = vec![0; usize::try_from(file.bytes().unwrap()).unwrap()];
    read_exact_at(file.as_ref(), &mut bytes, 0).unwrap();
    bytes
}

fn bless(path: &Path, bytes: &[u8]) {
    let storage = OsStorage::buffered();
    storage.create_dir_all(path.parent().unwrap()).unwrap();
    if storage.exists(path).unwrap() {
        storage.remove(path).unwrap();
    }
    write_all_at(storage.open(path, Access::CreateNew).unwrap().as_ref(), bytes, 0).unwrap();
}

/// A seed of a fuzz target is still what the golden files make of it.
#[track_caller]
pub(crate) fn assert_seed(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
    if blessing() {
        bless(&path, bytes);
    }
    assert!(read_path(&path) == bytes, "{name}");
}

#[track_caller]
fn assert_golden(name: &str, bytes: &[u8]) {
    if blessing() {
        bless(&golden_dir().join(name), bytes);
    }
    let golden = read(name);
    let differs = golden.iter().zip(bytes).position(|(golden, now)| golden != now);
    assert_eq!((differs, bytes.len()), (None, golden.len()), "{name}: first differing byte, and the lengths");
}

fn chain() -> ChainEnd {
    ChainEnd { sequence: 4, lsn: Lsn(10), hash: [6; 32], time_ns: 1_000 }
}

fn frame_header(lsn: u64) -> FrameHeader {
    FrameHeader {
        record_type: 0x0102,
        version: 3,
        flags: 4,
        subject: Subject { kind: 2, tenant: 0x0A0B_0C0D, number: 0x1112_1314_1516_1718 },
        time_ns: 990 + lsn,
        previous: Lsn(lsn - 1),
    }
}

/// A batch of one record for each pair of parts.
fn batch_of(records: &[(&[u8], &[u8])]) -> (AlignedBuf, BatchHeader) {
    let mut frames = Vec::new();
    for (lsn, (public, personal)) in (11..).zip(records) {
        encode_frame(&mut frames, &frame_header(lsn), public, personal).unwrap();
    }
    let mut buf = AlignedBuf::default();
    begin_batch(&mut buf);
    buf.extend_from_slice(&frames);
    let header = seal_batch(&mut buf, u32::try_from(records.len()).unwrap(), &chain(), OWNER).unwrap();
    (buf, header)
}

/// What is written is what was written before, and what was written before is still read.
#[track_caller]
fn assert_batch(name: &str, records: &[(&[u8], &[u8])]) -> BatchHeader {
    let (written, sealed) = batch_of(records);
    assert_golden(name, &written);
    let mut golden = read(name);
    let header = BatchHeader::decode(&golden, OWNER.salt).unwrap();
    assert_eq!(header, sealed);
    open_batch_body(&header, &mut golden).unwrap();
    header
}

#[test]
fn an_empty_record_makes_the_smallest_batch() {
    let header = assert_batch("batch-empty.bin", &[(b"", b"")]);
    assert_eq!((header.length, header.mask), (176, 0));
}

#[test]
fn a_batch_of_some_records_with_both_parts() {
    let header =
        assert_batch("batch-plain.bin", &[(b"public", b"personal"), (b"", b"name"), (&[7; 5000], b"")]);
    assert_eq!((header.count, header.mask, header.extent_bytes()), (3, 0, 8192));
}

#[test]
fn a_record_of_zeros_is_masked() {
    let header = assert_batch("batch-masked.bin", &[(&[0; 3000], b"")]);
    assert_ne!(header.mask, 0);
}

#[test]
fn the_largest_batch_is_a_mebibyte() {
    let whole: Vec<u8> = (0..=250).cycle().take(200 << 10).collect();
    let last_bytes = BATCH_BYTES_LIMIT - BATCH_HEADER_BYTES - 5 * (48 + whole.len()) - 48;
    let mut records = vec![(&whole[..], &b""[..]); 5];
    records.push((&whole[..last_bytes], b""));
    let (batch, header) = batch_of(&records);
    assert_eq!((header.length, batch.len()), (1 << 20, 1 << 20));
    assert_golden("batch-largest-first-block.bin", &batch[..4096]);
    assert_golden("batch-largest.sha256", &Sha256::digest(&batch[..]));
}

#[test]
fn the_headers_of_segment_and_control_file() {
    let header = SegmentHeader {
        shard: 3,
        store: *b"a store's own id",
        number: 0x1F,
        epoch: 9,
        salt: OWNER.salt,
        bytes: 64 << 20,
        created_ns: 1_763_750_000_000_000_000,
        previous_end: 40_960,
        chain: chain(),
    };
    assert_golden("segment-header.bin", &header.encode());
    assert_eq!(SegmentHeader::decode(&read("segment-header.bin")), Ok(header));
    let control = Control {
        turn: 8,
        epoch: 9,
        live_segment: 0x1F,
        last: chain(),
        snapshots: vec![SnapshotMark { id: 2, start_lsn: Lsn(5) }, SnapshotMark { id: 3, start_lsn: Lsn(9) }],
        clean: true,
        ..Control::new(*b"a store's own id", 3)
    };
    let older = Control { turn: 7, clean: false, ..control.clone() };
    assert_golden("control.bin", &[control.encode(), older.encode()].concat());
    assert_eq!(decode_control(&read("control.bin")).unwrap(), (control, false));
}

/// A small store with everything in it: archive, snapshots, two runs, a masked batch, a spare.
fn small_store() -> World {
    let mut world = World::new();
    let mut ops: Vec<Op> = (0..3).flat_map(|_| [Op::Append(vec![7000, 300, 1100]), Op::Write]).collect();
    ops.extend([Op::Seal, Op::Snapshot, Op::Snapshot, Op::Purge, Op::Append(vec![20]), Op::Write, Op::Close]);
    world.run(&ops).unwrap();
    world.disk = world.disk.kill();
    world.run(&[Op::Append(vec![1, 600]), Op::Write, Op::Fill, Op::Idle]).unwrap();
    world
}

#[test]
fn a_store_of_format_1_opens_and_holds_what_it_held() {
    let world = small_store();
    if blessing() {
        let names: Vec<String> = world.disk.files().iter().map(|path| name_of(path)).collect();
        for name in &names {
            bless(
                &golden_dir().join("store").join(name),
                &world.disk.read_file(&Path::new(DIR).join(name)).unwrap(),
            );
        }
        bless(&golden_dir().join("store/files.txt"), names.join("\n").as_bytes());
    }
    let list = String::from_utf8(read("store/files.txt")).unwrap();
    let disk = CrashStorage::new();
    let (env, _) = env_on(&disk, 5);
    for dir in ["wal", "archive", "snapshots"] {
        disk.create_dir_all(&Path::new(DIR).join(dir)).unwrap();
    }
    for name in list.lines() {
        disk.put_file(&Path::new(DIR).join(name), &read(&format!("store/{name}")));
    }
    let report = verify(&env, Path::new(DIR), &mut |_| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
    let mut found = World { disk, ..world };
    drop(found.recover("the golden store"));
    assert_eq!((found.model.records.len(), report.snapshots.len()), (12, 2));
    assert_eq!(found.model.records[10], Body::zeros(1));
    found.disk = found.disk.kill();
    found.run(&[Op::Append(vec![50]), Op::Write, Op::Close]).unwrap();
}

#[test]
fn a_snapshot_of_format_2_is_written_as_it_was() {
    let written =
        small_store().disk.read_file(&Path::new(DIR).join("snapshots/0000000000000002.snap")).unwrap();
    assert_golden("snapshot-2.bin", &written);
}

/// Where the audit tree stands in an archived segment, by its trailer.
fn audit_tree(file: &[u8]) -> &[u8] {
    let number =
        |at: usize| usize::try_from(u64::from_le_bytes(file[at..at + 8].try_into().unwrap())).unwrap();
    let trailer = file.len() - 160;
    &file[number(trailer + 48)..][..number(trailer + 56)]
}

/// Made without the crate's own functions: what the page says is enough to compute it.
#[test]
fn an_audit_tree_is_what_the_page_says_byte_by_byte() {
    let world = small_store();
    let file = world.disk.read_file(&Path::new(DIR).join("archive/0000000000000001.arc")).unwrap();
    assert_golden("audit-tree.bin", audit_tree(&file));
    let sha = |parts: &[&[u8]]| -> [u8; 32] { Sha256::digest(parts.concat()).into() };
    let mut leaves = Vec::new();
    let store = &file[16..32];
    let (env, _) = env_on(&world.disk, 5);
    let archive = Archive::open(&env, Path::new(DIR).join("archive"), store.try_into().unwrap(), 0).unwrap();
    let segment = archive.segment(1).unwrap();
    segment
        .scan(Lsn::FIRST, segment.chain_after().lsn, &mut |record| {
            let header = record.header;
            let public = sha(&[
                &record.lsn.0.to_le_bytes(),
                &header.record_type.to_le_bytes(),
                &[header.version, header.flags, header.subject.kind, 0, 0, 0],
                &header.subject.tenant.to_le_bytes(),
                &header.subject.number.to_le_bytes(),
                &header.time_ns.to_le_bytes(),
                &header.previous.0.to_le_bytes(),
                record.public,
            ]);
            leaves.push(sha(&[&[0], &public, &sha(&[record.personal])]));
            Ok(())
        })
        .unwrap();
    let mut level = leaves.clone();
    while level.len() > 1 {
        let pair =
            |pair: &[[u8; 32]]| if pair.len() == 2 { sha(&[&[1], &pair[0], &pair[1]]) } else { pair[0] };
        level = level.chunks(2).map(pair).collect();
    }
    let (root, count) = (level[0], leaves.len() as u64);
    let before = sha(&[b"coffer audit", store, &[0, 0]]);
    let chained = sha(&[&before, &1_u64.to_le_bytes(), &1_u64.to_le_bytes(), &count.to_le_bytes(), &root]);
    let expected = [
        b"CofrTree",
        &1_u32.to_le_bytes()[..],
        &256_u32.to_le_bytes(),
        &count.to_le_bytes(),
        &before,
        &root,
        &chained,
        &root,
    ]
    .concat();
    assert!(audit_tree(&file) == expected);
}

/// The path below the shard's directory.
fn name_of(path: &Path) -> String {
    path.strip_prefix(DIR).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn the_same_life_writes_the_same_bytes_and_makes_the_same_calls() {
    let (one, other) = (small_store().disk, small_store().disk);
    assert_eq!(one.trace(), other.trace());
    assert_eq!(one.files(), other.files());
    for path in one.files() {
        assert!(one.read_file(&path) == other.read_file(&path), "{}", path.display());
    }
}
