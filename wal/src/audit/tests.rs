//! The tree beside a definition that shares nothing with it but the hash, and paths that lead nowhere else.

use proptest::prelude::*;

use super::*;
use crate::frame::{FrameHeader, Subject};

/// RFC 6962, 2.1, word for word: split at the largest power of two below the number of leaves.
fn defined(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            let both = [&[1][..], &defined(left), &defined(right)].concat();
            Sha256::digest(both).into()
        }
    }
}

fn leaves(count: usize, seed: u64) -> Vec<Hash> {
    (0..count as u64)
        .map(|at| Sha256::digest([seed.to_le_bytes(), at.to_le_bytes()].concat()).into())
        .collect()
}

fn built(leaves: &[Hash]) -> (Hash, Vec<Hash>) {
    let mut builder = TreeBuilder::new();
    leaves.iter().for_each(|leaf| builder.push(*leaf));
    assert_eq!(builder.leaves(), leaves.len() as u64);
    builder.finish()
}

/// The whole path of a leaf, as the archive makes it: within its group, then above the groups.
fn whole_path(leaves: &[Hash], at: usize) -> Vec<Hash> {
    let group = usize::try_from(GROUP_LEAVES).unwrap();
    let (_, groups) = built(leaves);
    let own = leaves.chunks(group).nth(at / group).unwrap();
    [path_to(own, at % group), path_to(&groups, at / group)].concat()
}

#[test]
fn every_leaf_of_every_small_tree_is_proven_and_no_other_leaf_is() {
    for count in 1..=70 {
        let leaves = leaves(count, 1);
        let root = defined(&leaves);
        assert_eq!((built(&leaves).0, tree_of(&leaves)), (root, root), "{count}");
        for (at, leaf) in leaves.iter().enumerate() {
            let path = whole_path(&leaves, at);
            let by_path =
                |leaf: &Hash, at: usize, path: &[Hash]| root_by_path(*leaf, at as u64, count as u64, path);
            assert_eq!(by_path(leaf, at, &path), Some(root), "{at} of {count}");
            for other in (0..=count).filter(|other| *other != at) {
                assert_ne!(by_path(leaf, other, &path), Some(root), "{at} of {count} passed for {other}");
            }
            assert_ne!(by_path(&[9; 32], at, &path), Some(root));
            assert_eq!(by_path(leaf, at, &[&path[..], &[[0; 32]]].concat()), None, "a path that is too long");
            if let Some((_, shorter)) = path.split_last() {
                assert_eq!(by_path(leaf, at, shorter), None, "a path that is too short");
            }
        }
    }
}

#[test]
fn a_tree_without_leaves_has_the_hash_of_nothing() {
    assert_eq!(built(&[]), (Sha256::digest([]).into(), Vec::new()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_of_any_size_is_the_defined_one_above_its_groups_too_and_proves_its_leaves(
        count in 1_usize..3_000, seed: u64, places: Vec<prop::sample::Index>,
    ) {
        let leaves = leaves(count, seed);
        let (root, groups) = built(&leaves);
        prop_assert_eq!(root, defined(&leaves));
        prop_assert_eq!(root, tree_of(&groups));
        let group = usize::try_from(GROUP_LEAVES).unwrap();
        prop_assert_eq!(&groups, &leaves.chunks(group).map(defined).collect::<Vec<_>>());
        for at in places.iter().map(|place| place.index(count)).chain([0, count - 1]) {
            let path = whole_path(&leaves, at);
            prop_assert_eq!(root_by_path(leaves[at], at as u64, count as u64, &path), Some(root));
        }
    }
}

#[test]
fn whatever_identifies_a_record_changes_its_leaf() {
    let header = FrameHeader {
        record_type: 1,
        version: 2,
        flags: 3,
        subject: Subject { kind: 4, tenant: 5, number: 6 },
        time_ns: 7,
        previous: Lsn(8),
    };
    let leaf = |lsn, header, public: &[u8], personal: &[u8]| {
        leaf_of_record(&Record { lsn: Lsn(lsn), header, public, personal, erased: None })
    };
    let subject = header.subject;
    let all = [
        leaf(9, header, b"public", b"personal"),
        leaf(10, header, b"public", b"personal"),
        leaf(9, FrameHeader { record_type: 9, ..header }, b"public", b"personal"),
        leaf(9, FrameHeader { version: 9, ..header }, b"public", b"personal"),
        leaf(9, FrameHeader { flags: 9, ..header }, b"public", b"personal"),
        leaf(9, FrameHeader { subject: Subject { kind: 9, ..subject }, ..header }, b"public", b"personal"),
        leaf(9, FrameHeader { subject: Subject { tenant: 9, ..subject }, ..header }, b"public", b"personal"),
        leaf(9, FrameHeader { subject: Subject { number: 9, ..subject }, ..header }, b"public", b"personal"),
        leaf(9, FrameHeader { time_ns: 9, ..header }, b"public", b"personal"),
        leaf(9, FrameHeader { previous: Lsn(9), ..header }, b"public", b"personal"),
        leaf(9, header, b"publi", b"cpersonal"),
        leaf(9, header, b"public", b""),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one), "{at}");
    }
}

#[test]
fn whatever_a_segment_is_changes_the_chained_root() {
    let segment = SegmentRoot { number: 1, first: Lsn(2), last: Lsn(3), root: [4; 32] };
    let genesis = genesis_root(b"a store's own id", 0);
    let all = [
        segment.chained_to(&genesis),
        segment.chained_to(&genesis_root(b"a store's own id", 1)),
        segment.chained_to(&genesis_root(b"another store id", 0)),
        SegmentRoot { number: 9, ..segment }.chained_to(&genesis),
        SegmentRoot { first: Lsn(1), ..segment }.chained_to(&genesis),
        SegmentRoot { last: Lsn(9), ..segment }.chained_to(&genesis),
        SegmentRoot { root: [9; 32], ..segment }.chained_to(&genesis),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one), "{at}");
    }
    assert_eq!(segment.records(), Some(2));
    assert_eq!(SegmentRoot { last: Lsn(1), ..segment }.records(), Some(0));
    assert_eq!(SegmentRoot { last: Lsn(0), ..segment }.records(), None);
}

#[test]
fn a_personal_part_of_nothing_has_the_hash_of_nothing() {
    assert_eq!(personal_hash(b""), <Hash>::from(Sha256::digest(b"")));
}
