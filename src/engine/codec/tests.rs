//! What only the inside can see: the frozen files, and the leaves of the format.

use bincode::config;
use sha2::{Digest, Sha256};

use super::v1::shared::Source;
use super::v1::wire::{Amount, Stamp};

/// Version 1 was frozen with these contents. A difference means that a frozen shape was edited: put it back, and make a new
/// version beside it (see `v1/mod.rs`).
const FROZEN: [(&str, &[u8], &str); 8] = [
    (
        "mod.rs",
        include_bytes!("v1/mod.rs"),
        "7098a521dc85e3f7afd44ac49257686cdedf09818ccfcd64667023fdf52ffa7f",
    ),
    (
        "record.rs",
        include_bytes!("v1/record.rs"),
        "d00df61d988c3a4aaf17b36514397b43f64bf069786ef6e132355080250cafc3",
    ),
    (
        "request.rs",
        include_bytes!("v1/request.rs"),
        "33970f87331f5a1698c6982c307998fd21129628cd73d28d61b3931cb49779c4",
    ),
    (
        "shared.rs",
        include_bytes!("v1/shared.rs"),
        "8aa54ebba15ca76fd3160e5dc25959eaf2967f8533ca0609ce543b48114d3d75",
    ),
    (
        "state.rs",
        include_bytes!("v1/state.rs"),
        "9cb057be4cbc3a25ebbff7dad4d1315f40c2f2145184bae6b28406dc50ea89f1",
    ),
    (
        "tenant.rs",
        include_bytes!("v1/tenant.rs"),
        "bc47953185be76c94ee77f00f646901a4b35eec7e2442bee09d7c6f4b047a7b5",
    ),
    (
        "texts.rs",
        include_bytes!("v1/texts.rs"),
        "1ab82f1688edb940545c42b1daf992912190304b2d849fda811ef0e1e3795de1",
    ),
    (
        "wire.rs",
        include_bytes!("v1/wire.rs"),
        "1f26cb64336dcee6a48a02c335fbcaf5f6eef8234f981c5b03d371fa4f8c765b",
    ),
];

#[test]
fn the_shapes_of_version_1_are_never_edited() {
    for (name, content, frozen) in FROZEN {
        let found: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, frozen, "v1/{name}");
    }
}

fn bytes_of<T: bincode::Encode>(value: T) -> Vec<u8> {
    bincode::encode_to_vec(value, config::standard()).unwrap()
}

fn value_of<T: bincode::Decode<()>>(bytes: &[u8]) -> Option<T> {
    let (value, read) = bincode::decode_from_slice(bytes, config::standard()).ok()?;
    (read == bytes.len()).then_some(value)
}

const WHOLE: i128 = 1_000_000_000_000_000;

#[test]
fn amounts_take_as_few_bytes_as_their_digits_need() {
    let cases: [(i128, &[u8]); 9] = [
        (0, &[0]),
        (WHOLE, &[0x81, 1]),
        (-255 * WHOLE, &[0xA1, 255]),
        (1_000 * WHOLE, &[0x82, 0xE8, 0x03]),
        (WHOLE / 4, &[0x43, 0x90, 0xD0, 0x03]),
        (1_000_000_000, &[0x41, 1]),
        (1, &[0x01, 1]),
        (-1, &[0x21, 1]),
        (512, &[0x02, 0, 2]),
    ];
    for (value, bytes) in cases {
        assert_eq!(bytes_of(Amount(value)), bytes, "{value}");
        assert_eq!(value_of(bytes).map(|Amount(value)| value), Some(value));
    }
    for value in [i128::MAX, i128::MIN, i128::MAX / WHOLE * WHOLE, i128::MIN + 1] {
        assert_eq!(value_of(&bytes_of(Amount(value))).map(|Amount(value)| value), Some(value));
    }
}

#[test]
fn an_amount_that_no_writer_makes_is_refused() {
    let full = |tag: u8, last: u8| [&[tag], &[0xFF; 15][..], &[last]].concat();
    let refused: [Vec<u8>; 7] = [
        vec![0x20],       // minus zero
        vec![0x80],       // zero wholes
        vec![0x02, 1, 0], // a leading zero byte
        vec![0xC1, 1],    // a step that has no meaning
        full(0x11, 0xFF), // 17 bytes
        full(0x10, 0x80), // more than i128 holds
        full(0x90, 0x7F), // more than i128 holds, once multiplied
    ];
    for bytes in refused {
        assert!(value_of::<Amount>(&bytes).is_none(), "{bytes:02x?}");
    }
    assert_eq!(value_of(&full(0x10, 0x7F)).map(|Amount(value)| value), Some(i128::MAX));
}

#[test]
fn instants_on_a_whole_second_are_short_and_the_end_of_time_is_a_byte() {
    let cases: [(u64, usize); 6] = [
        (0, 1),
        (u64::MAX, 1),
        (1_800_000_000_000_000_000, 5),
        (1_800_000_000_000_000_001, 9),
        (1, 2),
        (u64::MAX - 1, 9),
    ];
    for (value, bytes) in cases {
        let written = bytes_of(Stamp(value));
        assert_eq!((written.len(), value_of(&written).map(|Stamp(value)| value)), (bytes, Some(value)));
    }
    for refused in [
        &[0x10][..],
        &[0x09, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        &[0x02, 1, 0],
        &[0x81, 1],
        &[0x15, 255, 255, 255, 255, 255],
    ] {
        assert!(value_of::<Stamp>(refused).is_none(), "{refused:02x?}");
    }
}

#[test]
fn a_number_without_a_meaning_is_named() {
    let refused = bincode::decode_from_slice::<Source, _>(&[6], config::standard()).map(drop).unwrap_err();
    assert!(refused.to_string().contains("Source has no number 6"), "{refused}");
}
