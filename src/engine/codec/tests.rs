//! What only the inside can see: the frozen files, and the leaves of the format.

use bincode::config;
use sha2::{Digest, Sha256};

use super::v1::shared::Source;
use super::v1::wire::{Amount, List, Stamp};
use super::v2::hold::HoldVerb;
use super::v2::wire::{Row, Walk};

/// Versions were frozen with these contents. A difference means that a frozen shape was edited: put it back, and make a new
/// version beside it (see `v1/mod.rs` to `v4/mod.rs`).
const FROZEN: [(&str, &[u8], &str); 36] = [
    (
        "v1/mod.rs",
        include_bytes!("v1/mod.rs"),
        "7098a521dc85e3f7afd44ac49257686cdedf09818ccfcd64667023fdf52ffa7f",
    ),
    (
        "v1/record.rs",
        include_bytes!("v1/record.rs"),
        "d00df61d988c3a4aaf17b36514397b43f64bf069786ef6e132355080250cafc3",
    ),
    (
        "v1/request.rs",
        include_bytes!("v1/request.rs"),
        "33970f87331f5a1698c6982c307998fd21129628cd73d28d61b3931cb49779c4",
    ),
    (
        "v1/shared.rs",
        include_bytes!("v1/shared.rs"),
        "8aa54ebba15ca76fd3160e5dc25959eaf2967f8533ca0609ce543b48114d3d75",
    ),
    (
        "v1/state.rs",
        include_bytes!("v1/state.rs"),
        "9cb057be4cbc3a25ebbff7dad4d1315f40c2f2145184bae6b28406dc50ea89f1",
    ),
    (
        "v1/tenant.rs",
        include_bytes!("v1/tenant.rs"),
        "bc47953185be76c94ee77f00f646901a4b35eec7e2442bee09d7c6f4b047a7b5",
    ),
    (
        "v1/texts.rs",
        include_bytes!("v1/texts.rs"),
        "1ab82f1688edb940545c42b1daf992912190304b2d849fda811ef0e1e3795de1",
    ),
    (
        "v1/wire.rs",
        include_bytes!("v1/wire.rs"),
        "1f26cb64336dcee6a48a02c335fbcaf5f6eef8234f981c5b03d371fa4f8c765b",
    ),
    (
        "v2/back.rs",
        include_bytes!("v2/back.rs"),
        "88c0f3267c28744efef75a0a7ea5e92e544c627a4a60f999ed1743b11bb31ce7",
    ),
    (
        "v2/charge.rs",
        include_bytes!("v2/charge.rs"),
        "e8209478341dd84278c8857cb2a55c28bc986d1902478f6dd9bf8ca561303d1f",
    ),
    (
        "v2/hold.rs",
        include_bytes!("v2/hold.rs"),
        "6b82d725627e09505b4b8c6165e1359345472fec2677ca860589137e1d88cb87",
    ),
    (
        "v2/invoice.rs",
        include_bytes!("v2/invoice.rs"),
        "538abb1c5f037a5bced45067902740b0bdb3d59d59237d6e7bc40669bf20a8fe",
    ),
    (
        "v2/mod.rs",
        include_bytes!("v2/mod.rs"),
        "f93f1c56096492b4a03422ac48f7c21bf06ada1b7a8c717782b901c9fc77acad",
    ),
    (
        "v2/record.rs",
        include_bytes!("v2/record.rs"),
        "4dac930c3c7e6f67730a45dca49e4a28fd78db9411beb70621cc11601d9ff68a",
    ),
    (
        "v2/request.rs",
        include_bytes!("v2/request.rs"),
        "52857b5da6d3942bcaa2f79c61afd8f9eabbe8e20773e52d568c46012a041ebd",
    ),
    (
        "v2/state.rs",
        include_bytes!("v2/state.rs"),
        "105e0b07c5108213181cc4d72cef2aed72f264eac76d8ad7ab63df17f859368a",
    ),
    (
        "v2/tenant.rs",
        include_bytes!("v2/tenant.rs"),
        "9f196cc83ff85ac693187eed0be6e18f158a098987b3520bf4a187aaedbb43eb",
    ),
    (
        "v2/texts.rs",
        include_bytes!("v2/texts.rs"),
        "302c340878c00c5ccaa500ac8a4acd6b28a5fbadd25d784e771902548712403d",
    ),
    (
        "v2/transfer.rs",
        include_bytes!("v2/transfer.rs"),
        "bbf689bfe42c37b0a077c26008d9249211bc690ab01a810749d8d264ea306a00",
    ),
    (
        "v2/wire.rs",
        include_bytes!("v2/wire.rs"),
        "6ff78bc0ed008bd49f196ae8454896188d949133e25bd906932e3dde19979add",
    ),
    (
        "v3/grant.rs",
        include_bytes!("v3/grant.rs"),
        "ea273932418758e3d176a0f8430bb68bb788bac7850e44310d0db8e31b631304",
    ),
    (
        "v3/mod.rs",
        include_bytes!("v3/mod.rs"),
        "7d7a801d1bd3d369fe47b9109d543e9399bc6b2f8f7c4015bf4df0e924dd6c0a",
    ),
    (
        "v3/recharge.rs",
        include_bytes!("v3/recharge.rs"),
        "5eec383ad8491c8cfc60d90d6b298dd5a97c350ea5b515713dac3ea9991fb849",
    ),
    (
        "v3/record.rs",
        include_bytes!("v3/record.rs"),
        "af1a83ed992fce10450047f28429280fdc1248b3da9404520bcf1f1325d036ba",
    ),
    (
        "v3/request.rs",
        include_bytes!("v3/request.rs"),
        "7020d68ede27b81f877807853628dfa46fbcc00eedb9ebb7a496d33657a311fa",
    ),
    (
        "v3/rules.rs",
        include_bytes!("v3/rules.rs"),
        "a9e4e82746d1bb3daa36b4102db61ca4fa507bd807fd519a14e328d639853654",
    ),
    (
        "v3/state.rs",
        include_bytes!("v3/state.rs"),
        "e80deedde91dfc4da10637d5197a5f1f040cba3ed5b49ebec5b72af9db5872d9",
    ),
    (
        "v3/tenant.rs",
        include_bytes!("v3/tenant.rs"),
        "dce85538ff5ff9ee28fade41edb705a29e1f5970a6a5d8de2446caff6529b705",
    ),
    (
        "v3/texts.rs",
        include_bytes!("v3/texts.rs"),
        "9f0794e537e66e5f03fc1dac963f27b575bafb606a487dd249895f7d7c7fa8b2",
    ),
    (
        "v3/webhook.rs",
        include_bytes!("v3/webhook.rs"),
        "cbcc5b8ac9d7cb9e1a32a4e979bbeda4d968b423b44d17ca09f7d18887487e0a",
    ),
    (
        "v3/wire.rs",
        include_bytes!("v3/wire.rs"),
        "79e467de3dcbc7c7870aab9f210294ead71e14a5cc4be1c8d0305d9eda5aef49",
    ),
    (
        "v4/mod.rs",
        include_bytes!("v4/mod.rs"),
        "53151a97056981c7d03a088549daadf16c31a396ef22ece3b0f8a2934be053c5",
    ),
    (
        "v4/request.rs",
        include_bytes!("v4/request.rs"),
        "4b8e3e3e38af89d3ea31534b310adb01ef76fe29fbab8fbe09dee4d08442efa8",
    ),
    (
        "v4/tenant.rs",
        include_bytes!("v4/tenant.rs"),
        "ce835b831d86ac18374adc08df792612e64273ac505fa9176fa462d2c68d5161",
    ),
    (
        "v4/texts.rs",
        include_bytes!("v4/texts.rs"),
        "3f7d41859718ed235f189d0e68f35d35f20221664385d0a38a7f4d4d134c9760",
    ),
    (
        "v4/wire.rs",
        include_bytes!("v4/wire.rs"),
        "ba7ffd16bac55f339300b426f5d0f65a319a57ba6d7e880e52d8d4bcf5f1f84f",
    ),
];

