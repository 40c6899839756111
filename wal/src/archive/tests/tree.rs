//! Audit trees in archived segments: what they prove, what they find, and segments of a version that made none.

use super::*;
use crate::archive::layout::{TRAILER_BYTES, Trailer};
use crate::audit::{genesis_root, leaf_of_record, root_by_path};

/// The same file as a version without audit trees wrote it.
fn without_tree(bytes: &[u8]) -> Vec<u8> {
    let trailer_at = bytes.len() - TRAILER_BYTES;
    let trailer = Trailer::decode(&bytes[trailer_at..], bytes.len() as u64).unwrap();
    let end = usize::try_from(trailer.index_at + trailer.index_bytes).unwrap();
    let mut stripped = bytes[..end].to_vec();
    stripped.resize((end + TRAILER_BYTES).next_multiple_of(4096) - TRAILER_BYTES, 0);
    let file_bytes = (stripped.len() + TRAILER_BYTES) as u64;
    stripped.extend_from_slice(
        &Trailer { tree_at: 0, tree_bytes: 0, tree_crc: 0, file_bytes, ..trailer }.encode(),
    );
    stripped
}

fn strip(disk: &CrashStorage, archive: &Archive, number: u64) {
    let path = archive.path(number);
    let stripped = without_tree(&disk.read_file(&path).unwrap());
    disk.put_file(&path, &stripped);
}

fn proof(archive: &Archive, lsn: u64) -> RecordProof {
    match archive.prove(Lsn(lsn)).unwrap() {
        Provable::Proven(proof) => *proof,
        other => panic!("{lsn}: {other:?}"),
    }
}

#[test]
fn every_record_is_proven_up_to_the_chained_root_of_its_segment() {
    let archive = archive_on(&CrashStorage::new(), 0);
    let sizes: [&[(u32, usize)]; 5] =
        [&[(3, 10), (600, 300)], &[(1, 0)], &[], &[(256, 5)], &[(200, 1000), (313, 9)]];
    let (mut chain, mut before) = (genesis(), genesis_root(&STORE, 0));
    for (number, batches) in (1..).zip(sizes) {
        let first = chain.lsn.next();
        chain = archive_segment(&archive, number, chain, batches).unwrap();
        let (segment, chained) = archive.chained_root(number).unwrap().unwrap();
        assert_eq!((segment.first, segment.last), (first, chain.lsn));
        assert_eq!(segment.chained_to(&before), chained);
        assert_eq!(archive.verify_chained_root(number).unwrap(), Some((segment, chained)));
        for lsn in first.0..=chain.lsn.0 {
            let proof = proof(&archive, lsn);
            assert_eq!((proof.record.lsn.0, proof.segment, proof.before), (lsn, segment, before));
            let leaf = leaf_of_record(&proof.record.as_record());
            let root = root_by_path(leaf, lsn - first.0, segment.records().unwrap(), &proof.path);
            assert_eq!(root, Some(segment.root), "record {lsn}");
        }
        before = chained;
    }
    assert_eq!(archive.prove(chain.lsn.next()).unwrap(), Provable::NotArchived);
}

#[test]
fn a_segment_without_a_tree_is_read_and_verified_and_proves_nothing() {
    let disk = CrashStorage::new();
    let archive = archive_on(&disk, 0);
    let first = archive_segment(&archive, 1, genesis(), &[(3, 10)]).unwrap();
    strip(&disk, &archive, 1);
    let archive = archive_on(&disk, 0);
    archive.verify(1).unwrap();
    assert_eq!(read(&archive, 1, 3).unwrap().len(), 3);
    assert_eq!(archive.prove(Lsn(2)).unwrap(), Provable::NoTree);
    assert_eq!(archive.verify_chained_root(1).unwrap(), None);
    archive_segment(&archive, 2, first, &[(3, 10)]).unwrap();
    assert_eq!(
        proof(&archive, 4).before,
        genesis_root(&STORE, 0),
        "the chain of roots begins with the first tree"
    );
    archive.verify_chained_root(2).unwrap();
}

#[test]
fn a_tree_that_is_taken_away_or_follows_another_is_found_by_the_one_behind_it() {
    let disk = CrashStorage::new();
    let archive = archive_on(&disk, 0);
    let first = archive_segment(&archive, 1, genesis(), &[(3, 10)]).unwrap();
    archive_segment(&archive, 2, first, &[(3, 10)]).unwrap();
    let sound = disk.read_file(&archive.path(1)).unwrap();
    strip(&disk, &archive, 1);
    let damage = |archive: &Archive| match archive.verify_chained_root(2) {
        Err(ArchiveError::Damaged { damage, .. }) => damage,
        other => panic!("{other:?}"),
    };
    assert_eq!(damage(&archive_on(&disk, 0)), ArchiveDamage::RootChain);
    archive_segment(&archive_on(&disk, 0), 1, genesis(), &[(3, 11)]).unwrap();
    assert_eq!(damage(&archive_on(&disk, 0)), ArchiveDamage::RootChain, "whole, but of other records");
    disk.put_file(&archive.path(1), &sound);
    archive_on(&disk, 0).verify_chained_root(2).unwrap();
}

/// The checksums of tree and trailer are right, the tree is not.
#[test]
fn a_tree_of_other_records_is_found_by_verify_and_gives_no_proof() {
    let disk = CrashStorage::new();
    let archive = archive_on(&disk, 0);
    archive_segment(&archive, 1, genesis(), &[(300, 10)]).unwrap();
    let sound = disk.read_file(&archive.path(1)).unwrap();
    let trailer_at = sound.len() - TRAILER_BYTES;
    let trailer = Trailer::decode(&sound[trailer_at..], sound.len() as u64).unwrap();
    let at = usize::try_from(trailer.tree_at).unwrap();
    let end = at + usize::try_from(trailer.tree_bytes).unwrap();
    for offset in at + 16..end {
        let mut changed = sound.clone();
        changed[offset] ^= 1;
        let tree_crc = crc32fast::hash(&changed[at..end]);
        changed[trailer_at..].copy_from_slice(&Trailer { tree_crc, ..trailer }.encode());
        disk.put_file(&archive.path(1), &changed);
        let refused = archive_on(&disk, 0);
        let found = refused.verify(1).and_then(|()| refused.verify_chained_root(1).map(drop));
        assert!(matches!(found, Err(ArchiveError::Damaged { .. })), "byte {}", offset - at);
        // The number of leaves and the first root are read by whoever verifies the chain; the rest is needed for a proof.
        if offset >= at + 120 {
            refused.prove(Lsn(1)).unwrap_err();
        }
    }
}