#[test]
fn frozen_shapes_are_never_edited() {
    for (name, content, frozen) in FROZEN {
        let found: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, frozen, "{name}");
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
fn the_id_of_a_row_takes_as_few_bytes_as_its_parts_need() {
    let cases: [(u64, u32, usize); 3] = [(1, 0, 8), (87_654_321, 1, 12), ((1 << 56) - 1, (1 << 24) - 1, 20)];
    for (position, row, bytes) in cases {
        assert_eq!(bytes_of(Row { ms: [0xFF; 6], position, row }).len(), bytes, "{position} {row}");
    }
}

#[test]
fn what_is_walked_has_the_bytes_of_a_list() {
    let items = [1_u64, 300, 70_000];
    let start = || -> Box<dyn Iterator<Item = u64>> { Box::new([1_u64, 300, 70_000].into_iter()) };
    let walked = bytes_of(Walk::Written { count: 3, start: Box::new(start) });
    assert_eq!(walked, bytes_of(List::Read(items.to_vec())));
    assert_eq!(walked, bytes_of(Walk::Read(items.to_vec())));
}

#[test]
fn a_number_without_a_meaning_is_named() {
    let refused = bincode::decode_from_slice::<Source, _>(&[6], config::standard()).map(drop).unwrap_err();
    assert!(refused.to_string().contains("Source has no number 6"), "{refused}");
    let refused = bincode::decode_from_slice::<HoldVerb, _>(&[5], config::standard()).map(drop).unwrap_err();
    assert!(refused.to_string().contains("HoldVerb has no number 5"), "{refused}");
}
